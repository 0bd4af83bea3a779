import { InvalidInput } from "./invalid-input.ts";

/** One mail address. */
export interface MailAddress {
  /** As a mail server takes it: the part before the @ as it was written, the domain in lower case. */
  readonly address: string;
  /** In lower case, such as `example.com`. */
  readonly domain: string;
}

/** RFC 5321's `Dot-string`: no quotes, no comments, nothing that a header or a command line reads as more than one address. */
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const LABEL = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/**
 * Reads one mail address with a domain, and nothing else: no name before it, no list, no address literal. Throws
 * {@link InvalidInput}, which shows the text only where it is one harmless line.
 * @see https://www.rfc-editor.org/rfc/rfc5321#section-4.1.2
 */
export function parseAddress(text: string): MailAddress {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  const domain = text.slice(at + 1).toLowerCase();
  if (at < 0 || !LOCAL.test(local) || local.length > 64 || !isDomain(domain) || text.length > 254)
    throw new InvalidInput(`${shown(text)} is not one mail address`, "it looks like team@example.com, without a name");
  return { address: `${local}@${domain}`, domain };
}

/** A domain of at least two labels, in ASCII: an international one is written with `xn--`. */
export function isDomain(text: string): boolean {
  const labels = text.split(".");
  return labels.length > 1 && text.length <= 253 && labels.every((label) => LABEL.test(label)) && !/\.\d+$/.test(text);
}

const shown = (text: string): string =>
  text === "" ? "an empty text" : /^[\x20-\x7e]{1,100}$/.test(text) ? `"${text}"` : "this";
