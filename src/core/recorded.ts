import { type AccessKey, KEYS_PER_USER } from "./access-key.ts";
import type { Verdict } from "./decision.ts";
import type { Facts } from "./facts.ts";
import { retentionGate, retirementGate, retirementTerms } from "./gates.ts";
import { inactiveNotOurs } from "./inactive-keys.ts";
import { type Creating, type Delivered, type Delivering, mentions, named, refersTo, type Retiring } from "./record.ts";
import { withoutRecord } from "./unrecorded.ts";
import {
  act,
  blocked,
  clearEscrow,
  deactivate,
  markDelivered,
  resume,
  retiredWhileServed,
  rolledBack,
  rotate,
  shutGate,
  successorInactive,
} from "./verdicts.ts";

/*
 * The rows of the decision table for a user with a record: what an earlier turn left behind, and what of it is to be done
 * next. Null = the record says nothing about the keys that are there; the table goes on as without one.
 */

/** An intent whose turn is over: what did it leave behind? */
export function afterCreating(facts: Facts, record: Creating): Verdict | null {
  const candidates = facts.keys.filter((key) => !mentions(record.known, key.accessKeyId));
  const safe = candidates.findLast((key) => key.status === "Active" && facts.holdsSecret(key.accessKeyId));
  if (safe !== undefined) return resume(facts, safe, named(record.known, facts.keys));
  const [only] = candidates;
  if (only === undefined) return stillOrphan(facts, record);
  if (candidates.length > 1 || only.status !== "Active") return null;
  if (!facts.createdWithin(only, record.at) || facts.usedByOthers(only) !== null) return null;
  return facts.inHistory(only.accessKeyId) ? rolledBack(facts, only) : orphan(facts, only);
}

/** The successor of an orphan was to be made, and was not. What the record says is believed only of a key that nobody uses or serves. */
function stillOrphan(facts: Facts, { orphan: ref }: Creating): Verdict | null {
  const [key] = ref === undefined ? [] : named([ref], facts.active);
  if (key === undefined || facts.active.length > 1 || facts.usedByOthers(key) !== null) return null;
  if (facts.serves(key.accessKeyId) || facts.holdsSecret(key.accessKeyId) || facts.inHistory(key.accessKeyId))
    return null;
  return orphan(facts, key);
}

function orphan(facts: Facts, key: AccessKey): Verdict {
  if (facts.active.length > 1) {
    const sentence = `${key.accessKeyId} was created by a run that died; its secret is stored nowhere and nobody used it`;
    return act(
      "orphan",
      sentence,
      { kind: "remove-orphan", key: key.accessKeyId },
      { what: "its slot is free for the next try", at: null },
    );
  }
  return rotate(
    facts,
    "orphan-alone",
    `${key.accessKeyId} is an orphan and the only Active key of ${facts.userName}`,
    key,
  );
}

/** A delivery to a destination that cannot be read back was under way. */
export function afterDelivering(facts: Facts, record: Delivering): Verdict | null {
  const [key] = named([record.new], facts.keys);
  if (key === undefined) return null;
  if (key.status !== "Active") return successorInactive(facts, key);
  const older = named(record.known, facts.keys).filter((each) => each !== key);
  if (facts.holdsSecret(key.accessKeyId)) return resume(facts, key, older);
  if (facts.inHistory(key.accessKeyId)) return rolledBack(facts, key);
  if (facts.writeOnly() === 0) return facts.usedByOthers(key) === null ? orphan(facts, key) : null;
  if (facts.writeOnly() === 1 && !facts.hasReadable() && facts.usedByOthers(key) !== null) {
    return markDelivered("arrived", `${key.accessKeyId} is in use`, key, older);
  }
  return blocked(
    "maybe-delivered",
    `${key.accessKeyId} may have been handed out before a run died`,
    ["retire", facts.userName, key.accessKeyId, "--delete"],
    {
      what: `if somebody did receive it, nothing is lost: once it is used, retire the older key instead`,
      at: null,
    },
  );
}

