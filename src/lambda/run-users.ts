import { alarms, Audit, type Chosen, type Finding, type Limits, type RunRules, type Session } from "../compose.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { UserReport } from "../core/result.ts";
import { formatInstant } from "../core/time.ts";
import type { Journal } from "../ports.ts";
import type { Deadline } from "./deadline.ts";
import type { Telemetry } from "./telemetry.ts";

/** More users would change than the settings allow: nothing was changed. */
export class RefusedAbove extends InvalidInput {}

/** A run of the engine, as a function makes it. */
export interface FunctionRun {
  readonly session: Session;
  readonly deadline: Deadline;
  readonly telemetry: Telemetry;
  /** Names it in the audit. */
  readonly run: string;
  /** The hash of the configuration; null where there is none. */
  readonly configHash: string | null;
  /** Sees what will be done, before anything is; throws where it must not be. Absent = nobody does. */
  readonly beforeFirst?: (chosen: Chosen) => Promise<void>;
}

/** What a run came to, with the hash of the last line of its audit. */
export interface FunctionRunResult {
  readonly reports: readonly UserReport[];
  readonly auditHead: string;
}

/**
 * A run of the engine under an invocation's deadline, each step of it in the log. Throws {@link RefusedAbove} before the first
 * change where more would change than may.
 */
export async function runUsers(
  { session, deadline, telemetry, run, configHash, beforeFirst }: FunctionRun,
  users: Parameters<Session["run"]>[0],
  limits: Limits,
): Promise<FunctionRunResult> {
  const context = { run, caller: session.caller, settings: session.fingerprint };
  const audit = new Audit(configHash === null ? context : { ...context, config: configHash }, telemetry.audit);
  const journal: Journal = (step) => {
    deadline.look();
    audit.journal(step);
  };
  const rules: RunRules = {
    limits,
    signal: deadline.signal,
    onSeen: () => deadline.look(),
    onProgress: () => deadline.look(),
    approve: async (findings, chosen) => {
      deadline.look();
      refuseAbove(findings, limits);
      await beforeFirst?.(chosen);
    },
  };
  audit.begin(session.clock.now());
  const reports = await session.run(users, rules, journal);
  audit.end(session.clock.now());
  return { reports, auditHead: audit.head };
}

function refuseAbove(findings: readonly Finding[], limits: Limits): void {
  const alarm = alarms(findings, limits);
  if (alarm === null) return;
  throw new RefusedAbove(
    `${alarm.changing} of ${alarm.of} users with keys would change, more than ${limits.refuseAbovePercent ?? 0}%: nothing was changed`,
    "look at keyturn plan, then raise limits.refuseAbove for this once",
  );
}

/** Says of each user what became of it; `about` stands beside each. Answers with the names of those that failed. */
export function tell(
  telemetry: Telemetry,
  reports: readonly UserReport[],
  about: Readonly<Record<string, string>> = {},
): readonly string[] {
  const failed: string[] = [];
  for (const report of reports) {
    const { userName, outcome, code, sentence, next, command } = report;
    const at = next === null || next.at === null ? null : formatInstant(next.at);
    const steps = report.steps.map(({ action, result, created }) => ({ action: action.kind, result, created }));
    const fields = { ...about, user: userName, outcome, code, sentence, steps, next: next?.what ?? null, at };
    if (outcome === "failed") {
      failed.push(userName);
      telemetry.failed("a user failed", fields);
    } else if (outcome === "blocked")
      telemetry.warn("a person has to look at a user", { ...fields, command: command?.join(" ") ?? null });
    else if (outcome === "interrupted" || outcome === "deferred")
      telemetry.warn("a user was left for a later run", fields);
    else if (outcome === "changed") telemetry.info("a user was changed", fields);
  }
  return failed;
}
