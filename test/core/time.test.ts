import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import {
  age,
  days,
  formatDay,
  formatDuration,
  formatInstant,
  hours,
  type Instant,
  instant,
  later,
  latest,
  milliseconds,
  minutes,
  parseDuration,
  parseInstant,
  roundDuration,
  seconds,
} from "../../src/core/time.ts";

/** What was wrong with a text, and what to write instead. */
function refusal(text: string): { message: string; hint: string | null } {
  try {
    parseDuration(text);
  } catch (error) {
    if (error instanceof InvalidInput) return { message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error(`"${text}" was taken for a duration`);
}

describe("a duration", () => {
  it.each([
    ["90d", days(90)],
    ["36h", hours(36)],
    ["15s", seconds(15)],
    ["10m", minutes(10)],
    ["2w", days(14)],
    ["0", milliseconds(0)],
    ["0d", milliseconds(0)],
    ["1.5d", hours(36)],
    ["90 d", days(90)],
    ["  90d ", days(90)],
    ["90D", days(90)],
    ["2W", days(14)],
    ["36H", hours(36)],
    ["15S", seconds(15)],
    ["P90D", days(90)],
    ["PT36H", hours(36)],
    ["P1DT12H", hours(36)],
    ["P2W", days(14)],
    ["PT10M", minutes(10)],
    ["PT1H30M15S", seconds(5_415)],
    ["p90d", days(90)],
    ["P0D", milliseconds(0)],
    ["36500d", days(36_500)],
  ])("is read from %j", (text, span) => {
    expect(parseDuration(text)).toBe(span);
  });

  it.each([
    ["90", "add a unit: 90d for days, 90h for hours"],
    [" 7 ", "add a unit: 7d for days, 7h for hours"],
    ["00", "add a unit: 00d for days, 00h for hours"],
    ["3 months", "months and years have no fixed length; write days, as in 90d"],
    ["3mo", "months and years have no fixed length; write days, as in 90d"],
    ["1y", "months and years have no fixed length; write days, as in 90d"],
    ["1.5 years", "months and years have no fixed length; write days, as in 90d"],
    ["P3M", "months and years have no fixed length; write days, as in 90d"],
    ["P1Y", "months and years have no fixed length; write days, as in 90d"],
    ["P1Y2M3D", "months and years have no fixed length; write days, as in 90d"],
  ])("is not read from %j, and the hint says why", (text, hint) => {
    expect(refusal(text)).toEqual({ message: `"${text}" is not a duration`, hint });
  });

  it("is not read from a capital M, which means months to many: three minutes are no three months", () => {
    const hint = "months and years have no fixed length; write days, as in 90d";
    expect(refusal("3M")).toEqual({ message: '"3M" is not a duration', hint });
    expect(refusal("3 M").hint).toBe(hint);
    expect(parseDuration("3m")).toBe(minutes(3));
    expect(parseDuration("PT3M")).toBe(minutes(3));
  });

  it.each([
    "",
    " ",
    "d",
    "-5d",
    "P-1D",
    "-P1D",
    "+5d",
    "5 days",
    "1d12h",
    "1e3d",
    "0x10d",
    "1,5d",
    ".5d",
    "5.d",
    "P",
    "PT",
    "P1DT",
    "PD",
    "P1H",
    "P1W1D",
    "Infinityd",
    "NaN",
    "never",
    "90d\u0000",
    "９０d",
    "90d\n90d",
  ])("is not read from %j, and the hint shows how to write one", (text) => {
    expect(refusal(text).message).toBe(`"${text}" is not a duration`);
    expect(refusal(text).hint).toBe("write it as 90d, 36h, 30m or 15s, or as ISO 8601: P90D, PT36H");
  });

  it.each(["36501d", "5215w", "P36501D", "99999999999999999999d", `${"9".repeat(400)}d`, `P${"9".repeat(400)}D`])(
    "is not longer than a hundred years: %.20s",
    (text) => {
      expect(refusal(text).message).toBe(`"${text}" is longer than a hundred years`);
    },
  );

  it("is read back from how it is printed, to the second", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 36_500 * 86_400 }), fc.integer({ min: 0, max: 999 }), (whole, rest) => {
        const span = seconds(whole);
        expect(parseDuration(formatDuration(span))).toBe(span);
        expect(formatDuration(milliseconds(span + rest))).toBe(formatDuration(span));
      }),
    );
  });

  it("is read back from every way to write it in ISO 8601", () => {
    const part = fc.integer({ min: 0, max: 999 });
    fc.assert(
      fc.property(part, part, part, part, (day, hour, minute, second) => {
        expect(parseDuration(`P${day}DT${hour}H${minute}M${second}S`)).toBe(
          days(day) + hours(hour) + minutes(minute) + seconds(second),
        );
      }),
    );
  });

  it("is read from any text at all, or refused with a hint: nothing else happens", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 12 }),
      fc.string({ unit: fc.constantFrom(..."0123456789.PTWDHMSwdhmsy -"), maxLength: 10 }),
    );
    fc.assert(
      fc.property(text, (each) => {
        try {
          expect(parseDuration(each)).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInput);
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    [days(90), "90d"],
    [hours(36), "36h"],
    [minutes(90), "90m"],
    [seconds(90), "90s"],
    [milliseconds(999), "0s"],
    [days(14), "14d"],
  ])("is printed in the largest unit that needs no fraction: %d ms", (span, text) => {
    expect(formatDuration(span)).toBe(text);
  });

  it.each([
    [days(412), "412d"],
    [hours(47), "1d"],
    [minutes(119), "1h"],
    [seconds(119), "1m"],
    [milliseconds(1_999), "1s"],
    [milliseconds(0), "0s"],
  ])("is rounded down for people: %d ms", (span, text) => {
    expect(roundDuration(span)).toBe(text);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])("is never %d milliseconds", (count) => {
    expect(() => milliseconds(count)).toThrow(RangeError);
  });
});