export function afterDelivered(facts: Facts, record: Delivered | Retiring): Verdict | null {
  const successor = record.new === null ? null : (named([record.new], facts.keys)[0] ?? null);
  // Anybody may have written the tag: a key that is named as its own predecessor is none.
  const old = named(record.old, facts.keys).filter((key) => key !== successor);
  const [leftover, ...namesakes] = facts.escrowed().filter((id) => record.new !== null && refersTo(record.new, id));
  if (namesakes.length > 0) return null; // a shortened name that fits several keys names none
  if (old.length === 0 || (record.new !== null && successor === null))
    return leftover === undefined ? null : clearEscrow(leftover);
  if (successor !== null) {
    if (successor.status !== "Active") return successorInactive(facts, successor);
    const changed = elsewhere(facts, successor);
    if (changed !== null) return facts.terms.asked ? withoutRecord(facts) : changed;
    if (leftover !== undefined) return clearEscrow(leftover);
  }
  const verdict =
    record.phase === "retiring"
      ? afterRetiring(facts, record, successor, old)
      : handOver(facts, record, successor, old);
  return verdict === null ? null : (slotTaken(facts, successor, verdict) ?? verdict);
}

/** A destination does not serve the key that the record calls delivered: a person's doing, or somebody else's. */
function elsewhere(facts: Facts, successor: AccessKey): Verdict | null {
  const others = facts.served().filter((each) => each.accessKeyId !== successor.accessKeyId);
  const [first] = others;
  if (first === undefined) return null;
  const back = facts.keys.find((key) => others.some((each) => each.accessKeyId === key.accessKeyId));
  if (back !== undefined) return rolledBack(facts, successor, back);
  const instead = first.accessKeyId ?? "no key at all";
  return blocked(
    "destination-changed",
    `a destination serves ${instead} in place of ${successor.accessKeyId}`,
    ["rotate", facts.userName],
    {
      what: `it goes on when the destination serves ${successor.accessKeyId} again`,
      at: null,
    },
  );
}

function afterRetiring(
  facts: Facts,
  record: Retiring,
  successor: AccessKey | null,
  old: readonly AccessKey[],
): Verdict | null {
  const [first] = old;
  if (first === undefined) return null;
  const isTheOne = record.old[0] !== undefined && refersTo(record.old[0], first.accessKeyId);
  if (!isTheOne || first.status === "Active") {
    if (successor === null) return null;
    return markDelivered(
      "reactivated",
      `${first.accessKeyId} is ${first.status} while its retirement is on record`,
      successor,
      old,
    );
  }
  if (first.status !== "Inactive") return null;
  if (facts.serves(first.accessKeyId))
    return successor === null ? retiredWhileServed(facts, first) : rolledBack(facts, successor, first);
  const gate = retentionGate(facts, successor, first, record.at);
  if (!gate.open)
    return shutGate(facts, gate, `${first.accessKeyId} is deleted`, ["retire", facts.userName, first.accessKeyId]);
  return act(gate.code, gate.sentence, { kind: "delete", key: first.accessKeyId }, null);
}

function handOver(
  facts: Facts,
  record: Delivered,
  successor: AccessKey | null,
  old: readonly AccessKey[],
): Verdict | null {
  if (successor === null) return null;
  const predecessor = old.find((key) => key.status === "Active");
  if (predecessor === undefined) {
    const [first] = old;
    return first === undefined || first.status !== "Inactive" ? null : inactiveNotOurs(facts, first);
  }
  const gate = retirementGate(facts, { successor, predecessor, since: record.at });
  const deletes = facts.terms.policy.deactivate.when === "never";
  const what = `${predecessor.accessKeyId} is ${deletes ? "deleted" : "deactivated"}${retirementTerms(facts.terms.policy, successor)}`;
  if (!gate.open) return shutGate(facts, gate, what, ["retire", facts.userName, predecessor.accessKeyId]);
  if (deletes) return act(gate.code, gate.sentence, { kind: "delete", key: predecessor.accessKeyId }, null);
  const others = old.filter((key) => key !== predecessor).map((key) => key.accessKeyId);
  return deactivate(facts, gate, predecessor, successor, others);
}

/** A successor of the successor is due, but its slot waits for a person or a consumer: that is said aloud. */
function slotTaken(facts: Facts, successor: AccessKey | null, verdict: Verdict): Verdict | null {
  if (successor === null || facts.keys.length < KEYS_PER_USER || !facts.isDue(successor)) return null;
  if (verdict.standing === "act" || (verdict.standing === "waiting" && verdict.next?.at !== null)) return null;
  return {
    ...blocked(
      "no-free-slot",
      `a successor of ${successor.accessKeyId} is due, but ${verdict.sentence}`,
      verdict.command,
    ),
    next: verdict.next,
  };
}
