import { type AccountReport, NOT_ENTERED } from "../core/account-result.ts";
import type { LeftOut } from "../core/accounts.ts";
import type { UserReport } from "../core/result.ts";
import {
  type AccountDocument,
  accountDocument,
  accountsDocument,
  type AccountsHead,
  accountsText,
  type FleetCommand,
  linesOf,
  Totals,
  totalsLine,
} from "../report/accounts.ts";
import { EXIT } from "./exit.ts";
import type { FleetInvocation } from "./fleet-invocation.ts";
import type { Io } from "./io.ts";
import type { OutputFlags } from "./options.ts";
import { checkResultFile, writeResult } from "./result-file.ts";
import { version } from "./version.ts";

const NOT_SWITCHED = "the profile that signs this run was not switched over; see standard error";

/** Which run is told of. */
export interface ToldRun extends AccountsHead {
  readonly left: readonly LeftOut[];
  /** What time it is in the report. */
  readonly now: () => AccountsHead["startedAt"];
}

/** The run that is made here and now. */
export const toldOf = ({ hub, run, startedAt, left }: FleetInvocation): ToldRun => ({
  keyturn: version,
  run,
  account: hub.caller.account,
  caller: hub.caller.arn,
  startedAt,
  left,
  now: () => hub.clock.now(),
});

/** Tells of each account as soon as it is done, and of all at the end. Keeps the users only where one document is asked for. */
export class FleetReport {
  readonly #io: Io;
  readonly #run: ToldRun;
  readonly #command: FleetCommand;
  readonly #special: () => Readonly<Record<string, unknown>>;
  readonly #format: OutputFlags["format"];
  readonly #file: string | null;
  readonly #totals = new Totals();
  readonly #documents: AccountDocument[] = [];
  /** The audits of accounts that are being worked in. */
  readonly #audits = new Map<string, AccountReport["audit"]>();
  readonly #notSwitched = new Set<string>();

  constructor(
    io: Io,
    run: ToldRun,
    command: FleetCommand,
    special: () => Readonly<Record<string, unknown>>,
    { format, report }: Pick<OutputFlags, "format"> & { readonly report?: string | undefined },
  ) {
    this.#io = io;
    this.#run = run;
    this.#command = command;
    this.#special = special;
    this.#format = format;
    this.#file = report ?? null;
    for (const { code, sentence, account, name } of run.left) {
      const outcome = code === "not-in-organization" ? "failed" : "skipped";
      this.add({ account, name, outcome, code, sentence, ...NOT_ENTERED }, []);
    }
  }

  /** Throws `InvalidInput` where the result file could not be written at the end. */
  async check(): Promise<void> {
    if (this.#file !== null) await checkResultFile(this.#file);
  }

  keptAudit(account: string, audit: AccountReport["audit"]): void {
    this.#audits.set(account, audit);
  }

  notSwitched(account: string): void {
    this.#notSwitched.add(account);
  }

  add(report: AccountReport, users: readonly UserReport[]): void {
    const { account } = report;
    const audit = this.#audits.get(account) ?? null;
    const notes = this.#notSwitched.has(account) ? [...report.notes, NOT_SWITCHED] : report.notes;
    this.#audits.delete(account);
    this.take(accountDocument({ ...report, audit, notes }, users, this.#run.now()));
  }

  /** An account that is told already as the document has it. */
  take(account: AccountDocument): void {
    this.#totals.add(account);
    if (this.#format === "ndjson") this.#io.out(linesOf(account));
    if (this.#format === "json" || this.#file !== null) this.#documents.push(account);
  }

  async end(): Promise<void> {
    const now = this.#run.now();
    const text = () => JSON.stringify(this.#document(now), null, 2);
    if (this.#file !== null) await writeResult(this.#file, text());
    if (this.#format === "table") this.#io.out(accountsText(this.#command, this.#totals, this.#io.paint));
    else if (this.#format === "json") this.#io.out(text());
    else this.#io.out(totalsLine(this.#run, this.#command, this.#special(), this.#totals, now));
  }

  #document(now: AccountsHead["startedAt"]) {
    return accountsDocument(this.#run, this.#command, this.#special(), this.#documents, this.#totals, now);
  }

  /** Every account was done, and none had a user. */
  get isEmpty(): boolean {
    const { users, accountOutcomes } = this.#totals.summary();
    return users === 0 && (accountOutcomes["failed"] ?? 0) === 0;
  }

  get hasDue(): boolean {
    return (this.#totals.outcomes["due"] ?? 0) > 0;
  }

  /** As for one account: what failed comes first, then an account that was refused. */
  exitCode(failOn: "failed" | "blocked"): number {
    const { outcomes, accountOutcomes } = this.#totals.summary();
    const bad = (outcomes["failed"] ?? 0) + (failOn === "blocked" ? (outcomes["blocked"] ?? 0) : 0);
    if (bad > 0 || (accountOutcomes["failed"] ?? 0) > 0 || this.#notSwitched.size > 0) return EXIT.failed;
    return (accountOutcomes["refused"] ?? 0) > 0 ? EXIT.refused : EXIT.ok;
  }
}
