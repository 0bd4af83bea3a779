import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import { openToken, TOKEN_START, tokenLength } from "./fernet-token.ts";

/*
 * What stands sealed in a text that somebody copied out of a mail: among other words, broken into lines, quoted with `>`, with
 * the marks in between that mail programs put there.
 */

/** What mail programs put into long words, and what they put before lines. */
const NOISE = /[\s>\u00AD\u200B-\u200D\u2060\uFEFF]/g;

/** Longer than any token of a key: nobody's text is to keep this busy. */
const MOST_BLOCKS = 64;

const BEGIN = "-----BEGIN AGE ENCRYPTED FILE-----";
const END = "-----END AGE ENCRYPTED FILE-----";

/** Opens every Fernet token in a text, in its order. Throws {@link InvalidInput} where there is none, or one does not open. */
export function openFernetTexts(text: string, key: Secret): readonly Secret[] {
  const plain = text.replaceAll(NOISE, "").replaceAll("=", "");
  const opened: Secret[] = [];
  for (let at = plain.indexOf(TOKEN_START); at >= 0;) {
    const run = /^[\w-]*/.exec(plain.slice(at, at + tokenLength(MOST_BLOCKS)))?.[0] ?? "";
    const found = openFirst(run, key);
    if (found === null) throw unopened(text, run, opened.length + 1);
    opened.push(found.value);
    at = plain.indexOf(TOKEN_START, at + found.length);
  }
  if (opened.length > 0) return opened;
  throw new InvalidInput(
    "there is no Fernet text in what was handed in",
    text.includes(BEGIN) ? "it holds age text: --identity FILE opens that" : `it begins with ${TOKEN_START}`,
  );
}

/** The token that a run of letters begins with. Where it ends only its seal can tell: other words may follow without a break. */
function openFirst(run: string, key: Secret): { readonly value: Secret; readonly length: number } | null {
  for (let blocks = 1; tokenLength(blocks) <= run.length; blocks += 1) {
    const length = tokenLength(blocks);
    const letters = run.slice(0, length);
    const value = openToken(key, letters.padEnd(Math.ceil(length / 4) * 4, "="));
    if (value !== null) return { value, length };
  }
  return null;
}

/** A text that is whole must belong to another key; of any other length, it may be cut as well. */
function unopened(text: string, run: string, which: number): InvalidInput {
  const asWritten = [...text.matchAll(new RegExp(`${TOKEN_START}[\\w-]*`, "g"))][which - 1]?.[0] ?? "";
  const lengths = Array.from({ length: MOST_BLOCKS }, (_, index) => tokenLength(index + 1));
  if (run.length < tokenLength(1))
    return new InvalidInput(`Fernet text ${which} is cut: it has ${run.length} letters`, "copy it to its last letter");
  if (lengths.includes(asWritten.length))
    return new InvalidInput(
      `Fernet text ${which} does not open with this key`,
      "take the parameter and the version that the same mail names; a later mail names a later version",
    );
  return new InvalidInput(
    `Fernet text ${which} does not open: it is cut, or belongs to another key`,
    "copy it to its last letter, and take the version that the same mail names",
  );
}

/** Opens every armored age text in a text, in its order. `identities` = the text of an identity file. Throws {@link InvalidInput}. */
export async function openAgeTexts(text: string, identities: Secret, file: string): Promise<readonly Secret[]> {
  const { armor } = await import("age-encryption");
  const decrypter = await decrypterOf(identities, file);
  const sealed = [...text.matchAll(new RegExp(`${BEGIN}([^]*?)(${END}|(?=${BEGIN})|$)`, "g"))];
  if (sealed.length === 0)
    throw new InvalidInput(
      "there is no age text in what was handed in",
      text.includes(TOKEN_START)
        ? "it holds Fernet text: --parameter NAME:VERSION opens that"
        : `it begins with ${BEGIN}`,
    );
  const opened: Secret[] = [];
  for (const [index, [, body = "", end]] of sealed.entries()) {
    const which = index + 1;
    if (end !== END)
      throw new InvalidInput(`age text ${which} is cut: its END line is missing`, `copy it up to ${END}`);
    const lines = body.replaceAll(NOISE, "").match(/.{1,64}/g) ?? [];
    try {
      const bytes = armor.decode([BEGIN, ...lines, END].join("\n"));
      opened.push(new Secret(await decrypter.decrypt(bytes, "text")));
    } catch (error) {
      throw unreadable(error, which, file);
    }
  }
  return opened;
}

/** The library's own message may hold a part of the text; only what it says of the recipients is looked at. */
function unreadable(error: unknown, which: number, file: string): InvalidInput {
  if (error instanceof Error && error.message.startsWith("no identity matched"))
    return new InvalidInput(
      `age text ${which} is sealed for somebody else: no identity in ${file} opens it`,
      "name the file with the secret key of the recipient that the mail went to",
    );
  return new InvalidInput(`age text ${which} is damaged`, "copy it from its BEGIN line to its END line");
}

async function decrypterOf(identities: Secret, file: string) {
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  const lines = identities.reveal().split(/\r?\n/);
  let count = 0;
  for (const [index, line] of lines.entries()) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    if (text === BEGIN || text.startsWith("age-encryption.org/"))
      throw new InvalidInput(
        `${file} is itself encrypted`,
        `age --decrypt ${file} opens it; age --decrypt opens the mail`,
      );
    try {
      decrypter.addIdentity(text);
      count += 1;
    } catch {
      throw new InvalidInput(`${file}:${index + 1} is not an age identity`, "it begins with AGE-SECRET-KEY-1");
    }
  }
  if (count === 0) throw new InvalidInput(`${file} holds no age identity`, "age-keygen -o FILE writes one");
  return decrypter;
}
