import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { auditText } from "../../src/report/audit.ts";
import { bare, hostile, isTame, linesIn, marked } from "./reports.ts";

const HEAD = "a".repeat(64);
const run = (told: Partial<{ run: string; lines: number; head: string; complete: boolean }> = {}) => ({
  run: "run-1",
  lines: 7,
  head: HEAD,
  complete: true,
  ...told,
});

const fooled = (each: string) =>
  auditText(each, { runs: [run({ run: each, head: each })], broken: { line: 1, why: each } }, null, bare);

describe("what the check of an audit says", () => {
  it("of one that holds: which runs it has, and what that excludes and what not", () => {
    const shown = auditText(
      "audit.jsonl",
      { runs: [run(), run({ run: "run-2", complete: false })], broken: null },
      null,
      bare,
    );
    expect(shown).toContain("audit.jsonl");
    expect(shown).toMatch(/run-1 +7 +whole +a{64}/);
    expect(shown).toMatch(/run-2 +7 +no last line: it died, runs still, or was cut +a{64}/);
    expect(shown).toContain("The chain of 2 runs holds.");
    expect(shown).toContain(
      "This excludes: a line that was changed, removed, added or moved within a run after it was written.",
    );
    expect(shown).toContain(
      "It cannot exclude: an end that was cut off, a whole run that was removed, or a file that was written anew",
    );
    expect(shown).toContain("It never excludes that a step was not written down in the first place.");
  });

  it("of one that is broken: where, and how", () => {
    const shown = auditText("audit.jsonl", { runs: [run()], broken: { line: 9, why: "it was changed" } }, null, marked);
    expect(shown).toContain("<red>BROKEN at line 9: it was changed</red>");
    expect(shown).not.toContain("holds");
  });

  it("of a head that was kept elsewhere: whether it is there, and what that excludes besides", () => {
    const found = auditText("audit.jsonl", { runs: [run()], broken: null }, HEAD, bare);
    expect(found).toContain(`${HEAD} (the head given)`);
    expect(found).toContain("The head that was given is in it.");
    expect(found).toContain("It excludes too, for the run with the head given: that its end was cut off");
    expect(found).not.toContain("It cannot exclude");
    const lost = auditText("audit.jsonl", { runs: [run()], broken: null }, "b".repeat(64), marked);
    expect(lost).toContain("<red>The head that was given is NOT in it");
    expect(lost).toContain("It cannot exclude");
  });

  it("of an empty file", () => {
    expect(auditText("audit.jsonl", { runs: [], broken: null }, null, bare)).toContain("The chain of 0 runs holds.");
  });

  it("does nothing to a terminal and gains no line, whatever somebody wrote into the file", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(isTame(fooled(text))).toBe(true);
        expect(linesIn(fooled(text))).toBe(linesIn(fooled("a text")));
      }),
      { numRuns: 200 },
    );
  });
});
