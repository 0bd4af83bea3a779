import { describe, expect, it } from "vitest";
import type { AccessKeyId } from "../../src/core/access-key.ts";
import { type Policy, presets } from "../../src/core/policy.ts";
import { seconds } from "../../src/core/time.ts";
import { BrokenInvariant } from "../../src/engine/broken-invariant.ts";
import { alarms } from "../../src/engine/limits.ts";
import { mayGo } from "../../src/engine/retire.ts";
import { run } from "../../src/engine/run.ts";
import { CallError } from "../../src/ports.ts";
import { SimulatedDestination, SimulatedLiveness } from "../../src/simulation/stores.ts";
import { CallCounter } from "../support/crash.ts";
import { days, freely, hours, minutes, outcomeOf, Rig } from "../support/rig.ts";

const unknown = (action: string) => new CallError("unknown", action, "somewhere", "TimeoutError", "no answer in time");

describe("a consumer who never switches", () => {
  it.each(["safe", "superseded"] as const)(
    "keeps its old key through 30 days of hourly runs under %s",
    async (name) => {
      const rig = new Rig(presets[name]);
      const [old] = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true }).ids;
      if (old === undefined) throw new Error("no key");
      await rig.pass(days(30), hours(1), () => expect(rig.account.use(old, "s3", "eu-west-1")).toBe(true));
      const status = rig.account.keys("ci-bot").find((key) => key.accessKeyId === old)?.status;
      expect(status).toBe("Active");
      const [result] = await rig.run();
      expect(result).toMatchObject({ outcome: "blocked", command: ["retire", "ci-bot", old] });
      expect(["successor-unused", "predecessor-in-use"]).toContain(result?.code);
    },
  );

  it("is cut off under the threshold policy only after the successor was delivered and signs in", async () => {
    const rig = new Rig(presets.threshold);
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    const order: string[] = [];
    const counter = new CallCounter(rig);
    counter.between = (_, action) => void order.push(action);
    await rig.run();
    expect(order.lastIndexOf("deliver")).toBeLessThan(order.indexOf("iam:UpdateAccessKey"));
    expect(order.lastIndexOf("sts:GetCallerIdentity")).toBeLessThan(order.indexOf("deliver"));
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
    expect(destination.current?.accessKeyId).toBe(rig.account.keys("ci-bot")[1]?.accessKeyId);
  });
});

describe("limits", () => {
  const crowd = () => {
    const rig = new Rig();
    for (let index = 0; index < 20; index += 1)
      rig.user(`user-${String(index).padStart(2, "0")}`, [{ ageDays: 100 + index }]);
    return rig;
  };

  it("pace new keys, oldest first, and defer the rest", async () => {
    const rig = crowd();
    const reports = await rig.run({ limits: { ...freely.limits, maxRotations: 5 } });
    expect(reports.filter((each) => each.outcome === "changed").map((each) => each.userName)).toEqual([
      "user-15",
      "user-16",
      "user-17",
      "user-18",
      "user-19",
    ]);
    expect(reports.filter((each) => each.outcome === "deferred")).toHaveLength(15);
  });

  it("do not hold back what is under way", async () => {
    const rig = crowd();
    await rig.run();
    rig.policy = { ...presets.safe, deactivate: { when: "after", after: days(1) } };
    rig.skip(days(2));
    const reports = await rig.run({ limits: { ...freely.limits, maxRotations: 0 } });
    expect(reports.map(outcomeOf)).toEqual(Array.from({ length: 20 }, () => "deactivate"));
  });

  it("count a key that is deleted to make room as the rotation that follows", async () => {
    const rig = new Rig(presets["two-key"]);
    for (const name of ["a", "b", "c"]) rig.user(name, [{ ageDays: 40, usedDaysAgo: 20 }]);
    await rig.run();
    rig.skip(days(15));
    const reports = await rig.run({ limits: { ...freely.limits, maxRotations: 2 } });
    expect(reports.map(outcomeOf).toSorted()).toEqual(["", "delete, rotate", "delete, rotate"]);
    expect(rig.account.keys("a").length + rig.account.keys("b").length + rig.account.keys("c").length).toBe(6);
  });

  it("perform only what a plan lists, with the same keys", async () => {
    const rig = crowd();
    const [oldest] = rig.account.keys("user-19");
    const planned = new Map([
      ["user-19", [{ kind: "rotate" as const, known: [oldest?.accessKeyId ?? ("" as never)] }]],
      ["user-18", [{ kind: "rotate" as const, known: [oldest?.accessKeyId ?? ("" as never)] }]],
    ]);
    const reports = await rig.run({ limits: { ...freely.limits, planned } });
    expect(reports.filter((each) => each.outcome === "changed").map((each) => each.userName)).toEqual(["user-19"]);
    expect(reports.filter((each) => each.outcome === "not-in-plan")).toHaveLength(19);
  });

  it("that only look change nothing and tell what would be done", async () => {
    const rig = crowd();
    const counter = new CallCounter(rig);
    const reports = await rig.run({ limits: { ...freely.limits, onlyLook: true } });
    expect(reports.every((each) => each.outcome === "due" && each.planned[0]?.kind === "rotate")).toBe(true);
    expect(counter.calls.filter((call) => /TagUser|Create|Update|Delete|deliver|stage|put/.test(call))).toEqual([]);
  });

  it("sound the alarm above a share of the users with keys, before anything is performed", async () => {
    const rig = crowd();
    rig.user("empty", []);
    let sounded: unknown = null;
    const refused = rig.run({
      approve: async (findings) => {
        sounded = alarms(findings, { refuseAbovePercent: 50 });
        throw new Error("refused");
      },
    });
    await expect(refused).rejects.toThrow("refused");
    expect(sounded).toEqual({ changing: 20, of: 20 });
    expect(rig.steps).toEqual([]);
  });

  it("sound no alarm at exactly the share", () => {
    expect(alarms([], { refuseAbovePercent: 0 })).toBeNull();
    expect(alarms([], { refuseAbovePercent: null })).toBeNull();
  });
});

