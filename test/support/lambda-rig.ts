import type { DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import type { User } from "../../src/core/access-key.ts";
import { days, type Duration, instant, type Instant, later, minutes, seconds } from "../../src/core/time.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import { creator, type CreatorResult } from "../../src/lambda/creator.ts";
import { type BatchResponse, destructor } from "../../src/lambda/destructor.ts";
import type { LambdaWorld } from "../../src/lambda/invocation.ts";
import { entryFrom, type Item, itemFrom, type Timer } from "../../src/lambda/timer.ts";
import { SimulatedAccount } from "../../src/simulation/account.ts";
import { SimulatedDestination, SimulatedEscrow, SimulatedLiveness } from "../../src/simulation/stores.ts";
import { VirtualClock } from "../../src/simulation/virtual-clock.ts";
import { START } from "./rig.ts";
import { streamRecord } from "./stream-records.ts";

/** A table with time to live, in memory. */
export class MemoryTimer implements Timer {
  readonly items = new Map<string, Item>();
  /** Stands in the way of every call. */
  fault: (action: "list" | "put" | "remove") => void = () => undefined;

  list: Timer["list"] = async () => {
    this.fault("list");
    const entries = [...this.items.values()].map(entryFrom).filter((entry) => entry !== null);
    return { entries, strange: this.items.size - entries.length };
  };

  put: Timer["put"] = async (entry) => {
    this.fault("put");
    this.items.set(`${entry.userName} ${entry.accessKeyId}`, itemFrom(entry));
  };

  remove: Timer["remove"] = async (userName, id) => {
    this.fault("remove");
    this.items.delete(`${userName} ${id}`);
  };

  /** What time to live removes by now, as the stream tells it. */
  expire(now: Instant): DynamoDBRecord[] {
    const gone = [...this.items].filter(([, item]) => Number(item["delete_on"]?.N) * 1000 < now);
    for (const [key] of gone) this.items.delete(key);
    return gone.map(([, item], index) => streamRecord(item, "REMOVE", "time to live", String(index + 1)));
  }
}

/** What the functions of a simulated account know of the world, with time in the hand of the test. */
export class LambdaRig {
  readonly clock = new VirtualClock(START);
  readonly account = new SimulatedAccount(this.clock, 1);
  readonly escrow = new SimulatedEscrow();
  readonly timer = new MemoryTimer();
  readonly liveness = new SimulatedLiveness();
  readonly destinations = new Map<string, SimulatedDestination>();
  readonly lines: string[] = [];
  variables: Record<string, string> = {
    KEYTURN_CONFIG: "select: { path: / }\ndefaults:\n  policy: expiring\n  deliver: ssm:/keys/{user}\n",
  };
  /** How long the next invocation may run. */
  timeout: Duration = minutes(15);

  readonly world: LambdaWorld = {
    variables: () => this.variables,
    assemble: async (settings) => ({
      caller: this.account.caller,
      iam: this.account.iam,
      records: recordsInTags(this.account.iam),
      verifier: this.account.verifier,
      escrow: this.escrow,
      clock: this.clock,
      liveness: this.liveness,
      destinations: [{ open: (user: User) => this.destination(user.userName), isStream: false }],
      settings,
    }),
    openTimer: async () => this.timer,
    fetchText: () => Promise.reject(new Error("nothing is fetched here")),
    print: (line) => void this.lines.push(line),
  };

  destination(userName: string): SimulatedDestination {
    const there = this.destinations.get(userName) ?? new SimulatedDestination(`memory:${userName}`, this.clock);
    this.destinations.set(userName, there);
    return there;
  }

  /** A user with one key of this age, in use. Answers with its id. */
  user(userName: string, ageDays: number, tags: Record<string, string> = {}): string {
    this.account.addUser(userName, { tags });
    return this.account.addKey(userName, {
      createDate: instant(this.clock.now() - days(ageDays)),
      lastUse: { at: instant(this.clock.now() - seconds(600)), service: "s3", region: "eu-west-1" },
    }).accessKeyId;
  }

  create(): Promise<CreatorResult> {
    return creator(this.world)({ source: "aws.events", "detail-type": "Scheduled Event" }, this.#context());
  }

  destroy(event: DynamoDBStreamEvent): Promise<BatchResponse> {
    return destructor(this.world)(event, this.#context());
  }

  #context() {
    const end = later(this.clock.now(), this.timeout);
    return {
      awsRequestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
      getRemainingTimeInMillis: () => end - this.clock.now(),
    };
  }

  pass(span: Duration): Instant {
    this.clock.advanceTo(later(this.clock.now(), span));
    return this.clock.now();
  }

  ids = (userName: string): readonly string[] => this.account.keys(userName).map(({ accessKeyId }) => accessKeyId);

  /** The metrics of the last invocation. */
  get metrics(): Readonly<Record<string, number>> {
    return JSON.parse(this.lines.findLast((line) => line.includes('"_aws"')) ?? "{}") as Record<string, number>;
  }

  /** What was logged, in order: messages with what stands beside them. */
  get log(): readonly Readonly<Record<string, unknown>>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => !("_aws" in line));
  }
}
