import type { AccessKey } from "./access-key.ts";
import type { Verdict } from "./decision.ts";
import { type Facts, LAST_USE_LAG } from "./facts.ts";
import type { DeleteInactiveRule } from "./policy.ts";
import { mentions } from "./record.ts";
import { type Duration, formatDay, type Instant, later, latest, milliseconds } from "./time.ts";
import { act, still } from "./verdicts.ts";

/** Keys that a person made Inactive, where the policy deletes such keys after a time without a sign of life. */
export function expiredInactive(facts: Facts): Verdict | null {
  const rule = facts.terms.policy.inactiveKeys;
  if (rule === "report") return null;
  for (const key of facts.keys.filter((each) => each.status === "Inactive")) {
    const since = latestSign(facts, key, rule);
    if (since === null || facts.now < later(since, rule.deleteAfter) || facts.serves(key.accessKeyId)) continue;
    if (mayHaveBeenUsed(facts, key, rule.deleteAfter)) continue;
    return act(
      "inactive-expired",
      `${key.accessKeyId} is Inactive and shows no sign of life since ${formatDay(since)}`,
      { kind: "delete", key: key.accessKeyId },
      null,
    );
  }
  return null;
}

/** IAM shows uses late: one that falls into the time that the policy asks for may not be shown yet. */
function mayHaveBeenUsed(facts: Facts, key: AccessKey, deleteAfter: Duration): boolean {
  const use = facts.lastUse(key);
  return use !== null && facts.now < later(use.at, milliseconds(deleteAfter + LAST_USE_LAG));
}

/** Before this the key was surely not out of use for good; null where the policy keeps it whatever its age. */
function latestSign(facts: Facts, key: AccessKey, { onlyReplaced }: DeleteInactiveRule): Instant | null {
  const lastUse = () => facts.lastUse(key)?.at ?? null;
  if (onlyReplaced !== true) return latest(key.createDate, lastUse());
  const { record } = facts;
  const newer = facts.keys.slice(facts.keys.indexOf(key) + 1).map((each) => each.createDate);
  const recorded = "old" in record && mentions(record.old, key.accessKeyId) ? record.at : null;
  return newer.length === 0 ? null : latest(key.createDate, lastUse(), recorded, ...newer);
}

export const inactiveNotOurs = (facts: Facts, key: AccessKey): Verdict =>
  expiredInactive(facts) ?? {
    ...still("settled", "inactive-not-ours", `${key.accessKeyId} was made Inactive by a person`),
    command: ["retire", facts.userName, key.accessKeyId],
  };
