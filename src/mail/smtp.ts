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

/** A talk that is over. `gone` = resolves when its connection is, too. */
interface Left {
  readonly gone: Promise<void>;
}

/** Whom to talk to, and as whom. */
interface Line {
  readonly settings: Settings;
  /** Such as `mail.example.com:465`. */
  readonly resource: string;
  readonly from: string;
  readonly password: (() => Promise<Secret>) | null;
}

/** Large providers refuse a sender's fourth connection at a time. */
const LANES = 3;

/** Less is not enough for a mail. */
const LEAST_MS = 5_000;

/**
 * A mail server, over TLS whose certificate is always checked: from the first byte (`ssl`), or after STARTTLS, without which nothing is
 * said (`tls`). `password` = null: it lets in without one.
 * @see https://www.rfc-editor.org/rfc/rfc8314
 */
export function openSmtp(settings: Settings, from: string, password: (() => Promise<Secret>) | null): MailTransport {
  const resource = `${settings.server}:${settings.port}`;
  const line = { settings, resource, from, password };
  const lanes = new Lanes(resource);
  return {
    label: `smtp:${resource}`,
    check: () => lanes.use((limitMs) => talkTo(line, limitMs, [], async () => undefined)),
    send: async (mail) => {
      checkHeaders(mail, "smtp:send", resource);
      const message = await compose(mail);
      await lanes.use((limitMs) => talkTo(line, limitMs, mail.secrets, (talk) => hand(talk, mail, message)));
    },
  };
}

/** A few talks at a time, each behind those that came before it in its lane. */
class Lanes {
  readonly #resource: string;
  readonly #tails: Promise<unknown>[] = Array.from({ length: LANES }, () => Promise.resolve());
  #came = 0;

  constructor(resource: string) {
    this.#resource = resource;
  }

  /** Waiting counts as part of the talk, which gets the milliseconds that are left. Throws {@link CallError} where too few are. */
  async use(talk: (limitMs: number) => Promise<Left>): Promise<void> {
    const until = performance.now() + SEND_LIMIT_MS;
    const lane = this.#came % LANES;
    this.#came += 1;
    const mine = (this.#tails[lane] ?? Promise.resolve()).then(() => {
      const left = until - performance.now();
      if (left < LEAST_MS)
        throw new CallError("refused", "smtp:connect", this.#resource, "TooBusy", "others took all the time there was");
      return talk(left);
    });
    // The mail is accepted; only whoever comes next waits until the connection is gone.
    this.#tails[lane] = mine.then(({ gone }) => gone).catch(() => undefined);
    await mine;
  }
}

/** Connects, signs in, does the work, and takes leave. Throws {@link CallError}. */
async function talkTo(
  { settings, resource, from, password }: Line,
  limitMs: number,
  secrets: readonly Secret[],
  work: (talk: Talk) => Promise<void>,
): Promise<Left> {
  const secret = password === null ? null : await beforeSending(password);
  const { default: Connection } = await import("nodemailer/lib/smtp-connection");
  const talk: Talk = { connection: new Connection(optionsFor(settings, from)), bodyLeft: false };
  let timer: NodeJS.Timeout | undefined;
  const broken = new Promise<never>((_, reject) => {
    // The listener stays: an error that nobody listens to would end the process.
    talk.connection.on("error", reject);
    timer = setTimeout(() => reject(Object.assign(new Error("too slow"), { code: "ETIMEDOUT" })), limitMs);
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
    return { gone: leave(talk.connection) };
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

/** The server has accepted the mail: whether it hears our leave does not matter. */
function leave(connection: SMTPConnection): Promise<void> {
  return new Promise((resolve) => {
    connection.once("end", resolve);
    connection.quit();
    setTimeout(() => {
      connection.close();
      resolve();
    }, 2_000).unref();
  });
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
