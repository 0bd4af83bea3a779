import { randomUUID } from "node:crypto";
import { type Chosen, endsInRotation, isPassing, limitsIn, problemIn, selectIn } from "../compose.ts";
import { type AccountReport, NOT_ENTERED } from "../core/account-result.ts";
import type { LeftOut, Member } from "../core/accounts.ts";
import { LEASE } from "../core/facts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { UserReport } from "../core/result.ts";
import { formatInstant, type Instant, instant, seconds } from "../core/time.ts";
import type { RunPart, RunPlan } from "../distributed/documents.ts";
import { changedIn, mergeAccounts } from "../distributed/merge.ts";
import { type Work, writeWork } from "../distributed/message.ts";
import type { Results } from "../distributed/results.ts";
import type { WorkQueue } from "../ports.ts";
import { accountDocument } from "../report/accounts.ts";
import { plural } from "../report/words.ts";
import type { Deadline } from "./deadline.ts";
import type { RunConfig, RunHub, RunWorld } from "./run-config.ts";
import { RefusedAbove, runUsers, tell } from "./run-users.ts";
import type { Scrubber } from "./scrubber.ts";
import { type Telemetry, version } from "./telemetry.ts";
import { printNothing } from "./unsuited.ts";

/** What one invocation of the worker works with. */
export interface Shift extends RunConfig {
  readonly world: RunWorld;
  readonly telemetry: Telemetry;
  readonly scrubber: Scrubber;
  readonly deadline: Deadline;
  /** Names the invocation. */
  readonly request: string;
  /** Nothing is changed. */
  readonly dryRun: boolean;
  readonly results: Results;
  readonly openQueue: () => Promise<WorkQueue>;
  /** Everybody who was looked at, and when, for the metrics. */
  readonly seen: { readonly reports: readonly UserReport[]; readonly at: Instant }[];
}

/** What becomes of a message. `again` = it is not acknowledged: it comes again, until the queue has had enough of it. */
export type Fate = "done" | "again";

/** Another worker of the same run is at this account: the message comes again, and finds what that one has left. */
export class Overtaken extends Error {}

/** How one worker has left an account. */
interface Left {
  readonly report: AccountReport;
  readonly users: readonly UserReport[];
  /**
   * `finished` = nothing is left to do in this run, though it may have failed · `passing` = it failed, and may go well a moment later ·
   * `interrupted` = there was no time for all users · `occupied` = others are at work on users.
   */
  readonly state: "finished" | "passing" | "interrupted" | "occupied";
}

/** How long the rest of an account that is handed on stays out of sight: users whom others are at are let go when their lease is over. */
const REST_AFTER = { interrupted: seconds(5), occupied: LEASE } as const;

/**
 * Does what one message asks for. Throws `InvalidInput` where it is refused, {@link Overtaken}, and whatever stands in the way of keeping
 * the result: then the message has to come again.
 */
export async function workAt(shift: Shift, work: Work): Promise<Fate> {
  const { results, telemetry } = shift;
  const plan = await planFor(shift, work);
  const before = await results.part(work.run, work.account);
  if (before?.state === "finished") {
    telemetry.info("an account is done already", { ...work });
    return "done";
  }
  const left = await leave(shift, work, plan, before);
  tellAccount(telemetry, work, left);
  const kept = await keep(shift, work, left);
  if (kept.state === "finished") return "done";
  if (left.state === "passing") return "again";
  return handOn(shift, work, left);
}

/** Without a plan that names the account, nobody of ours has sent the message. */
async function planFor({ results }: Shift, { run, account }: Work): Promise<RunPlan> {
  const plan = await results.plan(run);
  if (plan === null)
    throw new InvalidInput(
      `the message is refused: ${results.label} has no plan of run ${run}`,
      "the planner writes it before it sends anything; look who else may write to this queue",
    );
  if (![...plan.members, ...plan.left].some((each) => each.account === account))
    throw new InvalidInput(
      `the message is refused: run ${run} is not about account ${account}`,
      "look who else may write to this queue",
    );
  return plan;
}

