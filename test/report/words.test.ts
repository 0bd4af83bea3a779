import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action, Command } from "../../src/core/decision.ts";
import { instant } from "../../src/core/time.ts";
import {
  actionWords,
  commandLine,
  doneWord,
  list,
  outcomeStyle,
  plural,
  summarize,
  whenWords,
} from "../../src/report/words.ts";
import { bare, hostile, id, isTame, linesIn, NOW, setting, stepWith, userWith } from "./reports.ts";

/** The words that a shell makes of a line, and nothing else that it did. */
function wordsIn(shell: string, line: string): readonly string[] {
  const { stdout, stderr, status } = spawnSync(shell, ["-c", `printf '%s\\0' ${line}`], {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", HOME: "/nowhere" },
  });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\0").slice(0, -1);
}

const shells = ["sh", "bash", "dash", "zsh"].filter((shell) => spawnSync(shell, ["-c", ":"]).status === 0);

describe("a command that is printed", () => {
  const word = fc.oneof(
    fc.string({ unit: fc.constantFrom(..."aZ09_+=,.@-"), minLength: 1, maxLength: 8 }),
    fc.string({ unit: fc.constantFrom(..." '\"$`\\!*?[]{}()<>|&;#~=\n\tabc,.1"), maxLength: 8 }),
    fc.string({ unit: "binary", maxLength: 6 }).map((text) => text.replaceAll("\0", "")),
    hostile.map((text) => text.replaceAll("\0", "")),
    fc.constantFrom(
      "ssm:/keys/{user}",
      "file:./keys/{path}/{user}.json",
      "{a,b}",
      "{1..3}",
      "a{b,c}d",
      "=ls",
      "~",
      "~root",
      "-n",
      "*",
      "$HOME",
      "!!",
      "'",
      "a'b",
      "",
    ),
  );

  it.each(shells)("is read by %s as the very words that it is made of, whatever names somebody made up", (shell) => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 30 }), fc.array(word, { maxLength: 5 }), (words, flags) => {
        const line = commandLine(words as unknown as Command, flags); // a command is a list that is not empty
        expect(wordsIn(shell, line)).toEqual(["keyturn", ...words, ...flags]);
      }),
      { numRuns: 60 },
    );
  });

  it("(there is a shell to try it)", () => {
    expect(shells).toContain("sh");
  });

  it.each<[Command, string]>([
    [["rotate", "ci-bot"], "keyturn rotate ci-bot"],
    [
      ["retire", "ops@example.com", id("OLD"), "--delete"],
      "keyturn retire ops@example.com AKIA0000000000000OLD --delete",
    ],
    [["run", "--deliver", "ssm:/keys/{path}/{user}"], "keyturn run --deliver ssm:/keys/{path}/{user}"],
    [["run", "--deliver", "ssm:/k/{user}?tier=x&y=1"], "keyturn run --deliver 'ssm:/k/{user}?tier=x&y=1'"],
    [["rotate", "two words"], "keyturn rotate 'two words'"],
    [["rotate", "it's"], String.raw`keyturn rotate 'it'\''s'`],
    [["rotate", ""], "keyturn rotate ''"],
    [["rotate", "{a,b}"], "keyturn rotate '{a,b}'"],
    [["rotate", "{1..9}"], "keyturn rotate '{1..9}'"],
    [["rotate", "=ls"], "keyturn rotate '=ls'"],
    [["rotate", "a\nb"], "keyturn rotate 'a\nb'"],
  ])("is quoted no more than it needs: %j", (command, line) => {
    expect(commandLine(command)).toBe(line);
  });
});

describe("an action", () => {
  const actions: readonly Action[] = [
    { kind: "rotate", known: [id("OLD")] },
    { kind: "resume", key: id("NEW"), known: [id("OLD")] },
    { kind: "remove-orphan", key: id("NEW") },
    { kind: "mark-delivered", key: id("NEW"), old: [id("OLD")] },
    { kind: "clear-escrow", key: id("NEW") },
    { kind: "deactivate", key: id("OLD"), successor: id("NEW"), others: [] },
    { kind: "delete", key: id("OLD") },
  ];

  it.each(actions)("has words of its own, with the key that it is about: $kind", (action) => {
    expect(actionWords(action)).toContain("key" in action ? action.key : id("OLD"));
    expect(doneWord[action.kind]).toMatch(/^[a-z ]+$/);
    expect(new Set(actions.map(actionWords)).size).toBe(actions.length);
  });

  it("that makes a first key names none", () => {
    expect(actionWords({ kind: "rotate", known: [] })).toBe("create a first key");
  });
});

