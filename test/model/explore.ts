import type { Policy } from "../../src/core/policy.ts";
import type { UserReport } from "../../src/core/result.ts";
import { Calls, type Sabotage } from "./calls.ts";
import { Digests, digest } from "./digests.ts";
import { isGoal, unexplainedEnd } from "./ends.ts";
import { calledBy, type Choice, Episodes, isFree, isOver, type Moment, reportOf, traceOf } from "./episode.ts";
import { Monitor, usableUntil, Violation } from "./monitor.ts";
import { consume } from "./people.ts";
import { Memories } from "./runner.ts";
import {
  beginning,
  clone,
  disturb,
  fingerprint,
  type ModelKey,
  rested,
  retold,
  type Setup,
  type State,
  worldOf,
} from "./state.ts";
import { plus, type Story, tell } from "./story.ts";

// The engine throws and catches within itself, millions of times here: nobody reads where.
Error.stackTraceLimit = 0;

const SOON = 30_000;
const NEXT = 5 * 60_000;
/** Long enough for IAM to show a use that hid behind our own, and much too short for any gate. */
const WHILE = 2 * 3_600_000;
const LONG = 8 * 86_400_000;
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

/** A state between runs, and how it came about. */
interface Rest {
  readonly state: State;
  readonly story: Story;
  readonly runs: number;
  /** How many gaps have gone by in which nothing changed but ages; three stands for more. */
  readonly idle: number;
  /** Milliseconds since the run before. */
  readonly gap: number;
}

interface End {
  readonly state: State;
  readonly report: UserReport | null;
  readonly story: Story;
  readonly runs: number;
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
    for (this.#spent = 0; this.#spent <= this.#bounds.disturbances; this.#spent += 1) {
      // In no order, so that where the time is over what was seen is spread over all of what there is.
      const waiting = this.#later;
      this.#later = [];
      for (let left = waiting.length; ; left -= 1) {
        for (let job = this.#jobs.pop(); job !== undefined; job = this.#jobs.pop()) {
          if (this.#isOver) return;
          await this.#do(job);
        }
        if (left === 0) break;
        const pick = (this.#choices * 7_919) % left;
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

  get #isOver(): boolean {
    const { cpuSeconds, states, surely } = this.#bounds;
    if (this.#spent <= surely) return false;
    const isOver =
      (cpuSeconds !== null && cpuSince(this.#began) > cpuSeconds * 1000) ||
      (states !== null && this.#moments.size >= states);
    this.#cut ||= isOver;
    return isOver;
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
    const { disturbed, tick, personKeys } = moment.state;
    return this.#moments.add(digest(`${world.join(".")} ${disturbed.join()} ${tick} ${personKeys} ${traceOf(moment)}`));
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

/** Where the next run begins. Consumers that keep to the rules read and use what they are served, in the middle of the gap. */
function restAfter({ state: ended, story, runs }: End, gap: number): Rest {
  const state = clone(ended);
  state.now += Math.min(gap / 2, 3_600_000);
  for (const { serves } of state.stores) if (serves !== null) consume(state, serves);
  state.now = ended.now + gap;
  return { state, story: plus(story, "/"), runs, idle: 0, gap };
}

function cpuSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

/** `used:0`: the first key is used, by somebody who was served it before. */
const usable = (policy: Policy, state: State, gap: number): readonly string[] =>
  state.keys.flatMap((key, index) =>
    key.status === "Active" && latestUse(policy, state, gap, key) !== null ? [`used:${index}`] : [],
  );

/** The last second of a gap in which a consumer may still use a key that it is not served any more; null where it may not. */
function latestUse(policy: Policy, state: State, gap: number, key: ModelKey): number | null {
  const until = usableUntil(state, policy, key) ?? 0;
  const at = Math.min(until, state.now + gap) - 1_000;
  return at > state.now && !state.stores.some(({ serves }) => serves === key.id) ? at : null;
}

function disturbedRest(policy: Policy, end: End, gap: number, word: string): Rest {
  if (word === "soon") return restAfter(end, SOON);
  const rest = restAfter(end, gap);
  const [, index = ""] = word.split(":");
  const key = end.state.keys[Number(index)];
  const at = key === undefined ? null : latestUse(policy, end.state, gap, key);
  if (key === undefined || at === null) throw new Error(`nobody may do ${word}`);
  const { now } = rest.state;
  rest.state.now = at;
  consume(rest.state, key.id);
  rest.state.now = now;
  disturb(rest.state, "used");
  return rest;
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

/** When the next run comes: soon after a change, else when the report says that something can happen, else after a while, then a week. */
function gapAfter({ state, report }: Pick<End, "state" | "report">, before: number): number {
  if (report === null || report.outcome === "changed" || report.outcome === "failed") return NEXT;
  const at = report.next?.at ?? null;
  if (at === null) return before < WHILE ? WHILE : LONG;
  return Math.max(NEXT, at - state.now + 1_000);
}

/** Tells a story again, call by call: what a failed exploration prints. */
export async function replay(
  setup: Setup,
  story: string,
  sabotage: Sabotage | null = null,
): Promise<readonly string[]> {
  const lines: string[] = [];
  const monitor = new Monitor(setup);
  const memories = new Memories(setup, new Calls(monitor, sabotage), sabotage);
  const episodes = new Episodes(setup, monitor, memories);
  let [rest, gap] = [rested(beginning(setup)), 0];
  for (const told of story.split(" / ")) {
    const between = /(?:^| )(soon|used:\d+)$/.exec(told)?.[1] ?? null;
    const words = told.split(" ").filter((word) => word !== "/" && word !== between);
    const schedule = words.flatMap((word) => {
      const [count, choice] = word.includes("*") ? word.split("*") : ["1", word];
      return Array.from({ length: Number(count) }, () => choice ?? "");
    });
    let moment = await episodes.begin(rest);
    lines.push(`run at ${new Date(rest.now).toISOString()}`);
    for (const choice of schedule) {
      const call = calledBy(moment, choice);
      try {
        moment = await episodes.after(moment, choice);
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        return [...lines, `  ${choice} ${call}`, `VIOLATION ${error.message}`];
      }
      const { state } = moment;
      lines.push(
        `  ${choice} ${call}   [${Math.round((state.now - rest.now) / 1000)} s, ${state.record ?? "no record"}]`,
      );
    }
    const report = reportOf(moment);
    lines.push(`  => ${report === null ? "no report" : `${report.outcome} ${report.code}: ${report.sentence}`}`);
    const disturbed = schedule.some((choice) => !isFree(choice));
    const end = { state: moment.state, report, story: null, runs: 0 };
    gap = gapAfter(end, disturbed ? 0 : gap);
    const next = between === null ? restAfter(end, gap) : disturbedRest(setup.policy, end, gap, between);
    gap = next.gap;
    rest = rested(next.state);
  }
  return lines;
}