/** Works in the account, and says how it was left. Throws for a bug, and where another worker was faster. */
async function leave(shift: Shift, { run, account }: Work, plan: RunPlan, before: RunPart | null): Promise<Left> {
  const { world, config, settings, fleet, scrubber, hash } = shift;
  const name = plan.members.find((each) => each.account === account)?.name ?? null;
  const changed = hash === plan.config ? [] : [OTHER_SETTINGS];
  try {
    const hub = await world.openHub({ settings, config }, fleet, run, scrubber.watch);
    const member = await hub.member(account);
    if ("code" in member) return leftOut(member);
    const left = await runIn(shift, hub, { run, ...member }, before);
    return { ...left, report: { ...left.report, notes: [...changed, ...left.report.notes] } };
  } catch (error) {
    const why = whyNot(error);
    if (why === null) throw error;
    const report = { account, name, ...NOT_ENTERED, ...why, notes: changed };
    return { report, users: [], state: isPassing(error) ? "passing" : "finished" };
  }
}

const OTHER_SETTINGS = "the settings were changed after the run had begun; the new ones hold here";

/** An account that is not meant any more. That the organization does not have it is nobody's wish. */
const leftOut = ({ account, name, code, sentence }: LeftOut): Left => ({
  report: {
    account,
    name,
    ...NOT_ENTERED,
    outcome: code === "not-in-organization" ? "failed" : "skipped",
    code,
    sentence,
  },
  users: [],
  state: "finished",
});

/** Null for a bug, and where another worker was faster. */
function whyNot(error: unknown): Pick<AccountReport, "outcome" | "code" | "sentence" | "hint"> | null {
  if (error instanceof RefusedAbove)
    return { outcome: "refused", code: "refused-above", sentence: error.message, hint: error.hint };
  const problem = problemIn(error);
  return problem === null ? null : { outcome: "failed", ...problem };
}

/** One run of the engine in the account, over everybody whom no earlier worker of the same run has changed. */
async function runIn(shift: Shift, hub: RunHub, work: Work & Member, before: RunPart | null): Promise<Left> {
  const { config, settingsFor, telemetry, deadline, request, hash, dryRun } = shift;
  const { run, account, name } = work;
  const match = selectIn(account, config);
  if (match === null)
    throw new InvalidInput(
      `nobody is selected in account ${account}`,
      "select: { path: /ci/ }, for all accounts or for this one",
    );
  const { session, notes, close } = await hub.enter(
    account,
    await settingsFor(account),
    match.path ?? [],
    printNothing,
  );
  try {
    const everybody = await session.users({
      path: null,
      users: [],
      tags: [],
      match,
      allowEmpty: true,
      allowMissing: true,
    });
    const done = changedIn(before?.report ?? null);
    const granted = new Set(before?.granted);
    const { maxRotations, refuseAbove } = limitsIn(account, config);
    const { reports, auditHead } = await runUsers(
      {
        session,
        deadline,
        telemetry,
        // Each invocation has a chain of its own in the audit: nobody knows how far the one before has got.
        run: `${run}/${account}/${request}`,
        configHash: hash,
        beforeFirst: (chosen) => grant(shift, work, chosen, maxRotations),
      },
      everybody.filter(({ userName }) => !done.has(userName)),
      {
        maxRotations: Math.max(0, maxRotations - granted.size),
        granted,
        refuseAbovePercent: refuseAbove,
        planned: null,
        onlyLook: dryRun,
      },
    );
    tell(telemetry, reports, { run, account });
    shift.seen.push({ reports, at: session.clock.now() });
    const audit = dryRun ? null : { head: auditHead, file: null };
    const found = {
      account,
      name,
      hint: null,
      caller: session.caller.arn,
      listing: session.listingSource,
      audit,
      notes,
    };
    return { ...stateOf(reports, dryRun, found), users: reports };
  } finally {
    close();
  }
}

