import type { KeyReport, UserReport } from "../core/result.ts";
import { age, formatDay, formatDuration, type Instant, later, roundDuration, type Duration } from "../core/time.ts";
import { type Cell, type Paint, plain, table } from "./table.ts";
import { actionWords, doneWord, list, of, outcomeStyle, plural, type Setting, summarize, whenWords } from "./words.ts";

/** The inventory: a line a key. */
export function scanText(reports: readonly UserReport[], setting: Setting): string {
  const { account, now, paint } = setting;
  const rows = reports.filter(({ ruledOut }) => ruledOut === undefined).flatMap((report) => keyRows(report, now));
  const heading = paint("bold", `${plural(reports.length, "user")} in account ${account}`);
  return paragraphs([
    heading,
    table(["USER", "ACCESS KEY ID", "STATUS", "AGE", "LAST USED", "STATE", "NEXT"], rows, paint),
    list("Needs a person", of(reports, "blocked"), setting),
    list("Could not be read", of(reports, "failed"), setting),
    remarks(reports, paint),
    ruledOutLine(reports, setting),
    countsLine(reports, paint),
  ]);
}

function keyRows(report: UserReport, now: Instant): readonly (readonly Cell[])[] {
  const state: Cell = {
    text:
      report.outcome === "settled" || report.outcome === "left-alone"
        ? report.code
        : `${report.outcome}: ${report.code}`,
    style: outcomeStyle[report.outcome],
  };
  const name: Cell = { text: report.userName, style: "bold" };
  if (report.keys.length === 0)
    return [[name, { text: "-" }, { text: "" }, { text: "" }, { text: "" }, state, { text: nextOf(report, now) }]];
  return report.keys.map((key, index) => [
    index === 0 ? name : { text: "" },
    { text: key.accessKeyId },
    { text: key.status, ...(key.status === "Active" ? {} : { style: "dim" as const }) },
    { text: roundDuration(age(key.createDate, now)) },
    { text: lastUseWords(key, now) },
    index === 0 ? state : { text: key.code === report.code ? "" : key.code, style: "dim" },
    { text: index === 0 ? nextOf(report, now) : "" },
  ]);
}

function nextOf({ next, planned }: UserReport, now: Instant): string {
  if (planned[0] !== undefined) return actionWords(planned[0]);
  return next?.at === undefined || next.at === null ? "" : `${next.what} ${whenWords(next.at, now)}`;
}

function lastUseWords({ lastUse }: KeyReport, now: Instant): string {
  if (lastUse === "unread") return "not read";
  if (lastUse === null) return "never";
  return `${roundDuration(age(lastUse.at, now))} ago, ${lastUse.service}`;
}

/** What the next run would do, and what stands in its way. */
export function planText(
  reports: readonly UserReport[],
  maxRotations: number,
  limitOf: (userName: string) => Duration | null,
  setting: Setting,
): string {
  const { account, now, paint } = setting;
  const due = of(reports, "due");
  const deferred = of(reports, "deferred");
  const rows = due.flatMap(({ userName, planned, sentence, destinations }) =>
    planned.map((action, index): readonly Cell[] => [
      { text: index === 0 ? userName : "", style: "bold" },
      { text: actionWords(action), style: "cyan" },
      {
        text:
          action.kind === "rotate" || action.kind === "resume" ? destinations.join(", ") || "no destination given" : "",
      },
      { text: index === 0 ? sentence : "then" },
    ]),
  );
  return paragraphs([
    paint("bold", `Plan for account ${account}: ${plural(due.length, "user")} of ${reports.length} would change`),
    ...(rows.length === 0 ? [] : [table(["USER", "STEP", "DELIVERED TO", "WHY"], rows, paint)]),
    ...backlogLines(due, deferred, maxRotations),
    ...maxAgeLines(reports, limitOf, now),
    list("Waiting", of(reports, "waiting"), setting),
    list("Needs a person", of(reports, "blocked"), setting),
    list("Could not be read", of(reports, "failed"), setting),
    remarks(reports, paint),
    ruledOutLine(reports, setting),
    countsLine(reports, paint),
  ]);
}

function backlogLines(
  due: readonly UserReport[],
  deferred: readonly UserReport[],
  maxRotations: number,
): readonly string[] {
  if (deferred.length === 0) return [];
  const now = due.filter(({ planned }) => planned.some((action) => action.kind === "rotate")).length;
  const runs = Math.ceil((now + deferred.length) / Math.max(1, maxRotations));
  return [
    `${plural(deferred.length, "rotation")} deferred: at ${maxRotations} a run, the backlog takes ${plural(runs, "run")} (--max-rotations).`,
  ];
}

