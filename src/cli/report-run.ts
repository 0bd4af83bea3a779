import { openResults } from "../compose.ts";
import { type AccountReport, NOT_ENTERED } from "../core/account-result.ts";
import type { Member } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { instant, type Instant, parseInstant } from "../core/time.ts";
import type { RunPart, RunPlan } from "../distributed/documents.ts";
import { parseRun } from "../distributed/message.ts";
import { parseResultsPlace } from "../distributed/place.ts";
import type { Results } from "../distributed/results.ts";
import { EXIT } from "./exit.ts";
import { FleetReport } from "./fleet-report.ts";
import type { Io } from "./io.ts";
import type { ReportFlags } from "./report.ts";

/** So many results are read at one time. */
const PARALLEL_READS = 8;

/** `keyturn report`. Keeps no account longer than it takes to tell of it, unless one document is asked for. Returns the exit code. */
export async function reportRun(io: Io, place: string, flags: ReportFlags): Promise<number> {
  const where = parseResultsPlace(place);
  const named = flags.run === undefined ? null : parseRun(flags.run);
  const { profile = null, region = null, bucketOwner = null } = flags;
  const results = await openResults(where, { profile, region }, bucketOwner);
  const plan = await findPlan(results, named);
  const progress = new Progress();
  const told = { ...plan, startedAt: momentOf(plan.startedAt), now: () => progress.now };
  const report = new FleetReport(io, told, "run", () => ({ dryRun: progress.isDryRun }), flags);
  await report.check();
  await eachOf(plan.members, async (member) => {
    const part = await readPart(results, plan, member);
    if (part === null || "outcome" in part) {
      if (part === null) progress.missed();
      report.add(part ?? noResult(member, "no worker has reported yet"), []);
      return;
    }
    progress.heard(part);
    if (part.report === null) report.add(noResult(member, "a worker has begun, and none has reported yet"), []);
    else report.take(part.report);
  });
  await report.end();
  const code = report.exitCode(flags.failOn ?? plan.failOn);
  return code === EXIT.ok && !progress.isFinished ? EXIT.interrupted : code;
}

/** Throws {@link InvalidInput} where there is no such run. */
async function findPlan(results: Results, named: string | null): Promise<RunPlan> {
  const run = named ?? (await results.latest());
  if (run === null)
    throw new InvalidInput(
      `no run has begun that keeps its results in ${results.label}`,
      "is it the place that KEYTURN_RESULTS names?",
    );
  const plan = await results.plan(run);
  if (plan !== null) return plan;
  throw new InvalidInput(`there is no run ${run} in ${results.label}`, "without --run the latest one is told of");
}

/** What a worker wrote of an account; null where none did; a failure of the account where it cannot be read. */
async function readPart(results: Results, { run }: RunPlan, member: Member): Promise<RunPart | AccountReport | null> {
  try {
    return await results.part(run, member.account);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const { message, hint } = error;
    return { ...member, ...NOT_ENTERED, outcome: "failed", code: "read-failed", sentence: message, hint };
  }
}

const noResult = (member: Member, sentence: string): AccountReport => ({
  ...member,
  ...NOT_ENTERED,
  outcome: "interrupted",
  code: "no-result",
  sentence,
});

/** How far the run has got, by what was read of it. */
class Progress {
  #isFinished = true;
  #latest: Instant = instant(0);
  isDryRun = false;

  missed(): void {
    this.#isFinished = false;
  }

  heard({ state, dryRun, writtenAt, report }: RunPart): void {
    if (state !== "finished" || report === null) this.#isFinished = false;
    if (dryRun) this.isDryRun = true;
    this.#latest = instant(Math.max(this.#latest, momentOf(writtenAt)));
  }

  /** Every account was reported to its end. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** A run that is over ended when its last result was written. */
  get now(): Instant {
    return this.#isFinished && this.#latest > 0 ? this.#latest : instant(Date.now());
  }
}

/** Of a moment that was checked when it was read. */
function momentOf(text: string): Instant {
  const moment = parseInstant(text);
  if (moment === null) throw new Error("a moment that was checked cannot be read");
  return moment;
}

/** Does something with each, some at one time. Rejects where one of them does, once those in progress are done. */
async function eachOf<T>(all: readonly T[], work: (each: T) => Promise<void>): Promise<void> {
  const queue = all.values();
  let broken = false;
  const take = async () => {
    for (const each of queue) {
      if (broken) return;
      try {
        await work(each);
      } catch (error) {
        broken = true;
        throw error;
      }
    }
  };
  const done = await Promise.allSettled(Array.from({ length: PARALLEL_READS }, take));
  const failed = done.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
