import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AccessKey, type AccessKeyId, accessKeyId, type LastUse } from "../../src/core/access-key.ts";
import { TURN } from "../../src/core/facts.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { planForMaxAge } from "../../src/core/max-age.ts";
import { known, type Observation } from "../../src/core/observation.ts";
import { type Policy, presets } from "../../src/core/policy.ts";
import { leadsOn, project, STEPS_PER_RUN } from "../../src/core/project.ts";
import { parseRecord } from "../../src/core/record.ts";
import {
  age,
  days,
  type Duration,
  hours,
  type Instant,
  instant,
  later,
  milliseconds,
  minutes,
  seconds,
} from "../../src/core/time.ts";
import { judge, userWith } from "./builders.ts";

const BIRTH = instant(Date.UTC(2026, 0, 1));

/**
 * Lets the keys of a user age under a policy, with runs at most `runEvery` apart that come as inconveniently as they can (just
 * before anything is due), and turns that take as long as they may. Answers with the longest time that any key was Active.
 */
function longestActive(
  policy: Policy,
  runEvery: Duration,
  until: Duration,
  consumers: "switch" | "keep the old key",
): Duration {
  const { seen, terms } = userWith({
    preset: policy,
    keys: [{ name: "FIRST", created: BIRTH }],
    policy: { humans: "include", unusedKeys: "rotate" },
  });
  let world: Observation = seen;
  let longest = milliseconds(0);
  let made = 0;
  for (let run = later(BIRTH, runEvery); run < BIRTH + until;) {
    let decision = judge({ seen: inUse(world, run, consumers), terms }, run).decision;
    for (let step = 1; decision.action !== null; step += 1) {
      const { action } = decision;
      if ((action.kind === "deactivate" || action.kind === "delete") && isActive(world, action.key))
        longest = milliseconds(Math.max(longest, age(birthOf(world, action.key), later(run, TURN))));
      made += 1;
      const id = accessKeyId(`AKIAMADE${String(made).padStart(12, "0")}`);
      const before = inUse(world, run, consumers);
      world = { ...bornEarly(project(world, action, later(run, TURN), id), id, run), ownerDead: false };
      if (step === STEPS_PER_RUN || !leadsOn(before, terms, action, run)) break;
      decision = judge({ seen: inUse(world, run, consumers), terms }, run).decision;
    }
    for (const key of keysOf(world))
      if (key.status === "Active") longest = milliseconds(Math.max(longest, age(key.createDate, run)));
    run = nextRun(run, runEvery, judge({ seen: inUse(world, run, consumers), terms }, run).decision.next?.at ?? null);
  }
  return longest;
}

/** One second before the next date that matters, where a run may come then; else as late as a run may come. */
function nextRun(run: Instant, runEvery: Duration, date: Instant | null): Instant {
  const latest = later(run, runEvery);
  if (date === null) return latest;
  const before = instant(date - 1_000);
  return before > run && before <= latest ? before : latest;
}

const keysOf = (world: Observation): readonly AccessKey[] => (world.keys.kind === "known" ? world.keys.value : []);
const birthOf = (world: Observation, id: AccessKeyId): Instant =>
  keysOf(world).find((key) => key.accessKeyId === id)?.createDate ?? BIRTH;

const isActive = (world: Observation, id: AccessKeyId): boolean =>
  keysOf(world).some((key) => key.accessKeyId === id && key.status === "Active");

/** A new key is created early in its turn, and delivered at its end. */
const bornEarly = (world: Observation, id: AccessKeyId, run: Instant): Observation => ({
  ...world,
  keys: known(
    keysOf(world).map((key) => (key.accessKeyId === id ? { ...key, createDate: later(run, seconds(16)) } : key)),
  ),
});

const use = (at: Instant): LastUse => ({ at, service: "s3", region: "eu-west-1" });

