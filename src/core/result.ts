import type { AccessKey, AccessKeyId, LastUse } from "./access-key.ts";
import type { Action, Command, KeyDecision, NextStep, Standing } from "./decision.ts";
import type { Notice } from "./owner.ts";
import type { ReasonCode } from "./reasons.ts";
import type { RuledOut } from "./sift.ts";

/**
 * What became of a user in one run. `changed` = every step that was taken succeeded · `due` = a step would be taken, but this
 * was only a look · `deferred` = beyond the pace of this run · `not-in-plan` · `interrupted` = before its turn came ·
 * `failed` = a step failed, or a question was not answered. The rest is where the user stands without a step.
 */
export type UserOutcome =
  | "changed"
  | "due"
  | "deferred"
  | "not-in-plan"
  | "interrupted"
  | "failed"
  | Exclude<Standing, "act" | "unknown">;

/** One step that was tried. */
export interface StepReport {
  readonly action: Action;
  readonly result: "done" | "stopped" | "failed";
  /** The key that a rotation made. */
  readonly created: AccessKeyId | null;
  readonly sentence: string;
  readonly hint: string | null;
}

/** One notice that the owner was to get. What was not sent is tried again by the next run. */
export interface NoticeReport {
  readonly kind: Notice["kind"];
  /** The key that it is about; null where it is about none. */
  readonly accessKeyId: AccessKeyId | null;
  readonly result: "sent" | "failed";
  /** Why it failed; empty where it was sent. */
  readonly sentence: string;
}

export interface KeyReport extends AccessKey, Omit<KeyDecision, "accessKeyId"> {
  /** `unread` where no decision needed it, or where it could not be read. */
  readonly lastUse: LastUse | null | "unread";
}

/** One user in the result of any command: an inventory, a plan, a run. No secret. */
export interface UserReport {
  readonly userName: string;
  readonly path: string;
  readonly outcome: UserOutcome;
  readonly code: ReasonCode;
  readonly sentence: string;
  readonly next: NextStep | null;
  readonly command: Command | null;
  /** The keys as they were found. */
  readonly keys: readonly KeyReport[];
  readonly destinations: readonly string[];
  /** What would be done, in order; empty where nothing would. */
  readonly planned: readonly Action[];
  /** What was tried, in order; empty in plans and inventories. */
  readonly steps: readonly StepReport[];
  /** Why the user was not read exactly; absent = it was. */
  readonly ruledOut?: RuledOut;
  /** What the owner was told, or could not be told; absent = nothing. */
  readonly notices?: readonly NoticeReport[];
  /** What else a person should know, and what stops nobody: whole sentences; absent = nothing. */
  readonly notes?: readonly string[];
}
