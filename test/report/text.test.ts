import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { UserReport } from "../../src/core/result.ts";
import { days, hours, instant } from "../../src/core/time.ts";
import { planText, runText, scanText } from "../../src/report/text.ts";
import { hostile, id, isTame, keyWith, linesIn, marked, NOW, setting, stepWith, userWith } from "./reports.ts";

const old = keyWith({ accessKeyId: id("OLD"), createDate: instant(NOW - days(120)) });
const fresh = keyWith({ accessKeyId: id("NEW"), createDate: instant(NOW - days(1)), code: "young" });

const noLimit = () => null;
const limitOf = (count: number) => () => days(count);

describe("an inventory", () => {
  it("has a line a key, under the user", () => {
    const shown = scanText(
      [userWith({ keys: [old, fresh] }), userWith({ userName: "other-bot", keys: [] })],
      setting(),
    );
    expect(shown).toContain("2 users in account 123456789012");
    const [first, second, none] = [id("OLD"), id("NEW"), "other-bot"].map((text) =>
      shown.split("\n").find((line) => line.includes(text)),
    );
    expect(first).toMatch(/^ci-bot +AKIA0+OLD +Active +120d +5h ago, s3 +due: due/);
    expect(second).toMatch(/^ +AKIA0+NEW +Active +1d/);
    expect(none).toMatch(/^other-bot +- /);
  });

  it("tells a key that was never used from one of which nobody asked", () => {
    const shown = scanText(
      [userWith({ keys: [keyWith({ lastUse: null }), keyWith({ accessKeyId: id("NEW"), lastUse: "unread" })] })],
      setting(),
    );
    expect(shown).toMatch(/OLD .* never /);
    expect(shown).toMatch(/NEW .* not read$/m);
  });

  it("lists who needs a person", () => {
    const shown = scanText(
      [userWith({ outcome: "blocked", code: "unexplained", command: ["retire", "ci-bot", id("OLD")] })],
      setting(),
    );
    expect(shown).toContain("Needs a person (1)");
    expect(shown).toContain("keyturn retire ci-bot");
  });

  it("of nobody says so", () => {
    expect(scanText([], setting())).toContain("0 users in account 123456789012");
  });
});

describe("a plan", () => {
  it("says what would be done, where it would be delivered, and why", () => {
    const planned = [{ kind: "delete", key: id("OLD") } as const, { kind: "rotate", known: [id("NEW")] } as const];
    const lines = planText([userWith({ planned })], 10, noLimit, setting()).split("\n");
    expect(lines[0]).toBe("Plan for account 123456789012: 1 user of 1 would change");
    expect(lines.find((line) => line.includes("delete"))).toMatch(/^ci-bot +delete AKIA0+OLD +it is 120d old$/);
    expect(lines.find((line) => line.includes("successor of"))).toMatch(
      /^ +create a successor of AKIA0+NEW +ssm:\/keys\/ci-bot +then$/,
    );
  });

  it("says that no destination is given", () => {
    expect(planText([userWith({ destinations: [] })], 10, noLimit, setting())).toContain("no destination given");
  });

  it("says how many runs a backlog takes", () => {
    const users = ["a", "b", "c", "d", "e"].map((userName, index) =>
      userWith({ userName, outcome: index < 2 ? "due" : "deferred" }),
    );
    expect(planText(users, 2, noLimit, setting())).toContain(
      "3 rotations deferred: at 2 a run, the backlog takes 3 runs (--max-rotations).",
    );
    expect(planText(users, 0, noLimit, setting())).toContain("the backlog takes 5 runs");
    expect(planText([userWith()], 2, noLimit, setting())).not.toContain("deferred");
  });

  it("says which users pass the limit on age", () => {
    const young = userWith({ keys: [fresh] });
    expect(planText([young], 10, limitOf(90), setting())).toContain("No key passes the limit of 90d.");
    expect(planText([userWith({ keys: [fresh, old] })], 10, limitOf(90), setting())).toMatch(
      /1 user with a key that passes the limit of 90d:\n {2}ci-bot: AKIA0+OLD passes it on 2026-05-16/,
    );
    expect(planText([userWith({ keys: [fresh], outcome: "blocked" })], 10, limitOf(90), setting())).toContain(
      "passes it on 2026-09-12",
    );
    expect(planText([userWith({ keys: [keyWith({ status: "Inactive" })] })], 10, limitOf(90), setting())).toContain(
      "No key passes",
    );
  });
});

