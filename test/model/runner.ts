import type { AccessKeyId } from "../../src/core/access-key.ts";
import type { Terms } from "../../src/core/facts.ts";
import type { UserReport } from "../../src/core/result.ts";
import { instant } from "../../src/core/time.ts";
import { run } from "../../src/engine/run.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import type { World } from "../../src/engine/world.ts";
import { CallError, type Destination, type Iam, type Verifier } from "../../src/ports.ts";
import { freely, seconds } from "../support/rig.ts";
import { type Call, type Calls, type Sabotage, USER } from "./calls.ts";
import { type Setup, windowOf } from "./state.ts";

/** A call that waits to be let through, since when. */
export interface Waiting {
  readonly call: Call;
  readonly since: number;
}

/** All that reaches a runner from outside, and when: the answer to its first call, an error of it, or the end of a sleep. */
export type Told =
  | { readonly kind: "answer"; readonly at: number; readonly value: unknown }
  | { readonly kind: "error"; readonly at: number; readonly error: CallError }
  | { readonly kind: "woken"; readonly at: number };

/** One process that runs the real engine; each of its calls waits until somebody tells it the answer. */
class Process {
  readonly #name: string;
  readonly #setup: Setup;
  readonly #calls: Calls;
  readonly #sabotage: Sabotage | null;
  readonly #pending: (Waiting & { answer: (value: unknown) => void; refuse: (error: unknown) => void })[] = [];
  #now: number;
  #turns = 0;
  #sleep: { readonly until: number; readonly wake: () => void } | null = null;
  #end: { readonly report: UserReport | null; readonly broken: unknown } | null = null;

  private constructor(name: string, at: number, setup: Setup, calls: Calls, sabotage: Sabotage | null) {
    this.#name = name;
    this.#now = at;
    this.#setup = setup;
    this.#calls = calls;
    this.#sabotage = sabotage;
  }

  static async start(name: string, at: number, setup: Setup, calls: Calls, sabotage: Sabotage | null) {
    const process = new Process(name, at, setup, calls, sabotage);
    const subject = { user: USER, terms: process.#terms(), destinations: process.#destinations() };
    void run(process.#world(), [subject], freely).then(
      ([report]) => (process.#end = { report: report ?? null, broken: null }),
      (broken: unknown) => (process.#end = { report: null, broken }),
    );
    await calm();
    return process;
  }

  async tell(told: Told): Promise<void> {
    this.#now = told.at;
    if (told.kind === "woken") {
      const sleep = this.#sleep;
      this.#sleep = null;
      sleep?.wake();
    } else {
      const waiting = this.#pending.shift();
      if (told.kind === "answer") waiting?.answer(told.value);
      else waiting?.refuse(told.error);
    }
    await calm();
  }

  /** What it waits for, or what it came to. */
  standing(): Pick<Memory, "waiting" | "sleepsUntil" | "end"> {
    return {
      waiting: this.#pending.map(({ call, since }) => ({ call, since })),
      sleepsUntil: this.#sleep?.until ?? null,
      end: this.#end,
    };
  }

  #ask<T>(call: Call): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({
        call,
        since: this.#now,
        answer: (value) => resolve(value as T), // the value is what an effect of this very call gave
        refuse: reject,
      });
    });
  }

  #terms(): Terms {
    return {
      policy: this.#setup.policy,
      exempt: null,
      window: this.#sabotage === "no-window" ? null : windowOf(this.#setup),
      doubt: null,
      asked: false,
      ownServices: this.#sabotage === "own-use-counts" ? [] : ["sts"],
      needsDestination: true,
    };
  }

  #world(): World {
    const iam = this.#iam();
    const records = recordsInTags(iam);
    const late = this.#sabotage === "no-lease" && this.#name === "b" ? 300_000 : 0;
    let written: string | null = null;
    return {
      caller: {
        account: "111122223333",
        arn: "arn:aws:sts::111122223333:assumed-role/keyturn/model",
        partition: "aws",
        userName: null,
        accessKeyId: null,
      },
      iam,
      verifier: this.#verifier(),
      records:
        this.#sabotage === "no-settling"
          ? {
              read: async (userName, tags) => (tags === undefined ? written : records.read(userName, tags)),
              write: async (userName, text) => {
                written = text;
                await records.write(userName, text);
              },
            }
          : records,
      escrow: this.#setup.escrow ? this.#escrow() : null,
      clock: {
        now: () => instant(this.#now + late),
        monotonic: () => this.#now,
        sleep: (span) =>
          new Promise((wake) => {
            this.#sleep = { until: this.#now + span, wake };
          }),
      },
      liveness: { nonce: () => `${this.#name}${(this.#turns += 1)}`, isDead: async () => false },
      journal: () => undefined,
      settle: seconds(this.#sabotage === "no-settling" ? 0 : 15),
    };
  }

  #iam(): Iam {
    const calls = this.#calls;
    const never = () => Promise.reject(new Error("a run of one user never asks that"));
    return {
      listUsers: never,
      getUser: never,
      activate: never,
      hasPassword: async () => false,
      listAccessKeys: () => this.#ask(calls.listAccessKeys()),
      listTags: () => this.#ask(calls.listTags()),
      lastUse: (id) => this.#ask(calls.lastUse(id)),
      tagUser: (_user, _key, value) => this.#ask(calls.tagUser(value)),
      createAccessKey: () => this.#ask(calls.createAccessKey()),
      deactivate: (_user, id) => this.#ask(calls.deactivate(id)),
      deleteAccessKey: (_user, id) => this.#ask(calls.deleteAccessKey(id)),
    };
  }

  #verifier(): Verifier {
    return {
      services: ["sts"],
      signIn: ({ accessKeyId: id }) =>
        this.#sabotage === "no-verification" ? Promise.resolve(USER.arn) : this.#ask(this.#calls.signIn(id)),
    };
  }

  #escrow(): NonNullable<World["escrow"]> {
    const calls = this.#calls;
    return {
      label: "escrow",
      check: async () => undefined,
      list: () => this.#ask(calls.listEscrow()),
      put: (_user, { accessKeyId: id }) => this.#ask(calls.putInEscrow(id)),
      take: (_user, id) => this.#ask(calls.takeFromEscrow(id)),
      clear: (_user, id) => this.#ask(calls.clearEscrow(id)),
    };
  }

  #destinations(): readonly Destination[] {
    const calls = this.#calls;
    return this.#setup.stores.map((kind, index): Destination => {
      const label = `${kind}:${index}`;
      const deliver = (id: AccessKeyId): Promise<void> => this.#ask(calls.deliver(label, index, id));
      const destination: Destination = {
        label,
        check: async () => undefined,
        deliver: ({ accessKeyId: id }) =>
          this.#sabotage === "no-refusal" ? deliver(id).catch(unlessUnknown) : deliver(id),
      };
      if (kind === "write-only") return destination;
      return {
        ...destination,
        read: () => this.#ask(calls.read(label, index)),
        readPast: () => this.#ask(calls.readPast(label, index)),
        readSecret: (id) => this.#ask(calls.readSecret(label, index, id)),
        ...(kind === "staged"
          ? {
              stage: ({ accessKeyId: id }) => this.#ask(calls.stage(label, index, id)),
              unstage: (id: AccessKeyId) => this.#ask(calls.unstage(label, index, id)),
            }
          : {}),
      };
    });
  }
}

