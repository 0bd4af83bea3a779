import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type AccountReport, accountReasons } from "../../src/core/account-result.ts";
import type { UserReport } from "../../src/core/result.ts";
import { accountDocument, accountsText, linesOf, Totals } from "../../src/report/accounts.ts";
import { bare, NOW, stepWith, userWith } from "./reports.ts";

const accountOf = (told: Partial<AccountReport> = {}): AccountReport => ({
  account: "111122223333",
  name: "prod",
  outcome: "done",
  code: "done",
  sentence: "",
  hint: null,
  caller: "arn:aws:sts::111122223333:assumed-role/KeyturnMember/keyturn-1",
  listing: null,
  audit: null,
  notes: [],
  ...told,
});

/** Counts an account with these users. */
const count = (totals: Totals, ...[report, users]: [AccountReport, readonly UserReport[]]): void =>
  totals.add(accountDocument(report, users, NOW));

const blocked = userWith({
  userName: "two",
  outcome: "blocked",
  code: "no-free-slot",
  sentence: "both slots are taken",
  command: ["retire", "two", "AKIA1"],
  planned: [],
});

describe("the report about many accounts", () => {
  it("adds up accounts, users, and what is stuck", () => {
    const totals = new Totals();
    count(totals, accountOf(), [userWith({ outcome: "changed", steps: [stepWith()] }), blocked]);
    count(totals, accountOf({ account: "444455556666" }), [
      blocked,
      userWith({ outcome: "failed", code: "read-failed" }),
    ]);
    count(totals, accountOf({ account: "777788889999", outcome: "failed", code: "assume-denied" }), []);
    expect(totals.summary()).toMatchObject({
      accounts: 3,
      accountOutcomes: { done: 2, failed: 1 },
      users: 4,
      outcomes: { blocked: 2, changed: 1, failed: 1 },
      done: { rotated: 1 },
      stuck: { users: 3, byReason: { "no-free-slot": 2, "read-failed": 1 } },
    });
    expect(totals.stuck.map(({ command }) => command)).toEqual([
      "keyturn retire two AKIA1 --account 111122223333",
      "keyturn retire two AKIA1 --account 444455556666",
      null,
    ]);
  });

  it("keeps no more than the first stuck users, and says how many there are", () => {
    const totals = new Totals();
    count(
      totals,
      accountOf(),
      Array.from({ length: 150 }, () => blocked),
    );
    count(
      totals,
      accountOf({ account: "444455556666" }),
      Array.from({ length: 150 }, () => blocked),
    );
    expect(totals.stuck).toHaveLength(200);
    expect(totals.summary().stuck.users).toBe(300);
    expect(accountsText("run", totals, bare)).toContain("and 100 more: --format ndjson tells of all");
  });

  it("has the same fields for a user in its lines and in its document", () => {
    const whole = accountDocument(accountOf(), [blocked], NOW);
    const [user, account] = linesOf(whole)
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const { users, ...rest } = whole;
    expect(user).toEqual({ type: "user", account: "111122223333", ...JSON.parse(JSON.stringify(users[0])) });
    expect(account).toEqual({ type: "account", ...JSON.parse(JSON.stringify(rest)) });
  });

  it("shows a person every account, why it was not done, and what to type", () => {
    const totals = new Totals();
    count(
      totals,
      accountOf({
        account: "777788889999",
        name: "\u001B[31mevil",
        outcome: "failed",
        code: "assume-denied",
        sentence: "it trusts nobody",
        hint: "look at its trust policy",
      }),
      [],
    );
    count(
      totals,
      accountOf({
        account: "444455556666",
        outcome: "skipped",
        code: "excluded",
        sentence: "the settings exclude it by id",
      }),
      [],
    );
    count(totals, accountOf(), [blocked, userWith({ outcome: "changed", steps: [stepWith()] })]);
    const text = accountsText("run", totals, bare);
    expect(text).not.toContain("\u001B");
    expect(text.split("\n")).toEqual([
      "run of 2 users in 1 account of 3",
      "",
      "ACCOUNT       NAME                              USERS  STUCK  WHAT",
      "111122223333  prod       done                   2      1      1 blocked, 1 changed, 1 rotated",
      "444455556666  prod       skipped: excluded                    the settings exclude it by id",
      "777788889999  \uFFFD[31mevil  failed: assume-denied",
      "",
      "Accounts to look at (1)",
      "  777788889999: it trusts nobody; look at its trust policy",
      "",
      "Stuck (1)",
      "  keyturn retire two AKIA1 --account 111122223333   # no-free-slot: both slots are taken",
      "",
      "1 blocked · 1 changed · 1 rotated",
    ]);
  });

  it("has a page that tells every reason of an account", () => {
    const page = readFileSync(new URL("../../docs/accounts.md", import.meta.url), "utf8");
    expect(Object.keys(accountReasons).filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });
});
