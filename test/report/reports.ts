import * as fc from "fast-check";
import { type AccessKeyId, accessKeyId } from "../../src/core/access-key.ts";
import type { KeyReport, StepReport, UserReport } from "../../src/core/result.ts";
import { days, hours, instant, later } from "../../src/core/time.ts";
import type { Paint } from "../../src/report/table.ts";
import type { Setting } from "../../src/report/words.ts";

export const NOW = instant(Date.UTC(2026, 5, 15, 12));

export const id = (name: string): AccessKeyId => accessKeyId(`AKIA${name.toUpperCase().padStart(16, "0")}`);

/** Styles as words, so that a test sees them. */
export const marked: Paint = (style, text) => `<${style}>${text}</${style}>`;
export const bare: Paint = (_, text) => text;

export const setting = (told: Partial<Setting> = {}): Setting => ({
  account: "123456789012",
  listing: null,
  now: NOW,
  paint: bare,
  flags: [],
  ...told,
});

export const keyWith = (told: Partial<KeyReport> = {}): KeyReport => ({
  accessKeyId: id("OLD"),
  status: "Active",
  createDate: instant(NOW - days(120)),
  lastUse: { at: instant(NOW - hours(5)), service: "s3", region: "eu-west-1" },
  role: "current",
  code: "due",
  sentence: "it is 120d old",
  next: null,
  ...told,
});

export const userWith = (told: Partial<UserReport> = {}): UserReport => ({
  userName: "ci-bot",
  path: "/",
  outcome: "due",
  code: "due",
  sentence: "it is 120d old",
  next: { what: "a successor is made", at: later(NOW, days(3)) },
  command: null,
  keys: [keyWith()],
  destinations: ["ssm:/keys/ci-bot"],
  planned: [{ kind: "rotate", known: [id("OLD")] }],
  steps: [],
  ...told,
});

export const stepWith = (told: Partial<StepReport> = {}): StepReport => ({
  action: { kind: "rotate", known: [id("OLD")] },
  result: "done",
  created: id("NEW"),
  sentence: "it is 120d old",
  hint: null,
  ...told,
});

/** What a terminal would act on: controls of both kinds, escapes, marks that turn the reading round, breaks of lines. */
const HOSTILE = [
  "\u0000",
  "\u0007",
  "\b",
  "\t",
  "\n",
  "\r",
  "\u001B[2J",
  "\u001B]0;title\u0007",
  "\u001B]8;;https://example.com\u001B\\",
  "\u007F",
  "\u0085",
  "\u009B31m",
  "\u00AD",
  "\u061C",
  "\u200B",
  "\u200E",
  "\u200F",
  "\u2028",
  "\u2029",
  "\u202A",
  "\u202E",
  "\u2066",
  "\u2069",
  "\uFEFF",
  "\u{E0041}",
];

/** A text that somebody made up to fool who reads it, or the shell that it is pasted into. */
export const hostile = fc
  .array(
    fc.constantFrom(
      ...HOSTILE,
      "ci",
      "-bot",
      " ",
      "'",
      '"',
      "$(id)",
      "`id`",
      "; rm -rf /",
      "\\",
      "{a,b}",
      "=x",
      "é",
      "鍵",
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((parts) => parts.join(""));

/** Whether a terminal would do anything else with a text than show it, line by line. */
export const isTame = (text: string): boolean => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text.replaceAll("\n", ""));

export const linesIn = (text: string): number => text.split("\n").length;
