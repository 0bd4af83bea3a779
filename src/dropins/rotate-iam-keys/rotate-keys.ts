import {
  assemble,
  BrokenInvariant,
  type CheckedSettings,
  type Finding,
  type Parts,
  type RunRules,
  Session,
  type Settings,
} from "../../compose.ts";
import { type AccessKey, type AccessKeyId, byAge } from "../../core/access-key.ts";
import { InvalidInput } from "../../core/invalid-input.ts";
import { type Policy, preset } from "../../core/policy.ts";
import { sameForAll } from "../../core/rulebook.ts";
import type { UserReport } from "../../core/result.ts";
import { days, type Instant, milliseconds } from "../../core/time.ts";
import { CallError } from "../../ports.ts";
import { unexpectedWords } from "../../report/unexpected.ts";
import { handOut } from "../hand-out.ts";
import { lenient } from "../lenient.ts";
import { readingOwnWrites } from "../own-writes.ts";
import type { Arguments } from "./arguments.ts";
import type { RunLog } from "./log.ts";
import {
  type Cleanup,
  isOld,
  judge,
  type Result,
  rotated,
  type Rotation,
  summarizeResults,
  type Tail,
  type UserResult,
} from "./results.ts";

/** How long a key has been out of use, as far as anything tells, before `--cleanup-inactive` deletes it. */
const INACTIVE_FOR = days(30);

/** The script's arguments as settings of keyturn. */
export const settingsFrom = (given: Arguments): Settings => ({
  rulebook: sameForAll(policyFrom(given), given.deliver),
  escrow: given.escrow,
  settle: given.settle,
  asked: false,
  profile: given.profile,
  region: given.region,
  mail: null,
});

const policyFrom = ({ daysThreshold, cleanupInactive }: Arguments): Policy => ({
  ...preset("threshold"),
  rotateAfter: days(daysThreshold),
  delete: cleanupInactive ? { when: "after", after: INACTIVE_FOR, quiet: milliseconds(0) } : { when: "never" },
  inactiveKeys: cleanupInactive ? { deleteAfter: INACTIVE_FOR, onlyReplaced: true } : "report",
});

/** What one run of the program works with. */
export interface Setting {
  readonly given: Arguments;
  readonly checked: CheckedSettings;
  readonly result: Result;
  readonly log: RunLog;
  readonly signal: AbortSignal;
}

/** One run: finds the users, rotates, deletes what is long out of use, and tells what became of it. Rejects where nothing can be begun. */
export async function rotateKeys(setting: Setting): Promise<Tail> {
  const { given, log, checked } = setting;
  const handedOut = new Map<string, Rotation>();
  const oldKeys = new Map<string, AccessKeyId>();
  const parts = await assemble(checked, () => Promise.reject(new Error("standard output belongs to the result")));
  const tolerant = lenient(parts, (message) => log.warning(message));
  const session = new Session({
    ...(given.settle === 0 ? readingOwnWrites(tolerant) : tolerant),
    destinations: [...parts.destinations, intoResult(setting, oldKeys, handedOut)],
  });
  log.info("Successfully connected to AWS IAM service");
  log.info(
    given.user === null
      ? `Scanning for access keys older than ${given.daysThreshold} days...`
      : `Rotating keys for specific user: ${given.user}`,
  );
  if (given.cleanupInactive) log.info("Cleaning up inactive keys...");
  if (given.dryRun && given.outputFormat === "text" && given.deliver.length === 0)
    log.warning("The run itself will be refused: the text format shows no secret, so it needs --deliver");
  const users = await session.users({
    users: given.user === null ? [] : [given.user],
    path: null,
    tags: [],
    allowEmpty: true,
    // The script counts keys, and may have no permission for anything else.
    exact: true,
  });
  const rules: RunRules = {
    limits: {
      maxRotations: Number.MAX_SAFE_INTEGER,
      refuseAbovePercent: null,
      planned: null,
      onlyLook: given.dryRun,
    },
    approve: async (findings) => {
      for (const finding of findings) {
        const [oldest] = activeKeys(finding);
        if (oldest !== undefined) oldKeys.set(finding.subject.user.userName, oldest.accessKeyId);
      }
      const asked = { ...given, now: session.clock.now() };
      const count = findings.flatMap(activeKeys).filter((key) => isOld(key, asked)).length;
      log.info(
        count === 0 ? "No access keys found that need rotation" : `Found ${count} access keys that need rotation`,
      );
    },
    signal: setting.signal,
  };
  const reports = await session.run(users, rules, log.journal);
  return conclude(setting, reports, handedOut, session.clock.now());
}

