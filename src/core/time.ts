import { InvalidInput } from "./invalid-input.ts";

declare const unit: unique symbol;

/** A span of time in milliseconds, never negative. */
export type Duration = number & { readonly [unit]: "duration" };

/** A moment in milliseconds since 1970-01-01T00:00:00Z, by AWS's clock where one was heard. */
export type Instant = number & { readonly [unit]: "instant" };

const SECOND = 1_000;
const UNITS = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: SECOND } as const;

/** Brands a number of milliseconds. Throws RangeError where it is negative or not finite. */
export function milliseconds(count: number): Duration {
  if (!Number.isFinite(count) || count < 0) throw new RangeError(`not a duration: ${count} ms`);
  return count as Duration; // the one place where a number becomes a Duration
}

export const seconds = (count: number): Duration => milliseconds(count * SECOND);
export const minutes = (count: number): Duration => milliseconds(count * UNITS.m);
export const hours = (count: number): Duration => milliseconds(count * UNITS.h);
export const days = (count: number): Duration => milliseconds(count * UNITS.d);

/** Brands a Unix time in milliseconds. Throws RangeError outside what ISO 8601 can print with four digits of year. */
export function instant(unixMilliseconds: number): Instant {
  if (!(unixMilliseconds >= 0 && unixMilliseconds < 253_402_300_800_000)) {
    throw new RangeError(`not a moment between 1970 and 9999: ${unixMilliseconds}`);
  }
  return unixMilliseconds as Instant; // the one place where a number becomes an Instant
}

/** The moment `span` after `from`; the end of the year 9999 where that is later. */
export const later = (from: Instant, span: Duration): Instant => instant(Math.min(from + span, 253_402_300_799_000));

/** How long ago `then` was; 0 where it is in the future. */
export const age = (then: Instant, now: Instant): Duration => milliseconds(Math.max(0, now - then));

/** The latest of the moments given; nulls are passed over. */
export const latest = (first: Instant, ...others: readonly (Instant | null)[]): Instant =>
  others.reduce<Instant>((best, other) => (other !== null && other > best ? other : best), first);

/** In any case but for minutes: a capital M means months to many, and three minutes are no three months. */
const SHORT = /^(\d+(?:\.\d+)?)\s*([WDHS]|[wdhms])$/;
const ISO = /^P(?:(\d+)W|(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?)$/i;

/**
 * Reads `90d`, `36h`, `15s`, `2w`, `0`, or ISO 8601 (`P90D`, `PT36H`, `P2W`).
 * Months and years are refused: they have no fixed length. Throws {@link InvalidInput}.
 */
export function parseDuration(text: string): Duration {
  const trimmed = text.trim();
  if (trimmed === "0") return milliseconds(0);
  const short = SHORT.exec(trimmed);
  if (short?.[1] !== undefined && short[2] !== undefined) {
    return bounded(Number(short[1]) * UNITS[short[2].toLowerCase() as keyof typeof UNITS], text); // the pattern allows no other letter
  }
  const iso = ISO.exec(trimmed);
  if (iso !== null && trimmed.length > 1 && iso.slice(1).some((part) => part !== undefined)) {
    const [week, day, hour, minute, second] = iso.slice(1).map((part) => Number(part ?? 0));
    return bounded(
      (week ?? 0) * UNITS.w +
        (day ?? 0) * UNITS.d +
        (hour ?? 0) * UNITS.h +
        (minute ?? 0) * UNITS.m +
        (second ?? 0) * UNITS.s,
      text,
    );
  }
  throw new InvalidInput(`"${text}" is not a duration`, durationHint(trimmed));
}

function durationHint(text: string): string {
  if (/^\d+$/.test(text)) return `add a unit: ${text}d for days, ${text}h for hours`;
  if (/^P\d+[YM]|^\d+(\.\d+)?\s*(y|mo|m$)/i.test(text))
    return "months and years have no fixed length; write days, as in 90d";
  return "write it as 90d, 36h, 30m or 15s, or as ISO 8601: P90D, PT36H";
}

function bounded(span: number, text: string): Duration {
  if (span > 36_500 * UNITS.d) throw new InvalidInput(`"${text}" is longer than a hundred years`);
  return milliseconds(Math.round(span));
}

/** Prints a duration so that {@link parseDuration} reads it back: `90d`, `36h`, `15s`. Fractions of a second are dropped. */
export function formatDuration(span: Duration): string {
  const whole = Math.floor(span / SECOND) * SECOND;
  if (whole === 0) return "0s";
  for (const letter of ["d", "h", "m"] as const)
    if (whole % UNITS[letter] === 0) return `${whole / UNITS[letter]}${letter}`;
  return `${whole / SECOND}s`;
}

/** Prints an age for people, in the largest unit that fits: `412d`, `5h`, `3m`, `12s`. */
export function roundDuration(span: Duration): string {
  for (const letter of ["d", "h", "m"] as const)
    if (span >= UNITS[letter]) return `${Math.floor(span / UNITS[letter])}${letter}`;
  return `${Math.floor(span / SECOND)}s`;
}

/** Prints a moment in UTC to the second: `2026-11-20T09:26:00Z`. */
export const formatInstant = (moment: Instant): string => `${new Date(moment).toISOString().slice(0, 19)}Z`;

/** Prints the day of a moment in UTC: `2026-11-20`. */
export const formatDay = (moment: Instant): string => new Date(moment).toISOString().slice(0, 10);

/** Reads what {@link formatInstant} prints, and nothing else; null for any other text. */
export function parseInstant(text: string): Instant | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return null;
  const parsed = Date.parse(text);
  if (!Number.isFinite(parsed) || parsed < 0) return null;
  const moment = instant(parsed);
  return formatInstant(moment) === text ? moment : null; // 2026-02-31 rolls over and is refused here
}
