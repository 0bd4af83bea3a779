import { answerFor, type Crowd, dueAmong } from "./account.ts";
import { guesses, showGuesses } from "./guesses.ts";
import type { Limit } from "../test/support/bucket.ts";
import type { NaiveResult } from "./naive.ts";
import { bundled, type Measured, measure } from "./process.ts";
import { inSeconds, megabytes, percent, show } from "./table.ts";

/** What a call takes at the server, on top of what the server needs, in milliseconds: about what one to AWS does. */
const LATENCY = 20;

const LIMIT: Limit = { rate: 20, burst: 40 };

/** After so many seconds the script begins no other user: what it would take for all is extrapolated. */
const NAIVE_SECONDS = 20;

/** About how many calls each user that is due costs, to tell beforehand what takes long. */
const CALLS_PER_DUE = { plan: 5, run: 21 };

/** A run of keyturn over one account, beside a script that does the same. */
export interface Cell extends Crowd {
  readonly command: "plan" | "run";
  readonly limited: boolean;
}

interface Row {
  readonly cell: Cell;
  readonly ours: Measured;
  readonly naive: Naive;
  readonly readExactly: number;
  /** Due, and not rotated by a run, or not found due by a plan; and why, each reason once. */
  readonly failed: number;
  readonly why: string;
}

/** What the script did, or would have done. */
interface Naive {
  readonly measured: Measured;
  readonly isExtrapolated: boolean;
  readonly calls: number;
  readonly ms: number;
  readonly failed: number;
}

/** Everything that makes sense: where nothing is due, a run is there to be compared with, once for each size. */
const CELLS: readonly Cell[] = [false, true].flatMap((limited) =>
  [1000, 5000].flatMap((users) =>
    [0, 5, 100].flatMap((duePercent): readonly Cell[] => {
      const plan = { users, duePercent, command: "plan", limited } as const;
      return limited && duePercent === 0 ? [plan] : [plan, { ...plan, command: "run" }];
    }),
  ),
);

const isBacklog = ({ users, duePercent, command, limited }: Cell): boolean =>
  limited && users === 1000 && duePercent === 100 && command === "run";

/** 1,000 rotations under a limit, alone: about 20 minutes. */
export const BACKLOG: readonly Cell[] = CELLS.filter(isBacklog);

const expectedCalls = (cell: Cell): number => dueAmong(cell) * CALLS_PER_DUE[cell.command];

/** `quick` = what takes seconds · `some` = what takes minutes · `full` = everything, which takes hours. */
export function cellsFor(size: "quick" | "some" | "full"): readonly Cell[] {
  const most = { quick: [2_000, 200], some: [30_000, 2_000], full: [Infinity, Infinity] }[size];
  return CELLS.filter((cell) => expectedCalls(cell) <= (most[cell.limited ? 1 : 0] ?? 0));
}

/** Accounts of 1,000 and 5,000 users, with and without a limit as AWS has them. */
export async function benchLarge(cells: readonly Cell[]): Promise<void> {
  const script = await bundled("naive");
  const rows: Row[] = [];
  for (const cell of cells) rows.push(await fill(cell, script));
  showCalls(rows);
  for (const users of new Set(rows.map(({ cell }) => cell.users)))
    showActions(
      users,
      rows.filter(({ cell }) => cell.users === users),
    );
  showTimes(rows);
  showLimited(rows.filter(({ cell }) => cell.limited));
  showGuesses(rows.map(({ cell, ours }) => ({ name: nameOf(cell), guesses: guesses(ours) })));
  showGoals(rows);
  if (cells !== BACKLOG) showLeftOut(CELLS.filter((cell) => !cells.includes(cell)));
}

