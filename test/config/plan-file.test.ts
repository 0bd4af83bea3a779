import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readPlan, type PlanExpectations } from "../../src/config/plan-file.ts";
import { accessKeyId, type AccessKeyId } from "../../src/core/access-key.ts";
import { type Action, sameAction } from "../../src/core/decision.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import type { UserReport } from "../../src/core/result.ts";
import { days, type Instant, instant, later, seconds } from "../../src/core/time.ts";
import { document } from "../../src/report/document.ts";

const MADE = instant(Date.UTC(2026, 0, 5, 8));
const WHERE = "plan.json";
const expected: PlanExpectations = {
  keyturn: "0.1.0",
  account: "123456789012",
  settings: "0123456789abcdef",
  now: later(MADE, seconds(60)),
};
const [a, b, c] = ["AKIA000000000000000A", "AKIA000000000000000B", "AKIA000000000000000C"].map(accessKeyId) as [
  AccessKeyId,
  AccessKeyId,
  AccessKeyId,
]; // three were given

const reportOf = (userName: string, planned: readonly Action[]): UserReport => ({
  userName,
  path: "/",
  outcome: "due",
  code: "due",
  sentence: "it is old",
  next: null,
  command: null,
  keys: [],
  destinations: ["ssm:/keys/x"],
  planned,
  steps: [],
});

/** A plan as the command writes it. */
function planText(users: readonly UserReport[], startedAt: Instant = MADE): string {
  const { keyturn, account, settings } = expected;
  const head = {
    schema: "keyturn/plan/v1",
    keyturn,
    run: "run-1",
    account,
    caller: "arn:aws:iam::123456789012:user/ops",
    startedAt,
    endedAt: later(startedAt, seconds(9)),
  } as const;
  return JSON.stringify(document(head, { settings }, users), null, 2);
}

/** The same plan with some of it changed by hand. */
const altered = (changes: Record<string, unknown>): string =>
  JSON.stringify({
    ...(JSON.parse(planText([reportOf("ci-bot", [{ kind: "rotate", known: [a] }])])) as object),
    ...changes,
  });

const withStep = (step: unknown): string => altered({ users: [{ userName: "ci-bot", planned: [step] }] });

