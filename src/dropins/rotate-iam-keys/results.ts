import type { AccessKey, AccessKeyId, KeyPair } from "../../core/access-key.ts";
import type { ReasonCode } from "../../core/reasons.ts";
import type { KeyReport, StepReport, UserReport } from "../../core/result.ts";
import { age, days, type Instant } from "../../core/time.ts";
import { commandLine } from "../../report/words.ts";

/* What the script reports, under its names and in its order: these objects are printed as they are. */

/** One entry of `rotated_keys`. Where it succeeded the document shows `new_secret_key` behind it. */
export interface Rotation {
  readonly username: string;
  readonly old_key_id: string | null;
  /** `DRY_RUN_KEY_ID` in a dry run. */
  readonly new_key_id: string | null;
  readonly success: boolean;
  readonly error: string | null;
  readonly dry_run: boolean;
}

/** One entry of `cleanup_results`: only users of whom something was deleted have one. */
export interface Cleanup {
  readonly username: string;
  readonly deleted_keys: readonly string[];
  readonly success: boolean;
  readonly error: string | null;
  readonly dry_run: boolean;
}

export interface Summary {
  readonly total_keys_processed: number;
  readonly successful_rotations: number;
  readonly failed_rotations: number;
  readonly cleanup_operations: number;
}

/** What the result begins with. */
export interface Head {
  /** As Python prints a moment in UTC: `2025-07-07T21:30:00.123000+00:00`. */
  readonly execution_time: string;
  readonly dry_run: boolean;
  readonly days_threshold: number;
}

/** What stands behind `rotated_keys`. `summary` is null where an error ended the run: the script prints an empty one. */
export interface Tail {
  readonly cleanup_results: readonly Cleanup[];
  readonly errors: readonly string[];
  readonly summary: Summary | null;
}

/** Where the result goes, in one of the script's two formats. All methods throw `CallError` where it cannot be written. */
export interface Result {
  /** Throws where an entry could not be added any more. */
  check(): Promise<void>;
  open(head: Head): Promise<void>;
  /** Adds an entry of `rotated_keys`; `pair` = the key that is handed out with it. Resolves when the entry has left. */
  add(rotation: Rotation, pair: KeyPair | null): Promise<void>;
  close(tail: Tail): Promise<void>;
}

/** Everything of one user that the result tells besides rotations that were told already. */
export interface UserResult {
  readonly rotation: Rotation | null;
  readonly cleanup: Cleanup | null;
  /** Lines of `errors`: what went wrong besides a rotation that failed. */
  readonly errors: readonly string[];
  /** For the log alone: what the script would have done and keyturn does not, and what unsticks a user. */
  readonly notes: readonly string[];
}

interface Asked {
  readonly daysThreshold: number;
  readonly dryRun: boolean;
  readonly now: Instant;
}

/** The id that stands for the key that a dry run does not make. */
const DRY_RUN_KEY = "DRY_RUN_KEY_ID";

export const executionTime = (at: Date): string => at.toISOString().replace("Z", "000+00:00");

/**
 * What became of a user, or would become of it, in the script's terms. `handedOut` = this run gave out a key for it: the
 * entry was printed then, so what failed later is no failed rotation but an error.
 */
export function judge(report: UserReport, handedOut: boolean, asked: Asked): UserResult {
  const failed = report.steps.findLast((step) => step.result !== "done");
  const cleanup = cleanupOf(report, failed, asked.dryRun);
  const base = { rotation: null, cleanup, errors: [], notes: [] };
  if (handedOut) return { ...base, errors: failed === undefined ? [] : [unfinished(report, failed)] };
  const old = oldKey(report.keys, asked);
  if (asked.dryRun && report.planned.some(({ kind }) => kind === "rotate" || kind === "resume"))
    return { ...base, rotation: rotationOf(report, old, DRY_RUN_KEY, null, asked) };
  const isUnread = report.code === "read-failed" || report.code === "read-denied";
  if (isUnread && report.keys.length === 0 && failed === undefined)
    return { ...base, errors: [`Could not retrieve keys for user ${report.userName}: ${report.sentence}`] };
  switch (report.outcome) {
    case "changed":
    case "due":
      return { ...base, notes: old === null ? [] : [`User ${report.userName}: ${report.sentence}`] };
    case "interrupted":
    case "deferred":
    case "not-in-plan":
      return base;
    case "left-alone":
      return { ...base, notes: old === null ? [] : [`Left alone: user ${report.userName}: ${report.sentence}`] };
    case "failed":
    case "blocked":
    case "waiting":
    case "settled":
      return { ...base, ...notRotated(report, old, failed, asked) };
  }
}

