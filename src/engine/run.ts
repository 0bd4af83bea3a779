import type { AccessKeyId } from "../core/access-key.ts";
import { decide } from "../core/decide.ts";
import { sameAction, type UserDecision } from "../core/decision.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { known, type Reading } from "../core/observation.ts";
import { leadsOn, STEPS_PER_RUN } from "../core/project.ts";
import type { UserOutcome, UserReport } from "../core/result.ts";
import { milliseconds } from "../core/time.ts";
import { CallError, type EscrowEntry } from "../ports.ts";
import { type Chosen, choose, endsInRotation, type Finding, isPlanned, type Limits, split } from "./limits.ts";
import { deniedReading, observe, observeEverything } from "./observe.ts";
import { outcomeUntouched, reportFinding, reportTurns, stateAfter } from "./report-user.ts";
import { ruleOut } from "./rule-out.ts";
import { type Slot, Slots } from "./slots.ts";
import { takeTurn, type TurnReport } from "./take-turn.ts";
import { Letters } from "./tell-owners.ts";
import { asTurnEnd, orEndTurn } from "./turn.ts";
import type { Subject, World } from "./world.ts";

/** How many users are worked at, at one time; those who wait for IAM to settle do not count. */
export const PARALLEL_USERS = 16;

export interface RunRules {
  readonly limits: Limits;
  /** Sees what would be done and throws where it must not be: the question on a terminal, the alarm, a dry run. */
  readonly approve: (findings: readonly Finding[], chosen: Chosen) => Promise<void>;
  /** Aborted: users in progress are finished, no other is begun. */
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, of: number) => void;
  /** Hears how many of the users that have to be read exactly have been read, before anything is done. */
  readonly onRead?: (done: number, of: number) => void;
  /** Hears of each user as it was found, before anything is done. */
  readonly onSeen?: (finding: Finding) => void;
}

/** A user whose turn came, or might have come. */
interface Worked {
  readonly finding: Finding;
  readonly turns: readonly TurnReport[];
  readonly report: UserReport;
}

/**
 * One run over one account: observe → decide → perform → record, and then owners are told. Users are worked at side by side; the failure of one never
 * stops the next. Rejects only where `approve` does, or on a broken invariant.
 */
export async function run(world: World, subjects: readonly Subject[], rules: RunRules): Promise<readonly UserReport[]> {
  const { clock, settle, isHeldBack = () => false } = world;
  // A turn reads and declares within the time in which IAM settles, or stops: a third of it leaves room for both.
  const haste = settle === 0 ? null : { unhurried: milliseconds(settle / 3), isHeldBack };
  const slots = new Slots(PARALLEL_USERS, clock, haste);
  const findings = await checkTargets(await survey(world, subjects, slots, rules), slots); //   observe, decide
  const chosen = choose(findings, rules.limits); //                                      filter
  await rules.approve(findings, chosen);
  const progress = new Progress(chosen, rules);
  const letters = world.owners === undefined ? null : new Letters(progress.watch(world), world.owners);
  const untouched = (finding: Finding, outcome: UserOutcome): Worked => ({
    finding,
    turns: [],
    report: reportFinding(finding, outcome, world.clock.now()),
  });
  const work = (finding: Finding) =>
    slots.use(async (slot): Promise<Worked> => {
      if (progress.halted()) return untouched(finding, "interrupted");
      const unwritten = await rememberOwner(letters, finding);
      if (unwritten !== null) return untouched(unwritten, outcomeUntouched(unwritten, null));
      const turns = await takeTurns(progress.watch(world), finding, slot, (next) => progress.mayFollow(finding, next)); //   perform, record
      progress.finishedOne();
      return { finding, turns, report: reportTurns(finding, turns, world.clock.now()) };
    });
  const [own, others] = split(chosen.now, ({ seen }) => seen.signedBy !== null);
  // The user whose key signs comes last: whatever becomes of that key, everybody else is done.
  const results = [...(await settleAll(others.map(work), progress)), ...(await settleAll(own.map(work), progress))];
  const idle = findings
    .filter((each) => !chosen.now.includes(each))
    .map((each) => untouched(each, outcomeUntouched(each, chosen)));
  const tell = rules.limits.onlyLook || progress.halted() ? null : letters;
  const reports = await Promise.all([...results, ...idle].map((each) => slots.use(() => tellOwner(tell, each)))); // tell
  return reports.toSorted(byUserName);
}

/** The finding as it stands where the ledger cannot be written, so that no turn is taken; null where a turn may begin. */
async function rememberOwner(letters: Letters | null, { subject, seen, decision }: Finding): Promise<Finding | null> {
  try {
    await letters?.remember(subject, seen);
    return null;
  } catch (error) {
    return { subject, seen, decision: unusable("writing down the owner", decision, error) };
  }
}

async function tellOwner(letters: Letters | null, { finding, turns, report }: Worked): Promise<UserReport> {
  const { subject } = finding;
  if (letters === null || subject.contact === undefined) return report;
  const { notices, notes } = await letters.tell(subject, stateAfter(finding, turns));
  return {
    ...report,
    ...(notices.length === 0 ? {} : { notices }),
    ...(notes.length === 0 ? {} : { notes: [...(report.notes ?? []), ...notes] }),
  };
}

/** How far a run is, and whether it may go on. */
class Progress {
  readonly #rules: RunRules;
  readonly #total: number;
  #finished = 0;
  #rotationsLeft: number;
  #stopped = false;

  constructor(chosen: Chosen, rules: RunRules) {
    this.#rules = rules;
    this.#total = chosen.now.length;
    this.#rotationsLeft = rules.limits.maxRotations - chosen.rotations;
  }