/** Whether anybody is left to be done in this run. */
function stateOf(
  reports: readonly UserReport[],
  dryRun: boolean,
  found: Omit<AccountReport, "outcome" | "code" | "sentence">,
): Pick<Left, "report" | "state"> {
  const interrupted = reports.filter(({ outcome }) => outcome === "interrupted").length;
  const occupied = dryRun ? 0 : reports.filter(({ code }) => code === "turn-in-progress").length;
  if (interrupted + occupied === 0)
    return { report: { ...found, outcome: "done", code: "done", sentence: "" }, state: "finished" };
  const sentence = `${plural(interrupted + occupied, "user")} of it are left to another worker`;
  return {
    report: { ...found, outcome: "interrupted", code: "interrupted", sentence },
    state: interrupted > 0 ? "interrupted" : "occupied",
  };
}

/**
 * Writes down who gets a successor before anybody does: a worker that is lost after this has used up its part of the pace, and the
 * next one may finish that part. Throws {@link Overtaken} where another worker has taken what this one wants.
 */
async function grant(shift: Shift, work: Work, { now }: Chosen, maxRotations: number): Promise<void> {
  const wanted = now.filter(({ decision }) => endsInRotation(decision)).map(({ subject }) => subject.user.userName);
  if (wanted.length === 0) return;
  await shift.results.update(work, (part) => {
    const granted = new Set(part?.granted);
    if (part?.state === "finished") throw new Overtaken("it has just finished");
    if (wanted.every((userName) => granted.has(userName))) return null;
    const all = [...new Set([...granted, ...wanted])];
    if (all.length > maxRotations) throw new Overtaken("it has just begun");
    return { ...partOf(shift, work), state: part?.state ?? "begun", granted: all, report: part?.report ?? null };
  });
}

/** Keeps the result, together with what other workers of the run have done there. Answers with what is kept. */
async function keep(shift: Shift, work: Work, { report, users, state }: Left): Promise<Pick<RunPart, "state">> {
  const own = accountDocument(report, users, shift.seen.at(-1)?.at ?? instant(Date.now()));
  const isFinished = state === "finished";
  const rotated = users.filter(hasRotated).map(({ userName }) => userName);
  const kept = await shift.results.update(work, (part) => {
    const before = part?.report ?? null;
    const wasFinished = part?.state === "finished";
    // Who has finished while this worker has not knows more.
    const isNewer = !wasFinished || isFinished || before === null;
    return {
      ...partOf(shift, work),
      state: isFinished || wasFinished ? "finished" : "unfinished",
      granted: [...new Set([...(part?.granted ?? []), ...rotated])],
      report: isNewer ? mergeAccounts(before, own) : mergeAccounts(own, before),
    };
  });
  return kept ?? { state: "unfinished" };
}

const hasRotated = ({ steps }: UserReport): boolean =>
  steps.some(({ action, result }) => action.kind === "rotate" && result === "done");

const partOf = ({ dryRun, hash }: Shift, { run, account }: Work) =>
  ({
    schema: "keyturn/run-account/v1",
    keyturn: version,
    run,
    account,
    dryRun,
    config: hash,
    by: randomUUID(),
    writtenAt: formatInstant(instant(Date.now())),
  }) as const;

/**
 * Gives the rest of an account to the next worker. Only after this one has changed somebody: there are ever fewer users whom the run has
 * not changed, so this comes to an end. A message without progress comes again by itself, as often as the queue lets it.
 */
async function handOn({ telemetry, openQueue }: Shift, work: Work, { users, state }: Left): Promise<Fate> {
  const fields = { ...work, changed: users.filter(({ outcome }) => outcome === "changed").length };
  if (fields.changed === 0) {
    telemetry.warn("users are left, and nobody could be done: the message comes again", fields);
    return "again";
  }
  const unsent = await (
    await openQueue()
  ).send([writeWork(work)], REST_AFTER[state === "occupied" ? state : "interrupted"]);
  if (unsent.length > 0) {
    telemetry.warn("the queue did not take the rest of an account: the message comes again", fields);
    return "again";
  }
  telemetry.info("the rest of an account is handed on", fields);
  return "done";
}

/** Says what became of the account as a whole. */
function tellAccount(telemetry: Telemetry, { run }: Work, { report, users }: Left): void {
  const { account, outcome, code, sentence, hint } = report;
  const fields = { run, account, outcome, code, reason: sentence, hint, users: users.length };
  if (outcome === "failed" || outcome === "refused") telemetry.failed("an account was not done", fields);
  else telemetry.info("an account was worked in", fields);
}