describe("a hundred users", () => {
  it("wait for IAM to settle once, not a hundred times", async () => {
    const rig = new Rig();
    for (let index = 0; index < 100; index += 1) rig.user(`user-${index}`, [{ ageDays: 100 }]);
    const began = rig.clock.now();
    const reports = await rig.run();
    expect(reports.every((each) => each.outcome === "changed")).toBe(true);
    expect(rig.clock.now() - began).toBeLessThan(20_000);
  });

  it("are independent: one whose calls fail does not stop the others", async () => {
    const rig = new Rig();
    for (let index = 0; index < 10; index += 1) rig.user(`user-${index}`, [{ ageDays: 100 }]);
    rig.account.intercept = async (action, resource, effect) => {
      if (resource === "user/user-3" && action === "iam:ListAccessKeys") throw unknown(action);
      if (resource === "user/user-5" && action === "iam:CreateAccessKey") throw unknown(action);
      return effect();
    };
    const reports = await rig.run();
    expect(reports.filter((each) => each.outcome === "changed")).toHaveLength(8);
    expect(reports.filter((each) => each.outcome === "failed").map((each) => each.userName)).toEqual([
      "user-3",
      "user-5",
    ]);
    expect(reports.find((each) => each.userName === "user-3")).toMatchObject({ code: "read-failed" });
  });

  it("are finished where they are in progress when a signal comes, and no other is begun", async () => {
    const rig = new Rig();
    for (let index = 0; index < 40; index += 1) rig.user(`user-${index}`, [{ ageDays: 100 }]);
    const controller = new AbortController();
    rig.account.intercept = async (action, _resource, effect) => {
      if (action === "iam:TagUser") controller.abort();
      return effect();
    };
    const reports = await rig.run({ signal: controller.signal });
    const changed = reports.filter((each) => each.outcome === "changed").length;
    expect(changed).toBeGreaterThan(0);
    expect(reports.filter((each) => each.outcome === "interrupted")).toHaveLength(40 - changed);
    expect([...rig.destinations.keys()].filter((name) => (rig.record(name) ?? "").includes("creating"))).toEqual([]);
  });

  it("are not begun after a step could not be written down", async () => {
    const rig = new Rig();
    for (let index = 0; index < 40; index += 1) rig.user(`user-${index}`, [{ ageDays: 100 }]);
    const journal = () => {
      throw new Error("no space left on device");
    };
    const reports = await run({ ...rig.world, journal }, rig.subjects(), freely);
    expect(reports.filter((each) => each.outcome === "failed").length).toBeGreaterThan(0);
    expect(reports.filter((each) => each.outcome === "interrupted").length).toBeGreaterThan(0);
    expect(reports.find((each) => each.outcome === "failed")?.sentence).toContain("no space left on device");
    expect([...rig.destinations.keys()].flatMap((name) => rig.account.keys(name))).toHaveLength(40);
  });
});

