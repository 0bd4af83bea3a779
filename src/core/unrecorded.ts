import { type AccessKey, KEYS_PER_USER } from "./access-key.ts";
import type { Command, Verdict } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { retirementGate } from "./gates.ts";
import { expiredInactive, inactiveNotOurs } from "./inactive-keys.ts";
import { formatDay, roundDuration } from "./time.ts";
import {
  act,
  anothersTarget,
  blocked,
  deactivate,
  markDelivered,
  resume,
  rotate,
  shutGate,
  still,
} from "./verdicts.ts";

/*
 * The rows of the decision table for a user without a record, or with one that says nothing about the keys that are there.
 * Only an escrow entry and the history of a destination prove anything here.
 */

/** No record, or one that says nothing about the keys that are there. */
export function withoutRecord(facts: Facts): Verdict {
  const stashed = newestStashed(facts);
  if (stashed !== null)
    return resume(
      facts,
      stashed,
      facts.keys.filter((key) => key.createDate < stashed.createDate),
    );
  const [first, ...more] = facts.active;
  if (first === undefined) return withoutActiveKey(facts);
  return more.length === 0 ? withOneActiveKey(facts, first) : withSeveralActiveKeys(facts);
}

/** An escrow entry, or a pending version, is proof that we made the key: its delivery is finished. */
function newestStashed(facts: Facts): AccessKey | null {
  const servedSince = facts.keys.filter((key) => facts.serves(key.accessKeyId)).map((key) => key.createDate);
  const settled =
    facts.keys.length === 1 &&
    facts.hasReadable() &&
    facts.served().every((each) => each.accessKeyId === facts.keys[0]?.accessKeyId);
  const stashed = (key: AccessKey) => facts.inEscrow(key.accessKeyId) || (!settled && facts.isPending(key.accessKeyId));
  return facts.active.findLast((key) => stashed(key) && servedSince.every((at) => key.createDate >= at)) ?? null;
}

function withoutActiveKey(facts: Facts): Verdict {
  const [first] = facts.keys;
  if (first === undefined) {
    if (facts.terms.policy.usersWithoutKey === "skip" && !facts.terms.asked)
      return still("settled", "no-keys", `${facts.userName} has no access key`);
    return (
      strangerServed(facts) ??
      rotate(facts, facts.terms.asked ? "asked" : "first-key", `${facts.userName} has no access key`)
    );
  }
  if (facts.keys.some((key) => key.status === "Unknown")) {
    return still("settled", "status-unknown", `${first.accessKeyId} is neither Active nor Inactive`);
  }
  return (
    expiredInactive(facts) ?? {
      ...still("settled", "only-key-inactive", `${facts.userName} has no Active key`),
      command: ["retire", facts.userName, first.accessKeyId],
    }
  );
}

function withOneActiveKey(facts: Facts, key: AccessKey): Verdict {
  const stranger = strangerServed(facts);
  const replaces = facts.strangers().length > 0;
  const wanted = facts.isDue(key) || replaces;
  if (wanted && stranger !== null) return stranger;
  if (facts.keys.length >= KEYS_PER_USER) {
    const expired = expiredInactive(facts);
    if (expired !== null) return expired;
  }
  if (replaces)
    return rotate(
      facts,
      "served-key-gone",
      `a destination serves ${facts.strangers()[0] ?? "a key"}, which no longer exists`,
    );
  if (!wanted) return notDue(facts, key);
  if (facts.terms.asked) return rotate(facts, "asked", `${key.accessKeyId} is ${roundDuration(facts.ageOf(key))} old`);
  if (facts.terms.policy.unusedKeys !== "rotate" && facts.isUnused(key)) return unusedKey(facts, key);
  return rotate(facts, "due", `${key.accessKeyId} is ${roundDuration(facts.ageOf(key))} old`);
}

/** A destination serves a key of another user, or one of which nothing says that it ever was this user's. */
function strangerServed(facts: Facts): Verdict | null {
  const another = anothersTarget(facts);
  if (another !== null) return another;
  const unknown = facts.strangers().find((id) => !facts.wasOurs(id));
  if (unknown === undefined || facts.terms.asked) return null;
  return blocked("target-serves-unknown-key", `the target serves ${unknown}, which is not a key of ${facts.userName}`, [
    "rotate",
    facts.userName,
  ]);
}

function unusedKey(facts: Facts, key: AccessKey): Verdict {
  const use = facts.lastUse(key);
  const since = use === null ? "was never used" : `was last used on ${formatDay(use.at)}`;
  return blocked(
    "unused-key",
    `${key.accessKeyId} is ${roundDuration(facts.ageOf(key))} old and ${since}`,
    ["retire", facts.userName, key.accessKeyId],
    {
      what: "or, where somebody still needs it: keyturn rotate USER",
      at: null,
    },
  );
}

