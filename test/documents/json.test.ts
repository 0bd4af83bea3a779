import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { readFields } from "../../src/documents/fields.ts";
import { clearJson, readJson, readUserDocument, writeJson } from "../../src/documents/json.ts";
import { freshPair } from "../destinations/contract.ts";

const fields = readFields(parseTarget("ssm:/k"), { ID: "accessKeyId", KEY: "secretAccessKey" });
const pair = freshPair();
const [id, key] = [pair.accessKeyId, pair.secretAccessKey.reveal()];
const write = (before: string | null, constants = {}) => writeJson(before, fields, "ci-bot", pair, constants, "ssm:/k");
const read = (text: string) => readJson(text, fields, "ssm:/k");

describe("a JSON document", () => {
  it.each([
    [null, { ID: id, KEY: key }],
    ["", { ID: id, KEY: key }],
    ["{}", { ID: id, KEY: key }],
    ['{"ID":"old"}', { ID: id, KEY: key }],
    ['{"ID":{"deep":1},"other":[1,{"a":null}]}', { ID: id, other: [1, { a: null }], KEY: key }],
  ])("made of %s has the key and what else there was", (before, after) => {
    expect(JSON.parse(write(before))).toEqual(after);
  });

  it("begins with the constants where it was empty, and gets none where it was not", () => {
    for (const empty of [null, "", " ", "{}"])
      expect(Object.keys(JSON.parse(write(empty, { Version: 1 })) as object)).toEqual(["Version", "ID", "KEY"]);
    expect(JSON.parse(write('{"a":1}', { Version: 1 }))).toEqual({ a: 1, ID: id, KEY: key });
    expect(JSON.parse(write('{"Version":2}', { Version: 1 }))).toMatchObject({ Version: 2 });
  });

  it("keeps the order of the fields that it finds", () => {
    expect(Object.keys(JSON.parse(write('{"z":1,"KEY":"x","a":2}')) as object)).toEqual(["z", "KEY", "a", "ID"]);
  });

  it("tells its user and its other texts, but no field of the key as one of them", () => {
    const named = readFields(
      parseTarget("ssm:/k?field.ID=accessKeyId&field.KEY=secretAccessKey&field.User=userName"),
      {},
    );
    const text = JSON.stringify({ ID: id, KEY: key, User: "ci-bot", Bucket: "b", Count: 1, Empty: "" });
    const { userName, other } = readUserDocument(text, named, "x");
    expect([userName, other("Bucket"), other("Count"), other("Empty"), other("KEY"), other("toString")]).toEqual([
      "ci-bot",
      "b",
      null,
      null,
      null,
      null,
    ]);
    expect(readUserDocument("{}", named, "x").userName).toBeNull();
    expect(JSON.parse(clearJson(text, named, "x"))).toEqual({ User: "ci-bot", Bucket: "b", Count: 1, Empty: "" });
  });

  it("of any content keeps every field that is not the key's", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (document) => {
        const after = JSON.parse(write(JSON.stringify(document))) as Record<string, unknown>;
        expect(after).toEqual({ ...(JSON.parse(JSON.stringify(document)) as object), ID: id, KEY: key });
        const { accessKeyId, secretAccessKey } = read(JSON.stringify(after));
        expect([accessKeyId, secretAccessKey?.reveal()]).toEqual([id, key]);
      }),
    );
  });

  it("takes no field from an object's prototype, and writes none into one", () => {
    const odd = readFields(parseTarget("ssm:/k?field.__proto__=accessKeyId&field.constructor=secretAccessKey"), {});
    expect(readJson("{}", odd, "x")).toEqual({ accessKeyId: null, secretAccessKey: null });
    const text = writeJson("{}", odd, "ci-bot", pair, {}, "x");
    expect(readJson(text, odd, "x").accessKeyId).toBe(id);
    expect(({} as { accessKeyId?: unknown }).accessKeyId).toBeUndefined();
  });

  it.each(["no JSON", "{", '{"ID":"a secret"', "[]", "1", "null", '"a secret"', "\uFEFF{}"])(
    "is not %s: that is refused, by the name of its place, without a quotation",
    (text) => {
      for (const work of [() => read(text), () => write(text)]) {
        expect(work).toThrow(InvalidInput);
        expect(work).toThrow(/^ssm:\/k holds (text that is not JSON|JSON that is not an object)$/);
      }
    },
  );

  it.each([
    ["{}", null, null],
    ["", null, null],
    ['{"ID":7,"KEY":7}', null, null],
    ['{"ID":"not an id","KEY":""}', null, null],
    [`{"ID":"${id}"}`, id, null],
    [`{"KEY":"${key}"}`, null, key],
  ])("that holds %s names what is there and null for what is not", (text, accessKeyId, secret) => {
    const found = read(text);
    expect([found.accessKeyId, found.secretAccessKey?.reveal() ?? null]).toEqual([accessKeyId, secret]);
  });
});