const activeKeys = ({ seen }: Finding): readonly AccessKey[] =>
  seen.keys.kind === "known" ? byAge(seen.keys.value).filter(({ status }) => status === "Active") : [];

/** The result as the last destination of each user: its entry leaves when every other place has the key, before the old one is touched. */
const intoResult = (
  { result, given: { outputFormat } }: Setting,
  oldKeys: ReadonlyMap<string, AccessKeyId>,
  handedOut: Map<string, Rotation>,
): Parts["destinations"][number] =>
  handOut(
    outputFormat === "json" ? "standard output" : "the report, which does not show it",
    () => result.check(),
    async ({ userName }, pair) => {
      const rotation = rotated(userName, oldKeys.get(userName) ?? null, pair.accessKeyId);
      await result.add(rotation, pair);
      handedOut.set(userName, rotation);
    },
  );

/** Adds the entries of rotations that failed, or that were only looked at, and gathers what stands behind them. */
async function conclude(
  { given, result, log }: Setting,
  reports: readonly UserReport[],
  handedOut: ReadonlyMap<string, Rotation>,
  now: Instant,
): Promise<Tail> {
  const rotations: Rotation[] = [...handedOut.values()];
  const cleanups: Cleanup[] = [];
  const errors: string[] = [];
  for (const report of reports) {
    const judged = judge(report, handedOut.has(report.userName), { ...given, now });
    const { rotation, cleanup } = judged;
    if (rotation !== null) {
      rotations.push(rotation);
      // An output that is broken says so once more when the result is closed; the log is to have the rest all the same.
      await result.add(rotation, null).catch(() => undefined);
    }
    if (cleanup !== null) cleanups.push(cleanup);
    errors.push(...judged.errors);
    tell(log, judged);
  }
  const left = reports.filter(({ outcome }) => outcome === "interrupted").map(({ userName }) => userName);
  if (left.length > 0) errors.push(`Interrupted before these users were begun: ${left.join(", ")}`);
  for (const { username, new_key_id } of handedOut.values()) tellHandedOut(log, username, new_key_id ?? "", given);
  return { cleanup_results: cleanups, errors, summary: summarizeResults(rotations, cleanups) };
}

function tell(log: RunLog, { rotation, cleanup, errors, notes }: UserResult): void {
  if (rotation !== null && rotation.error !== null) log.error(rotation.error);
  else if (rotation !== null)
    log.info(`DRY RUN: Would rotate key ${rotation.old_key_id} for user ${rotation.username}`);
  if (cleanup?.dry_run === true)
    for (const key of cleanup.deleted_keys)
      log.info(`DRY RUN: Would delete inactive key ${key} for user ${cleanup.username}`);
  for (const error of errors) log.error(error);
  for (const note of notes) log.warning(note);
}

function tellHandedOut(log: RunLog, userName: string, newKey: string, { deliver }: Arguments): void {
  log.info(`Key rotation successful for user ${userName}`);
  log.info(`New Access Key ID: ${newKey}`);
  log.warning(
    deliver.length === 0
      ? "IMPORTANT: New secret key must be retrieved from IAG output and updated in applications"
      : `IMPORTANT: New secret key must be read from ${deliver.join(", ")} by applications`,
  );
}

/** An error that ends the whole run, in one line. Of one that nobody foresaw only the name: its message may hold anything. */
export function wordsFor(error: unknown): string {
  if (error instanceof InvalidInput) return error.hint === null ? error.message : `${error.message}; ${error.hint}`;
  if (error instanceof CallError) {
    const { action, resource, code, kind, message } = error;
    return `${action} on ${resource} ${kind === "denied" ? "is denied" : `failed: ${code}`}: ${message}`;
  }
  const what =
    error instanceof BrokenInvariant ? `broken invariant: ${error.message}` : `unexpected: ${unexpectedWords(error)}`;
  return `${what}; this is a bug, please report it; the next run goes on safely`;
}