describe("an answer that is unknown ends the turn", () => {
  it("of CreateAccessKey that took effect: nothing is repeated, and the next run replaces the orphan", async () => {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    let lost = 0;
    rig.account.intercept = async (action, _resource, effect) => {
      const result = effect();
      if (action === "iam:CreateAccessKey" && (lost += 1) === 1) throw unknown(action);
      return result;
    };
    const first = await rig.runFor("ci-bot");
    expect(first).toMatchObject({ outcome: "failed" });
    expect(rig.account.keys("ci-bot")).toHaveLength(2);
    expect(destination.current?.accessKeyId).toBe(ids[0]);
    rig.skip(minutes(5));
    const second = await rig.runFor("ci-bot");
    expect(outcomeOf(second)).toBe("remove-orphan, rotate");
    expect(destination.current?.accessKeyId).toBe(rig.account.keys("ci-bot")[1]?.accessKeyId);
    expect(lost).toBe(2);
  });

  it("of UpdateAccessKey that took effect: the new key stays, and the next runs go on", async () => {
    const rig = new Rig(presets.threshold);
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    rig.account.intercept = async (action, _resource, effect) => {
      const result = effect();
      if (action === "iam:UpdateAccessKey") throw unknown(action);
      return result;
    };
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "failed" });
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
    expect(rig.account.use(destination.current?.accessKeyId as never, "s3", "eu-west-1")).toBe(true);
    await rig.pass(days(31), days(1));
    expect(rig.statuses("ci-bot")).toBe("Active");
  });

  it("of UpdateAccessKey that did not, under a policy that switches off at once: a week later it goes on by itself", async () => {
    const rig = new Rig(presets.threshold);
    const [old] = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true }).ids;
    if (old === undefined) throw new Error("no key");
    rig.account.intercept = async (action, _resource, effect) => {
      if (action === "iam:UpdateAccessKey") throw unknown(action);
      return effect();
    };
    await rig.run();
    rig.account.intercept = async (_action, _resource, effect) => effect();
    // Its consumer looks again only when it is refused.
    await rig.pass(days(7), hours(6), () => expect(rig.account.use(old, "s3", "eu-west-1")).toBe(true));
    expect(rig.statuses("ci-bot")).toBe("Active Active");
    await rig.pass(days(1), hours(6), () => void rig.account.use(old, "s3", "eu-west-1"));
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
  });

  it("of none: a key that a person brings back minutes later is left alone until IAM would show who uses it", async () => {
    const rig = new Rig(presets.threshold);
    const [old] = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true }).ids;
    if (old === undefined) throw new Error("no key");
    await rig.run();
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
    rig.account.setStatus(old, "Active");
    await rig.pass(hours(4), minutes(10));
    expect(rig.statuses("ci-bot")).toBe("Active Active");
    await rig.pass(hours(1), minutes(10));
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
  });

  it.each([
    { what: "the next look shows it: the old key goes in the same run", hidden: 1, statuses: "Inactive Active" },
    { what: "no look shows it: the old key stays for now", hidden: Infinity, statuses: "Active Active" },
  ])("of none: where IAM does not list the new key at once and $what", async ({ hidden, statuses }) => {
    const rig = new Rig(presets.threshold);
    const { ids } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    let left = hidden;
    rig.account.intercept = async (action, _resource, effect) => {
      const result = effect();
      if (action !== "iam:ListAccessKeys" || rig.account.keys("ci-bot").length < 2 || left === 0) return result;
      left -= 1;
      return (result as unknown as { accessKeyId: AccessKeyId }[]).filter((key) =>
        ids.includes(key.accessKeyId),
      ) as never;
    };
    const [report] = await rig.run();
    expect(report?.outcome).toBe(hidden === 1 ? "changed" : "waiting");
    expect(rig.statuses("ci-bot")).toBe(statuses);
  });

  it.each(["deliver", "stage"])("of %s: both keys stay Active, and the same key is delivered later", async (step) => {
    const rig = new Rig();
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], { stages: true }, { served: true });
    destination.intercept = async (action, _resource, effect) => {
      if (action === step) throw unknown(action);
      return effect();
    };
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "failed" });
    const made = rig.account.keys("ci-bot")[1]?.accessKeyId;
    expect(rig.statuses("ci-bot")).toBe("Active Active");
    destination.intercept = async (_action, _resource, effect) => effect();
    rig.skip(minutes(5));
    await rig.run();
    // A staged key is resumed; one that was never stored anywhere is replaced.
    if (step === "deliver") expect(destination.current?.accessKeyId).toBe(made);
    else expect(rig.account.keys("ci-bot").some((key) => key.accessKeyId === made)).toBe(false);
    expect(destination.current?.accessKeyId).toBe(rig.account.keys("ci-bot")[1]?.accessKeyId);
  });
});

