import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fits, type Match, matches } from "../../src/core/match.ts";

const user = { userName: "CI-deploy", path: "/ci/eu/", arn: "arn:aws:iam::111122223333:user/ci/eu/CI-deploy" };
const any: Match = { path: null, name: null, tag: null };

describe("a match", () => {
  it.each([
    ["ci-*", true],
    ["*deploy", true],
    ["CI-DEPLOY", true],
    ["ci?deploy", true],
    ["ci-deploy?", false],
    ["ci", false],
    ["*", true],
    ["", false],
    ["**o*", true],
    ["[c]i-deploy", false],
    [".*", false],
  ])("%s fits CI-deploy: %s", (pattern, expected) => {
    expect(fits(pattern, user.userName)).toBe(expected);
    expect(matches({ ...any, name: [pattern] }, user, null)).toBe(expected);
  });

  it("agrees with a regular expression of the same meaning", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "-"), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "-", "*", "?"), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (wanted, given) => {
        const expression = new RegExp(`^${wanted.replaceAll("*", ".*").replaceAll("?", ".")}$`, "s");
        expect(fits(wanted, given)).toBe(expression.test(given));
      }),
    );
  });

  it("does not hang on many stars", () => {
    expect(fits(`${"*a".repeat(30)}b`, "a".repeat(64))).toBe(false);
  });

  it("needs one entry of each list, and everything that is given", () => {
    expect(matches({ ...any, path: ["/x/", "/ci/"] }, user, null)).toBe(true);
    expect(matches({ ...any, path: ["/ci/eu/west/"] }, user, null)).toBe(false);
    expect(matches({ ...any, path: ["/CI/"] }, user, null)).toBe(true);
    expect(matches({ ...any, path: ["/ci/"], name: ["other"] }, user, null)).toBe(false);
  });

  it("asks for tags by key in any case", () => {
    const tagged: Match = { ...any, tag: new Map([["Team", ["pay*", "core"]]]) };
    expect(matches(tagged, user, new Map([["team", "Payments"]]))).toBe(true);
    expect(matches(tagged, user, new Map([["team", "web"]]))).toBe(false);
    expect(matches(tagged, user, new Map())).toBe(false);
  });
});
