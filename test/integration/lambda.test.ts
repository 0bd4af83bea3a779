import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import {
  type AttributeValue,
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
  UpdateTimeToLiveCommand,
} from "@aws-sdk/client-dynamodb";
import { GetParametersByPathCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import type { Context, DynamoDBStreamEvent, EventBridgeEvent } from "aws-lambda";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { checkSettings } from "../../src/compose.ts";
import { readConfig } from "../../src/config/load.ts";
import { policyDocument } from "../../src/core/permissions.ts";
import type { CreatorResult } from "../../src/lambda/creator.ts";
import type { BatchResponse } from "../../src/lambda/destructor.ts";
import { verifyAudit } from "../../src/engine/audit.ts";
import { readEnvironment, settingsFrom } from "../../src/lambda/environment.ts";
import { type FunctionName, functionPermissions } from "../../src/lambda/permissions.ts";
import { temporaryFolder } from "../support/cli.ts";
import { type Call, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { ACCOUNT, judge, REGION, resourceOf } from "../support/iam-judge.ts";
import { callerEnvironment } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";
import { streamEvent, streamRecord } from "../support/stream-records.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const DAY = 86_400;

/** Of one account; planner and worker are packed where they are run. */
const PACKED = ["creator", "destructor", "rotate-secret", "cleanup-secrets", "tester"];

const pack = async (folder: string): Promise<string> =>
  (await promisify(execFile)(process.execPath, [join(ROOT, "scripts/package.mjs"), folder, ...PACKED])).stdout;

const hashesIn = (folder: string) =>
  ["creator.zip", "destructor.zip"].map((name) =>
    createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex"),
  );

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html */
const scheduled: EventBridgeEvent<"Scheduled Event", object> = {
  version: "0",
  id: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
  "detail-type": "Scheduled Event",
  source: "aws.events",
  account: ACCOUNT,
  time: "2026-10-08T16:53:06Z",
  region: "eu-west-1",
  resources: [`arn:aws:events:eu-west-1:${ACCOUNT}:rule/IAMAccessKeyCreator`],
  detail: {},
};

const context = (remaining = 600_000) =>
  ({ awsRequestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", getRemainingTimeInMillis: () => remaining }) as Context; // what is used of it

describe.skipIf(motoMissing !== null)(`the packages of the functions ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  let proxy: FaultProxy;
  let creator: (event: unknown, context: Context) => Promise<CreatorResult>;
  let destructor: (event: DynamoDBStreamEvent, context: Context) => Promise<BatchResponse>;
  const [folder, again] = [temporaryFolder(), temporaryFolder()];
  const written: string[] = [];
  const sent: Record<FunctionName, Call[]> = { creator: [], destructor: [] };
  let report: string;

  async function overheard<T>(name: FunctionName, work: () => Promise<T>): Promise<T> {
    const before = proxy.calls.length;
    try {
      return await work();
    } finally {
      sent[name].push(...proxy.calls.slice(before).filter(({ signer }) => signer.startsWith("ASIA")));
    }
  }

  beforeAll(async () => {
    [report, , moto] = await Promise.all([pack(folder), pack(again), startMoto()]);
    proxy = await startFaultProxy(moto.url);
    for (const [name, value] of Object.entries(callerEnvironment(proxy.url))) vi.stubEnv(name, value);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "canary-of-the-role-itself");
    vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
    const load = async (name: string): Promise<unknown> => {
      const place = join(folder, name);
      // Another program than ours unpacks what ours has packed.
      execFileSync("python3", ["-m", "zipfile", "-e", join(folder, `${name}.zip`), place]);
      const loaded = (await import(pathToFileURL(join(place, "index.mjs")).href)) as { handler: unknown };
      return loaded.handler;
    };
    const bundled = {
      creator: (await load("creator")) as typeof creator,
      destructor: (await load("destructor")) as typeof destructor,
    };
    creator = (...words) => overheard("creator", () => bundled.creator(...words));
    destructor = (...words) => overheard("destructor", () => bundled.destructor(...words));
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    await proxy.stop();
    await moto.stop();
  });

  const access = () => ({
    endpoint: moto.url,
    region: "eu-west-1",
    credentials: { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" },
  });

  it("are the same bytes twice, small at a cold start, and name whose code is in them", () => {
    expect(hashesIn(again)).toEqual(hashesIn(folder));
    const sizes = [...report.matchAll(/of which (\d+) kB/g)].map(([, size]) => Number(size));
    expect(sizes).toHaveLength(report.trim().split("\n").length);
    expect(Math.max(...sizes)).toBeLessThan(450);
    const licences = readFileSync(join(folder, "creator", "THIRD-PARTY.txt"), "utf8");
    for (const name of ["@aws-sdk/client-iam", "@smithy/core", "@aws-lambda-powertools/logger", "yaml", "zod"])
      expect(licences).toMatch(new RegExp(`^${name} \\d`, "m"));
    expect(licences).toContain("Apache License");
  });

  it("rotate, wait, retire and sweep, warm, by configurations from three places", async () => {
    const ssm = new SSMClient(access());
    const dynamodb = new DynamoDBClient(access());
    const keys = await moto.seed([
      { name: "ci-bot", tags: { "IKR:Email": "ci@example.com" }, keys: [{ ageDays: 90, usedDaysAgo: 2 }] },
      { name: "young", tags: { "IKR:EMAIL": "young@example.com" }, keys: [{ ageDays: 85 }] },
      { name: "unmarked", keys: [{ ageDays: 400 }] },
      { name: "broken", tags: { "IKR:EMAIL": "b@example.com" }, keys: [{ ageDays: 90, usedDaysAgo: 2 }] },
    ]);
    const old = keys[0]?.accessKeyId ?? "";
    await dynamodb.send(
      new CreateTableCommand({
        TableName: "iam-key-rotator",
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: ["user", "ak"].map((AttributeName) => ({ AttributeName, AttributeType: "S" as const })),
        KeySchema: [
          { AttributeName: "user", KeyType: "HASH" },
          { AttributeName: "ak", KeyType: "RANGE" },
        ],
        StreamSpecification: { StreamEnabled: true, StreamViewType: "OLD_IMAGE" },
      }),
    );
    await dynamodb.send(
      new UpdateTimeToLiveCommand({
        TableName: "iam-key-rotator",
        TimeToLiveSpecification: { AttributeName: "delete_on", Enabled: true },
      }),
    );
    const yaml =
      "settle: 0s\ndefaults:\n  policy: { preset: expiring, rotateAfter: 86d }\n  deliver: ssm:/keys/{user}\n";
    const itemsIn = async () => (await dynamodb.send(new ScanCommand({ TableName: "iam-key-rotator" }))).Items ?? [];
    const invoked = async () => {
      await moto.shift(day * DAY);
      return creator(scheduled, context());
    };
    let day = 0;

    // Inline. One user's CreateAccessKey is refused; everybody else is done, and then it is said who failed.
    vi.stubEnv("KEYTURN_CONFIG", yaml);
    proxy.before = ({ action, body }) =>
      action === "iam:CreateAccessKey" && body.includes("UserName=broken")
        ? { kind: "error", status: 403, code: "AccessDenied" }
        : { kind: "pass" };
    await expect(invoked()).rejects.toThrow("failed: broken; everything else is done, for 3 users in all");
    expect((await moto.keys()).map(({ userName }) => userName).toSorted()).toEqual([
      "broken",
      "ci-bot",
      "ci-bot",
      "unmarked",
      "young",
    ]);
    const [item] = await itemsIn();
    expect(item).toMatchObject({ user: { S: "ci-bot" }, ak: { S: old }, email: { S: "ci@example.com" } });
    expect(item?.["delete_enc_key"]).toEqual({ S: "N" });
    const promised = Number(item?.["delete_on"]?.N);
    expect(promised).toBeGreaterThan(Date.now() / 1000 + 5 * DAY - 120);

    // From Parameter Store, by version; warm, and another environment than before.
    await ssm.send(new PutParameterCommand({ Name: "/keyturn/config", Type: "String", Value: yaml }));
    vi.stubEnv("KEYTURN_CONFIG", "ssm:/keyturn/config:1");
    proxy.before = () => ({ kind: "pass" });
    day = 1;
    expect((await invoked()).changed).toEqual(["broken", "young"]);
    expect(await itemsIn()).toHaveLength(3);

    // From S3, by hash. The key is in use: it stays, and the timer is set anew.
    const hash = createHash("sha256").update(yaml).digest("hex");
    vi.stubEnv("KEYTURN_CONFIG", `s3://settings/keyturn.yaml#sha256=${hash}`);
    proxy.before = ({ action }) =>
      action.startsWith("s3:") ? { kind: "reply", status: 200, body: yaml } : { kind: "pass" };
    day = 5.5;
    await moto.shift(day * DAY);
    await moto.use(old);
    const expired = (image: Record<string, AttributeValue>) => destructor(streamEvent(streamRecord(image)), context());
    if (item === undefined) throw new Error("no item");
    expect(await expired(item)).toEqual({ batchItemFailures: [] });
    expect((await moto.keys()).map(({ accessKeyId }) => accessKeyId)).toContain(old);
    const [later] = (await itemsIn()).filter((each) => each["ak"]?.S === old);
    expect(Number(later?.["delete_on"]?.N)).toBeGreaterThan(Date.now() / 1000 + (day + 1) * DAY);

    // Events that are no alarm; then the alarm.
    vi.stubEnv("KEYTURN_CONFIG", yaml);
    day = 8;
    await moto.shift(day * DAY);
    proxy.reset();
    const harmless = streamEvent(
      streamRecord(item, "INSERT"),
      streamRecord(item, "MODIFY"),
      streamRecord(item, "REMOVE", "a user"),
    );
    expect(await destructor(harmless, context())).toEqual({ batchItemFailures: [] });
    expect(proxy.calls.map(({ action }) => action)).toEqual(["sts:GetCallerIdentity"]);
    expect(await expired(item)).toEqual({ batchItemFailures: [] });
    expect((await moto.keys()).map(({ accessKeyId }) => accessKeyId)).not.toContain(old);
    // A lost reply of DynamoDB, or a second delivery of the same record: done is done.
    expect(await expired(item)).toEqual({ batchItemFailures: [] });
    expect((await moto.keys()).filter(({ userName }) => userName === "ci-bot")).toHaveLength(1);

    // The sweep retires what no alarm came for, and tidies the table.
    await dynamodb.send(
      new PutItemCommand({ TableName: "iam-key-rotator", Item: { user: { S: ".." }, ak: { S: "x" } } }),
    );
    expect((await invoked()).changed).toEqual(["broken", "young"]);
    expect((await moto.keys()).map(({ userName }) => userName).toSorted()).toEqual([
      "broken",
      "ci-bot",
      "unmarked",
      "young",
    ]);
    expect((await itemsIn()).map((each) => each["user"]?.S)).toEqual([".."]);

    // Too little time: nobody is begun.
    await expect(creator(scheduled, context(10_000))).rejects.toThrow("raise the timeout of this function");

    // All that the packages have asked is allowed by the policies that come from the same source as the Terraform module's.
    const config = readConfig(yaml, "KEYTURN_CONFIG");
    const settings = await checkSettings(settingsFrom(readEnvironment({ KEYTURN_CONFIG: yaml }), config).settings);
    const tableArn = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/iam-key-rotator`;
    for (const name of ["creator", "destructor"] as const) {
      const place = { partition: "aws", account: ACCOUNT, region: REGION, tableArn, paths: ["/"] };
      const policy = policyDocument(functionPermissions(name, place, settings));
      const calls = sent[name].filter(
        // The configuration is fetched by a statement that knows where it is.
        ({ action, body }) => !/^(sts|s3):/.test(action) && !body.includes("/keyturn/config"),
      );
      expect(calls.length).toBeGreaterThan(10);
      const distinct = new Map(calls.map((call) => [`${name} ${call.action} ${resourceOf(call, "/")}`, call]));
      for (const [what, call] of distinct) expect([what, await judge(policy, call, "/")]).toEqual([what, "Allowed"]);
    }

    const page = await ssm.send(
      new GetParametersByPathCommand({ Path: "/keys", Recursive: true, WithDecryption: true }),
    );
    const secrets = (page.Parameters ?? []).map(
      ({ Value = "{}" }) => (JSON.parse(Value) as { SecretAccessKey?: string }).SecretAccessKey ?? Value,
    );
    expect(secrets.length).toBe(3);
    const log = written.join("");
    for (const secret of [...secrets, "canary-of-the-role-itself"]) expect(log).not.toContain(secret);
    const audit = log.split("\n").flatMap((line) => {
      const { audit: own } = (line.startsWith("{") ? JSON.parse(line) : {}) as { audit?: string };
      return own === undefined ? [] : [own];
    });
    expect(verifyAudit(audit.join("\n")).broken).toBeNull();
    expect(verifyAudit(audit.join("\n")).runs.length).toBeGreaterThan(3);
  });
});
