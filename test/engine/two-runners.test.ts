import { describe, expect, it } from "vitest";
import { presetNames, presets } from "../../src/core/policy.ts";
import { run } from "../../src/engine/run.ts";
import { SimulatedLiveness } from "../../src/simulation/stores.ts";
import type { Abilities } from "../../src/simulation/stores.ts";
import { CallError } from "../../src/ports.ts";
import { CallCounter } from "../support/crash.ts";
import { days, freely, hours, minutes, Rig } from "../support/rig.ts";

const KINDS: Readonly<Record<string, { abilities: Abilities; useEscrow: boolean }>> = {
  "a readable destination": { abilities: {}, useEscrow: false },
  "a destination with a pending stage": { abilities: { stages: true }, useEscrow: false },
  "a write-only destination and an escrow": { abilities: { readable: false }, useEscrow: true },
};

describe.each(Object.entries(KINDS))("two runs at once, with %s,", (_, { abilities, useEscrow }) => {
  const build = (name: keyof typeof presets) => {
    const rig = new Rig(presets[name], { useEscrow });
    rig.user("ci-bot", [{ ageDays: 120 }], abilities, { served: abilities.readable !== false });
    return rig;
  };
  const second = (rig: Rig) => run(rig.worldOf(new SimulatedLiveness("s")), rig.subjects(), freely);

  it.each(["waits for the second to end", "goes on beside the second"] as const)(
    "started at every step of each other, make one key and agree, where the first %s",
    async (how) => {
      for (const name of presetNames) {
        for (let call = 1; ; call += 1) {
          const rig = build(name);
          const counter = new CallCounter(rig);
          let beside = null as Promise<unknown> | null; // a callback sets it, which the compiler does not follow
          let stalled = "";
          counter.between = async (number, action) => {
            if (number !== call || beside !== null) return;
            stalled = action;
            beside = second(rig);
            if (how === "waits for the second to end") await beside;
          };
          await rig.run();
          if (beside === null) break;
          await beside;
          await settle(rig);
          expectNothingBroken(rig, counter, `${name}, second run at call ${call}`);
          // A write that takes effect a whole settling time after it was sent may overwrite the other's record: then both
          // keys are left alone and reported, and a person decides. Nothing is lost by it.
          if (how === "waits for the second to end" && stalled === "iam:TagUser") continue;
          expectOneSuccessor(rig, `${name}, second run at call ${call}`);
        }
      }
    },
  );

  it("that begin in the same moment make one key", async () => {
    const rig = build("safe");
    const counter = new CallCounter(rig);
    await Promise.all([rig.run(), second(rig), run(rig.worldOf(new SimulatedLiveness("t")), rig.subjects(), freely)]);
    await settle(rig);
    expectNothingBroken(rig, counter, "three at once");
    expectOneSuccessor(rig, "three at once");
  });
});

describe("two runs that retire the same key", () => {
  it("started at every step of each other deactivate it once and end in the same state", async () => {
    for (let call = 1; ; call += 1) {
      const rig = new Rig();
      const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
      await rig.run();
      await rig.pass(days(7), hours(6), () => void rig.account.use(idOf(destination), "s3", "eu-west-1"));
      expect(rig.statuses("ci-bot")).toBe("Active Active");
      rig.skip(hours(6));
      const counter = new CallCounter(rig);
      let beside = null as Promise<unknown> | null; // a callback sets it, which the compiler does not follow
      counter.between = async (number) => {
        if (number === call && beside === null)
          beside = run(rig.worldOf(new SimulatedLiveness("s")), rig.subjects(), freely);
      };
      await rig.run();
      if (beside === null) break;
      await beside;
      for (let more = 0; more < 3; more += 1) {
        rig.skip(minutes(5));
        await rig.run();
      }
      await rig.pass(days(8), hours(6), () => void rig.account.use(idOf(destination), "s3", "eu-west-1"));
      expect(rig.statuses("ci-bot"), `second run at call ${call}`).toBe("Inactive Active");
    }
  });
});

describe("an intent that arrives when another run has rotated already", () => {
  it("does not make that run's delivered key look like an orphan", async () => {
    const rig = new Rig(presets.safe);
    rig.user("ci-bot", [{ ageDays: 120 }], { readable: false });
    const counter = new CallCounter(rig);
    let beside = false;
    counter.between = async (_, action) => {
      if (beside || action !== "iam:TagUser") return;
      beside = true;
      await run(rig.worldOf(new SimulatedLiveness("s")), rig.subjects(), freely);
    };
    await rig.run();
    const keys = () => rig.account.keys("ci-bot").map((key) => `${key.accessKeyId} ${key.status}`);
    const before = keys();
    expect(before).toHaveLength(2);
    await settle(rig);
    expect(keys()).toEqual(before);
  });
});

const idOf = (destination: { current: { accessKeyId: string } | null }) => destination.current?.accessKeyId as never;

/** Runs as a schedule would have them, until nobody's lease is left. */
async function settle(rig: Rig): Promise<void> {
  for (let more = 0; more < 3; more += 1) {
    rig.skip(minutes(5));
    await rig.run();
  }
}

function servedIn(rig: Rig): string | undefined {
  const [destination] = rig.destinations.get("ci-bot") ?? [];
  return destination !== undefined && "current" in destination
    ? (destination.current as { accessKeyId: string } | null)?.accessKeyId
    : undefined;
}

/** What consumers read signs in, and at most one key too many was ever made. */
function expectNothingBroken(rig: Rig, counter: CallCounter, when: string): void {
  const keys = rig.account.keys("ci-bot");
  expect(counter.created, when).toBeLessThanOrEqual(2);
  expect(keys.length, when).toBeLessThanOrEqual(2);
  expect(keys.find((key) => key.accessKeyId === servedIn(rig))?.status, when).toBe("Active");
}

/** And the record knows which key that is. */
function expectOneSuccessor(rig: Rig, when: string): void {
  expect(rig.record("ci-bot"), when).toMatch(new RegExp(`v1 (delivered|retiring) .*new=${servedIn(rig)}`));
}

describe("a run that finishes a delivery which another run finishes, too,", () => {
  it("does not write over what the other has done since", async () => {
    const rig = new Rig(presets.safe, { useEscrow: true });
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    destination.intercept = async (action, label, effect) => {
      if (action === "deliver") throw new CallError("refused", action, label, "ThrottlingException", "turned down");
      return effect();
    };
    await rig.run();
    rig.skip(hours(1));
    const fresh = rig.account.keys("ci-bot").at(-1)?.accessKeyId;
    const retiring = `v1 retiring at=2026-01-05T09:00:00Z n=s1_1 new=${fresh} old=${ids.join("+")}`;
    destination.intercept = async (action, _, effect) => {
      if (action === "deliver") rig.account.tags("ci-bot").set("keyturn:rotation", retiring);
      return effect();
    };
    const report = await rig.runFor("ci-bot");
    expect(report.steps.at(-1)).toMatchObject({ result: "stopped", sentence: expect.stringContaining("another run") });
    expect([rig.record("ci-bot"), destination.current?.accessKeyId]).toEqual([retiring, fresh]);
  });
});
