import type { AccessKey, AccessKeyId, LastUse, Tags } from "../../src/core/access-key.ts";
import type { Policy } from "../../src/core/policy.ts";
import { RECORD_TAG } from "../../src/core/record.ts";
import {
  type Duration,
  formatInstant,
  hours,
  type Instant,
  instant,
  later,
  minutes,
  seconds,
} from "../../src/core/time.ts";
import type { RecordStore } from "../../src/ports.ts";
import { SimulatedAccount } from "../../src/simulation/account.ts";
import { SimulatedDestination, SimulatedEscrow } from "../../src/simulation/stores.ts";
import { VirtualClock } from "../../src/simulation/virtual-clock.ts";
import { START } from "../support/rig.ts";
import { Chance } from "./chance.ts";
import { Consumer } from "./consumer.ts";
import { Referee } from "./referee.ts";
import type { Fault, Story, UserPlan } from "./story.ts";

/** A read that begins this much after a write sees it; the settling time is a second longer. */
const UNSETTLED = seconds(14);

/** One user on the stage. */
export interface Player {
  readonly plan: UserPlan;
  readonly userName: string;
  policy: Policy;
  readonly places: SimulatedDestination[];
  readonly consumers: readonly Consumer[];
  /** What IAM showed before each of the latest writes. */
  shown: { readonly until: Instant; readonly keys: readonly AccessKey[]; readonly tags: Tags }[];
}

/** Everything that a story happens to: one account, its destinations, its consumers, and a clock. */
export class Stage {
  readonly story: Story;
  readonly clock = new VirtualClock(START);
  readonly account: SimulatedAccount;
  readonly escrow = new SimulatedEscrow();
  readonly players = new Map<string, Player>();
  readonly referee: Referee;
  readonly log: string[] = [];
  /** Nothing goes wrong any more. */
  isCalm = false;
  readonly #separate = new Map<string, string>();
  readonly #uses = new Map<AccessKeyId, { readonly use: LastUse; readonly visibleAt: Instant }[]>();

  constructor(story: Story) {
    this.story = story;
    this.account = new SimulatedAccount(this.clock, story.choice.seed);
    this.referee = new Referee(this);
    for (const plan of story.users) this.#enter(plan);
  }

  #enter(plan: UserPlan): void {
    const { userName, keyAges } = plan;
    this.account.addUser(userName);
    const lastUse: LastUse = { at: ago(START, hours(5)), service: "s3", region: "eu-west-1" };
    const pairs = keyAges.map((old) => this.account.addKey(userName, { createDate: ago(START, old), lastUse }));
    const places = plan.destinations.map((abilities, index) => {
      const place = new SimulatedDestination(`memory:${userName}/${index}`, this.clock, abilities);
      if (pairs[0] !== undefined) place.put(pairs[0]);
      return place;
    });
    for (const { accessKeyId } of pairs) {
      this.referee.handedOut.add(accessKeyId);
      this.#uses.set(accessKeyId, [{ use: lastUse, visibleAt: START }]);
    }
    const consumers = plan.consumers.map((each, index) => new Consumer(this, plan, each, places, index));
    this.players.set(userName, { plan, userName, policy: plan.policy, places, consumers, shown: [] });
  }

  now = (): Instant => this.clock.now();

  note(who: string, what: string): void {
    this.log.push(`${formatInstant(this.now())} ${who}: ${what}`);
  }

  has = (fault: Fault): boolean => !this.isCalm && !this.story.choice.without.has(fault);

  player(userName: string): Player {
    const player = this.players.get(userName);
    if (player === undefined) throw new Error(`nobody on the stage is called ${userName}`);
    return player;
  }

  /** Before every write to IAM: for a while reads may still show how it was. */
  remember(userName: string): void {
    const player = this.player(userName);
    const keys = this.account.keys(userName).map(({ accessKeyId, status, createDate }) => ({
      accessKeyId,
      status,
      createDate,
    }));
    const horizon = ago(this.now(), UNSETTLED);
    player.shown = player.shown.filter(({ until }) => until > horizon);
    player.shown.push({ until: this.now(), keys, tags: new Map(this.account.tags(userName)) });
  }

  /** How IAM may have been shortly before; null = as it is. */
  stale(userName: string, chance: Chance): { readonly keys: readonly AccessKey[]; readonly tags: Tags } | null {
    const horizon = ago(this.now(), UNSETTLED);
    const [first, ...more] = this.player(userName).shown.filter(({ until }) => until > horizon);
    return first === undefined || chance.happens(0.5) ? null : chance.pick([first, ...more]);
  }

  /** A consumer signs a request. */
  use(userName: string, id: AccessKeyId): boolean {
    const ok = this.account.use(id, "s3", "eu-west-1");
    this.noteUse(userName, id);
    return ok;
  }

  /** Whatever IAM has just written down of this key is shown later. */
  noteUse(userName: string, id: AccessKeyId): void {
    const use = this.account.keys(userName).find((key) => key.accessKeyId === id)?.lastUse ?? null;
    const uses = this.#uses.get(id) ?? [];
    if (use === null || uses.at(-1)?.use === use) return;
    const lag = this.has("lag") ? this.chance("lag", id, uses.length).between(minutes(15), hours(4)) : minutes(0);
    this.#uses.set(id, [...uses.slice(-40), { use, visibleAt: later(this.now(), lag) }]);
  }

  /** The last use as IAM shows it now. */
  shownUse = (id: AccessKeyId): LastUse | null =>
    this.#uses.get(id)?.findLast(({ visibleAt }) => visibleAt <= this.now())?.use ?? null;

  /** Records where nobody strips them. */
  readonly separateRecords: RecordStore = {
    read: async (userName) => this.#separate.get(userName) ?? null,
    write: async (userName, record) => void this.#separate.set(userName, record),
  };

  record(userName: string): string | null {
    const store = this.story.separateRecords ? this.#separate : this.account.tags(userName);
    return store.get(this.story.separateRecords ? userName : RECORD_TAG) ?? null;
  }

  chance = (...names: readonly (string | number)[]): Chance => new Chance(this.story.choice.seed, "stage", ...names);

  /** Consumers work: those of one user at once, else all whose time has come. */
  consume(userName: string | null = null): void {
    for (const player of this.players.values())
      if (userName === null || player.userName === userName)
        for (const consumer of player.consumers) consumer.work(userName !== null);
  }

  nextConsumption(): Instant | null {
    const times = [...this.players.values()].flatMap(({ consumers }) => consumers.map((each) => each.next));
    return times.length === 0 ? null : times.reduce((least, each) => (each < least ? each : least));
  }
}

const ago = (from: Instant, span: Duration): Instant => instant(from - span);
