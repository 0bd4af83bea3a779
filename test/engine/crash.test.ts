import { describe, expect, it } from "vitest";
import type { AccessKey } from "../../src/core/access-key.ts";
import { presetNames, presets } from "../../src/core/policy.ts";
import { parseRecord } from "../../src/core/record.ts";
import type { Abilities } from "../../src/simulation/stores.ts";
import { CallCounter, Crash } from "../support/crash.ts";
import { days, later, minutes, seconds } from "../../src/core/time.ts";
import { Rig } from "../support/rig.ts";

const KINDS: Readonly<Record<string, { abilities: Abilities; useEscrow: boolean }>> = {
  "a readable destination": { abilities: {}, useEscrow: false },
  "a readable destination and an escrow": { abilities: {}, useEscrow: true },
  "a destination with a pending stage": { abilities: { stages: true }, useEscrow: false },
  "a write-only destination and an escrow": { abilities: { readable: false }, useEscrow: true },
};

/** Crashes at every call of a first rotation in turn; answers with how many calls there were. */
async function crashEverywhere(
  build: () => Rig,
  when: "before" | "after",
  heal: (rig: Rig, counter: CallCounter, died: string) => Promise<void>,
): Promise<number> {
  for (let call = 1; ; call += 1) {
    const rig = build();
    const counter = new CallCounter(rig);
    counter.dieAt = { call, when };
    const died = await rig.run().then(
      () => null,
      (error: unknown) => {
        if (error instanceof Crash) return error.message;
        throw error;
      },
    );
    counter.dieAt = null;
    if (died === null) return call - 1;
    await heal(rig, counter, `call ${call}, ${died}`);
  }
}

describe.each(Object.entries(KINDS))("a run that dies at any call, with %s,", (_, { abilities, useEscrow }) => {
  const build = (name: keyof typeof presets) => () => {
    const rig = new Rig(presets[name], { useEscrow });
    rig.user("ci-bot", [{ ageDays: 120 }], abilities, { served: abilities.readable !== false });
    return rig;
  };

  it.each(["before", "after"] as const)("%s it took effect, is healed by two runs on the same host", async (when) => {
    for (const name of presetNames) {
      const calls = await crashEverywhere(build(name), when, async (rig, counter, died) => {
        const [old] = rig.account.keys("ci-bot");
        rig.liveness.kill();
        await rig.run();
        rig.liveness.kill();
        await rig.run();
        await expectHealed(rig, counter, `${name}, ${died}`, old?.accessKeyId ?? "");
      });
      expect(calls).toBeGreaterThan(15);
    }
  });

  it("is healed after the lease where nobody can prove it dead", async () => {
    await crashEverywhere(build("safe"), "after", async (rig, counter, died) => {
      const [old] = rig.account.keys("ci-bot");
      await rig.run();
      for (let run = 0; run < 2; run += 1) {
        rig.skip(minutes(5));
        await rig.run();
      }
      await expectHealed(rig, counter, died, old?.accessKeyId ?? "");
    });
  });
});

it("a key that IAM does not list yet is not lost to whoever starts right after the crash", async () => {
  const rig = new Rig(presets.safe);
  rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
  const [old] = rig.account.keys("ci-bot");
  const counter = new CallCounter(rig);
  const creates = counter.calls;
  counter.between = (_call, action) => {
    if (action === "iam:CreateAccessKey") counter.dieAt = { call: creates.length, when: "after" };
  };
  await expect(rig.run()).rejects.toBeInstanceOf(Crash);
  rig.liveness.kill();
  counter.between = () => undefined;
  counter.dieAt = null;

  const listedFrom = later(rig.clock.now(), seconds(14));
  rig.skip(seconds(12));
  rig.account.intercept = async (action, resource, effect) => {
    const answer = await counter.intercept(action, resource, effect);
    const isStale = action === "iam:ListAccessKeys" && rig.clock.now() < listedFrom;
    // What is listed are keys, and stays so.
    return isStale
      ? ((answer as AccessKey[]).filter((key) => key.accessKeyId === old?.accessKeyId) as typeof answer)
      : answer;
  };
  await rig.run();
  rig.liveness.kill();
  await rig.run();
  await expectHealed(rig, counter, "after CreateAccessKey, listed late", old?.accessKeyId ?? "");
});

