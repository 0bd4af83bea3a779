import type { User } from "../../src/core/access-key.ts";
import { days, type Duration, instant, type Instant, later, seconds } from "../../src/core/time.ts";
import { Session } from "../../src/compose.ts";
import type { ObjectStore, WorkQueue } from "../../src/ports.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import { runInAws, type RunWorld } from "../../src/lambda/run-config.ts";
import { SimulatedAccount } from "../../src/simulation/account.ts";
import { SimulatedDestination, SimulatedEscrow, SimulatedLiveness } from "../../src/simulation/stores.ts";
import { VirtualClock } from "../../src/simulation/virtual-clock.ts";

/** The life of one invocation: it may end at one of its calls, and nobody hears of it again. */
export class Life {
  #calls = 0;
  #dead = false;
  readonly #diesAt: number;
  readonly #takesEffect: boolean;
  #die: () => void = () => undefined;
  /** Rejects when it ends. */
  readonly death: Promise<never>;

  /** `diesAt` = the call, from 1; Infinity = none. `takesEffect` = the last call is carried out, and its answer is not heard. */
  constructor(diesAt = Number.POSITIVE_INFINITY, takesEffect = false) {
    this.#diesAt = diesAt;
    this.#takesEffect = takesEffect;
    this.death = new Promise((_, reject) => {
      this.#die = () => reject(new Error("the worker is lost"));
    });
    this.death.catch(() => undefined);
  }

  get isOver(): boolean {
    return this.#dead;
  }

  /** The same object, whose methods are calls of this life. */
  mortal<T extends object>(whole: T): T {
    return new Proxy(whole, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return (...words: unknown[]): unknown =>
          this.#call(() => Reflect.apply(member, target, words) as Promise<unknown>);
      },
    });
  }

  async #call(work: () => Promise<unknown>): Promise<unknown> {
    this.#calls += 1;
    const isLast = !this.#dead && this.#calls >= this.#diesAt;
    if (isLast || this.#dead) {
      const hasEffect = isLast && this.#takesEffect;
      this.#dead = true;
      if (hasEffect) await work().catch(() => undefined);
      this.#die();
      return NEVER;
    }
    const answer = await work();
    return this.#dead ? NEVER : answer;
  }
}

const NEVER = new Promise<never>(() => undefined);

/** One account, with time of its own. */
export class SimulatedMember {
  readonly clock: VirtualClock;
  readonly account: SimulatedAccount;
  readonly escrow = new SimulatedEscrow();
  readonly destinations = new Map<string, SimulatedDestination>();
  /** Intents that were written. */
  begun = 0;

  constructor(id: string, start: Instant, seed: number) {
    this.clock = new VirtualClock(start);
    this.account = new SimulatedAccount(this.clock, seed, id);
    this.account.intercept = async (action, _resource, effect) => {
      const result = effect();
      if (action === "iam:TagUser") this.begun += 1;
      return result;
    };
  }

  /** Users with one key of this age each, in use. */
  addUsers(count: number, ageDays: number, prefix: string): void {
    const now = this.clock.now();
    for (let index = 0; index < count; index += 1) {
      const name = `${prefix}-${String(index).padStart(3, "0")}`;
      this.account.addUser(name);
      const lastUse = { at: instant(now - seconds(600)), service: "s3", region: "eu-west-1" };
      this.account.addKey(name, { createDate: instant(now - days(ageDays)), lastUse });
    }
  }

  destination(userName: string): SimulatedDestination {
    const there = this.destinations.get(userName) ?? new SimulatedDestination(`memory:${userName}`, this.clock);
    this.destinations.set(userName, there);
    return there;
  }
}

/** A bucket in memory. */
export class MemoryStore implements ObjectStore {
  readonly label = "s3://memory/";
  readonly objects = new Map<string, { readonly text: string; readonly version: string }>();
  #writes = 0;
  /** Stands in the way of every call. */
  fault: (action: "read" | "write", name: string) => void = () => undefined;
  /** Whether the answer to a write is lost, once it has taken effect. */
  losesReply = false;