/** A user whose key was not rotated although it is old, or of whom something else failed. */
function notRotated(
  report: UserReport,
  old: KeyReport | null,
  failed: StepReport | undefined,
  asked: Asked,
): Partial<UserResult> {
  const { userName } = report;
  const notes = report.command === null ? [] : [`User ${userName}: to unstick it: ${commandLine(report.command)}`];
  if (old !== null) return { rotation: rotationOf(report, old, null, reasonOf(report, failed), asked), notes };
  if (report.outcome !== "failed") return {};
  return { errors: [`User ${userName}: ${failed?.sentence ?? report.sentence}`], notes };
}

function rotationOf(
  { userName, keys }: UserReport,
  old: KeyReport | null,
  newKey: string | null,
  reason: string | null,
  { dryRun }: Asked,
): Rotation {
  return {
    username: userName,
    old_key_id: (old ?? oldestActive(keys))?.accessKeyId ?? null,
    new_key_id: newKey,
    success: reason === null,
    error: reason === null ? null : `Failed to rotate key for user ${userName}: ${reason}`,
    dry_run: dryRun,
  };
}

/** The entry of a key that is being handed out: what is printed before the old key is touched. */
export const rotated = (userName: string, old: AccessKeyId | null, newKey: AccessKeyId): Rotation => ({
  username: userName,
  old_key_id: old,
  new_key_id: newKey,
  success: true,
  error: null,
  dry_run: false,
});

/** Where the second slot is what is in the way. The script has one sentence for that. */
const SLOT_TAKEN: readonly ReasonCode[] = ["no-free-slot", "unexplained", "retention", "overlap", "inactive-not-ours"];

function reasonOf({ userName, keys, code, sentence, next }: UserReport, failed: StepReport | undefined): string {
  if (failed !== undefined) return failed.hint === null ? failed.sentence : `${failed.sentence}; ${failed.hint}`;
  if (keys.length >= 2 && SLOT_TAKEN.includes(code))
    return `User ${userName} already has 2 access keys. Cannot create new key.`;
  return next === null ? sentence : `${sentence}; ${next.what}`;
}

const unfinished = ({ userName }: UserReport, { sentence, hint }: StepReport): string =>
  `User ${userName}: the new key was handed out, but the old one may be Active still: ${sentence}${hint === null ? "" : `; ${hint}`}`;

function cleanupOf(report: UserReport, failed: StepReport | undefined, dryRun: boolean): Cleanup | null {
  const done = dryRun
    ? report.planned
    : report.steps.filter(({ result }) => result === "done").map(({ action }) => action);
  const deleted = done.flatMap((action) => (action.kind === "delete" ? [action.key] : []));
  if (deleted.length === 0) return null;
  const error =
    failed?.action.kind === "delete" ? `Failed to cleanup keys for user ${report.userName}: ${failed.sentence}` : null;
  return { username: report.userName, deleted_keys: deleted, success: error === null, error, dry_run: dryRun };
}

/** The oldest key that the script would have rotated. */
const oldKey = (keys: readonly KeyReport[], asked: Asked): KeyReport | null =>
  keys.find((key) => isOld(key, asked)) ?? null;

/** Active, and at least as many days old. */
export const isOld = ({ status, createDate }: AccessKey, { daysThreshold, now }: Asked): boolean =>
  status === "Active" && age(createDate, now) >= days(daysThreshold);

const oldestActive = (keys: readonly KeyReport[]): KeyReport | null =>
  keys.find((key) => key.status === "Active") ?? null;

export function summarizeResults(rotations: readonly Rotation[], cleanups: readonly Cleanup[]): Summary {
  const successful = rotations.filter(({ success }) => success).length;
  return {
    total_keys_processed: rotations.length,
    successful_rotations: successful,
    failed_rotations: rotations.length - successful,
    cleanup_operations: cleanups.length,
  };
}
