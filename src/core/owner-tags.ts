import type { Tags } from "./access-key.ts";
import { InvalidInput } from "./invalid-input.ts";
import { parseAddress } from "./mail-address.ts";
import { fits } from "./match.ts";
import { nearest } from "./nearest.ts";
import { days, type Duration } from "./time.ts";

/** How far tags may move a time; null = the safe bound, which {@link OwnerRules} tells. */
export interface Bounds {
  readonly atLeast: Duration | null;
  readonly atMost: Duration | null;
}

/** What the tags of a user may say, by the configuration. Whoever may tag users is not trusted any further. */
export interface OwnerRules {
  /** Only users whose tags name an address are rotated. */
  readonly only: boolean;
  /** Not below the policy's own time, and not above 180 days, where nothing else is said. */
  readonly rotateAfter: Bounds;
  /** Not below the policy's own time, and not above 90 days, where nothing else is said. */
  readonly deleteAfter: Bounds;
  /** Domains that mail may go to: `example.com`, `*.example.com`, `*`. Null = addresses are read, and nobody is written to. */
  readonly allowedDomains: readonly string[] | null;
  /** How long a changed address waits, once the former one was told of it. */
  readonly addressChangeDelay: Duration;
  /** How long before an old key stops working its owner is warned. */
  readonly warnBefore: readonly Duration[];
}

/** The bounds where the configuration gives none. */
export const USUAL_MOST = { rotateAfter: days(180), deleteAfter: days(90) } as const;

/** A time that a tag asks for. */
export interface TaggedTime {
  /** The tag's key as it stands at the user, such as `IKR:ROTATE_AFTER_DAYS`. */
  readonly tag: string;
  readonly span: Duration;
}

/** What a user's tags say about its owner. Text in it was written by whoever may tag the user. */
export interface OwnerClaim {
  /** Of an allowed domain; null where no tag names one. Not yet in force: the ledger may know another. */
  readonly address: string | null;
  readonly rotateAfter: TaggedTime | null;
  readonly deleteAfter: TaggedTime | null;
  readonly instruction: string;
  /** `age1…`; null where no tag names one. */
  readonly recipient: string | null;
  /** Why the user is blocked until somebody corrects a tag: whole sentences. */
  readonly mistakes: readonly InvalidInput[];
  /** Tags that say nothing, and are passed over: whole sentences. */
  readonly notes: readonly string[];
}

/** A tag of the user cannot be heeded, so that nothing is done to that user. */
export class BadTag extends InvalidInput {}

const PREFIX = /^(?:ikr|keyturn):/;
const WORDS = ["email", "rotate-after-days", "delete-after-days", "age"] as const;
const INSTRUCTION = /^instruction(?:-(.*))?$/s;
/** More instructions than a user can have tags. */
const LARGEST_NUMBER = 9_999;
const LONGEST_DAYS = 36_500;

interface Found {
  readonly tag: string;
  readonly value: string;
}

/**
 * Reads the tags `IKR:*` and `keyturn:*`: in any case, with `_` or `-` between words. IAM's rules for tags are not relied on: a value
 * may be any text. Never throws.
 */
export function readOwnerTags(tags: Tags, allowedDomains: readonly string[] | null): OwnerClaim {
  const mistakes: InvalidInput[] = [];
  const notes: string[] = [];
  const { byWord, instructions } = sort(tags, mistakes, notes);
  const read = <T>(word: (typeof WORDS)[number], parse: (found: Found) => T): T | null => {
    const found = byWord.get(word);
    if (found === undefined) return null;
    try {
      return parse(found);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      mistakes.push(new BadTag(`tag ${found.tag}: ${error.message}`, error.hint));
      return null;
    }
  };
  return {
    address: read("email", ({ value }) => parseAllowed(value, allowedDomains)),
    rotateAfter: read("rotate-after-days", parseDays),
    deleteAfter: read("delete-after-days", parseDays),
    instruction: [...instructions]
      .toSorted(([a], [b]) => a - b)
      .map(([, { value }]) => value.trim())
      .filter((value) => value !== "")
      .join(" "),
    recipient: read("age", parseRecipient),
    mistakes,
    notes,
  };
}

/** Whether the tags opt in to what `owners.only` asks for: a tag that names an address, right or wrong. */
export const optsIn = (tags: Tags): boolean => [...tags.keys()].some((tag) => wordOf(tag) === "email");

/** The tag's key without its prefix, in lower case and with dashes; null for a tag that is not about owners. */
function wordOf(tag: string): string | null {
  const key = tag.toLowerCase().trim();
  return PREFIX.test(key) ? key.replace(PREFIX, "").replaceAll("_", "-") : null;
}

/** Tags by what they are about. The same thing said twice differently is a mistake; a tag that says nothing is noted. */
function sort(tags: Tags, mistakes: InvalidInput[], notes: string[]) {
  const byWord = new Map<string, Found>();
  const instructions = new Map<number, Found>();
  const take = <K>(into: Map<K, Found>, key: K, found: Found) => {
    const before = into.get(key);
    if (before !== undefined && before.value.trim() !== found.value.trim())
      mistakes.push(new BadTag(`the tags ${before.tag} and ${found.tag} say different things`, "remove one of them"));
    into.set(key, before ?? found);
  };
  // In an order of its own, so that two readers agree, however IAM lists the tags.
  for (const [tag, value] of [...tags].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const word = wordOf(tag);
    if (word === null || word === "rotation") continue; // the record of rotations is a tag, too
    const [isInstruction, suffix = ""] = INSTRUCTION.exec(word) ?? [];
    if (WORDS.some((each) => each === word)) take(byWord, word, { tag, value });
    else if (isInstruction !== undefined && /^\d{1,4}$/.test(suffix))
      take(instructions, Number(suffix), { tag, value });
    else notes.push(noteOn(tag, word, isInstruction !== undefined));
  }
  return { byWord, instructions };
}

function noteOn(tag: string, word: string, isInstruction: boolean): string {
  const name = shorten(tag);
  if (isInstruction) return `tag ${name} is ignored: instructions are numbered from 0 to ${LARGEST_NUMBER}`;
  const [near] = nearest(word, [...WORDS, "instruction-0"]);
  return `tag ${name} is ignored: ${near === undefined ? "keyturn knows no such tag" : `did somebody mean ${near}?`}`;
}

function parseAllowed(value: string, allowedDomains: readonly string[] | null): string {
  const { address, domain } = parseAddress(value.trim());
  if (allowedDomains === null || isAllowed(domain, allowedDomains)) return address;
  throw new InvalidInput(
    `${domain} is not a domain that mail may go to (mail.allowedDomains)`,
    `use an address of ${allowedDomains.join(", ")}`,
  );
}

/** Whether mail may go to this domain. */
export const isAllowed = (domain: string, allowedDomains: readonly string[]): boolean =>
  allowedDomains.some((pattern) => fits(pattern, domain));

function parseDays({ tag, value }: Found): TaggedTime {
  const text = value.trim();
  if (!/^\d{1,5}$/.test(text) || Number(text) > LONGEST_DAYS)
    throw new InvalidInput(`"${shorten(value)}" is not a whole number of days`, `from 0 to ${LONGEST_DAYS}`);
  return { tag, span: days(Number(text)) };
}

function parseRecipient({ value }: Found): string {
  const text = value.trim();
  if (!/^age1[02-9ac-hj-np-z]{20,250}$/.test(text))
    throw new InvalidInput(`"${shorten(value)}" is not an age recipient`, "it begins with age1 and has lower case");
  return text;
}

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text);
