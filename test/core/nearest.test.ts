import { describe, expect, it } from "vitest";
import { nearest } from "../../src/core/nearest.ts";
import { reasons } from "../../src/core/reasons.ts";

const codes = Object.keys(reasons);

describe("the words that somebody may have meant", () => {
  it.each([
    ["predecesor-in-use", ["predecessor-in-use"]],
    ["no-free-solt", ["no-free-slot"]],
    ["DUE", ["due"]],
    ["in-use", ["predecessor-in-use"]],
    ["rolledback", ["rolled-back"]],
    ["predecesor", ["predecessor-in-use"]],
    ["slott", ["no-free-slot"]],
    ["az", []],
    ["xyzzy-nothing-like-it", []],
  ])("%s: %j", (typed, meant) => {
    expect(nearest(typed, codes).slice(0, meant.length === 0 ? 3 : 1)).toEqual(meant);
  });

  it("puts the most similar first, and never more than three", () => {
    expect(nearest("unused", codes)[0]).toMatch(/unused/);
    expect(nearest("key", codes).length).toBeLessThanOrEqual(3);
  });

  it("counts letters that changed places as one mistake", () => {
    expect(nearest("ab", ["ba"])).toEqual(["ba"]);
    expect(nearest("abcd", ["badc"])).toEqual(["badc"]);
  });
});
