import { type AccessKey, type AccessKeyId, KEYS_PER_USER } from "./access-key.ts";
import type { Action, Command, NextStep, Standing, Verdict } from "./decision.ts";
import type { Facts } from "./facts.ts";
import type { Gate } from "./gates.ts";
import type { ReasonCode } from "./reasons.ts";
import { later } from "./time.ts";

/* What the rows of the decision table answer with. */

export const rolledBack = (facts: Facts, successor: AccessKey, back: AccessKey | null = null): Verdict =>
  blocked(
    "rolled-back",
    `a destination serves ${back === null ? "an older key" : back.accessKeyId} again in place of ${successor.accessKeyId}`,
    ["retire", facts.userName, successor.accessKeyId],
    {
      what: `it goes on when the destination serves ${successor.accessKeyId} again, or when one of the two keys is gone`,
      at: null,
    },
  );

/** A person retired a key that has no successor, although it is served. */
export const retiredWhileServed = (facts: Facts, { accessKeyId: id }: AccessKey): Verdict =>
  blocked("rolled-back", `a destination still serves ${id}, which a person retired`, ["retire", facts.userName, id], {
    what: `it goes on when the destination serves another key, or when ${id} is gone`,
    at: null,
  });

export const successorInactive = (facts: Facts, key: AccessKey): Verdict =>
  blocked(
    "successor-inactive",
    `${key.accessKeyId}, the newest key, is ${key.status}`,
    ["retire", facts.userName, key.accessKeyId],
    {
      what: `it goes on when ${key.accessKeyId} is Active again or gone`,
      at: null,
    },
  );

export const clearEscrow = (id: AccessKeyId): Verdict =>
  act("leftover-escrow", `${id} was delivered, but the escrow still has it`, { kind: "clear-escrow", key: id }, null);

export const markDelivered = (
  code: ReasonCode,
  sentence: string,
  successor: AccessKey,
  old: readonly AccessKey[],
): Verdict =>
  act(
    code,
    sentence,
    { kind: "mark-delivered", key: successor.accessKeyId, old: old.map((key) => key.accessKeyId) },
    { what: "the old key waits for its successor to take over", at: null },
  );

/**
 * A destination serves a key of another user: that is never overwritten, whatever record or escrow say. All destinations are
 * looked at, for a rotation and a resumed delivery write to each of them.
 */
export function anothersTarget(facts: Facts): Verdict | null {
  for (const stranger of facts.strangers()) {
    const owner = facts.ownerOf(stranger);
    if (owner === null || owner === facts.userName) continue;
    return blocked("target-of-another-user", `the target serves ${stranger}, a key of ${owner}`, null, {
      what: `give ${facts.userName} a target of its own`,
      at: null,
    });
  }
  return null;
}

/** A successor is made, where there is room for it: IAM would refuse a third key, Inactive ones counted. */
export function rotate(facts: Facts, code: ReasonCode, sentence: string, orphan: AccessKey | null = null): Verdict {
  const there = facts.keys.map((key) => key.accessKeyId);
  if (there.length >= KEYS_PER_USER) return noFreeSlot(facts, sentence);
  const known = [...there, ...facts.strangers()];
  const lost = orphan === null ? {} : { orphan: orphan.accessKeyId };
  return anothersTarget(facts) ?? act(code, sentence, { kind: "rotate", known, ...lost }, null);
}

function noFreeSlot(facts: Facts, sentence: string): Verdict {
  const filler = facts.keys.find((key) => key.status !== "Active") ?? facts.keys[0];
  if (filler === undefined) throw new Error("no free slot, but no key either");
  const command: Command | null = filler.status === "Unknown" ? null : ["retire", facts.userName, filler.accessKeyId];
  return blocked(
    "no-free-slot",
    `${sentence}, but ${filler.accessKeyId} (${filler.status}) fills the other slot`,
    command,
    { what: `it goes on when ${filler.accessKeyId} is gone`, at: null },
  );
}

export function resume(facts: Facts, key: AccessKey, older: readonly AccessKey[]): Verdict {
  const action: Action = {
    kind: "resume",
    key: key.accessKeyId,
    known: older.filter((each) => each !== key).map((each) => each.accessKeyId),
  };
  return (
    anothersTarget(facts) ??
    act(
      "unfinished",
      `${key.accessKeyId} was created for ${facts.userName} and its secret is safe, but not delivered everywhere`,
      action,
      null,
    )
  );
}

export function deactivate(
  facts: Facts,
  { code, sentence }: { code: ReasonCode; sentence: string },
  key: AccessKey,
  successor: AccessKey,
  others: readonly AccessKeyId[],
): Verdict {
  const { delete: rule } = facts.terms.policy;
  const next =
    rule.when === "after" ? { what: `${key.accessKeyId} is deleted`, at: later(facts.now, rule.after) } : null;
  return act(
    code,
    sentence,
    { kind: "deactivate", key: key.accessKeyId, successor: successor.accessKeyId, others },
    next,
  );
}

export function shutGate(facts: Facts, gate: Extract<Gate, { open: false }>, what: string, command: Command): Verdict {
  if (gate.overdue) return blocked(gate.code, gate.sentence, command, { what, at: gate.at });
  const wanted = facts.terms.asked || facts.terms.policy.delete.when === "never";
  return waiting(gate.code, gate.sentence, { what, at: gate.at }, wanted ? command : null);
}

export const act = (code: ReasonCode, sentence: string, action: Action, next: NextStep | null): Verdict => ({
  standing: "act",
  action,
  code,
  sentence,
  next,
  command: null,
});

export const waiting = (
  code: ReasonCode,
  sentence: string,
  next: NextStep,
  command: Command | null = null,
): Verdict => ({
  standing: "waiting",
  action: null,
  code,
  sentence,
  next,
  command,
});

export const blocked = (
  code: ReasonCode,
  sentence: string,
  command: Command | null,
  next: NextStep | null = null,
): Verdict => ({
  standing: "blocked",
  action: null,
  code,
  sentence,
  next,
  command,
});

export const still = (
  standing: Standing,
  code: ReasonCode,
  sentence: string,
  next: NextStep | null = null,
): Verdict => ({
  standing,
  action: null,
  code,
  sentence,
  next,
  command: null,
});
