import { LAST_USE_LAG } from "./facts.ts";
import { InvalidInput } from "./invalid-input.ts";
import type { Policy } from "./policy.ts";
import { type Duration, formatDuration, milliseconds } from "./time.ts";

export interface AgePlan {
  /** The longest age of rotation at which no key is ever Active for longer than the limit. */
  readonly rotateAfter: Duration;
  /** The rest of the policy waits for consumers or people: then the limit holds only where they take part. */
  readonly waits: boolean;
}

/**
 * Derives `rotateAfter` from a limit on the age of any Active key. A key is older than `rotateAfter` by up to one interval
 * between runs when its successor is made, then waits for the policy's retirement, and again for a run.
 * Throws {@link InvalidInput} where the policy's own waiting times leave no room below the limit.
 */
export function planForMaxAge(limit: Duration, policy: Policy, runEvery: Duration): AgePlan {
  const { wait, waits, periods } = retirement(policy);
  const left = limit - wait - 2 * runEvery;
  const rotateAfter = Math.floor(left / periods / 60_000) * 60_000;
  if (rotateAfter <= 0) {
    throw new InvalidInput(
      `no key can stay below ${formatDuration(limit)}: the policy keeps an old key for ${formatDuration(milliseconds(wait))}, and a run comes every ${formatDuration(runEvery)}`,
      "raise the limit, run more often, or shorten the time that old keys are kept",
    );
  }
  return { rotateAfter: milliseconds(rotateAfter), waits };
}

/** How long a predecessor stays Active at the least, and for how many periods of rotation. */
function retirement({ deactivate, delete: remove }: Policy): {
  wait: number;
  waits: boolean;
  periods: 1 | 2;
} {
  switch (deactivate.when) {
    case "delivered":
      return { wait: 0, waits: false, periods: 1 };
    case "after":
      return { wait: deactivate.after, waits: false, periods: 1 };
    case "superseded":
      return { wait: LAST_USE_LAG, waits: true, periods: 1 };
    case "idle":
      if (deactivate.atLatest !== "never") return { wait: deactivate.atLatest, waits: false, periods: 1 };
      return { wait: deactivate.for + LAST_USE_LAG, waits: true, periods: 1 };
    case "never":
      switch (remove.when) {
        case "never":
          throw new InvalidInput("the policy keeps old keys Active for ever", "let it deactivate or delete them");
        case "after":
          return { wait: Math.max(remove.after, remove.quiet + LAST_USE_LAG), waits: true, periods: 1 };
        case "next-rotation":
          return { wait: Math.max(remove.overlap, remove.quiet + LAST_USE_LAG), waits: true, periods: 2 };
      }
  }
}