it("a key that a dead run made Inactive, though IAM still calls it Active, is not taken for one that somebody brought back", async () => {
  const rig = new Rig(presets.threshold);
  rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
  const [old] = rig.account.keys("ci-bot");
  const counter = new CallCounter(rig);
  counter.between = (_call, action) => {
    if (action === "iam:UpdateAccessKey") counter.dieAt = { call: counter.calls.length, when: "after" };
  };
  await expect(rig.run()).rejects.toBeInstanceOf(Crash);
  rig.liveness.kill();
  counter.between = () => undefined;
  counter.dieAt = null;

  const shownFrom = later(rig.clock.now(), seconds(10));
  rig.account.intercept = async (action, resource, effect) => {
    const answer = await counter.intercept(action, resource, effect);
    const isStale = action === "iam:ListAccessKeys" && rig.clock.now() < shownFrom;
    // What is listed are keys, and stays so.
    return isStale
      ? ((answer as AccessKey[]).map((key): AccessKey => ({ ...key, status: "Active" })) as typeof answer)
      : answer;
  };
  await rig.run();
  expect(parseRecord(rig.record("ci-bot")).phase).toBe("retiring");
  rig.skip(days(40));
  await rig.run();
  expect(rig.account.keys("ci-bot").map(({ accessKeyId }) => accessKeyId)).not.toContain(old?.accessKeyId);
});

it.each(["before", "after"] as const)(
  "an orphan that is the only key is replaced, also where the run that does so dies %s any call",
  async (when) => {
    for (let call = 1, died = true; died; call += 1) {
      const rig = new Rig(presets.superseded);
      rig.user("ci-bot", []);
      const counter = new CallCounter(rig);
      counter.between = (_call, action) => {
        if (action === "iam:CreateAccessKey") counter.dieAt = { call: counter.calls.length, when: "after" };
      };
      await expect(rig.run()).rejects.toBeInstanceOf(Crash);
      const [orphan] = rig.account.keys("ci-bot");
      counter.between = () => undefined;
      counter.dieAt = { call: counter.calls.length + call, when };
      rig.skip(minutes(5));
      died = await rig.run().then(
        () => false,
        () => true,
      );
      counter.dieAt = null;
      for (let run = 0; run < 3; run += 1) {
        rig.skip(minutes(5));
        await rig.run();
      }
      const [destination] = rig.destinations.get("ci-bot") ?? [];
      const served = destination !== undefined && "current" in destination ? destination.current : null;
      const fresh = rig.account.keys("ci-bot").find(({ accessKeyId }) => accessKeyId !== orphan?.accessKeyId);
      expect(served, `call ${call}`).toMatchObject({
        accessKeyId: fresh?.accessKeyId,
        secretAccessKey: expect.anything(),
      });
    }
  },
);

/** One new key, delivered; at most one key more than needed was ever made; nothing is left over; the old key goes its way. */
async function expectHealed(rig: Rig, counter: CallCounter, died: string, old: string): Promise<void> {
  const keys = rig.account.keys("ci-bot");
  const record = parseRecord(rig.record("ci-bot"));
  const [destination] = rig.destinations.get("ci-bot") ?? [];
  const current = destination !== undefined && "current" in destination ? destination.current : null;
  const served = keys.find((key) => key.accessKeyId === (current as { accessKeyId: string } | null)?.accessKeyId);
  expect(served?.status, died).toBe("Active");
  expect(served?.accessKeyId, died).not.toBe(old);
  expect(["delivered", "retiring"], died).toContain(record.phase);
  expect("new" in record && record.new, died).toBe(served?.accessKeyId);
  expect(
    keys.filter((key) => key.accessKeyId !== old && key.accessKeyId !== served?.accessKeyId),
    died,
  ).toEqual([]);
  expect(counter.created, died).toBeLessThanOrEqual(2);
  expect(await rig.escrow.list(), died).toEqual([]);
}
