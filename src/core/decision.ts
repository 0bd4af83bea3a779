import type { AccessKeyId } from "./access-key.ts";
import type { ReasonCode } from "./reasons.ts";
import type { Instant } from "./time.ts";

/** What stands beside a key that is about to be made. */
export interface Beginning {
  readonly known: readonly AccessKeyId[];
  readonly orphan?: AccessKeyId;
}

/** One step that changes something, with the ids of the keys that it concerns. */
export type Action =
  /**
   * Make a successor. `known` = every key that stands beside it, and served keys that are gone. `orphan` = the one among them whose
   * secret an earlier run lost, though it is the only Active key.
   */
  | ({ readonly kind: "rotate" } & Beginning)
  /** Finish the delivery of a key whose secret is safe. */
  | { readonly kind: "resume"; readonly key: AccessKeyId; readonly known: readonly AccessKeyId[] }
  | { readonly kind: "remove-orphan"; readonly key: AccessKeyId }
  /** Write the record that a delivery took place. */
  | { readonly kind: "mark-delivered"; readonly key: AccessKeyId; readonly old: readonly AccessKeyId[] }
  | { readonly kind: "clear-escrow"; readonly key: AccessKeyId }
  /** `others` = further predecessors, which still wait. */
  | {
      readonly kind: "deactivate";
      readonly key: AccessKeyId;
      readonly successor: AccessKeyId;
      readonly others: readonly AccessKeyId[];
    }
  | { readonly kind: "delete"; readonly key: AccessKeyId };

/**
 * Where a user stands. `act` = this run does something · `waiting` = time or a consumer does the next step ·
 * `blocked` = a person has to · `unknown` = a question that the decision rests on was not answered this time ·
 * `settled` and `left-alone` = nothing is to be done.
 */
export type Standing = "act" | "waiting" | "blocked" | "unknown" | "settled" | "left-alone";

/** A command of the CLI that unsticks a user: words, not yet quoted for a shell. */
export type Command = readonly [program: string, ...words: string[]];

/** What happens next, and not before when (null where no date can be told). */
export interface NextStep {
  readonly what: string;
  readonly at: Instant | null;
}

/** What one key is in all this. */
export interface KeyDecision {
  readonly accessKeyId: AccessKeyId;
  readonly role: "current" | "successor" | "predecessor" | "orphan" | "unexplained" | "inactive";
  readonly code: ReasonCode;
  readonly sentence: string;
  readonly next: NextStep | null;
}

/** The one decision for a user, and one for each of its keys. */
export interface UserDecision {
  readonly userName: string;
  readonly standing: Standing;
  /** Null unless `standing` is `act`. */
  readonly action: Action | null;
  readonly code: ReasonCode;
  readonly sentence: string;
  readonly next: NextStep | null;
  readonly command: Command | null;
  readonly keys: readonly KeyDecision[];
}

/** A decision before the keys are described one by one. */
export type Verdict = Omit<UserDecision, "userName" | "keys">;

/** The keys that an action names, for audit, plans and reports. */
export function keysOf(action: Action): readonly AccessKeyId[] {
  switch (action.kind) {
    case "rotate":
      return action.known;
    case "resume":
      return [action.key, ...action.known];
    case "mark-delivered":
      return [action.key, ...action.old];
    case "deactivate":
      return [action.key, action.successor, ...action.others];
    case "remove-orphan":
    case "clear-escrow":
    case "delete":
      return [action.key];
  }
}

/** Whether two actions are the same step on the same keys, each in the same part; the order of lists does not matter. */
export function sameAction(a: Action | null, b: Action | null): boolean {
  return a === null || b === null ? a === b : identity(a) === identity(b);
}

function identity(action: Action): string {
  const main = action.kind === "rotate" ? [] : keysOf(action).slice(0, action.kind === "deactivate" ? 2 : 1);
  return [action.kind, ...main, ...keysOf(action).slice(main.length).toSorted()].join(" ");
}
