import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accessKeyId } from "../../src/core/access-key.ts";
import { instant } from "../../src/core/time.ts";
import { Audit, type AuditFinding, verifyAudit } from "../../src/engine/audit.ts";
import type { Caller, Step } from "../../src/ports.ts";

const START = Date.UTC(2026, 0, 5, 8);

const caller: Caller = {
  account: "123456789012",
  arn: "arn:aws:iam::123456789012:user/ops",
  partition: "aws",
  userName: "ops",
  accessKeyId: accessKeyId("AKIAOPERATOR00000000"),
};

const step = (told: Partial<Step> = {}): Step => ({
  at: instant(START + 1_000),
  userName: "ci-bot",
  step: "create",
  outcome: "done",
  accessKeyIds: [accessKeyId("AKIAIOSFODNN7EXAMPLE")],
  reason: "",
  ...told,
});

interface Written {
  readonly lines: readonly string[];
  /** Kept elsewhere, as a run's result names it. */
  readonly head: string;
}

function written(run: string, steps: readonly Step[], ends = true): Written {
  const lines: string[] = [];
  const audit = new Audit({ run, caller, settings: "0123456789abcdef" }, (line) => lines.push(line));
  audit.begin(instant(START));
  for (const each of steps) audit.journal(each);
  if (ends) audit.end(instant(START + 60_000));
  return { lines, head: audit.head };
}

const rotation = ["record-creating", "create", "verify", "deliver", "record-delivered"].map((name) =>
  step({ step: name }),
);
const one = written("run-1", rotation);
const other = written("run-2", [step({ userName: "other-bot" }), step({ step: "deactivate" })]);

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");
const verify = (lines: readonly string[]): AuditFinding => verifyAudit(text(lines));
const without = <T>(items: readonly T[], at: number): T[] => items.filter((_, index) => index !== at);

describe("an audit as it was written", () => {
  it("holds, is whole, and ends in the head that the run names", () => {
    expect(verify(one.lines)).toEqual({
      runs: [{ run: "run-1", lines: 7, head: one.head, complete: true }],
      broken: null,
    });
  });

  it("holds without anything in it", () => {
    expect(verifyAudit("")).toEqual({ runs: [], broken: null });
    expect(verifyAudit("\n\n")).toEqual({ runs: [], broken: null });
  });

  it("holds of any steps, whatever their texts", () => {
    const any = fc.string({ unit: "binary", maxLength: 20 });
    const steps = fc.array(
      fc.record({
        userName: any,
        step: any,
        reason: any,
        outcome: fc.constantFrom("started", "done", "stopped", "failed", "unknown"),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(any, steps, (run, all) => {
        const { lines, head } = written(
          run,
          all.map((each) => step(each as Partial<Step>)),
        ); // the outcomes are those of a step
        for (const line of lines) expect(line).not.toContain("\n");
        expect(verify(lines)).toEqual({ runs: [{ run, lines: all.length + 2, head, complete: true }], broken: null });
      }),
      { numRuns: 100 },
    );
  });

  it("says what happened to whom, when, by whom and why", () => {
    expect(JSON.parse(one.lines[2] ?? "")).toMatchObject({
      when: "2026-01-05T08:00:01Z",
      run: "run-1",
      seq: 2,
      caller: caller.arn,
      account: "123456789012",
      user: "ci-bot",
      keys: ["AKIAIOSFODNN7EXAMPLE"],
      step: "create",
      outcome: "done",
    });
    expect(JSON.parse(one.lines[0] ?? "")).toMatchObject({
      step: "run",
      outcome: "started",
      reason: "settings 0123456789abcdef",
    });
    expect(JSON.parse(one.lines.at(-1) ?? "")).toMatchObject({ step: "run", outcome: "done", reason: "7 lines" });
  });

  it("holds of a run that died, and says that its end is missing", () => {
    const died = written("run-1", rotation, false);
    expect(verify(died.lines)).toEqual({
      runs: [{ run: "run-1", lines: 6, head: died.head, complete: false }],
      broken: null,
    });
  });

  it("holds of runs that wrote at the same time, however their lines are interleaved", () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }), (turns) => {
        const [left, right] = [[...one.lines], [...other.lines]];
        const mixed: string[] = [];
        for (const turn of turns) {
          const next = (turn ? left : right).shift();
          if (next !== undefined) mixed.push(next);
        }
        mixed.push(...left, ...right);
        const { runs, broken } = verify(mixed);
        expect(broken).toBeNull();
        expect(runs.toSorted((a, b) => (a.run < b.run ? -1 : 1))).toEqual([
          { run: "run-1", lines: 7, head: one.head, complete: true },
          { run: "run-2", lines: 4, head: other.head, complete: true },
        ]);
      }),
      { numRuns: 100 },
    );
  });

  it("goes on only from a line that could be kept", () => {
    const lines: string[] = [];
    let full = false;
    const audit = new Audit({ run: "run-1", caller, settings: "s" }, (line) => {
      if (full) throw new Error("no space left on device");
      lines.push(line);
    });
    audit.begin(instant(START));
    full = true;
    expect(() => audit.journal(step())).toThrow("no space left on device");
    full = false;
    audit.journal(step());
    audit.end(instant(START));
    expect(verify(lines)).toMatchObject({ runs: [{ lines: 3, head: audit.head, complete: true }], broken: null });
  });
});

