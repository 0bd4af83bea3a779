import type { Policy } from "../../src/core/policy.ts";
import { presets } from "../../src/core/policy.ts";
import { days, type Duration, hours, milliseconds, minutes, seconds } from "../../src/core/time.ts";
import type { Abilities } from "../../src/simulation/stores.ts";
import { Chance } from "./chance.ts";

/** What can go wrong, each of it to be left out by name, so that a failure can be told apart from its surroundings. */
export const FAULTS = [
  "throttle", //    turned down before anything happened
  "lost", //        the effect happened, the reply did not come
  "denied", //      a permission is missing for a moment
  "latency", //     calls take time, up to half a minute
  "stale", //       writes to IAM are not seen at once, within the settling time
  "lag", //         last use is shown 15 minutes to 4 hours late
  "flap", //        a fresh key is known here and unknown there for up to a minute
  "outage", //      a destination turns everything down for hours
  "clock", //       the clock of a runner steps
  "kill", //        the process dies at a call
  "beside", //      a second runner at the same time
  "skipped", //     no run for weeks
  "strip", //       somebody removes the record
  "person", //      people act
  "policy", //      the policy changes half way
  "config", //      a destination is added half way
] as const;

export type Fault = (typeof FAULTS)[number];

/** Which story is told: everything else follows from it. */
export interface StoryChoice {
  readonly seed: number;
  /** The users to keep, by number; null = all. */
  readonly users: readonly number[] | null;
  /** How long it lasts, in days; null = as the seed has it. */
  readonly days: number | null;
  readonly without: ReadonlySet<Fault>;
}

/** What people do to a user, and when (from the beginning). */
export interface Act {
  readonly at: Duration;
  readonly kind:
    | "strip"
    | "deactivate-in-console"
    | "delete-in-console"
    | "create-in-console"
    | "write-back"
    | "retire"
    | "rollback"
    | "hold"
    | "rotate"
    | "policy"
    | "config";
}

export interface UserPlan {
  readonly index: number;
  readonly userName: string;
  readonly policy: Policy;
  /** What it becomes, where it changes. */
  readonly laterPolicy: Policy;
  readonly destinations: readonly Abilities[];
  /** Ages of the keys at the beginning; the first is served everywhere. */
  readonly keyAges: readonly Duration[];
  readonly acts: readonly Act[];
  /** Whether somebody does what the report says, some days after it says so. */
  readonly isLookedAfter: boolean;
  readonly consumers: readonly ConsumerPlan[];
}

/**
 * A consumer and its promise. `asks` = reads its destination before every use · `keeps` = goes on with what it read, uses it at
 * least once per `useEvery` and looks again every `readEvery` · `stays` = never looks again · `retries` = looks again when refused.
 */
export interface ConsumerPlan {
  readonly kind: "asks" | "keeps" | "stays" | "retries";
  readonly destination: number;
  readonly useEvery: Duration;
  readonly readEvery: Duration;
}

export interface RunPlan {
  readonly at: Duration;
  /** On a host of its own, where a dead process can be proved dead; else anywhere (a function in the cloud). */
  readonly onHost: boolean;
  /** A second run begins this much later; null = none. */
  readonly beside: Duration | null;
  /** Dies at this call; null = does not. */
  readonly dies: { readonly call: number; readonly when: "before" | "after" } | null;
  /** How far its clock is off, at first and then. */
  readonly skew: readonly [number, number];
}

export interface Story {
  readonly choice: StoryChoice;
  readonly length: Duration;
  readonly useEscrow: boolean;
  /** Records are kept where nobody strips them. */
  readonly separateRecords: boolean;
  /** How often calls fail. */
  readonly trouble: number;
  readonly users: readonly UserPlan[];
  readonly runs: readonly RunPlan[];
}

