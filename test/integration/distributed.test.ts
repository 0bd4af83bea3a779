import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import {
  CloseAccountCommand,
  CreateAccountCommand,
  CreateOrganizationalUnitCommand,
  CreateOrganizationCommand,
  ListRootsCommand,
  MoveAccountCommand,
  OrganizationsClient,
  TagResourceCommand,
} from "@aws-sdk/client-organizations";
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { Context } from "aws-lambda";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { policyDocument } from "../../src/core/permissions.ts";
import { age, days, instant, minutes } from "../../src/core/time.ts";
import { plannerPermissions, type RunPlace, workerPermissions } from "../../src/lambda/run-permissions.ts";
import { planner as plannerOf, type PlannerResult } from "../../src/lambda/planner.ts";
import { worker as workerOf, type WorkerResult } from "../../src/lambda/worker.ts";
import { seededRandom } from "../../src/simulation/account.ts";
import { temporaryFolder } from "../support/cli.ts";
import { EventSource } from "../support/event-source.ts";
import { type Call, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { unpackFunction } from "../support/function-bundle.ts";
import { judge, ORGANIZATION, resourceOf } from "../support/iam-judge.ts";
import { callerEnvironment, typed } from "../support/in-process.ts";
import { Life, SimulatedOrganization } from "../support/simulated-organization.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const HUB = "123456789012";
const BOTS = 3;
const PLACE = "s3://keyturn-results/prod";

/** As much of a report as is looked at here. */
interface Document {
  readonly run: string;
  readonly dryRun: boolean;
  readonly accounts: readonly {
    readonly account: string;
    readonly outcome: string;
    readonly code: string;
    readonly notes: readonly string[];
    readonly users: readonly { readonly userName: string; readonly outcome: string; readonly code: string }[];
  }[];
  readonly summary: { readonly done: unknown; readonly accountOutcomes: unknown };
}

type Worker = (event: unknown, context: Context) => Promise<WorkerResult>;

const context = (awsRequestId: string = randomUUID(), remaining = () => 900_000) =>
  ({ awsRequestId, getRemainingTimeInMillis: remaining }) as Context; // what is used of it

describe.skipIf(motoMissing !== null)(`a distributed run ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  let proxy: FaultProxy;
  let source: EventSource;
  let organizations: OrganizationsClient;
  let s3: S3Client;
  let planner: (event: unknown, context: Context) => Promise<PlannerResult>;
  let worker: Worker;
  let workerFile = "";
  let unit = "";
  let hours = 0;
  const ids = new Map<string, string>();
  const id = (name: string): string => ids.get(name) ?? "";
  const log: string[] = [];
  const sent: Record<"planner" | "worker", Call[]> = { planner: [], worker: [] };

  /** What the functions themselves ask, as opposed to their sessions in the accounts. */
  const overheard = async <T>(name: keyof typeof sent, work: () => Promise<T>): Promise<T> => {
    const before = proxy.calls.length;
    try {
      return await work();
    } finally {
      sent[name].push(...proxy.calls.slice(before).filter(({ signer }) => signer === "ASIATESTRUNNER000000"));
    }
  };
  const load = async (file: string): Promise<unknown> =>
    ((await import(pathToFileURL(file).href)) as { handler: unknown }).handler;

  beforeAll(async () => {
    const folder = temporaryFolder();
    const packed = promisify(execFile)(process.execPath, [
      join(ROOT, "scripts/package.mjs"),
      folder,
      "planner",
      "worker",
    ]);
    [moto] = await Promise.all([startMoto(), packed]);
    proxy = await startFaultProxy(moto.url);
    for (const [name, value] of Object.entries(callerEnvironment(proxy.url))) vi.stubEnv(name, value);
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "canary-of-the-role-itself");
    vi.spyOn(process.stdout, "write").mockImplementation((text) => log.push(String(text)) > 0);
    workerFile = unpackFunction(join(folder, "worker.zip"));
    const bundled = {
      planner: (await load(unpackFunction(join(folder, "planner.zip")))) as typeof planner,
      worker: (await load(workerFile)) as Worker,
    };
    planner = (...words) => overheard("planner", () => bundled.planner(...words));
    worker = (...words) => overheard("worker", () => bundled.worker(...words));

    const access = {
      endpoint: moto.url,
      credentials: { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" },
    };
    organizations = new OrganizationsClient({ ...access, region: "us-east-1" });
    s3 = new S3Client({ ...access, region: "eu-west-1" });
    await s3.send(
      new CreateBucketCommand({
        Bucket: "keyturn-results",
        CreateBucketConfiguration: { LocationConstraint: "eu-west-1" },
      }),
    );
    source = await EventSource.create(moto.url, "work", 5);
    await organizations.send(new CreateOrganizationCommand({ FeatureSet: "ALL" }));
    for (const name of ["prod", "dev", "closed", "sandbox", "locked"]) {
      const made = await organizations.send(
        new CreateAccountCommand({ AccountName: name, Email: `${name}@example.com` }),
      );
      ids.set(name, made.CreateAccountStatus?.AccountId ?? "");
    }
    const { Roots: [root] = [] } = await organizations.send(new ListRootsCommand({}));
    const made = await organizations.send(new CreateOrganizationalUnitCommand({ ParentId: root?.Id, Name: "play" }));
    unit = made.OrganizationalUnit?.Id ?? "";
    const move = { AccountId: id("sandbox"), SourceParentId: root?.Id, DestinationParentId: unit };
    await organizations.send(new MoveAccountCommand(move));
    await organizations.send(new CloseAccountCommand({ AccountId: id("closed") }));
    await organizations.send(new TagResourceCommand({ ResourceId: id("dev"), Tags: [{ Key: "stage", Value: "dev" }] }));
    for (const account of [HUB, id("dev"), id("sandbox"), id("locked")])
      await moto.seed([{ name: "bob", path: "/ci/", keys: [{ ageDays: 120, usedDaysAgo: 1 }] }], account);
    const many = Array.from({ length: BOTS }, (_, index) => ({
      name: `bot-${String(index).padStart(2, "0")}`,
      path: "/ci/",
      keys: [{ ageDays: 120, usedDaysAgo: 1 }],
    }));
    await moto.seed([...many, { name: "young", path: "/ci/", keys: [{ ageDays: 3 }] }], id("prod"));
    vi.stubEnv("KEYTURN_QUEUE", source.url.replace(moto.url, proxy.url));
    vi.stubEnv("KEYTURN_RESULTS", PLACE);
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    source.stop();
    organizations.destroy();
    s3.destroy();
    await proxy.stop();
    await moto.stop();
  });
  beforeEach(() => {
    proxy.reset();
    proxy.before = lock;
    vi.stubEnv("KEYTURN_CONFIG", configOf());
  });

  const lock = ({ action, body }: Call) =>
    action === "sts:AssumeRole" && body.includes(id("locked"))
      ? ({ kind: "error", status: 403, code: "AccessDenied", message: "no" } as const)
      : ({ kind: "pass" } as const);

  const configOf = (more = `exclude: { ou: ${unit}, tag: { keyturn: never } }`, settle = "0s") => `
settle: ${settle}
select: { path: /ci/ }
limits: { maxRotations: 30 }
defaults: { deliver: "ssm:/keys/{account}/{user}" }
organization:
  role: KeyturnMember
  externalId: turn-1
  sourceIdentity: run
  central: "${HUB}"
  ${more}
`;

  /** Time passes for AWS: messages come back into sight, leases run out. */
  const pass = () => moto.shift((hours += 1) * 3600);
  const drain = async (handler: Worker = worker) => source.drain((event) => handler(event, context()));
  const report = async (...flags: readonly string[]) => {
    const { code, out, err } = await typed(["report", PLACE, "--format", "json", ...flags], proxy.url);
    return { code, err, out, document: (out === "" ? null : JSON.parse(out)) as Document }; // keyturn's own document
  };
  const statesIn = ({ accounts }: Document) =>
    Object.fromEntries(accounts.map(({ account, outcome, code }) => [account, `${outcome} ${code}`]));
  const usersIn = ({ accounts }: Document, account: string) =>
    Object.fromEntries(
      (accounts.find((each) => each.account === account)?.users ?? []).map((user) => [user.userName, user.outcome]),
    );
  const object = async (Key: string): Promise<string> =>
    (await (
      await s3.send(new GetObjectCommand({ Bucket: "keyturn-results", Key: `prod/${Key}` }))
    ).Body?.transformToString()) ?? "";
  const keysOf = async (userName: string) =>
    (await moto.keys()).filter((key) => key.userName === userName).map(({ accessKeyId }) => accessKeyId);

  it("tells of a look at everybody what run --all-accounts --dry-run tells, word for word", async () => {
    vi.stubEnv("DRY_RUN", "true");
    const { run } = await planner({}, context());
    await drain();
    vi.stubEnv("DRY_RUN", "");
    const { out, code } = await report();
    const file = join(temporaryFolder(), "keyturn.yaml");
    writeFileSync(file, configOf());
    const words = ["run", "--all-accounts", "--dry-run", "--config", file, "--format", "json"];
    const own = await typed(words, proxy.url);
    expect(code).toBe(own.code);
    expect(wordsOf(out)).toEqual(wordsOf(own.out));
    const lines = (await typed(["report", PLACE, "--format", "ndjson"], proxy.url)).out
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const { accounts, ...head } = JSON.parse(out) as Document;
    expect(lines.filter(({ type }) => type === "account")).toHaveLength(accounts.length);
    expect(lines.at(-1)).toMatchObject({ type: "totals", ...head, run });
    expect((await typed(["report", PLACE], proxy.url)).out).toContain("run of 6 users in 3 accounts of 6");
  });

  /** A document without what names this very run. */
  const wordsOf = (out: string): unknown => {
    const { startedAt: _, endedAt: __, ...document } = JSON.parse(out) as Document & Record<string, unknown>;
    return JSON.parse(JSON.stringify(document).replaceAll(document.run, "RUN"));
  };

  it("plans, works, and reports as one process would", async () => {
    const run = randomUUID();
    // Lambda calls again after a failure, with the same id: the messages are doubled, and the work is not.
    await planner({ source: "aws.scheduler" }, context(run));
    const planned = await planner({ source: "aws.scheduler" }, context(run));
    expect(planned).toEqual({ run, accounts: 4, left: 2 });
    const early = await report();
    expect(statesIn(early.document)[HUB]).toBe("interrupted no-result");
    expect(early.code).toBe(130);

    await drain();
    expect(await source.counts()).toEqual({ waiting: 0, dead: 0 });

    const { code, document } = await report();
    expect(statesIn(document)).toEqual({
      [HUB]: "done done",
      [id("prod")]: "done done",
      [id("dev")]: "done done",
      [id("closed")]: "skipped not-active",
      [id("sandbox")]: "skipped excluded",
      [id("locked")]: "failed assume-denied",
    });
    expect(code).toBe(1);
    expect(document.run).toBe(run);
    const inProd = usersIn(document, id("prod"));
    expect(Object.values(inProd).filter((outcome) => outcome === "changed")).toHaveLength(BOTS);
    expect(inProd["young"]).toBe("settled");
    expect(document.summary.done).toEqual({ rotated: BOTS + 2 });
    for (let index = 0; index < BOTS; index += 1)
      expect(await keysOf(`bot-${String(index).padStart(2, "0")}`)).toHaveLength(2);
    expect(log.join("\n")).toMatch(new RegExp(`\\\\"run\\\\":\\\\"${run}/${id("prod")}/`));
    expect(log.join("\n")).not.toContain("canary-of-the-role-itself");
  });

  it("does nothing twice: an account that is done, one that is not meant any more, and one that is gone", async () => {
    const run = randomUUID();
    await pass();
    await planner({}, context(run));
    await drain();
    // A message that comes again finds the result.
    proxy.reset();
    await source.send(JSON.stringify({ version: 1, run, account: id("dev") }));
    await drain();
    expect(Object.keys(proxy.counts()).filter((action) => /^(iam|organizations):|AssumeRole/.test(action))).toEqual([]);

    const second = randomUUID();
    await planner({}, context(second));
    vi.stubEnv("KEYTURN_CONFIG", configOf(`exclude: { id: ["${id("dev")}"] }`));
    vi.stubEnv("DRY_RUN", "true");
    await drain();
    vi.stubEnv("DRY_RUN", "");
    const { document } = await report();
    expect(document).toMatchObject({ run: second, dryRun: true });
    expect(statesIn(document)[id("dev")]).toBe("skipped excluded");
    const { notes = [] } = document.accounts.find(({ account }) => account === HUB) ?? {};
    expect(notes).toEqual([expect.stringContaining("the settings were changed")]);
    expect(await keysOf("bob")).toHaveLength(6);
  });

  it("touches nothing for a message that no planner sent, and leaves it where somebody looks", async () => {
    const run = randomUUID();
    const work = { version: 1, run, account: HUB };
    await s3.send(
      new PutObjectCommand({
        Bucket: "keyturn-results",
        Key: `prod/runs/${run}/plan.json`,
        Body: (
          await object(`runs/${(JSON.parse(await object("latest.json")) as { run: string }).run}/plan.json`)
        ).replace(/"run":"[^"]+"/, `"run":"${run}"`),
      }),
    );
    const poison = [
      { ...work, version: 2 },
      { ...work, target: "ssm:/keys/mine" },
      { ...work, account: "999999999999" },
      { ...work, run: randomUUID() },
      { version: 1, account: HUB },
    ].map((each) => JSON.stringify(each));
    for (const each of [...poison, "not JSON"]) await source.send(each);
    proxy.reset();
    for (let round = 0; round < 6; round += 1) {
      await drain();
      await pass();
    }
    await drain();
    expect(await source.counts()).toEqual({ waiting: 0, dead: 6 });
    expect((await source.takeDead()).toSorted()).toEqual([...poison, "not JSON"].toSorted());
    expect(Object.keys(proxy.counts()).filter((action) => /^(iam|ssm|organizations):|AssumeRole/.test(action))).toEqual(
      [],
    );
    expect(log.filter((line) => line.includes("a message is refused")).length).toBeGreaterThanOrEqual(30);
  });

  it("finishes what workers that were lost have begun, wherever that was", async () => {
    await moto.seed([{ name: "lost", path: "/ci/", keys: [{ ageDays: 120, usedDaysAgo: 1 }] }], id("dev"));
    const run = randomUUID();
    await planner({}, context(run));
    vi.stubEnv("KEYTURN_CONFIG", configOf(`include: { id: ["${id("dev")}"] }`));
    const deaths = [
      ({ action }: Call) => action === "iam:TagUser",
      ({ action, number }: Call) => action === "ssm:PutParameter" && number > 0,
      ({ action, path }: Call) => action === "s3:PutObject" && path.includes("/accounts/"),
    ];
    for (const isLast of deaths) {
      await source.poll((event) => dieAt(isLast, event));
      await pass();
    }
    await drain();
    await pass();
    await drain();
    expect(await keysOf("lost")).toHaveLength(2);
    const part = JSON.parse(await object(`runs/${run}/accounts/${id("dev")}.json`)) as {
      state: string;
      granted: string[];
    };
    expect(part).toMatchObject({ state: "finished", granted: ["lost"] });
    expect(await source.counts()).toEqual({ waiting: 0, dead: 0 });
  });

  /** A worker in a process of its own, which is killed at the first call that fits, once it has taken effect. */
  const dieAt = (isLast: (call: Call) => boolean, event: unknown): Promise<WorkerResult> =>
    new Promise((_, reject) => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", LONELY], {
        stdio: "ignore",
        env: { ...process.env, FUNCTION: pathToFileURL(workerFile).href, EVENT: JSON.stringify(event) },
      });
      proxy.after = (call) => {
        if (isLast(call)) child.kill("SIGKILL");
      };
      child.once("exit", () => {
        proxy.after = () => undefined;
        reject(new Error("the worker is lost"));
      });
    });

  it("lets two workers be in one account at one time", async () => {
    await moto.seed(
      ["one", "two"].map((name) => ({ name, path: "/ci/", keys: [{ ageDays: 120, usedDaysAgo: 1 }] })),
      id("dev"),
    );
    const run = randomUUID();
    const slow = configOf(`include: { id: ["${id("dev")}"] }`, "1s");
    vi.stubEnv("KEYTURN_CONFIG", slow);
    await planner({}, context(run));
    await source.send(JSON.stringify({ version: 1, run, account: id("dev") }));
    await source.drain((event) => worker(event, context()), 2);
    await pass();
    await drain();
    for (const name of ["one", "two"]) expect(await keysOf(name)).toHaveLength(2);
    const { document, code } = await report();
    expect(code).toBe(0);
    expect(usersIn(document, id("dev"))).toMatchObject({ one: "changed", two: "changed" });
    expect(await source.counts()).toEqual({ waiting: 0, dead: 0 });
  });

  it("rotates every due user of 50 accounts with 200 users each exactly once, though workers are lost anywhere", async () => {
    const random = seededRandom(7);
    const many = new SimulatedOrganization();
    const queue = await EventSource.create(moto.url, "work-many", 20);
    const list: string[] = [];
    for (let index = 0; index < 50; index += 1) {
      const own = String(100_000_000_000 + index);
      const member = many.add(own, instant(Date.now()));
      // The first has more than one worker can do, the second more than the pace allows.
      const due = index === 0 ? 40 : index === 1 ? 5 : 2;
      member.addUsers(due, 120, "due");
      member.addUsers(200 - due, 10, "young");
      list.push(`{ id: "${own}", role: Member, limits: { maxRotations: ${index === 0 ? 100 : 3} } }`);
    }
    const variables = {
      KEYTURN_CONFIG: `select: { path: / }\ndefaults: { deliver: "ssm:/keys/{user}" }\naccounts: [${list.join(", ")}]\n`,
      KEYTURN_QUEUE: queue.url.replace(moto.url, proxy.url),
      KEYTURN_RESULTS: PLACE,
    };
    const { run, accounts } = await plannerOf(many.world(variables))({}, context());
    expect(accounts).toBe(50);
    let lost = 0;
    const attend: Worker = (event) => {
      const life = random() < 0.4 ? new Life(1 + Math.floor(random() * 900), random() < 0.5) : new Life();
      const first = many.members.get("100000000000");
      const before = first?.begun ?? 0;
      const isFirst = JSON.stringify(event).includes("100000000000");
      const remaining = () => (isFirst && (first?.begun ?? 0) >= before + 18 ? 10_000 : 900_000);
      const work = workerOf(many.world(variables, life))(event, context(randomUUID(), remaining));
      return overheard("worker", () => Promise.race([work, life.death])).finally(() => (lost += life.isOver ? 1 : 0));
    };
    for (let round = 0; round < 20 && (await queue.counts()).waiting > 0; round += 1) {
      await queue.drain((event) => attend(event, context()), 8);
      many.pass(minutes(60));
      await pass();
    }
    expect(await queue.counts()).toEqual({ waiting: 0, dead: 0 });
    queue.stop();
    expect(lost).toBeGreaterThan(10);
    expect(many.lines.some((line) => line.includes("the rest of an account is handed on"))).toBe(true);

    let rotated = 0;
    for (const [own, { account, destinations, clock }] of many.members) {
      const keysBy = (await account.iam.listUsers("/")).map(
        ({ userName }) => [userName, account.keys(userName)] as const,
      );
      const changed = keysBy.filter(([, keys]) => keys.length > 1);
      expect([own, changed.length]).toEqual([own, own.endsWith("000") ? 40 : own.endsWith("001") ? 3 : 2]);
      for (const [userName, keys] of changed) {
        const [old, successor] = keys.toSorted((a, b) => a.createDate - b.createDate);
        const served = destinations.get(userName)?.current;
        expect([userName, keys.length, old?.status, served?.accessKeyId]).toEqual([
          userName,
          2,
          "Active",
          successor?.accessKeyId,
        ]);
        expect(served === undefined || served === null ? null : await account.verifier.signIn(served)).toContain(
          userName,
        );
        expect(age(successor?.createDate ?? instant(0), clock.now())).toBeLessThan(days(2));
      }
      rotated += changed.length;
    }
    expect(rotated).toBe(40 + 3 + 48 * 2);
    const told = await typed(["report", PLACE, "--run", run, "--format", "ndjson"], proxy.url);
    expect(told.code).toBe(0);
    const { summary } = JSON.parse(told.out.split("\n").at(-1) ?? "") as Document & { summary: { users: number } };
    expect(summary).toMatchObject({ users: 10_000, accountOutcomes: { done: 50 } });
    expect(many.lines.filter((line) => line.includes("this is a bug"))).toEqual([]);
  });

  it("asks for no more than the two roles allow, and for all of it", async () => {
    const place: RunPlace = {
      queueArn: `arn:aws:sqs:eu-west-1:${HUB}:work*`,
      bucketArn: "arn:aws:s3:::keyturn-results",
      prefix: "prod/",
      isOrganization: true,
      listAs: null,
      memberRoles: ["arn:aws:iam::*:role/KeyturnMember"],
      centralRole: null,
      organizationId: ORGANIZATION,
      namesRun: true,
    };
    const policies = { planner: plannerPermissions(place), worker: workerPermissions(place) };
    for (const name of ["planner", "worker"] as const) {
      const policy = policyDocument(policies[name]);
      // What the hub keeps for all accounts comes on top, as keyturn policy prints it; everybody may ask who they are.
      const calls = sent[name].filter(
        ({ action, body }) => !/^(iam|ssm):|GetCallerIdentity/.test(action) && !body.includes(id("locked")),
      );
      const distinct = new Map(calls.map((call) => [`${call.action} ${resourceOf(call)}`, call]));
      for (const [what, call] of distinct)
        expect([name, what, await judge(policy, call)]).toEqual([name, what, "Allowed"]);
      const asked = new Set(calls.map(({ action }) => action.replace(/Batch$/, "")));
      const needed = policies[name].flatMap(({ actions }) => actions).filter((action) => !NOT_HEARD.has(action));
      expect(needed.filter((action) => !asked.has(action))).toEqual([]);
    }
  });
});

/** What Lambda asks for in the worker's name, what comes along with another call, and what S3 decides on its own. */
const NOT_HEARD = new Set([
  "sqs:ReceiveMessage",
  "sqs:DeleteMessage",
  "sqs:GetQueueAttributes",
  "sts:SetSourceIdentity",
  "s3:ListBucket",
]);

const LONELY = `const { handler } = await import(process.env.FUNCTION);
await handler(JSON.parse(process.env.EVENT), { awsRequestId: "lost", getRemainingTimeInMillis: () => 900_000 });`;
