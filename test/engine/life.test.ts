import { describe, expect, it } from "vitest";
import { presetNames, presets } from "../../src/core/policy.ts";
import { days, hours, outcomeOf, Rig } from "../support/rig.ts";

describe("the life of a key", () => {
  it("goes from create to delete under the safe policy, with a consumer who switches", async () => {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }]);
    const [old] = ids;
    const first = await rig.runFor("ci-bot");
    expect(outcomeOf(first)).toBe("rotate");
    expect(rig.statuses("ci-bot")).toBe("Active Active");
    const successor = destination.current?.accessKeyId;
    expect(successor).toBeDefined();
    expect(successor).not.toBe(old);
    expect(rig.record("ci-bot")).toBe(`v1 delivered at=2026-01-05T08:00:16Z n=r1_1 new=${successor} old=${old}`);

    const consume = () => {
      const current = destination.current;
      if (current !== null) expect(rig.account.use(current.accessKeyId, "s3", "eu-west-1")).toBe(true);
    };
    await rig.pass(days(9), hours(6), consume);
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
    await rig.pass(days(31), hours(6), consume);
    expect(rig.account.keys("ci-bot").map((key) => key.accessKeyId)).toEqual([successor]);
  });

  it.each(presetNames)("is told in order by the audit under %s", async (name) => {
    const rig = new Rig(presets[name]);
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    const consume = () => {
      const current = destination.current;
      if (current !== null) rig.account.use(current.accessKeyId, "s3", "eu-west-1");
    };
    await rig.pass(days(50), hours(6), consume);
    const steps = rig.steps.map((step) => `${step.step} ${step.outcome}`).join("\n");
    expect(steps).toMatchSnapshot();
    expect(
      rig.account
        .keys("ci-bot")
        .every((key) => key.accessKeyId === destination.current?.accessKeyId || name === "two-key"),
    ).toBe(true);
  });
});
