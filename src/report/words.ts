import type { Action, Command } from "../core/decision.ts";
import type { UserOutcome, UserReport } from "../core/result.ts";
import { formatDay, formatInstant, type Instant } from "../core/time.ts";
import { type Paint, plain, type Style } from "./table.ts";

/** A command as it can be typed into a POSIX shell. `flags` = those of this invocation that it needs too. */
export function commandLine(command: Command, flags: readonly string[] = []): string {
  return ["keyturn", ...command, ...flags].map(quote).join(" ");
}

const quote = (word: string): string =>
  /^[\w./:=,@%+{}?&-]+$/.test(word) && !/[?&]/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

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

/** Users who need something, each with the sentence and the command that unsticks it. */
export function list(
  title: string,
  reports: readonly UserReport[],
  flags: readonly string[],
  now: Instant,
  paint: Paint,
): string {
  if (reports.length === 0) return "";
  const width = Math.max(...reports.map((each) => each.userName.length));
  const lines = reports.flatMap(({ userName, code, sentence, next, command, outcome, steps }) => {
    const indent = " ".repeat(width + 4);
    const when =
      next === null ? "" : `${next.what}${next.at === null ? "" : `, not before ${whenWords(next.at, now)}`}`;
    const failed = steps.findLast((step) => step.result === "failed");
    const reason = failed === undefined ? `${code}: ${sentence}` : sentence;
    return [
      `  ${paint("bold", plain(userName.padEnd(width)))}  ${paint(outcomeStyle[outcome], plain(reason))}`,
      ...(when === "" ? [] : [`${indent}${paint("dim", plain(when))}`]),
      ...(command === null ? [] : [`${indent}${paint("cyan", plain(commandLine(command, flags)))}`]),
    ];
  });
  return [paint("bold", `${title} (${reports.length})`), ...lines].join("\n");
}

/** Counts by outcome, and by what was done. */
export function summarize(reports: readonly UserReport[]) {
  const outcomes: Partial<Record<UserOutcome, number>> = {};
  const done: Record<string, number> = {};
  for (const { outcome, steps } of reports) {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    for (const step of steps.filter((each) => each.result === "done"))
      done[doneWord[step.action.kind]] = (done[doneWord[step.action.kind]] ?? 0) + 1;
  }
  return { users: reports.length, outcomes, done };
}

export const of = (reports: readonly UserReport[], ...outcomes: readonly UserOutcome[]): readonly UserReport[] =>
  reports.filter((each) => outcomes.includes(each.outcome));

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
