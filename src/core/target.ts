import type { User } from "./access-key.ts";
import { InvalidInput } from "./invalid-input.ts";

/** `KIND:NAME?option=value&…` as it was typed; NAME may hold `{user}`, `{path}` and `{account}`. */
export interface Target {
  readonly kind: string;
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
  /** The text as typed, for messages. */
  readonly text: string;
}

const PLACEHOLDER = /\{([^{}]*)\}/g;
const PLACEHOLDERS = ["user", "path", "account"];

/** Splits what follows `--deliver` or `--escrow`. Throws {@link InvalidInput}. */
export function parseTarget(text: string): Target {
  const [, kind, rest = ""] = /^([a-z][a-z0-9-]*)(?::|(?=\?)|$)(.*)$/su.exec(text) ?? [];
  if (kind === undefined) throw new InvalidInput(`"${text}" is not KIND:TARGET`, "for example ssm:/keys/{user}");
  const cut = rest.indexOf("?");
  const name = cut < 0 ? rest : rest.slice(0, cut);
  checkPlaceholders(name, text);
  return { kind, name, options: cut < 0 ? new Map() : parseOptions(rest.slice(cut + 1), text), text };
}

function parseOptions(query: string, text: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const part of query.split("&").filter((each) => each !== "")) {
    const [name, ...value] = part.split("=").map((each) => decode(each, text));
    if (name === undefined || name === "" || value.length === 0)
      throw new InvalidInput(`"${part}" in ${text} is not option=value`);
    if (options.has(name)) throw new InvalidInput(`the option ${name} stands twice in ${text}`);
    options.set(name, value.join("="));
  }
  return options;
}

function decode(part: string, text: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new InvalidInput(`"${part}" in ${text} is not percent-encoded correctly`, "a literal % is written %25");
  }
}

/** Throws {@link InvalidInput} for braces that are not placeholders, and for a `{path}` beside other text. `text` = the target. */
export function checkPlaceholders(name: string, text: string): void {
  for (const [whole, inner] of name.matchAll(PLACEHOLDER)) {
    if (inner === undefined || !PLACEHOLDERS.includes(inner)) {
      throw new InvalidInput(`${whole} in ${text} is not a placeholder`, "there are {user}, {path} and {account}");
    }
  }
  if (/[{}]/.test(name.replaceAll(PLACEHOLDER, ""))) throw new InvalidInput(`a brace in ${text} has no partner`);
  const segments = name.split("/");
  if (segments.some((segment) => segment.includes("{path}") && segment !== "{path}")) {
    throw new InvalidInput(
      `{path} in ${text} must stand between slashes`,
      "for example /keys/{path}/{user}: otherwise two users could share one target",
    );
  }
}

/** Throws {@link InvalidInput} where an option is given that the kind does not know. */
export function checkOptions(
  { options, text, kind }: Target,
  known: readonly string[],
  isField: (name: string) => boolean = () => false,
): void {
  for (const name of options.keys()) {
    if (!known.includes(name) && !isField(name)) {
      throw new InvalidInput(
        `${text}: ${kind} has no option ${name}`,
        known.length === 0 ? null : `it has: ${known.join(", ")}`,
      );
    }
  }
}

/** The characters that every store takes in a name. */
const COMMON = /[A-Za-z0-9.-]/;

/** The text of a target with its placeholders filled in for one user, as nearly as can be told without knowing the store. */
export function fillTarget(text: string, user: User, account: string): string {
  const [, name = text, options = ""] = /^([^?]*)(.*)$/su.exec(text) ?? [];
  return `${expandName(name, user, account, COMMON)}${options}`;
}

/** An option that is yes or no. Throws {@link InvalidInput} where it is neither. */
export function readSwitch({ options, text }: Target, name: string, otherwise: boolean): boolean {
  const value = options.get(name);
  if (value === undefined) return otherwise;
  if (value !== "yes" && value !== "no") throw new InvalidInput(`${text}: ${name} is yes or no`);
  return value === "yes";
}

/** Which characters a store takes in a name, one at a time. */
export type Alphabet = RegExp;

/**
 * Fills the placeholders in for one user. Distinct users give distinct names, wherever `{user}` stands, because the encoding
 * can be undone:
 *
 * - a character that the store does not take is written `_xHH_` for each of its UTF-8 bytes;
 * - a `_` before an `x` is written `_x5F_`, so that every `_x` begins an escape;
 * - a segment of dots alone begins with `_x2E_`, an empty segment is `_x_`.
 *
 * So no name can climb out of the literal part of the target. `{path}` is the user's path without its outer slashes; a user in
 * the root path has none, and the slash after `{path}` goes with it.
 */
export function expandName(template: string, user: User, account: string, alphabet: Alphabet): string {
  const path = user.path.slice(1, -1);
  const segments = path === "" ? [] : path.split("/");
  const encodedPath = segments.map((segment) => encodeSegment(segment, alphabet)).join("/");
  return template
    .replaceAll("{path}/", encodedPath === "" ? "" : `${encodedPath}/`)
    .replaceAll("{path}", encodedPath)
    .replaceAll("{account}", account)
    .replaceAll("{user}", encodeSegment(user.userName, alphabet));
}

export function encodeSegment(text: string, alphabet: Alphabet): string {
  if (text === "") return "_x_";
  const encoded = [...text].map((character, index, all) => {
    const begins = character === "_" && all[index + 1] === "x";
    return alphabet.test(character) && !begins ? character : escapeCharacter(character);
  });
  if (/^\.+$/.test(text)) encoded[0] = escapeCharacter(".");
  return encoded.join("");
}

const escapeCharacter = (character: string): string =>
  utf8(character)
    .map((byte) => `_x${byte.toString(16).toUpperCase().padStart(2, "0")}_`)
    .join("");

/** Undoes {@link encodeSegment}; null for a text that it does not print. */
export function decodeSegment(text: string, alphabet: Alphabet): string | null {
  const decoded = unescapeSegment(text);
  return decoded !== null && encodeSegment(decoded, alphabet) === text ? decoded : null;
}

function unescapeSegment(text: string): string | null {
  if (text === "_x_") return "";
  const bytes: number[] = [];
  for (let rest = text; rest !== "";) {
    const escape = /^_x([0-9A-F]{2})_/.exec(rest);
    if (escape?.[1] !== undefined) {
      bytes.push(Number.parseInt(escape[1], 16));
      rest = rest.slice(escape[0].length);
      continue;
    }
    if (rest.startsWith("_x")) return null;
    const [character = ""] = rest;
    bytes.push(...utf8(character));
    rest = rest.slice(character.length);
  }
  return fromUtf8(bytes);
}

const utf8 = (character: string): number[] =>
  [...encodeURIComponent(character).matchAll(/%([0-9A-F]{2})|(.)/g)].map(([, hex, plain]) =>
    hex === undefined ? (plain ?? "").charCodeAt(0) : Number.parseInt(hex, 16),
  );

function fromUtf8(bytes: readonly number[]): string | null {
  try {
    return decodeURIComponent(bytes.map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""));
  } catch {
    return null;
  }
}

/** The literal part of a template before its first placeholder. */
export const literalPrefix = (template: string): string => template.slice(0, template.search(/\{|$/));
