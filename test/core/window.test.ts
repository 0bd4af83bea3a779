import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { formatInstant, instant } from "../../src/core/time.ts";
import { describeWindow, isOpen, nextOpening, parseMoment, parseWindow } from "../../src/core/window.ts";

const at = (text: string) => instant(Date.parse(text));

describe("a window", () => {
  it.each([
    // 2026-06-15 is a Monday. Berlin is two hours before UTC then, one hour in winter.
    ["mon-fri 09:00-17:00 Europe/Berlin", "2026-06-15T07:00:00Z", true],
    ["mon-fri 09:00-17:00 Europe/Berlin", "2026-06-15T06:59:59Z", false],
    ["mon-fri 09:00-17:00 Europe/Berlin", "2026-06-15T15:00:00Z", false],
    ["mon-fri 09:00-17:00 Europe/Berlin", "2026-01-12T07:30:00Z", false],
    ["mon-fri 09:00-17:00 Europe/Berlin", "2026-06-14T10:00:00Z", false],
    // Past midnight: the hours after it belong to the day before.
    ["fri 22:00-04:00 UTC", "2026-06-19T23:00:00Z", true],
    ["fri 22:00-04:00 UTC", "2026-06-20T03:59:00Z", true],
    ["fri 22:00-04:00 UTC", "2026-06-20T04:00:00Z", false],
    ["fri 22:00-04:00 UTC", "2026-06-19T03:00:00Z", false],
    ["sat-mon UTC", "2026-06-14T12:00:00Z", true],
    ["sat-mon UTC", "2026-06-16T12:00:00Z", false],
    ["00:00-24:00 UTC", "2026-06-16T23:59:00Z", true],
    ["sunday,Wed 10:00-11:00 Asia/Kolkata", "2026-06-17T04:45:00Z", true],
  ])("%s is at %s open: %s", (window, moment, expected) => {
    expect(isOpen(parseWindow(window), at(moment))).toBe(expected);
  });

  it("tells when it opens next", () => {
    const opens = (window: string, moment: string) => {
      const next = nextOpening(parseWindow(window), at(moment));
      return next === null ? null : formatInstant(next);
    };
    expect(opens("mon-fri 09:00-17:00 Europe/Berlin", "2026-06-19T15:30:00Z")).toBe("2026-06-22T07:00:00Z");
    expect(opens("mon-fri 09:00-17:00 Europe/Berlin", "2026-06-19T12:34:56Z")).toBe("2026-06-19T12:34:56Z");
    // Over the change to winter time.
    expect(opens("mon 09:00-17:00 Europe/Berlin", "2026-10-24T12:00:00Z")).toBe("2026-10-26T08:00:00Z");
  });

  it("is open where it says that it opens, and not before", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(
          "mon 09:00-17:15 Europe/Berlin",
          "22:00-04:00 UTC",
          "sat-sun America/New_York",
          "wed 00:30-01:00 Asia/Kathmandu",
        ),
        fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2028, 0, 1) }),
        (text, now) => {
          const window = parseWindow(text);
          const next = nextOpening(window, instant(now));
          expect(next).not.toBeNull();
          if (next === null) return;
          expect(isOpen(window, next)).toBe(true);
          if (next > now) expect(isOpen(window, instant(next - 60_000))).toBe(false);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("says of itself what was typed", () => {
    for (const text of ["mon,tue 09:00-17:00 Europe/Berlin", "22:00-04:00 UTC", "sat,sun UTC"])
      expect(describeWindow(parseWindow(text))).toBe(text);
  });

  it.each([
    ["mon-fri 09:00", "not a span of hours"],
    ["09:00-09:00", "no time at all"],
    ["25:00-26:00", "not a span of hours"],
    ["monday-freitag", "not a day"],
    ["mon-wed-fri", "not a day"],
    ["09:00-17:00 Europe/Berln", "not a time zone"],
    ["UTC", "names neither days nor hours"],
    ["", "not a day"],
  ])("refuses %s", (text, message) => {
    expect(() => parseWindow(text)).toThrow(message);
    expect(() => parseWindow(text)).toThrow(InvalidInput);
  });

  it("reads days and moments, and refuses what could be meant in two ways", () => {
    expect(formatInstant(parseMoment("2026-12-01"))).toBe("2026-12-01T00:00:00Z");
    expect(formatInstant(parseMoment("2026-12-01T08:00+01:00"))).toBe("2026-12-01T07:00:00Z");
    for (const text of ["2026-02-31", "2026-12-01T08:00", "01.12.2026", "12/01/2026", "tomorrow", ""])
      expect(() => parseMoment(text), text).toThrow(InvalidInput);
  });
});
