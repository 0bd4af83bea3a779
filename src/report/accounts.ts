import type { AccountOutcome, AccountReport } from "../core/account-result.ts";
import type { UserReport } from "../core/result.ts";
import { formatInstant, type Instant } from "../core/time.ts";
import { type DocumentHead, userJson } from "./document.ts";
import { type Cell, type Paint, plain, type Style, table } from "./table.ts";
import { plural, summarize } from "./words.ts";

/*
 * The one report about many accounts, whatever made it: per account, per user, totals, and what is stuck and why. As one document, or
 * as lines that can be written while the work goes on, so that nothing keeps all users.
 */

/** The commands that make such a report. */
export type FleetCommand = "scan" | "plan" | "run";

/** What the report begins with. `account` and `caller` = from where the accounts were entered. */
export type AccountsHead = Omit<DocumentHead, "schema" | "endedAt">;

/** So many stuck users are told one by one in the totals; the others are counted. */
const TOLD_ONE_BY_ONE = 200;

type Counts = Readonly<Partial<Record<string, number>>>;

/** A user who needs a person, or of whom something failed. */
interface Stuck {
  readonly account: string;
  readonly userName: string;
  readonly outcome: string;
  readonly code: string;
  readonly sentence: string;
  /** What unsticks it, to be typed; null where no command does. */
  readonly command: string | null;
}

/** One user as every document has it. */
export type UserDocument = ReturnType<typeof userJson>;

/** One account as the document has it. No secret. */
export interface AccountDocument extends AccountReport {
  readonly summary: ReturnType<typeof summarize>;
  /** How many users are stuck, by reason. */
  readonly stuck: Counts;
  readonly users: readonly UserDocument[];
}

/** One account without its users. */
type AccountEntry = Omit<AccountDocument, "users">;

/** One account as the document has it, of users as a run tells them. */
export const accountDocument = (report: AccountReport, users: readonly UserReport[], now: Instant): AccountDocument =>
  countUsers(
    report,
    users.map((user) => userJson(user, now, ["--account", report.account])),
  );

/** The document of an account with these users, counted. */
export const countUsers = (report: AccountReport, users: readonly UserDocument[]): AccountDocument => ({
  ...report,
  summary: summarize(users.map(counted)),
  stuck: countBy(users.filter(isStuck).map(({ code }) => code)),
  users,
});

/** Whoever was not read exactly has the reason for its code. */
const counted = ({ outcome, readExactly, code, steps }: UserDocument) => ({
  outcome,
  steps: steps.map(({ action, result }) => ({ action: { kind: action }, result })),
  ...(readExactly ? {} : { ruledOut: code }),
});

const isStuck = ({ outcome }: UserDocument): boolean => outcome === "blocked" || outcome === "failed";

/** The counts of all accounts that were done so far. Keeps no users but the first ones that are stuck. */
export class Totals {
  readonly entries: AccountEntry[] = [];
  readonly #stuck: Stuck[] = [];

  /** Takes in an account that is done. */
  add({ users, ...entry }: AccountDocument): void {
    const room = TOLD_ONE_BY_ONE - this.#stuck.length;
    const first = room <= 0 ? [] : users.filter(isStuck).slice(0, room);
    this.#stuck.push(...first.map((user) => stuckJson(entry.account, user)));
    this.entries.push(entry);
  }

  /** The stuck users that are told one by one. */
  get stuck(): readonly Stuck[] {
    return this.#stuck;
  }

  /** By account id, whichever was done first. */
  get sorted(): readonly AccountEntry[] {
    return this.entries.toSorted((a, b) => (a.account < b.account ? -1 : 1));
  }

  /** What the users of all accounts came to. */
  get outcomes(): Counts {
    return sum(this.entries.map(({ summary }) => summary.outcomes));
  }