describe("an audit that somebody altered", () => {
  const whole = text(written("run-1", [step()]).lines);
  const lineOf = (at: number): number => whole.slice(0, at).split("\n").length;

  it("is found out by any single character that is another", () => {
    for (let at = 0; at < whole.length - 1; at += 1) {
      for (const put of ["x", "0", " ", '"', "\n"]) {
        if (whole[at] === put) continue;
        const { broken } = verifyAudit(whole.slice(0, at) + put + whole.slice(at + 1));
        expect(broken, `${JSON.stringify(put)} at ${at}`).not.toBeNull();
        expect([lineOf(at), lineOf(at) + 1]).toContain(broken?.line);
      }
    }
  });

  it("is found out by any single character that is gone", () => {
    for (let at = 0; at < whole.length - 1; at += 1)
      expect(verifyAudit(whole.slice(0, at) + whole.slice(at + 1)).broken, `without ${at}`).not.toBeNull();
  });

  it("is found out by any single character more, though it means the same to a reader of JSON", () => {
    for (let at = 0; at < whole.length - 1; at += 1) {
      for (const put of [" ", "\t", "\r", "0", "-", "x", '"']) {
        const { broken } = verifyAudit(whole.slice(0, at) + put + whole.slice(at));
        expect(broken, `${JSON.stringify(put)} before ${at}`).not.toBeNull();
      }
    }
  });

  it("is found out by a field that is said twice, of which readers of JSON see only the last", () => {
    const line = one.lines[2] ?? "";
    const doubled = line.replace('"user":"ci-bot"', '"user":"somebody-else","user":"ci-bot"');
    expect(JSON.parse(doubled)).toEqual(JSON.parse(line));
    expect(verify(one.lines.with(2, doubled)).broken).toEqual({
      line: 3,
      why: "it is not written as keyturn writes it: it was changed",
    });
  });

  it("is found out by fields in another order, and by letters that are escaped", () => {
    const line = one.lines[2] ?? "";
    const { hash, ...body } = JSON.parse(line) as Record<string, unknown>;
    expect(verify(one.lines.with(2, JSON.stringify({ hash, ...body }))).broken?.line).toBe(3);
    expect(verify(one.lines.with(2, line.replace("ci-bot", "c\\u0069-bot"))).broken?.line).toBe(3);
  });

  it.each(one.lines.slice(0, -1).map((_, index) => index))("is found out by the loss of line %d", (at) => {
    expect(verify(without(one.lines, at)).broken).toMatchObject({ line: at + 1 });
  });

  it("is found out by any two lines that changed places", () => {
    for (let a = 0; a < one.lines.length; a += 1) {
      for (let b = a + 1; b < one.lines.length; b += 1) {
        const swapped = one.lines.with(a, one.lines[b] ?? "").with(b, one.lines[a] ?? "");
        expect(verify(swapped).broken).toMatchObject({ line: a + 1 });
      }
    }
  });

  it("is found out by a line that stands twice, and by one of another run that bears this run's name", () => {
    for (const [index, line] of one.lines.entries())
      expect(verify([...one.lines.slice(0, index + 1), line, ...one.lines.slice(index + 1)]).broken).toMatchObject({
        line: index + 2,
      });
    const forged = written("run-1", [step({ step: "forged" })]).lines[1] ?? "";
    for (let at = 0; at <= one.lines.length; at += 1)
      expect(verify([...one.lines.slice(0, at), forged, ...one.lines.slice(at)]).broken).not.toBeNull();
  });

  it("is found out where a line is written anew with a hash that fits it: the next one does not follow", () => {
    const forged = written("run-1", rotation.with(1, step({ userName: "somebody-else" })));
    expect(verify(one.lines.with(2, forged.lines[2] ?? "")).broken).toMatchObject({
      line: 4,
      why: "it does not follow on the line before it of the same run",
    });
  });

  it.each([
    "hello",
    "{}",
    "[]",
    "null",
    "1",
    '{"run":1,"seq":"0"}',
    '{"run":"run-1","seq":0,"prev":"","hash":""',
    "\u0000",
  ])("is found out by a line that is none: %j", (line) => {
    expect(verify([line, ...one.lines]).broken).toEqual({ line: 1, why: "it is not a line of an audit" });
  });

  it("names the runs that hold up to there", () => {
    const { runs, broken } = verify([...other.lines, ...one.lines.slice(0, 2), "hello"]);
    expect(broken?.line).toBe(7);
    expect(runs.map(({ run, complete }) => [run, complete])).toEqual([
      ["run-2", true],
      ["run-1", false],
    ]);
  });

  it("is not complete where lines follow on its last", () => {
    const lines: string[] = [];
    const audit = new Audit({ run: "run-1", caller, settings: "s" }, (line) => lines.push(line));
    audit.begin(instant(START));
    audit.end(instant(START));
    audit.journal(step());
    expect(verify(lines).runs[0]?.complete).toBe(false);
  });
});

describe("what the chain alone cannot exclude, as the command says,", () => {
  it("is an end that was cut off: such a run looks like one that died, and does not end in its head", () => {
    for (let left = 1; left < one.lines.length; left += 1) {
      const { runs, broken } = verify(one.lines.slice(0, left));
      expect(broken).toBeNull();
      expect(runs).toMatchObject([{ complete: false }]);
      expect(runs[0]?.head).not.toBe(one.head);
    }
  });

  it("is a half line at the end, but for the line that is broken", () => {
    const cut = text(one.lines).slice(0, -20);
    expect(verifyAudit(cut).broken).toEqual({ line: 7, why: "it is not a line of an audit" });
  });

  it("is a whole run that is gone: no run has its head", () => {
    const { runs, broken } = verify(one.lines);
    expect(broken).toBeNull();
    expect(runs.map((run) => run.head)).not.toContain(other.head);
  });

  it("is a run that was written anew from the start: it does not end in the head of the first", () => {
    const forged = written("run-1", rotation.with(1, step({ userName: "somebody-else" })));
    expect(verify(forged.lines)).toMatchObject({ runs: [{ complete: true }], broken: null });
    expect(forged.head).not.toBe(one.head);
  });
});
