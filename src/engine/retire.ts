import type { AccessKey, AccessKeyId } from "../core/access-key.ts";
import type { Action } from "../core/decision.ts";
import type { Observation } from "../core/observation.ts";
import { BrokenInvariant } from "./broken-invariant.ts";
import { type Turn, TurnEnd } from "./turn.ts";

/**
 * Makes a predecessor Inactive. The record says so first; then keys and destinations are read once more, because the write of
 * the record took time in which a person may have turned things round.
 */
export async function deactivate(
  turn: Turn,
  seen: Observation,
  action: Extract<Action, { kind: "deactivate" }>,
  reason: string,
): Promise<void> {
  const { key, successor, others } = action;
  mayGo(seen, key);
  await turn.record({ phase: "retiring", new: successor, old: [key, ...others] });
  const keys = await readKeys(turn);
  const changed = whatChanged(keys, action) ?? (await servedElsewhere(turn, seen, key));
  if (changed !== null) throw new TurnEnd("stopped", changed);
  await turn.step("deactivate", [key], reason, () => turn.world.iam.deactivate(turn.userName, key));
}

/** Deletes a key that the decision, made from what was read just before, found to be done with. */
export async function remove(
  turn: Turn,
  seen: Observation,
  step: "delete" | "remove-orphan",
  key: AccessKeyId,
  reason: string,
): Promise<void> {
  mayGo(seen, key);
  await turn.step(step, [key], reason, () => turn.world.iam.deleteAccessKey(turn.userName, key));
}

/**
 * The last line of defence, independent of the decision table: a served key and the only Active key never go.
 * Throws {@link BrokenInvariant}.
 */
export function mayGo(seen: Observation, id: AccessKeyId): void {
  const keys = seen.keys.kind === "known" ? seen.keys.value : [];
  const key = keys.find((each) => each.accessKeyId === id);
  if (key?.status === "Active" && !keys.some((each) => each.accessKeyId !== id && each.status === "Active")) {
    throw new BrokenInvariant(`${id} is the only Active key of ${seen.user.userName}`);
  }
  for (const { label, readable, served } of seen.destinations) {
    if (!readable) continue;
    if (served.kind !== "known") throw new BrokenInvariant(`nobody read what ${label} serves before ${id} was to go`);
    if (served.value.accessKeyId === id) throw new BrokenInvariant(`${label} serves ${id}`);
  }
}

async function readKeys(turn: Turn): Promise<readonly AccessKey[]> {
  turn.guard();
  return (await turn.world.iam.listAccessKeys(turn.userName)) ?? [];
}

function whatChanged(
  keys: readonly AccessKey[],
  { key, successor }: Extract<Action, { kind: "deactivate" }>,
): string | null {
  const isActive = (id: AccessKeyId) => keys.some((each) => each.accessKeyId === id && each.status === "Active");
  if (!isActive(key)) return `${key} is not Active any more`;
  if (!isActive(successor)) return `${successor}, its successor, is not Active any more`;
  return null;
}

async function servedElsewhere(turn: Turn, seen: Observation, key: AccessKeyId): Promise<string | null> {
  for (const [index, destination] of turn.subject.destinations.entries()) {
    turn.guard();
    const now = await destination.read?.();
    const before = seen.destinations[index]?.served;
    if (now === undefined || before?.kind !== "known") continue;
    if (now.accessKeyId === key || now.accessKeyId !== before.value.accessKeyId)
      return `${destination.label} serves ${now.accessKeyId ?? "no key"} now`;
    // Whoever wrote another value there and then this one again has shown the other to consumers.
    if (now.writtenAt !== before.value.writtenAt) return `${destination.label} was written a moment ago`;
  }
  return null;
}
