import type { UserReport } from "../../src/core/result.ts";
import { isGoal, unexplainedEnd } from "./ends.ts";
import { type Choice, Episode, isFree } from "./episode.ts";
import { Monitor, Violation } from "./monitor.ts";
import { consume } from "./people.ts";
import type { Sabotage } from "./runner.ts";
import { beginning, clone, disturb, fingerprint, type Setup, type State } from "./state.ts";

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
  /** Stops looking, in milliseconds since the epoch; null = never. */
  readonly deadline: number | null;
  /** Which disturbances there are; null = all. */
  readonly only: RegExp | null;
}

export interface Findings {
  readonly setup: string;
  /** Different states inside runs, and between them. */
  readonly states: number;
  readonly resting: number;
  /** How often a run was driven anew. */
  readonly schedules: number;
  /** Most runs in one story; most undisturbed ones until a state where nothing is left to do. */
  readonly depth: number;
  readonly patience: number;
  /** Reports that stories end in, and how many states do. */
  readonly ends: ReadonlyMap<string, number>;
  /** Accepted open cases that were met. */
  readonly open: ReadonlyMap<string, number>;
  readonly milliseconds: number;
  /** The time was over before everything was seen. */
  readonly cut: boolean;
  readonly violation: { readonly why: string; readonly story: string } | null;
}

/** A state between runs, and how it came about. */
interface Rest {
  readonly state: State;
  readonly budget: number;
  readonly story: string;
  readonly runs: number;
  /** How many gaps have gone by in which nothing changed but ages; three stands for more. */
  readonly idle: number;
  /** Milliseconds since the run before. */
  readonly gap: number;
}

interface End {
  readonly state: State;
  readonly budget: number;
  readonly schedule: readonly Choice[];
  readonly report: UserReport | null;
}

/** Explores every story of this setup within the bounds. */
export async function explore(setup: Setup, bounds: Bounds, sabotage: Sabotage | null = null): Promise<Findings> {
  const search = new Search(setup, bounds, sabotage);
  return search.run();
}

class Search {
  readonly #setup: Setup;
  readonly #bounds: Bounds;
  readonly #sabotage: Sabotage | null;
  readonly #monitor: Monitor;
  readonly #began = Date.now();
  readonly #rested = new Set<string>();
  readonly #ends = new Map<string, number>();
  /** What an undisturbed run makes of a state between runs; null = nothing is left to do. */
  readonly #onward = new Map<string, { readonly next: string | null; readonly story: string }>();
  #waiting: Rest[] = [];
  #states = 0;
  #schedules = 0;
  #depth = 0;
  #cut = false;

  constructor(setup: Setup, bounds: Bounds, sabotage: Sabotage | null) {
    this.#setup = setup;
    this.#bounds = bounds;
    this.#sabotage = sabotage;
    this.#monitor = new Monitor(setup);
  }

  async run(): Promise<Findings> {
    let violation: Findings["violation"] = null;
    let patience = 0;
    try {
      const { disturbances: budget } = this.#bounds;
      this.#add({ state: beginning(this.#setup), budget, story: "", runs: 0, idle: 0, gap: 0 });
      for (let rest = this.#waiting.pop(); rest !== undefined; rest = this.#waiting.pop()) await this.#expand(rest);
      patience = this.#longestWay();
    } catch (error) {
      if (!(error instanceof StoryFailed)) throw error;
      violation = { why: error.message, story: error.story };
    }
    return {
      setup: this.#setup.name,
      states: this.#states,
      resting: this.#rested.size,
      schedules: this.#schedules,
      depth: this.#depth,
      patience,
      ends: this.#ends,
      open: this.#monitor.met,
      milliseconds: Date.now() - this.#began,
      cut: this.#cut,
      violation,
    };
  }

  #add(rest: Rest): string {
    const print = keyOf(rest);
    const full = `${rest.budget} ${print}`;
    if (!this.#rested.has(full)) {
      this.#rested.add(full);
      this.#waiting.push(rest);
      this.#depth = Math.max(this.#depth, rest.runs);
    }
    return print;
  }

