import { InvalidInput } from "./invalid-input.ts";
import { isDomain } from "./mail-address.ts";
import { parseTarget } from "./target.ts";
import { days, type Duration, hours } from "./time.ts";

/** How mails go out: who sends them, and whom they may reach. Holds no secret: those are read from SSM. */
export interface MailSettings {
  /** One mail address. */
  readonly from: string;
  readonly client: MailClient;
  /** A folder with templates of one's own; null = those that are built in. */
  readonly templates: string | null;
  /** `example.com`, `*.example.com` (below it, not itself) or `*`, in lower case. Nobody else is an owner. */
  readonly allowedDomains: readonly string[];
  /** How long a new address waits before keys go to it. */
  readonly addressChangeDelay: Duration;
  /** How long before an old key stops working its owner is told: longest first. */
  readonly warnBefore: readonly Duration[];
  /** What new keys are sealed with on their way: `fernet`, `fernet:/folder?kmsKeyId=…`, `age`, `age:./recipients` or `none`. */
  readonly encryption: string;
}

export type MailClient =
  /** `region` null = that of the run. `fromArn` = an identity that another account lends. */
  | {
      readonly kind: "ses";
      readonly region: string | null;
      readonly configurationSet: string | null;
      readonly fromArn: string | null;
    }
  /**
   * `ssl` = TLS from the first byte, `tls` = STARTTLS, without which nothing is sent. `user` null = the address that mails come
   * from. `passwordParameter` null = the server asks for no password.
   */
  | {
      readonly kind: "smtp";
      readonly server: string;
      readonly port: number;
      readonly protocol: "ssl" | "tls";
      readonly user: string | null;
      readonly passwordParameter: string | null;
    }
  /** `url` = what a message is posted to. */
  | { readonly kind: "mailgun"; readonly url: string; readonly keyParameter: string };

/** What holds where nobody says otherwise. */
export const mailDefaults = {
  templates: null,
  addressChangeDelay: hours(24),
  warnBefore: [days(14), days(7), days(1)],
  encryption: "fernet",
} as const satisfies Partial<MailSettings>;

/** Port 465 is for TLS from the first byte, every other begins in the clear. */
export const protocolOf = (port: number): "ssl" | "tls" => (port === 465 ? "ssl" : "tls");

/** Reads an entry of the allowed domains. Throws {@link InvalidInput}. */
export function parseAllowedDomain(text: string): string {
  const entry = text.toLowerCase();
  if (entry !== "*" && !isDomain(entry.replace(/^\*\./, "")))
    throw new InvalidInput(
      `"${text}" is not a domain`,
      "example.com, *.example.com for what is below it, or * for any",
    );
  return entry;
}

/** Reads the name or the IP address of a server. Throws {@link InvalidInput}. */
export function parseServer(text: string): string {
  const name = text.toLowerCase();
  const isName = name === "localhost" || isDomain(name);
  if (!isName && !/^(\d{1,3}\.){3}\d{1,3}$/.test(name) && !/^[0-9a-f]*:[0-9a-f:.]+$/.test(name))
    throw new InvalidInput(
      `"${text}" is not the name of a server`,
      "such as mail.example.com, without port and protocol",
    );
  return name;
}

/** Reads the name of an SSM parameter. Throws {@link InvalidInput}. */
export function parseParameterName(text: string): string {
  if (!/^\/?[\w.-]+(\/[\w.-]+)*$/.test(text) || text.length > 900)
    throw new InvalidInput(`"${text}" is not the name of an SSM parameter`, "such as /ikr/secret/smtp");
  return text;
}

/** Where Mailgun takes messages of this domain. Throws {@link InvalidInput}. */
export function mailgunUrl(domain: string, region: "us" | "eu"): string {
  if (!isDomain(domain.toLowerCase())) throw new InvalidInput(`"${domain}" is not a domain`, "such as mg.example.com");
  return `https://api${region === "eu" ? ".eu" : ""}.mailgun.net/v3/${domain.toLowerCase()}/messages`;
}

/** Reads the whole address that messages are posted to. Throws {@link InvalidInput}: the key would go there in the clear, or nowhere. */
export function parseMessagesUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null)
    throw new InvalidInput(`"${text}" is not a URL`, "such as https://api.mailgun.net/v3/DOMAIN/messages");
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw new InvalidInput("the URL holds more than host and path", "the key comes from the SSM parameter");
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback))
    throw new InvalidInput(`"${text}" is not https`, "the key would be sent in the clear");
  if (url.pathname === "/")
    throw new InvalidInput(`"${text}" has no path`, "the whole address: https://api.mailgun.net/v3/DOMAIN/messages");
  return url.href;
}

/** Reads an encryption as it is typed: its kind, and where what opens the mails is kept. Throws {@link InvalidInput}. */
export function parseEncryption(text: string): string {
  if (text === "none") return text;
  const target = parseTarget(text);
  if (target.kind !== "fernet" && target.kind !== "age")
    throw new InvalidInput(`"${target.kind}" is none of fernet, age, none`);
  return target.text;
}