describe("a moment", () => {
  const moment: fc.Arbitrary<Instant> = fc
    .integer({ min: 0, max: 253_402_300_799 })
    .map((count) => instant(count * 1_000));

  it("is read back from how it is printed, to the second", () => {
    fc.assert(
      fc.property(moment, fc.integer({ min: 0, max: 999 }), (at, rest) => {
        expect(parseInstant(formatInstant(at))).toBe(at);
        expect(formatInstant(instant(at + rest))).toBe(formatInstant(at));
        expect(formatInstant(at).startsWith(formatDay(at))).toBe(true);
      }),
    );
  });

  it.each([
    "2026-02-30T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T23:59:60Z",
    "2026-01-01T00:60:00Z",
    "1969-12-31T23:59:59Z",
    "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00+00:00",
    "2026-01-01T00:00:00z",
    "2026-01-01 00:00:00Z",
    " 2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z\n",
    "２026-01-01T00:00:00Z",
    "2026-01-01",
    "now",
    "",
  ])("is not read from %j", (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  it("is read from the day that only leap years have", () => {
    expect(parseInstant("2028-02-29T00:00:00Z")).toBe(Date.UTC(2028, 1, 29));
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 253_402_300_800_000])("is never %d", (count) => {
    expect(() => instant(count)).toThrow(RangeError);
  });

  it("is never later than the year 9999", () => {
    const end = later(instant(Date.UTC(9999, 11, 1)), days(36_500));
    expect(formatInstant(end)).toBe("9999-12-31T23:59:59Z");
    expect(parseInstant(formatInstant(end))).toBe(end);
  });

  it("in the future is no time ago, and never less", () => {
    const now = instant(1_000_000);
    expect(age(later(now, days(1)), now)).toBe(0);
    expect(age(instant(400_000), now)).toBe(600_000);
  });

  it("is the latest of several, whatever their order", () => {
    fc.assert(
      fc.property(moment, fc.array(fc.option(moment)), (first, others) => {
        const all = [first, ...others.filter((each) => each !== null)];
        expect(latest(first, ...others)).toBe(Math.max(...all));
      }),
    );
  });
});