export function writeStory(choice: StoryChoice): Story {
  const chance = new Chance(choice.seed, "story");
  const useEscrow = chance.happens(0.5);
  const separateRecords = chance.happens(0.2);
  const trouble = chance.pick([0, 0.005, 0.02, 0.06]);
  const crowd = 1 + chance.below(3);
  const ownLength = days(chance.pick([20, 45, 75, 120]));
  const length = choice.days === null ? ownLength : days(choice.days);
  const users = Array.from({ length: crowd }, (_, index) => writeUser(choice, index, useEscrow, ownLength)).filter(
    ({ index }) => choice.users === null || choice.users.includes(index),
  );
  return { choice, length, useEscrow, separateRecords, trouble, users, runs: writeRuns(choice, ownLength) };
}

function writeUser(choice: StoryChoice, index: number, useEscrow: boolean, length: Duration): UserPlan {
  const chance = new Chance(choice.seed, "user", index);
  const policy = writePolicy(chance);
  const later = writePolicy(chance.fork("later"));
  const changes = !choice.without.has("policy") && chance.happens(0.15);
  const destinations = chance.pick(useEscrow ? [...READ_BACK, ...WITH_ESCROW] : [...READ_BACK, ...WITHOUT_ESCROW]);
  const acts = writeActs(choice, chance.fork("acts"), length);
  const old = chance.between(days(1), milliseconds(policy.rotateAfter * 1.3 + days(1)));
  const keyAges = chance.happens(0.08) ? [] : chance.happens(0.05) ? [old, milliseconds(old / 2)] : [old];
  return {
    index,
    userName: `user-${index}`,
    policy,
    laterPolicy: changes ? later : policy,
    destinations,
    keyAges,
    acts: changes ? [...acts, { at: chance.between(days(5), length), kind: "policy" as const }].toSorted(byTime) : acts,
    isLookedAfter: chance.happens(0.6),
    consumers: writeConsumers(chance.fork("consumers"), changes ? [policy, later] : [policy], destinations),
  };
}

const READ_BACK: readonly [readonly Abilities[], ...(readonly Abilities[])[]] = [
  [{}],
  [{ remembers: false }],
  [{ stages: true }],
  [{}, {}],
  [{ stages: true }, { remembers: false }],
  [{}, { readable: false }],
  [{ stages: true }, { readable: false }],
];
const WITH_ESCROW: readonly (readonly Abilities[])[] = [
  [{ readable: false }],
  [{ readable: false }, { readable: false }],
];
const WITHOUT_ESCROW: readonly (readonly Abilities[])[] = [[{ readable: false }]];

/** The presets, with everything so much sooner that weeks tell what takes years. */
function writePolicy(chance: Chance): Policy {
  const after = days(chance.pick([2, 5, 10]));
  const quiet = days(chance.pick([1, 3, 7]));
  const often = { rotateAfter: days(chance.pick([10, 20, 40])), humans: "include" } as const;
  const remove = { when: "after", after, quiet: milliseconds(0) } as const;
  const idle = { when: "idle", for: quiet, remindAfter: days(14), atLatest: "never" } as const;
  return chance.pick<Policy>([
    { ...presets.safe, ...often, deactivate: idle, delete: remove },
    { ...presets.safe, ...often, deactivate: { ...idle, remindAfter: days(9), atLatest: days(12) }, delete: remove },
    { ...presets.safe, ...often, deactivate: { when: "after", after }, delete: remove },
    { ...presets["two-key"] },
    { ...presets["two-key"], ...often },
    { ...presets.superseded, ...often, delete: remove },
    { ...presets.expiring, ...often },
    { ...presets.threshold, ...often, delete: remove },
    { ...presets["secrets-manager"], ...often, deactivate: idle },
  ]);
}

/** Consumers that keep the promise on which all of these policies rest. */
function writeConsumers(
  chance: Chance,
  policies: readonly Policy[],
  destinations: readonly Abilities[],
): readonly ConsumerPlan[] {
  const has = (when: Policy["deactivate"]["when"]) => policies.some(({ deactivate }) => deactivate.when === when);
  const retries = has("delivered");
  const gap = milliseconds(Math.min(...policies.map(promisedGap)) * 0.9);
  const mustRead = has("after") || has("never") || policies.some(endsInTime);
  // A policy that looks at the last use of one key against the other's takes it that there is one consumer.
  const places = has("superseded") ? [0] : destinations.map((_, index) => index);
  return places.map((destination): ConsumerPlan => {
    const useEvery = chance.between(hours(2), gap);
    const readEvery = mustRead ? milliseconds(gap) : chance.between(hours(4), days(8));
    const kind = retries
      ? "retries"
      : chance.pick<ConsumerPlan["kind"]>(mustRead ? ["asks", "keeps"] : ["asks", "keeps", "keeps", "stays"]);
    return { kind, destination, useEvery, readEvery };
  });
}

