import { Allowance, anySelect, type Hub, problemIn, type RunRules, selectIn, type Session } from "../compose.ts";
import { type AccountReport, NOT_ENTERED } from "../core/account-result.ts";
import type { Member } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { UserReport } from "../core/result.ts";
import { approve } from "./approval.ts";
import { EXIT, Exit } from "./exit.ts";
import { beginFleet, type FleetInvocation, type FleetRunFlags } from "./fleet-invocation.ts";
import { FleetReport, toldOf } from "./fleet-report.ts";
import type { Io } from "./io.ts";
import { type AuditFlags, type LimitFlags, selectorsFrom } from "./options.ts";
import { showProgress, showSeen } from "./progress.ts";
import { openAudit } from "./session.ts";
import { type ChosenSettings, limitsFor } from "./settings.ts";
import { withSignals } from "./signals.ts";
import { proveSwitchOver } from "./switch-over.ts";

/* scan, plan and run over many accounts. Each account is a session of its own; what goes wrong in one never stops the next. */

type PlanFlags = FleetRunFlags & LimitFlags & { readonly out?: string; readonly detailedExitcode?: true };

type RunFlags = FleetRunFlags & LimitFlags & AuditFlags & { readonly dryRun?: true; readonly report?: string };

/** What is done in one account that was entered. Throws where the account as a whole cannot be done. */
type Work = (session: Session, signal: AbortSignal) => Promise<readonly UserReport[]>;

/** `scan --all-accounts`. Returns the exit code. */
export async function scanAll(io: Io, flags: FleetRunFlags, chosen: ChosenSettings): Promise<number> {
  const fleet = await beginFleet(io, flags, chosen);
  const report = new FleetReport(io, toldOf(fleet), "scan", () => ({}), flags);
  const end = await overAll(io, fleet, report, async (session) =>
    session.scan(await usersOf(session, flags, chosen, false), seenIn(io, flags, session)),
  );
  // A scan looks: that a user is blocked is a finding, not a failure.
  return end.signalled ?? nobodyOf(io, report, flags) ?? report.exitCode("failed");
}

/** `plan --all-accounts`. Returns the exit code. */
export async function planAll(io: Io, flags: PlanFlags, chosen: ChosenSettings): Promise<number> {
  if (flags.out !== undefined) throw onePlanAnAccount("--out");
  const fleet = await beginFleet(io, flags, chosen);
  const report = new FleetReport(io, toldOf(fleet), "plan", () => ({}), flags);
  const shared = sharedAllowance(fleet);
  const end = await overAll(io, fleet, report, async (session, signal) => {
    const { maxRotations } = limitsFor(flags, chosen.config, session.caller.account);
    const limits = { maxRotations, refuseAbovePercent: null, planned: null, onlyLook: true, ...shared };
    const look: RunRules = {
      limits,
      signal,
      approve: async () => undefined,
      ...seenIn(io, flags, session),
    };
    return session.run(await usersOf(session, flags, chosen, false), look, () => undefined, false);
  });
  const code = end.signalled ?? nobodyOf(io, report, flags) ?? report.exitCode(limitsFor(flags, chosen.config).failOn);
  return code === EXIT.ok && flags.detailedExitcode === true && report.hasDue ? EXIT.changes : code;
}

/** `run --all-accounts`. Returns the exit code. */
export async function runAll(io: Io, flags: RunFlags, chosen: ChosenSettings, plan: string | null): Promise<number> {
  if (plan !== null) throw onePlanAnAccount(plan);
  if (flags.yes !== true && flags.dryRun !== true && !io.isInteractive)
    throw new InvalidInput(
      "--all-accounts asks before the first change in each account, and there is no terminal to ask on: nothing was changed",
      "add --yes; --dry-run shows what would be done",
    );
  // Whom a run is about must be said, as for one account: by a flag, or for each account by the configuration.
  selectorsFrom(flags, anySelect(chosen.config), true);
  const fleet = await beginFleet(io, flags, chosen);
  const report = new FleetReport(io, toldOf(fleet), "run", () => ({ dryRun: flags.dryRun === true }), flags);
  await report.check();
  const shared = sharedAllowance(fleet);
  const once = oneAtATime();
  const quiet = sayOnce(io);
  const end = await overAll(io, fleet, report, async (session, signal) => {
    const { account } = session.caller;
    const { maxRotations, refuseAbove } = limitsFor(flags, chosen.config, account);
    const users = await usersOf(session, flags, chosen, true);
    const onlyLook = flags.dryRun === true;
    // Each account has a chain of its own in the audit: accounts are worked in side by side.
    const audited = { session, run: `${fleet.run}/${account}`, config: chosen.config };
    const kept = onlyLook ? null : openAudit(namingAccount(quiet, account), audited, flags);
    const journal = kept?.journal ?? (() => undefined);
    const rules: RunRules = {
      limits: { maxRotations, refuseAbovePercent: refuseAbove, planned: null, onlyLook, ...shared },
      signal,
      approve: async (findings, wanted) => {
        try {
          await once(() => approve(io, account, { refuseAbove, yes: flags.yes }, findings, wanted));
        } catch (error) {
          shared.shared?.giveBack(wanted.rotations);
          throw error;
        }
      },
      ...seenIn(io, flags, session),
    };
    const reports = await session.run(users, rules, journal);
    const switched = await proveSwitchOver(io, { session, flags: fleet.flags }, users, reports, journal);
    kept?.audit.end(session.clock.now());
    if (kept !== null) report.keptAudit(account, { head: kept.audit.head, file: kept.file });
    if (!switched) report.notSwitched(account);
    return reports;
  });
  return end.signalled ?? nobodyOf(io, report, flags) ?? report.exitCode(limitsFor(flags, chosen.config).failOn);
}

