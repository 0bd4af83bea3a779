import type { MailTransport, Sealer } from "../ports.ts";
import type { Templates } from "./templates.ts";

/** Everything that it takes to send mails: one for a whole run. */
export interface Mailer {
  readonly transport: MailTransport;
  /** Null where keys are sent as they are, because the settings say so. */
  readonly sealer: Sealer | null;
  readonly templates: Templates;
  /** One mail address. */
  readonly from: string;
  /** Whom the mails are about, for their text. */
  readonly account: () => Promise<MailAccount>;
}

export interface MailAccount {
  readonly id: string;
  /** Null where there is none, or where it may not be asked for. */
  readonly alias: string | null;
}
