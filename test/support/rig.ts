import type { AccessKeyId } from "../../src/core/access-key.ts";
import type { Terms } from "../../src/core/facts.ts";
import { type Policy, presets } from "../../src/core/policy.ts";
import { days, type Duration, hours, type Instant, instant, later, minutes, seconds } from "../../src/core/time.ts";
import type { UserReport } from "../../src/core/result.ts";
import { run, type RunRules } from "../../src/engine/run.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import type { Subject, World } from "../../src/engine/world.ts";
import type { Destination, Step } from "../../src/ports.ts";
import { SimulatedAccount } from "../../src/simulation/account.ts";
import {
  type Abilities,
  SimulatedDestination,
  SimulatedEscrow,
  SimulatedLiveness,
} from "../../src/simulation/stores.ts";
import { VirtualClock } from "../../src/simulation/virtual-clock.ts";

export const START = instant(Date.UTC(2026, 0, 5, 8));

export const freely: RunRules = {
  limits: { maxRotations: 1000, refuseAbovePercent: null, planned: null, onlyLook: false },
  approve: async () => undefined,
  signal: new AbortController().signal,
};

/** A simulated account with the engine on top, and time in the hand of the test. */
export class Rig {
  readonly clock = new VirtualClock(START);
  readonly account = new SimulatedAccount(this.clock, 1);
  readonly escrow = new SimulatedEscrow();
  readonly liveness = new SimulatedLiveness();
  readonly steps: Step[] = [];
  readonly destinations = new Map<string, Destination[]>();
  policy: Policy;
  asked = false;
  useEscrow: boolean;
  settle: Duration = seconds(15);

  constructor(policy: Policy = presets.safe, { useEscrow = false } = {}) {
    this.policy = policy;
    this.useEscrow = useEscrow;
  }

  /** A user with keys of these ages, and one destination. The first key is served there, where `served` is set. */
  user(
    userName: string,
    keys: readonly {
      ageDays: number;
      status?: "Active" | "Inactive";
      usedDaysAgo?: number | null;
      service?: string;
    }[],
    abilities: Abilities | null = {},
    options: { hasPassword?: boolean; served?: boolean; path?: string } = {},
  ): { ids: readonly AccessKeyId[]; destination: SimulatedDestination } {
    this.account.addUser(userName, options);
    const pairs = keys.map(({ ageDays, status = "Active", usedDaysAgo = 0.1, service = "s3" }) =>
      this.account.addKey(userName, {
        createDate: instant(START - days(ageDays)),
        status,
        lastUse: usedDaysAgo === null ? null : { at: instant(START - days(usedDaysAgo)), service, region: "eu-west-1" },
      }),
    );
    const destination = new SimulatedDestination(`memory:${userName}`, this.clock, abilities ?? {});
    const [first] = pairs;
    if (options.served === true && first !== undefined) destination.put(first);
    this.destinations.set(userName, abilities === null ? [] : [destination]);
    return { ids: pairs.map((pair) => pair.accessKeyId), destination };
  }

  get world(): World {
    return this.worldOf(this.liveness);
  }

  /** The same world as another runner sees it. */
  worldOf(liveness: SimulatedLiveness): World {
    const { account, clock } = this;
    return {
      caller: account.caller,
      iam: account.iam,
      verifier: account.verifier,
      records: recordsInTags(account.iam),
      escrow: this.useEscrow ? this.escrow : null,
      clock,
      liveness,
      journal: (step) => this.steps.push(step),
      settle: this.settle,
    };
  }

  get terms(): Terms {
    return {
      policy: this.policy,
      exempt: null,
      window: null,
      doubt: null,
      asked: this.asked,
      ownServices: ["sts"],
      needsDestination: true,
    };
  }

  subjects(): readonly Subject[] {
    return [...this.destinations].map(([userName, destinations]) => ({
      user: this.account.user(userName),
      terms: this.terms,
      destinations,
    }));
  }

  run(rules: Partial<RunRules> = {}): Promise<readonly UserReport[]> {
    return run(this.world, this.subjects(), { ...freely, ...rules });
  }

  /** Runs, and answers with the result of this one user. */
  async runFor(userName: string): Promise<UserReport> {
    const result = (await this.run()).find((each) => each.userName === userName);
    if (result === undefined) throw new Error(`no result for ${userName}`);
    return result;
  }

  /** Lets time pass, and runs every `every`; a consumer, where given, works before each run. */
  async pass(span: Duration, every: Duration = hours(6), consumer: () => void = () => undefined): Promise<void> {
    const end = later(this.clock.now(), span);
    while (this.clock.now() < end) {
      this.clock.advanceTo(later(this.clock.now(), every));
      consumer();
      await this.run();
    }
  }

  later = (span: Duration): Instant => later(this.clock.now(), span);

  ago = (span: Duration): Instant => instant(this.clock.now() - span);

  skip(span: Duration): Instant {
    this.clock.advanceTo(later(this.clock.now(), span));
    return this.clock.now();
  }

  record(userName: string): string | null {
    return this.account.tags(userName).get("keyturn:rotation") ?? null;
  }

  statuses(userName: string): string {
    return this.account
      .keys(userName)
      .map((key) => key.status)
      .join(" ");
  }
}

/** What was tried, in a word each. */
export const outcomeOf = (result: UserReport): string =>
  result.steps.map(({ action, result: word }) => (word === "done" ? action.kind : word)).join(", ");

export { days, hours, minutes, seconds };