describe("a fresh key", () => {
  it("that IAM does not know everywhere yet is asked again until it signs in twice in a row", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    const answers = [false, false, true, false, true, true];
    let asked = 0;
    rig.account.intercept = async (action, _resource, effect) => {
      const result = effect();
      return action === "sts:GetCallerIdentity" && answers[(asked += 1) - 1] === false
        ? (null as typeof result)
        : result;
    };
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "changed" });
    expect(asked).toBe(6);
  });

  it("that never signs in is not delivered, and the old key is untouched", async () => {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    rig.account.intercept = async (action, _resource, effect) => {
      const result = effect();
      return action === "sts:GetCallerIdentity" ? (null as typeof result) : result;
    };
    const result = await rig.runFor("ci-bot");
    expect(result).toMatchObject({ outcome: "failed" });
    expect(result.sentence).toContain("did not sign in within 2m");
    expect(destination.current?.accessKeyId).toBe(ids[0]);
    expect(rig.statuses("ci-bot")).toBe("Active Active");
  });

  it("that signs in as somebody else is not delivered", async () => {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    rig.account.intercept = async (action, _resource, effect) => {
      const result = effect();
      return action === "sts:GetCallerIdentity" ? ("arn:aws:iam::111122223333:user/mallory" as typeof result) : result;
    };
    const result = await rig.runFor("ci-bot");
    expect(result.sentence).toContain("signs in as arn:aws:iam::111122223333:user/mallory");
    expect(destination.current?.accessKeyId).toBe(ids[0]);
  });
});

describe("several destinations", () => {
  const two = (rig: Rig) => {
    rig.user("ci-bot", [{ ageDays: 120 }]);
    const [first, second] = [
      new SimulatedDestination("memory:first", rig.clock),
      new SimulatedDestination("memory:second", rig.clock),
    ];
    rig.destinations.set("ci-bot", [first, second]);
    return { first, second };
  };

  it("get the same key, and it counts as delivered only when all have it", async () => {
    const rig = new Rig();
    const { first, second } = two(rig);
    second.intercept = async (action, _resource, effect) => {
      if (action === "deliver") throw unknown(action);
      return effect();
    };
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "failed" });
    expect(rig.record("ci-bot")).toContain("v1 creating");
    second.intercept = async (_action, _resource, effect) => effect();
    rig.skip(minutes(5));
    expect(outcomeOf(await rig.runFor("ci-bot"))).toBe("resume");
    expect(second.current?.accessKeyId).toBe(first.current?.accessKeyId);
    expect(rig.account.keys("ci-bot")).toHaveLength(2);
  });

  it("of which one is write-only are served the readable first, so that a crash can resume from it", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }]);
    const mail = new SimulatedDestination("memory:mail", rig.clock, { readable: false });
    const readable = new SimulatedDestination("memory:readable", rig.clock);
    rig.destinations.set("ci-bot", [mail, readable]);
    mail.intercept = async (action, _resource, effect) => {
      if (action === "deliver") throw unknown(action);
      return effect();
    };
    await rig.run();
    expect(rig.record("ci-bot")).toContain("v1 delivering");
    mail.intercept = async (_action, _resource, effect) => effect();
    rig.skip(minutes(5));
    await rig.run();
    expect(mail.current?.accessKeyId).toBe(readable.current?.accessKeyId);
  });
});

describe("a write-only destination without an escrow", () => {
  it("whose delivery was cut off is reported with the command that frees the slot", async () => {
    const rig = new Rig();
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], { readable: false });
    destination.intercept = async (action, _resource, effect) => {
      effect();
      throw unknown(action);
    };
    destination.intercept = async (action, _resource, effect) => {
      const result = effect();
      if (action === "deliver") throw unknown(action);
      return result;
    };
    await rig.run();
    const made = rig.account.keys("ci-bot")[1]?.accessKeyId;
    rig.skip(minutes(5));
    const result = await rig.runFor("ci-bot");
    expect(result).toMatchObject({
      outcome: "blocked",
      code: "maybe-delivered",
      command: ["retire", "ci-bot", made, "--delete"],
    });
    expect(rig.account.keys("ci-bot")).toHaveLength(2);
    // The receiver did get it, and uses it: that is proof, once IAM writes down another use than our own.
    rig.skip(minutes(20));
    rig.account.use(made as never, "s3", "eu-west-1");
    expect(outcomeOf(await rig.runFor("ci-bot"))).toBe("mark-delivered");
  });
});

