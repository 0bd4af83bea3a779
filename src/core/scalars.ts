import { InvalidInput } from "./invalid-input.ts";

/* Short texts that flags and the configuration have in common: each is read by one function. All throw {@link InvalidInput}. */

/** Reads an AWS account id; zeros in front are part of it. */
export function parseAccount(text: string): string {
  if (!/^\d{12}$/.test(text)) throw new InvalidInput(`"${text}" is not an account id`, "it has twelve digits");
  return text;
}

/** Reads a share from 0 to 100: `20%`, or `20`. */
export function parsePercent(text: string): number {
  const [, share] = /^(\d+(?:\.\d+)?)%?$/.exec(text) ?? [];
  if (share === undefined || Number(share) > 100) throw new InvalidInput(`"${text}" is not a share from 0 to 100 %`);
  return Number(share);
}

/** Reads a whole number within these limits. */
export function parseWholeNumber(text: string, lowest: number, highest = Number.MAX_SAFE_INTEGER): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= lowest && count <= highest) return count;
  const upTo = highest === Number.MAX_SAFE_INTEGER ? "" : ` to ${highest}`;
  throw new InvalidInput(`"${text}" is not a whole number from ${lowest}${upTo}`);
}

/** Reads the beginning of IAM paths: `/ci/`, also without its last slash. */
export function parsePath(text: string): string {
  if (!text.startsWith("/")) throw new InvalidInput(`"${text}" is not an IAM path`, `it begins with a slash: /${text}`);
  if (text.includes("*"))
    throw new InvalidInput(
      `"${text}" is a pattern, and a path is not: users whose path begins with it are meant`,
      "end it at a slash, as in /ci/; name takes patterns",
    );
  return text.endsWith("/") ? text : `${text}/`;
}