async function fill(cell: Cell, script: string): Promise<Row> {
  const setting = { limit: cell.limited ? LIMIT : null, latency: LATENCY };
  const answer = () => answerFor(cell);
  const flags = ["--deliver", "ssm:/keys/{user}", "--format", "json"];
  const doing = ["run", "--all-users", "--yes", "--max-rotations", "100000", "--audit", "none"];
  const ours = await measure([...(cell.command === "plan" ? ["plan"] : doing), ...flags], answer(), setting);
  if (ours.code !== 0 && ours.code !== 3) console.error(`${nameOf(cell)}: ${ours.stderr.slice(-500)}`);
  const { users } = JSON.parse(ours.stdout) as Document; // keyturn's own document
  const good = cell.command === "plan" ? ["due", "deferred"] : ["changed"];
  const missed = users.filter(({ outcome, readExactly }) => readExactly && !good.includes(outcome));
  const naive = await measure([cell.command, String(NAIVE_SECONDS)], answer(), { ...setting, main: script });
  return {
    cell,
    ours,
    naive: wholeOf(cell, naive),
    readExactly: users.filter(({ readExactly }) => readExactly).length,
    failed: dueAmong(cell) - users.filter(({ outcome }) => good.includes(outcome)).length,
    why: cell.duePercent < 100 ? "" : [...new Set(missed.map(({ sentence }) => plain(sentence)))].join("; "),
  };
}

interface Document {
  readonly users: readonly { readonly outcome: string; readonly sentence: string; readonly readExactly: boolean }[];
}

/** Without what differs from user to user. */
const plain = (sentence: string): string => sentence.replaceAll(/user-\d+|AKIA\w+/g, "…");

/** As many are due at the beginning as later on, so that what all would take is in proportion. */
function wholeOf({ users }: Cell, measured: Measured): Naive {
  const done = JSON.parse(measured.stdout) as NaiveResult; // its own document
  const factor = users / done.users;
  return {
    measured,
    isExtrapolated: factor > 1,
    calls: Math.round(measured.granted * factor),
    ms: measured.ms * factor,
    failed: done.failed,
  };
}

const nameOf = ({ users, duePercent, command, limited }: Cell): string =>
  `${command}, ${users} users, ${duePercent}% due${limited ? `, ${LIMIT.rate}/s` : ""}`;

const about = ({ isExtrapolated }: Naive): string => (isExtrapolated ? "~" : "");

const headOf = ({ users, duePercent, command, limited }: Cell): (string | number)[] => [
  command,
  users,
  `${duePercent}%`,
  limited ? `${LIMIT.rate}/s` : "none",
];

const HEAD = ["COMMAND", "USERS", "DUE", "LIMIT"];

function showCalls(rows: readonly Row[]): void {
  show(
    "Calls that were answered (goals: at most 12 for a plan with nothing due; beyond that as many for each due user, however many users there are)",
    [...HEAD, "READ EXACTLY", "CALLS", "BEYOND NOTHING DUE, FOR EACH DUE USER", "SCRIPT"],
    rows.map(({ cell, ours, naive, readExactly }) => [
      ...headOf(cell),
      readExactly,
      ours.granted,
      costOfDue(cell, ours, rows)?.toFixed(1) ?? "",
      `${about(naive)}${naive.calls}`,
    ]),
  );
}

/** What a due user costs beyond a run over as many users of whom nobody is due; null where that was not measured. */
function costOfDue(cell: Cell, { granted }: Measured, rows: readonly Row[]): number | null {
  const idle = rows.find(
    (row) => row.cell.users === cell.users && row.cell.command === cell.command && row.cell.duePercent === 0,
  );
  const due = dueAmong(cell);
  return idle === undefined || due === 0 ? null : (granted - idle.ours.granted) / due;
}

function showActions(users: number, rows: readonly Row[]): void {
  const free = rows.filter(({ cell }) => !cell.limited);
  const columns = [
    ...free.map(({ cell, ours }) => ({
      name: `${cell.command} ${cell.duePercent}%`.toUpperCase(),
      counts: ours.byAction,
    })),
    ...free
      .filter(({ naive }) => !naive.isExtrapolated)
      .map(({ cell, naive }) => ({
        name: `SCRIPT ${cell.command} ${cell.duePercent}%`.toUpperCase(),
        counts: naive.measured.byAction,
      })),
  ];
  if (columns.length === 0) return;
  const actions = [...new Set(columns.flatMap(({ counts }) => [...counts.keys()]))].toSorted();
  show(
    `Calls by action, ${users} users, no limit`,
    ["ACTION", ...columns.map(({ name }) => name)],
    actions.map((action) => [action, ...columns.map(({ counts }) => counts.get(action) ?? "")]),
  );
}