const endsInTime = ({ deactivate }: Policy): boolean => deactivate.when === "idle" && deactivate.atLatest !== "never";

/** How long a consumer may neither use its key nor look for another. */
function promisedGap({ deactivate, delete: remove }: Policy): number {
  switch (deactivate.when) {
    case "idle":
      return deactivate.atLatest === "never" ? deactivate.for : Math.min(deactivate.for, deactivate.atLatest);
    case "after":
      return deactivate.after;
    case "superseded":
    case "delivered":
      return days(3);
    case "never":
      if (remove.when === "never") return days(3);
      return Math.min(remove.quiet, remove.when === "after" ? remove.after : remove.overlap);
  }
}

const PERSONAL = [
  "deactivate-in-console",
  "delete-in-console",
  "create-in-console",
  "write-back",
  "write-back",
  "retire",
  "rollback",
  "hold",
  "rotate",
  "rotate",
] as const satisfies readonly Act["kind"][];

function writeActs(choice: StoryChoice, chance: Chance, length: Duration): readonly Act[] {
  const acts: Act[] = [];
  const add = (fault: Fault, kind: Act["kind"], probability: number) => {
    const at = chance.between(days(1), length);
    if (chance.happens(probability) && !choice.without.has(fault)) acts.push({ at, kind });
  };
  // Half of all users are let alone by everybody: those must never need a person.
  if (chance.happens(0.5)) return acts;
  add("strip", "strip", 0.4);
  add("strip", "strip", 0.2);
  for (let count = chance.below(4); count > 0; count -= 1) add("person", chance.pick(PERSONAL), 1);
  add("config", "config", 0.1);
  return acts.toSorted(byTime);
}

const byTime = (a: { readonly at: number }, b: { readonly at: number }): number => a.at - b.at;

function writeRuns(choice: StoryChoice, length: Duration): readonly RunPlan[] {
  const chance = new Chance(choice.seed, "runs");
  const wild = chance.happens(0.1) ? 30 : 4;
  const runs: RunPlan[] = [];
  for (let at = chance.between(minutes(5), hours(20)); at < length;) {
    const skew = (): number => (chance.below(2 * wild + 1) - wild) * 1000;
    const skews = [skew(), skew()] as const;
    const dies = { call: 1 + chance.below(45), when: chance.pick<"before" | "after">(["before", "after"]) } as const;
    const beside = chance.pick([
      seconds(0),
      chance.between(seconds(0), seconds(40)),
      chance.between(seconds(0), minutes(4)),
    ]);
    const [isKilled, isDouble] = [chance.happens(0.12), chance.happens(0.15)];
    runs.push({
      at,
      onHost: chance.happens(0.5),
      beside: isDouble && !choice.without.has("beside") ? beside : null,
      dies: isKilled && !choice.without.has("kill") ? dies : null,
      skew: choice.without.has("clock") ? [0, 0] : skews,
    });
    const soon = chance.pick([seconds(3), minutes(2), minutes(6)]);
    const usual = chance.pick([hours(1), hours(6), hours(12), days(1), days(1), days(2)]);
    const weeks = chance.between(days(7), days(28));
    const [isSoon, isWeeks] = [chance.happens(isKilled ? 0.7 : 0.05), chance.happens(0.02)];
    const wait = isWeeks && !choice.without.has("skipped") ? weeks : isSoon ? soon : usual;
    at = milliseconds(at + wait);
  }
  return runs;
}

/** Whether the clocks of this story's runners differ by more than dates in IAM may. */
export const hasWildClock = ({ runs }: Story): boolean =>
  runs.some(({ skew }) => Math.max(...skew.map(Math.abs)) > 4000);
