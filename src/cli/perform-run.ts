import { readFile } from "node:fs/promises";
import { alarms, type Chosen, type Finding, type Limits, type RunRules, type Selectors } from "../compose.ts";
import type { PlanExpectations } from "../config/plan-file.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { UserReport } from "../core/result.ts";
import { document } from "../report/document.ts";
import { planText, runText } from "../report/text.ts";
import { actionWords, plural } from "../report/words.ts";
import { confirm } from "./confirm.ts";
import { EXIT, Exit } from "./exit.ts";
import type { Io } from "./io.ts";
import { exitFor } from "./outcome.ts";
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
  readonly format: "table" | "json";
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
      approve: (findings, chosen) => approve(io, invocation, flags, findings, chosen),
      onProgress: showProgress(io, session.clock),
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

async function readPlanFile(file: string, expected: PlanExpectations): Promise<Limits["planned"]> {
  const [{ readPlan }, text] = await Promise.all([import("../config/plan-file.ts"), readText(file)]);
  return readPlan(text, file, expected);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "Error";
    throw new InvalidInput(`the plan ${file} cannot be read (${code})`, "keyturn plan --out FILE writes one");
  }
}

/** Everything that must hold before the first change. */
async function approve(
  io: Io,
  { session }: Invocation,
  flags: RunFlags,
  findings: readonly Finding[],
  chosen: Chosen,
): Promise<void> {
  const homeless = findings
    .filter(({ decision }) => decision.code === "no-destination")
    .map(({ decision }) => decision.userName);
  if (homeless.length > 0) {
    throw new InvalidInput(
      `no destination is given for ${some(homeless)}`,
      "--deliver secretsmanager:prod/{user}, ssm:/keys/{user}, file:./keys/{user}.json or stdout",
    );
  }
  const unusable = findings.filter(({ decision }) => decision.code === "destination-unusable");
  const [first] = unusable;
  if (first !== undefined && chosen.would.length === 0) {
    const more = unusable.length > 1 ? ` (and ${unusable.length - 1} more like it)` : "";
    throw new InvalidInput(`${first.decision.sentence}${more}`, first.decision.next?.what ?? null);
  }
  const alarm = alarms(findings, { refuseAbovePercent: flags.refuseAbove });
  if (alarm !== null) {
    throw new Exit(
      EXIT.refused,
      `${alarm.changing} of ${alarm.of} users with keys would change, more than ${flags.refuseAbove ?? 0}%: nothing was changed`,
      "look at keyturn plan, then raise --refuse-above for this once",
    );
  }
  if (chosen.now.length === 0 || flags.yes === true) return;
  for (const { decision } of chosen.now)
    io.err(
      `  ${decision.userName}: ${decision.action === null ? "" : actionWords(decision.action)} (${decision.code})`,
    );
  await confirm(io, `Do this to ${plural(chosen.now.length, "user")} of account ${session.caller.account}?`);
}

const some = (names: readonly string[]): string =>
  names.length <= 5 ? names.join(", ") : `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;

async function report(
  io: Io,
  invocation: Invocation,
  flags: RunFlags,
  reports: readonly UserReport[],
  kept: KeptAudit | null,
): Promise<void> {
  const audit = kept === null ? null : { head: kept.audit.head, file: kept.file };
  const result = JSON.stringify(
    document(headOf(invocation, "keyturn/run/v1"), { dryRun: flags.dryRun === true, audit }, reports),
    null,
    2,
  );
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
  else io.out(flags.format === "json" ? result : text());
}
