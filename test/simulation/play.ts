import type { UserReport } from "../../src/core/result.ts";
import { days, type Duration, type Instant, later, minutes } from "../../src/core/time.ts";
import { run } from "../../src/engine/run.ts";
import { SimulatedLiveness } from "../../src/simulation/stores.ts";
import { Crash } from "../support/crash.ts";
import { freely, START } from "../support/rig.ts";
import { Persons } from "./persons.ts";
import { Violation } from "./referee.ts";
import { Runner } from "./runner.ts";
import { Stage } from "./stage.ts";
import { type RunPlan, type StoryChoice, writeStory } from "./story.ts";

/** How one story went. */
export interface Ending {
  readonly violation: Violation | null;
  readonly log: readonly string[];
  /** How often what happened, so that a story in which nothing happens is noticed. */
  readonly counts: Readonly<Record<string, number>>;
  /** How many days of it went by. */
  readonly days: number;
}

/** How long everything is quiet before it is judged: the longest gate, the longest retention and the laziest consumer fit in. */
const QUIET_DAYS = 26;

/** Somebody who looks after a user does what the report says when it has said so for this long. */
const PATIENCE = days(3);

/** Tells a story to its end, or to the first broken promise. */
export async function play(choice: StoryChoice): Promise<Ending> {
  const story = writeStory(choice);
  const stage = new Stage(story);
  const theatre = new Theatre(stage);
  try {
    await theatre.tell();
    await theatre.calmDown();
  } catch (error) {
    stage.referee.violation ??= asViolation(error, stage.now());
  }
  const { log, referee } = stage;
  const { violation } = referee;
  if (violation !== null) stage.note("REFEREE", violation.message);
  return { violation, log, counts: referee.counts, days: (stage.now() - START) / days(1) };
}

function asViolation(error: unknown, at: Instant): Violation {
  if (error instanceof Violation) return error;
  return new Violation("crashed", at, null, error instanceof Error ? (error.stack ?? error.message) : "not an error");
}

interface Event {
  readonly at: Instant;
  readonly happen: () => Promise<void>;
}

class Theatre {
  readonly #stage: Stage;
  readonly #persons: Persons;
  readonly #hosts = { first: new SimulatedLiveness("h"), second: new SimulatedLiveness("i") };
  readonly #complaints = new Map<string, { readonly code: string; readonly since: Instant }>();
  readonly #told = new Map<string, string>();
  #runs = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#persons = new Persons(stage);
  }

  /** The story as it is written. */
  async tell(): Promise<void> {
    const { story, players } = this.#stage;
    const acts = [...players.values()].flatMap((player) =>
      player.plan.acts.map((act) => ({ at: later(START, act.at), happen: () => this.#persons.act(player, act) })),
    );
    const runs = story.runs.map((plan) => ({ at: later(START, plan.at), happen: () => this.#perform(plan) }));
    const end = later(START, story.length);
    const events: Event[] = [...acts, ...runs].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
    for (const event of events) {
      this.#passTo(event.at);
      await event.happen();
      this.#stop();
    }
  }

  /** Nothing goes wrong any more and nobody acts: whatever is unfinished must come to an end by itself. */
  async calmDown(): Promise<void> {
    this.#stage.isCalm = true;
    this.#stage.note("story", "all is calm from here on");
    let reports: readonly UserReport[] = [];
    for (let day = 0; day < QUIET_DAYS + 3; day += 1) {
      this.#passTo(later(this.#stage.now(), day < 3 ? minutes(6) : days(1)));
      reports = await this.#run("c", new SimulatedLiveness(`c${day}`), { dies: null, skew: [0, 0] });
      this.#stop();
    }
    await this.#stage.referee.judgeTheEnd(reports);
  }

  /** The engine may have caught what the referee threw. */
  #stop(): void {
    if (this.#stage.referee.violation !== null) throw this.#stage.referee.violation;
  }

  #passTo(moment: Instant): void {
    const { clock } = this.#stage;
    for (
      let next = this.#stage.nextConsumption();
      next !== null && next <= moment;
      next = this.#stage.nextConsumption()
    ) {
      clock.advanceTo(next);
      this.#stage.consume();
    }
    clock.advanceTo(moment);
  }

  async #perform(plan: RunPlan): Promise<void> {
    const first = this.#once(plan, "first", { dies: plan.dies, skew: plan.skew });
    const both = [first];
    if (plan.beside !== null) both.push(this.#beside(plan, plan.beside));
    for (const ended of await Promise.allSettled(both)) if (ended.status === "rejected") throw ended.reason;
  }

  async #beside(plan: RunPlan, wait: Duration): Promise<void> {
    await this.#stage.clock.sleep(wait);
    this.#stage.referee.count("beside");
    for (const userName of this.#stage.players.keys()) this.#stage.referee.incident(userName);
    await this.#once(plan, "second", { dies: null, skew: [plan.skew[1], plan.skew[0]] });
  }

  async #once(plan: RunPlan, which: "first" | "second", weather: Pick<RunPlan, "dies" | "skew">): Promise<void> {
    this.#runs += 1;
    const liveness = plan.onHost ? this.#hosts[which] : new SimulatedLiveness(`f${this.#runs}`);
    const reports = await this.#run(which, liveness, weather);
    if (reports.length === 0 && plan.onHost) liveness.kill();
    if (this.#stage.has("person")) await this.#lookAfter(reports);
  }

  /** Answers with nothing where the process died. */
  async #run(
    name: string,
    liveness: SimulatedLiveness,
    weather: Pick<RunPlan, "dies" | "skew">,
  ): Promise<readonly UserReport[]> {
    const runner = new Runner(this.#stage, `${name}${this.#runs}`, liveness, "run", weather);
    const subjects = [...this.#stage.players.values()].map((player) => runner.subject(player));
    this.#stage.referee.count("runs");
    try {
      const reports = await run(runner.world, subjects, freely);
      this.#noteNews(name, reports);
      return reports;
    } catch (error) {
      if (error instanceof Crash) return [];
      throw error;
    }
  }

  /** What a report says is worth a line when it says it for the first time. */
  #noteNews(name: string, reports: readonly UserReport[]): void {
    for (const { userName, outcome, code, sentence } of reports) {
      const news = `${outcome} ${code}: ${sentence}`;
      const told = outcome === "blocked" || outcome === "failed" ? news : "";
      if (told !== "" && this.#told.get(userName) !== news) this.#stage.note(name, `${userName} ${news}`);
      this.#told.set(userName, told);
    }
  }

  async #lookAfter(reports: readonly UserReport[]): Promise<void> {
    for (const report of reports) {
      const player = this.#stage.player(report.userName);
      const before = this.#complaints.get(report.userName);
      const complains = report.outcome === "blocked" || report.code === "on-hold";
      if (!complains || !player.plan.isLookedAfter) this.#complaints.delete(report.userName);
      else if (before?.code !== report.code)
        this.#complaints.set(report.userName, { code: report.code, since: this.#stage.now() });
      else if (this.#stage.now() - before.since >= PATIENCE) {
        this.#complaints.delete(report.userName);
        await this.#persons.follow(player, report);
      }
    }
  }
}
