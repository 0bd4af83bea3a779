import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { answerFor, dueAmong } from "../../bench/account.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { typed } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto, type UserSeed } from "../support/moto.ts";

/** More than are read one by one. */
const YOUNG = 97;

const young: readonly UserSeed[] = Array.from({ length: YOUNG }, (_, index) => ({
  name: `young-${index}`,
  ageDays: 500,
  keys: [{ ageDays: 10 + (index % 60), usedDaysAgo: 1 }],
}));

const others: readonly UserSeed[] = [
  { name: "due-1", path: "/ci/", keys: [{ ageDays: 120, usedDaysAgo: 1 }] },
  { name: "due-2", path: "/ci/", tags: { team: "search" }, keys: [{ ageDays: 120, usedDaysAgo: 1 }] },
  {
    name: "two",
    keys: [
      { ageDays: 20, usedDaysAgo: 1 },
      { ageDays: 10, usedDaysAgo: 1 },
    ],
  },
  { name: "off", keys: [{ ageDays: 20, status: "Inactive" }] },
  {
    name: "open",
    tags: { "keyturn:rotation": "v1 held at=2026-01-01T00:00:00Z n=x hold=open" },
    ageDays: 500,
    keys: [{ ageDays: 20 }],
  },
  { name: "nobody", ageDays: 500 },
  { name: "newcomer", ageDays: 5, keys: [{ ageDays: 3 }] },
];

interface Plan {
  readonly users: readonly {
    readonly userName: string;
    readonly outcome: string;
    readonly code: string;
    readonly readExactly: boolean;
  }[];
  readonly summary: { readonly readExactly: number; readonly ruledOut: Readonly<Record<string, number>> };
}

const EXACT = ["due-1", "due-2", "off", "open", "two"];

describe.skipIf(motoMissing !== null)(`an account of many users ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  let proxy: FaultProxy;

  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
    await moto.seed([...young, ...others]);
  });
  afterAll(async () => {
    await proxy.stop();
    await moto.stop();
  });
  beforeEach(() => {
    proxy.reset();
    // The emulator's report is always of 2015.
    proxy.rewrite = (_call, body) =>
      body.replace(/<GeneratedTime>[^<]*</, `<GeneratedTime>${new Date().toISOString().slice(0, 19)}Z<`);
  });

  const plan = async (...flags: readonly string[]): Promise<Plan> => {
    const { out, err } = await typed(
      ["plan", "--format", "json", "--deliver", "ssm:/keys/{user}", ...flags],
      proxy.url,
    );
    expect(err).toBe("");
    return JSON.parse(out) as Plan; // keyturn's own document
  };
  const exactly = ({ users }: Plan) => users.filter(({ readExactly }) => readExactly).map(({ userName }) => userName);
  const due = ({ users }: Plan) => users.filter(({ outcome }) => outcome === "due").map(({ userName }) => userName);
  const calls = () => Object.values(proxy.counts()).reduce((sum, count) => sum + count, 0);

  it("is known after a few calls, and only whoever may need something is read exactly", async () => {
    const found = await plan();
    expect(exactly(found)).toEqual(EXACT);
    expect(due(found)).toEqual(["due-1", "due-2"]);
    expect(found.summary.ruledOut).toEqual({ "looks-young": YOUNG, "no-keys": 1, "young-user": 1 });
    expect(found.summary.readExactly).toBe(EXACT.length);
    // What goes for the account, and what goes for each user that is read.
    expect(calls()).toBeLessThanOrEqual(8 + 6 * EXACT.length);
    expect(proxy.counts()["iam:ListUserTags"]).toBeUndefined();
  });

  it("finds the same as a look at every single user", async () => {
    const [sifted, exact] = [await plan(), await plan("--exact")];
    expect(exactly(exact)).toHaveLength(YOUNG + others.length);
    expect(due(sifted)).toEqual(due(exact));
    for (const { userName, code, readExactly } of sifted.users.filter((user) => user.readExactly))
      expect([userName, code, readExactly]).toEqual([
        userName,
        exact.users.find((user) => user.userName === userName)?.code,
        true,
      ]);
  });

  it("takes selectors by path and tag from the same listing", async () => {
    expect(due(await plan("--tag", "team=search"))).toEqual(["due-2"]);
    expect(proxy.counts()["iam:ListUserTags"]).toBeUndefined();
    // So few that they are read one by one.
    expect(exactly(await plan("--path", "/ci/"))).toEqual(["due-1", "due-2"]);
  });

  it.each([
    ["iam:GetAccountAuthorizationDetails", "looks-young", YOUNG],
    ["iam:GenerateCredentialReport", "looks-young", undefined],
    ["iam:GetCredentialReport", "looks-young", undefined],
  ])("goes on where %s is denied", async (action, why, count) => {
    proxy.before = (call) =>
      call.action === action ? { kind: "error", status: 403, code: "AccessDenied" } : { kind: "pass" };
    const found = await plan();
    expect(due(found)).toEqual(["due-1", "due-2"]);
    expect(found.summary.ruledOut[why]).toBe(count);
  });

  it("says how many were ruled out, and by what", async () => {
    const { out } = await typed(["scan"], proxy.url);
    expect(out).toMatch(
      /5 users read exactly; ruled out by the credential report of 20\d\d-[\dT:-]+Z: 97 looks-young, 1 [a-z-]+, 1 [a-z-]+ \(--exact reads everybody\)\./,
    );
    expect(out).not.toContain("young-17 ");
  });

  it("rotates whom it reads, and nobody else", async () => {
    const args = [
      "run",
      "--all-users",
      "--deliver",
      "ssm:/keys/{user}",
      "--settle",
      "0s",
      "--yes",
      "--refuse-above",
      "5%",
      "--format",
      "json",
    ];
    const { code, out, err } = await typed(args, proxy.url);
    expect([code, err]).toEqual([0, expect.stringMatching(/^(1\/2 users)?$/)]);
    const { users } = JSON.parse(out) as Plan; // keyturn's own document
    expect(users.filter(({ outcome }) => outcome === "changed").map(({ userName }) => userName)).toEqual([
      "due-1",
      "due-2",
    ]);
    // A seventh of the users has its day.
    const read = users.filter(({ readExactly }) => readExactly).length;
    expect(read).toBeGreaterThan(EXACT.length);
    expect(read).toBeLessThan(YOUNG / 3);
  });
});

describe("a plan over very many users", () => {
  /** Calls of a plan over an account with so many due of so many. */
  const callsOf = async (users: number, duePercent: number): Promise<number> => {
    const proxy = await startFaultProxy(answerFor({ users, duePercent }));
    const { code, err } = await typed(["plan", "--format", "json", "--deliver", "ssm:/keys/{user}"], proxy.url);
    await proxy.stop();
    expect([code, err]).toEqual([0, ""]);
    return proxy.calls.length;
  };

  // For 5,000 users that makes nine calls, and of those who are due each five more.
  it("takes four calls and one for each thousand, and five for each user that is due, however many they are", async () => {
    for (const users of [500, 2000]) {
      const due = dueAmong({ users, duePercent: 1 });
      const idle = 4 + Math.ceil(users / 1000);
      expect([await callsOf(users, 0), await callsOf(users, 1)]).toEqual([idle, idle + 5 * due]);
    }
  });
});
