import { describe, expect, it } from "vitest";
import { presetNames, presets } from "../../src/core/policy.ts";
import { CallError } from "../../src/ports.ts";
import { type Interceptor, seededRandom } from "../../src/simulation/account.ts";
import { SimulatedDestination } from "../../src/simulation/stores.ts";
import { days, hours, minutes, Rig } from "../support/rig.ts";

/*
 * Every fault that broke one of the older tools, under every policy: nothing in use is lost, and plain runs go on from there
 * without a person.
 */

type Faulty = (action: string) => "before" | "after" | null;

/** Lets the calls that `fault` names fail: before they take effect, or after it. */
const failing =
  (fault: Faulty, kind: "unknown" | "refused" = "unknown"): Interceptor =>
  async (action, resource, effect) => {
    const when = fault(action);
    if (when === "before") throw new CallError(kind, action, resource, "Throttling", "rate exceeded");
    const result = effect();
    if (when === "after") throw new CallError("unknown", action, resource, "TimeoutError", "no answer in time");
    return result;
  };

const plainly: Interceptor = async (_action, _resource, effect) => effect();

/** Once, at the first call of this action. */
function once(wanted: string, when: "before" | "after"): Faulty {
  let left = 1;
  return (action) => (action === wanted && left-- > 0 ? when : null);
}

/** A user with one old key, which its consumer uses until the destination serves another. */
function begin(name: (typeof presetNames)[number], destinations = 1) {
  const rig = new Rig(presets[name]);
  const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
  const [old] = ids;
  if (old === undefined) throw new Error("no key");
  const all = [destination];
  for (let more = 1; more < destinations; more += 1)
    all.push(new SimulatedDestination(`memory:ci-bot-${more}`, rig.clock));
  rig.destinations.set("ci-bot", all);
  const consume = () => {
    const id = destination.current?.accessKeyId ?? old;
    expect(rig.account.use(id, "s3", "eu-west-1"), `${id} is refused`).toBe(true);
  };
  return { rig, old, all, destination, consume };
}

/** Plain runs for two months, with a consumer at work: it is never refused, and no person is needed. */
async function expectHealed({ rig, old, all, consume }: ReturnType<typeof begin>, keys = 1): Promise<void> {
  rig.account.intercept = plainly;
  for (const each of all) each.intercept = plainly;
  consume();
  await rig.pass(days(59), hours(12), consume);
  const served = new Set(all.map((each) => each.current?.accessKeyId));
  expect(served.size).toBe(1);
  const left = rig.account.keys("ci-bot");
  expect(left.map((key) => key.accessKeyId)).toContain([...served][0]);
  expect(left.map((key) => key.accessKeyId)).not.toContain(old);
  expect(left.length).toBeLessThanOrEqual(Math.max(keys, rig.policy.rotateAfter < days(59) ? 2 : 1));
  const { outcome, code } = await rig.runFor("ci-bot");
  expect(`${outcome} ${code}`).not.toMatch(/blocked|failed/);
}

