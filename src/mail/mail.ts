import { scrub } from "../aws/call.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { parseAddress } from "../core/mail-address.ts";
import type { Secret } from "../core/secret.ts";
import { CallError, type Mail } from "../ports.ts";
import { oneLine } from "./words.ts";

/** The longest that sending a mail may take: it must leave time within the limit of one call. */
export const SEND_LIMIT_MS = 25_000;

/** Marks a mail as sent by a program, so that nobody's absence is answered to it. @see https://www.rfc-editor.org/rfc/rfc3834#section-5 */
export const AUTO_SUBMITTED = ["Auto-Submitted", "auto-generated"] as const;

/**
 * Refuses a mail of which a header would be more than one line, or an address more than one address: whoever built it, no transport
 * sends it. Throws {@link CallError}.
 */
export function checkHeaders({ from, to, subject }: Mail, action: string, resource: string): void {
  try {
    parseAddress(from);
    parseAddress(to);
    if (oneLine(subject) !== subject || subject === "") throw new InvalidInput("the subject is not one line of text");
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new CallError("refused", action, resource, "UnsafeHeader", error.message);
  }
}

/** Asks for what sending needs. Where that fails, the mail was certainly not sent, whatever became of this call. Throws {@link CallError}. */
export async function beforeSending<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof CallError) || error.kind !== "unknown") throw error;
    throw new CallError("refused", error.action, error.resource, error.code, error.message);
  }
}

/** So many characters of a secret in a row give it away, however the rest of it was broken over lines. */
const TELLING = 10;

/** A server's own words, in one line, without any secret; without any words where a piece of a secret is in them. */
export function serverWords(words: string, secrets: readonly Secret[]): string {
  const text = scrub(oneLine(words), secrets).slice(0, 300);
  const compact = text.replaceAll(/[\s=]/g, "");
  return secrets.some((secret) => piecesOf(secret.reveal()).some((piece) => compact.includes(piece)))
    ? "its answer quoted what it must not"
    : text;
}

function piecesOf(secret: string): readonly string[] {
  const forms = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)]).toString("base64");
    return encoded.slice(shift === 0 ? 0 : 4).replace(/.{0,4}$/s, "");
  });
  return [secret, ...forms]
    .map((form) => form.replaceAll(/[\s=]/g, ""))
    .filter((form) => form.length >= 4)
    .flatMap((form) => {
      const length = Math.min(TELLING, form.length);
      return Array.from({ length: form.length - length + 1 }, (_, start) => form.slice(start, start + length));
    });
}
