import type { AccountReport } from "../core/account-result.ts";
import type { UserReport } from "../core/result.ts";
import {
  accountsDocument,
  type AccountsHead,
  accountsText,
  accountWithUsers,
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

/** What an account has that was not entered. */
export const NOTHING = { hint: null, caller: null, listing: null, audit: null, notes: [] } as const;

/** Tells of each account as soon as it is done, and of all at the end. Keeps the users only where one document is asked for. */
export class FleetReport {
  readonly #io: Io;
  readonly #fleet: FleetInvocation;
  readonly #command: FleetCommand;
  readonly #special: Readonly<Record<string, unknown>>;
  readonly #format: OutputFlags["format"];
  readonly #file: string | null;
  readonly #totals = new Totals();
  readonly #documents: ReturnType<typeof accountWithUsers>[] = [];
  /** The audits of accounts that are being worked in. */
  readonly #audits = new Map<string, AccountReport["audit"]>();
  readonly #notSwitched = new Set<string>();

  constructor(
    io: Io,
    fleet: FleetInvocation,
    command: FleetCommand,
    special: Readonly<Record<string, unknown>>,
    { format, report }: Pick<OutputFlags, "format"> & { readonly report?: string | undefined },
  ) {
    this.#io = io;
    this.#fleet = fleet;
    this.#command = command;
    this.#special = special;
    this.#format = format;
    this.#file = report ?? null;
    for (const { code, sentence, account, name } of fleet.left) {
      const outcome = code === "not-in-organization" ? "failed" : "skipped";
      this.add({ account, name, outcome, code, sentence, ...NOTHING }, []);
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
    const now = this.#fleet.hub.clock.now();
    const entry = this.#totals.add({ ...report, audit, notes }, users);
    if (this.#format === "ndjson") this.#io.out(linesOf(entry, users, now));
    if (this.#format === "json" || this.#file !== null) this.#documents.push(accountWithUsers(entry, users, now));
  }

  async end(): Promise<void> {
    const { hub } = this.#fleet;
    const now = hub.clock.now();
    const text = () => JSON.stringify(this.#document(now), null, 2);
    if (this.#file !== null) await writeResult(this.#file, text());
    if (this.#format === "table") this.#io.out(accountsText(this.#command, this.#totals, this.#io.paint));
    else if (this.#format === "json") this.#io.out(text());
    else this.#io.out(totalsLine(this.#head, this.#command, this.#special, this.#totals, now));
  }

  get #head(): AccountsHead {
    const { hub, run, startedAt } = this.#fleet;
    return { keyturn: version, run, account: hub.caller.account, caller: hub.caller.arn, startedAt };
  }

  #document(now: AccountsHead["startedAt"]) {
    return accountsDocument(this.#head, this.#command, this.#special, this.#documents, this.#totals, now);
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
