import { type AccessKey, type AccessKeyId, isAccessKeyId } from "./access-key.ts";
import { formatInstant, type Instant, parseInstant } from "./time.ts";

/** The user tag that holds the record. */
export const RECORD_TAG = "keyturn:rotation";

/** IAM's limit on a tag's value, and its alphabet. @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html */
export const TAG_VALUE_LIMIT = 256;
export const TAG_ALPHABET = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/**
 * How the record names a key: its id, or `.` and the id's last twelve characters where whole ids would not fit
 * (with more than the two keys that IAM allows).
 */
export type KeyRef = string;

interface Common {
  readonly at: Instant;
  /** Who wrote it: the runner and its turn. Another runner proves by it that the turn is dead, and its own writer that it still stands. */
  readonly nonce: string;
  /** Until when nobody but a person may touch the user's keys; `open` is until somebody resumes; null is no hold. */
  readonly hold: Instant | "open" | null;
}

/**
 * Before `CreateAccessKey`. `known` = every key that the user had then. `orphan` = the one of them whose secret is lost: without it a
 * second run that dies would leave a key that looks like any other, and that nobody can use.
 */
export interface Creating extends Common {
  readonly phase: "creating";
  readonly known: readonly KeyRef[];
  readonly orphan?: KeyRef;
}

/** Before the first put to a destination that cannot be read back, and by each resume. */
export interface Delivering extends Common {
  readonly phase: "delivering";
  readonly new: KeyRef;
  readonly known: readonly KeyRef[];
}

/** After every destination has the new key. `old` = the keys that it succeeds. */
export interface Delivered extends Common {
  readonly phase: "delivered";
  readonly new: KeyRef;
  readonly old: readonly KeyRef[];
}

/**
 * Before a predecessor is made Inactive. The first of `old` is the one; the others still wait.
 * `new` is null where a person retired a key that has no successor.
 */
export interface Retiring extends Common {
  readonly phase: "retiring";
  readonly new: KeyRef | null;
  readonly old: readonly KeyRef[];
}

/** Nothing but a hold. */
export interface Held extends Common {
  readonly phase: "held";
}

/** What IAM cannot tell about a user's rotation. It is replaced, never removed; it may vanish at any time. */
export type RotationRecord = Creating | Delivering | Delivered | Retiring | Held;

/** `garbage` = not written by any keyturn; `later-version` = by a newer one. Neither is ever a reason to act. */
export type RecordReading =
  | RotationRecord
  | { readonly phase: "none" }
  | { readonly phase: "garbage" | "later-version" };

const FIELDS = {
  creating: ["at", "n", "known", "orphan", "hold"],
  delivering: ["at", "n", "new", "known", "hold"],
  delivered: ["at", "n", "new", "old", "hold"],
  retiring: ["at", "n", "new", "old", "hold"],
  held: ["at", "n", "hold"],
} as const;

/**
 * Prints a record as one line in the tag alphabet, at most 256 characters: whole ids where they fit, else shortened ones.
 * Throws RangeError where even those do not fit (more than nine keys of a user, where IAM allows two).
 */
export function printRecord(record: RotationRecord): string {
  for (const print of [(ref: KeyRef) => ref, shortened]) {
    const line = printWith(record, print);
    if (line.length <= TAG_VALUE_LIMIT) return line;
  }
  throw new RangeError("the record does not fit a tag: the user has more keys than it can name");
}

function printWith(record: RotationRecord, print: (ref: KeyRef) => string): string {
  const values: Record<string, string | undefined> = {
    at: formatInstant(record.at),
    n: record.nonce,
    new: "new" in record && record.new !== null ? print(record.new) : undefined,
    known: "known" in record ? record.known.map(print).join("+") : undefined,
    orphan: "orphan" in record && record.orphan !== undefined ? print(record.orphan) : undefined,
    old: "old" in record ? record.old.map(print).join("+") : undefined,
    hold: record.hold === null ? undefined : record.hold === "open" ? "open" : formatInstant(record.hold),
  };
  const fields = FIELDS[record.phase].flatMap((name) =>
    values[name] === undefined ? [] : [`${name}=${values[name]}`],
  );
  return ["v1", record.phase, ...fields].join(" ");
}

