import { type AccessKeyId, findTag } from "../core/access-key.ts";
import type { UserReport } from "../core/result.ts";
import type { Instant } from "../core/time.ts";
import { CallError } from "../ports.ts";
import { EMAIL_TAG } from "./environment.ts";
import type { Invocation } from "./invocation.ts";
import type { Timer, TimerEntry } from "./timer.ts";

/** A predecessor of one user, and when its time is over; null where that depends on somebody. */
interface Waiting {
  readonly accessKeyId: AccessKeyId;
  readonly at: Instant | null;
}

/**
 * Sets the timer by what a run found and did: an entry for every predecessor whose moment is known, also where an earlier one was
 * lost, and none for keys that are gone. Answers with the users whose entries could not be written.
 */
export async function sweep(invocation: Invocation, reports: readonly UserReport[]): Promise<readonly string[]> {
  const { timer, telemetry } = invocation;
  if (timer === null) return [];
  const listing = await listAll(timer, telemetry);
  if (listing === null) return ["the timer"];
  const { entries, strange } = listing;
  if (strange > 0) telemetry.warn("the timer holds items that nobody could have set", { items: strange });
  const failed: string[] = [];
  for (const report of reports) {
    if (!isCertain(report)) continue;
    try {
      await setFor(
        invocation,
        timer,
        report,
        entries.filter(({ userName }) => userName === report.userName),
      );
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      failed.push(report.userName);
      telemetry.failed("the timer of a user could not be set", { user: report.userName, error: error.message });
    }
  }
  return failed;
}

/** Null where it could not be read: the keys are as they are, and the next run sets the timer. */
async function listAll(
  timer: Timer,
  telemetry: Invocation["telemetry"],
): Promise<Awaited<ReturnType<Timer["list"]>> | null> {
  try {
    return await timer.list();
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    telemetry.failed("the timer could not be read", { error: error.message, code: error.code });
    return null;
  }
}

/** What was read of a user is whole, and nobody else is at work on it. */
const isCertain = ({ outcome, code, ruledOut }: UserReport): boolean =>
  ruledOut === undefined && outcome !== "failed" && code !== "turn-in-progress";

async function setFor(
  invocation: Invocation,
  timer: Timer,
  report: UserReport,
  there: readonly TimerEntry[],
): Promise<void> {
  const { userName } = report;
  const wanted = predecessorsOf(report);
  for (const { accessKeyId, at } of wanted) {
    const set = there.find((entry) => entry.accessKeyId === accessKeyId);
    if (at === null || (set !== undefined && Math.ceil(at / 1000) === Math.ceil(set.at / 1000))) continue;
    await timer.put({ userName, accessKeyId, at, ...(await mailOf(invocation, userName)) });
  }
  const left = keysLeft(report);
  for (const { accessKeyId } of there) if (!left.includes(accessKeyId)) await timer.remove(userName, accessKeyId);
}

/** The keys that a successor has been delivered for, and that are still there. */
function predecessorsOf(report: UserReport): readonly Waiting[] {
  const succeeded = report.steps.flatMap(({ action, result }) =>
    result === "done" && (action.kind === "rotate" || action.kind === "resume") ? action.known : [],
  );
  const left = keysLeft(report);
  const at = report.next?.at ?? null;
  return report.keys
    .filter(({ accessKeyId, role }) => role === "predecessor" || succeeded.includes(accessKeyId))
    .filter(({ accessKeyId }) => left.includes(accessKeyId))
    .map(({ accessKeyId }) => ({ accessKeyId, at }));
}

/** The keys that were found, without those that this run has deleted. */
function keysLeft({ keys, steps }: UserReport): readonly AccessKeyId[] {
  const gone = steps.flatMap(({ action, result }) =>
    result === "done" && action.kind === "delete" ? [action.key] : [],
  );
  return keys.map(({ accessKeyId }) => accessKeyId).filter((id) => !gone.includes(id));
}

/** What the older tool's destructor wants to know of a user beside its key. */
async function mailOf(
  { session, environment }: Invocation,
  userName: string,
): Promise<Pick<TimerEntry, "email" | "hasEncryptionKey">> {
  const found = await session.find(userName);
  return {
    email: found === null ? null : findTag(found.tags, EMAIL_TAG),
    hasEncryptionKey: environment.mail?.encryption === "fernet",
  };
}
