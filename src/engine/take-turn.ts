import type { AccessKeyId, Tags } from "../core/access-key.ts";
import { decide } from "../core/decide.ts";
import type { Action, Beginning, UserDecision } from "../core/decision.ts";
import type { Observation } from "../core/observation.ts";
import { LEASE } from "../core/facts.ts";
import { isOpen, mentions, named, parseRecord, RECORD_TAG } from "../core/record.ts";
import { age, type Instant } from "../core/time.ts";
import { type Foreknowledge, observe, observeServed } from "./observe.ts";
import { deactivate, remove } from "./retire.ts";
import { resume, rotate } from "./rotate.ts";
import type { Slot } from "./slots.ts";
import { asTurnEnd, type Outcome, Turn, TurnEnd } from "./turn.ts";
import type { Subject, World } from "./world.ts";

/** What a turn saw, decided and came to. */
export interface TurnReport {
  readonly seen: Observation;
  readonly decision: UserDecision;
  /** Null where there was nothing (more) to do, or where the decision was not accepted. */
  readonly outcome: Outcome | null;
}

/** How a turn rotates, and how it finishes a rotation: the whole of it, or the part that somebody else calls for. */
export interface RotationParts {
  /** Answers with the id of the key that it made. `readAt` = when the reading began that the decision rests on, monotonic. */
  readonly rotate: (turn: Turn, before: Beginning, readAt: number) => Promise<AccessKeyId>;
  readonly resume: (turn: Turn, key: AccessKeyId, known: readonly AccessKeyId[], readAt: number) => Promise<void>;
}

/** A rotation from end to end. */
const wholeRotation: RotationParts = {
  rotate: async (turn, before, readAt) => {
    const created = await rotate(turn, before, readAt);
    await deactivateAtOnce(turn, created, before.known);
    return created;
  },
  resume: async (turn, key, known, readAt) => {
    await resume(turn, key, known, readAt);
    await deactivateAtOnce(turn, key, known);
  },
};

/** One turn at one user: reads everything afresh, decides, and performs that one decision where `accept` takes it. */
export async function takeTurn(
  world: World,
  subject: Subject,
  slot: Slot,
  before: Foreknowledge,
  accept: (decision: UserDecision) => boolean,
  parts: RotationParts = wholeRotation,
): Promise<TurnReport> {
  let { turn, readAt, seen } = await look(world, subject, slot, before);
  if (mayChangeYet(seen, world.clock.now())) {
    await turn.settle();
    ({ turn, readAt, seen } = await look(world, subject, slot, before));
  }
  const decision = decide(seen, subject.terms, world.clock.now());
  const { action } = decision;
  if (action === null || !accept(decision)) return { seen, decision, outcome: null };
  try {
    mustFitAsBefore(subject, seen);
    turn.mustBeFresh();
    const created = await perform(turn, seen, decision, action, readAt, parts);
    return { seen, decision, outcome: { kind: "done", action, created } };
  } catch (error) {
    return { seen, decision, outcome: asTurnEnd("reading again", error).outcome };
  }
}

/** A new turn, and what it sees. */
async function look(world: World, subject: Subject, slot: Slot, before: Foreknowledge) {
  const turn = new Turn(world, subject, slot);
  const readAt = world.clock.monotonic();
  return { turn, readAt, seen: await observe(world, subject, before) };
}

/**
 * A runner that died a moment ago may have made a key that IAM does not list yet, or made one Inactive that IAM still calls Active.
 * Whoever declared an intent of their own now would overwrite the only thing that explains it. Where nobody can prove the death,
 * the lease is longer than IAM needs.
 */
function mayChangeYet({ record, keys, ownerDead }: Observation, now: Instant): boolean {
  if (!ownerDead || record.kind !== "known" || keys.kind !== "known") return false;
  const left = parseRecord(record.value);
  if (left.phase === "retiring")
    return (
      age(left.at, now) < LEASE && named(left.old.slice(0, 1), keys.value).some(({ status }) => status === "Active")
    );
  if (!isOpen(left) || age(left.at, now) >= LEASE) return false;
  return keys.value.every(({ accessKeyId }) => mentions(left.known, accessKeyId));
}

/**
 * Where rules go by tags, policy, targets and exemptions were chosen by the tags that the user had when the run began. With
 * other tags, others may hold: the next run chooses anew. The record's own tag is no such tag.
 */
function mustFitAsBefore({ user, tags: before }: Subject, { tags: now }: Observation): void {
  if (before === undefined || now.kind !== "known") return;
  const tags = withoutRecord(now.value);
  if (tags.length === withoutRecord(before).length && tags.every(([key, value]) => before.get(key) === value)) return;
  throw new TurnEnd("stopped", `the tags of ${user.userName} changed since the run began, and rules go by tags`);
}

const withoutRecord = (tags: Tags) => [...tags].filter(([key]) => key !== RECORD_TAG);

/** Performs one action. Answers with the id of the key that it made, if it made one. */
async function perform(
  turn: Turn,
  seen: Observation,
  { sentence }: UserDecision,
  action: Action,
  readAt: number,
  parts: RotationParts,
): Promise<AccessKeyId | null> {
  switch (action.kind) {
    case "rotate":
      return parts.rotate(turn, action, readAt);
    case "resume":
      await parts.resume(turn, action.key, action.known, readAt);
      return null;
    case "mark-delivered":
      await turn.record({ phase: "delivered", new: action.key, old: action.old });
      return null;
    case "clear-escrow":
      await turn.step("clear-escrow", [action.key], sentence, async () =>
        turn.world.escrow?.clear(turn.userName, action.key),
      );
      return null;
    case "deactivate":
      await deactivate(turn, seen, action, sentence);
      return null;
    case "delete":
    case "remove-orphan":
      await remove(turn, seen, action.kind, action.key, sentence);
      return null;
  }
}

/** Where the policy promises that consumers read again when they are refused, the old key goes in the turn that delivered the new one. */
async function deactivateAtOnce(turn: Turn, successor: AccessKeyId, known: readonly AccessKeyId[]): Promise<void> {
  if (turn.subject.terms.policy.deactivate.when !== "delivered") return;
  const seen = await seenWith(turn, successor);
  const keys = activeIn(seen);
  // The key that signs this very run goes in a later one, which signs with the successor.
  const [key, ...others] = known.filter((id) => id !== seen.signedBy && keys.includes(id));
  if (key === undefined) return;
  const doubt = seen.destinations.find(
    ({ readable, served }) => readable && (served.kind !== "known" || served.value.accessKeyId !== successor),
  );
  if (doubt !== undefined)
    throw new TurnEnd("stopped", `${doubt.label} could not be read back; the old key stays for now`);
  await deactivate(
    turn,
    seen,
    { kind: "deactivate", key, successor, others },
    "the successor was delivered and signs in",
  );
}

/** What is there now, the successor among it: a key of a few seconds' age may be missing from what IAM lists. */
async function seenWith(turn: Turn, successor: AccessKeyId): Promise<Observation> {
  const seen = await observeServed(turn.world, turn.subject);
  if (activeIn(seen).includes(successor)) return seen;
  await turn.settle();
  const settled = await observeServed(turn.world, turn.subject);
  if (activeIn(settled).includes(successor)) return settled;
  throw new TurnEnd("stopped", `${successor} is not among the Active keys yet; the old key stays for now`);
}

const activeIn = ({ keys }: Observation): readonly AccessKeyId[] =>
  keys.kind === "known" ? keys.value.filter((key) => key.status === "Active").map((key) => key.accessKeyId) : [];