const onePlanAnAccount = (what: string): InvalidInput =>
  new InvalidInput(
    `${what}: a plan file is of one account, and --all-accounts is about many`,
    "--account ID in place of --all-accounts enters one of them: keyturn plan --account ID --out FILE, then keyturn run FILE --account ID",
  );

/** What all accounts together may make; nothing where only the limit of each counts. */
function sharedAllowance({ fleet }: FleetInvocation): { readonly shared?: Allowance } {
  const { maxRotations } = fleet.limits;
  return maxRotations === null ? {} : { shared: new Allowance(maxRotations) };
}

/** Whom the command is about in the account that was entered. */
function usersOf(session: Session, flags: FleetRunFlags, { config }: ChosenSettings, required: boolean) {
  const select = selectIn(session.caller.account, config);
  // An account without such users is no mistake where many are looked through.
  return session.users({ ...selectorsFrom(flags, select, required), allowEmpty: true, allowMissing: true });
}

/** The exit code where users were named and no account has any of them: a mistyped name must not look like success. */
function nobodyOf(io: Io, report: FleetReport, { user, allowEmpty }: FleetRunFlags): number | null {
  if (user.length === 0 || allowEmpty === true || !report.isEmpty) return null;
  io.err(`error: no account has a user ${user.join(", ")}`);
  io.err("hint: keyturn scan --all-accounts lists all users; --allow-empty accepts none, for schedulers");
  return EXIT.usage;
}

/** What `--verbose` tells of each user, with the account before it. */
const seenIn = (io: Io, { verbose }: FleetRunFlags, { caller }: Session): Pick<RunRules, "onSeen"> =>
  showSeen(namingAccount(io, caller.account), verbose === true);

/** Standard error in which the account stands before what is told of its users. */
const namingAccount = (io: Io, account: string): Io => ({
  ...io,
  err: (text) => io.err(/^(?:warning|hint|error):/.test(text) ? text : `${account}: ${text}`),
});

/** Runs pieces of work one after another, in the order in which they come: two questions at a time would answer each other. */
function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Standard error that hears the same line only once: every account would warn of the same file. */
function sayOnce(io: Io): Io {
  const said = new Set<string>();
  return {
    ...io,
    err: (text) => {
      if (!said.has(text) || !text.startsWith("warning:")) io.err(text);
      said.add(text);
    },
  };
}

/**
 * Works in every account, so many side by side as the settings allow, and reports each as soon as it is done. Rejects on a bug
 * alone, once the accounts in progress are finished.
 */
async function overAll(
  io: Io,
  fleet: FleetInvocation,
  report: FleetReport,
  work: Work,
): Promise<{ readonly signalled: number | null }> {
  const { members, hub } = fleet;
  const progress = showProgress(io, hub.clock, "accounts");
  const stop = new AbortController();
  const signalled = await withSignals(io, async (signal, code) => {
    const either = AbortSignal.any([signal, stop.signal]);
    const queue = members.values();
    let done = 0;
    const worker = async () => {
      // The workers share one iterator: each takes the next account that nobody has taken.
      for (const member of queue) {
        await workIn(fleet, member, report, work, either);
        progress((done += 1), members.length);
      }
    };
    const workers = Array.from({ length: Math.min(fleet.fleet.limits.parallel, members.length) }, () =>
      worker().catch((error: unknown) => {
        stop.abort();
        throw error;
      }),
    );
    const broken = (await Promise.allSettled(workers)).find((each) => each.status === "rejected");
    if (broken !== undefined) throw broken.reason;
    return code();
  });
  await report.end();
  return { signalled };
}

async function workIn(
  { hub, settingsOf, pathsOf, print }: FleetInvocation,
  member: Member,
  report: FleetReport,
  work: Work,
  signal: AbortSignal,
): Promise<void> {
  const of = (fields: Omit<AccountReport, "account" | "name">): AccountReport => ({ ...member, ...fields });
  if (signal.aborted) {
    report.add(of({ ...NOT_ENTERED, outcome: "interrupted", code: "interrupted", sentence: NOT_BEGUN }), []);
    return;
  }
  let entered: Awaited<ReturnType<Hub["enter"]>> | null = null;
  try {
    const { account } = member;
    entered = await hub.enter(account, await settingsOf(account), pathsOf(account), print);
    const { session, notes } = entered;
    const users = await work(session, signal);
    const caller = session.caller.arn;
    const found = { caller, listing: session.listingSource, notes };
    report.add(of({ ...NOT_ENTERED, outcome: "done", code: "done", sentence: "", ...found }), users);
  } catch (error) {
    const caller = entered?.session.caller.arn ?? null;
    report.add(of({ ...NOT_ENTERED, ...whyNot(error), caller }), []);
  } finally {
    entered?.close();
  }
}

const NOT_BEGUN = "the run ended before its turn came";

/** Why an account was not done. What is no error of input, of AWS or of a person is a bug, and is thrown on. */
function whyNot(error: unknown): Pick<AccountReport, "outcome" | "code" | "sentence" | "hint"> {
  if (error instanceof Exit)
    return {
      outcome: "refused",
      code: error.code === EXIT.refused ? "refused-above" : "declined",
      sentence: error.message,
      hint: error.hint,
    };
  const problem = problemIn(error);
  if (problem === null) throw error;
  return { outcome: "failed", ...problem };
}
