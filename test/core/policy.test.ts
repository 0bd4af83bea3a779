import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { checkPolicy, type Policy, preset, presetNames, presets } from "../../src/core/policy.ts";
import { days, hours, milliseconds } from "../../src/core/time.ts";

describe("a preset", () => {
  it.each(presetNames)("called %s is found by its name and holds together", (name) => {
    expect(preset(name)).toBe(presets[name]);
    expect(checkPolicy(presets[name])).toBe(presets[name]);
  });

  it("is there for keyturn itself and for each of the tools that it replaces", () => {
    expect(presetNames).toEqual(["safe", "two-key", "superseded", "expiring", "threshold", "secrets-manager"]);
  });

  it.each(["", "Safe", "toString", "__proto__", "constructor"])("is not found by %j", (name) => {
    expect(() => preset(name)).toThrow(InvalidInput);
    expect(() => preset(name)).toThrow(`there is no policy "${name}"`);
  });

  it("that is not there is answered with those that are", () => {
    try {
      preset("fast");
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ hint: "one of: safe, two-key, superseded, expiring, threshold, secrets-manager" });
    }
  });

  it("called safe never takes a key away that somebody uses, nor what a person left, nor a person's", () => {
    const { safe } = presets;
    expect(safe.deactivate).toEqual({ when: "idle", for: days(7), remindAfter: days(14), atLatest: "never" });
    expect(safe.delete).toEqual({ when: "after", after: days(30), quiet: milliseconds(0) });
    expect([safe.unexplainedKeys, safe.inactiveKeys, safe.unusedKeys, safe.humans, safe.usersWithoutKey]).toEqual([
      "report",
      "report",
      "report",
      "exclude",
      "skip",
    ]);
  });

  it.each(presetNames)("called %s deletes no Active key that was in use within a day", (name) => {
    const { deactivate, delete: remove } = presets[name];
    if (deactivate.when === "never") expect(remove.quiet).toBeGreaterThanOrEqual(days(1));
    else expect(remove.when).toBe("after");
  });
});

const idle = (remindAfter: number, atLatest: number | "never"): Policy => ({
  ...presets.safe,
  deactivate: {
    when: "idle",
    for: days(7),
    remindAfter: days(remindAfter),
    atLatest: atLatest === "never" ? atLatest : days(atLatest),
  },
});
const deleting = (after: number, when: "never" | "delivered"): Policy => ({
  ...presets.safe,
  deactivate: { when },
  delete: { when: "after", after: milliseconds(after), quiet: milliseconds(0) },
});

describe("a policy", () => {
  it.each([
    [14, 14],
    [14, 13],
  ])("is refused where its last date is not later than the reminder (%d, %d days)", (remindAfter, atLatest) => {
    expect(() => checkPolicy(idle(remindAfter, atLatest))).toThrow(
      `deactivate.atLatest (${atLatest}d) is not later than remindAfter (${remindAfter}d)`,
    );
  });

  it("is taken where whoever uses the old key is told before it goes", () => {
    expect(checkPolicy(idle(14, 15))).toEqual(idle(14, 15));
    expect(checkPolicy(idle(14, "never"))).toEqual(idle(14, "never"));
  });

  it("is refused where it deletes an Active key within an hour of its delivery", () => {
    expect(() => checkPolicy(deleting(hours(1) - 1, "never"))).toThrow("deleted within an hour of the delivery");
    expect(checkPolicy(deleting(hours(1), "never"))).toEqual(deleting(hours(1), "never"));
  });

  it("may delete an Inactive key as soon as it likes", () => {
    expect(checkPolicy(deleting(0, "delivered"))).toEqual(deleting(0, "delivered"));
  });
});
