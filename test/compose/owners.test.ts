import { describe, expect, it } from "vitest";
import { checkSettings, type Parts, Session, type Settings } from "../../src/compose.ts";
import type { Owner } from "../../src/core/owner.ts";
import type { OwnerRules } from "../../src/core/owner-tags.ts";
import { presets } from "../../src/core/policy.ts";
import { sameForAll } from "../../src/core/rulebook.ts";
import { milliseconds } from "../../src/core/time.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import { CallError } from "../../src/ports.ts";
import { SimulatedDestination } from "../../src/simulation/stores.ts";
import { CallCounter } from "../support/crash.ts";
import { MemoryLedger, RULES } from "../support/mailroom.ts";
import { days, freely, hours, Rig } from "../support/rig.ts";

const TARGET = "memory:{user}";

const settingsWith = (owners: OwnerRules, told: Partial<Settings> = {}): Settings => ({
  rulebook: { ...sameForAll(presets.expiring, [TARGET]), owners },
  escrow: null,
  ledger: "ssm",
  settle: milliseconds(0),
  asked: false,
  profile: null,
  region: null,
  ...told,
});

/** Users with a key of 100 days and these tags, and a session that rotates them. */
function sessionWith(
  users: Record<string, Record<string, string>>,
  owners: OwnerRules = RULES,
  told: Partial<Settings> = {},
) {
  const rig = new Rig();
  const ledger = new MemoryLedger();
  const opened: Record<string, Owner | null> = {};
  for (const [userName, tags] of Object.entries(users)) {
    rig.user(userName, [{ ageDays: 100 }]);
    for (const [key, value] of Object.entries(tags)) rig.account.tags(userName).set(key, value);
  }
  const parts: Parts = {
    caller: rig.account.caller,
    iam: rig.account.iam,
    records: recordsInTags(rig.account.iam),
    verifier: rig.account.verifier,
    escrow: null,
    ledger,
    clock: rig.clock,
    liveness: rig.liveness,
    destinations: [
      {
        text: TARGET,
        isStream: false,
        open: ({ userName }, owner) => {
          opened[userName] = owner;
          return new SimulatedDestination(`memory:${userName}`, rig.clock);
        },
      },
    ],
    settings: settingsWith(owners, told),
  };
  const session = new Session(parts);
  const everybody = { path: null, users: [], tags: [], allowEmpty: false };
  const run = async () =>
    (await session.run(await session.users(everybody), freely, () => undefined)).map(
      ({ userName, outcome, code }) => `${userName} ${outcome} ${code}`,
    );
  return { rig, ledger, opened, session, run, everybody };
}