const shortened = (ref: KeyRef): KeyRef => (ref.startsWith(".") ? ref : `.${ref.slice(-12)}`);

/** Whether `ref` names this key. */
export const refersTo = (ref: KeyRef, id: AccessKeyId): boolean =>
  ref.startsWith(".") ? id.endsWith(ref.slice(1)) : ref === id;

/** The keys that `refs` name, each once, in the order of `refs`; a name that fits two keys names neither. */
export function named(refs: readonly KeyRef[], keys: readonly AccessKey[]): readonly AccessKey[] {
  const found = refs.flatMap((ref) => {
    const fits = keys.filter((key) => refersTo(ref, key.accessKeyId));
    return fits.length === 1 ? fits : [];
  });
  return [...new Set(found)];
}

/** Whether some name among `refs` could mean this key. */
export const mentions = (refs: readonly KeyRef[], id: AccessKeyId): boolean => refs.some((ref) => refersTo(ref, id));

/**
 * Reads what {@link printRecord} printed. Null or blank = no record. Anything else that it does not fully understand is
 * `garbage` (or `later-version`): the tag may be written by anybody who may tag the user.
 */
export function parseRecord(text: string | null): RecordReading {
  if (text === null || text.trim() === "") return { phase: "none" };
  const [version, phase, ...pairs] = text.split(" ");
  if (version !== "v1") return { phase: /^v[1-9]\d{0,3}$/.test(version ?? "") ? "later-version" : "garbage" };
  if (phase === undefined || !isPhase(phase)) return { phase: "garbage" };
  const fields = readFields(pairs, FIELDS[phase]);
  return (fields === null ? null : recordOf(phase, fields)) ?? { phase: "garbage" };
}

const isPhase = (text: string): text is keyof typeof FIELDS => Object.hasOwn(FIELDS, text);

function readFields(pairs: readonly string[], allowed: readonly string[]): ReadonlyMap<string, string> | null {
  const fields = new Map<string, string>();
  for (const pair of pairs) {
    const split = pair.indexOf("=");
    const name = pair.slice(0, Math.max(split, 0));
    if (!allowed.includes(name) || fields.has(name)) return null;
    fields.set(name, pair.slice(split + 1));
  }
  return fields;
}

function recordOf(phase: keyof typeof FIELDS, fields: ReadonlyMap<string, string>): RotationRecord | null {
  const at = parseInstant(fields.get("at") ?? "");
  const nonce = fields.get("n") ?? "";
  const hold = holdOf(fields.get("hold"));
  const successor = fields.get("new");
  const orphan = fields.get("orphan");
  const known = refsOf(fields.get("known"));
  const old = refsOf(fields.get("old"));
  if (at === null || !/^\w{1,40}$/.test(nonce) || hold === undefined) return null;
  if (successor !== undefined && !isKeyRef(successor)) return null;
  if (orphan !== undefined && !isKeyRef(orphan)) return null;
  const common = { at, nonce, hold };
  switch (phase) {
    case "creating":
      return known === null ? null : { phase, ...common, known, ...(orphan === undefined ? {} : { orphan }) };
    case "delivering":
      return known === null || successor === undefined ? null : { phase, ...common, new: successor, known };
    case "delivered":
      return old === null || successor === undefined ? null : { phase, ...common, new: successor, old };
    case "retiring":
      return old === null || old.length === 0 ? null : { phase, ...common, new: successor ?? null, old };
    case "held":
      return hold === null ? null : { phase, ...common };
  }
}

function holdOf(text: string | undefined): Instant | "open" | null | undefined {
  if (text === undefined) return null;
  if (text === "open") return "open";
  return parseInstant(text) ?? undefined;
}

const isKeyRef = (text: string): boolean => /^\.\w{12}$/.test(text) || isAccessKeyId(text);

function refsOf(text: string | undefined): readonly KeyRef[] | null {
  if (text === undefined) return null;
  const refs = text === "" ? [] : text.split("+");
  return refs.every(isKeyRef) && new Set(refs).size === refs.length ? refs : null;
}

/** An intent whose turn may be unfinished. */
export const isOpen = (record: RecordReading): record is Creating | Delivering =>
  record.phase === "creating" || record.phase === "delivering";
