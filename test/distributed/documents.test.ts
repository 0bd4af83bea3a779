import { describe, expect, it } from "vitest";
import type { AccountReport } from "../../src/core/account-result.ts";
import type { UserReport } from "../../src/core/result.ts";
import { readLatest, readPart, readPlan, type RunPart, type RunPlan } from "../../src/distributed/documents.ts";
import { changedIn, mergeAccounts } from "../../src/distributed/merge.ts";
import { accountDocument } from "../../src/report/accounts.ts";
import { NOW, stepWith, userWith } from "../report/reports.ts";

const RUN = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
const ACCOUNT = "111122223333";

const report = (more: Partial<AccountReport> = {}): AccountReport => ({
  account: ACCOUNT,
  name: "prod",
  outcome: "done",
  code: "done",
  sentence: "",
  hint: null,
  caller: "arn:aws:sts::111122223333:assumed-role/KeyturnMember/keyturn-1",
  listing: null,
  audit: { head: "abc", file: null },
  notes: [],
  ...more,
});

const documentOf = (users: readonly UserReport[], more: Partial<AccountReport> = {}) =>
  accountDocument(report(more), users, NOW);

const changed = (userName: string) => userWith({ userName, outcome: "changed", steps: [stepWith()] });
const left = (userName: string) => userWith({ userName, outcome: "interrupted", steps: [] });
const settled = (userName: string) => userWith({ userName, outcome: "settled", steps: [], planned: [] });

const part = (more: Partial<RunPart> = {}): RunPart => ({
  schema: "keyturn/run-account/v1",
  keyturn: "0.1.0",
  run: RUN,
  account: ACCOUNT,
  dryRun: false,
  config: "sha256:00",
  state: "finished",
  by: "x",
  writtenAt: "2026-01-05T08:00:00Z",
  granted: ["a"],
  report: documentOf([
    changed("a"),
    userWith({ userName: "b", outcome: "blocked", code: "no-free-slot" }),
    userWith({ userName: "c", outcome: "settled", code: "looks-young", ruledOut: "looks-young", keys: [] }),
  ]),
  ...more,
});

const plan: RunPlan = {
  schema: "keyturn/run-plan/v1",
  keyturn: "0.1.0",
  run: RUN,
  account: "999988887777",
  caller: "arn:aws:sts::999988887777:assumed-role/planner/x",
  startedAt: "2026-01-05T08:00:00Z",
  config: "sha256:00",
  failOn: "blocked",
  members: [{ account: ACCOUNT, name: null }],
  left: [{ account: "444455556666", name: "x", code: "excluded", sentence: "it is" }],
};

describe("what is written down of a run", () => {
  it("is read as it was written", () => {
    expect(readPart(JSON.stringify(part()), "x")).toEqual(part());
    expect(readPart(JSON.stringify(part({ report: null, state: "begun" })), "x").report).toBeNull();
    expect(readPlan(JSON.stringify(plan), "x")).toEqual(plan);
    expect(readLatest(JSON.stringify({ run: RUN }), "x")).toBe(RUN);
  });

  it("is counted anew: sums that somebody else wrote are not believed", () => {
    const forged = { ...part(), report: { ...part().report, summary: { users: 0 }, stuck: {} } };
    expect(readPart(JSON.stringify(forged), "x")).toEqual(part());
  });

  it.each([
    ["no JSON", "{"],
    ["nothing", "null"],
    ["another schema", JSON.stringify({ ...part(), schema: "keyturn/run-account/v2" })],
    ["a moment that is none", JSON.stringify({ ...part(), writtenAt: "2026-02-31T08:00:00Z" })],
    ["an account that is none", JSON.stringify({ ...part(), account: "../x" })],
    ["the report of another account", JSON.stringify({ ...part(), account: "444455556666" })],
    ["an outcome that nobody knows", JSON.stringify({ ...part(), report: { ...part().report, outcome: "fine" } })],
    ["users that are no list", JSON.stringify({ ...part(), report: { ...part().report, users: {} } })],
  ])("is refused with its place where it cannot be read: %s", (_, text) => {
    expect(() => readPart(text, "s3://b/part.json")).toThrow(/^s3:\/\/b\/part\.json cannot be read/);
  });

  it("cannot put a name where it does harm", () => {
    const forged = JSON.stringify(part()).replaceAll('"no-free-slot"', '"__proto__"');
    expect(readPart(forged, "x").report?.stuck).toEqual(Object.fromEntries([["__proto__", 1]]));
    expect(({} as Record<string, unknown>)["1"]).toBeUndefined();
  });
});

describe("two workers' results of one account", () => {
  it("keep what the earlier one changed, with its steps, and take the rest from the later one", () => {
    const earlier = documentOf([changed("a"), left("b"), left("gone")], {
      outcome: "interrupted",
      code: "interrupted",
      notes: ["one"],
    });
    const later = documentOf([changed("b"), settled("c")], { notes: ["one", "two"] });
    const merged = mergeAccounts(earlier, later);
    expect(merged.users.map(({ userName, outcome }) => [userName, outcome])).toEqual([
      ["a", "changed"],
      ["b", "changed"],
      ["c", "settled"],
    ]);
    expect(merged).toMatchObject({
      outcome: "done",
      notes: ["one", "two"],
      summary: { users: 3, done: { rotated: 2 } },
    });
    expect([...changedIn(merged)]).toEqual(["a", "b"]);
    expect(mergeAccounts(null, later)).toBe(later);
  });

  it("tell all steps of a user whom both had in hand, in order, and how it stands now", () => {
    const failed = userWith({
      userName: "a",
      outcome: "failed",
      steps: [stepWith({ result: "failed", created: null })],
    });
    const merged = mergeAccounts(documentOf([failed]), documentOf([changed("a")]));
    expect(merged.users[0]).toMatchObject({ outcome: "changed" });
    expect(merged.users[0]?.steps.map(({ result }) => result)).toEqual(["failed", "done"]);
    // A user that was changed and is looked at again, later, is still changed.
    expect(mergeAccounts(documentOf([changed("a")]), documentOf([settled("a")])).users).toEqual(
      documentOf([changed("a")]).users,
    );
  });

  it("call a user changed though one that was there at the same time came to nothing, and was the last to write", () => {
    const stopped = userWith({
      userName: "a",
      outcome: "waiting",
      steps: [stepWith({ result: "stopped", created: null })],
    });
    const merged = mergeAccounts(documentOf([changed("a")]), documentOf([stopped]));
    expect(merged.users[0]).toMatchObject({ outcome: "changed" });
    expect(merged.users[0]?.steps.map(({ result }) => result)).toEqual(["done", "stopped"]);
  });

  it("forget nobody where the later one could not even enter", () => {
    const merged = mergeAccounts(
      documentOf([changed("a"), left("b")]),
      documentOf([], { outcome: "failed", code: "assume-denied", caller: null }),
    );
    expect(merged).toMatchObject({ outcome: "failed", code: "assume-denied", caller: report().caller });
    expect(merged.users.map(({ outcome }) => outcome)).toEqual(["changed", "interrupted"]);
  });
});
