import { type Action, sameAction, type UserDecision } from "../core/decision.ts";
import type { Observation } from "../core/observation.ts";
import type { RuledOut } from "../core/sift.ts";
import type { Subject } from "./world.ts";

/** One user of a run, as it was found. */
export interface Finding {
  readonly subject: Subject;
  readonly seen: Observation;
  readonly decision: UserDecision;
  /** Why the user was not read exactly; absent = it was. */
  readonly ruledOut?: RuledOut;
}

/** So many new successors for several accounts, first come, first served. */
export class Allowance {
  #left: number;

  constructor(count: number) {
    this.#left = count;
  }

  /** Takes as many as are wanted, or as are left. */
  take(wanted: number): number {
    const taken = Math.min(wanted, this.#left);
    this.#left -= taken;
    return taken;
  }

  /** For what was taken and then not done. */
  giveBack(count: number): void {
    this.#left += count;
  }
}

/** What a run may do of all that is to be done. */
export interface Limits {
  /** New successors in one run; the rest is deferred, oldest key first. What is under way is always finished. */
  readonly maxRotations: number;
  /** Users whose successor was counted before, by a worker of this run that did not come to it: they come first and count no more. */
  readonly granted?: ReadonlySet<string>;
  /** What several accounts may make together; absent = only `maxRotations` counts. */
  readonly shared?: Allowance;
  /** Refuse the whole run where more than this share (0 to 100) of the users would change; null = never. */
  readonly refuseAbovePercent: number | null;
  /** Only these: the actions of a plan, by user; null = no plan. */
  readonly planned: ReadonlyMap<string, readonly Action[]> | null;
  /** Nothing at all is performed: a plan, a dry run. */
  readonly onlyLook: boolean;
}

export interface Chosen {
  /** To be performed; empty where the run only looks. */
  readonly now: readonly Finding[];
  /** What would be performed: as `now`, also where the run only looks. */
  readonly would: readonly Finding[];
  /** Due, but beyond the pace of this run. */
  readonly deferred: readonly Finding[];
  /** Due, but not in the plan. */
  readonly unplanned: readonly Finding[];
  /** How many of `now` make a successor in this run, without those that were counted before. */
  readonly rotations: number;
}

/** Restricts what is done by filtering decisions: the engine itself knows no limits. */
export function choose(findings: readonly Finding[], limits: Limits): Chosen {
  const acting = findings.filter((each) => each.decision.action !== null);
  const [planned, unplanned] = split(acting, ({ subject, decision }) =>
    isPlanned(limits, subject.user.userName, decision.action),
  );
  const [rotations, others] = split(planned, ({ decision }) => endsInRotation(decision));
  const oldestFirst = rotations.toSorted(
    (a, b) => oldestKey(a) - oldestKey(b) || (a.subject.user.userName < b.subject.user.userName ? -1 : 1),
  );
  const [granted, fresh] = split(oldestFirst, ({ subject }) => limits.granted?.has(subject.user.userName) === true);
  const wanted = Math.min(fresh.length, limits.maxRotations);
  const room = limits.shared === undefined ? wanted : limits.shared.take(wanted);
  const paced = fresh.slice(0, room);
  const would = [...others, ...granted, ...paced];
  return {
    now: limits.onlyLook ? [] : would,
    would,
    deferred: fresh.slice(room),
    unplanned,
    rotations: paced.length,
  };
}

/** A key that is deleted to make room is followed by its successor in the same run, and counts as that. */
export const endsInRotation = ({ action, code }: UserDecision): boolean =>
  action?.kind === "rotate" || code === "makes-room" || code === "oldest-unexplained" || code === "orphan";

/** Whether the share of users that would change sets off the alarm. Counted before pacing: a pace must not hide a flood. */
export function alarms(
  findings: readonly Finding[],
  { refuseAbovePercent }: Pick<Limits, "refuseAbovePercent">,
): { readonly changing: number; readonly of: number } | null {
  if (refuseAbovePercent === null) return null;
  const withKeys = findings.filter(({ seen, ruledOut }) =>
    ruledOut === undefined ? seen.keys.kind === "known" && seen.keys.value.length > 0 : ruledOut !== "no-keys",
  );
  const changing = findings.filter((each) => each.decision.action !== null).length;
  return changing * 100 > refuseAbovePercent * withKeys.length ? { changing, of: withKeys.length } : null;
}

export function isPlanned({ planned }: Limits, userName: string, action: Action | null): boolean {
  return planned === null || (planned.get(userName) ?? []).some((each) => sameAction(each, action));
}

function oldestKey({ seen }: Finding): number {
  const keys = seen.keys.kind === "known" ? seen.keys.value : [];
  return Math.min(...keys.filter((key) => key.status === "Active").map((key) => key.createDate));
}

/** Those that belong, and the rest. */
export function split<T>(items: readonly T[], belongs: (item: T) => boolean): [readonly T[], readonly T[]] {
  return [items.filter(belongs), items.filter((item) => !belongs(item))];
}
