import { type AccessKeyId, isAccessKeyId } from "../core/access-key.ts";
import { formatInstant, type Instant, parseInstant } from "../core/time.ts";

/*
 * Which keys the profiles of a credentials file served, and since when. Ids and dates only: a copy of the file before would
 * hold the secrets of every other profile too, long after those were replaced.
 */

/** How many keys of a profile are remembered. */
const REMEMBERED = 5;

export interface ServedKey {
  readonly accessKeyId: AccessKeyId;
  readonly since: Instant;
}

/** By profile, newest first. */
export type ProfileHistory = ReadonlyMap<string, readonly ServedKey[]>;

/** What is not understood was never there: the history is a help, and nothing rests on it alone. */
export function readHistory(text: string | null): ProfileHistory {
  const document = text === null ? null : parse(text);
  const profiles = field(document, "profiles");
  if (!Array.isArray(profiles)) return new Map();
  return new Map(
    profiles.flatMap((each: unknown) => {
      const [profile, served] = [field(each, "profile"), field(each, "served")];
      return typeof profile === "string" && Array.isArray(served) ? [[profile, served.flatMap(servedKey)]] : [];
    }),
  );
}

/** The history after a profile began to serve a key; a key is named once, with its latest date. */
export function remember(history: ProfileHistory, profile: string, key: ServedKey): ProfileHistory {
  const others = (history.get(profile) ?? []).filter((each) => each.accessKeyId !== key.accessKeyId);
  return new Map([...history, [profile, [key, ...others].slice(0, REMEMBERED)]]);
}

export function printHistory(history: ProfileHistory): string {
  const profiles = [...history].map(([profile, served]) => ({
    profile,
    served: served.map(({ accessKeyId, since }) => ({ accessKeyId, since: formatInstant(since) })),
  }));
  return `${JSON.stringify({ about: "keyturn: which keys these profiles served, newest first", profiles }, null, 2)}\n`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : null;

function servedKey(value: unknown): readonly ServedKey[] {
  const [id, date] = [field(value, "accessKeyId"), field(value, "since")];
  const since = typeof date === "string" ? parseInstant(date) : null;
  return typeof id === "string" && isAccessKeyId(id) && since !== null ? [{ accessKeyId: id, since }] : [];
}
