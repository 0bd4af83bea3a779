import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { hours, instant, seconds } from "../../src/core/time.ts";
import type { RunPart } from "../../src/distributed/documents.ts";
import { planner } from "../../src/lambda/planner.ts";
import { worker, type WorkerResult } from "../../src/lambda/worker.ts";
import { CallError } from "../../src/ports.ts";
import {
  Life,
  MemoryQueue,
  MemoryStore,
  type SimulatedMember,
  SimulatedOrganization,
} from "../support/simulated-organization.ts";

const ACCOUNT = "111122223333";
const START = instant(Date.UTC(2026, 0, 5, 8));
const again = [{ itemIdentifier: "m1" }];

/** One planned run over one account, with queue and bucket in memory. */
class Rig {
  readonly store = new MemoryStore();
  readonly queue = new MemoryQueue();
  readonly organization = new SimulatedOrganization({ store: this.store, queue: this.queue });
  readonly member: SimulatedMember;
  readonly run = randomUUID();
  remaining: () => number = () => 900_000;
  readonly variables: Record<string, string>;

  constructor(due = 2, { limits = "maxRotations: 10", policy = "safe", more = "" } = {}) {
    this.member = this.organization.add(ACCOUNT, START);
    this.member.addUsers(due, 120, "due");
    this.member.addUsers(2, 5, "young");
    this.variables = {
      KEYTURN_CONFIG: `select: { path: / }\nlimits: { ${limits} }\ndefaults: { policy: ${policy}, deliver: "ssm:/keys/{user}" }\naccounts: [{ id: "${ACCOUNT}", role: Member }]\n${more}`,
      KEYTURN_QUEUE: "https://sqs.eu-west-1.amazonaws.com/999988887777/work",
      KEYTURN_RESULTS: "s3://memory",
    };
  }

  #context = (awsRequestId: string) => ({ awsRequestId, getRemainingTimeInMillis: () => this.remaining() });