/** What is wrong with a plan, and what to do about it. */
function refusal(text: string, expectations: PlanExpectations = expected): { message: string; hint: string | null } {
  try {
    readPlan(text, WHERE, expectations);
  } catch (error) {
    if (error instanceof InvalidInput) return { message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error("the plan was taken");
}

const AGAIN = "make a new one: keyturn plan --out plan.json";
const WRITES = "keyturn plan --out FILE writes a plan";

describe("a plan", () => {
  const key = fc.string({ unit: fc.constantFrom(..."ABCXYZ019_"), minLength: 16, maxLength: 20 }).map(accessKeyId);
  const keys = (minLength: number) => fc.uniqueArray(key, { minLength, maxLength: 5 });
  const action: fc.Arbitrary<Action> = fc.oneof(
    keys(0).map((known): Action => ({ kind: "rotate", known })),
    keys(1).map(([first, ...known]): Action => ({ kind: "resume", key: first as AccessKeyId, known })), // at least one was asked for
    keys(1).map(([first, ...old]): Action => ({ kind: "mark-delivered", key: first as AccessKeyId, old })),
    keys(2).map(([first, successor, ...others]): Action => ({
      kind: "deactivate",
      key: first as AccessKeyId,
      successor: successor as AccessKeyId,
      others,
    })),
    fc
      .tuple(key, fc.constantFrom("remove-orphan" as const, "clear-escrow" as const, "delete" as const))
      .map(([each, kind]): Action => ({ kind, key: each })),
  );

  it("is read back as it was written: the same actions, of the same users", () => {
    const users = fc.uniqueArray(
      fc.tuple(fc.string({ unit: "binary", maxLength: 10 }), fc.array(action, { maxLength: 3 })),
      { selector: ([name]) => name, maxLength: 5 },
    );
    fc.assert(
      fc.property(users, (all) => {
        const read = readPlan(planText(all.map(([name, planned]) => reportOf(name, planned))), WHERE, expected);
        expect([...read.keys()]).toEqual(all.map(([name]) => name));
        for (const [name, planned] of all) {
          const actions = read.get(name) ?? [];
          expect(actions.map((each, index) => sameAction(each, planned[index] ?? null))).toEqual(
            planned.map(() => true),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it("is read into actions with each key in its part", () => {
    const planned: readonly Action[] = [
      { kind: "deactivate", key: a, successor: b, others: [c] },
      { kind: "resume", key: b, known: [a, c] },
      { kind: "mark-delivered", key: c, old: [b, a] },
    ];
    expect(readPlan(planText([reportOf("ci-bot", planned)]), WHERE, expected).get("ci-bot")).toEqual(planned);
  });

  it("without any user is one that allows nothing", () => {
    expect(readPlan(planText([]), WHERE, expected).size).toBe(0);
  });

  it("is good for a day, and for the minute that clocks differ by", () => {
    const text = planText([]);
    expect(readPlan(text, WHERE, { ...expected, now: later(MADE, days(1)) }).size).toBe(0);
    expect(readPlan(text, WHERE, { ...expected, now: instant(MADE - 60_000) }).size).toBe(0);
  });

  it("is taken whatever else stands in it: targets, policies and reasons are never read", () => {
    const more = {
      policy: { rotateAfter: 0 },
      deliver: ["file:/tmp/stolen"],
      dryRun: false,
      summary: "lies",
      caller: 7,
    };
    const users = [
      {
        userName: "ci-bot",
        destinations: ["file:/tmp/stolen"],
        sentence: 9,
        outcome: "x",
        planned: [{ action: "rotate", accessKeyIds: [a], deliver: "file:/tmp/stolen", force: true }],
      },
    ];
    expect([...readPlan(altered({ ...more, users }), WHERE, expected)]).toEqual([
      ["ci-bot", [{ kind: "rotate", known: [a] }]],
    ]);
  });
});

describe("a plan is refused", () => {
  it.each([
    ["by another version", { keyturn: "0.2.0" }, "plan.json was made by keyturn 0.2.0, this is 0.1.0", AGAIN],
    [
      "for another account",
      { account: "210987654321" },
      "plan.json is for account 210987654321, these credentials are for 123456789012",
      "check the profile",
    ],
    [
      "with other settings",
      { settings: "fedcba9876543210" },
      "plan.json was made with another policy, other destinations, another escrow or region",
      "give the same flags and configuration as to keyturn plan, or make a new plan",
    ],
    ["at no time", { startedAt: "yesterday" }, 'plan.json: "yesterday" is not when a plan was made', AGAIN],
    [
      "on a day that does not exist",
      { startedAt: "2026-02-30T00:00:00Z" },
      'plan.json: "2026-02-30T00:00:00Z" is not when a plan was made',
      AGAIN,
    ],
    [
      "in the future",
      { startedAt: "2026-01-05T08:02:01Z" },
      'plan.json: "2026-01-05T08:02:01Z" is not when a plan was made',
      AGAIN,
    ],
    [
      "too long ago",
      { startedAt: "2026-01-04T08:00:59Z" },
      "plan.json was made on 2026-01-04T08:00:59Z, more than a day ago",
      AGAIN,
    ],
  ])("that was made %s", (_, changes, message, hint) => {
    expect(refusal(altered(changes))).toEqual({ message, hint });
  });

  it.each(["", "{", "hello", "{'schema': 1}", "\u0000", '{"schema":"keyturn/plan/v1"', "NaN"])(
    "that is not JSON: %j",
    (text) => {
      expect(refusal(text)).toEqual({ message: "plan.json is not JSON", hint: WRITES });
    },
  );

  it.each<[string, string, string]>([
    ["null", "null", ""],
    ["a number", "7", ""],
    ["a list", "[]", ""],
    ["an empty object", "{}", "schema"],
    ["the result of a run", altered({ schema: "keyturn/run/v1" }), "schema"],
    ["a plan of a later format", altered({ schema: "keyturn/plan/v2" }), "schema"],
    ["no version", altered({ keyturn: undefined }), "keyturn"],
    ["an account of other characters", altered({ account: "12345678901x" }), "account"],
    ["an account of thirteen digits", altered({ account: "1234567890123" }), "account"],
    ["an account that is a number", altered({ account: 123456789012 }), "account"],
    ["settings that are an object", altered({ settings: {} }), "settings"],
    ["a date that is a number", altered({ startedAt: 1767600000 }), "startedAt"],
    ["a version that a terminal would act on", altered({ keyturn: "\u001B[2J0.1.0" }), "keyturn"],
    ["a version without end", altered({ keyturn: "0.1.0".repeat(100) }), "keyturn"],
    ["a date that turns the reading round", altered({ startedAt: "\u202Eyadretsey" }), "startedAt"],
    ["no users", altered({ users: undefined }), "users"],
    ["users by name", altered({ users: { "ci-bot": [] } }), "users"],
    ["a user without a name", altered({ users: [{ planned: [] }] }), "users.0.userName"],
    ["a user without steps", altered({ users: [{ userName: "ci-bot" }] }), "users.0.planned"],
    [
      "a user with endless steps",
      altered({
        users: [
          { userName: "ci-bot", planned: Array.from({ length: 11 }, () => ({ action: "rotate", accessKeyIds: [] })) },
        ],
      }),
      "users.0.planned",
    ],
    ["an unknown step", withStep({ action: "destroy", accessKeyIds: [a] }), "users.0.planned.0.action"],
    [
      "a step that every object has",
      withStep({ action: "constructor", accessKeyIds: [a] }),
      "users.0.planned.0.action",
    ],
    ["a step without keys", withStep({ action: "rotate" }), "users.0.planned.0.accessKeyIds"],
    ["a key that is none", withStep({ action: "delete", accessKeyIds: ["AKIA"] }), "users.0.planned.0.accessKeyIds.0"],
    [
      "a key with a line break",
      withStep({ action: "delete", accessKeyIds: [`${a}\n`] }),
      "users.0.planned.0.accessKeyIds.0",
    ],
    [
      "a key that is an object",
      withStep({ action: "delete", accessKeyIds: [{ length: 20 }] }),
      "users.0.planned.0.accessKeyIds.0",
    ],
    [
      "a step with endless keys",
      withStep({ action: "rotate", accessKeyIds: Array.from({ length: 21 }, () => a) }),
      "users.0.planned.0.accessKeyIds",
    ],
  ])("that is no plan: %s", (_, text, place) => {
    const { message, hint } = refusal(text);
    expect(message.startsWith(`plan.json is not a plan: ${place}`)).toBe(true);
    expect(message).not.toContain("\n");
    expect(hint).toBe(WRITES);
  });

  it.each([
    ["resume", []],
    ["mark-delivered", []],
    ["remove-orphan", []],
    ["clear-escrow", []],
    ["delete", []],
    ["deactivate", []],
    ["deactivate", [a]],
  ])("that has a step to %s with too few keys: %j", (action, accessKeyIds) => {
    expect(refusal(withStep({ action, accessKeyIds }))).toEqual({
      message: `plan.json: a step "${action}" names too few keys`,
      hint: null,
    });
  });
});

describe("a hostile plan", () => {
  it("cannot change what every object has", () => {
    const text = `{"schema":"keyturn/plan/v1","keyturn":"0.1.0","account":"123456789012","settings":"0123456789abcdef","startedAt":"2026-01-05T08:00:00Z",
      "__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},
      "users":[{"userName":"__proto__","__proto__":{"planned":[]},"planned":[{"action":"rotate","accessKeyIds":[],"__proto__":{"action":"delete"}}]},
               {"userName":"constructor","planned":[]}]}`;
    const read = readPlan(text, WHERE, expected);
    expect([...read.keys()]).toEqual(["__proto__", "constructor"]);
    expect(read.get("__proto__")).toEqual([{ kind: "rotate", known: [] }]);
    expect(read.get("hasOwnProperty")).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("may be huge, and is read or refused all the same", () => {
    const users = Array.from({ length: 20_000 }, (_, index) => ({
      userName: `user-${index}`,
      planned: [{ action: "rotate", accessKeyIds: [a] }],
    }));
    expect(readPlan(altered({ users }), WHERE, expected).size).toBe(20_000);
    const nested = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    expect(refusal(nested).hint).toBe(WRITES);
    expect(refusal(altered({ users: "x".repeat(5_000_000) })).message.length).toBeLessThan(200);
  });

  it("that names a user twice allows no more than the last time", () => {
    const users = [
      { userName: "ci-bot", planned: [{ action: "delete", accessKeyIds: [a] }] },
      { userName: "ci-bot", planned: [] },
    ];
    expect(readPlan(altered({ users }), WHERE, expected).get("ci-bot")).toEqual([]);
  });

  it("is read or refused, whatever is altered: nothing else happens", () => {
    const good = planText([reportOf("ci-bot", [{ kind: "deactivate", key: a, successor: b, others: [c] }])]);
    const alteration = fc.tuple(
      fc.integer({ min: 0, max: good.length - 1 }),
      fc.string({ unit: "binary", maxLength: 2 }),
      fc.integer({ min: 0, max: 3 }),
    );
    fc.assert(
      fc.property(alteration, ([at, put, gone]) => {
        const text = good.slice(0, at) + put + good.slice(at + gone);
        try {
          for (const planned of readPlan(text, WHERE, expected).values())
            expect(planned.length).toBeLessThanOrEqual(10);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInput);
        }
      }),
      { numRuns: 300 },
    );
  });
});
