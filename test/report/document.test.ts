import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { days, hours, instant } from "../../src/core/time.ts";
import { actionJson, document, type DocumentHead } from "../../src/report/document.ts";
import { hostile, id, keyWith, NOW, stepWith, userWith } from "./reports.ts";

const head = (schema: DocumentHead["schema"] = "keyturn/run/v1"): DocumentHead => ({
  schema,
  keyturn: "0.1.0",
  run: "5b1e6c0e",
  account: "123456789012",
  caller: "arn:aws:iam::123456789012:user/ops",
  startedAt: instant(NOW - hours(1)),
  endedAt: NOW,
});

type Json = ReturnType<typeof document> & Record<string, unknown>;
const parsed = (made: ReturnType<typeof document>): Json => JSON.parse(JSON.stringify(made)) as Json;

const ageOf = (ms: number) =>
  parsed(document(head(), {}, [userWith({ keys: [keyWith({ createDate: instant(NOW - ms) })] })])).users[0]?.keys[0]
    ?.ageDays;

describe("a JSON document", () => {
  it.each(["keyturn/scan/v1", "keyturn/plan/v1", "keyturn/run/v1"] as const)(
    "begins with who, when and %s, and ends with the counts",
    (schema) => {
      const made = parsed(
        document(head(schema), { settings: "0123", dryRun: false }, [userWith(), userWith({ outcome: "settled" })]),
      );
      expect(Object.keys(made)).toEqual([
        "schema",
        "keyturn",
        "run",
        "account",
        "caller",
        "startedAt",
        "endedAt",
        "settings",
        "dryRun",
        "users",
        "summary",
      ]);
      expect(made).toMatchObject({
        schema,
        account: "123456789012",
        startedAt: "2026-06-15T11:00:00Z",
        endedAt: "2026-06-15T12:00:00Z",
      });
      expect(made.summary).toEqual({
        users: 2,
        readExactly: 2,
        ruledOut: {},
        outcomes: { due: 1, settled: 1 },
        done: {},
      });
    },
  );

  it("of nobody is one", () => {
    expect(parsed(document(head(), {}, []))).toMatchObject({
      users: [],
      summary: { users: 0, readExactly: 0, ruledOut: {}, outcomes: {}, done: {} },
    });
  });

  it("says of a user all that a report for people does", () => {
    const user = userWith({
      outcome: "changed",
      command: ["retire", "ci-bot", id("OLD")],
      keys: [
        keyWith(),
        keyWith({ accessKeyId: id("NEW"), lastUse: null, next: { what: "it is deleted", at: null } }),
        keyWith({ lastUse: "unread" }),
      ],
      steps: [stepWith(), stepWith({ result: "failed", created: null, hint: "try again" })],
    });
    expect(parsed(document(head(), {}, [user])).users).toEqual([
      {
        userName: "ci-bot",
        path: "/",
        outcome: "changed",
        code: "due",
        sentence: "it is 120d old",
        readExactly: true,
        next: { what: "a successor is made", at: "2026-06-18T12:00:00Z" },
        command: "keyturn retire ci-bot AKIA0000000000000OLD",
        keys: [
          {
            accessKeyId: id("OLD"),
            status: "Active",
            createDate: "2026-02-15T12:00:00Z",
            ageDays: 120,
            lastUse: { at: "2026-06-15T07:00:00Z", service: "s3", region: "eu-west-1" },
            role: "current",
            code: "due",
            sentence: "it is 120d old",
            next: null,
          },
          expect.objectContaining({ accessKeyId: id("NEW"), lastUse: null, next: { what: "it is deleted", at: null } }),
          expect.objectContaining({ lastUse: "unread" }),
        ],
        destinations: ["ssm:/keys/ci-bot"],
        planned: [{ action: "rotate", accessKeyIds: [id("OLD")] }],
        steps: [
          {
            action: "rotate",
            accessKeyIds: [id("OLD")],
            result: "done",
            created: id("NEW"),
            sentence: "it is 120d old",
            hint: null,
          },
          {
            action: "rotate",
            accessKeyIds: [id("OLD")],
            result: "failed",
            created: null,
            sentence: "it is 120d old",
            hint: "try again",
          },
        ],
        notices: [],
        notes: [],
      },
    ]);
  });

  it("has a value for every field: null where there is none", () => {
    const made = document(head(), {}, [
      userWith({ next: null, command: null, keys: [keyWith({ next: null })], steps: [stepWith({ created: null })] }),
    ]);
    const missing = (value: unknown): boolean =>
      value === undefined || (typeof value === "object" && value !== null && Object.values(value).some(missing));
    expect(missing(made)).toBe(false);
  });

  it("counts the days of an age that are over", () => {
    expect([ageOf(0), ageOf(days(1) - 1), ageOf(days(1)), ageOf(-86_400_000)]).toEqual([0, 0, 1, 0]);
  });

  it("names the keys of an action: the key itself, its successor, then the others", () => {
    expect(actionJson({ kind: "deactivate", key: id("A"), successor: id("B"), others: [id("C")] })).toEqual({
      action: "deactivate",
      accessKeyIds: [id("A"), id("B"), id("C")],
    });
    expect(actionJson({ kind: "resume", key: id("B"), known: [id("A")] })).toEqual({
      action: "resume",
      accessKeyIds: [id("B"), id("A")],
    });
    expect(actionJson({ kind: "rotate", known: [] })).toEqual({ action: "rotate", accessKeyIds: [] });
  });

  it("is read back with every text as it was, whatever somebody made up, and is one line where it is printed so", () => {
    fc.assert(
      fc.property(hostile, hostile, (userName, text) => {
        const user = userWith({
          userName,
          sentence: text,
          destinations: [text],
          next: { what: text, at: null },
          steps: [stepWith({ sentence: text, hint: text })],
        });
        const line = JSON.stringify(document(head(), {}, [user]));
        expect(line).not.toMatch(/[\n\r]/);
        expect((JSON.parse(line) as Json).users[0]).toMatchObject({
          userName,
          sentence: text,
          destinations: [text],
          next: { what: text },
          steps: [{ sentence: text, hint: text }],
        });
      }),
      { numRuns: 200 },
    );
  });
});
