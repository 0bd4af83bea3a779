import { InvalidInput } from "./invalid-input.ts";

/** A mail address that is only an address: no name, no comment, no second one. */
export interface MailAddress {
  /** As it is used: the domain in lower case. */
  readonly address: string;
  readonly domain: string;
}

const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** Reads one ASCII mail address. Throws {@link InvalidInput}. @see https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1 for the lengths */
export function parseAddress(text: string): MailAddress {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  const domain = text.slice(at + 1).toLowerCase();
  const labels = domain.split(".");
  const fits =
    text.length <= 254 && local.length <= 64 && LOCAL.test(local) && labels.every((each) => LABEL.test(each));
  if (!fits || labels.length < 2)
    throw new InvalidInput(
      `"${text.slice(0, 80)}" is not one mail address`,
      "such as ci-team@example.com, and nothing else",
    );
  return { address: `${local}@${domain}`, domain };
}
