import type { UserReport } from "../../src/core/result.ts";
import type { ReasonCode } from "../../src/core/reasons.ts";
import type { Setup, State } from "./state.ts";

/** Nothing is left to do: one proved key, made by a run, is at every destination, and nothing else is left over. */
export function isGoal({ policy }: Setup, { keys, stores, escrow, rotations }: State): boolean {
  const newest = keys.at(-1);
  if (newest === undefined || newest.maker !== "run" || newest.status !== "Active" || !newest.proved) return false;
  const everywhere = stores.every((store) => store.serves === newest.id && store.pending === null);
  // A policy that keeps two keys is at its goal once a successor has pushed out what it should.
  const twoKeys = policy.delete.when === "next-rotation";
  const settled = twoKeys ? keys.every((key) => key.status === "Active") && rotations >= 2 : keys.length === 1;
  // An entry of a key that is gone is worth nothing to anybody; nothing clears it, for a listing that lags looks the same.
  return settled && everywhere && !escrow.some((id) => keys.some((key) => key.id === id));
}

/** What has to have happened, any of it, before a report may be where a story ends: the protocol's section 7. */
const EXPLAINED_BY: Partial<Record<ReasonCode, readonly string[]>> = {
  "only-key-inactive": ["off", "drop"],
  "successor-inactive": ["off"],
  "inactive-not-ours": ["off", "strip", "late-intent"],
  "rolled-back": ["back"],
  "destination-changed": ["back", "drop"],
  "target-serves-unknown-key": ["drop", "back"],
  "no-keys": ["drop"],
  // A late intent overwrites what another run recorded: section 8, "S violated".
  unexplained: ["make", "strip", "late-intent"],
  "predecessor-in-use": ["on", "make"],
  "no-free-slot": ["off", "make", "on", "back", "strip", "late-intent"],
};

/** Null where this report may be the end of this story, else why not. */
export function unexplainedEnd(
  setup: Setup,
  { disturbed }: State,
  { outcome, code, sentence }: UserReport,
): string | null {
  if ((EXPLAINED_BY[code] ?? []).some((cause) => disturbed.includes(cause))) return null;
  // The only destination cannot be read back and there is no escrow: nobody can tell whether it arrived.
  const blind = !setup.escrow && setup.stores.includes("write-only");
  if (code === "maybe-delivered" && blind && ["crash", "slow"].some((cause) => disturbed.includes(cause))) return null;
  return `it ends ${outcome}, ${code}: ${sentence}`;
}
