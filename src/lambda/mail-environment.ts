import { parseAddress } from "../core/mail-address.ts";
import {
  type MailClient,
  mailDefaults,
  type MailSettings,
  parseAllowedDomain,
  parseMessagesUrl,
  parseParameterName,
  parseServer,
} from "../core/mail-settings.ts";
import { parseWholeNumber } from "../core/scalars.ts";
import { oneOf, type VariableReader } from "./variables.ts";

/**
 * Reads the variables about mail. Null where `MAIL_FROM` is not set and nobody needs it: `required` says whether keys go by mail
 * for want of another place. What is wrong is left with the reader.
 */
export function readMailEnvironment(reader: VariableReader, required: boolean): MailSettings | null {
  const from = reader.read("MAIL_FROM", null, (text) => parseAddress(text).address);
  if (from === null) {
    if (reader.text("MAIL_FROM") === null && required)
      reader.complain(
        "MAIL_FROM",
        "it is missing, and keys go by mail (the address that mails come from; or name other places in KEYTURN_CONFIG)",
      );
    return null;
  }
  return {
    ...mailDefaults,
    from,
    client: readClient(reader, from),
    allowedDomains: readDomains(reader),
    encryption: readEncryption(reader),
  };
}

function readClient(reader: VariableReader, from: string): MailClient {
  switch (reader.read("MAIL_CLIENT", "ses", oneOf(["ses", "smtp", "mailgun"]))) {
    case "ses":
      return { kind: "ses", region: null, configurationSet: null, fromArn: null };
    case "smtp":
      return {
        kind: "smtp",
        server: readNeeded(reader, "SMTP_SERVER", "smtp", parseServer),
        port: reader.read("SMTP_PORT", 465, (text) => parseWholeNumber(text, 1, 65_535)),
        protocol: reader.read("SMTP_PROTOCOL", "ssl", oneOf(["ssl", "tls"])),
        user: reader.text("SMTP_USER") ?? from,
        passwordParameter: reader.read("SMTP_PASSWORD_PARAMETER", "/ikr/secret/smtp", parseParameterName),
      };
    case "mailgun":
      return {
        kind: "mailgun",
        url: readNeeded(reader, "MAILGUN_API_URL", "mailgun", parseMessagesUrl),
        keyParameter: reader.read("MAILGUN_API_KEY_NAME", "/ikr/secret/mailgun", parseParameterName),
      };
  }
}

/** What a client cannot do without. */
function readNeeded(reader: VariableReader, name: string, client: string, parse: (text: string) => string): string {
  if (reader.text(name) === null) reader.complain(name, `it is missing, and MAIL_CLIENT is ${client}`);
  return reader.read(name, "", parse);
}

/** Whoever may tag a user chooses where its keys are mailed to: so somebody else says which domains are all right. */
function readDomains(reader: VariableReader): readonly string[] {
  const name = "MAIL_ALLOWED_DOMAINS";
  if (reader.text(name) === null)
    reader.complain(name, "it is missing: the domains that keys may be mailed to, such as example.com, or * for any");
  return reader.read(name, [], (text) =>
    text
      .split(/[\s,]+/)
      .filter((each) => each !== "")
      .map(parseAllowedDomain),
  );
}

/** On unless the text is `false`, to the letter: what is not understood must not send secrets in the clear. */
function readEncryption(reader: VariableReader): string {
  const text = reader.text("ENCRYPT_KEY_PAIR");
  if (text !== null && text !== "true" && text !== "false")
    reader.warnings.push(`ENCRYPT_KEY_PAIR is "${text}", which is not false: key pairs are encrypted`);
  return text === "false" ? "none" : "fernet";
}