describe("a delivery that is turned down", () => {
  const refused = new CallError("refused", "write", "stdout", "EPIPE", "it is closed");
  const refusing = (rig: Rig, abilities: { readable: boolean }) => {
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], abilities);
    destination.intercept = async (action, _resource, effect) => {
      if (action === "deliver") throw refused;
      return effect();
    };
    return ids;
  };

  it("takes the new key back where it had no other place to go, and the next run makes another", async () => {
    const rig = new Rig();
    const [old] = refusing(rig, { readable: false });
    const result = await rig.runFor("ci-bot");
    expect(result).toMatchObject({ outcome: "failed" });
    expect(result.sentence).toMatch(/EPIPE: it is closed; AKIA\w+, which nobody got, is deleted again/);
    expect(rig.account.keys("ci-bot")).toMatchObject([{ accessKeyId: old, status: "Active" }]);
    expect(rig.steps.filter((each) => each.step === "withdraw").map((each) => each.outcome)).toEqual([
      "started",
      "done",
    ]);
    for (const destination of rig.destinations.get("ci-bot") ?? [])
      if (destination instanceof SimulatedDestination)
        destination.intercept = async (_action, _resource, effect) => effect();
    rig.skip(minutes(5));
    expect(outcomeOf(await rig.runFor("ci-bot"))).toBe("rotate");
  });

  it("keeps it where the escrow holds its secret: the next run delivers it", async () => {
    const rig = new Rig(presets.safe, { useEscrow: true });
    refusing(rig, { readable: false });
    await rig.run();
    expect(rig.account.keys("ci-bot")).toHaveLength(2);
  });

  it("keeps it where another destination serves it already", async () => {
    const rig = new Rig();
    refusing(rig, { readable: false });
    const readable = new SimulatedDestination("memory:served", rig.clock);
    rig.destinations.set("ci-bot", [...(rig.destinations.get("ci-bot") ?? []), readable]);
    await rig.run();
    expect(rig.account.keys("ci-bot").map((key) => key.accessKeyId)).toContain(readable.current?.accessKeyId);
  });

  it("keeps it where a first of two write-only destinations took it", async () => {
    const rig = new Rig();
    refusing(rig, { readable: false });
    const first = new SimulatedDestination("memory:first", rig.clock, { readable: false });
    rig.destinations.set("ci-bot", [first, ...(rig.destinations.get("ci-bot") ?? [])]);
    await rig.run();
    expect(rig.account.keys("ci-bot").map((key) => key.accessKeyId)).toContain(first.current?.accessKeyId);
  });
});

describe("what a person does in between", () => {
  it("an older value written back is left, and said aloud", async () => {
    const rig = new Rig();
    const old = rig.account;
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    const before = destination.current;
    await rig.run();
    if (before !== null) destination.put(before);
    rig.skip(minutes(5));
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "blocked", code: "rolled-back" });
    await rig.pass(days(20));
    expect(old.keys("ci-bot").every((key) => key.status === "Active")).toBe(true);
  });

  it("an old key made Active again starts the waiting anew", async () => {
    const rig = new Rig({ ...presets.safe, deactivate: { when: "after", after: days(2) } } satisfies Policy);
    const [old] = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true }).ids;
    await rig.run();
    await rig.pass(days(3));
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
    rig.account.setStatus(old as never, "Active");
    expect(outcomeOf(await rig.runFor("ci-bot"))).toBe("mark-delivered");
    await rig.pass(days(1));
    expect(rig.statuses("ci-bot")).toBe("Active Active");
    await rig.pass(days(2));
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
  });

  it("a stripped record is rebuilt from what the destination served before", async () => {
    const rig = new Rig({ ...presets.safe, deactivate: { when: "after", after: days(2) } });
    rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    await rig.run();
    rig.account.tags("ci-bot").clear();
    rig.skip(minutes(5));
    expect(await rig.runFor("ci-bot")).toMatchObject({ code: "served-before" });
    await rig.pass(days(3));
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
  });

  it("a key made Inactive by a person is never deleted", async () => {
    const rig = new Rig();
    const { ids } = rig.user("ci-bot", [{ ageDays: 300, status: "Inactive" }, { ageDays: 10 }]);
    await rig.pass(days(200), days(1), () => void rig.account.use(ids[1] as never, "s3", "eu-west-1"));
    expect(rig.account.keys("ci-bot").map((key) => key.accessKeyId)).toEqual(ids);
    expect(await rig.runFor("ci-bot")).toMatchObject({
      outcome: "blocked",
      code: "no-free-slot",
      command: ["retire", "ci-bot", ids[0]],
    });
  });

  it("the key that signs the run is never rotated by it", async () => {
    const rig = new Rig();
    const [id] = rig.user("rotator", [{ ageDays: 400 }]).ids;
    if (id === undefined) throw new Error("no key");
    const caller = {
      account: rig.account.accountId,
      arn: rig.account.user("rotator").arn,
      partition: "aws",
      userName: "rotator",
      accessKeyId: id,
    };
    const [result] = await run({ ...rig.world, caller }, rig.subjects(), freely);
    expect(result).toMatchObject({ outcome: "blocked", code: "own-key" });
    expect(rig.account.keys("rotator")).toHaveLength(1);
  });
});