/** Whose Active keys pass the limit on age, although the policy was made to hold it. */
function maxAgeLines(
  reports: readonly UserReport[],
  limitOf: (userName: string) => Duration | null,
  now: Instant,
): readonly string[] {
  const limited = reports.flatMap((report) => {
    const limit = limitOf(report.userName);
    return limit === null ? [] : [{ ...report, limit }];
  });
  const limits = [...new Set(limited.map(({ limit }) => formatDuration(limit)))];
  if (limits.length === 0) return [];
  const limitWords = limits.length === 1 ? `the limit of ${limits[0]}` : "its limit";
  const over = limited.flatMap(({ userName, keys, outcome, limit }) => {
    const oldest = keys.filter((key) => key.status === "Active").toSorted((a, b) => a.createDate - b.createDate)[0];
    if (oldest === undefined || (outcome !== "blocked" && now < later(oldest.createDate, limit))) return [];
    return [`  ${plain(userName)}: ${oldest.accessKeyId} passes it on ${formatDay(later(oldest.createDate, limit))}`];
  });
  if (over.length === 0) return [`No key passes ${limitWords}.`];
  return [[`${plural(over.length, "user")} with a key that passes ${limitWords}:`, ...over].join("\n")];
}

/** What a run did. */
export function runText(reports: readonly UserReport[], setting: Setting): string {
  const { account, now, paint } = setting;
  const rows = reports.flatMap(({ userName, steps, destinations, next }) =>
    steps
      .filter((step) => step.result === "done")
      .map(({ action, created, sentence }): readonly Cell[] => [
        { text: userName, style: "bold" },
        { text: doneWord[action.kind], style: "green" },
        {
          text: created === null ? actionWords(action) : `${created} delivered to ${destinations.join(", ")}`,
        },
        {
          text:
            next === null
              ? sentence
              : `next: ${next.what}${next.at === null ? "" : `, not before ${whenWords(next.at, now)}`}`,
        },
      ]),
  );
  return paragraphs([
    paint("bold", `Run in account ${account}`),
    ...(rows.length === 0 ? [] : [table(["USER", "DONE", "KEY", "WHY / NEXT"], rows, paint)]),
    list("Failed", of(reports, "failed"), setting),
    list("Needs a person", of(reports, "blocked"), setting),
    list("Not begun", of(reports, "interrupted"), setting),
    list("Deferred to the next run", of(reports, "deferred"), setting),
    list("Not in the plan", of(reports, "not-in-plan"), setting),
    untold(reports, paint),
    remarks(reports, paint),
    ruledOutLine(reports, setting),
    countsLine(reports, paint),
  ]);
}

/** Owners who should know something and do not. No rotation waits for that. */
function untold(reports: readonly UserReport[], paint: Paint): string {
  const lines = reports.flatMap(({ userName, notices = [] }) =>
    notices
      .filter(({ result }) => result === "failed")
      .map(({ kind, accessKeyId, sentence }) =>
        plain(`  ${userName}: ${kind}${accessKeyId === null ? "" : ` ${accessKeyId}`}: ${sentence}`),
      ),
  );
  return headed("Owners who could not be told; the next run tries again", lines, paint);
}

/** What else a person should know. */
const remarks = (reports: readonly UserReport[], paint: Paint): string =>
  headed(
    "Notes",
    reports.flatMap(({ userName, notes = [] }) => notes.map((note) => plain(`  ${userName}: ${note}`))),
    paint,
  );

const headed = (title: string, lines: readonly string[], paint: Paint): string =>
  lines.length === 0 ? "" : [paint("bold", `${title} (${lines.length})`), ...lines].join("\n");

/** How many users were not read one by one, and why that may be so. */
function ruledOutLine(reports: readonly UserReport[], { listing }: Setting): string {
  const { readExactly, ruledOut } = summarize(reports);
  if (listing === null) return "";
  if (readExactly === reports.length) return `Every user was read exactly: ${listing}.`;
  const counts = Object.entries(ruledOut)
    .toSorted(([, one], [, other]) => other - one)
    .map(([why, count]) => `${count} ${why}`);
  return `${plural(readExactly, "user")} read exactly; ruled out by ${listing}: ${counts.join(", ")} (--exact reads everybody).`;
}

/** Parts with a blank line between them; empty parts leave none. */
const paragraphs = (parts: readonly string[]): string => parts.filter((part) => part !== "").join("\n\n");

/** `3 changed · 12 waiting · 25 settled` */
function countsLine(reports: readonly UserReport[], paint: Paint): string {
  const { outcomes, done } = summarize(reports);
  const counts = Object.entries(outcomes).map(([outcome, count]) => `${count} ${outcome}`);
  const deeds = Object.entries(done).map(([word, count]) => `${count} ${word}`);
  return paint("dim", [...counts, ...deeds].join(" · "));
}
