import type { UserReport } from "../../src/core/result.ts";
import { Calls, type Sabotage } from "./calls.ts";
import { Digests, digest } from "./digests.ts";
import { isGoal, unexplainedEnd } from "./ends.ts";
import { type Choice, Episodes, isOver, type Moment, reportOf, traceOf } from "./episode.ts";
import { disturbedRest, type End, gapAfter, NEXT, type Rest, restAfter, SOON, usable, WHILE } from "./gaps.ts";
import { Monitor, Violation } from "./monitor.ts";
import { Memories } from "./runner.ts";
import { beginning, fingerprint, rested, retold, type Setup, type State, worldOf } from "./state.ts";
import { plus, type Story, tell } from "./story.ts";

// The engine throws and catches within itself, millions of times here: nobody reads where.
Error.stackTraceLimit = 0;

/** The protocol promises eleven undisturbed runs, fifteen where a record was stripped. */
const PATIENCE = 15;

export interface Bounds {
  /** How many disturbances one story has. */
  readonly disturbances: number;
  /** How many runs one story has. */
  readonly depth: number;
  /** Stops looking after so many seconds of one core; null = never. Not of a clock: a busy machine must not see less. */
  readonly cpuSeconds: number | null;
  /** Stops looking after so many different states; null = never. */
  readonly states: number | null;
  /** Stories with so many disturbances are told to their end whatever the two limits say. */
  readonly surely: number;
  /** Which disturbances there are; null = all. */
  readonly only: RegExp | null;
}

export interface Findings {
  readonly setup: string;
  /**
   * Different moments: what stands in the world, what the monitor keeps of the story, and all that each runner was ever told.
   * Each is counted once, however it was reached, whatever its date, and however the keys in it are numbered.
   */
  readonly states: number;
  /** How many of them differ in what stands in the world. */
  readonly worlds: number;
  /** Different states between runs. */
  readonly resting: number;
  /** How many choices were followed; how many different things the engine was told, and did. */
  readonly choices: number;
  readonly memories: number;
  /** Most runs in one story; most undisturbed ones until a state where nothing is left to do. */
  readonly depth: number;
  readonly patience: number;
  /** Reports that stories end in, and how many states do. */
  readonly ends: ReadonlyMap<string, number>;
  /** Accepted open cases that were met. */
  readonly open: ReadonlyMap<string, number>;
  /** Of one core: how long it takes, however busy the machine is. */
  readonly cpuMilliseconds: number;
  /** Up to how many disturbances every story was seen to its end; -1 = not even those without any. */
  readonly complete: number;
  /** The time, or the number of states, was over before everything was seen. */
  readonly cut: boolean;
  readonly violation: { readonly why: string; readonly story: string } | null;
}

/** A moment of which more is to be seen. */
interface Open {
  readonly moment: Moment;
  readonly story: Story;
  readonly runs: number;
  /** What is to happen to it; null = each disturbance that can. */
  readonly choice: Choice | null;
}

type Job = { readonly rest: Rest } | Open;

/** Explores every story of this setup within the bounds: all with no disturbance first, then all with one, and so on. */
export async function explore(setup: Setup, bounds: Bounds, sabotage: Sabotage | null = null): Promise<Findings> {
  const search = new Search(setup, bounds, sabotage);
  return search.run();
}

class Search {
  readonly #setup: Setup;
  readonly #bounds: Bounds;
  readonly #monitor: Monitor;
  readonly #memories: Memories;
  readonly #episodes: Episodes;
  readonly #began = process.cpuUsage();
  readonly #moments = new Digests();
  readonly #worlds = new Digests();
  readonly #rested = new Set<string>();
  readonly #ends = new Map<string, number>();
  /** What an undisturbed run makes of a state between runs; null = nothing is left to do. */
  readonly #onward = new Map<string, { readonly next: string | null; readonly story: Story }>();
  /** What comes next, and what takes one disturbance more. */
  readonly #jobs: Job[] = [];
  #later: Job[] = [];
  #spent = 0;
  #choices = 0;
  #depth = 0;
  #complete = -1;
  #cut = false;

  constructor(setup: Setup, bounds: Bounds, sabotage: Sabotage | null) {
    this.#setup = setup;
    this.#bounds = bounds;
    this.#monitor = new Monitor(setup);
    this.#memories = new Memories(setup, new Calls(this.#monitor, sabotage), sabotage);
    this.#episodes = new Episodes(setup, this.#monitor, this.#memories);
  }

