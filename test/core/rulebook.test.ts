import { describe, expect, it } from "vitest";
import { type Layer, overlay, rulebookOf, USUAL_INTERVAL } from "../../src/core/rulebook.ts";
import { parseMoment, parseWindow } from "../../src/core/window.ts";

const layer = (over: Partial<Layer>): Layer => ({ match: null, policy: {}, origins: new Map(), ...over });
const windowOf = (...layers: readonly Layer[]) => overlay(rulebookOf(...layers).layers, USUAL_INTERVAL, "of this test");

const nights = parseWindow("mon-thu 22:00-04:00 Europe/Berlin");
const day = parseMoment("2026-12-01");

describe("a first moment", () => {
  it("is laid over the window that holds, and never opens it at other hours", () => {
    const inFile = layer({ window: nights, origins: new Map([["window", "keyturn.yaml:3:1"]]) });
    const typed = layer({ notBefore: day, origins: new Map([["notBefore", "--not-before"]]) });
    const { window, origins } = windowOf(inFile, typed);
    expect(window).toEqual({ ...nights, notBefore: day });
    expect(origins.get("window")).toBe("keyturn.yaml:3:1, --not-before");
    expect(windowOf(typed).window).toEqual({ notBefore: day, days: [], hours: null, timeZone: "UTC" });
    expect(windowOf(layer({ window: nights }), layer({ window: null })).window).toBeNull();
  });
});