function unlessUnknown(error: unknown): void {
  if (!(error instanceof CallError) || error.kind === "unknown") throw error;
}

/** All that the engine does by itself is done before the next turn of the event loop. */
const calm = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * What a runner has become by all that it was told, from its start on. The engine has no other source, so what it does next
 * follows from that: two runners of one memory are in one state, wherever the rest of the world stands.
 */
export interface Memory {
  readonly number: number;
  /** Null where it was just started. */
  readonly before: { readonly memory: Memory; readonly told: Told } | null;
  readonly name: string;
  readonly startedAt: number;
  /** Its calls, in the order in which they go through. */
  readonly waiting: readonly Waiting[];
  readonly sleepsUntil: number | null;
  /** `broken` = what the run rejected with, if it did. */
  readonly end: { readonly report: UserReport | null; readonly broken: unknown } | null;
  readonly next: Map<string, Memory>;
}

/** How many processes are kept where they stand. The others are driven there anew when they are needed. */
const LIVING = 3_000;

/**
 * Every memory that a runner can have is found once, by running the engine; a million states share some ten thousand of them.
 * A process cannot be copied: one that went on is driven again from its start, with the same answers, for its next way.
 */
export class Memories {
  readonly #setup: Setup;
  readonly #calls: Calls;
  readonly #sabotage: Sabotage | null;
  readonly #starts = new Map<string, Memory>();
  readonly #living = new Map<Memory, Process>();
  /** How many memories were found; how many steps of the engine that took. */
  count = 0;
  steps = 0;

  constructor(setup: Setup, calls: Calls, sabotage: Sabotage | null) {
    this.#setup = setup;
    this.#calls = calls;
    this.#sabotage = sabotage;
  }

  async start(name: string, at: number): Promise<Memory> {
    const key = `${name} ${at}`;
    const known = this.#starts.get(key);
    if (known !== undefined) return known;
    const process = await Process.start(name, at, this.#setup, this.#calls, this.#sabotage);
    const memory = this.#remember(null, name, at, process);
    this.#starts.set(key, memory);
    return memory;
  }

  /** What the runner becomes when it is told this. Answers at once where that is known. */
  tell(memory: Memory, told: Told): Memory | Promise<Memory> {
    return memory.next.get(keyOf(told)) ?? this.#find(memory, told);
  }

  async #find(memory: Memory, told: Told): Promise<Memory> {
    const process = this.#living.get(memory) ?? (await this.#drive(memory));
    this.#living.delete(memory);
    this.steps += 1;
    await process.tell(told);
    const next = this.#remember({ memory, told }, memory.name, memory.startedAt, process);
    memory.next.set(keyOf(told), next);
    return next;
  }

  async #drive(memory: Memory): Promise<Process> {
    const way: Told[] = [];
    for (let at = memory.before; at !== null; at = at.memory.before) way.push(at.told);
    const process = await Process.start(memory.name, memory.startedAt, this.#setup, this.#calls, this.#sabotage);
    this.steps += way.length;
    for (const told of way.toReversed()) await process.tell(told);
    return process;
  }

  #remember(before: Memory["before"], name: string, startedAt: number, process: Process): Memory {
    this.count += 1;
    const memory = { number: this.count, before, name, startedAt, ...process.standing(), next: new Map() };
    if (memory.end === null) this.#living.set(memory, process);
    const [oldest] = this.#living.keys();
    if (oldest !== undefined && this.#living.size > LIVING) this.#living.delete(oldest);
    return memory;
  }
}

/** The same for whatever the engine cannot tell apart. A secret says no more than the id of the key that stands beside it. */
export function keyOf(told: Told): string {
  switch (told.kind) {
    case "woken":
      return `${told.at}`;
    case "error":
      return `${told.at} ${told.error.kind} ${told.error.code}`;
    case "answer":
      return `${told.at} ${JSON.stringify(told.value instanceof Map ? [...told.value] : told.value)}`;
  }
}