describe("a last use that is not told", () => {
  it("is not taken for no use: the old key stays, whatever else would let it go", async () => {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    await rig.run();
    rig.account.intercept = async (action, resource, effect) => {
      if (action === "iam:GetAccessKeyLastUsed" && resource === ids[0]) throw unknown(action);
      return effect();
    };
    await rig.pass(days(20), days(1), () => {
      if (destination.current !== null) rig.account.use(destination.current.accessKeyId, "s3", "eu-west-1");
    });
    expect(rig.statuses("ci-bot")).toBe("Active Active");
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "failed", code: "read-failed" });
  });
});

describe("a run whose intent another run overwrote after the key was made", () => {
  it("takes its own key back before anybody gets it", async () => {
    const rig = new Rig(presets.safe, { useEscrow: true });
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], { stages: true }, { served: true });
    const others = `v1 creating at=2026-01-05T08:00:10Z n=s1_1 known=${ids[0] ?? ""}`;
    rig.account.intercept = async (action, _resource, effect) => {
      if (action === "sts:GetCallerIdentity") rig.account.tags("ci-bot").set("keyturn:rotation", others);
      return effect();
    };
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "waiting" });
    expect(rig.account.keys("ci-bot").map((key) => key.accessKeyId)).toEqual(ids);
    expect(destination.current?.accessKeyId).toBe(ids[0]);
    expect(await destination.readPast?.()).toMatchObject({ pending: null });
    expect(await rig.escrow.list()).toEqual([]);
    expect(rig.record("ci-bot")).toBe(others);
  });
});

describe("a destination that takes a key and goes on serving the old one", () => {
  it("has not been delivered to", async () => {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    destination.intercept = async (action, _resource, effect) =>
      action === "deliver" ? (undefined as never) : effect();
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "failed" });
    expect(rig.record("ci-bot")).toContain("v1 creating");
    expect(destination.current?.accessKeyId).toBe(ids[0]);
  });
});

describe("a creation without an answer", () => {
  it("is never sent again in the same run", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    let sent = 0;
    rig.account.intercept = async (action, _resource, effect) => {
      if (action !== "iam:CreateAccessKey") return effect();
      sent += 1;
      throw unknown(action);
    };
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "failed" });
    expect(sent).toBe(1);
  });
});

describe("what somebody does while a retirement is being written down", () => {
  it.each(["writes the old value back", "makes the new key Inactive", "makes the old key Inactive"])(
    "ends it: a person %s",
    async (deed) => {
      const rig = new Rig(presets.threshold);
      const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
      const [old] = ids;
      const before = destination.current;
      if (old === undefined || before === null) throw new Error("no key");
      const updates: string[] = [];
      rig.account.intercept = async (action, resource, effect) => {
        const result = effect();
        if (action === "iam:UpdateAccessKey") updates.push(resource);
        if (action !== "iam:TagUser" || rig.record("ci-bot")?.includes("v1 retiring") !== true) return result;
        const successor = rig.account.keys("ci-bot")[1]?.accessKeyId;
        if (deed === "writes the old value back") destination.put(before);
        else rig.account.setStatus(deed.includes("new") && successor !== undefined ? successor : old, "Inactive");
        return result;
      };
      await rig.run();
      expect(rig.record("ci-bot")).toContain("v1 retiring");
      expect(updates).toEqual([]);
    },
  );
});

