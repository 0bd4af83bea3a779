import { Readable } from "node:stream";
import type SMTPConnection from "nodemailer/lib/smtp-connection";
import { explain } from "../aws/call.ts";
import { parseAddress } from "../core/mail-address.ts";
import type { MailClient } from "../core/mail-settings.ts";
import type { Secret } from "../core/secret.ts";
import { CallError, type Mail, type MailTransport } from "../ports.ts";
import { AUTO_SUBMITTED, beforeSending, checkHeaders, SEND_LIMIT_MS, serverWords } from "./mail.ts";

type Settings = Extract<MailClient, { kind: "smtp" }>;

/** A talk with the server, and whether the end of the mail may have reached it. */
interface Talk {
  readonly connection: SMTPConnection;
  bodyLeft: boolean;
}

/**
 * A mail server, over TLS whose certificate is always checked: from the first byte (`ssl`), or after STARTTLS, without which nothing is
 * said (`tls`). `password` = null: it lets in without one.
 * @see https://www.rfc-editor.org/rfc/rfc8314
 */
export function openSmtp(settings: Settings, from: string, password: (() => Promise<Secret>) | null): MailTransport {
  const resource = `${settings.server}:${settings.port}`;
  return {
    label: `smtp:${resource}`,
    check: () => talkTo(settings, resource, from, password, [], async () => undefined),
    send: async (mail) => {
      checkHeaders(mail, "smtp:send", resource);
      const message = await compose(mail);
      await talkTo(settings, resource, from, password, mail.secrets, (talk) => hand(talk, mail, message));
    },
  };
}

/** Connects, signs in, does the work, and takes leave. Throws {@link CallError}. */
async function talkTo(
  settings: Settings,
  resource: string,
  from: string,
  password: (() => Promise<Secret>) | null,
  secrets: readonly Secret[],
  work: (talk: Talk) => Promise<void>,
): Promise<void> {
  const secret = password === null ? null : await beforeSending(password);
  const { default: Connection } = await import("nodemailer/lib/smtp-connection");
  const talk: Talk = { connection: new Connection(optionsFor(settings, from)), bodyLeft: false };
  let timer: NodeJS.Timeout | undefined;
  const broken = new Promise<never>((_, reject) => {
    // The listener stays: an error that nobody listens to would end the process.
    talk.connection.on("error", reject);
    timer = setTimeout(() => reject(Object.assign(new Error("too slow"), { code: "ETIMEDOUT" })), SEND_LIMIT_MS);
  });
  const talking = (async () => {
    await asked((done) => talk.connection.connect(done));
    if (secret !== null) {
      const credentials = { user: settings.user ?? from, pass: secret.reveal() };
      await asked((done) => talk.connection.login({ credentials }, done));
    }
    await work(talk);
  })();
  // Whichever of the two ends first, the other may still fail.
  talking.catch(() => undefined);
  try {
    await Promise.race([broken, talking]);
    leave(talk.connection);
  } catch (error) {
    talk.connection.close();
    throw asCallError(error, resource, talk.bodyLeft, secret === null ? secrets : [...secrets, secret]);
  } finally {
    clearTimeout(timer);
  }
}

const optionsFor = ({ server, port, protocol }: Settings, from: string) => ({
  host: server,
  port,
  name: parseAddress(from).domain,
  secure: protocol === "ssl",
  requireTLS: protocol === "tls",
  // Said aloud: no variable of the environment may turn it off.
  tls: { rejectUnauthorized: true, minVersion: "TLSv1.2" as const },
  dnsTimeout: 5_000,
  connectionTimeout: 10_000,
  greetingTimeout: 10_000,
  socketTimeout: 20_000,
  socketCloseTimeout: 1_000,
  maxResponseSize: 64_000,
});

const asked = (ask: (done: (error?: Error | null) => void) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    ask((error) => (error === undefined || error === null ? resolve() : reject(error)));
  });

function hand(talk: Talk, { from, to }: Mail, message: Buffer): Promise<void> {
  // The server has answered `DATA` by the time that the first byte is read.
  const body = new Readable({
    read() {
      talk.bodyLeft = true;
      this.push(message);
      this.push(null);
    },
  });
  return asked((done) => talk.connection.send({ from, to: [to], size: message.length }, body, done));
}

/** The server has accepted the mail: whether it hears our leave does not matter, and nobody waits for it. */
function leave(connection: SMTPConnection): void {
  connection.quit();
  setTimeout(() => connection.close(), 2_000).unref();
}

async function compose({ from, to, subject, text, html }: Mail): Promise<Buffer> {
  const { default: MailComposer } = await import("nodemailer/lib/mail-composer");
  const [name, value] = AUTO_SUBMITTED;
  return new MailComposer({
    from: { name: "", address: from },
    to: { name: "", address: to },
    subject,
    text,
    ...(html === null ? {} : { html }),
    headers: { [name]: value },
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build();
}

function asCallError(error: unknown, resource: string, bodyLeft: boolean, secrets: readonly Secret[]): CallError {
  const { command, code, response, responseCode } = look(error);
  const action = command.startsWith("AUTH")
    ? "smtp:login"
    : /^(CONN|EHLO|HELO|STARTTLS|)$/.test(command)
      ? "smtp:connect"
      : "smtp:send";
  const isRefusal = responseCode >= 400 && responseCode < 600;
  const kind = bodyLeft && !isRefusal ? "unknown" : "refused";
  const words = response === "" ? wordsFor(command, code) : serverWords(response, secrets);
  return new CallError(kind, bodyLeft ? "smtp:send" : action, resource, isRefusal ? String(responseCode) : code, words);
}

function wordsFor(command: string, code: string): string {
  const words = explain(code);
  if (command === "STARTTLS") return `no TLS after STARTTLS: ${words}`;
  return /CERT|SIGNATURE/.test(code)
    ? `${words}; NODE_EXTRA_CA_CERTS names the certificates of a private authority`
    : words;
}

/** What the library tells of an error; every field is checked before it is used. */
function look(error: unknown) {
  const fields: Readonly<Record<string, unknown>> = error instanceof Error ? { ...error } : {};
  const text = (name: string) => (typeof fields[name] === "string" ? fields[name] : "");
  const code = [text("originalCode"), text("code")].find((each) => /^\w{1,60}$/.test(each)) ?? "Error";
  const responseCode = typeof fields["responseCode"] === "number" ? fields["responseCode"] : 0;
  return { command: text("command"), code, response: text("response"), responseCode };
}