  halted = (): boolean => this.#stopped || this.#rules.signal.aborted;

  stop(): void {
    this.#stopped = true;
  }

  finishedOne(): void {
    this.#finished += 1;
    this.#rules.onProgress?.(this.#finished, this.#total);
  }

  /** Whether a turn that made room may be followed by this one: a plan must list it, and a rotation that was not foreseen counts. */
  mayFollow({ subject, decision }: Finding, { action }: UserDecision): boolean {
    if (action === null || this.halted() || !isPlanned(this.#rules.limits, subject.user.userName, action)) return false;
    if (action.kind !== "rotate" || endsInRotation(decision)) return true;
    this.#rotationsLeft -= 1;
    return this.#rotationsLeft >= 0 && (this.#rules.limits.shared?.take(1) ?? 1) === 1;
  }

  /** A step that cannot be written down ends its turn, and no other user is begun. */
  watch(world: World): World {
    const hint = "no further user is begun; make room, and run again";
    return { ...world, journal: orEndTurn(world.journal, hint, () => this.stop()) };
  }
}

/** Observes and decides, and changes nothing. `everything` reads also what no decision needs, for people. */
export async function survey(
  world: World,
  subjects: readonly Subject[],
  slots: Slots,
  { everything = false, onSeen, onRead }: Pick<RunRules, "onSeen" | "onRead"> & { readonly everything?: boolean },
): Promise<readonly Finding[]> {
  const escrow = await escrowByUser(world);
  const look = everything ? observeEverything : observe;
  const ruledOut = subjects.map((subject) => ruleOut(subject, escrow(subject.user.userName), world.clock.now()));
  const toRead = ruledOut.filter((each) => each === null).length;
  let done = 0;
  const read = async (subject: Subject): Promise<Finding> => {
    const { user, tags } = subject;
    const before = { escrow: escrow(user.userName), ...(tags === undefined ? {} : { tags }) };
    const seen = await look(world, subject, before);
    const finding = { subject, seen, decision: decide(seen, subject.terms, world.clock.now()) };
    onSeen?.(finding);
    done += 1;
    onRead?.(done, toRead);
    return finding;
  };
  return Promise.all(subjects.map(async (subject, index) => ruledOut[index] ?? slots.use(() => read(subject))));
}

/** One listing for all users: there are entries for unfinished rotations only. */
async function escrowByUser({ escrow }: World): Promise<(userName: string) => Reading<readonly AccessKeyId[]>> {
  if (escrow === null) return () => known([]);
  let entries: readonly EscrowEntry[];
  try {
    entries = await escrow.list();
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    const { action, code, message, kind } = error;
    const reading =
      kind === "denied" ? deniedReading(error) : ({ kind: "failed", action, message: `${code}: ${message}` } as const);
    return () => reading;
  }
  return (userName) => known(entries.filter((entry) => entry.userName === userName).map((entry) => entry.accessKeyId));
}

/** A target that cannot take a key blocks its user before anything is made, and before a key makes room for it. */
async function checkTargets(findings: readonly Finding[], slots: Slots): Promise<readonly Finding[]> {
  return Promise.all(
    findings.map(async (finding) => {
      if (!endsInRotation(finding.decision) && finding.decision.action?.kind !== "resume") return finding;
      try {
        await slots.use(async () => {
          for (const destination of finding.subject.destinations) await destination.check();
        });
        return finding;
      } catch (error) {
        return { ...finding, decision: unusable("checking the destination", finding.decision, error) };
      }
    }),
  );
}

function unusable(what: string, decision: UserDecision, error: unknown): UserDecision {
  const { outcome } = asTurnEnd(what, error);
  const hint = outcome.kind === "failed" ? outcome.hint : null;
  const blocked = {
    ...decision,
    action: null,
    sentence: outcome.sentence,
    next: hint === null ? null : { what: hint, at: null },
  };
  if (error instanceof InvalidInput) return { ...blocked, standing: "blocked", code: "destination-unusable" };
  if (error instanceof CallError && error.kind === "denied")
    return { ...blocked, standing: "blocked", code: error.byOrganization ? "scp-denied" : "read-denied" };
  return { ...blocked, standing: "unknown", code: "read-failed" };
}

/** Takes the first turn as it was chosen, and those that it leads on to. */
async function takeTurns(
  world: World,
  { subject, seen, decision }: Finding,
  slot: Slot,
  mayFollow: (next: UserDecision) => boolean,
): Promise<readonly TurnReport[]> {
  const before = { hasPassword: seen.hasPassword };
  const turns = [await takeTurn(world, subject, slot, before, (now) => sameAction(now.action, decision.action))];
  for (let [last] = turns; last !== undefined && turns.length < STEPS_PER_RUN; last = turns.at(-1)) {
    if (last.outcome?.kind !== "done" || !leadsOn(last.seen, subject.terms, last.outcome.action, world.clock.now()))
      break;
    const next = await takeTurn(world, subject, slot, before, mayFollow);
    if (next.outcome === null) break;
    turns.push(next);
  }
  return turns;
}

const byUserName = (a: UserReport, b: UserReport): number => (a.userName < b.userName ? -1 : 1);

/** As Promise.all, but after a rejection users in progress are finished, and no other is begun, before it rejects. */
async function settleAll<T>(work: readonly Promise<T>[], progress: Progress): Promise<readonly T[]> {
  const settled = await Promise.allSettled(
    work.map((each) =>
      each.catch((error: unknown) => {
        progress.stop();
        throw error;
      }),
    ),
  );
  const broken = settled.find((each) => each.status === "rejected");
  if (broken !== undefined) throw broken.reason;
  return settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
}