  async run(): Promise<Findings> {
    let violation: Findings["violation"] = null;
    let patience = 0;
    try {
      this.#add(this.#begin(), this.#jobs);
      await this.#levels();
      patience = this.#longestWay();
    } catch (error) {
      if (!(error instanceof StoryFailed)) throw error;
      violation = { why: error.message, story: tell(error.story) };
    }
    return {
      setup: this.#setup.name,
      states: this.#moments.size,
      worlds: this.#worlds.size,
      resting: this.#rested.size,
      choices: this.#choices,
      memories: this.#memories.count,
      depth: this.#depth,
      patience,
      ends: this.#ends,
      open: this.#monitor.met,
      cpuMilliseconds: cpuSince(this.#began),
      complete: this.#complete,
      cut: this.#cut,
      violation,
    };
  }

  #begin(): Rest {
    return { state: beginning(this.#setup), story: null, runs: 0, idle: 0, gap: 0 };
  }

  async #levels(): Promise<void> {
    const mayBeCut = this.#bounds.states !== null || this.#bounds.cpuSeconds !== null;
    for (this.#spent = 0; this.#spent <= this.#bounds.disturbances; this.#spent += 1) {
      // What may be cut short goes in no order, so that what was seen is spread over all of what there is. Else the newest comes
      // first: a broken engine is found out sooner.
      const waiting = this.#later;
      this.#later = [];
      for (let left = waiting.length; ; left -= 1) {
        for (let job = this.#jobs.pop(); job !== undefined; job = this.#jobs.pop()) {
          if (this.#isEnough) return;
          await this.#do(job);
        }
        if (left === 0) break;
        const pick = mayBeCut ? (this.#choices * 7_919) % left : left - 1;
        const job = waiting[pick];
        const last = waiting[left - 1];
        if (job === undefined || last === undefined) break;
        waiting[pick] = last;
        waiting.length = left - 1;
        this.#jobs.push(job);
      }
      if (!this.#cut) this.#complete = this.#spent;
    }
  }

  get #isEnough(): boolean {
    const { cpuSeconds, states, surely } = this.#bounds;
    if (this.#spent <= surely) return false;
    const isTooMuch =
      (cpuSeconds !== null && cpuSince(this.#began) > cpuSeconds * 1000) ||
      (states !== null && this.#moments.size >= states);
    this.#cut ||= isTooMuch;
    return isTooMuch;
  }

  async #do(job: Job): Promise<void> {
    if ("rest" in job) return this.#runUndisturbed(job.rest);
    if (job.choice !== null) return this.#follow(job, job.choice);
    for (const choice of this.#episodes.disturbances(job.moment))
      if (this.#bounds.only?.test(choice) ?? true) this.#jobs.push({ ...job, choice });
  }

  #add(rest: Rest, jobs: Job[]): string {
    const print = this.#keyOf(rest);
    if (!this.#rested.has(print)) {
      this.#rested.add(print);
      jobs.push({ rest });
    }
    return print;
  }

  /** The next run, with nothing in its way. All that could be in its way comes later. */
  async #runUndisturbed(rest: Rest): Promise<void> {
    if (rest.runs >= this.#bounds.depth) {
      this.#cut = true;
      return;
    }
    const runs = rest.runs + 1;
    this.#depth = Math.max(this.#depth, runs);
    let moment = await this.#episodes.begin(this.#retold(rest.state));
    let { story } = rest;
    while (!isOver(moment)) {
      const choice = this.#see(moment, story, runs) ?? this.#firstOf(moment, story);
      moment = await this.#apply(moment, choice, story);
      story = plus(story, choice);
    }
    this.#count(moment);
    this.#goOn(rest, { state: moment.state, report: reportOf(moment), story, runs });
  }

  /** What comes of a choice, until nothing new does. */
  async #follow({ moment: from, story: before, runs }: Open, first: Choice): Promise<void> {
    let [moment, story] = [from, before];
    for (let choice: Choice | null = first; choice !== null;) {
      moment = await this.#apply(moment, choice, story);
      story = plus(story, choice);
      if (!isOver(moment)) choice = this.#see(moment, story, runs);
      else {
        if (this.#count(moment)) this.#recover({ state: moment.state, report: reportOf(moment), story, runs });
        return;
      }
    }
  }

  /** Notes all ways that lead on from a new moment, and answers with the first; null where the moment is not new. */
  #see(moment: Moment, story: Story, runs: number): Choice | null {
    if (!this.#count(moment)) return null;
    const [first, ...others] = this.#episodes.free(moment);
    for (const choice of others) this.#jobs.push({ moment, story, runs, choice });
    if (this.#spent < this.#bounds.disturbances) this.#later.push({ moment, story, runs, choice: null });
    return first ?? this.#firstOf(moment, story);
  }

  #firstOf(moment: Moment, story: Story): Choice {
    const [first] = this.#episodes.free(moment);
    if (first === undefined) throw new StoryFailed("the run waits for nothing", story);
    return first;
  }

  #count(moment: Moment): boolean {
    const world = digest(worldOf(moment.state));
    this.#worlds.add(world);
    const { disturbed, tick, personKeys, stripped } = moment.state;
    return this.#moments.add(
      digest(`${world.join(".")} ${disturbed.join()} ${tick} ${personKeys} ${stripped?.tick} ${traceOf(moment)}`),
    );
  }

  async #apply(moment: Moment, choice: Choice, story: Story): Promise<Moment> {
    this.#choices += 1;
    try {
      return await this.#episodes.after(moment, choice);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      throw new StoryFailed(error.message, plus(story, choice));
    }
  }

  /** From the end of an undisturbed run to the begin of the next. */
  #goOn(rest: Rest, end: End): void {
    const { state, report, story } = end;
    const note = (next: string | null): void => {
      this.#onward.set(this.#keyOf(rest), { next, story });
    };
    if (isGoal(this.#setup, state)) {
      this.#countEnd("goal");
      return note(null);
    }
    if (report !== null && this.#looksLike(rest.state, state) && rest.idle >= (isDated(report) ? 3 : 1)) {
      const why = unexplainedEnd(this.#setup, state, report);
      if (why !== null) throw new StoryFailed(why, story);
      this.#countEnd(report.code);
      return note(null);
    }
    const gap = gapAfter(end, rest.gap);
    const next = restAfter(end, gap);
    const isSame = gap > NEXT && this.#looksLike(state, next.state) && this.#looksLike(rest.state, next.state);
    note(this.#add({ ...next, idle: isSame ? Math.min(3, rest.idle + 1) : 0 }, this.#jobs));
    this.#disturbGap(end, gap);
  }

  /** From the end of a disturbed run to the begin of the next. */
  #recover(end: End): void {
    if (isGoal(this.#setup, end.state)) return this.#countEnd("goal");
    const gap = gapAfter(end, 0);
    this.#add(restAfter(end, gap), this.#jobs);
    this.#disturbGap(end, gap);
  }

  /** What may come between two runs: the next one at once, or a consumer that uses an old key as late as it may. */
  #disturbGap(end: End, gap: number): void {
    const { disturbances, only } = this.#bounds;
    if (this.#spent >= disturbances) return;
    const gaps = [...(gap > SOON ? ["soon"] : []), ...usable(this.#setup.policy, end.state, gap)];
    for (const word of gaps.filter((each) => only?.test(each) ?? true))
      this.#add(
        { ...disturbedRest(this.#setup.policy, end, gap, word), story: plus(end.story, `/${word}`) },
        this.#later,
      );
  }

  #countEnd(end: string): void {
    this.#ends.set(end, (this.#ends.get(end) ?? 0) + 1);
  }

  /** The most undisturbed runs from any state to one where nothing is left to do. Throws where a way has no end. */
  #longestWay(): number {
    const ways = new Map<string, number>();
    for (const start of this.#onward.keys()) {
      const way: string[] = [];
      let at: string | null = start;
      while (at !== null && !ways.has(at)) {
        const onward = this.#onward.get(at);
        if (onward === undefined) break; // beyond the bounds
        way.push(at);
        if (way.length > 100) throw new StoryFailed("undisturbed runs never come to an end", onward.story);
        at = onward.next;
      }
      let length = at === null ? 0 : (ways.get(at) ?? 0);
      for (const each of way.toReversed()) ways.set(each, (length += 1));
      if (length > PATIENCE)
        throw new StoryFailed(`it takes ${length} undisturbed runs`, this.#onward.get(start)?.story ?? null);
    }
    return Math.max(0, ...ways.values());
  }

  get #keepsTime(): boolean {
    return this.#setup.window !== null;
  }

  #retold(state: State): State {
    return retold(rested(state), this.#keepsTime);
  }

  #keyOf({ state, idle, gap }: Rest): string {
    return digest(`${idle} ${gap < WHILE} ${fingerprint(state, this.#keepsTime)}`).join(".");
  }

  #looksLike(a: State, b: State): boolean {
    return fingerprint(a, this.#keepsTime, true) === fingerprint(b, this.#keepsTime, true);
  }
}

function cpuSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

class StoryFailed extends Error {
  readonly story: Story;

  constructor(why: string, story: Story) {
    super(why);
    this.story = story;
  }
}

/** It says when it can go on, or waits for somebody: that may come several times in a row, for different reasons. */
const isDated = ({ outcome, next }: UserReport): boolean => outcome === "waiting" || (next?.at ?? null) !== null;
