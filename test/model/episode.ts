import type { UserReport } from "../../src/core/result.ts";
import { CallError } from "../../src/ports.ts";
import type { Call, Reader } from "./calls.ts";
import { type Monitor, Violation } from "./monitor.ts";
import { act, deeds } from "./people.ts";
import { keyOf, type Memories, type Memory, type Told, type Waiting } from "./runner.ts";
import { clone, disturb, type Setup, type State } from "./state.ts";

/** Nothing in the air takes effect later than this: adapters cut calls off there. */
const CALL_LIMIT = 30_000;
/** Longer than every lease and every turn. */
const PAUSE = 5 * 60_000;

/**
 * One choice of a schedule. `a`, `b` = the next call of this runner goes through · `wake` = time passes until the next sleeper
 * wakes · `a!die` = the process is gone · `a!unsent`, `a!lost` = no answer, and no effect or one · `a!refused` = turned down, for
 * certain · `a!stale` = a read that lags · `a!pause` = the process stands still for five minutes after the call · `start`, `late` =
 * a second runner begins (late: near the end of a pause) · `do:DEED` = a person. All these are disturbances but the first two and
 * `a!over`: a creation beyond the quota, in a race with another one.
 */
export type Choice = string;

export const isFree = (choice: Choice): boolean => choice === "wake" || /^[ab](!over)?$/.test(choice);

/** A runner: what it was told, and what it has not been told yet. */
interface Runner extends Reader {
  readonly memory: Memory;
  readonly dead: boolean;
  /** It stands still, and hears this when it goes on. */
  readonly paused: { readonly until: number; readonly value: unknown } | null;
}

/** One moment of one or two runs of the real engine: plain data, which any choice leads on from, in any order. */
export interface Moment {
  readonly state: State;
  readonly runners: readonly Runner[];
}

/** The rules by which moments follow each other. */
export class Episodes {
  readonly #setup: Setup;
  readonly #monitor: Monitor;
  readonly #memories: Memories;

  constructor(setup: Setup, monitor: Monitor, memories: Memories) {
    this.#setup = setup;
    this.#monitor = monitor;
    this.#memories = memories;
  }

