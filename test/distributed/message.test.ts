import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRun, readWork, writeWork } from "../../src/distributed/message.ts";
import { parseResultsPlace } from "../../src/distributed/place.ts";

const work = { run: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", account: "012345678901" };
const given = { version: 1, ...work };

describe("a message", () => {
  it("says exactly which account of which run", () => {
    expect(writeWork(work)).toBe(`{"version":1,"run":"${work.run}","account":"012345678901"}`);
    expect(readWork(writeWork(work))).toEqual(work);
  });

  it.each([
    ["another version", { ...given, version: 2 }, "version"],
    ["a version as text", { ...given, version: "1" }, "version"],
    ["no version", work, "version"],
    ["one more field", { ...given, target: "ssm:/mine" }, "a field"],
    ["a run that leads elsewhere", { ...given, run: "../../runs" }, "UUID"],
    ["a run in capitals", { ...given, run: work.run.toUpperCase() }, "UUID"],
    ["an account with a slash", { ...given, account: "01234567890/" }, "account id"],
    ["an account as a number", { ...given, account: 123456789012 }, "account id"],
    ["no account", { version: 1, run: work.run }, "account id"],
    ["a list", [given], "not a JSON object"],
    ["nothing", null, "not a JSON object"],
  ])("is refused with %s", (_, each, why) => {
    expect(() => readWork(JSON.stringify(each))).toThrow(why);
  });

  it("is refused where it is long, or no JSON, whatever it is", () => {
    expect(() => readWork(`${JSON.stringify(given)}${" ".repeat(1000)}`)).toThrow("longer");
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => readWork(text)).toThrow("the message is refused");
      }),
    );
  });

  it("names runs that a person types, too", () => {
    expect(parseRun(work.run)).toBe(work.run);
    expect(() => parseRun("latest")).toThrow('"latest" is not the id of a run');
  });
});

describe("a place for results", () => {
  it.each([
    ["s3://keyturn-results", { bucket: "keyturn-results", prefix: "" }],
    ["s3://keyturn-results/", { bucket: "keyturn-results", prefix: "" }],
    ["s3://keyturn.results/prod/eu", { bucket: "keyturn.results", prefix: "prod/eu/" }],
    ["s3://keyturn-results/prod/", { bucket: "keyturn-results", prefix: "prod/" }],
  ])("is %s", (text, place) => {
    expect(parseResultsPlace(text)).toEqual(place);
  });

  it.each([
    "keyturn-results",
    "s3://",
    "s3://A/b",
    "s3://keyturn-results//x",
    "s3://keyturn-results/a*",
    "s3://keyturn-results/a?x=1",
  ])("is not %s", (text) => {
    expect(() => parseResultsPlace(text)).toThrow("is not a place for results");
  });
});