  plan = () => planner(this.organization.world(this.variables))({}, this.#context(this.run));

  work(bodies: readonly string[] = [this.message()], life = new Life()): Promise<WorkerResult> {
    const Records = bodies.map((body, index) => ({ messageId: `m${index + 1}`, body, eventSource: "aws:sqs" }));
    const world = this.organization.world(this.variables, life);
    return Promise.race([worker(world)({ Records }, this.#context(randomUUID())), life.death]);
  }

  message = (more: object = {}) => JSON.stringify({ version: 1, run: this.run, account: ACCOUNT, ...more });

  get part(): RunPart | null {
    const found = this.store.objects.get(`runs/${this.run}/accounts/${ACCOUNT}.json`);
    return found === undefined ? null : (JSON.parse(found.text) as RunPart); // as the worker wrote it
  }

  outcomes = (): Readonly<Record<string, string>> =>
    Object.fromEntries((this.part?.report?.users ?? []).map(({ userName, outcome }) => [userName, outcome]));

  /** How many keys each due user has. */
  async keys(): Promise<readonly number[]> {
    const users = await this.member.account.iam.listUsers("/");
    return users
      .filter(({ userName }) => userName.startsWith("due"))
      .map(({ userName }) => this.member.account.keys(userName).length);
  }

  get log(): string {
    return this.organization.lines.join("\n");
  }

  /** From now on, once so many intents were written, the time is up. */
  hurry(intents: number): void {
    const until = this.member.begun + intents;
    this.remaining = () => (this.member.begun >= until ? 10_000 : 900_000);
  }
}

const planned = async (...words: ConstructorParameters<typeof Rig>): Promise<Rig> => {
  const rig = new Rig(...words);
  await rig.plan();
  return rig;
};

const called = (kind: CallError["kind"], code: string, action = "sts:AssumeRole") =>
  new CallError(kind, action, "role/Member", code, "as the test has it");

describe("a worker", () => {
  it.each([
    ["throttled", called("refused", "Throttling"), "again", "unfinished failed assume-failed"],
    ["no answer", called("unknown", "TimeoutError"), "again", "unfinished failed assume-failed"],
    ["may not assume the role", called("denied", "AccessDenied"), "done", "finished failed assume-denied"],
    ["may not list users", called("denied", "AccessDenied", "iam:ListUsers"), "done", "finished failed list-denied"],
    ["refused for good", called("refused", "MalformedPolicyDocument"), "done", "finished failed assume-failed"],
    ["settings that cannot be", new InvalidInput("no"), "done", "finished failed unusable"],
    ["a bug", new TypeError("x is undefined"), "again", "nothing"],
  ])("tells what may pass from what is final: %s", async (_, error, fate, kept) => {
    const rig = await planned();
    rig.organization.barred = () => {
      throw error;
    };
    expect((await rig.work()).batchItemFailures).toEqual(fate === "again" ? again : []);
    const { state, report } = rig.part ?? {};
    expect(state === undefined ? "nothing" : `${state} ${report?.outcome} ${report?.code}`).toBe(kept);
    expect(await rig.keys()).toEqual([1, 1]);
    expect(rig.log).toContain('"level":"ERROR"');
    // What passed is done by the next delivery, and what is final is not tried again.
    rig.organization.barred = () => undefined;
    expect((await rig.work()).batchItemFailures).toEqual([]);
    expect(await rig.keys()).toEqual(fate === "again" ? [2, 2] : [1, 1]);
  });

  it("changes nobody where more would change than the settings allow", async () => {
    const rig = await planned(2, { limits: "refuseAbove: 20%" });
    expect((await rig.work()).batchItemFailures).toEqual([]);
    expect(rig.part).toMatchObject({
      state: "finished",
      granted: [],
      report: { outcome: "refused", code: "refused-above" },
    });
    expect(await rig.keys()).toEqual([1, 1]);
  });

  it("hands on what it has no time for, and the report knows of everybody", async () => {
    const rig = await planned(40, { limits: "maxRotations: 100" });
    rig.hurry(18);
    expect((await rig.work()).batchItemFailures).toEqual([]);
    expect(rig.queue.texts).toEqual([rig.message(), rig.message()]);
    expect(rig.queue.delays.at(-1)).toBe(seconds(5));
    expect(rig.part).toMatchObject({ state: "unfinished", report: { outcome: "interrupted", code: "interrupted" } });
    const first = rig.part?.report?.users.filter(({ outcome }) => outcome === "changed") ?? [];
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThan(40);
    rig.remaining = () => 900_000;
    expect((await rig.work()).batchItemFailures).toEqual([]);
    expect(rig.part).toMatchObject({
      state: "finished",
      report: { outcome: "done", summary: { users: 42, done: { rotated: 40 } } },
    });
    for (const user of first) expect(rig.part?.report?.users).toContainEqual(user);
    expect(await rig.keys()).toEqual(Array.from({ length: 40 }, () => 2));
    const audits = rig.log.matchAll(/\\"run\\":\\"([^"]*)\\",\\"seq\\":0/g);
    expect(new Set([...audits].map(([, run]) => run)).size).toBe(2);
  });

  it("lets a message come again where nobody could be done: the queue bounds that", async () => {
    const rig = await planned(40, { limits: "maxRotations: 100" });
    // The time is up as soon as everybody was read.
    let asked = 0;
    rig.remaining = () => ((asked += 1) < 20 ? 900_000 : 10_000);
    expect((await rig.work()).batchItemFailures).toEqual(again);
    expect(rig.queue.texts).toHaveLength(1);
    expect(Object.values(rig.outcomes()).filter((outcome) => outcome === "interrupted")).toHaveLength(40);
    expect(rig.part?.state).toBe("unfinished");
  });

  it("rotates nobody twice in one run, though every run rotates everybody", async () => {
    const rig = await planned(40, { limits: "maxRotations: 100", policy: "{ preset: two-key, rotateAfter: 0s }" });
    rig.hurry(18);
    await rig.work();
    expect(rig.part?.state).toBe("unfinished");
    rig.organization.pass(hours(30 * 24));
    rig.remaining = () => 900_000;
    const before =
      rig.part?.report?.users.filter(({ outcome }) => outcome === "changed").map(({ steps }) => steps) ?? [];
    await rig.work();
    const after = rig.part?.report?.users.map(({ steps }) => steps) ?? [];
    expect(before.length).toBeGreaterThan(0);
    for (const steps of before) expect(after).toContainEqual(steps);
    expect(after.flat().filter(({ action }) => action === "rotate")).toHaveLength(42);
  });

  it("begins no message that there is no time for", async () => {
    const rig = await planned();
    rig.remaining = () => (rig.part === null ? 900_000 : 100_000);
    const { batchItemFailures } = await rig.work([rig.message(), rig.message()]);
    expect(batchItemFailures).toEqual([{ itemIdentifier: "m2" }]);
    rig.remaining = () => 60_000;
    await expect(rig.work()).rejects.toThrow("raise the timeout of this function");
  });

  it("keeps the pace over workers that are lost, whichever call was their last", async () => {
    let deaths = 0;
    for (const takesEffect of [false, true]) {
      for (let call = 1; ; call += 2) {
        const rig = await planned(5, { limits: "maxRotations: 2" });
        const life = new Life(call, takesEffect);
        const lost = await rig.work([rig.message()], life).then(
          () => false,
          () => true,
        );
        if (!lost) break;
        deaths += 1;
        for (let tries = 0; tries < 3 && rig.part?.state !== "finished"; tries += 1) {
          // It may come again so soon that the lost one still holds its leases.
          if (tries > 0) rig.organization.pass(hours(1));
          await rig.work();
        }
        expect([call, rig.part?.state]).toEqual([call, "finished"]);
        expect([call, (await rig.keys()).toSorted()]).toEqual([call, [1, 1, 1, 2, 2]]);
        expect([call, Object.values(rig.outcomes()).filter((outcome) => outcome === "deferred").length]).toEqual([
          call,
          3,
        ]);
      }
    }
    expect(deaths).toBeGreaterThan(60);
  });

  it("shares an account with a second one: everybody is rotated once, and the later one comes again", async () => {
    const rig = await planned(3);
    const both = await Promise.all([rig.work(), rig.work()]);
    expect(await rig.keys()).toEqual([2, 2, 2]);
    rig.organization.pass(hours(1));
    for (const { batchItemFailures } of both) if (batchItemFailures.length > 0) await rig.work();
    expect(rig.part).toMatchObject({ state: "finished", report: { outcome: "done" } });
    expect(Object.values(rig.outcomes()).filter((outcome) => outcome === "changed")).toHaveLength(3);
    expect(await rig.keys()).toEqual([2, 2, 2]);
  });

  it("takes less than is wanted where another has taken the rest of the pace", async () => {
    const rig = await planned(3, { limits: "maxRotations: 3" });
    const name = `runs/${rig.run}/accounts/${ACCOUNT}.json`;
    let reads = 0;
    // Between its look at the result and its own grant somebody else was granted all there is.
    rig.store.fault = (action, place) => {
      if (action !== "read" || place !== name || (reads += 1) !== 2) return;
      const other = { schema: "keyturn/run-account/v1", keyturn: "1", run: rig.run, account: ACCOUNT, dryRun: false };
      const more = { config: "x", state: "begun", by: "other", writtenAt: "2026-01-05T08:00:00Z", report: null };
      rig.store.objects.set(name, {
        text: JSON.stringify({ ...other, ...more, granted: ["a", "b", "c"] }),
        version: "x",
      });
    };
    expect((await rig.work()).batchItemFailures).toEqual(again);
    expect(await rig.keys()).toEqual([1, 1, 1]);
    expect(rig.log).toContain("another worker is at the same account");
  });

  it("keeps what it did where the reply to its write is lost, once", async () => {
    const rig = await planned(2);
    rig.store.fault = (action) => {
      if (action === "write" && rig.part !== null) rig.store.losesReply = true;
    };
    expect((await rig.work()).batchItemFailures).toEqual([]);
    expect(rig.part?.report?.summary.done).toEqual({ rotated: 2 });
  });

  it.each([
    ["what is no JSON", "{"],
    ["what another program wrote", '{"schema":"other"}'],
    ["the result of another account", null],
  ])("refuses to build on %s, and touches nothing", async (_, text) => {
    const rig = await planned();
    const name = `runs/${rig.run}/accounts/${ACCOUNT}.json`;
    await rig.work();
    const other = rig.store.objects.get(name)?.text.replaceAll(ACCOUNT, "999999999999") ?? "";
    rig.store.objects.set(name, { text: text ?? other, version: "x" });
    const begun = rig.member.begun;
    expect((await rig.work()).batchItemFailures).toEqual(again);
    expect(rig.member.begun).toBe(begun);
    expect(rig.log).toContain("a message is refused");
  });

  it("refuses events that are none of its queue's, and settings that it cannot use, all of them at once", async () => {
    const rig = await planned();
    const world = rig.organization.world({
      ...rig.variables,
      KEYTURN_QUEUE: "queue.fifo",
      KEYTURN_RESULTS: "",
      DRY_RUN: "perhaps",
    });
    const context = { awsRequestId: rig.run, getRemainingTimeInMillis: () => 900_000 };
    const event = (eventSource: string) => ({ Records: [{ messageId: "m", body: rig.message(), eventSource }] });
    await expect(worker(world)(event("aws:sns"), context)).rejects.toThrow("the event has no messages");
    await expect(worker(world)({}, context)).rejects.toThrow("the event has no messages");
    const complaint = await worker(world)(event("aws:sqs"), context).catch(String);
    for (const name of ["KEYTURN_QUEUE", "KEYTURN_RESULTS", "DRY_RUN"]) expect(complaint).toContain(name);
  });
});

describe("the planner", () => {
  it.each([
    ["accounts: ['111122223333']", "names no accounts with roles"],
    ["accounts: { role: M, list: [{ id: '111122223333' }], limits: { maxRotations: 5 } }", "cannot be kept by workers"],
    [
      "accounts: [{ id: '111122223333', role: M, deliver: 'file:./{account}/{user}' }]",
      "is on the disk of this function",
    ],
    ["accounts: [{ id: '111122223333', role: M, deliver: stdout }]", "cannot be told apart"],
    ["accounts: [{ id: '111122223333', role: M, escrow: file }]", "is on the disk of this function"],
    ["accounts: { role: M, central: '999988887777', list: [{ id: '111122223333' }] }", "put {account} into the target"],
  ])("refuses before anything is written what workers cannot keep: %s", async (accounts, message) => {
    const rig = new Rig();
    const usual = `accounts: [{ id: "${ACCOUNT}", role: Member }]`;
    rig.variables["KEYTURN_CONFIG"] = (rig.variables["KEYTURN_CONFIG"] ?? "").replace(usual, accounts);
    await expect(rig.plan()).rejects.toThrow(message);
    expect([rig.store.objects.size, rig.queue.texts.length]).toEqual([0, 0]);
  });

  it.each([
    ["ssm:/keys/{account}/{user}", true],
    ["ssm:/keys/{user}/{account}", true],
    ["ssm:/keys/{account}-{user}", true],
    ["ssm:/keys/{user}-{account}", false],
    ["ssm:/keys/{path}/{account}/{user}", false],
  ])("takes targets in one place only where accounts cannot meet there: %s", async (target, isFine) => {
    const rig = new Rig();
    rig.variables["KEYTURN_CONFIG"] =
      `select: { path: / }\ndefaults: { deliver: "${target}" }\naccounts: { role: M, central: "999988887777", list: [{ id: "${ACCOUNT}" }] }\n`;
    const refused = await rig.plan().then(
      () => "",
      (error: unknown) => String(error),
    );
    expect(refused === "").toBe(isFine);
    if (!isFine) expect(refused).toContain("workers know nothing of each other");
  });

  it("selects nobody by itself", async () => {
    const rig = new Rig();
    rig.variables["KEYTURN_CONFIG"] = (rig.variables["KEYTURN_CONFIG"] ?? "").replace("select: { path: / }\n", "");
    await expect(rig.plan()).rejects.toThrow("selects no users");
  });

  it("writes the plan before it sends anything, and names the accounts whose messages were not taken", async () => {
    const rig = new Rig();
    const ids = Array.from({ length: 25 }, (_, index) => String(200_000_000_000 + index));
    rig.variables["KEYTURN_CONFIG"] =
      `select: { path: / }\ndefaults: { deliver: "ssm:/k/{user}" }\naccounts: { role: M, list: [${ids.map((id) => `{ id: "${id}" }`).join(", ")}] }\n`;
    rig.queue.refuses = (text) => text.includes(ids[3] ?? "");
    await expect(rig.plan()).rejects.toThrow(`1 of 25 accounts (Throttled): ${ids[3]}`);
    expect(rig.queue.texts).toHaveLength(24);
    rig.store.fault = () => {
      throw called("denied", "AccessDenied", "s3:PutObject");
    };
    rig.queue.texts.length = 0;
    await expect(rig.plan()).rejects.toThrow("s3:PutObject");
    expect(rig.queue.texts).toEqual([]);
  });
});