describe("a session", () => {
  it("opens destinations for the owner in force, who is remembered before a key is made", async () => {
    const { rig, ledger, opened, session, run } = sessionWith({
      a: { "IKR:EMAIL": "a@example.com", "IKR:INSTRUCTION_0": "restart it" },
      b: {},
    });
    const order: string[] = [];
    ledger.fail = (call) => void order.push(call);
    new CallCounter(rig).between = (_, action) => void order.push(action);
    expect(await run()).toEqual(["a changed due", "b changed due"]);
    expect(opened).toEqual({ a: { address: "a@example.com", instruction: "restart it", recipient: null }, b: null });
    expect(order.indexOf("write")).toBeGreaterThanOrEqual(0);
    expect(order.indexOf("write")).toBeLessThan(order.indexOf("iam:CreateAccessKey"));

    rig.account.tags("a").set("IKR:EMAIL", "thief@example.com");
    rig.skip(hours(1));
    await run();
    expect(opened["a"]?.address).toBe("a@example.com");
    const [user] = await session.users({ path: null, users: ["a"], tags: [], allowEmpty: false });
    if (user === undefined) throw new Error("no user");
    // Nobody is there to tell the former: the delay begins when the change is first seen.
    expect((await session.settingsOf(user)).pending).toEqual({
      address: "thief@example.com",
      from: rig.later(days(1)),
    });
  });

  it("blocks a user whose tags cannot be heeded, and nobody else", async () => {
    const { rig, run, session, everybody } = sessionWith({
      "bad-days": { "IKR:ROTATE_AFTER_DAYS": "soon" },
      "bad-domain": { "IKR:EMAIL": "a@evil.test" },
      faster: { "IKR:ROTATE_AFTER_DAYS": "1" },
      fine: { "IKR:EMAIL": "a@example.com", "IKR:INSTRUCTION_x": "?" },
      slow: { "IKR:ROTATE_AFTER_DAYS": "120" },
    });
    expect(await run()).toEqual([
      "bad-days blocked tag-unusable",
      "bad-domain blocked tag-unusable",
      "faster blocked tag-unusable",
      "fine changed due",
      "slow settled young",
    ]);
    expect(rig.account.keys("faster")).toHaveLength(1);
    const fine = (await session.scan(await session.users(everybody))).find(({ userName }) => userName === "fine");
    expect(fine?.notes?.[0]).toContain("IKR:INSTRUCTION_x is ignored");
  });

  it("lets a user wait whose owner it does not know for certain", async () => {
    const { ledger, run, opened } = sessionWith({
      a: { "IKR:EMAIL": "a@example.com" },
      b: { "IKR:EMAIL": "b@example.com" },
    });
    ledger.texts.set("a", "garbage");
    expect(await run()).toEqual(["a failed read-failed", "b changed due"]);
    expect(opened["a"]).toBeNull();
    ledger.fail = () => {
      throw new CallError("unknown", "ssm:GetParameter", "/keyturn/owners", "TimeoutError", "no answer in time");
    };
    expect(await run()).toEqual(["a failed read-failed", "b failed read-failed"]);
    ledger.fail = () => {
      throw new CallError("denied", "ssm:GetParameter", "/keyturn/owners", "AccessDenied", "no");
    };
    expect(await run()).toEqual(["a blocked read-denied", "b blocked read-denied"]);
  });

  it("reads the ledger once for many users", async () => {
    const names = Array.from(
      { length: 10 },
      (_, index) => [`user-${index}`, { "IKR:EMAIL": "a@example.com" }] as const,
    );
    const { ledger, run } = sessionWith(Object.fromEntries(names));
    await run();
    expect(ledger.calls.filter((call) => call !== "write")).toEqual(["readAll"]);
  });

  it("leaves alone whoever did not opt in, where only owners' users are rotated, unless a person names them", async () => {
    const users = { a: { "IKR:EMAIL": "a@example.com" }, b: {} };
    const { rig, run } = sessionWith(users, { ...RULES, only: true });
    const { calls } = new CallCounter(rig);
    expect(await run()).toEqual(["a changed due"]);
    expect(calls.filter((call) => call.includes("user/b"))).toHaveLength(1);
    const named = sessionWith(users, { ...RULES, only: true }, { asked: true });
    expect(await named.run()).toEqual(["a changed asked", "b changed asked"]);
  });

  it("names other settings where tags may say something else", () => {
    const fingerprints = [RULES, { ...RULES, only: true }, { ...RULES, allowedDomains: ["*"] }].map(
      (rules) => sessionWith({}, rules).session.fingerprint,
    );
    expect(new Set(fingerprints).size).toBe(3);
  });
});

describe("settings of owners", () => {
  it("need a ledger where mail may go to somebody", async () => {
    const settings = settingsWith(RULES, {
      ledger: null,
      rulebook: { ...sameForAll(presets.expiring), owners: RULES },
    });
    await expect(checkSettings(settings)).rejects.toThrow("there is no ledger that remembers their addresses");
    const silent = { ...RULES, allowedDomains: null };
    await checkSettings({ ...settings, rulebook: { ...settings.rulebook, owners: silent } });
    await expect(checkSettings({ ...settings, ledger: "paper" })).rejects.toThrow('there is no ledger "paper"');
  });
});
