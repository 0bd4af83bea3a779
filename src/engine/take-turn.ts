import type { AccessKeyId } from "../core/access-key.ts";
import { decide } from "../core/decide.ts";
import type { Action, UserDecision } from "../core/decision.ts";
import type { Observation } from "../core/observation.ts";
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

/** One turn at one user: reads everything afresh, decides, and performs that one decision where `accept` takes it. */
export async function takeTurn(
  world: World,
  subject: Subject,
  slot: Slot,
  before: Foreknowledge,
  accept: (decision: UserDecision) => boolean,
): Promise<TurnReport> {
  const turn = new Turn(world, subject, slot);
  const readAt = world.clock.monotonic();
  const seen = await observe(world, subject, before);
  const decision = decide(seen, subject.terms, world.clock.now());
  const { action } = decision;
  if (action === null || !accept(decision)) return { seen, decision, outcome: null };
  try {
    const created = await perform(turn, seen, decision, action, readAt);
    return { seen, decision, outcome: { kind: "done", action, created } };
  } catch (error) {
    return { seen, decision, outcome: asTurnEnd("reading again", error).outcome };
  }
}

/** Performs one action. Answers with the id of the key that it made, if it made one. */
async function perform(
  turn: Turn,
  seen: Observation,
  { sentence }: UserDecision,
  action: Action,
  readAt: number,
): Promise<AccessKeyId | null> {
  switch (action.kind) {
    case "rotate": {
      const created = await rotate(turn, action.known, readAt);
      await deactivateAtOnce(turn, created, action.known);
      return created;
    }
    case "resume":
      await resume(turn, action.key, action.known);
      await deactivateAtOnce(turn, action.key, action.known);
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
  const seen = await observeServed(turn.world, turn.subject);
  const keys = seen.keys.kind === "known" ? seen.keys.value : [];
  // The key that signs this very run goes in a later one, which signs with the successor.
  const [key, ...others] = known.filter(
    (id) => id !== seen.signedBy && keys.some((each) => each.accessKeyId === id && each.status === "Active"),
  );
  if (key === undefined) return;
  if (!keys.some((each) => each.accessKeyId === successor && each.status === "Active"))
    throw new TurnEnd("stopped", `${successor} is not Active any more; the old key stays`);
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
