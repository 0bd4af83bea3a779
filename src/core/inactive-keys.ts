import type { AccessKey } from "./access-key.ts";
import type { Verdict } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { formatDay, later, latest } from "./time.ts";
import { act, still } from "./verdicts.ts";

/** Keys that a person made Inactive, where the policy deletes such keys after a time without a sign of life. */
export function expiredInactive(facts: Facts): Verdict | null {
  const rule = facts.terms.policy.inactiveKeys;
  if (rule === "report") return null;
  for (const key of facts.keys.filter((each) => each.status === "Inactive")) {
    const since = latest(key.createDate, facts.lastUse(key)?.at ?? null);
    if (facts.now < later(since, rule.deleteAfter) || facts.serves(key.accessKeyId)) continue;
    return act(
      "inactive-expired",
      `${key.accessKeyId} is Inactive and shows no sign of life since ${formatDay(since)}`,
      { kind: "delete", key: key.accessKeyId },
      null,
    );
  }
  return null;
}

export const inactiveNotOurs = (facts: Facts, key: AccessKey): Verdict =>
  expiredInactive(facts) ?? {
    ...still("settled", "inactive-not-ours", `${key.accessKeyId} was made Inactive by a person`),
    command: ["retire", facts.userName, key.accessKeyId],
  };
