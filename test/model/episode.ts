import { CallError } from "../../src/ports.ts";
import { type Monitor, Violation } from "./monitor.ts";
import { act, deeds } from "./people.ts";
import { type Call, Runner, type Sabotage } from "./runner.ts";
import { clone, disturb, type Setup, type State } from "./state.ts";

/** Nothing in the air takes effect later than this: adapters cut calls off there. */
const CALL_LIMIT = 30_000;
/** Longer than every lease and every turn. */
const PAUSE = 5 * 60_000;

/**
 * One choice of a schedule. `a`, `b` = the next call of this runner goes through · `wake` = time passes until the next sleeper
 * wakes · `a!die` = the process is gone · `a!unsent`, `a!lost` = no answer, and no effect or one · `a!stale` = a read that lags ·
 * `a!pause` = the process stands still for five minutes after the call · `start`, `late` = a second runner begins (late: near
 * the end of a pause) · `do:DEED` = a person. All these are disturbances but the first two and `a!over`: a creation beyond the
 * quota, in a race with another one.
 */
export type Choice = string;

export const isFree = (choice: Choice): boolean => choice === "wake" || /^[ab](!over)?$/.test(choice);

/** Runs of the real engine over one state, from their start to their end, driven choice by choice. */
export class Episode {
  readonly state: State;
  readonly runners: Runner[] = [];
  readonly #make: (name: string) => Runner;
  readonly #monitor: Monitor;
  readonly #setup: Setup;

  private constructor(from: State, setup: Setup, monitor: Monitor, sabotage: Sabotage | null) {
    this.state = clone(from);
    this.#monitor = monitor;
    this.#setup = setup;
    this.#make = (name) => new Runner(name, () => this.state, setup, monitor, sabotage);
  }

  static async begin(from: State, setup: Setup, monitor: Monitor, sabotage: Sabotage | null): Promise<Episode> {
    const episode = new Episode(from, setup, monitor, sabotage);
    await episode.#launch("a");
    return episode;
  }

