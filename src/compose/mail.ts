import { findAccountAlias } from "../aws/account-alias.ts";
import type { AwsAccess } from "../aws/clients.ts";
import { readSecretParameter } from "../aws/secret-parameter.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { MailEncryption, MailSettings } from "../core/mail-settings.ts";
import type { Mailer } from "../mail/mailer.ts";
import { once } from "../mail/once.ts";
import { builtInTemplates, readTemplates, type Templates } from "../mail/templates.ts";
import type { Caller, MailTransport, Sealer } from "../ports.ts";

/** Opens what keys are sealed with; null where they are not. */
type OpenSealer = (encryption: MailEncryption, access: AwsAccess, caller: Caller) => Promise<Sealer | null>;

/** Every way to seal keys. A new one is a file of its own and a line here. */
const sealers: Readonly<Partial<Record<MailEncryption["kind"], OpenSealer>>> = {
  none: async () => null,
};

/** The templates that these settings name. Throws {@link InvalidInput} where they would not do. */
export const templatesFor = ({ templates, encryption }: MailSettings): Templates =>
  templates === null ? builtInTemplates : readTemplates(templates, encryption.kind !== "none");

/** Opens what sends mails for a whole run: what it asks of AWS, it asks once. Throws {@link InvalidInput}. Sends nothing yet. */
export async function openMailer(settings: MailSettings, access: AwsAccess, caller: Caller): Promise<Mailer> {
  const transport = await openTransport(settings, access);
  let checked: Promise<void> | null = null;
  return {
    // A refusal counts for everybody: a server that hears a wrong password from each user in turn shuts the door.
    transport: { ...transport, check: () => (checked ??= transport.check()) },
    sealer: await sealerFor(settings.encryption)(settings.encryption, access, caller),
    templates: templatesFor(settings),
    from: settings.from,
    account: once(async () => ({ id: caller.account, alias: await findAccountAlias(access) })),
  };
}

/** Throws {@link InvalidInput} where keys cannot be sealed so. */
export function sealerFor({ kind }: MailEncryption): OpenSealer {
  const open = sealers[kind];
  if (open !== undefined) return open;
  throw new InvalidInput(
    `there is no mail encryption "${kind}"`,
    `mail.encryption is one of: ${Object.keys(sealers).join(", ")}`,
  );
}

async function openTransport({ client, from }: MailSettings, access: AwsAccess): Promise<MailTransport> {
  const secretIn = (name: string) => once(() => readSecretParameter(access, name));
  switch (client.kind) {
    case "ses":
      return (await import("../mail/ses.ts")).openSes(client, access);
    case "smtp": {
      const { passwordParameter: name } = client;
      return (await import("../mail/smtp.ts")).openSmtp(client, from, name === null ? null : secretIn(name));
    }
    case "mailgun":
      return (await import("../mail/mailgun.ts")).openMailgun(client, secretIn(client.keyParameter));
  }
}
