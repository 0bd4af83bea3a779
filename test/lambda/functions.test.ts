import { describe, expect, it } from "vitest";
import { days, hours, instant, minutes, seconds } from "../../src/core/time.ts";
import type { KeyPair } from "../../src/core/access-key.ts";
import { verifyAudit } from "../../src/engine/audit.ts";
import { CallError } from "../../src/ports.ts";
import type { Interceptor } from "../../src/simulation/account.ts";
import { LambdaRig } from "../support/lambda-rig.ts";
import { streamEvent, streamRecord } from "../support/stream-records.ts";

const SECRET = /[A-Z2-7]{40}/;

/** Every secret that the account has handed out ends up at a destination: none of them may be in what was written. */
const canariesOf = (rig: LambdaRig) =>
  [...rig.destinations.values()].flatMap(({ current }) => (current === null ? [] : [current.secretAccessKey.reveal()]));

const refuse =
  (wanted: (action: string, resource: string) => boolean, kind: CallError["kind"] = "unknown"): Interceptor =>
  async (action, resource, effect) => {
    if (wanted(action, resource)) throw new CallError(kind, action, resource, "Throttling", "Rate exceeded");
    return effect();
  };

describe("the scheduled function and the one behind the timer", () => {
  it("live through the life of one user over weeks: never a second early, late by one sweep at most", async () => {
    const rig = new LambdaRig();
    const old = rig.user("ci-bot", 100, { "IKR:EMAIL": "ci@example.com" });
    const born = await rig.create();
    expect(born).toMatchObject({ users: 1, changed: ["ci-bot"], blocked: [], deferred: [] });
    const delivered = rig.clock.now();
    const successor = rig.destination("ci-bot").current?.accessKeyId;
    expect(rig.ids("ci-bot")).toEqual([old, successor]);
    const [entry] = (await rig.timer.list()).entries;
    expect(entry).toMatchObject({ userName: "ci-bot", accessKeyId: old, email: "ci@example.com" });
    expect(entry?.at).toBeGreaterThanOrEqual(delivered - seconds(30) + days(5));
    expect(entry?.at).toBeLessThanOrEqual(delivered + days(5) + seconds(1));

    // The consumer takes the new key after a day; the old one must be quiet for a day and IAM's lag.
    let gone: number | null = null;
    for (let hour = 0; hour < 24 * 20 && gone === null; hour += 1) {
      rig.pass(hours(1));
      const key = rig.clock.now() < delivered + days(1) ? old : (successor ?? "");
      expect(rig.account.use(key as never, "s3", "eu-west-1")).toBe(true);
      const records = rig.timer.expire(rig.clock.now());
      if (records.length > 0) expect(await rig.destroy(streamEvent(...records))).toEqual({ batchItemFailures: [] });
      if (hour % 24 === 23) await rig.create();
      if (!rig.ids("ci-bot").includes(old)) gone = rig.clock.now();
    }
    expect(gone).not.toBeNull();
    expect(gone ?? 0).toBeGreaterThanOrEqual(entry?.at ?? 0);
    expect(gone ?? Infinity).toBeLessThanOrEqual((entry?.at ?? 0) + hours(2));
    expect(rig.ids("ci-bot")).toEqual([successor]);
    await rig.create();
    expect(rig.timer.items.size).toBe(0);

    // 85 days later it begins anew, and everything that was done is in audits that hold.
    rig.pass(days(86));
    expect((await rig.create()).changed).toEqual(["ci-bot"]);
    const audit = rig.log.flatMap(({ audit: line }) => (typeof line === "string" ? [line] : []));
    expect(verifyAudit(audit.join("\n"))).toMatchObject({ broken: null });
    expect(verifyAudit(audit.join("\n")).runs.every(({ complete }) => complete)).toBe(true);
    expect(audit.every((line) => /"config":"sha256:[0-9a-f]{64}"/.test(line))).toBe(true);
    const everything = rig.lines.join("\n");
    expect(canariesOf(rig).length).toBeGreaterThan(0);
    for (const secret of canariesOf(rig)) expect(everything).not.toContain(secret);
    expect(everything).not.toMatch(SECRET);
  });

  it("do without the stream: a sweep retires what the timer lost, and sets lost entries again", async () => {
    const rig = new LambdaRig();
    const old = rig.user("ci-bot", 100);
    await rig.create();
    rig.timer.items.clear();
    rig.pass(days(1));
    await rig.create();
    expect((await rig.timer.list()).entries.map(({ accessKeyId }) => accessKeyId)).toEqual([old]);
    // No alarm ever comes: DynamoDB may take two days, the stream may be off, the entry may be lost.
    rig.pass(days(6));
    rig.timer.items.clear();
    await rig.create();
    expect(rig.ids("ci-bot")).not.toContain(old);
    expect(rig.timer.items.size).toBe(0);
    expect(rig.metrics).toMatchObject({ Retirements: 1, Failures: 0 });
  });

  it("keep what is in use, or was never delivered, and come again", async () => {
    const rig = new LambdaRig();
    const old = rig.user("ci-bot", 100);
    await rig.create();
    rig.pass((days(5) + hours(1)) as never);
    rig.account.use(old as never, "s3", "eu-west-1");
    const inUse = rig.timer.expire(rig.clock.now());
    expect(inUse).toHaveLength(1);
    await rig.destroy(streamEvent(...inUse));
    expect(rig.ids("ci-bot")).toContain(old);
    const [entry] = (await rig.timer.list()).entries;
    expect(entry?.at).toBeGreaterThanOrEqual(rig.clock.now() + days(1));

    // Somebody writes the old key back into the place that it is served from.
    rig.pass(days(3));
    const back = rig.account.keys("ci-bot").find(({ accessKeyId }) => accessKeyId === old);
    rig.destination("ci-bot").put({ accessKeyId: back?.accessKeyId as never, secretAccessKey: "never" as never });
    await rig.destroy(streamEvent(...rig.timer.expire(rig.clock.now())));
    expect(rig.ids("ci-bot")).toContain(old);
    expect((await rig.timer.list()).entries[0]?.at).toBe(rig.clock.now() + days(1));
    expect(rig.log.at(-2)).toMatchObject({ level: "WARN", code: "rolled-back" });
    expect(rig.metrics).toMatchObject({ Blocked: 1, Retirements: 0, Failures: 0 });
  });

  it("act on removals by time to live alone, and believe nothing that an entry says", async () => {
    const rig = new LambdaRig();
    const old = rig.user("ci-bot", 100);
    const other = rig.user("other", 10);
    await rig.create();
    rig.pass(days(8));
    const [item] = [...rig.timer.items.values()];
    if (item === undefined) throw new Error("no item");
    const harmless = streamEvent(
      streamRecord(item, "INSERT"),
      streamRecord(item, "MODIFY"),
      streamRecord(item, "REMOVE", "a user"),
      { ...streamRecord(item), eventSource: "aws:kinesis" },
      { ...streamRecord(item), userIdentity: { type: "Service", principalId: "replication.dynamodb.amazonaws.com" } },
    );
    expect(await rig.destroy(harmless)).toEqual({ batchItemFailures: [] });
    expect(rig.metrics).toMatchObject({ Failures: 0 });
    expect(rig.ids("ci-bot")).toContain(old);
    const forged = (user: string, ak: string) => ({ ...item, user: { S: user }, ak: { S: ak } });
    const items = [
      forged("ci-bot", rig.ids("ci-bot")[1] ?? ""),
      forged("other", other),
      forged("other", old),
      forged("..", old),
      forged("../../x", old),
      forged("ci-bot", "AKIA/../x"),
      forged("nobody", other),
      { user: { S: "other" } },
      {},
    ];
    const before = JSON.stringify([rig.account.keys("ci-bot"), rig.account.keys("other")]);
    const answer = await rig.destroy(streamEvent(...items.map((each) => streamRecord(each))));
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(JSON.stringify([rig.account.keys("ci-bot"), rig.account.keys("other")])).toBe(before);
    // Items that nobody could have set are told of, and none of the forged ones is set again.
    expect(rig.metrics).toMatchObject({ Failures: 1 });
    expect(rig.timer.items.size).toBe(1);
    await rig.destroy(streamEvent(streamRecord(item)));
    expect(rig.ids("ci-bot")).not.toContain(old);
  });

  it("treat a key or a user that is gone as done, and never loop on it", async () => {
    const rig = new LambdaRig();
    const old = rig.user("ci-bot", 100);
    await rig.create();
    rig.pass(days(8));
    rig.account.removeKey(old as never);
    await rig.destroy(streamEvent(...rig.timer.expire(rig.clock.now())));
    expect(rig.timer.items.size).toBe(0);
    expect(rig.metrics).toMatchObject({ Failures: 0 });
    expect(rig.log.map(({ message }) => message)).toContain("a key is gone already");
  });

  it("make no key when the timer goes off, though one is due", async () => {
    const rig = new LambdaRig();
    rig.variables["KEYTURN_CONFIG"] =
      "select: { path: / }\ndefaults:\n  policy: { preset: expiring, rotateAfter: 0s }\n  deliver: ssm:/keys/{user}\n";
    const old = rig.user("ci-bot", 100);
    await rig.create();
    const successor = rig.destination("ci-bot").current?.accessKeyId;
    rig.pass(days(8));
    await rig.destroy(streamEvent(...rig.timer.expire(rig.clock.now())));
    expect(rig.ids("ci-bot")).toEqual([successor]);
    expect(rig.ids("ci-bot")).not.toContain(old);
    expect(rig.timer.items.size).toBe(0);
  });

  it("set an alarm that goes off too early for the moment that was promised", async () => {
    const rig = new LambdaRig();
    const old = rig.user("ci-bot", 100);
    await rig.create();
    const [entry] = (await rig.timer.list()).entries;
    const [item] = [...rig.timer.items.values()];
    rig.timer.items.clear();
    // As the older tool rounds it: half a day early.
    rig.pass(days(4.5));
    await rig.destroy(streamEvent(streamRecord(item ?? {})));
    expect(rig.ids("ci-bot")).toContain(old);
    expect((await rig.timer.list()).entries).toEqual([entry]);
  });

  it("forget no entry of a user whose keys could not be read", async () => {
    const rig = new LambdaRig();
    rig.user("ci-bot", 100);
    await rig.create();
    rig.pass(days(1));
    rig.account.intercept = refuse((action) => action === "iam:ListAccessKeys");
    await expect(rig.create()).rejects.toThrow("failed: ci-bot; everything else is done, for 1 users in all");
    expect(rig.timer.items.size).toBe(1);
  });

  it("leave alone whom the function is not about any more", async () => {
    const rig = new LambdaRig();
    const old = rig.user("ci-bot", 100);
    await rig.create();
    rig.pass(days(8));
    rig.variables["KEYTURN_CONFIG"] = `${rig.variables["KEYTURN_CONFIG"]}`.replace("path: /", "path: /ci/");
    await rig.destroy(streamEvent(...rig.timer.expire(rig.clock.now())));
    expect(rig.ids("ci-bot")).toContain(old);
  });

  it("honour an entry of the older tool, and delete nothing that nobody can prove delivered", async () => {
    const rig = new LambdaRig();
    const old = rig.user("legacy", 100);
    rig.account.addKey("legacy", { createDate: instant(rig.clock.now() - days(3)) });
    const midnight = Math.floor(rig.clock.now() / days(1)) * 86_400 + 2 * 86_400;
    const item = {
      user: { S: "legacy" },
      ak: { S: old },
      email: { S: "a@example.com" },
      delete_on: { N: String(midnight) },
      delete_enc_key: { S: "Y" },
    };
    rig.timer.items.set(`legacy ${old}`, item);
    await rig.create();
    expect(rig.timer.items.get(`legacy ${old}`)).toEqual(item);
    rig.pass(days(4));
    await rig.destroy(streamEvent(...rig.timer.expire(rig.clock.now())));
    expect(rig.ids("legacy")).toContain(old);
    expect(rig.log.some((line) => line["code"] === "unexplained")).toBe(true);
    expect(rig.timer.items.size).toBe(1);
  });

  it("rotate nobody who has no key, two that nothing explains, or a key that a person made Inactive, and say so", async () => {
    const rig = new LambdaRig();
    rig.account.addUser("none", {});
    rig.user("two", 100);
    rig.user("inactive", 100);
    rig.account.addKey("two", { createDate: instant(rig.clock.now() - days(50)) });
    const [only = ""] = rig.ids("inactive");
    await rig.account.iam.deactivate("inactive", only as never);
    const before = ["none", "two", "inactive"].map((name) => rig.ids(name));
    expect(await rig.create()).toMatchObject({ users: 3, changed: [], blocked: ["two"] });
    expect(["none", "two", "inactive"].map((name) => rig.ids(name))).toEqual(before);
    expect(rig.log.some((line) => line["level"] === "WARN" && line["user"] === "two")).toBe(true);
  });

  it("finish all others when users fail, and then say who", async () => {
    const rig = new LambdaRig();
    for (const name of ["a", "b", "c", "d"]) rig.user(name, 100);
    rig.account.intercept = refuse((action, resource) => action === "iam:CreateAccessKey" && resource === "user/b");
    await expect(rig.create()).rejects.toThrow("failed: b; everything else is done, for 4 users in all");
    expect(["a", "c", "d"].map((name) => rig.ids(name).length)).toEqual([2, 2, 2]);
    expect(rig.metrics).toMatchObject({ Rotations: 3, Failures: 1, Blocked: 0, OldestKeyAgeDays: 100 });
    expect(rig.timer.items.size).toBe(3);
    // The next run heals it: called again is safe.
    rig.account.intercept = async (_action, _resource, effect) => effect();
    rig.pass(hours(1));
    expect((await rig.create()).changed).toEqual(["b"]);
  });

  it("read on where the tags of one user cannot be read", async () => {
    const rig = new LambdaRig();
    rig.variables["KEYTURN_CONFIG"] = "defaults:\n  policy: expiring\n  deliver: ssm:/keys/{user}\n";
    for (const name of ["a", "b", "c"]) rig.user(name, 100, name === "c" ? {} : { "ikr:email": `${name}@example.com` });
    rig.account.intercept = refuse((action, resource) => action === "iam:ListUserTags" && resource === "user/a");
    await expect(rig.create()).rejects.toThrow("failed: a; everything else is done, for 2 users in all");
    expect([rig.ids("a").length, rig.ids("b").length, rig.ids("c").length]).toEqual([1, 2, 1]);
  });

  it("say so where the timer fails, after the keys are done", async () => {
    const rig = new LambdaRig();
    rig.user("a", 100);
    const denied = () => {
      throw new CallError("denied", "dynamodb:PutItem", "table/x", "AccessDeniedException", "no");
    };
    rig.timer.fault = (action) => (action === "put" ? denied() : undefined);
    await expect(rig.create()).rejects.toThrow("failed: a; everything else is done, for 1 users in all");
    expect(rig.ids("a")).toHaveLength(2);
    rig.timer.fault = denied;
    await expect(rig.create()).rejects.toThrow("failed: the timer");
    rig.timer.fault = () => undefined;
    rig.pass(hours(1));
    await rig.create();
    expect(rig.timer.items.size).toBe(1);
    // What cannot be set again comes again by itself.
    rig.pass(days(6));
    rig.account.use(rig.ids("a")[0] as never, "s3", "eu-west-1");
    const records = rig.timer.expire(rig.clock.now());
    rig.timer.fault = denied;
    expect(await rig.destroy(streamEvent(...records))).toEqual({
      batchItemFailures: [{ itemIdentifier: records[0]?.dynamodb?.SequenceNumber }],
    });
  });

  it("retry a user that could not be read after the minutes that are set", async () => {
    const rig = new LambdaRig();
    rig.user("a", 100);
    await rig.create();
    rig.pass(days(8));
    rig.variables["RETRY_AFTER_MINS"] = "7";
    rig.account.intercept = refuse((action) => action === "iam:ListAccessKeys");
    await rig.destroy(streamEvent(...rig.timer.expire(rig.clock.now())));
    expect(rig.metrics).toMatchObject({ Failures: 1 });
    expect((await rig.timer.list()).entries[0]?.at).toBe(rig.clock.now() + minutes(7));
  });

  it("begin no user that they could not finish", async () => {
    const rig = new LambdaRig();
    for (let number = 0; number < 40; number += 1) rig.user(`user-${String(number).padStart(2, "0")}`, 100);
    rig.timeout = seconds(30);
    await expect(rig.create()).rejects.toThrow(/raise the timeout of this function to 5m/);
    expect(rig.ids("user-00")).toHaveLength(1);
    // Time for some: others wait for a slot while those are worked at, and are left for the next run.
    rig.account.intercept = async (_action, _resource, effect) => {
      await rig.clock.sleep(seconds(2));
      return effect();
    };
    rig.timeout = seconds(3 * 60 + 30 + 20);
    const answer = await rig.create();
    expect(answer.changed.length).toBeGreaterThan(0);
    expect(answer.deferred.length).toBeGreaterThan(0);
    expect(answer.changed.length + answer.deferred.length).toBe(40);
    expect(rig.metrics).toMatchObject({ Deferred: answer.deferred.length, Failures: 0 });
    for (const name of answer.deferred) expect(rig.ids(name)).toHaveLength(1);
    for (const name of answer.changed) expect(rig.ids(name)).toHaveLength(2);
  });

  it("let a record come again that there was no time for", async () => {
    const rig = new LambdaRig();
    const old = rig.user("a", 100);
    await rig.create();
    rig.pass(days(8));
    const records = rig.timer.expire(rig.clock.now());
    rig.account.intercept = async (_action, _resource, effect) => {
      await rig.clock.sleep(seconds(2));
      return effect();
    };
    rig.timeout = seconds(3 * 60 + 30 + 3);
    expect(await rig.destroy(streamEvent(...records))).toEqual({ batchItemFailures: [{ itemIdentifier: "1" }] });
    expect(rig.ids("a")).toContain(old);
    rig.timeout = minutes(5);
    expect(await rig.destroy(streamEvent(...records))).toEqual({ batchItemFailures: [] });
    expect(rig.ids("a")).not.toContain(old);
  });

  it("take a secret out of what a store says about it, and out of a delivery that is finished later", async () => {
    const rig = new LambdaRig();
    rig.user("a", 100);
    const secrets: string[] = [];
    rig.account.intercept = async (action, _resource, effect) => {
      const result = effect();
      if (action === "iam:CreateAccessKey") secrets.push((result as KeyPair).secretAccessKey.reveal()); // as IAM's port has it
      return result;
    };
    rig.destination("a").intercept = async (action, resource, effect) => {
      if (action !== "deliver") return effect();
      throw new CallError("unknown", "put", resource, "ValidationException", `bad value "${secrets[0] ?? "?"}"`);
    };
    await expect(rig.create()).rejects.toThrow("failed: a");
    rig.pass(hours(1));
    await expect(rig.create()).rejects.toThrow("failed: a");
    expect(secrets).toHaveLength(1);
    const log = rig.lines.join("\n");
    expect(log.match(/bad value [^:]*\[secret\]/g)?.length).toBeGreaterThan(1);
    expect(log).not.toContain(secrets[0]);
    expect(rig.ids("a")).toHaveLength(2);
  });

  it("know nothing of the invocation before: another environment, another answer", async () => {
    const rig = new LambdaRig();
    rig.user("a", 100);
    const good = rig.variables["KEYTURN_CONFIG"];
    rig.variables = { ...rig.variables, KEYTURN_CONFIG: `${good}exempt: [{ name: "*", reason: not now }]\n` };
    expect(await rig.create()).toMatchObject({ changed: [] });
    expect(rig.metrics).toMatchObject({ Rotations: 0, Failures: 0 });
    rig.variables = { ...rig.variables, ACCOUNT_ID: "999999999999" };
    await expect(rig.create()).rejects.toThrow("this is account 111122223333, and the settings are for 999999999999");
    expect(rig.metrics).toMatchObject({ Failures: 1 });
    rig.variables = { KEYTURN_CONFIG: good ?? "" };
    expect(await rig.create()).toMatchObject({ changed: ["a"] });
    expect(rig.metrics).toMatchObject({ Rotations: 1, Failures: 0 });
  });

  it("refuse a flood before the first change, and places that a function does not have", async () => {
    const rig = new LambdaRig();
    for (const name of ["a", "b"]) rig.user(name, 100);
    const good = rig.variables["KEYTURN_CONFIG"] ?? "";
    rig.variables["KEYTURN_CONFIG"] = `${good}limits: { refuseAbove: 50% }\n`;
    await expect(rig.create()).rejects.toThrow("2 of 2 users with keys would change, more than 50%");
    expect(rig.ids("a")).toHaveLength(1);
    for (const target of ["stdout", "file:/tmp/{user}.json", "file:/mnt/../tmp/{user}.json", "aws-profile:x"]) {
      rig.variables["KEYTURN_CONFIG"] = good.replace("ssm:/keys/{user}", target);
      await expect(rig.create(), target).rejects.toThrow(/of this function/);
    }
    rig.variables["KEYTURN_CONFIG"] = good.replace("ssm:/keys/{user}", "file:/mnt/keys/{user}.json");
    expect((await rig.create()).changed).toEqual(["a", "b"]);
  });
});