function showTimes(rows: readonly Row[]): void {
  show(
    `Time and memory at ${LATENCY} ms a call; a run counts in 15 s in which IAM settles, once (~ = extrapolated from ${NAIVE_SECONDS} s)`,
    [...HEAD, "WALL", "LARGEST HEAP", "LARGEST RSS", "SCRIPT WALL", "SCRIPT HEAP", "SCRIPT RSS"],
    rows.map(({ cell, ours, naive }) => [
      ...headOf(cell),
      inSeconds(ours.ms),
      megabytes(ours.heap),
      megabytes(ours.rss),
      `${about(naive)}${inSeconds(naive.ms)}`,
      megabytes(naive.measured.heap),
      megabytes(naive.measured.rss),
    ]),
  );
}

function showLimited(rows: readonly Row[]): void {
  if (rows.length === 0) return;
  show(
    `Under a limit of ${LIMIT.rate} requests/s, burst ${LIMIT.burst}, as the server counts (goal for 1,000 rotations: at least 90% of the rate, nobody fails)`,
    [
      ...HEAD,
      "GRANTED",
      "REFUSED",
      "OF THE RATE",
      "FAILED USERS",
      "SCRIPT REFUSED",
      "SCRIPT OF THE RATE",
      "SCRIPT FAILED",
    ],
    rows.map(({ cell, ours, naive, failed }) => [
      ...headOf(cell),
      ours.granted,
      ours.refused,
      percent(ours.share ?? 1),
      failed,
      naive.measured.refused,
      percent(naive.measured.share ?? 1),
      naive.failed,
    ]),
  );
}

/** The goals that these rows can tell of. */
function showGoals(rows: readonly Row[]): void {
  const seen: (readonly [goal: string, seen: string, met: boolean])[] = [];
  for (const { cell, ours, failed, why } of rows) {
    if (cell.command === "plan" && cell.duePercent === 0)
      seen.push([`${nameOf(cell)}: at most 12 calls`, String(ours.granted), ours.granted <= 12]);
    const smaller = rows.find((row) => nameOf(row.cell) === nameOf({ ...cell, users: 1000 }));
    const [here, there] = [costOfDue(cell, ours, rows), smaller && costOfDue(smaller.cell, smaller.ours, rows)];
    if (cell.users > 1000 && typeof here === "number" && typeof there === "number")
      seen.push([
        `${nameOf(cell)}: a due user costs what it does among 1000`,
        `${here.toFixed(1)} to ${there.toFixed(1)}`,
        Math.abs(here - there) < 0.5,
      ]);
    if (cell.duePercent > 0)
      seen.push([
        `${nameOf(cell)}: nobody fails`,
        [failed, why].filter((each) => each !== "").join(": "),
        failed === 0,
      ]);
    if (isBacklog(cell))
      seen.push([`${nameOf(cell)}: at least 90% of the rate`, percent(ours.share ?? 0), (ours.share ?? 0) >= 0.9]);
  }
  show(
    "Goals",
    ["GOAL", "SEEN", "MET"],
    seen.map(([goal, what, met]) => [goal, what, met ? "yes" : "NO"]),
  );
}

function showLeftOut(cells: readonly Cell[]): void {
  if (cells.length === 0) return;
  show(
    "Left out here, and measured with --full (the time under a limit is calculated, not measured)",
    [...HEAD, "ABOUT"],
    cells.map((cell) => [
      ...headOf(cell),
      cell.limited ? inSeconds((1000 * expectedCalls(cell)) / LIMIT.rate) : "minutes",
    ]),
  );
}
