import { stripVTControlCharacters, styleText } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Cell, type Paint, plain, table } from "../../src/report/table.ts";
import { bare, hostile, isTame, marked } from "./reports.ts";

const cells = (...texts: readonly string[]): readonly Cell[] => texts.map((text) => ({ text }));

const terminal: Paint = (style, text) => styleText(style, text, { validateStream: false });

describe("a table", () => {
  it("has each column as wide as its widest cell, two spaces apart, and nothing at the end of lines", () => {
    expect(
      table(
        ["USER", "STATE"],
        [cells("ci-bot", "due"), cells("a", ""), cells("deploy-to-production", "settled")],
        bare,
      ),
    ).toBe(
      [
        "USER                  STATE", //
        "ci-bot                due",
        "a",
        "deploy-to-production  settled",
      ].join("\n"),
    );
  });

  it("has its header alone where it has no rows", () => {
    expect(table(["USER", "STATE"], [], bare)).toBe("USER  STATE");
  });

  it("lines its columns up whatever the lengths of names", () => {
    const word = fc.string({ unit: fc.constantFrom(..."abc-_@"), minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word, word), { minLength: 1, maxLength: 6 }), (rows) => {
        const lines = table(
          ["A", "B", "C"],
          rows.map((row) => cells(...row)),
          bare,
        ).split("\n");
        const starts = rows.map((row, index) => {
          const line = lines[index + 1] ?? "";
          const second = (row[0] ?? "").length + (line.slice((row[0] ?? "").length).match(/^ */)?.[0].length ?? 0);
          return [second, line.lastIndexOf(row[2] ?? "") >= 0 ? line.length - (row[2] ?? "").length : -1];
        });
        expect(new Set(starts.map(String)).size).toBe(1);
      }),
    );
  });

  it("lines its columns up by what a terminal shows: wide letters take two columns, marks none", () => {
    const shown = table(
      ["USER", "STATE"],
      [cells("鍵", "a"), cells("e\u0301e\u0301e\u0301", "b"), cells("한글자", "c"), cells("🔑!", "d")],
      bare,
    );
    expect(shown.split("\n")).toEqual([
      "USER    STATE", //
      "鍵      a",
      "e\u0301e\u0301e\u0301     b",
      "한글자  c",
      "🔑!     d",
    ]);
  });

  it("lines its columns up whether or not cells are painted", () => {
    const rows: readonly (readonly Cell[])[] = [
      [{ text: "ci-bot", style: "bold" }, { text: "due", style: "red" }, { text: "x" }],
      [{ text: "deploy" }, { text: "settled", style: "dim" }, { text: "y", style: "green" }],
    ];
    const painted = table(["A", "B", "C"], rows, terminal);
    expect(painted).toContain("\u001B[1mci-bot\u001B[22m");
    expect(stripVTControlCharacters(painted)).toBe(table(["A", "B", "C"], rows, bare));
  });

  it("paints what is in a cell, not the space beside it", () => {
    expect(table(["A", "B"], [[{ text: "x", style: "red" }, { text: "y" }]], marked)).toBe(
      "<dim>A</dim>  <dim>B</dim>\n<red>x</red>  y",
    );
  });

  it("has one line a row, whatever stands in its cells", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hostile, hostile), { minLength: 1, maxLength: 4 }), (rows) => {
        const shown = table(
          ["A", "B"],
          rows.map((row) => cells(...row)),
          bare,
        );
        expect(shown.split("\n")).toHaveLength(rows.length + 1);
        expect(isTame(shown)).toBe(true);
      }),
    );
  });
});

describe("a text from outside", () => {
  it.each([
    ["an escape", "\u001B[31mred"],
    ["the other escape", "\u009B31mred"],
    ["a line break", "a\nb"],
    ["a return", "a\rb"],
    ["a mark that turns the reading round", "a\u202Eb"],
    ["an isolate", "a\u2066b"],
    ["a space of no width", "a\u200Bb"],
    ["a line separator", "a\u2028b"],
    ["a paragraph separator", "a\u2029b"],
    ["a tag", "a\u{E0041}b"],
    ["a nought", "a\u0000b"],
  ])("has %s replaced, and says that something was there", (_, text) => {
    expect(isTame(plain(text))).toBe(true);
    expect(plain(text)).toContain("\uFFFD");
  });

  it("is left as it is where it is harmless", () => {
    for (const text of ["ci-bot", "Jörg's 鍵 🔑", "e\u0301", "a b", "שלום", ""]) expect(plain(text)).toBe(text);
  });

  it("is never acted on by a terminal", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
        expect(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(plain(text))).toBe(false);
        expect(plain(plain(text))).toBe(plain(text));
      }),
      { numRuns: 200 },
    );
  });
});