describe("a date", () => {
  it("of today has its time of day, of another day only the day", () => {
    expect(whenWords(instant(NOW + 3_600_000), NOW)).toBe("2026-06-15T13:00:00Z");
    expect(whenWords(instant(NOW + 86_400_000), NOW)).toBe("2026-06-16");
  });
});

describe("the counts", () => {
  it("are of users by outcome, and of steps by what was done", () => {
    const users = [
      userWith({
        outcome: "changed",
        steps: [stepWith({ action: { kind: "delete", key: id("OLD") }, created: null }), stepWith()],
      }),
      userWith({ outcome: "changed", steps: [stepWith()] }),
      userWith({ outcome: "failed", steps: [stepWith({ result: "failed" })] }),
      userWith({ outcome: "settled" }),
    ];
    expect(summarize(users)).toEqual({
      users: 4,
      readExactly: 4,
      ruledOut: {},
      outcomes: { changed: 2, failed: 1, settled: 1 },
      done: { deleted: 1, rotated: 2 },
    });
    expect(summarize([])).toEqual({ users: 0, readExactly: 0, ruledOut: {}, outcomes: {}, done: {} });
  });

  it("are of one thing or of several", () => {
    expect([plural(0, "user"), plural(1, "user"), plural(2, "user")]).toEqual(["0 users", "1 user", "2 users"]);
  });

  it("have a style for every outcome", () => {
    expect(Object.keys(outcomeStyle)).toHaveLength(10);
  });
});

const blocked = (userName: string) =>
  userWith({
    userName,
    outcome: "blocked",
    code: "target-of-another-user",
    command: null,
    next: { what: `give ${userName} a target of its own`, at: null },
  });

describe("a list of users", () => {
  it("is nothing where there is nobody", () => {
    expect(list("Needs a person", [], setting())).toBe("");
  });

  it("says of each why, and what to type, with the flags of this invocation", () => {
    const user = userWith({
      outcome: "blocked",
      code: "unused-key",
      sentence: "it was never used",
      next: null,
      command: ["retire", "ci-bot", id("OLD")],
    });
    const shown = list("Needs a person", [user], setting({ flags: ["--profile", "my ops"] }));
    expect(shown).toContain("Needs a person (1)");
    expect(shown).toContain("unused-key");
    expect(shown).toContain("it was never used");
    expect(shown).toContain("keyturn retire ci-bot AKIA0000000000000OLD --profile 'my ops'");
  });

  it("says what comes next of each who has no command, also where that is not the same for all", () => {
    const shown = list("Needs a person", [blocked("a-bot"), blocked("b-bot")], setting());
    expect(shown).toContain("give a-bot a target of its own");
    expect(shown).toContain("give b-bot a target of its own");
    expect(list("Needs a person", [blocked("a-bot")], setting())).toContain("give a-bot a target of its own");
  });

  it("says of a step that failed what went wrong", () => {
    const user = userWith({
      outcome: "failed",
      sentence: "it is 120d old",
      steps: [stepWith({ result: "failed", sentence: "ssm said no" })],
    });
    expect(list("Failed", [user], setting())).toContain("ssm said no");
  });

  it("is not longer, and does nothing to a terminal, whatever names and sentences somebody made up", () => {
    fc.assert(
      fc.property(hostile, hostile, hostile, fc.boolean(), (userName, sentence, what, typed) => {
        const shown = (name: string, words: string, next: string) =>
          list(
            "Failed",
            [
              userWith({
                userName: name,
                sentence: words,
                next: { what: next, at: NOW },
                command: typed ? ["rotate", name] : null,
              }),
            ],
            setting({ paint: bare }),
          );
        const tame = shown("ci-bot", "a sentence", "a step");
        expect(isTame(shown(userName, sentence, what))).toBe(true);
        expect(linesIn(shown(userName, sentence, what))).toBe(linesIn(tame));
      }),
      { numRuns: 200 },
    );
  });
});
