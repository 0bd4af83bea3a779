import { InvalidInput } from "./invalid-input.ts";
import { formatInstant, hours, type Instant, instant, later, latest, minutes } from "./time.ts";

/** When consumers may be touched: successors are made and predecessors switched off only inside. */
export interface Window {
  /** Nothing before this moment; null = at once. */
  readonly notBefore: Instant | null;
  /** 0 = Sunday … 6 = Saturday, in `timeZone`; empty = every day. */
  readonly days: readonly number[];
  /** Minutes since midnight in `timeZone`. `to` at or before `from` is on the next day, and belongs to the day of `from`. Null = all day. */
  readonly hours: { readonly from: number; readonly to: number } | null;
  /** An IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string;
}

/** A window that is never shut. */
export const ANY_TIME: Window = { notBefore: null, days: [], hours: null, timeZone: "UTC" };

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MINUTES_OF_A_DAY = 1_440;

/** Whether the window is open. */
export function isOpen({ notBefore, days, hours: span, timeZone }: Window, now: Instant): boolean {
  if (notBefore !== null && now < notBefore) return false;
  const { day, minute } = localTime(timeZone, now);
  const isDay = (each: number) => days.length === 0 || days.includes((each + 7) % 7);
  if (span === null) return isDay(day);
  const { from, to } = span;
  if (from < to) return isDay(day) && minute >= from && minute < to;
  return (isDay(day) && minute >= from) || (isDay(day - 1) && minute < to);
}

/** The first quarter of an hour from `now` on in which the window is open; null where it is not within the next nine days. */
export function nextOpening(window: Window, now: Instant): Instant | null {
  const start = latest(now, window.notBefore);
  if (isOpen(window, start)) return start;
  const quarter = minutes(15);
  let at = instant(Math.ceil(start / quarter) * quarter);
  for (const end = later(start, hours(9 * 24)); at <= end; at = later(at, quarter)) if (isOpen(window, at)) return at;
  return null;
}

/** Formatters are slow to make and few: one for each time zone. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function localTime(timeZone: string, now: Instant): { day: number; minute: number } {
  const formatter = formatters.get(timeZone) ?? formatterOf(timeZone);
  formatters.set(timeZone, formatter);
  const parts = new Map(formatter.formatToParts(now).map(({ type, value }) => [type, value]));
  const day = DAYS.indexOf((parts.get("weekday") ?? "").slice(0, 3).toLowerCase());
  return { day, minute: Number(parts.get("hour")) * 60 + Number(parts.get("minute")) };
}

const formatterOf = (timeZone: string): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat("en-US", {
    timeZone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });

/** Throws {@link InvalidInput} for a time zone that this Node does not know. */
export function checkTimeZone(name: string): string {
  try {
    formatterOf(name);
    return name;
  } catch {
    throw new InvalidInput(`"${name}" is not a time zone`, "an IANA name, such as Europe/Berlin or UTC");
  }
}

/** Reads one day or a range of days: `mon`, `Friday`, `mon-fri`, `sat-mon`. Throws {@link InvalidInput}. */
export function parseDays(text: string): readonly number[] {
  const [first, last, ...more] = text.split(/-|\.\./).map((part) => dayOf(part.trim(), text));
  if (first === undefined || more.length > 0) throw notDays(text);
  if (last === undefined) return [first];
  return Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, index) => (first + index) % 7);
}

function dayOf(text: string, whole: string): number {
  const name = text.toLowerCase();
  const found = DAYS.findIndex((day) => name.startsWith(day));
  const long = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"][found];
  if (found < 0 || long === undefined || (name.length > 3 && !long.startsWith(name))) throw notDays(whole);
  return found;
}

const notDays = (text: string) =>
  new InvalidInput(`"${text}" is not a day or a range of days`, "such as mon-fri, or sat");

/** Reads `09:00-17:30`; `22:00-04:00` goes past midnight. Throws {@link InvalidInput}. */
export function parseHours(text: string): { readonly from: number; readonly to: number } {
  const [, fromHour, fromMinute, toHour, toMinute] =
    /^(\d{1,2}):([0-5]\d)\s*-\s*(\d{1,2}):([0-5]\d)$/.exec(text.trim()) ?? [];
  const from = Number(fromHour) * 60 + Number(fromMinute);
  const to = Number(toHour) * 60 + Number(toMinute);
  if (!(from < MINUTES_OF_A_DAY && to <= MINUTES_OF_A_DAY))
    throw new InvalidInput(`"${text}" is not a span of hours`, "such as 09:00-17:30, or 22:00-04:00 past midnight");
  if (from === to) throw new InvalidInput(`"${text}" is no time at all`, "for the whole day leave the hours out");
  return { from, to };
}

/** Reads a day (`2026-12-01`, its beginning in UTC) or a moment with its offset (`2026-12-01T08:00+01:00`). Throws {@link InvalidInput}. */
export function parseMoment(text: string): Instant {
  const [, day, offset] = /^(\d{4}-\d\d-\d\d)(?:T\d\d:\d\d(?::\d\d)?(Z|[+-]\d\d:\d\d))?$/i.exec(text.trim()) ?? [];
  const parsed = day === undefined ? Number.NaN : Date.parse(text.trim());
  // A 31st of February would roll over into March.
  const isDay = day !== undefined && (new Date(`${day}T00:00:00Z`).toJSON() ?? "").startsWith(day);
  if (!Number.isFinite(parsed) || !isDay || parsed < 0)
    throw new InvalidInput(
      `"${text}" is not a date`,
      /T\d/.test(text) && offset === undefined
        ? "say the offset, too: 2026-12-01T08:00+01:00, or Z for UTC"
        : "such as 2026-12-01, or 2026-12-01T08:00+01:00",
    );
  return instant(parsed);
}

/** The window in words, as it is typed after `--window`. */
export function describeWindow({ days, hours: span, timeZone }: Window): string {
  const when = [
    ...(days.length === 0 ? [] : [days.map((day) => DAYS[day]).join(",")]),
    ...(span === null ? [] : [`${clock(span.from)}-${clock(span.to)}`]),
  ];
  return when.length === 0 ? "any time" : [...when, timeZone].join(" ");
}

/** The window in words for people, its first moment included; null = any time. */
export function windowWords(window: Window | null): string {
  if (window === null) return "any";
  const from = window.notBefore === null ? "" : `, not before ${formatInstant(window.notBefore)}`;
  return `${describeWindow(window)}${from}`;
}

const clock = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/** Reads what stands after `--window`: days, hours and a time zone, each once, in any order: `mon-fri 09:00-17:00 Europe/Berlin`. */
export function parseWindow(text: string): Window {
  let window = ANY_TIME;
  for (const word of text.trim().split(/\s+/)) {
    if (/^\d/.test(word)) window = { ...window, hours: parseHours(word) };
    else if (/^[A-Z][A-Za-z]*\/|^UTC$|^GMT$/.test(word)) window = { ...window, timeZone: checkTimeZone(word) };
    else window = { ...window, days: word.split(",").flatMap(parseDays) };
  }
  if (window.days.length === 0 && window.hours === null)
    throw new InvalidInput(`"${text}" names neither days nor hours`, "such as mon-fri 09:00-17:00 Europe/Berlin");
  return window;
}

/** As {@link parseWindow}; null for `any`, which is how a rule or a flag lifts a window that is set elsewhere. */
export const parseWindowOrAny = (text: string): Window | null => (text.trim() === "any" ? null : parseWindow(text));
