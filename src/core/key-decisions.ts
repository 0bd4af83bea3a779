import type { AccessKey } from "./access-key.ts";
import { byAge } from "./access-key.ts";
import type { KeyDecision, Verdict } from "./decision.ts";
import type { Terms } from "./facts.ts";
import type { Observation } from "./observation.ts";
import { mentions, parseRecord, type RecordReading } from "./record.ts";
import { age, formatDay, type Instant, later, roundDuration } from "./time.ts";

/** One decision per key, in the light of the decision for the user. Reads nothing that the user's decision did not need. */
export function describeKeys(seen: Observation, terms: Terms, now: Instant, verdict: Verdict): readonly KeyDecision[] {
  if (seen.keys.kind !== "known") return [];
  const record = parseRecord(seen.record.kind === "known" ? seen.record.value : null);
  const keys = byAge(seen.keys.value);
  return keys.map((key) =>
    describeKey(key, record, keys.filter((each) => each.status === "Active").length, terms, now, verdict),
  );
}

function describeKey(
  key: AccessKey,
  record: RecordReading,
  active: number,
  terms: Terms,
  now: Instant,
  verdict: Verdict,
): KeyDecision {
  const id = key.accessKeyId;
  const role = roleOf(key, record, active, verdict);
  const of = (code: KeyDecision["code"], sentence: string, next: KeyDecision["next"] = null): KeyDecision => ({
    accessKeyId: id,
    role,
    code,
    sentence,
    next,
  });
  const { action } = verdict;
  const old = roundDuration(age(key.createDate, now));
  if (key.status === "Unknown")
    return of("status-unknown", `${id} has a status that keyturn does not know; it is kept`);
  if (action !== null && "key" in action && action.key === id) return of(verdict.code, verdict.sentence, verdict.next);
  if (role === "predecessor") return of(verdict.code, verdict.sentence, verdict.next);
  if (key.status === "Inactive") {
    return role === "inactive"
      ? of("inactive-not-ours", `${id} was made Inactive by a person`)
      : of(verdict.code, verdict.sentence, verdict.next);
  }
  const dueAt = later(key.createDate, terms.policy.rotateAfter);
  if (now < dueAt && verdict.standing !== "blocked")
    return of("young", `${id} is ${old} old`, { what: "a successor is made", at: dueAt });
  if (now < dueAt)
    return of("young", `${id} is ${old} old and due on ${formatDay(dueAt)}`, {
      what: "a successor is made",
      at: dueAt,
    });
  return of(verdict.standing === "settled" ? "due" : verdict.code, verdict.sentence, verdict.next);
}

function roleOf(key: AccessKey, record: RecordReading, active: number, verdict: Verdict): KeyDecision["role"] {
  const { accessKeyId: id, status } = key;
  if (verdict.action?.kind === "remove-orphan" && verdict.action.key === id) return "orphan";
  if ("old" in record && mentions(record.old, id)) return "predecessor";
  if ("new" in record && record.new !== null && mentions([record.new], id)) return "successor";
  if (status !== "Active") return "inactive";
  return active > 1 ? "unexplained" : "current";
}
