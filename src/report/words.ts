import type { Action, Command } from "../core/decision.ts";
import { reasons } from "../core/reasons.ts";
import type { UserOutcome, UserReport } from "../core/result.ts";
import { formatDay, formatInstant, type Instant } from "../core/time.ts";
import { type Paint, plain, type Style } from "./table.ts";

/** What the reports for people need besides the users. */
export interface Setting {
  readonly account: string;
  readonly now: Instant;
  readonly paint: Paint;
  /** Where what is known of users that were not read exactly comes from; null where all were. */
  readonly listing: string | null;
  /** Flags of this invocation that the commands printed need too. */
  readonly flags: readonly string[];
}

/** A command as it can be typed into a POSIX shell. `flags` = those of this invocation that it needs too. */
export function commandLine(command: Command, flags: readonly string[] = []): string {
  return ["keyturn", ...command, ...flags].map(quote).join(" ");
}

/** Braces stay bare only around one word: shells make several words of `{a,b}` and `{1..9}`. zsh looks `=word` up as a command. */
const quote = (word: string): string =>
  /^[\w./:,@%+-][\w./:=,@%+-]*$/.test(word.replaceAll(/\{\w+\}/g, "_"))
    ? word
    : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** What an action does, and to which keys. */
export function actionWords(action: Action): string {
  switch (action.kind) {
    case "rotate":
      return action.known.length === 0 ? "create a first key" : `create a successor of ${action.known.join(", ")}`;
    case "resume":
      return `finish the delivery of ${action.key}`;
    case "remove-orphan":
      return `remove the orphan ${action.key}`;
    case "mark-delivered":
      return `record ${action.key} as delivered`;
    case "clear-escrow":
      return `clear ${action.key} from the escrow`;
    case "deactivate":
      return `deactivate ${action.key}`;
    case "delete":
      return `delete ${action.key}`;
  }
}

/** What was done, in one word for counting. */
export const doneWord: Readonly<Record<Action["kind"], string>> = {
  rotate: "rotated",
  resume: "finished",
  "remove-orphan": "orphans removed",
  "mark-delivered": "recorded",
  "clear-escrow": "escrow cleared",
  deactivate: "deactivated",
  delete: "deleted",
};

export const outcomeStyle: Readonly<Record<UserOutcome, Style>> = {
  changed: "green",
  due: "cyan",
  deferred: "cyan",
  "not-in-plan": "cyan",
  interrupted: "yellow",
  failed: "red",
  waiting: "dim",
  blocked: "yellow",
  settled: "dim",
  "left-alone": "dim",
};

/** `2026-11-20`, or the time of day too where the day is today. */
export const whenWords = (at: Instant, now: Instant): string =>
  formatDay(at) === formatDay(now) ? formatInstant(at) : formatDay(at);

/**
 * Users who need something, by reason: what the reason means, then a line each with the command that unsticks it, or with the
 * sentence where there is none.
 */
export function list(
  title: string,
  reports: readonly UserReport[],
  { flags, now, paint }: Pick<Setting, "flags" | "now" | "paint">,
): string {
  if (reports.length === 0) return "";
  const codes = [...new Set(reports.map((each) => each.code))];
  const groups = codes.map((code) => {
    const members = reports.filter((each) => each.code === code);
    const [first] = members;
    const style = first === undefined ? "dim" : outcomeStyle[first.outcome];
    const advice = shared(members.map(({ next }) => next?.what ?? ""));
    return [
      `  ${paint(style, `${code} (${members.length})`)} ${reasons[code]}`,
      ...members.map((member) => memberLine(member, advice === null, { flags, now, paint })),
      ...(advice === null ? [] : [paint("dim", `    ${plain(advice)}`)]),
    ].join("\n");
  });
  return [paint("bold", `${title} (${reports.length})`), ...groups].join("\n");
}

/** `advised` = what comes next is said here, where there is no command: it is not the same for all. */
function memberLine(
  { userName, sentence, next, command, steps }: UserReport,
  advised: boolean,
  { flags, now, paint }: Pick<Setting, "flags" | "now" | "paint">,
): string {
  const failed = steps.findLast((step) => step.result === "failed");
  const advice = advised && command === null && next !== null ? `; ${next.what}` : "";
  const date =
    next === null || next.at === null ? "" : `${advice === "" ? ";" : ","} not before ${whenWords(next.at, now)}`;
  const words = plain(`${failed?.sentence ?? sentence}${advice}${date}`);
  if (command === null) return `    ${paint("bold", plain(userName))}: ${words}`;
  return `    ${paint("cyan", plain(commandLine(command, flags)))}   ${paint("dim", `# ${words}`)}`;
}

/** The text that all have in common; null where they differ or say nothing. */
const shared = (texts: readonly string[]): string | null => {
  const [first] = texts;
  return first !== undefined && first !== "" && texts.every((text) => text === first) ? first : null;
};

/** As much of a user as is counted. */
interface Counted {
  readonly outcome: UserOutcome;
  /** Why it was not read exactly; absent = it was. */
  readonly ruledOut?: string;
  readonly steps: readonly { readonly action: Pick<Action, "kind">; readonly result: string }[];
}

/** Counts by outcome, and by what was done. */
export function summarize(reports: readonly Counted[]) {
  const outcomes: Partial<Record<UserOutcome, number>> = {};
  const done: Record<string, number> = {};
  for (const { outcome, steps } of reports) {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    for (const step of steps.filter((each) => each.result === "done"))
      done[doneWord[step.action.kind]] = (done[doneWord[step.action.kind]] ?? 0) + 1;
  }
  const ruledOut: Record<string, number> = {};
  for (const { ruledOut: why } of reports) if (why !== undefined) ruledOut[why] = (ruledOut[why] ?? 0) + 1;
  const readExactly = reports.filter((report) => report.ruledOut === undefined).length;
  return { users: reports.length, readExactly, ruledOut, outcomes, done };
}

export const of = (reports: readonly UserReport[], ...outcomes: readonly UserOutcome[]): readonly UserReport[] =>
  reports.filter((each) => outcomes.includes(each.outcome));

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