function notDue(facts: Facts, key: AccessKey): Verdict {
  const next = { what: "a successor is made", at: facts.dueAt(key) };
  const inactive = facts.keys.find((each) => each.status === "Inactive");
  if (inactive === undefined)
    return still("settled", "young", `${key.accessKeyId} is ${roundDuration(facts.ageOf(key))} old`, next);
  return { ...inactiveNotOurs(facts, inactive), next };
}

function withSeveralActiveKeys(facts: Facts): Verdict {
  const newest = facts.active.at(-1);
  const oldest = facts.active[0];
  if (newest === undefined || oldest === undefined) throw new Error("several Active keys, but none is first or last");
  const served = facts.active.find(
    (key) => facts.served().length > 0 && facts.served().every((each) => each.accessKeyId === key.accessKeyId),
  );
  const before =
    served === undefined
      ? undefined
      : facts.active.find((key) => key.createDate < served.createDate && facts.inHistory(key.accessKeyId));
  if (served !== undefined && before !== undefined) {
    // Nothing tells whether those that cannot be read back have got it: they get it (again).
    if (facts.writeOnly() > 0) return resume(facts, served, [before]);
    return markDelivered(
      "served-before",
      `the destination serves ${served.accessKeyId} and served ${before.accessKeyId} before`,
      served,
      [before],
    );
  }
  const verdict = byPolicyForUnexplained(facts, oldest, newest) ?? unexplained(facts, oldest, newest);
  // Those that cannot be read back may serve the one that is to go: they get the other first, where its secret is somewhere.
  const isUnseen = facts.writeOnly() > 0 && facts.holdsSecret(newest.accessKeyId);
  return verdict.standing === "act" && isUnseen ? resume(facts, newest, [oldest]) : verdict;
}

/** What the policy allows for several Active keys that nothing explains; null where it only reports, or where a key is in use. */
function byPolicyForUnexplained(facts: Facts, oldest: AccessKey, newest: AccessKey): Verdict | null {
  const { policy } = facts.terms;
  if (facts.serves(oldest.accessKeyId)) return null;
  if (policy.unexplainedKeys === "delete-oldest" && facts.isDue(newest)) {
    const gate = retirementGate(facts, { successor: newest, predecessor: oldest, since: newest.createDate });
    if (gate.open)
      return act(
        "oldest-unexplained",
        `${oldest.accessKeyId} is the older of two`,
        { kind: "delete", key: oldest.accessKeyId },
        null,
      );
    return shutGate(facts, gate, `${oldest.accessKeyId} is deleted`, ["retire", facts.userName, oldest.accessKeyId]);
  }
  if (policy.unexplainedKeys === "deactivate-idle") {
    const gate = retirementGate(facts, { successor: newest, predecessor: oldest, since: newest.createDate });
    if (gate.open) return deactivate(facts, { code: "idle-unexplained", sentence: gate.sentence }, oldest, newest, []);
  }
  if (
    policy.unusedKeys === "deactivate" &&
    facts.isDue(oldest) &&
    facts.isUnused(oldest) &&
    facts.usedByOthers(newest) !== null
  ) {
    return deactivate(
      facts,
      { code: "unused-extra", sentence: `nobody uses ${oldest.accessKeyId}` },
      oldest,
      newest,
      [],
    );
  }
  return null;
}

function unexplained(facts: Facts, oldest: AccessKey, newest: AccessKey): Verdict {
  const sentence = `${facts.active.map((key) => key.accessKeyId).join(" and ")} are both Active and nothing explains why`;
  const victim = leastUsed(facts, oldest, newest);
  const command: Command = ["retire", facts.userName, victim.accessKeyId];
  if (!facts.isDue(oldest)) {
    const next = { what: "they will be in the way of the next rotation", at: facts.dueAt(oldest) };
    return { ...still("settled", "unexplained", sentence, next), command };
  }
  return blocked("unexplained", sentence, command);
}

/** Which of two a person would look at first: never one that is served; then the one not used for longer; then the older. */
function leastUsed(facts: Facts, oldest: AccessKey, newest: AccessKey): AccessKey {
  if (facts.serves(oldest.accessKeyId)) return newest;
  if (facts.serves(newest.accessKeyId)) return oldest;
  const [old, young] = [facts.lastUse(oldest), facts.lastUse(newest)];
  return old !== null && (young === null || young.at < old.at) ? newest : oldest;
}
