import { explain } from "../aws/call.ts";
import type { MailClient } from "../core/mail-settings.ts";
import type { Secret } from "../core/secret.ts";
import { CallError, type Mail, type MailTransport } from "../ports.ts";
import { AUTO_SUBMITTED, beforeSending, checkHeaders, SEND_LIMIT_MS, serverWords } from "./mail.ts";

const ACTION = "mailgun:send";

/** Mailgun answers in a line; a server that says more is another one. */
const LONGEST_ANSWER = 16_000;

/** What ends a request before a byte of it has left, or without anybody who took it. */
const NOT_ACCEPTED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|\w*CERT\w*|UNABLE_TO_\w+|ERR_SSL_\w+|ERR_TLS_\w+|EPROTO|UnexpectedRedirect)$/;

/**
 * Mailgun's HTTP API. Sent exactly once: a mail whose answer is lost may be on its way.
 * @see https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages
 */
export function openMailgun(
  { url }: Extract<MailClient, { kind: "mailgun" }>,
  key: () => Promise<Secret>,
): MailTransport {
  const { host } = new URL(url);
  return {
    label: `mailgun:${host}`,
    check: async () => void (await key()),
    send: async (mail) => {
      checkHeaders(mail, ACTION, host);
      const secret = await beforeSending(key);
      const secrets = [...mail.secrets, secret];
      const answer = await post(url, host, mail, secret);
      const { status, words } = answer;
      if (status >= 200 && status < 300) {
        // Whatever else answers with 200 between here and Mailgun has accepted nothing.
        if (typeof answer.id === "string" && answer.id !== "") return;
        throw new CallError("unknown", ACTION, host, "UnreadableReply", "the answer names no message");
      }
      const kind = status >= 500 ? "unknown" : "refused";
      throw new CallError(kind, ACTION, host, String(status), serverWords(words, secrets));
    },
  };
}

interface Answer {
  readonly status: number;
  /** What Mailgun calls the message that it has accepted. */
  readonly id: unknown;
  /** Its own words; hostile, and they may quote the request. */
  readonly words: string;
}

async function post(url: string, host: string, mail: Mail, key: Secret): Promise<Answer> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`api:${key.reveal()}`).toString("base64")}` },
      body: formOf(mail),
      // A redirect would carry the key and the mail to wherever it points.
      redirect: "error",
      signal: AbortSignal.timeout(SEND_LIMIT_MS),
    });
    const text = await readShort(response);
    const fields = parse(text);
    const { id, message } = fields ?? {};
    return { status: response.status, id, words: typeof message === "string" ? message : text };
  } catch (error) {
    const code = codeOf(error);
    throw new CallError(NOT_ACCEPTED.test(code) ? "refused" : "unknown", ACTION, host, code, explain(code));
  }
}

function formOf({ from, to, subject, text, html }: Mail): FormData {
  const [name, value] = AUTO_SUBMITTED;
  const form = new FormData();
  const fields = { from, to, subject, text, ...(html === null ? {} : { html }), [`h:${name}`]: value };
  for (const [field, content] of Object.entries(fields)) form.append(field, content);
  // No picture that tells when the mail is read, and no link that goes by way of somebody else.
  form.append("o:tracking", "no");
  return form;
}

/** The body as far as an answer may go; what is longer is cut, and then read no further. */
async function readShort(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    const bytes = chunk as Uint8Array; // the types of the platform do not say of what a body consists
    chunks.push(bytes);
    length += bytes.length;
    if (length > LONGEST_ANSWER) break;
  }
  return Buffer.concat(chunks).subarray(0, LONGEST_ANSWER).toString("utf8");
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : null;
  } catch {
    return null;
  }
}

/** The code of the network's error, which `fetch` hides below its own. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "Error";
  const { cause } = error;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (typeof code === "string" && /^\w{1,60}$/.test(code)) return code;
  if (cause instanceof Error && cause.message === "unexpected redirect") return "UnexpectedRedirect";
  return error.name === "TimeoutError" || error.name === "AbortError" ? error.name : "NetworkError";
}