describe("the account of a run", () => {
  it("says what was done, and what comes next", () => {
    const next = { what: "the old key is deactivated", at: instant(NOW + hours(3)) };
    const shown = runText([userWith({ outcome: "changed", steps: [stepWith()], next })], setting());
    expect(shown).toMatch(
      /ci-bot +rotated +AKIA0+NEW delivered to ssm:\/keys\/ci-bot +next: the old key is deactivated, not before 2026-06-15T15:00:00Z/,
    );
    expect(shown).toContain("1 changed · 1 rotated");
  });

  it("says why, where nothing comes next", () => {
    const step = stepWith({ action: { kind: "delete", key: id("OLD") }, created: null, sentence: "its time is over" });
    expect(runText([userWith({ outcome: "changed", steps: [step], next: null })], setting())).toMatch(
      /deleted +delete AKIA0+OLD +its time is over/,
    );
  });

  it("does not count what failed as done", () => {
    const shown = runText(
      [userWith({ outcome: "failed", steps: [stepWith({ result: "failed", sentence: "ssm said no" })] })],
      setting(),
    );
    expect(shown).toContain("ssm said no");
    expect(shown).toContain("1 failed");
    expect(shown).not.toContain("rotated");
  });

  it.each([
    ["failed", "Failed (1)"],
    ["blocked", "Needs a person (1)"],
    ["interrupted", "Not begun (1)"],
    ["deferred", "Deferred to the next run (1)"],
    ["not-in-plan", "Not in the plan (1)"],
  ] as const)("names who is %s", (outcome, title) => {
    expect(runText([userWith({ outcome })], setting())).toContain(title);
  });
});

/** A user with the same made-up texts wherever texts come from outside. */
const fooled = (userName: string, text: string): readonly UserReport[] => {
  const outcomes = [
    "due",
    "blocked",
    "failed",
    "changed",
    "waiting",
    "deferred",
    "interrupted",
    "not-in-plan",
  ] as const;
  return outcomes.map((outcome) =>
    userWith({
      userName,
      outcome,
      sentence: text,
      next: { what: text, at: NOW },
      command: outcome === "blocked" ? ["retire", userName, id("OLD")] : null,
      destinations: [text],
      keys: [keyWith({ sentence: text, lastUse: { at: NOW, service: text, region: text } })],
      steps:
        outcome === "changed" || outcome === "failed"
          ? [stepWith({ sentence: text, hint: text, result: outcome === "failed" ? "failed" : "done" })]
          : [],
    }),
  );
};

describe("a report for people", () => {
  const kinds = {
    inventory: (users: readonly UserReport[]) => scanText(users, setting()),
    plan: (users: readonly UserReport[]) => planText(users, 1, limitOf(90), setting()),
    run: (users: readonly UserReport[]) => runText(users, setting()),
  };

  it.each(Object.entries(kinds))(
    "does nothing to a terminal and gains no line by made-up names and sentences: %s",
    (_, show) => {
      fc.assert(
        fc.property(hostile, hostile, (userName, text) => {
          const shown = show(fooled(userName, text));
          expect(isTame(shown)).toBe(true);
          expect(linesIn(shown)).toBe(linesIn(show(fooled("ci-bot", "a text"))));
        }),
        { numRuns: 100 },
      );
    },
  );

  it("is painted only where the reader can see it", () => {
    expect(scanText(fooled("ci-bot", "a text"), setting())).not.toContain("\u001B");
    expect(scanText(fooled("ci-bot", "a text"), setting({ paint: marked }))).toContain("<bold>ci-bot</bold>");
  });
});
