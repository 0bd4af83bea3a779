import type { AccessKeyId } from "../../src/core/access-key.ts";
import { type Duration, type Instant, later, minutes } from "../../src/core/time.ts";
import type { SimulatedDestination } from "../../src/simulation/stores.ts";
import type { Chance } from "./chance.ts";
import type { ConsumerPlan, UserPlan } from "./story.ts";

/** What a consumer has to do with. */
interface Surroundings {
  readonly referee: { refused(userName: string, kind: string, id: AccessKeyId): void };
  now(): Instant;
  note(who: string, what: string): void;
  chance(...names: readonly (string | number)[]): Chance;
  use(userName: string, id: AccessKeyId): boolean;
}

/** Uses what it last read from its destination, and keeps its promise to the second. */
export class Consumer {
  readonly #stage: Surroundings;
  readonly #userName: string;
  readonly #plan: ConsumerPlan;
  readonly #places: readonly SimulatedDestination[];
  readonly #chance: Chance;
  #key: AccessKeyId | null = null;
  #nextUse: Instant;
  #nextRead: Instant;

  constructor(
    stage: Surroundings,
    { userName, index }: UserPlan,
    plan: ConsumerPlan,
    places: readonly SimulatedDestination[],
    number: number,
  ) {
    this.#stage = stage;
    this.#userName = userName;
    this.#plan = plan;
    this.#places = places;
    this.#chance = stage.chance("consumer", index, number);
    this.#nextUse = this.#soon(plan.useEvery);
    this.#nextRead = this.#soon(plan.readEvery);
    this.#read();
  }

  get next(): Instant {
    return this.#nextUse < this.#nextRead ? this.#nextUse : this.#nextRead;
  }

  /** Does what is due; `atOnce` = uses its key whether that is due or not. */
  work(atOnce: boolean): void {
    const { kind, useEvery, readEvery } = this.#plan;
    const now = this.#stage.now();
    if (now >= this.#nextRead) {
      this.#nextRead = later(now, readEvery);
      if (kind !== "stays") this.#read();
    }
    if (!atOnce && now < this.#nextUse) return;
    this.#nextUse = this.#soon(useEvery);
    if (kind === "asks" || this.#key === null) this.#read();
    if (this.#key === null || this.#stage.use(this.#userName, this.#key)) return;
    if (kind === "retries" && this.#changed() && this.#stage.use(this.#userName, this.#key)) return;
    this.#stage.referee.refused(this.#userName, kind, this.#key);
    this.#read();
  }

  #changed(): boolean {
    const before = this.#key;
    this.#read();
    return this.#key !== before;
  }

  #read(): void {
    const current = this.#places[this.#plan.destination]?.current?.accessKeyId ?? null;
    if (current !== null && current !== this.#key) this.#stage.note(this.#userName, `consumer reads ${current}`);
    this.#key = current ?? this.#key;
  }

  /** The end of the span as often as not, else some time before. */
  #soon(span: Duration): Instant {
    return later(this.#stage.now(), this.#chance.happens(0.5) ? span : this.#chance.between(minutes(10), span));
  }
}