  /** A first runner begins. */
  async begin(state: State): Promise<Moment> {
    return { state, runners: [await this.#launch("a", state)] };
  }

  async #launch(name: string, { now, stores }: State): Promise<Runner> {
    const memory = await this.#memories.start(name, now);
    return { name, memory, dead: false, paused: null, keys: 0, readAt: 0, stores: stores.map(() => 0) };
  }

  /** What may happen now; the first of the free ones is what happens where nothing disturbs. */
  free({ state, runners }: Moment): readonly Choice[] {
    const living = runners.filter(isLiving);
    const calls = living.filter((each) => callOf(each) !== null);
    return [
      ...calls.map(({ name }) => name),
      ...(mayWake(runners) ? ["wake"] : []),
      ...calls.filter((each) => (callOf(each)?.racing(state, each) ?? null) !== null).map(({ name }) => `${name}!over`),
    ];
  }

  disturbances({ state, runners }: Moment): readonly Choice[] {
    const pause = (sleeper(runners)?.until ?? 0) - state.now;
    return [
      ...runners.filter(isLiving).flatMap((runner) => faults(state, runner)),
      ...(runners.length === 1 ? ["start", ...(pause > 60_000 ? ["late"] : [])] : []),
      ...deeds(state, this.#setup.policy).map((deed) => `do:${deed}`),
    ];
  }

  /** The moment after this choice; the one before stays as it was. Throws a {@link Violation}. */
  async after(moment: Moment, choice: Choice): Promise<Moment> {
    const state = clone(moment.state);
    if (!isFree(choice)) disturb(state, kindOf(choice));
    const runners = await this.#runnersAfter(state, moment.runners, choice);
    this.#monitor.afterEffect(state);
    for (const { memory } of runners) {
      const broken = memory.end?.broken ?? null;
      if (broken !== null)
        throw new Violation(`the run broke: ${broken instanceof Error ? broken.message : "unknown error"}`);
    }
    return { state, runners };
  }

  async #runnersAfter(state: State, runners: readonly Runner[], choice: Choice): Promise<readonly Runner[]> {
    const put = (index: number, runner: Runner) => runners.map((each, at) => (at === index ? runner : each));
    if (choice.startsWith("do:")) {
      act(state, choice.slice(3));
      return runners;
    }
    if (choice === "start" || choice === "late") {
      if (choice === "late") state.now += (sleeper(runners)?.until ?? state.now) - state.now - 10_000;
      return [...runners, await this.#launch("b", state)];
    }
    if (choice === "wake") {
      const { index = -1, until = 0 } = sleeper(runners) ?? {};
      const runner = runners[index];
      if (runner === undefined) throw new Error("nobody sleeps");
      state.now = Math.max(state.now, until);
      const told: Told =
        runner.paused === null
          ? { kind: "woken", at: state.now }
          : { kind: "answer", at: state.now, value: runner.paused.value };
      return put(index, { ...runner, paused: null, memory: await this.#memories.tell(runner.memory, told) });
    }
    const [name, fault] = choice.split("!");
    const index = runners.findIndex((each) => each.name === name);
    const runner = runners[index];
    if (runner === undefined) throw new Error(`${choice}: there is no such runner`);
    return put(index, fault === "die" ? { ...runner, dead: true } : await this.#answered(state, runner, fault));
  }

  async #answered(state: State, before: Runner, fault: string | undefined): Promise<Runner> {
    const runner = { ...before, stores: [...before.stores] };
    const call = callOf(runner);
    if (call === null) throw new Error(`${runner.name} waits for nothing`);
    const told = answer(state, runner, call, fault);
    if (fault === "pause" && told.kind === "answer")
      return { ...runner, paused: { until: state.now + PAUSE, value: told.value } };
    const next = this.#memories.tell(runner.memory, told);
    return { ...runner, memory: next instanceof Promise ? await next : next };
  }
}

function answer(state: State, runner: Runner, call: Call, fault: string | undefined): Told {
  const at = state.now;
  if (fault === "unsent") return { kind: "error", at, error: noAnswer(call) };
  if (fault === "refused") return { kind: "error", at, error: turnedDown(call) };
  try {
    const value =
      fault === "stale"
        ? call.lagging(state)
        : fault === "over"
          ? call.racing(state, runner)?.()
          : call.effect(state, runner);
    return fault === "lost" ? { kind: "error", at, error: noAnswer(call) } : { kind: "answer", at, value };
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return { kind: "error", at, error: fault === "lost" ? noAnswer(call) : error };
  }
}

function faults(state: State, runner: Runner): readonly Choice[] {
  const { name } = runner;
  const call = callOf(runner);
  if (call === null) return [`${name}!die`];
  return [
    `${name}!die`,
    `${name}!unsent`,
    `${name}!pause`,
    ...(call.changes ? [`${name}!lost`] : []),
    ...(call.refusable ? [`${name}!refused`] : []),
    ...(call.lagging(state) === null ? [] : [`${name}!stale`]),
  ];
}

const isLiving = ({ dead, memory }: Runner): boolean => !dead && memory.end === null;

export const isOver = ({ runners }: Moment): boolean => !runners.some(isLiving);

const first = ({ paused, memory }: Runner): Waiting | null => (paused === null ? (memory.waiting[0] ?? null) : null);

const callOf = (runner: Runner): Call | null => first(runner)?.call ?? null;

/** Who wakes next, and when. */
function sleeper(runners: readonly Runner[]): { readonly index: number; readonly until: number } | null {
  const asleep = runners.flatMap((runner, index) => {
    const until = runner.paused?.until ?? runner.memory.sleepsUntil;
    return isLiving(runner) && until !== null ? [{ index, until }] : [];
  });
  return asleep.toSorted((a, b) => a.until - b.until)[0] ?? null;
}

/** Time may pass a runner's call by only as far as such a call may take. */
function mayWake(runners: readonly Runner[]): boolean {
  const next = sleeper(runners);
  if (next === null) return false;
  return runners.every((runner) => {
    const waiting = isLiving(runner) ? first(runner) : null;
    return waiting === null || next.until - waiting.since <= CALL_LIMIT;
  });
}

/** The call that a choice lets through, for people. */
export function calledBy({ runners }: Moment, choice: Choice): string {
  const runner = runners.find(({ name }) => name === choice.split("!")[0]);
  return (runner === undefined ? null : callOf(runner))?.action ?? "";
}

export const reportOf = ({ runners }: Moment): UserReport | null =>
  runners.find(({ dead, memory }) => !dead && (memory.end?.report ?? null) !== null)?.memory.end?.report ?? null;

/** All of a runner that what happens from here on depends on, beside the state. */
export const traceOf = ({ runners }: Moment): string =>
  runners
    .map(
      ({ memory, dead, paused, keys, stores, readAt }) =>
        `${memory.number} ${dead ? "dead" : ""} ${paused === null ? "" : keyOf({ kind: "answer", at: paused.until, value: paused.value })} ${keys} ${stores.join(",")} ${readAt}`,
    )
    .join("|");

/** `crash`, `slow`, `refused`, `second`, or a person's deed without its number. */
export function kindOf(choice: Choice): string {
  if (choice.startsWith("do:")) return choice.slice(3).replace(/:\d+$/, "");
  if (choice === "start" || choice === "late") return "second";
  if (choice.endsWith("!refused")) return "refused";
  return /!(die|unsent|lost)$/.test(choice) ? "crash" : "slow";
}

const noAnswer = ({ action }: Call): CallError =>
  new CallError("unknown", `model:${action.split(" ")[0]}`, "model", "TimeoutError", "no answer");

const turnedDown = ({ action }: Call): CallError =>
  new CallError("refused", `model:${action.split(" ")[0]}`, "model", "Refused", "it does not want it");
