import { type Document, isMap, isScalar, LineCounter, parseDocument, visit, type YAMLMap } from "yaml";
import { InvalidInput } from "../core/invalid-input.ts";
import { keyFault, MOST_TAGS, valueFault } from "../core/tags.ts";

/** The tags that each user is to have, in the order of the file. */
export type WantedTags = ReadonlyMap<string, ReadonlyMap<string, string>>;

const EXAMPLE = '{"ci-bot": {"IKR:EMAIL": "owner@example.com"}}';

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html */
const USER_NAME = /^[\w+=,.@-]{1,64}$/;

/**
 * Reads `{user: {tag: value}}`. Throws {@link InvalidInput} that names every place that is wrong as `file:line:column`: what
 * IAM would refuse, and what it would take silently for something else, such as the same tag twice.
 */
export function readTags(given: string, file: string): WantedTags {
  const text = given.replace(/^\uFEFF/, "");
  const lines = new LineCounter();
  // JSON is YAML too; this reader, unlike JSON.parse, knows where things stand, and sees a name that stands twice.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, strict: false, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  checkJson(text, document, at);
  const [fault] = document.errors;
  if (fault !== undefined)
    throw new InvalidInput(`${at(fault.pos[0])}: this is nested too deep`, `it looks like ${EXAMPLE}`);
  if (!isMap(document.contents)) throw new InvalidInput(`${at(0)}: this is not a map of users`, EXAMPLE);
  const reader = new Reader(at);
  const users = reader.users(document.contents);
  if (reader.faults.length > 0)
    throw new InvalidInput(reader.faults.join("\n"), "nothing was asked of AWS; correct the file and try again");
  if (users.size === 0) throw new InvalidInput(`${file} names no user`, EXAMPLE);
  return users;
}

/** Names the place only: the parser's own message quotes the text. */
function checkJson(text: string, document: Document, at: (offset: number) => string): void {
  try {
    JSON.parse(text);
  } catch (error) {
    // Node tells the place of some mistakes; of others the reader of YAML does, or the first word without its quotes.
    const told = /position (\d+)/.exec(error instanceof Error ? error.message : "")?.[1];
    const offset = told === undefined ? (document.errors[0]?.pos[0] ?? firstOdd(document)) : Number(told);
    throw new InvalidInput(`${at(offset)}: this is not JSON`, `it looks like ${EXAMPLE}`);
  }
}

/** Where the first word stands that only YAML takes; the beginning where there is none. */
function firstOdd(document: Document): number {
  let found = 0;
  visit(document, {
    Scalar: (_, { type, source = "", range }) => {
      if (type === "QUOTE_DOUBLE" || /^(-?\d[\d.eE+-]*|true|false|null)$/.test(source)) return;
      found = range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return found;
}

/** Collects what is wrong, so that a file is corrected once. */
class Reader {
  readonly faults: string[] = [];
  readonly #at: (offset: number) => string;

  constructor(at: (offset: number) => string) {
    this.#at = at;
  }

  users(map: YAMLMap): WantedTags {
    const users = new Map<string, ReadonlyMap<string, string>>();
    for (const { pair, name, place } of this.#entries(map, "the user")) {
      if (!USER_NAME.test(name)) this.faults.push(`${place}: ${shown(name)} cannot be the name of an IAM user`);
      if (isMap(pair.value)) users.set(name, this.#tags(pair.value, name, place));
      else this.faults.push(`${place}: the tags of ${shown(name)} are not a map`);
    }
    return users;
  }

  #tags(map: YAMLMap, userName: string, where: string): ReadonlyMap<string, string> {
    const tags = new Map<string, string>();
    for (const { pair, name, place } of this.#entries(map, "the tag")) {
      const fault = keyFault(name);
      if (fault !== null) this.faults.push(`${place}: the tag ${shown(name)} ${fault}`);
      const value: unknown = isScalar(pair.value) ? pair.value.value : pair.value;
      if (typeof value !== "string")
        this.faults.push(`${place}: the value of ${shown(name)} is not text: put quotes around it`);
      const wrong = typeof value === "string" ? valueFault(value) : null;
      if (wrong !== null) this.faults.push(`${place}: the value of ${shown(name)} ${wrong}`);
      if (typeof value === "string") tags.set(name, value);
    }
    if (tags.size === 0) this.faults.push(`${where}: ${shown(userName)} has no tags here`);
    if (tags.size > MOST_TAGS)
      this.faults.push(`${where}: ${tags.size} tags for ${shown(userName)}, and ${MOST_TAGS} are allowed`);
    return tags;
  }

  /** IAM does not tell names that differ in case alone apart: neither users nor tags. */
  *#entries(map: YAMLMap, what: string) {
    const before = new Map<string, string>();
    for (const pair of map.items) {
      const name = isScalar(pair.key) ? String(pair.key.value) : "";
      const place = this.#at(isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0);
      const other = before.get(name.toLowerCase());
      if (other !== undefined) this.faults.push(`${place}: ${what} ${shown(name)} stands at ${other} already`);
      before.set(name.toLowerCase(), other ?? place);
      yield { pair, name, place };
    }
  }
}

/** A name of the file as a message can quote it: short, and without anything that a terminal would act on. */
const shown = (name: string): string => JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
