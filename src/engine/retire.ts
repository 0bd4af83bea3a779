import type { AccessKey, AccessKeyId } from "../core/access-key.ts";
import type { Action } from "../core/decision.ts";
import type { Observation } from "../core/observation.ts";
import { parseRecord, refersTo } from "../core/record.ts";
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
  }
  return null;
}

/**
 * What a person who names one key may do, and no run by itself: an Active key is made Inactive (or deleted, where `deleteNow`),
 * an Inactive one is deleted, though it be served or the only one. The record remembers, so that runs go on from there.
 */
export async function retireByHand(
  turn: Turn,
  seen: Observation,
  id: AccessKeyId,
  deleteNow: boolean,
): Promise<"deactivated" | "deleted"> {
  const keys = seen.keys.kind === "known" ? seen.keys.value : [];
  const status = keys.find((each) => each.accessKeyId === id)?.status;
  if (status === undefined) throw new TurnEnd("stopped", `${turn.userName} has no key ${id}`);
  if (seen.signedBy === id)
    throw new TurnEnd("failed", `${id} signs this very run`, "use another identity, such as a role");
  if (status !== "Active" || deleteNow) {
    await turn.step("delete", [id], "a person named this key", () => turn.world.iam.deleteAccessKey(turn.userName, id));
    return "deleted";
  }
  const record = parseRecord(seen.record.kind === "known" ? seen.record.value : null);
  const successor =
    "new" in record && record.new !== null
      ? keys.find((key) => key.accessKeyId !== id && refersTo(record.new ?? "", key.accessKeyId))
      : undefined;
  await turn.record({ phase: "retiring", new: successor?.accessKeyId ?? null, old: [id] });
  await turn.step("deactivate", [id], "a person named this key", () => turn.world.iam.deactivate(turn.userName, id));
  return "deactivated";
}