  summary() {
    const summaries = this.entries.map(({ summary }) => summary);
    const byReason = sum(this.entries.map(({ stuck }) => stuck));
    return {
      accounts: this.entries.length,
      accountOutcomes: countBy(this.entries.map(({ outcome }) => outcome)),
      users: total(summaries.map(({ users }) => users)),
      readExactly: total(summaries.map(({ readExactly }) => readExactly)),
      ruledOut: sum(summaries.map(({ ruledOut }) => ruledOut)),
      outcomes: this.outcomes,
      done: sum(summaries.map(({ done }) => done)),
      stuck: { users: total(Object.values(byReason).map((count) => count ?? 0)), byReason, first: this.#stuck },
    };
  }
}

function stuckJson(account: string, { userName, outcome, code, sentence, command, steps }: UserDocument): Stuck {
  const failed = steps.findLast(({ result }) => result === "failed");
  return { account, userName, outcome, code, sentence: failed?.sentence ?? sentence, command };
}

function countBy(words: readonly string[]): Counts {
  return sum(words.map((word) => ({ [word]: 1 })));
}

function sum(all: readonly Counts[]): Counts {
  const counts = new Map<string, number>();
  for (const each of all)
    for (const [name, count = 0] of Object.entries(each)) counts.set(name, (counts.get(name) ?? 0) + count);
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const total = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);

const headJson = (
  head: AccountsHead,
  command: FleetCommand,
  special: Readonly<Record<string, unknown>>,
  now: Instant,
) => ({
  schema: "keyturn/accounts/v1",
  command,
  keyturn: head.keyturn,
  run: head.run,
  account: head.account,
  caller: head.caller,
  startedAt: formatInstant(head.startedAt),
  endedAt: formatInstant(now),
  ...special,
});

/** The whole report as one document. No secret. */
export const accountsDocument = (
  head: AccountsHead,
  command: FleetCommand,
  special: Readonly<Record<string, unknown>>,
  accounts: readonly AccountDocument[],
  totals: Totals,
  now: Instant,
) => ({
  ...headJson(head, command, special, now),
  accounts: accounts.toSorted((a, b) => (a.account < b.account ? -1 : 1)),
  summary: totals.summary(),
});

/** The lines of one account: one for each user, and one for itself. */
export const linesOf = ({ users, ...entry }: AccountDocument): string =>
  [...users.map((user) => ({ type: "user", account: entry.account, ...user })), { type: "account", ...entry }]
    .map((line) => JSON.stringify(line))
    .join("\n");

/** The last line: head and totals. */
export const totalsLine = (
  head: AccountsHead,
  command: FleetCommand,
  special: Readonly<Record<string, unknown>>,
  totals: Totals,
  now: Instant,
): string => JSON.stringify({ type: "totals", ...headJson(head, command, special, now), summary: totals.summary() });

/** The lines of a command about the caller's own account alone. */
export function accountLines(
  head: DocumentHead,
  command: FleetCommand,
  special: Readonly<Record<string, unknown>>,
  users: readonly UserReport[],
): string {
  const { account, caller, endedAt } = head;
  const totals = new Totals();
  const done = {
    outcome: "done",
    code: "done",
    sentence: "",
    hint: null,
    listing: null,
    audit: null,
    notes: [],
  } as const;
  const own = accountDocument({ account, caller, name: null, ...done }, users, endedAt);
  totals.add(own);
  return `${linesOf(own)}\n${totalsLine(head, command, special, totals, endedAt)}`;
}

const styles: Readonly<Record<AccountOutcome, Style>> = {
  done: "green",
  failed: "red",
  refused: "yellow",
  skipped: "dim",
  interrupted: "yellow",
};

/** The report for people: a line an account, who is stuck and why, and totals. */
export function accountsText(command: FleetCommand, totals: Totals, paint: Paint): string {
  const { accounts, accountOutcomes, users, outcomes, done, stuck } = totals.summary();
  const heading = `${command} of ${plural(users, "user")} in ${plural(accountOutcomes["done"] ?? 0, "account")} of ${accounts}`;
  const counts = [...Object.entries(outcomes), ...Object.entries(done)].map(([word, count]) => `${count ?? 0} ${word}`);
  return [
    paint("bold", heading),
    table(["ACCOUNT", "NAME", "", "USERS", "STUCK", "WHAT"], totals.sorted.map(row), paint),
    problems(totals.sorted, paint),
    stuckText(totals.stuck, stuck.users, paint),
    paint("dim", counts.join(" · ")),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function row({ account, name, outcome, code, sentence, summary, stuck }: AccountEntry): readonly Cell[] {
  const isDone = outcome === "done";
  const counts = [...Object.entries(summary.outcomes), ...Object.entries(summary.done)];
  const words = counts.map(([word, count]) => `${count} ${word}`).join(", ");
  return [
    { text: account, style: "bold" },
    { text: name ?? "" },
    { text: isDone ? outcome : `${outcome}: ${code}`, style: styles[outcome] },
    { text: isDone ? String(summary.users) : "" },
    { text: isDone ? String(total(Object.values(stuck).map((count) => count ?? 0))) : "" },
    { text: outcome === "skipped" ? sentence : words },
  ];
}

/** Accounts that were not done, with what to do about it; and what else is to be known of those that were. */
function problems(entries: readonly AccountEntry[], paint: Paint): string {
  const lines = entries.flatMap(({ account, outcome, sentence, hint, notes }) => [
    ...(outcome === "failed" || outcome === "refused"
      ? [plain(`  ${account}: ${sentence}${hint === null ? "" : `; ${hint}`}`)]
      : []),
    ...notes.map((note) => plain(`  ${account}: ${note}`)),
  ]);
  return lines.length === 0 ? "" : [paint("bold", `Accounts to look at (${lines.length})`), ...lines].join("\n");
}

function stuckText(told: readonly Stuck[], all: number, paint: Paint): string {
  if (all === 0) return "";
  const lines = told.map(({ account, userName, code, sentence, command }) =>
    command === null
      ? `  ${paint("bold", plain(`${account} ${userName}`))}: ${code}: ${plain(sentence)}`
      : `  ${paint("cyan", plain(command))}   ${paint("dim", `# ${code}: ${plain(sentence)}`)}`,
  );
  const rest = all - told.length;
  return [
    paint("bold", `Stuck (${all})`),
    ...lines,
    ...(rest === 0 ? [] : [paint("dim", `  and ${rest} more: --format ndjson tells of all`)]),
  ].join("\n");
}
