import { describe, expect, it } from "vitest";
import { readTags } from "../../src/config/tags-file.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { changesOf } from "../../src/core/tags.ts";

const tagsIn = (value: unknown) => readTags(JSON.stringify(value, null, 2), "tags.json");

function faultsOf(text: string): readonly string[] {
  try {
    readTags(text, "tags.json");
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return error.message.split("\n");
  }
}

const faults = (value: unknown) => faultsOf(JSON.stringify(value, null, 2));

describe("a file of tags", () => {
  it("is read as aws-iam-key-rotator's is, in its order", () => {
    const text = `\uFEFF\t{"jane.doe@example.com": {"IKR:EMAIL": "jane+keys@example.com", "IKR:INSTRUCTION_0": "Zürich \\u00e9 \\/ 日本"},\r\n\t"ci=bot,x": {"Team": ""}}`;
    const read = [...readTags(text, "tags.json")].map(([user, tags]) => [user, [...tags]]);
    expect(read).toEqual([
      [
        "jane.doe@example.com",
        [
          ["IKR:EMAIL", "jane+keys@example.com"],
          ["IKR:INSTRUCTION_0", "Zürich é / 日本"],
        ],
      ],
      ["ci=bot,x", [["Team", ""]]],
    ]);
    expect(tagsIn({ a: { ["k".repeat(128)]: "v".repeat(256) } }).size).toBe(1);
  });

  it("names the place of everything that is wrong at once, and quotes nothing that a terminal acts on", () => {
    const text = [
      "{",
      '  "ci bot": {"Team": "a"},',
      '  "ci-bot": {',
      '    "aws:x": "1",',
      '    "KEYTURN:rotation": "v1 held",',
      '    "": "1",',
      '    "a\\u001b[2J": "1",',
      '    "Days": 90,',
      '    "List": "a, b",',
      '    "Team": "a", "team": "b", "Team": "c"',
      "  },",
      '  "CI-BOT": {"x": "y"},',
      '  "jane": [],',
      '  "joe": {}',
      "}",
    ].join("\n");
    const found = faultsOf(text);
    expect(found).toEqual([
      'tags.json:2:3: "ci bot" cannot be the name of an IAM user',
      expect.stringMatching(/^tags\.json:4:5: the tag "aws:x" begins with aws:/),
      expect.stringMatching(/^tags\.json:5:5: the tag "KEYTURN:rotation" is keyturn's own record/),
      'tags.json:6:5: the tag "" is empty',
      expect.stringMatching(/^tags\.json:7:5: the tag "a\\u001b\[2J" has a character .*\(U\+001B\)/),
      expect.stringMatching(/^tags\.json:8:5: the value of "Days" is not text/),
      expect.stringMatching(/^tags\.json:9:5: the value of "List" has a character .*\(U\+002C\)/),
      'tags.json:10:18: the tag "team" stands at tags.json:10:5 already',
      'tags.json:10:31: the tag "Team" stands at tags.json:10:5 already',
      'tags.json:12:3: the user "CI-BOT" stands at tags.json:3:3 already',
      'tags.json:13:3: the tags of "jane" are not a map',
      'tags.json:14:3: "joe" has no tags here',
    ]);
  });

  it("holds to IAM's lengths and numbers", () => {
    expect(faults({ a: { ["k".repeat(129)]: "v" } })).toEqual([expect.stringContaining("has 129 characters, and 128")]);
    expect(faults({ a: { k: "v".repeat(257) } })).toEqual([expect.stringContaining("has 257 characters, and 256")]);
    const many = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`t${index}`, "x"]));
    expect(faults({ a: many })).toEqual(['tags.json:2:3: 51 tags for "a", and 50 are allowed']);
    expect(faults({ ["a".repeat(65)]: { k: "v" } })).toHaveLength(1);
    expect(faults({ a: { ["k".repeat(2000)]: "v" } })[0]).toContain("has 2000 characters");
  });

  it.each([
    ["", "tags.json:1:1: this is not JSON"],
    ["{", "tags.json:1:2: this is not JSON"],
    ['{"a": {"k": "v"},\n}', "tags.json:2:1: this is not JSON"],
    ["a: {k: v}", "tags.json:1:1: this is not JSON"],
    ['{"a": {"k": NaN}}', "tags.json:1:13: this is not JSON"],
    ["[]", "tags.json:1:1: this is not a map of users"],
    ["{}", "tags.json names no user"],
    ["null", "tags.json:1:1: this is not a map of users"],
  ])("refuses %j", (text, message) => {
    expect(faultsOf(text)).toEqual([message]);
  });

  it("is refused where it is nested too deep to be read", () => {
    const deep = `${'{"a":'.repeat(6_000)}1${"}".repeat(6_000)}`;
    expect(faultsOf(deep)).toEqual([expect.stringMatching(/^tags\.json:1:\d+: this is nested too deep$/)]);
  });

  it("is taken by its words, whatever they mean to JavaScript", () => {
    const [[user, tags] = [], ...more] = [...readTags('{"__proto__": {"constructor": "x"}}', "tags.json")];
    expect([user, [...(tags ?? [])], more]).toEqual(["__proto__", [["constructor", "x"]], []]);
  });
});

describe("what tags become", () => {
  const change = (wanted: Record<string, string>, present: Record<string, string>) =>
    changesOf("ci-bot", new Map(Object.entries(wanted)), new Map(Object.entries(present)));

  it("set, change or stay, where names that differ in case alone are one", () => {
    expect(
      change({ New: "1", Same: "2", Other: "3", CASE: "4" }, { Same: "2", Other: "x", case: "4", left: "5" }),
    ).toEqual([
      { key: "New", value: "1", kind: "set", before: null },
      { key: "Same", value: "2", kind: "same", before: "2" },
      { key: "Other", value: "3", kind: "change", before: "x" },
      { key: "CASE", value: "4", kind: "change", before: "4" },
    ]);
  });

  it("no more than fifty a user, those counted that are there already", () => {
    const present = Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`t${index}`, "x"]));
    expect(change({ a: "1", T0: "2" }, present)).toHaveLength(2);
    expect(() => change({ a: "1", b: "2" }, present)).toThrow("ci-bot would have 51 tags, and 50 are allowed");
  });
});
