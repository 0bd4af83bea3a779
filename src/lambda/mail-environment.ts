import { InvalidInput } from "../core/invalid-input.ts";
import { parseWholeNumber } from "../core/scalars.ts";
import { oneOf, type VariableReader } from "./variables.ts";

/** How mail goes out, as the variables of the function say. Passwords are not in it: parameters hold them. */
export interface MailEnvironment {
  /** The address that mail comes from. */
  readonly from: string;
  readonly client: "ses" | "smtp" | "mailgun";
  /** Null unless `client` is `smtp`. `passwordParameter` = name of a SecureString. */
  readonly smtp: {
    readonly server: string;
    readonly port: number;
    readonly protocol: "ssl" | "tls";
    readonly user: string;
    readonly passwordParameter: string;
  } | null;
  /** Null unless `client` is `mailgun`. `keyParameter` = name of a SecureString. */
  readonly mailgun: { readonly url: string; readonly keyParameter: string } | null;
  /** Domains that keys may be mailed to, in lower case; `*` alone = any. */
  readonly allowedDomains: readonly string[];
  readonly encryption: "fernet" | "none";
}

/** One address, without a name beside it and without anything that could end a header. */
const ADDRESS = /^[^\s@<>,;:"()[\]\\]+@[a-z0-9-]+(\.[a-z0-9-]+)*$/i;
const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/;
const PARAMETER = /^(\/[A-Za-z0-9_.-]+)+$|^[A-Za-z0-9_.-]+$/;

/**
 * Reads the variables about mail. Null where `MAIL_FROM` is not set and nobody needs it: `required` says whether keys go by mail
 * for want of another place. What is wrong is left with the reader.
 */
export function readMailEnvironment(reader: VariableReader, required: boolean): MailEnvironment | null {
  const from = reader.read("MAIL_FROM", null, address);
  if (from === null) {
    if (reader.text("MAIL_FROM") === null && required)
      reader.complain(
        "MAIL_FROM",
        "it is missing, and keys go by mail (the address that mails come from; or name other places in KEYTURN_CONFIG)",
      );
    return null;
  }
  const client = reader.read("MAIL_CLIENT", "ses", oneOf(["ses", "smtp", "mailgun"]));
  return {
    from,
    client,
    smtp: client === "smtp" ? readSmtp(reader, from) : null,
    mailgun: client === "mailgun" ? readMailgun(reader) : null,
    allowedDomains: readDomains(reader),
    encryption: readEncryption(reader),
  };
}

function readSmtp(reader: VariableReader, from: string): MailEnvironment["smtp"] {
  const server = reader.read("SMTP_SERVER", null, host);
  if (reader.text("SMTP_SERVER") === null) reader.complain("SMTP_SERVER", "it is missing, and MAIL_CLIENT is smtp");
  return {
    server: server ?? "",
    port: reader.read("SMTP_PORT", 465, (text) => parseWholeNumber(text, 1, 65_535)),
    protocol: reader.read("SMTP_PROTOCOL", "ssl", oneOf(["ssl", "tls"])),
    user: reader.text("SMTP_USER") ?? from,
    passwordParameter: reader.read("SMTP_PASSWORD_PARAMETER", "/ikr/secret/smtp", parameter),
  };
}

function readMailgun(reader: VariableReader): MailEnvironment["mailgun"] {
  const url = reader.read("MAILGUN_API_URL", null, httpsUrl);
  if (reader.text("MAILGUN_API_URL") === null)
    reader.complain("MAILGUN_API_URL", "it is missing, and MAIL_CLIENT is mailgun");
  return {
    url: url ?? "",
    keyParameter: reader.read("MAILGUN_API_KEY_NAME", "/ikr/secret/mailgun", parameter),
  };
}

/** Whoever may tag a user chooses where its keys are mailed to: so somebody else says which domains are all right. */
function readDomains(reader: VariableReader): readonly string[] {
  const name = "MAIL_ALLOWED_DOMAINS";
  if (reader.text(name) === null)
    reader.complain(name, "it is missing: the domains that keys may be mailed to, such as example.com, or * for any");
  return reader.read(name, [], (text) => {
    const domains = text
      .toLowerCase()
      .split(/[\s,]+/)
      .filter((each) => each !== "");
    if (domains.length === 1 && domains[0] === "*") return domains;
    const wrong = domains.find((each) => !DOMAIN.test(each));
    if (wrong !== undefined)
      throw new InvalidInput(`"${wrong}" is not a domain`, "such as example.com; * stands alone");
    return domains;
  });
}

/** On unless the text is `false`, to the letter: what is not understood must not send secrets in the clear. */
function readEncryption(reader: VariableReader): MailEnvironment["encryption"] {
  const text = reader.text("ENCRYPT_KEY_PAIR");
  if (text !== null && text !== "true" && text !== "false")
    reader.warnings.push(`ENCRYPT_KEY_PAIR is "${text}", which is not false: key pairs are encrypted`);
  return text === "false" ? "none" : "fernet";
}

function address(text: string): string {
  if (!ADDRESS.test(text) || text.length > 254) throw new InvalidInput(`"${text}" is not a mail address`);
  return text;
}

function host(text: string): string {
  if (!DOMAIN.test(text.toLowerCase())) throw new InvalidInput(`"${text}" is not the name of a server`);
  return text;
}

function parameter(text: string): string {
  if (!PARAMETER.test(text))
    throw new InvalidInput(`"${text}" is not the name of a parameter`, "such as /ikr/secret/smtp");
  return text;
}

function httpsUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.username !== "" || url.password !== "")
    throw new InvalidInput("it is not an address such as https://api.mailgun.net/v3/example.com");
  if (url.protocol !== "https:") throw new InvalidInput("it does not begin with https://, and keys go there");
  return text;
}
