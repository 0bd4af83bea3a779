import { InvalidInput } from "./invalid-input.ts";
import { RECORD_TAG, TAG_ALPHABET, TAG_VALUE_LIMIT } from "./record.ts";

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html */
const LONGEST_KEY = 128;

/** How many tags a user can have. */
export const MOST_TAGS = 50;

/** What is wrong with a tag's key, as the end of a sentence; null where it can be set by hand. */
export function keyFault(key: string): string | null {
  if (key === "") return "is empty";
  if (/^aws:/i.test(key)) return "begins with aws:, which is AWS's own";
  if (key.toLowerCase() === RECORD_TAG.toLowerCase()) return "is keyturn's own record: nobody else writes it";
  return textFault(key, LONGEST_KEY);
}

/** What is wrong with a tag's value, as the end of a sentence; null where it can be set. */
export const valueFault = (value: string): string | null => textFault(value, TAG_VALUE_LIMIT);

function textFault(text: string, longest: number): string | null {
  const length = [...text].length;
  if (length > longest) return `has ${length} characters, and ${longest} are allowed`;
  const odd = [...text].find((character) => !TAG_ALPHABET.test(character));
  if (odd === undefined) return null;
  const code = odd.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0") ?? "";
  return `has a character that IAM does not take in tags (U+${code}): letters, digits, spaces and _.:/=+-@ only`;
}

/** One tag as it is to be. `set` = the user has none of that name · `change` = it has, with another value or in other letters. */
export interface TagChange {
  readonly key: string;
  readonly value: string;
  readonly kind: "set" | "change" | "same";
  /** What stands there now; null where nothing does. */
  readonly before: string | null;
}

/**
 * What becomes of a user's tags. IAM takes two keys that differ in case alone for one, and the later one replaces the
 * earlier. Throws {@link InvalidInput} where the user would have more tags than IAM allows.
 */
export function changesOf(
  userName: string,
  wanted: ReadonlyMap<string, string>,
  present: ReadonlyMap<string, string>,
): readonly TagChange[] {
  const now = new Map([...present].map(([key, value]) => [key.toLowerCase(), { key, value }]));
  const changes = [...wanted].map(([key, value]): TagChange => {
    const before = now.get(key.toLowerCase());
    if (before === undefined) return { key, value, kind: "set", before: null };
    const isSame = before.key === key && before.value === value;
    return { key, value, kind: isSame ? "same" : "change", before: before.value };
  });
  const count = now.size + changes.filter(({ kind }) => kind === "set").length;
  if (count > MOST_TAGS)
    throw new InvalidInput(
      `${userName} would have ${count} tags, and ${MOST_TAGS} are allowed`,
      `it has ${now.size} now: aws iam untag-user takes one away`,
    );
  return changes;
}