  read: ObjectStore["read"] = async (name) => {
    this.fault("read", name);
    return this.objects.get(name) ?? null;
  };

  write: ObjectStore["write"] = async (name, text, instead) => {
    this.fault("write", name);
    const there = this.objects.get(name)?.version ?? null;
    if (instead !== undefined && instead !== there) return false;
    this.#writes += 1;
    this.objects.set(name, { text, version: String(this.#writes) });
    if (!this.losesReply) return true;
    // What the SDK sends again finds what it has written itself.
    this.losesReply = false;
    return instead === undefined;
  };
}

/** A queue in memory, without visibility: what was sent is there to be taken. */
export class MemoryQueue implements WorkQueue {
  readonly label = "memory";
  readonly texts: string[] = [];
  readonly delays: number[] = [];
  /** Texts that it does not take. */
  refuses: (text: string) => boolean = () => false;

  send: WorkQueue["send"] = async (texts, delay = seconds(0)) => {
    this.texts.push(...texts.filter((text) => !this.refuses(text)));
    this.delays.push(delay);
    return texts.filter(this.refuses).map((text) => ({ text, why: "Throttled" }));
  };
}

/** Many simulated accounts behind the real planner and worker. */
export class SimulatedOrganization {
  /** Null = those of the environment. */
  readonly #memory: { readonly store: MemoryStore; readonly queue: MemoryQueue } | null;
  readonly members = new Map<string, SimulatedMember>();
  /** Stands in the way of entering an account. */
  barred: (account: string) => void = () => undefined;
  readonly lines: string[] = [];
  #runners = 0;

  constructor(memory: { readonly store: MemoryStore; readonly queue: MemoryQueue } | null = null) {
    this.#memory = memory;
  }

  add(id: string, start: Instant): SimulatedMember {
    const member = new SimulatedMember(id, start, this.members.size + 1);
    this.members.set(id, member);
    return member;
  }

  /** Time passes in every account. */
  pass(span: Duration): void {
    for (const { clock } of this.members.values()) clock.advanceTo(later(clock.now(), span));
  }

  /** The world as one invocation sees it. */
  world(variables: Readonly<Record<string, string>>, life = new Life()): RunWorld {
    this.#runners += 1;
    const liveness = new SimulatedLiveness(`w${this.#runners}x`);
    return {
      variables: () => variables,
      fetchText: () => Promise.reject(new Error("nothing is fetched here")),
      print: (line) => void this.lines.push(line),
      openStore: async (place) => life.mortal(this.#memory?.store ?? (await runInAws.openStore(place))),
      openQueue: async (url) => life.mortal(this.#memory?.queue ?? (await runInAws.openQueue(url))),
      openHub: async (_, fleet) => ({
        caller: {
          account: "999988887777",
          arn: "arn:aws:sts::999988887777:assumed-role/worker/x",
          partition: "aws",
          userName: null,
          accessKeyId: null,
        },
        clock: new VirtualClock(instant(Date.now())),
        members: async () => ({ members: (fleet.listed ?? []).map((account) => ({ account, name: null })), left: [] }),
        member: async (account) => ({ account, name: null }),
        enter: async (account, settings) => {
          this.barred(account);
          const member = this.members.get(account);
          if (member === undefined) throw new Error(`there is no account ${account}`);
          const iam = life.mortal(member.account.iam);
          const session = new Session({
            caller: member.account.caller,
            iam,
            records: recordsInTags(iam),
            verifier: life.mortal(member.account.verifier),
            escrow: life.mortal(member.escrow),
            clock: member.clock,
            liveness,
            destinations: [{ open: (user: User) => life.mortal(member.destination(user.userName)), isStream: false }],
            settings,
          });
          return { session, notes: [], close: () => undefined };
        },
      }),
    };
  }
}