describe("time that runs away", () => {
  it("between reading and declaring makes nothing and overwrites nothing", async () => {
    const rig = new Rig();
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    let checks = 0;
    destination.intercept = async (action, _resource, effect) => {
      if (action === "check" && (checks += 1) === 2) await rig.clock.sleep(seconds(20));
      return effect();
    };
    const result = await rig.runFor("ci-bot");
    expect(result).toMatchObject({ outcome: "waiting", sentence: "reading took longer than 15s; nothing was changed" });
    expect(rig.record("ci-bot")).toBeNull();
  });

  it("between reading and resuming does not overwrite what another run wrote meanwhile", async () => {
    const rig = new Rig(presets.threshold, { useEscrow: true });
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    const counter = new CallCounter(rig);
    destination.intercept = async (action, _resource, effect) => {
      if (action === "deliver") throw unknown(action);
      return effect();
    };
    await rig.run();
    rig.skip(minutes(5));
    let beside = null as Promise<unknown> | null; // a callback sets it, which the compiler does not follow
    let checks = 0;
    destination.intercept = async (action, _resource, effect) => {
      if (action === "check" && (checks += 1) === 2) {
        beside = run(rig.worldOf(new SimulatedLiveness("s")), rig.subjects(), freely);
        await beside;
      }
      return effect();
    };
    const slow = await rig.runFor("ci-bot");
    expect(slow).toMatchObject({ outcome: "waiting", sentence: "reading took longer than 15s; nothing was changed" });
    expect(rig.record("ci-bot")).toContain("v1 retiring");
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
    expect(counter.created).toBe(1);
  });

  it("between declaring and creating makes nothing", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    let reads = 0;
    rig.account.intercept = async (action, _resource, effect) => {
      if (action === "iam:ListUserTags" && (reads += 1) === 3) await rig.clock.sleep(seconds(50));
      return effect();
    };
    const result = await rig.runFor("ci-bot");
    expect(result.sentence).toContain("too much time went by");
    expect(rig.account.keys("ci-bot")).toHaveLength(1);
  });

  it("beyond the turn ends it, whatever it holds, and the next run goes on", async () => {
    const rig = new Rig();
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], { stages: true }, { served: true });
    destination.intercept = async (action, _resource, effect) => {
      if (action === "stage") await rig.clock.sleep(minutes(3));
      return effect();
    };
    expect(await rig.runFor("ci-bot")).toMatchObject({ outcome: "failed" });
    const made = rig.account.keys("ci-bot")[1]?.accessKeyId;
    destination.intercept = async (_action, _resource, effect) => effect();
    rig.skip(minutes(5));
    await rig.run();
    expect(destination.current?.accessKeyId).toBe(made);
  });
});

describe("the last line of defence", () => {
  it("stops the run before the only Active key or a served key goes, whatever was decided", async () => {
    const rig = new Rig();
    const { ids } = rig.user("ci-bot", [{ ageDays: 120 }, { ageDays: 100 }], {}, { served: true });
    const { seen } = (await rig
      .run({
        limits: { ...freely.limits, onlyLook: true },
        approve: async (findings) => Promise.reject(new Carrier(findings[0]?.seen)),
      })
      .catch((error: unknown) => error)) as Carrier;
    if (seen === undefined) throw new Error("nothing seen");
    expect(() => mayGo(seen, ids[0] as never)).toThrow(BrokenInvariant);
    const alone = {
      ...seen,
      keys: { kind: "known" as const, value: seen.keys.kind === "known" ? seen.keys.value.slice(1) : [] },
    };
    expect(() => mayGo(alone, ids[1] as never)).toThrow("the only Active key");
    const blind = {
      ...seen,
      destinations: seen.destinations.map((each) => ({ ...each, served: { kind: "unread" as const } })),
    };
    expect(() => mayGo(blind, ids[1] as never)).toThrow("nobody read");
  });
});

class Carrier extends Error {
  readonly seen: Parameters<typeof mayGo>[0] | undefined;

  constructor(seen: Parameters<typeof mayGo>[0] | undefined) {
    super("seen");
    this.seen = seen;
  }
}

