import { InvalidInput } from "./invalid-input.ts";
import { type Duration, days, formatDuration, hours, milliseconds } from "./time.ts";

/** When a predecessor is made Inactive. Counted from the delivery of its successor, and again from every later write to a destination. */
export type DeactivateRule =
  /**
   * The successor is used by somebody else than us, and the predecessor has been quiet for `for` (IAM's lag comes on top).
   * From `remindAfter` on a gate that stays shut blocks the user aloud; from `atLatest` on it opens although the key is in use.
   */
  | {
      readonly when: "idle";
      readonly for: Duration;
      readonly remindAfter: Duration;
      readonly atLatest: Duration | "never";
    }
  /** The successor is used by somebody else, later than the predecessor. */
  | { readonly when: "superseded"; readonly remindAfter: Duration }
  /** Time alone: consumers promise to read their destination at least that often. */
  | { readonly when: "after"; readonly after: Duration }
  /** At once, after the delivery is proved: consumers promise to read again when they are refused. */
  | { readonly when: "delivered" }
  /** Deleted without ever being made Inactive. */
  | { readonly when: "never" };

/** When a predecessor is deleted. `quiet` = an Active one must not have been used for that long (IAM's lag comes on top). */
export type DeleteRule =
  /** Since it was made Inactive; since the delivery where it never is. */
  | { readonly when: "after"; readonly after: Duration; readonly quiet: Duration }
  /** To make room, once the successor is itself due; `overlap` = both keys have stood side by side for at least that long. */
  | { readonly when: "next-rotation"; readonly overlap: Duration; readonly quiet: Duration }
  | { readonly when: "never" };

/**
 * Deletes a key that a person made Inactive, `deleteAfter` its latest sign of life: IAM keeps no time of deactivation.
 * `onlyReplaced` = only where a newer key stands beside it, never the newest one; and the creation of that newer key, or a
 * record that calls it retired or succeeded, counts as a sign too, for about then it went out of use.
 */
export interface DeleteInactiveRule {
  readonly deleteAfter: Duration;
  readonly onlyReplaced?: boolean;
}

/** How the keys of one user are rotated. */
export interface Policy {
  /** Age of a key at which a successor is made; 0 = on every run. */
  readonly rotateAfter: Duration;
  readonly deactivate: DeactivateRule;
  readonly delete: DeleteRule;
  /** Users without any key. */
  readonly usersWithoutKey: "skip" | "create";
  /** Several Active keys that no record and no destination explains. */
  readonly unexplainedKeys: "report" | "delete-oldest" | "deactivate-idle";
  /** Keys that a person made Inactive. */
  readonly inactiveKeys: "report" | DeleteInactiveRule;
  /**
   * Due keys that nobody has used for `unusedAfter`. `deactivate` switches such a key off where another Active key remains
   * and no destination serves it; the only Active key of a user is never switched off without a person.
   */
  readonly unusedKeys: "report" | "deactivate" | "rotate";
  readonly unusedAfter: Duration;
  /** Users with a console password. */
  readonly humans: "exclude" | "include";
}

const base = {
  usersWithoutKey: "skip",
  unexplainedKeys: "report",
  inactiveKeys: "report",
  unusedAfter: days(90),
} as const satisfies Partial<Policy>;

/** Policies under names: `safe` is keyturn's own and the default, each of the others follows an older tool that keyturn replaces. */
export const presets = {
  safe: {
    ...base,
    rotateAfter: days(90),
    deactivate: { when: "idle", for: days(7), remindAfter: days(14), atLatest: "never" },
    delete: { when: "after", after: days(30), quiet: milliseconds(0) },
    unusedKeys: "report",
    humans: "exclude",
  },
  "two-key": {
    ...base,
    rotateAfter: days(0),
    deactivate: { when: "never" },
    delete: { when: "next-rotation", overlap: days(1), quiet: days(1) },
    usersWithoutKey: "create",
    unexplainedKeys: "delete-oldest",
    inactiveKeys: { deleteAfter: days(1) },
    unusedKeys: "rotate",
    humans: "include",
  },
  superseded: {
    ...base,
    rotateAfter: days(60),
    deactivate: { when: "superseded", remindAfter: days(14) },
    delete: { when: "after", after: days(10), quiet: milliseconds(0) },
    usersWithoutKey: "create",
    unexplainedKeys: "deactivate-idle",
    unusedKeys: "rotate",
    humans: "include",
  },
  expiring: {
    ...base,
    rotateAfter: days(85),
    deactivate: { when: "never" },
    delete: { when: "after", after: days(5), quiet: days(1) },
    unusedKeys: "rotate",
    humans: "include",
  },
  threshold: {
    ...base,
    rotateAfter: days(90),
    deactivate: { when: "delivered" },
    delete: { when: "after", after: days(30), quiet: milliseconds(0) },
    unusedKeys: "rotate",
    humans: "include",
  },
  "secrets-manager": {
    ...base,
    rotateAfter: days(30),
    deactivate: { when: "idle", for: days(1), remindAfter: days(14), atLatest: "never" },
    delete: { when: "after", after: days(1), quiet: milliseconds(0) },
    unusedKeys: "rotate",
    humans: "include",
  },
} as const satisfies Record<string, Policy>;

export type PresetName = keyof typeof presets;

export const presetNames = Object.keys(presets) as readonly PresetName[]; // Object.keys forgets the names

/** The preset of this name. Throws {@link InvalidInput} with the names that exist. */
export function preset(name: string): Policy {
  if (Object.hasOwn(presets, name)) return presets[name as PresetName]; // just looked up
  throw new InvalidInput(`there is no policy "${name}"`, `one of: ${presetNames.join(", ")}`);
}

/** Throws {@link InvalidInput} where the parts of a policy contradict each other. */
export function checkPolicy(policy: Policy): Policy {
  const { deactivate, delete: remove } = policy;
  if (deactivate.when === "idle" && deactivate.atLatest !== "never" && deactivate.atLatest <= deactivate.remindAfter) {
    throw new InvalidInput(
      `deactivate.atLatest (${formatDuration(deactivate.atLatest)}) is not later than remindAfter (${formatDuration(deactivate.remindAfter)})`,
      "whoever still uses the old key must be told before it is switched off",
    );
  }
  if (deactivate.when === "never" && remove.when === "after" && remove.after < hours(1)) {
    throw new InvalidInput(
      "the old key would be deleted within an hour of the delivery, without being deactivated first",
      "raise delete.after, or set deactivate.when to delivered",
    );
  }
  return policy;
}
