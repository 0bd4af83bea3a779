import { endsInRotation } from "../compose.ts";
import type { User } from "../core/access-key.ts";
import type { Action, UserDecision } from "../core/decision.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { UserReport } from "../core/result.ts";
import { days, formatInstant, type Instant, later, latest } from "../core/time.ts";
import { CallError } from "../ports.ts";
import { aws, invoke, type Invocation, type LambdaWorld, selectorsOf } from "./invocation.ts";
import type { LambdaContext } from "./overseen.ts";
import { runUsers, tell } from "./run-users.ts";
import { readStreamEvent, type StreamRecord } from "./stream.ts";
import { countsOf } from "./telemetry.ts";
import type { Timer, TimerEntry } from "./timer.ts";

/** Which records have to come again. @see https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html */
export interface BatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

type Expired = Extract<StreamRecord, { kind: "expired" }>;

/** How often a user for whom a person has to do something is looked at again. */
const REMINDER = days(1);

/**
 * The function behind the timer: looks at each user whose entry time to live has removed, and retires the predecessor where the
 * same decision as in any run says so. It makes no key and delivers none. What cannot go yet is set again; what could not even
 * be set again is reported, and comes again.
 */
export const destructor =
  (world: LambdaWorld) =>
  (event: unknown, context: LambdaContext): Promise<BatchResponse> =>
    invoke("destructor", world, context, async (invocation) => {
      const { telemetry } = invocation;
      const records = readStreamEvent(event);
      const strange = records.filter(({ kind }) => kind === "strange").length;
      if (strange > 0) telemetry.failed("the timer held items that nobody could have set", { items: strange });
      const expired = records.filter((record) => record.kind === "expired");
      const users = await lookUp(invocation, expired);
      const reports = await retire(invocation, expired, users);
      count(invocation, reports, users);
      const failures: { itemIdentifier: string }[] = [];
      for (const record of expired) {
        const finding = users.get(record.entry.userName) ?? null;
        if (!(await settle(invocation, record.entry, finding, reports)))
          failures.push({ itemIdentifier: record.sequence });
      }
      return { batchItemFailures: failures };
    });

/** A user that entries name: as it stands, or why that is not known. */
type Finding =
  | { readonly kind: "gone" }
  /** The function is not about this user, or not any more. */
  | { readonly kind: "not-ours" }
  | { readonly kind: "failed"; readonly message: string }
  | {
      readonly kind: "found";
      readonly user: User;
      readonly decision: UserDecision;
      readonly hasKey: (id: string) => boolean;
    };

async function lookUp(invocation: Invocation, expired: readonly Expired[]): Promise<ReadonlyMap<string, Finding>> {
  const names = [...new Set(expired.map(({ entry }) => entry.userName))];
  const found = await Promise.all(names.map((name) => lookAt(invocation, name)));
  return new Map(names.flatMap((name, index) => (found[index] === undefined ? [] : [[name, found[index]] as const])));
}

async function lookAt(invocation: Invocation, userName: string): Promise<Finding> {
  const { session } = invocation;
  try {
    const found = await session.find(userName);
    if (found === null) return { kind: "gone" };
    const [user] = await session.users(selectorsOf(invocation, [userName], undefined));
    if (user === undefined) return { kind: "not-ours" };
    const { seen, decision } = await session.examine(user);
    if (seen.keys.kind !== "known") return { kind: "failed", message: decision.sentence };
    const ids: readonly string[] = seen.keys.value.map(({ accessKeyId }) => accessKeyId);
    return { kind: "found", user, decision, hasKey: (id) => ids.includes(id) };
  } catch (error) {
    if (!(error instanceof CallError) && !(error instanceof InvalidInput)) throw error;
    return { kind: "failed", message: error.message };
  }
}

/** Performs, of all that is to be done for these users, the retirement of keys that entries name. */
async function retire(
  invocation: Invocation,
  expired: readonly Expired[],
  users: ReadonlyMap<string, Finding>,
): Promise<readonly UserReport[]> {
  const planned = new Map<string, readonly Action[]>();
  const chosen: User[] = [];
  for (const finding of users.values()) {
    if (finding.kind !== "found") continue;
    const { user, decision } = finding;
    const named = expired.filter(({ entry }) => entry.userName === user.userName).map(({ entry }) => entry.accessKeyId);
    const { action } = decision;
    if (action === null || !isRetirement(decision) || !("key" in action) || !named.includes(action.key)) continue;
    planned.set(user.userName, [action]);
    chosen.push(user);
  }
  if (chosen.length === 0) return [];
  const { refuseAbovePercent } = invocation.chosen;
  const limits = { maxRotations: 0, refuseAbovePercent, planned, onlyLook: false };
  const { reports } = await runUsers(invocation, chosen, limits);
  tell(invocation.telemetry, reports);
  return reports;
}