/** Consumers use what is served, all the time; the key before it until the moment of the delivery, or for ever. */
function inUse(world: Observation, now: Instant, consumers: "switch" | "keep the old key"): Observation {
  const record = parseRecord(world.record.kind === "known" ? world.record.value : null);
  const delivered = "at" in record ? record.at : BIRTH;
  const served = world.destinations[0]?.served;
  const current = served?.kind === "known" ? served.value.accessKeyId : null;
  return {
    ...world,
    lastUse: new Map(
      keysOf(world).map(({ accessKeyId: id }) => [
        id,
        known(use(id === current || consumers === "keep the old key" ? now : instant(Math.min(now, delivered)))),
      ]),
    ),
  };
}

const idle = (atLatest: Duration | "never"): Policy => ({
  ...presets.safe,
  deactivate: { when: "idle", for: days(7), remindAfter: days(14), atLatest },
});
const after = (span: Duration): Policy => ({ ...presets.safe, deactivate: { when: "after", after: span } });

/** Policies whose waits are over by time alone. */
const fixed: readonly [string, Policy][] = [
  ["after 5 days", after(days(5))],
  ["after 5 days and 5 hours", after(hours(125))],
  ["after no time", after(days(0))],
  ["when delivered", presets.threshold],
  ["when idle, after 15 days at the latest", idle(days(15))],
  [
    "when delivered, deleted at the next rotation",
    { ...presets.threshold, delete: { when: "next-rotation", overlap: days(1), quiet: days(0) } },
  ],
];

/** Policies that wait for consumers besides. */
const waiting: readonly [string, Policy][] = [
  ["safe", presets.safe],
  ["superseded", presets.superseded],
  ["secrets-manager", presets["secrets-manager"]],
  ["expiring", presets.expiring],
  ["two-key", presets["two-key"]],
];

const LONG = days(200);
const intervals: readonly [string, Duration][] = [
  ["12 hours", hours(12)],
  ["day", days(1)],
  ["2 days", days(2)],
];

describe("with a limit of 70 days on the age of keys,", () => {
  const limit = days(70);

  for (const [name, policy] of fixed) {
    it.each(intervals)(
      `no key is Active for longer under "${name}" with a run every %s, and a little later would be too late`,
      (_, runEvery) => {
        const plan = planForMaxAge(limit, policy, runEvery);
        expect(plan.waits).toBe(false);
        expect(
          longestActive({ ...policy, rotateAfter: plan.rotateAfter }, runEvery, LONG, "keep the old key"),
        ).toBeLessThanOrEqual(limit);
        const tooLate = milliseconds(plan.rotateAfter + minutes(2));
        expect(longestActive({ ...policy, rotateAfter: tooLate }, runEvery, LONG, "keep the old key")).toBeGreaterThan(
          limit,
        );
      },
    );
  }

  for (const [name, policy] of waiting) {
    it.each(intervals)(
      `no key is Active for longer under "${name}" with a run every %s, where consumers switch at once`,
      (_, runEvery) => {
        const plan = planForMaxAge(limit, policy, runEvery);
        expect(plan.waits).toBe(true);
        const longest = longestActive({ ...policy, rotateAfter: plan.rotateAfter }, runEvery, LONG, "switch");
        expect(longest).toBeGreaterThan(days(30));
        expect(longest).toBeLessThanOrEqual(limit);
      },
    );
  }
});

const refused = (limit: Duration, policy: Policy, runEvery: Duration): unknown => {
  try {
    planForMaxAge(limit, policy, runEvery);
  } catch (error) {
    return error;
  }
  return null;
};

const span = (max: number) => fc.integer({ min: 0, max: max * 24 }).map((count) => hours(count));