describe("calls", () => {
  const kinds = { readable: {}, staged: { stages: true } };

  it.each(Object.entries(kinds))("of one turn stay within the budget, with a %s destination", async (_, abilities) => {
    const rig = new Rig();
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], abilities, { served: true });
    const aws = (calls: readonly string[]) => calls.filter((call) => /^(iam|sts):/.test(call)).length;
    const inventory = async () => {
      const counter = new CallCounter(rig);
      await rig.run({ limits: { ...freely.limits, onlyLook: true } });
      return aws(counter.calls);
    };
    const turn = async () => {
      const looked = await inventory();
      const counter = new CallCounter(rig);
      await rig.run();
      return aws(counter.calls) - looked;
    };
    expect(await turn()).toBeLessThanOrEqual(12);
    await rig.pass(
      days(7),
      hours(6),
      () => void rig.account.use(destination.current?.accessKeyId as never, "s3", "eu-west-1"),
    );
    rig.skip(hours(6));
    expect(rig.statuses("ci-bot")).toBe("Active Active");
    expect(await turn()).toBeLessThanOrEqual(8);
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
    rig.skip(days(31));
    expect(await turn()).toBeLessThanOrEqual(4);
    expect(rig.statuses("ci-bot")).toBe("Active");
  });
});

describe("what a decision rested on", () => {
  it("is read again: with other tags than the rules were chosen by, nothing is done in this run", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }]);
    const subjects = () => rig.subjects().map((subject) => ({ ...subject, tags: new Map(rig.account.tags("ci-bot")) }));
    const tagged = run(rig.world, subjects(), {
      ...freely,
      approve: async () => void rig.account.tags("ci-bot").set("keep-out", "yes"),
    });
    expect((await tagged).map(outcomeOf)).toEqual(["stopped"]);
    expect(rig.account.keys("ci-bot")).toHaveLength(1);
    // The record is a tag, too: its own changes are no reason to stop.
    expect((await run(rig.world, subjects(), freely)).map(outcomeOf)).toEqual(["rotate"]);
  });

  it("is too old after a slow read: a hold that was set meanwhile is not overwritten", async () => {
    const rig = new Rig(presets.threshold);
    const { destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    await rig.run();
    rig.account.tags("ci-bot").set("keyturn:rotation", "");
    const [old] = rig.account.keys("ci-bot");
    if (old !== undefined) rig.account.setStatus(old.accessKeyId, "Active");
    rig.skip(minutes(10));
    destination.intercept = async (action, _label, effect) => {
      if (action === "readPast") rig.skip(seconds(20));
      return effect();
    };
    expect((await rig.runFor("ci-bot")).steps.map(({ result }) => result)).toEqual(["stopped"]);
    expect(rig.record("ci-bot")).toBe("");
  });
});

describe("a policy that retires the old key at once", () => {
  it("keeps it, and ends the turn only, where a person takes the successor away in that very moment", async () => {
    const rig = new Rig(presets.threshold);
    const { ids } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    rig.account.intercept = async (action, _, effect) => {
      const [, successor] = rig.account.keys("ci-bot");
      const isDelivered = rig.record("ci-bot")?.startsWith("v1 delivered") === true;
      if (action === "iam:ListAccessKeys" && isDelivered && successor !== undefined)
        rig.account.setStatus(successor.accessKeyId, "Inactive");
      return effect();
    };
    expect((await rig.runFor("ci-bot")).sentence).toContain("is not among the Active keys yet; the old key stays");
    expect(rig.account.keys("ci-bot").find((key) => key.accessKeyId === ids[0])?.status).toBe("Active");
  });
});

describe("a retirement", () => {
  it("waits where somebody has served the old key for a moment, between one look and the next", async () => {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    const before = destination.current;
    await rig.run();
    const after = destination.current;
    if (before === null || after === null) throw new Error("nothing rotated");
    let isUndone = false;
    rig.account.intercept = async (action, _, effect) => {
      const answer = effect();
      if (action !== "iam:TagUser" || isUndone || rig.record("ci-bot")?.startsWith("v1 retiring") !== true)
        return answer;
      isUndone = true;
      destination.put(before);
      rig.skip(seconds(1));
      destination.put(after);
      return answer;
    };
    for (let visits = 0; visits < 40; visits += 1) {
      if (isUndone) break;
      rig.skip(hours(6));
      rig.account.use(after.accessKeyId, "s3", "eu-west-1");
      await rig.run();
    }
    expect(rig.account.keys("ci-bot").find((key) => key.accessKeyId === ids[0])?.status).toBe("Active");
    expect(isUndone).toBe(true);
  });
});
