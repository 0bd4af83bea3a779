import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type AttributeValue,
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from "@aws-sdk/client-dynamodb";
import { CreateAccessKeyCommand, DeleteAccessKeyCommand, IAMClient, TagUserCommand } from "@aws-sdk/client-iam";
import { CreateEmailIdentityCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import {
  DescribeParametersCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { checkSettings } from "../../src/compose.ts";
import { openSealed } from "../../src/compose/sealing.ts";
import { policyDocument } from "../../src/core/permissions.ts";
import { Secret } from "../../src/core/secret.ts";
import { creator } from "../../src/lambda/creator.ts";
import { destructor } from "../../src/lambda/destructor.ts";
import { readEnvironment, settingsFrom } from "../../src/lambda/environment.ts";
import { aws, type LambdaWorld } from "../../src/lambda/invocation.ts";
import { type FunctionName, functionPermissions } from "../../src/lambda/permissions.ts";
import type { Clock } from "../../src/ports.ts";
import { temporaryFolder } from "../support/cli.ts";
import { emulated } from "../support/emulated.ts";
import type { Call } from "../support/fault-proxy.ts";
import { ACCOUNT, judge, REGION, resourceOf } from "../support/iam-judge.ts";
import { callerEnvironment, keyturnHere, withInput } from "../support/in-process.ts";
import { motoMissing } from "../support/moto.ts";
import { streamEvent, streamRecord } from "../support/stream-records.ts";

const DAY = 86_400;
const TABLE = "iam-key-rotator";

/** What the Terraform module sets where nobody sets anything but what it requires. */
const ENVIRONMENT = {
  IAM_KEY_ROTATOR_TABLE: TABLE,
  ACCOUNT_ID: ACCOUNT,
  ROTATE_AFTER_DAYS: "85",
  DELETE_AFTER_DAYS: "5",
  RETRY_AFTER_MINS: "5",
  ENCRYPT_KEY_PAIR: "true",
  MAIL_CLIENT: "ses",
  MAIL_FROM: "keys@example.com",
  MAIL_ALLOWED_DOMAINS: "example.com",
};

/** What a story of a few weeks does not come to, and why the functions may do it all the same. */
const NOT_IN_THE_STORY: Readonly<Record<FunctionName, readonly string[]>> = {
  // The hundredth version of a user's Fernet parameter pushes the oldest out, whose label must go first.
  creator: ["ssm:UnlabelParameterVersion"],
  // A person deletes the key that was mailed, and the last one that is left of those under the parameter goes by the timer.
  destructor: ["ssm:DeleteParameter"],
};

interface Mailed {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

describe.skipIf(motoMissing !== null)(`keys by mail, on a schedule ${motoMissing ?? ""}`, () => {
  const { moto, proxy } = emulated({ keep: true });
  const written: string[] = [];
  const sent: Record<FunctionName, Call[]> = { creator: [], destructor: [] };
  /** The mails that SES took. */
  const taken: Call[] = [];
  const refusing = new Set<string>();
  let isFinnsPutRefused = false;
  let day = 0;
  let dynamodb: DynamoDBClient;
  let ssm: SSMClient;
  let iam: IAMClient;
  beforeAll(async () => {
    for (const [name, value] of Object.entries({ ...callerEnvironment(proxy.url), ...ENVIRONMENT }))
      vi.stubEnv(name, value);
    [dynamodb, ssm, iam] = [new DynamoDBClient(direct()), new SSMClient(direct()), new IAMClient(direct())];
    await new SESv2Client(direct()).send(new CreateEmailIdentityCommand({ EmailIdentity: "keys@example.com" }));
    await dynamodb.send(
      new CreateTableCommand({
        TableName: TABLE,
        BillingMode: "PAY_PER_REQUEST",
        AttributeDefinitions: ["user", "ak"].map((AttributeName) => ({ AttributeName, AttributeType: "S" as const })),
        KeySchema: [
          { AttributeName: "user", KeyType: "HASH" },
          { AttributeName: "ak", KeyType: "RANGE" },
        ],
      }),
    );
  });
  afterAll(() => {
    for (const client of [dynamodb, ssm, iam]) client.destroy();
    vi.unstubAllEnvs();
  });

  const tags = (name: string) => ({ "ikr:Email": `${name}@example.com` });
  const direct = () => ({
    endpoint: moto.url,
    region: REGION,
    credentials: { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" },
  });

  /** The functions as they are, but that they wait for nothing: neither for IAM to settle, nor between two looks at a new key. */
  const world: LambdaWorld = {
    ...aws,
    assemble: async (settings) => {
      const parts = await aws.assemble(settings);
      const { clock } = parts;
      const hasty: Clock = {
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        sleep: () => Promise.resolve(),
      };
      return { ...parts, clock: hasty };
    },
    print: (line) => void written.push(line),
  };
  const context = { awsRequestId: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", getRemainingTimeInMillis: () => 900_000 };

  async function as<T>(name: FunctionName, work: () => Promise<T>): Promise<T> {
    proxy.reset();
    proxy.before = ({ action, body }) =>
      action.startsWith("ses:") && [...refusing].some((address) => body.includes(address))
        ? { kind: "reply", status: 400, body: JSON.stringify({ __type: "MessageRejected", message: "no" }) }
        : isFinnsPutRefused && action === "ssm:PutParameter" && body.includes("/ikr/secret/iam/finn")
          ? { kind: "error", status: 400, code: "InternalServerError" }
          : { kind: "pass" };
    proxy.after = (call) => void (call.action.startsWith("ses:") && taken.push(call));
    try {
      return await work();
    } finally {
      sent[name].push(...proxy.calls.filter(({ signer }) => signer.startsWith("ASIA")));
    }
  }

  const on = async (newDay: number): Promise<void> => {
    day = newDay;
    await moto.shift(day * DAY);
  };

  /** The scheduled run of a day; answers with whose keys it changed. */
  const create = async (newDay: number): Promise<readonly string[]> => {
    await on(newDay);
    return (await as("creator", () => creator(world)({}, context))).changed;
  };

  const items = async () => (await dynamodb.send(new ScanCommand({ TableName: TABLE }))).Items ?? [];

  /** Time to live removes what is over, and the stream calls the destructor. Answers with whose entries they were. */
  async function expire(newDay: number): Promise<readonly string[]> {
    await on(newDay);
    const over = (await items()).filter((item) => Number(item["delete_on"]?.N) < Date.now() / 1000 + day * DAY);
    for (const { user, ak } of over) {
      const Key: Record<string, AttributeValue> = { user: user ?? { S: "" }, ak: ak ?? { S: "" } };
      await dynamodb.send(new DeleteItemCommand({ TableName: TABLE, Key }));
    }
    if (over.length > 0)
      expect(
        await as("destructor", () =>
          destructor(world)(streamEvent(...over.map((item) => streamRecord(item))), context),
        ),
      ).toEqual({ batchItemFailures: [] });
    return over.map(({ user }) => user?.S ?? "").toSorted();
  }

  const mails = (): readonly Mailed[] =>
    taken.map(({ body }) => {
      const { Destination, Content } = JSON.parse(body) as {
        Destination: { ToAddresses: string[] };
        Content: { Simple: { Subject: { Data: string }; Body: { Text: { Data: string } } } };
      };
      const { Subject, Body } = Content.Simple;
      return { to: Destination.ToAddresses.join(), subject: Subject.Data, text: Body.Text.Data };
    });
  const subjectsTo = (name: string) =>
    mails().flatMap(({ to, subject }) => (to === `${name}@example.com` ? [subject] : []));
  const keysOf = async (name: string) =>
    (await moto.keys()).filter(({ userName }) => userName === name).map(({ accessKeyId }) => accessKeyId);

  it("lives through the seasons of five users: each hears of each thing once, nobody loses a key, and nothing more is asked than the roles allow", async () => {
    await moto.seed([
      {
        name: "anna",
        tags: {
          ...tags("anna"),
          "IKR:INSTRUCTION_10": "restart.",
          "ikr:instruction_2": "Vault, then",
          "IKR:INSTRUCTION_x": "?",
        },
        keys: [{ ageDays: 85, usedDaysAgo: 2 }],
      },
      { name: "ben", tags: tags("ben"), keys: [{ ageDays: 85, usedDaysAgo: 2 }] },
      { name: "cleo", tags: tags("cleo"), keys: [{ ageDays: 85, usedDaysAgo: 2 }] },
      { name: "finn", tags: tags("finn"), keys: [{ ageDays: 85, usedDaysAgo: 2 }] },
      { name: "nobody", keys: [{ ageDays: 400, usedDaysAgo: 2 }] },
    ]);
    const old = Object.fromEntries((await moto.keys()).map(({ userName, accessKeyId }) => [userName, accessKeyId]));
    const parameter = (name: string) => `/ikr/secret/iam/${name}`;
    const versionsOf = async (name: string) =>
      (await ssm.send(new GetParameterHistoryCommand({ Name: parameter(name) }))).Parameters?.length;
    const parametersOf = async () =>
      ((await ssm.send(new DescribeParametersCommand({}))).Parameters ?? []).map(({ Name }) => Name).toSorted();

    /** The pair in a mail, opened with the version of the parameter that the mail names. */
    async function pairIn({ text }: Mailed): Promise<readonly [id: string, secret: string]> {
      const [place = ""] = /\/ikr\/secret\/iam\/\w+:\d+/.exec(text) ?? [];
      const answer = await ssm.send(new GetParameterCommand({ Name: place, WithDecryption: true }));
      const key = new Secret(answer.Parameter?.Value ?? "");
      const [id, secret] = await openSealed(text, { kind: "fernet", key });
      return [id?.reveal() ?? "", secret?.reveal() ?? ""];
    }

    // 85 days are not more than 85 days. On the day after, keys are due; Ben's mail server is down.
    expect(await create(0)).toEqual([]);
    refusing.add("ben@example.com");
    isFinnsPutRefused = true;
    const [before, four] = [sent.creator.length, "everything else is done, for 4 users in all"];
    await expect(create(1)).rejects.toThrow(`failed: ben, finn; ${four}`);
    const ofAnna = sent.creator.slice(before).filter(({ body }) => /\banna\b/.test(body));
    const writes = /iam:CreateAccessKey|ssm:(Put|Delete)Parameter|ses:|dynamodb:PutItem/;
    expect(ofAnna.map(({ action }) => action).filter((action) => writes.test(action))).toEqual([
      "iam:CreateAccessKey",
      "ssm:PutParameter", // the escrow
      "ssm:PutParameter", // the Fernet key
      expect.stringMatching(/^ses:/),
      "ssm:DeleteParameter",
      "ssm:PutParameter", // what the owner knows
      "dynamodb:PutItem",
    ]);
    const finns = await keysOf("finn");
    isFinnsPutRefused = false;
    await expect(create(2)).rejects.toThrow(`failed: ben; ${four}`);
    expect([finns.length, await keysOf("finn"), subjectsTo("finn")]).toEqual([2, finns, ["New Access Key Pair"]]);
    await expect(create(3)).rejects.toThrow(`failed: ben; ${four}`);
    expect((await items()).map(({ user }) => user?.S).toSorted()).toEqual(["anna", "cleo", "finn"]);
    for (const { user, ...rest } of await items())
      expect(rest).toMatchObject({ email: { S: `${user?.S}@example.com` }, delete_enc_key: { S: "Y" } });
    const [, annas = ""] = await keysOf("anna");
    const bens = await keysOf("ben");
    expect([bens.length, bens[0], (await keysOf("nobody")).length]).toEqual([2, old["ben"], 1]);
    refusing.clear();
    expect(await create(4)).toEqual(["ben"]);
    expect([await keysOf("ben"), await versionsOf("ben"), subjectsTo("ben")]).toEqual([
      bens,
      1,
      ["New Access Key Pair"],
    ]);
    const [first] = mails().filter(({ to }) => to === "anna@example.com");
    if (first === undefined) throw new Error("no mail");
    expect(first.text).toContain("Instruction: Vault, then restart.");
    const [id, secretAccessKey] = await pairIn(first);
    expect([id, first.text.includes(id), first.text.includes(secretAccessKey)]).toEqual([annas, false, false]);
    expect(await moto.use(id, { secretAccessKey })).toBe(true);

    // A day before the old key stops working, its owner hears of it once. Never a second early.
    await create(5.1);
    await create(5.5);
    expect(subjectsTo("anna")).toEqual(["New Access Key Pair", "Old Access Key Pair Stops Working"]);
    expect(await expire(5.9)).toEqual([]);

    // Time to live goes off: Anna's goes, and she hears of it. Cleo's is in use: it stays, and comes again.
    await on(6.05);
    await moto.use(old["cleo"] ?? "");
    expect(await expire(6.1)).toEqual(["anna", "cleo"]);
    expect([await keysOf("anna"), await keysOf("cleo")]).toEqual([[annas], [old["cleo"], expect.any(String)]]);
    expect(subjectsTo("anna").at(-1)).toBe("Old Access Key Pair Deleted");
    expect(written.some((line) => line.includes("predecessor-in-use") && line.includes("cleo"))).toBe(true);
    await create(6.2);
    expect(subjectsTo("cleo").slice(1)).toEqual([
      "Old Access Key Pair Stops Working",
      "Old Access Key Pair Still In Use",
    ]);
    expect((await items()).map(({ user }) => user?.S).toSorted()).toEqual(["ben", "cleo", "finn"]);
    // The mail of the key that works opens still, though the key before it is gone.
    expect(await pairIn(first)).toEqual([id, secretAccessKey]);

    // Ben's entry is lost: the scheduled run sweeps. Cleo switches over.
    await create(9.2);
    expect(await keysOf("ben")).toEqual(bens.slice(1));
    expect(subjectsTo("ben").at(-1)).toBe("Old Access Key Pair Deleted");
    await expire(9.5);
    expect(await keysOf("cleo")).toHaveLength(1);
    await create(10);
    expect(await items()).toEqual([]);

    // An address is changed a few hours before the next rotation: that goes to the one who has time to object.
    await on(86.8);
    const changed = [{ Key: "ikr:Email", Value: "thief@example.com" }];
    await iam.send(new TagUserCommand({ UserName: "anna", Tags: changed }));
    expect(await create(86.85)).not.toContain("anna");
    expect(await create(87.1)).toContain("anna");
    expect(mails().filter(({ to }) => to === "thief@example.com")).toEqual([]);
    expect(subjectsTo("anna").slice(-2)).toEqual([
      "Access Key Pairs Will Go To Another Address",
      "New Access Key Pair",
    ]);
    const second = mails().findLast(
      ({ to, subject }) => to === "anna@example.com" && subject === "New Access Key Pair",
    );
    if (second === undefined) throw new Error("no second mail");
    const [secondId, secondSecret] = await pairIn(second);
    expect([secondId, secondSecret.length]).toEqual([(await keysOf("anna"))[1], 40]);
    expect(await pairIn(first)).toEqual([id, secretAccessKey]);
    await create(88.3);
    await create(91.5);
    expect(
      mails()
        .filter(({ to }) => to === "thief@example.com")
        .map(({ subject }) => subject),
    ).toEqual(["Old Access Key Pair Stops Working"]);
    expect(await expire(92.2)).toContain("anna");
    expect(await keysOf("anna")).toHaveLength(1);

    // What opens mails goes with the last key that was mailed, and not before.
    expect(await parametersOf()).toContain(parameter("anna"));
    const [mailed = ""] = await keysOf("anna");
    await iam.send(new CreateAccessKeyCommand({ UserName: "anna" }));
    await iam.send(new DeleteAccessKeyCommand({ UserName: "anna", AccessKeyId: mailed }));
    await create(93);
    expect(await parametersOf()).not.toContain(parameter("anna"));
    expect(await parametersOf()).toContain(parameter("cleo"));

    // Each key was made once, whatever failed.
    const makes = sent.creator.filter(({ action }) => action === "iam:CreateAccessKey");
    expect(makes.filter(({ body }) => body.includes("UserName=ben")).length).toBe(2);
    expect(sent.creator.filter(({ action }) => action === "iam:UpdateAccessKey")).toEqual([]);
    for (const secret of [secretAccessKey, secondSecret]) expect(written.join("\n")).not.toContain(secret);

    // Everything that was asked of AWS is allowed by the roles of the Terraform module, and everything that they allow was asked.
    const settings = await checkSettings(settingsFrom(readEnvironment(ENVIRONMENT), null).settings);
    const tableArn = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${TABLE}`;
    for (const name of ["creator", "destructor"] as const) {
      const place = { partition: "aws", account: ACCOUNT, region: REGION, tableArn, paths: ["/"] };
      const policy = policyDocument(functionPermissions(name, place, settings));
      const calls = sent[name]
        .filter(({ action }) => action !== "sts:GetCallerIdentity")
        .map((call) => (call.action.startsWith("ses:") ? { ...call, action: "ses:SendEmail" } : call));
      const distinct = new Map(calls.map((call) => [`${name} ${call.action} ${resourceOf(call, "/")}`, call]));
      for (const [what, call] of distinct) expect([what, await judge(policy, call, "/")]).toEqual([what, "Allowed"]);
      const asked = new Set([...calls.map(({ action }) => action), ...NOT_IN_THE_STORY[name]]);
      expect([...new Set(policy.Statement.flatMap(({ Action }) => Action))].toSorted()).toEqual([...asked].toSorted());
    }
  });

  it("takes over a live table of the older tool: nobody is rotated twice, and what is half finished waits for a person", async () => {
    const start = day + 1;
    await on(start);
    const [old, fresh] = await moto.seed([
      // Its new key was made and mailed three days ago; nothing in IAM says so.
      {
        name: "dora",
        tags: tags("dora"),
        keys: [
          { ageDays: 89, usedDaysAgo: 4 },
          { ageDays: 3, usedDaysAgo: 1 },
        ],
      },
      // And that of the other one, whose old key is gone already.
      { name: "emil", tags: tags("emil"), keys: [{ ageDays: 6, usedDaysAgo: 1 }] },
      // This one's mail is lost on its way.
      { name: "gina", tags: tags("gina"), keys: [{ ageDays: 90, usedDaysAgo: 1 }] },
    ]);
    if (old === undefined || fresh === undefined) throw new Error("no keys");
    const midnight = Math.floor((Date.now() / 1000 + start * DAY) / DAY) * DAY + 2 * DAY;
    const item = {
      user: { S: "dora" },
      ak: { S: old.accessKeyId },
      email: { S: "dora@example.com" },
      delete_on: { N: String(midnight) },
      delete_enc_key: { S: "Y" },
    };
    await dynamodb.send(new PutItemCommand({ TableName: TABLE, Item: item }));
    const both = [old.accessKeyId, fresh.accessKeyId];

    // The entry is kept as it is; when it goes off, nothing proves that anybody has the new key: nothing is deleted.
    expect(await create(start)).toEqual(["gina"]);
    expect(await items()).toContainEqual(item);
    const [ginas, lost = ""] = await keysOf("gina");
    const home = temporaryFolder();
    const type = (...args: string[]) => keyturnHere(args, { endpoint: moto.url, cwd: home });
    await on(start + 0.1);
    const retired = await type("retire", "gina", lost, "--delete", "--yes", "--audit", "none");
    expect([retired.code, retired.stderr + retired.stdout]).toEqual([0, expect.any(String)]);
    expect(await expire(start + 3)).toEqual(["dora"]);
    await create(start + 3.1);
    expect([
      (await keysOf("gina"))[0],
      subjectsTo("gina").filter((each) => each === "New Access Key Pair").length,
    ]).toEqual([ginas, 2]);
    expect([await keysOf("dora"), (await keysOf("emil")).length]).toEqual([both, 1]);
    expect(written.some((line) => line.includes('"unexplained"') && line.includes("dora"))).toBe(true);
    expect([...subjectsTo("dora"), ...subjectsTo("emil")]).toEqual([]);

    // A person who has the new key says that it took the place of the old one.
    writeFileSync(
      join(home, "keyturn.yaml"),
      "escrow: ssm\nsettle: 0s\naudit: none\nmail: { from: keys@example.com, allowedDomains: [example.com] }\nowners: { only: true, ledger: ssm }\ndefaults: { policy: expiring, deliver: email }\n",
      { mode: 0o600 },
    );
    const words = ["adopt", "dora", "--key", fresh.accessKeyId, "--replaces", old.accessKeyId, "--stdin", "--yes"];
    const adopted = await withInput(fresh.secretAccessKey, () => keyturnHere(words, { endpoint: moto.url, cwd: home }));
    expect([adopted.code, adopted.stderr]).toEqual([0, expect.any(String)]);
    await create(start + 4);
    const entry = (await items()).find(({ user }) => user?.S === "dora");
    expect(entry?.["ak"]?.S).toBe(old.accessKeyId);
    expect(Number(entry?.["delete_on"]?.N)).toBeGreaterThan(Date.now() / 1000 + (start + 8) * DAY);
    expect(await keysOf("dora")).toEqual(both);
    expect(await expire(start + 9.1)).toContain("dora");
    expect(await keysOf("dora")).toEqual([fresh.accessKeyId]);
    const made = sent.creator.filter(({ action, body }) => action === "iam:CreateAccessKey" && /dora|emil/.test(body));
    expect(made).toEqual([]);
  });
});