  async #launch(name: string): Promise<void> {
    const runner = this.#make(name);
    this.runners.push(runner);
    runner.start();
    await calm();
  }

  get isOver(): boolean {
    return this.runners.every(({ over }) => over !== null);
  }

  /** Everything that what happens from here on depends on. */
  fingerprint(): string {
    const { state } = this;
    const runners = this.runners.map(
      (each) =>
        `${each.name}${each.over ?? ""}${each.asleep?.until ?? ""}|${each.calls.length}|${each.keys}|${each.stores.join()}|${each.log}`,
    );
    return `${JSON.stringify(state)}\n${runners.join("\n")}`;
  }

  /** What may happen now; the first is what happens where nothing disturbs. */
  choices(disturbances: boolean): readonly Choice[] {
    const living = this.runners.filter(({ over }) => over === null);
    const free = living.filter(({ calls }) => calls.length > 0).map(({ name }) => name);
    if (this.#sleeper() !== null && this.#mayWake()) free.push("wake");
    for (const { name, calls } of living)
      if ((calls[0]?.racing?.(this.state) ?? null) !== null) free.push(`${name}!over`);
    if (!disturbances) return free;
    return [
      ...free,
      ...living.flatMap((runner) => this.#faults(runner)),
      ...(this.runners.length === 1 ? ["start", ...(this.#pauseLeft() > 60_000 ? ["late"] : [])] : []),
      ...deeds(this.state, this.#setup.policy).map((deed) => `do:${deed}`),
    ];
  }

  #faults({ name, calls }: Runner): readonly Choice[] {
    const [call] = calls;
    if (call === undefined) return [`${name}!die`];
    return [
      `${name}!die`,
      `${name}!unsent`,
      `${name}!pause`,
      ...(call.changes ? [`${name}!lost`] : []),
      ...(call.lagging !== null && call.lagging(this.state) !== null ? [`${name}!stale`] : []),
    ];
  }

  #sleeper(): Runner | null {
    const asleep = this.runners.filter(({ over, asleep: sleep }) => over === null && sleep !== null);
    return asleep.toSorted((a, b) => (a.asleep?.until ?? 0) - (b.asleep?.until ?? 0))[0] ?? null;
  }

  /** Time may pass a runner's call by only as far as such a call may take. */
  #mayWake(): boolean {
    const until = this.#sleeper()?.asleep?.until ?? 0;
    return this.runners.every(
      ({ over, calls: [call] }) => over !== null || call === undefined || until - call.since <= CALL_LIMIT,
    );
  }

  #pauseLeft = (): number => (this.#sleeper()?.asleep?.until ?? 0) - this.state.now;

  /** The call that a choice lets through, for people. */
  callOf = (choice: Choice): string =>
    this.runners.find(({ name }) => name === choice.split("!")[0])?.calls[0]?.action ?? "";

  async apply(choice: Choice): Promise<void> {
    if (!isFree(choice)) disturb(this.state, kindOf(choice));
    if (choice === "wake") this.#wake();
    else if (choice === "start" || choice === "late") {
      if (choice === "late") this.state.now += this.#pauseLeft() - 10_000;
      await this.#launch("b");
    } else if (choice.startsWith("do:")) act(this.state, choice.slice(3));
    else {
      const [name, fault] = choice.split("!");
      const runner = this.runners.find((each) => each.name === name);
      if (runner === undefined) throw new Error(`${choice}: there is no such runner`);
      if (fault === "die") runner.over = "dead";
      else this.#answer(runner, fault);
    }
    this.#monitor.afterEffect(this.state);
    await calm();
    for (const { over, broken } of this.runners) {
      if (over === "reported" && broken !== null)
        throw new Violation(`the run broke: ${broken instanceof Error ? broken.message : "unknown error"}`);
    }
  }

  #wake(): void {
    const runner = this.#sleeper();
    const sleep = runner?.asleep ?? null;
    if (runner === null || sleep === null) throw new Error("nobody sleeps");
    const { until, wake } = sleep;
    this.state.now = Math.max(this.state.now, until);
    runner.asleep = null;
    runner.log = digest(`${runner.log} woke ${this.state.now}`);
    wake();
  }

  #effect({ effect, lagging, racing }: Call, fault: string | undefined): unknown {
    if (fault === "stale") return lagging?.(this.state);
    return fault === "over" ? racing?.(this.state)?.() : effect(this.state);
  }

  #answer(runner: Runner, fault: string | undefined): void {
    const call = runner.calls.shift();
    if (call === undefined) throw new Error(`${runner.name} waits for nothing`);
    const { refuse, answer } = call;
    try {
      if (fault === "unsent") throw noAnswer(call);
      const value = this.#effect(call, fault);
      if (fault === "lost") throw noAnswer(call);
      runner.log = digest(`${runner.log} ${call.action} ${JSON.stringify(plain(value))} ${this.state.now}`);
      if (fault === "pause") runner.asleep = { until: this.state.now + PAUSE, wake: () => answer(value) };
      else answer(value);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      runner.log = digest(`${runner.log} ${call.action} ${error.code} ${this.state.now}`);
      refuse(error);
    }
  }
}

/** `crash`, `slow`, `second`, or a person's deed without its number. */
export function kindOf(choice: Choice): string {
  if (choice.startsWith("do:")) return choice.slice(3).replace(/:\d+$/, "");
  if (choice === "start" || choice === "late") return "second";
  return /!(die|unsent|lost)$/.test(choice) ? "crash" : "slow";
}

const noAnswer = ({ action }: Call): CallError =>
  new CallError("unknown", `model:${action.split(" ")[0]}`, "model", "TimeoutError", "no answer");

const plain = (value: unknown): unknown => (value instanceof Map ? [...value] : value);

/** All that the engine does by itself is done before the next turn of the event loop. */
const calm = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** cyrb53: 53 bits, of which two different logs of one exploration will not share all. */
function digest(text: string): string {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return `${high >>> 0}.${low >>> 0}`;
}
