import type { Limits, RunRules, Selectors } from "../compose.ts";
import type { UserReport } from "../core/result.ts";
import { document } from "../report/document.ts";
import { planText, runText } from "../report/text.ts";
import { accountLines } from "../report/accounts.ts";
import { approve } from "./approval.ts";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import { exitFor } from "./outcome.ts";
import { readPlanFile } from "./plan-argument.ts";
import { showProgress, showSeen } from "./progress.ts";
import { checkResultFile, writeResult } from "./result-file.ts";
import { headOf, type Invocation, type KeptAudit, openAudit } from "./session.ts";
import { withSignals } from "./signals.ts";
import { proveSwitchOver } from "./switch-over.ts";
import { version } from "./version.ts";

export interface RunFlags {
  readonly plan: string | null;
  readonly selectors: Selectors;
  readonly maxRotations: number;
  /** Null = never. */
  readonly refuseAbove: number | null;
  readonly failOn: "failed" | "blocked";
  readonly dryRun?: true | undefined;
  readonly yes?: true | undefined;
  readonly report?: string | undefined;
  readonly audit?: string | undefined;
  readonly verbose?: true | undefined;
  readonly format: "table" | "json" | "ndjson";
}

/** Selects, decides, asks, performs and reports. Returns the exit code. */
export async function performRun(io: Io, invocation: Invocation, flags: RunFlags): Promise<number> {
  const { session } = invocation;
  if (flags.report !== undefined) await checkResultFile(flags.report);
  const limits = await limitsFrom(invocation, flags);
  const users = await session.users(flags.selectors);
  const kept = flags.dryRun === true ? null : openAudit(io, invocation, flags);

  return withSignals(io, async (signal, signalled) => {
    const rules: RunRules = {
      limits,
      signal,
      approve: (findings, chosen) => approve(io, session.caller.account, flags, findings, chosen),
      onRead: showProgress(io, session.clock, "users read"),
      onProgress: showProgress(io, session.clock, "users"),
      ...showSeen(io, flags.verbose === true),
    };
    const journal = kept?.journal ?? (() => undefined);
    const reports = await session.run(users, rules, journal);
    const switched = await proveSwitchOver(io, invocation, users, reports, journal);
    kept?.audit.end(session.clock.now());
    await report(io, invocation, flags, reports, kept);
    return signalled() ?? (switched ? exitFor(reports, flags.failOn) : EXIT.failed);
  });
}

async function limitsFrom({ session }: Invocation, flags: RunFlags): Promise<Limits> {
  const expected = {
    keyturn: version,
    account: session.caller.account,
    settings: session.fingerprint,
    now: session.clock.now(),
  };
  const planned = flags.plan === null ? null : await readPlanFile(flags.plan, expected);
  return {
    maxRotations: flags.maxRotations,
    refuseAbovePercent: flags.refuseAbove,
    planned,
    onlyLook: flags.dryRun === true,
  };
}

async function report(
  io: Io,
  invocation: Invocation,
  flags: RunFlags,
  reports: readonly UserReport[],
  kept: KeptAudit | null,
): Promise<void> {
  const audit = kept === null ? null : { head: kept.audit.head, file: kept.file };
  const head = headOf(invocation, "keyturn/run/v1");
  const special = { dryRun: flags.dryRun === true, audit };
  const result = JSON.stringify(document(head, special, reports), null, 2);
  if (flags.report !== undefined) await writeResult(flags.report, result);
  const { session } = invocation;
  const setting = {
    account: session.caller.account,
    listing: session.listingSource,
    now: session.clock.now(),
    paint: io.paint,
    flags: invocation.flags,
  };
  // A dry run tells what a run would do, in the words of a plan.
  const text = () =>
    flags.dryRun === true
      ? planText(reports, flags.maxRotations, session.maxAgeOf, setting)
      : runText(reports, setting);
  if (session.printsKeys) io.err(text());
  else if (flags.format === "ndjson") io.out(accountLines(head, "run", special, reports));
  else io.out(flags.format === "json" ? result : text());
}