  get #isLate(): boolean {
    const { deadline } = this.#bounds;
    this.#cut ||= deadline !== null && Date.now() > deadline;
    return this.#cut;
  }

  /** Every way that the next run from here can go. */
  async #expand(rest: Rest): Promise<void> {
    if (this.#isLate) return;
    if (rest.runs >= this.#bounds.depth) {
      this.#cut = true;
      return;
    }
    const seen = new Set<string>();
    const ended = new Set<string>();
    const open: { schedule: readonly Choice[]; budget: number }[] = [{ schedule: [], budget: rest.budget }];
    const finish = (end: End): void => {
      const print = `${end.budget} ${JSON.stringify(end.state)} ${end.report?.code}`;
      if (ended.has(print)) return;
      ended.add(print);
      this.#goOn(rest, end);
    };
    for (let next = open.pop(); next !== undefined && !this.#isLate; next = open.pop()) {
      const schedule: Choice[] = [];
      const follow = async (episode: Episode, choice: Choice): Promise<void> => {
        schedule.push(choice);
        await this.#apply(episode, choice, rest, schedule);
      };
      this.#schedules += 1;
      const episode = await Episode.begin(rest.state, this.#setup, this.#monitor, this.#sabotage);
      for (const choice of next.schedule) await follow(episode, choice);
      for (;;) {
        if (episode.isOver) {
          finish({ state: episode.state, budget: next.budget, schedule, report: reportOf(episode) });
          break;
        }
        const print = `${next.budget} ${episode.fingerprint()}`;
        if (seen.has(print)) break;
        seen.add(print);
        this.#states += 1;
        const [first, ...others] = this.#choices(episode, next.budget);
        if (first === undefined) throw new StoryFailed("the run waits for nothing", tell(rest.story, schedule));
        for (const other of others) {
          const budget = next.budget - (isFree(other) ? 0 : 1);
          if (endsAtOnce(episode, other))
            finish({ state: dying(episode), budget, schedule: [...schedule, other], report: null });
          else open.push({ schedule: [...schedule, other], budget });
        }
        await follow(episode, first);
      }
    }
  }

  #choices(episode: Episode, budget: number): readonly Choice[] {
    const { only } = this.#bounds;
    return episode.choices(budget > 0).filter((choice) => isFree(choice) || only === null || only.test(choice));
  }

  async #apply(episode: Episode, choice: Choice, rest: Rest, schedule: readonly Choice[]): Promise<void> {
    try {
      await episode.apply(choice);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      throw new StoryFailed(error.message, tell(rest.story, schedule));
    }
  }

  /** From the end of a run to the begin of the next. */
  #goOn(rest: Rest, end: End): void {
    const story = tell(rest.story, end.schedule);
    const undisturbed = end.budget === rest.budget;
    const note = (next: string | null) => {
      if (undisturbed) this.#onward.set(keyOf(rest), { next, story });
    };
    if (isGoal(this.#setup, end.state)) {
      this.#count("goal");
      return note(null);
    }
    const { report } = end;
    if (report !== null && looksLike(rest.state, end.state) && rest.idle >= (isDated(report) ? 3 : 1)) {
      const why = unexplainedEnd(this.#setup, end.state, report);
      if (why !== null) throw new StoryFailed(why, story);
      this.#count(report.code);
      return note(null);
    }
    const gap = gapAfter(end, rest.gap);
    note(this.#add(restAfter(rest, end, gap)));
    if (end.budget > 0 && gap > SOON && (this.#bounds.only?.test("soon") ?? true))
      this.#add({ ...restAfter(rest, end, SOON), budget: end.budget - 1, story: `${story} soon` });
  }

  #count(end: string): void {
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
        throw new StoryFailed(`it takes ${length} undisturbed runs`, this.#onward.get(start)?.story ?? "");
    }
    return Math.max(0, ...ways.values());
  }
}

/** Where the next run begins. Consumers that keep to the rules read and use what they are served, in the middle of the gap. */
function restAfter(rest: Rest, end: End, gap: number): Rest {
  const state = clone(end.state);
  // Runners of later runs have the same names, and are not those that made a key.
  for (const key of state.keys) key.runner = null;
  state.now += Math.min(gap / 2, 3_600_000);
  for (const { serves } of state.stores) if (serves !== null) consume(state, serves);
  state.now = end.state.now + gap;
  const isSame = gap > NEXT && looksLike(end.state, state) && looksLike(rest.state, state);
  const idle = isSame ? Math.min(3, rest.idle + 1) : 0;
  return { state, budget: end.budget, story: tell(rest.story, end.schedule), runs: rest.runs + 1, idle, gap };
}

class StoryFailed extends Error {
  readonly story: string;

  constructor(why: string, story: string) {
    super(why);
    this.story = story;
  }
}

const keyOf = ({ state, idle, gap }: Rest): string => `${idle} ${gap < WHILE} ${fingerprint(state)}`;

const looksLike = (a: State, b: State): boolean => fingerprint(a, true) === fingerprint(b, true);

/** It says when it can go on, or waits for somebody: that may come several times in a row, for different reasons. */
const isDated = ({ outcome, next }: UserReport): boolean => outcome === "waiting" || (next?.at ?? null) !== null;

/** When the next run comes: soon after a change, else when the report says that something can happen, else after a while, then a week. */
function gapAfter({ state, report }: End, before: number): number {
  if (report === null || report.outcome === "changed" || report.outcome === "failed") return NEXT;
  const at = report.next?.at ?? null;
  if (at === null) return before < WHILE ? WHILE : LONG;
  return Math.max(NEXT, at - state.now + 1_000);
}

const reportOf = ({ runners }: Episode): UserReport | null =>
  runners.find(({ report }) => report !== null)?.report ?? null;

/** The only process dies: what it leaves is plain to see without driving it there. */
const endsAtOnce = ({ runners }: Episode, choice: Choice): boolean =>
  choice.endsWith("!die") && runners.every(({ name, over }) => over !== null || choice.startsWith(name));

function dying({ state }: Episode): State {
  const left = clone(state);
  disturb(left, "crash");
  return left;
}

/** A schedule in few words: `12a` = twelve times `a`; runs are divided by slashes. */
function tell(story: string, schedule: readonly Choice[]): string {
  const words: string[] = [];
  for (let index = 0; index < schedule.length;) {
    const choice = schedule[index] ?? "";
    let count = 1;
    while (schedule[index + count] === choice) count += 1;
    words.push(count > 1 ? `${count}*${choice}` : choice);
    index += count;
  }
  return story === "" ? words.join(" ") : `${story} / ${words.join(" ")}`;
}

/** Tells a story again, call by call: what a failed exploration prints. */
export async function replay(
  setup: Setup,
  story: string,
  sabotage: Sabotage | null = null,
): Promise<readonly string[]> {
  const lines: string[] = [];
  const monitor = new Monitor(setup);
  let rest: Rest = { state: beginning(setup), budget: 0, story: "", runs: 0, idle: 0, gap: 0 };
  for (const told of story.split(" / ")) {
    const words = told.split(" ").filter((word) => word !== "soon");
    const schedule = words.flatMap((word) => {
      const [count, choice] = word.includes("*") ? word.split("*") : ["1", word];
      return Array.from({ length: Number(count) }, () => choice ?? "");
    });
    const episode = await Episode.begin(rest.state, setup, monitor, sabotage);
    lines.push(`run at ${new Date(rest.state.now).toISOString()}`);
    for (const choice of schedule) {
      const call = episode.callOf(choice);
      try {
        await episode.apply(choice);
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        return [...lines, `  ${choice} ${call}`, `VIOLATION ${error.message}`];
      }
      const { state } = episode;
      lines.push(
        `  ${choice} ${call}   [${Math.round((state.now - rest.state.now) / 1000)} s, ${state.record ?? "no record"}]`,
      );
    }
    const report = reportOf(episode);
    lines.push(`  => ${report === null ? "no report" : `${report.outcome} ${report.code}: ${report.sentence}`}`);
    const end: End = { state: episode.state, budget: 0, schedule, report };
    rest = restAfter(rest, end, told.endsWith(" soon") ? SOON : gapAfter(end, rest.gap));
  }
  return lines;
}