describe("a limit on the age of keys", () => {
  const anyPolicy = fc
    .record({
      wait: span(10),
      retention: span(40),
      kind: fc.constantFrom("after", "delivered", "atLatest", "expiring", "two-key"),
    })
    .map(({ wait, retention, kind }): Policy => {
      const kept: Policy = { ...presets.safe, delete: { when: "after", after: retention, quiet: days(0) } };
      if (kind === "after") return { ...kept, deactivate: { when: "after", after: wait } };
      if (kind === "delivered") return { ...kept, deactivate: { when: "delivered" } };
      if (kind === "atLatest")
        return { ...kept, deactivate: { when: "idle", for: days(1), remindAfter: days(1), atLatest: wait } };
      if (kind === "two-key")
        return { ...presets["two-key"], delete: { when: "next-rotation", overlap: wait, quiet: days(0) } };
      return { ...presets.expiring, delete: { when: "after", after: wait, quiet: days(0) } };
    });

  it("is held under every plan that is made for it, and what cannot be held is refused", () => {
    let plans = 0;
    fc.assert(
      fc.property(
        anyPolicy,
        fc.integer({ min: 5, max: 60 }).map(days),
        fc.constantFrom(hours(12), days(1), days(2)),
        (policy, limit, runEvery) => {
          if (refused(limit, policy, runEvery) !== null) return;
          plans += 1;
          const { rotateAfter } = planForMaxAge(limit, policy, runEvery);
          expect(
            longestActive({ ...policy, rotateAfter }, runEvery, milliseconds(4 * limit), "switch"),
          ).toBeLessThanOrEqual(limit);
        },
      ),
      { numRuns: 30 },
    );
    expect(plans).toBeGreaterThan(5);
  });

  it("is refused where the old key still fills its slot, Inactive, when its successor must be replaced", () => {
    const policy = after(days(5)); // kept for 30 days after that
    expect(refused(days(40), policy, days(1))).toMatchObject({
      message:
        "no key can stay below 40d: the policy keeps an old key for 5d, then Inactive for 30d, and a run comes every 1d",
      hint: "raise the limit, run more often, or shorten the time that old keys are kept",
    });
    const soonest = { ...policy, rotateAfter: days(1) };
    expect(longestActive(soonest, days(1), LONG, "keep the old key")).toBeGreaterThan(days(40));
    expect(refused(days(44), policy, days(1))).toBeNull();
    expect(longestActive(soonest, days(1), LONG, "keep the old key")).toBeLessThanOrEqual(days(44));
  });

  it("is refused where the policy never deletes what it deactivates", () => {
    expect(refused(days(90), { ...presets.safe, delete: { when: "never" } }, days(1))).toBeInstanceOf(InvalidInput);
  });

  it("is passed under a policy that waits for consumers who do not switch, as the plan says", () => {
    const { rotateAfter } = planForMaxAge(days(90), presets.safe, days(1));
    expect(longestActive({ ...presets.safe, rotateAfter }, days(1), days(200), "keep the old key")).toBeGreaterThan(
      days(90),
    );
  });

  it("that the policy's own waits leave no room for is refused, with what to do", () => {
    expect(refused(days(7), presets.expiring, days(1))).toMatchObject({
      message: "no key can stay below 7d: the policy keeps an old key for 5d, and a run comes every 1d",
      hint: "raise the limit, run more often, or shorten the time that old keys are kept",
    });
    expect(refused(days(13), presets.expiring, days(1))).toBeNull();
    expect(refused(days(13), presets.expiring, days(2))).toBeInstanceOf(InvalidInput);
    expect(refused(days(0), presets.threshold, hours(1))).toBeInstanceOf(InvalidInput);
  });

  it("is refused where the policy keeps old keys Active for ever", () => {
    const forever: Policy = { ...presets.safe, deactivate: { when: "never" }, delete: { when: "never" } };
    expect(() => planForMaxAge(days(90), forever, days(1))).toThrow("the policy keeps old keys Active for ever");
  });

  it("gives a whole number of minutes", () => {
    for (const [, policy] of [...fixed, ...waiting])
      expect(planForMaxAge(days(90), policy, seconds(3_601)).rotateAfter % minutes(1)).toBe(0);
  });
});
