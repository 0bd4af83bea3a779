import { LAST_USE_LAG, LEASE, TURN } from "./facts.ts";
import { InvalidInput } from "./invalid-input.ts";
import type { DeleteRule, Policy } from "./policy.ts";
import { type Duration, formatDuration, milliseconds } from "./time.ts";

export interface AgePlan {
  /** The longest age of rotation at which no key is ever Active for longer than the limit. */
  readonly rotateAfter: Duration;
  /** The rest of the policy waits for consumers or people: then the limit holds only where they take part. */
  readonly waits: boolean;
}

/**
 * Derives `rotateAfter` from a limit on the age of any Active key. A key is older than `rotateAfter` by up to one interval
 * between runs when its successor is made, then waits for the policy's retirement, and again for a run. Turns take time too.
 * Throws {@link InvalidInput} where the policy's own waiting times leave no room below the limit: an old key must be gone
 * before its successor can be replaced.
 */
export function planForMaxAge(limit: Duration, policy: Policy, runEvery: Duration): AgePlan {
  const kept = retirement(policy);
  const run = runEvery + TURN;
  // As long as the record of the step before is younger than the lease, every run waits.
  const wait = Math.max(kept.wait, LEASE);
  const rotateAfter = Math.floor((limit - wait - 2 * run) / kept.periods / 60_000) * 60_000;
  const slotFreeAfter = wait + run + (kept.retention === null ? 0 : Math.max(kept.retention, LEASE) + run);
  if (rotateAfter <= 0 || slotFreeAfter + wait + run > limit) {
    const then = kept.retention === null ? "" : `, then Inactive for ${formatDuration(milliseconds(kept.retention))}`;
    throw new InvalidInput(
      `no key can stay below ${formatDuration(limit)}: the policy keeps an old key for ${formatDuration(milliseconds(kept.wait))}${then}, and a run comes every ${formatDuration(runEvery)}`,
      "raise the limit, run more often, or shorten the time that old keys are kept",
    );
  }
  return { rotateAfter: milliseconds(rotateAfter), waits: kept.waits };
}

interface Retirement {
  /** How long a predecessor stays Active at the least. */
  readonly wait: number;
  /** Somebody must do something besides. */
  readonly waits: boolean;
  /** For how many periods of rotation a key is Active. */
  readonly periods: 1 | 2;
  /** How long it then fills its slot Inactive; null where it is deleted while it is Active. */
  readonly retention: number | null;
}

function retirement({ deactivate, delete: remove }: Policy): Retirement {
  switch (deactivate.when) {
    case "delivered":
      return { wait: 0, waits: false, periods: 1, retention: retentionOf(remove) };
    case "after":
      return { wait: deactivate.after, waits: false, periods: 1, retention: retentionOf(remove) };
    case "superseded":
      return { wait: LAST_USE_LAG, waits: true, periods: 1, retention: retentionOf(remove) };
    case "idle":
      return deactivate.atLatest === "never"
        ? { wait: deactivate.for + LAST_USE_LAG, waits: true, periods: 1, retention: retentionOf(remove) }
        : { wait: deactivate.atLatest, waits: false, periods: 1, retention: retentionOf(remove) };
    case "never":
      switch (remove.when) {
        case "never":
          throw new InvalidInput("the policy keeps old keys Active for ever", "let it deactivate or delete them");
        case "after":
          return {
            wait: Math.max(remove.after, remove.quiet + LAST_USE_LAG),
            waits: true,
            periods: 1,
            retention: null,
          };
        case "next-rotation":
          return {
            wait: Math.max(remove.overlap, remove.quiet + LAST_USE_LAG),
            waits: true,
            periods: 2,
            retention: null,
          };
      }
  }
}

function retentionOf(remove: DeleteRule): number {
  switch (remove.when) {
    case "after":
      return remove.after;
    case "next-rotation":
      return remove.overlap;
    case "never":
      throw new InvalidInput(
        "the policy never deletes old keys, so that the slot for a next successor is never free",
        "let it delete them after a time",
      );
  }
}
