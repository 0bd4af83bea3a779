import type { User } from "./access-key.ts";
import type { Policy } from "./policy.ts";
import { parseRecord } from "./record.ts";
import { age, days, type Instant } from "./time.ts";

/** One key as the credential report tells it: without its id. */
export interface ReportedSlot {
  readonly isActive: boolean;
  /**
   * The later of its creation and its latest change of status: an old date proves that the key is old, a young one proves nothing.
   * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
   */
  readonly changedAt: Instant;
}

/** One user as the credential report tells it, up to four hours late. */
export interface ReportedUser {
  readonly userName: string;
  readonly arn: string;
  /** Slots that hold a key. */
  readonly slots: readonly ReportedSlot[];
}

/** A user as a listing of the whole account tells it. */
export interface ListedUser extends User {
  /** Null where the listing does not say. */
  readonly createDate: Instant | null;
  /** Null where the listing does not tell tags: then they are asked for user by user, where they matter. */
  readonly tags: ReadonlyMap<string, string> | null;
}

/**
 * Why a user was not read exactly in this run.
 * `no-keys` = both slots are empty · `young-user` = it is younger than any key may get · `looks-young` = its only key is Active and
 * was created, or switched on, not long ago.
 */
export type RuledOut = "no-keys" | "young-user" | "looks-young";

/** Within this many days each user is read exactly once, whatever the report says. */
export const EXACT_WITHIN_DAYS = 7;

/**
 * Whether a user can be passed over in this run without reading its keys, and why; null = it has to be read exactly. What that can
 * miss is a key that was switched off and on again lately and looks young: {@link isExactDay} finds it within a week.
 * `reported` = null where the report does not have the user: it is younger than the report, or the row cannot be read.
 * `record` = the user's record; undefined where it was not read.
 */
export function sift(
  { createDate }: Pick<ListedUser, "createDate">,
  record: string | null | undefined,
  reported: ReportedUser | null,
  policy: Pick<Policy, "rotateAfter" | "usersWithoutKey">,
  now: Instant,
): RuledOut | null {
  if (record === undefined || needsALook(record)) return null;
  const slots = reported?.slots ?? null;
  if (slots !== null && slots.length > 1) return null;
  const isYoung = (since: Instant | null) => since !== null && age(since, now) < policy.rotateAfter;
  const [only] = slots ?? [];
  if (only !== undefined && !only.isActive) return null;
  if (slots !== null && only === undefined && policy.usersWithoutKey === "skip") return "no-keys";
  if (slots !== null && only === undefined) return null;
  if (isYoung(createDate)) return "young-user";
  return only !== undefined && isYoung(only.changedAt) ? "looks-young" : null;
}

/** Records that one Active key does not explain: an open intent, a hold, or what this keyturn cannot read. */
function needsALook(record: string | null): boolean {
  const reading = parseRecord(record);
  if (reading.phase === "none") return false;
  if (reading.phase !== "delivered" && reading.phase !== "retiring") return true;
  return reading.hold !== null;
}

/** Whether today is this user's day to be read exactly. Every user has one in each week, and about as many have each day. */
export function isExactDay({ arn }: Pick<User, "arn">, now: Instant): boolean {
  return (hashOf(arn) + Math.floor(now / days(1))) % EXACT_WITHIN_DAYS === 0;
}

/** FNV-1a: any hash would do that spreads users over the week and is the same on every machine. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