function count(
  { telemetry, session }: Invocation,
  reports: readonly UserReport[],
  users: ReadonlyMap<string, Finding>,
): void {
  const left = [...users].filter(([name]) => !reports.some(({ userName }) => userName === name));
  const blocked = left.filter(([, finding]) => finding.kind === "found" && finding.decision.standing === "blocked");
  const counts = countsOf(reports, session.clock.now());
  // A few users say nothing about the oldest key of all.
  telemetry.count({ ...counts, blocked: counts.blocked + blocked.length, oldestKeyAgeDays: null });
}

/** A key that only makes room for a successor goes in the run that makes the successor. */
const isRetirement = (decision: UserDecision): boolean =>
  (decision.action?.kind === "delete" || decision.action?.kind === "deactivate") && !endsInRotation(decision);

/** Does with an entry what has become of its key. False where it has to come again by itself. */
async function settle(
  invocation: Invocation,
  entry: TimerEntry,
  finding: Finding | null,
  reports: readonly UserReport[],
): Promise<boolean> {
  const { telemetry, timer } = invocation;
  const { userName, accessKeyId } = entry;
  const report = reports.find((each) => each.userName === userName) ?? null;
  const again = whenAgain(invocation, entry, finding, report);
  if (again === null) return true;
  if (again === "at once") return false;
  try {
    await mustHave(timer).put({ ...entry, at: again });
    telemetry.info("a key is looked at again", { user: userName, accessKeyId, at: formatInstant(again) });
    return true;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    telemetry.failed("the timer of a user could not be set", { user: userName, error: error.message });
    return false;
  }
}

function mustHave(timer: Timer | null): Timer {
  if (timer === null)
    throw new InvalidInput(
      "IAM_KEY_ROTATOR_TABLE is none, and this function is called by the stream of a table",
      "give the name of that table",
    );
  return timer;
}

/** When to look at the key again; null = never, it is done with. */
function whenAgain(
  { telemetry, environment, session }: Invocation,
  { userName, accessKeyId }: TimerEntry,
  finding: Finding | null,
  report: UserReport | null,
): Instant | "at once" | null {
  const fields = { user: userName, accessKeyId };
  const retry = later(session.clock.now(), environment.retryAfter);
  if (finding === null || finding.kind === "gone" || finding.kind === "not-ours") {
    telemetry.warn("an entry is about a user that is not there, or that this function is not about", fields);
    return null;
  }
  if (finding.kind === "failed") {
    telemetry.failed("a user failed", { ...fields, sentence: finding.message });
    return retry;
  }
  if (!finding.hasKey(accessKeyId)) {
    telemetry.info("a key is gone already", fields);
    return null;
  }
  if (report === null) return afterDecision(finding.decision, fields, telemetry, session.clock.now(), retry);
  if (report.outcome === "interrupted") return "at once";
  const gone = report.steps.some(({ action, result }) => result === "done" && action.kind === "delete");
  return gone ? null : latest(retry, report.next?.at ?? null);
}

/** What becomes of an entry whose key was not touched. */
function afterDecision(
  { keys, standing, code, sentence, next, command }: UserDecision,
  fields: { readonly user: string; readonly accessKeyId: string },
  telemetry: Invocation["telemetry"],
  now: Instant,
  retry: Instant,
): Instant | null {
  const told = { ...fields, code, sentence, next: next?.what ?? null, command: command?.join(" ") ?? null };
  const role = keys.find(({ accessKeyId }) => accessKeyId === fields.accessKeyId)?.role;
  if (standing === "settled" || (role !== "predecessor" && role !== "unexplained")) {
    telemetry.warn("an entry names a key that has no successor: it stays", told);
    return null;
  }
  if (standing !== "blocked" && standing !== "left-alone") return latest(retry, next?.at ?? null);
  telemetry.warn("a person has to look at a user", told);
  return latest(later(now, REMINDER), next?.at ?? null);
}

/** As Lambda calls it. */
export const handler = destructor(aws);
