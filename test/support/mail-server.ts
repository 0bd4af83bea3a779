import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { Certificate } from "./certificates.ts";

/** A mail as the server took it. */
export interface Received {
  readonly from: string;
  readonly to: readonly string[];
  readonly headers: string;
  readonly subject: string;
  readonly parts: Readonly<Record<string, string>>;
  readonly isSecure: boolean;
  readonly user: string | null;
}

export interface MailServer {
  readonly port: number;
  readonly mails: Received[];
  /** What was asked of it before anything was taken: sign-ins. */
  readonly logins: string[];
  /** The most connections that there were at one time. */
  crowd: number;
  /** What becomes of the next mails; null = they are taken. */
  failure: null | "refuse-recipient" | "refuse-quoting" | "lost-after-data" | "lost-before-data";
  stop(): Promise<void>;
}

export const USER = "keys@example.com";
export const PASSWORD = "tr0ub4dor&3/pässword";

/** A real mail server on the loopback interface: TLS from the first byte, or STARTTLS where `certificate` is given without it. */
export async function startMailServer(
  certificate: Certificate,
  { secure = true, ...options }: SMTPServerOptions = {},
): Promise<MailServer> {
  const refusal = (code: number, text: string) => Object.assign(new Error(text), { responseCode: code });
  let present = 0;
  const server = new SMTPServer({
    secure,
    key: certificate.key,
    cert: certificate.cert,
    disableReverseLookup: true,
    authOptional: true,
    closeTimeout: 100,
    onConnect: (_, done) => {
      present += 1;
      mailServer.crowd = Math.max(mailServer.crowd, present);
      done();
    },
    onClose: () => {
      present -= 1;
    },
    onAuth: ({ username, password }, _, done) => {
      mailServer.logins.push(username ?? "");
      if (username === USER && password === PASSWORD) done(null, { user: username });
      else done(refusal(535, `5.7.8 wrong password ${password}, or in base64 ${base64(password ?? "")}`));
    },
    onRcptTo: (_, __, done) => {
      if (mailServer.failure === "lost-before-data") return hangUp();
      done(mailServer.failure === "refuse-recipient" ? refusal(550, "5.1.1 nobody of that name here") : null);
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const raw = Buffer.concat(chunks).toString("latin1");
        if (mailServer.failure === "lost-after-data") return hangUp();
        if (mailServer.failure === "refuse-quoting")
          return done(refusal(554, `5.7.1 looks like spam: ${raw.replaceAll(/\s+/g, " ")}`));
        const { mailFrom, rcptTo } = session.envelope;
        mailServer.mails.push({
          from: mailFrom === false ? "" : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          ...readMail(raw),
          isSecure: session.secure,
          user: typeof session.user === "string" ? session.user : null,
        });
        done(null);
      });
    },
    ...options,
  });
  function hangUp(): void {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  }
  const sockets = new Set<Socket>();
  server.server.on("connection", (socket) => {
    sockets.add(socket);
  });
  // A client that does not trust the certificate ends the handshake: that is what is tested.
  server.on("error", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const mailServer: MailServer = {
    port: (server.server.address() as AddressInfo).port, // it listens on a port, not on a pipe
    mails: [],
    logins: [],
    crowd: 0,
    failure: null,
    stop: () =>
      new Promise((resolve) => {
        hangUp();
        server.close(() => resolve());
      }),
  };
  return mailServer;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Headers, unfolded, with the subject decoded, and the parts by their type, decoded. */
export function readMail(raw: string): Pick<Received, "headers" | "subject" | "parts"> {
  const { headers, body } = split(raw);
  const [, boundary] = /boundary="([^"]+)"/.exec(headers) ?? [];
  const parts = boundary === undefined ? [raw] : body.split(`--${boundary}`).slice(1, -1);
  return {
    headers,
    subject: words(/^Subject: (.*?)\r?$/m.exec(headers)?.[1] ?? ""),
    parts: Object.fromEntries(
      parts.map((part) => {
        const { headers: own, body: content } = split(part.replace(/^\r?\n/, ""));
        const [, type = ""] = /^content-type: ([\w/]+)/im.exec(own) ?? [];
        return [type, decode(own, content)];
      }),
    ),
  };
}

function split(raw: string) {
  const [head = "", ...rest] = raw.split("\r\n\r\n");
  return { headers: head.replaceAll(/\r\n[ \t]+/g, " "), body: rest.join("\r\n\r\n") };
}

/** Encoded words, as RFC 2047 has them. */
const words = (header: string): string =>
  header
    .replaceAll(/\?= (?==\?)/g, "?=")
    .replaceAll(/=\?utf-8\?([qb])\?(.*?)\?=/gi, (_, how: string, text: string) =>
      how.toLowerCase() === "b"
        ? Buffer.from(text, "base64").toString("utf8")
        : decode("encoding: quoted-printable", text.replaceAll("_", " ")),
    );

function decode(headers: string, content: string): string {
  if (/encoding: base64/i.test(headers)) return Buffer.from(content, "base64").toString("utf8");
  if (!/encoding: quoted-printable/i.test(headers)) return content;
  const bytes = content
    .replaceAll("=\r\n", "")
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