describe.each(presetNames)("under %s,", (name) => {
  it("a death right after CreateAccessKey is repaired by the next runs", async () => {
    const story = begin(name);
    const { rig } = story;
    rig.account.intercept = async (action, _resource, effect) => {
      const result = effect();
      if (action === "iam:CreateAccessKey") throw new Error("killed");
      return result;
    };
    await expect(rig.run()).rejects.toThrow("killed");
    rig.liveness.kill();
    await expectHealed(story);
  });

  it("an error from the store leaves the old key untouched, and the next runs finish", async () => {
    const story = begin(name);
    const { rig, old, destination } = story;
    destination.intercept = failing(once("deliver", "before"), "refused");
    await rig.run();
    expect(destination.current?.accessKeyId).toBe(old);
    expect(rig.account.keys("ci-bot").find((key) => key.accessKeyId === old)?.status).toBe("Active");
    rig.skip(minutes(10));
    await expectHealed(story);
  });

  it("a death between two stores ends with both serving the same key", async () => {
    const story = begin(name, 2);
    const { rig, all } = story;
    const [, second] = all;
    if (second === undefined) throw new Error("no second store");
    second.intercept = async (action, _resource, effect) => {
      if (action === "deliver") throw new Error("killed");
      return effect();
    };
    await expect(rig.run()).rejects.toThrow("killed");
    rig.liveness.kill();
    await expectHealed(story);
  });

  it("of an Active key and a newer Inactive one the Active one is kept", async () => {
    const rig = new Rig({ ...presets[name], rotateAfter: days(90) });
    const { ids, destination } = rig.user(
      "ci-bot",
      [{ ageDays: 80 }, { ageDays: 20, status: "Inactive", usedDaysAgo: null }],
      {},
      { served: true },
    );
    await rig.pass(
      days(5),
      hours(12),
      () => void rig.account.use(ids[0] ?? destinationOf(destination), "s3", "eu-west-1"),
    );
    expect(rig.account.keys("ci-bot").find((key) => key.accessKeyId === ids[0])?.status).toBe("Active");
  });

  it("of two Active keys, one of them never used, the one that is used and served stays", async () => {
    const rig = new Rig({ ...presets[name], rotateAfter: days(90) });
    const { ids } = rig.user("ci-bot", [{ ageDays: 80 }, { ageDays: 20, usedDaysAgo: null }], {}, { served: true });
    await rig.pass(days(5), hours(12), () => {
      expect(rig.account.use(ids[0] ?? ("" as never), "s3", "eu-west-1")).toBe(true);
    });
    const report = await rig.runFor("ci-bot");
    expect(report.outcome).not.toBe("failed");
    if (report.outcome === "blocked") expect(report.command).not.toBeNull();
  });

  it("of three keys none that is served or in use goes, and no fourth comes", async () => {
    const rig = new Rig(presets[name]);
    const { ids } = rig.user("ci-bot", [{ ageDays: 120 }, { ageDays: 60 }], {}, { served: true });
    rig.account.addKey("ci-bot", { createDate: rig.ago(days(30)) });
    await rig.pass(days(3), hours(12), () => {
      expect(rig.account.use(ids[0] ?? ("" as never), "s3", "eu-west-1")).toBe(true);
    });
    expect(rig.account.keys("ci-bot").length).toBeLessThanOrEqual(3);
  });

  it("a last use that cannot be read makes nothing go", async () => {
    const story = begin(name);
    const { rig, old, consume } = story;
    await rig.run();
    const before = rig.statuses("ci-bot");
    rig.account.intercept = failing((action) => (action === "iam:GetAccessKeyLastUsed" ? "before" : null));
    // The old key is still used by somebody who does not read the destination.
    await rig.pass(days(4), hours(12), () => {
      consume();
      if (before === "Active Active") expect(rig.account.use(old, "s3", "eu-west-1")).toBe(true);
    });
    expect(rig.statuses("ci-bot")).toBe(before);
  });

  it.each(["iam:UpdateAccessKey", "iam:DeleteAccessKey"])(
    "a time-out of %s that took effect costs no key in use",
    async (action) => {
      const story = begin(name);
      const { rig, consume } = story;
      await rig.run();
      rig.account.intercept = failing((each) => (each === action ? "after" : null));
      await rig.pass(days(20), hours(12), consume);
      await expectHealed(story);
    },
  );

  it("a key that is gone already counts as deleted", async () => {
    const story = begin(name);
    const { rig, old, consume } = story;
    await rig.run();
    rig.account.intercept = async (action, _resource, effect) => {
      if (action === "iam:DeleteAccessKey") effect(); // somebody else, a moment before
      return effect();
    };
    await rig.pass(days(45), hours(12), consume);
    expect(rig.account.keys("ci-bot").map((key) => key.accessKeyId)).not.toContain(old);
    expect((await rig.runFor("ci-bot")).outcome).not.toBe("failed");
  });

  it("a second run right after the first changes nothing", async () => {
    const { rig } = begin(name);
    await rig.run();
    const [record, keys] = [rig.record("ci-bot"), rig.statuses("ci-bot")];
    await rig.run();
    await rig.run();
    expect([rig.record("ci-bot"), rig.statuses("ci-bot")]).toEqual([record, keys]);
  });

  it("one call in twenty that is throttled stops nobody: all are finished by the runs after", async () => {
    const rig = new Rig(presets[name]);
    const names = Array.from({ length: 60 }, (_, index) => `user-${String(index).padStart(2, "0")}`);
    for (const userName of names) rig.user(userName, [{ ageDays: 120 }], {}, { served: true });
    const random = seededRandom(7);
    rig.account.intercept = failing(() => (random() < 0.05 ? "before" : null));
    const first = await rig.run();
    expect(first).toHaveLength(60);
    expect(first.filter((each) => each.steps.some((step) => step.result === "done")).length).toBeGreaterThan(20);
    rig.account.intercept = plainly;
    for (let run = 0; run < 3; run += 1) {
      rig.skip(minutes(10));
      await rig.run();
    }
    const unfinished = names.filter((userName) =>
      rig.account.keys(userName).every((key) => rig.clock.now() - key.createDate > days(100)),
    );
    expect(unfinished).toEqual([]);
  });

  it("no local time is in what is written and decided", async () => {
    const told = async (zone: string) => {
      const before = process.env["TZ"];
      process.env["TZ"] = zone;
      try {
        const { rig, consume } = begin(name);
        await rig.run();
        await rig.pass(days(12), hours(12), consume);
        return [rig.record("ci-bot"), rig.statuses("ci-bot"), ...rig.steps.map((step) => `${step.at} ${step.reason}`)];
      } finally {
        if (before === undefined) delete process.env["TZ"];
        else process.env["TZ"] = before;
      }
    };
    expect(await told("Pacific/Kiritimati")).toEqual(await told("America/Los_Angeles"));
  });
});

const destinationOf = (destination: SimulatedDestination) => {
  const id = destination.current?.accessKeyId;
  if (id === undefined) throw new Error("nothing is served");
  return id;
};
