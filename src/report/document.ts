import { type Action, keysOf, type NextStep } from "../core/decision.ts";
import type { KeyReport, UserReport } from "../core/result.ts";
import { age, formatInstant, type Instant } from "../core/time.ts";
import { commandLine, summarize } from "./words.ts";

/** What every JSON document begins with. */
export interface DocumentHead {
  readonly schema: "keyturn/scan/v1" | "keyturn/plan/v1" | "keyturn/run/v1" | "keyturn/status/v1";
  /** The version of keyturn. */
  readonly keyturn: string;
  readonly run: string;
  readonly account: string;
  readonly caller: string;
  readonly startedAt: Instant;
  readonly endedAt: Instant;
}

/** One parseable document: the head, what is special to the command, the users, and the counts. No secret. */
export function document(
  head: DocumentHead,
  special: Readonly<Record<string, unknown>>,
  reports: readonly UserReport[],
) {
  return {
    ...head,
    startedAt: formatInstant(head.startedAt),
    endedAt: formatInstant(head.endedAt),
    ...special,
    users: reports.map((report) => userJson(report, head.endedAt)),
    summary: summarize(reports),
  };
}

/** One user as every document has it. `flags` = what its command needs besides, such as the account. */
export function userJson(report: UserReport, now: Instant, flags: readonly string[] = []) {
  const { userName, path, outcome, code, sentence, next, command, keys, destinations, planned, steps } = report;
  const { notices = [], notes = [], ruledOut } = report;
  return {
    userName,
    path,
    outcome,
    code,
    sentence,
    readExactly: ruledOut === undefined,
    next: nextJson(next),
    command: command === null ? null : commandLine(command, flags),
    keys: keys.map((key) => keyJson(key, now)),
    destinations,
    planned: planned.map(actionJson),
    steps: steps.map(({ action, result, created, sentence: why, hint }) => ({
      ...actionJson(action),
      result,
      created,
      sentence: why,
      hint,
    })),
    notices,
    notes,
  };
}

function keyJson({ accessKeyId, status, createDate, lastUse, role, code, sentence, next }: KeyReport, now: Instant) {
  return {
    accessKeyId,
    status,
    createDate: formatInstant(createDate),
    ageDays: Math.floor(age(createDate, now) / 86_400_000),
    lastUse: lastUse === null || lastUse === "unread" ? lastUse : { ...lastUse, at: formatInstant(lastUse.at) },
    role,
    code,
    sentence,
    next: nextJson(next),
  };
}

/** A next step as every document names it. */
export const nextJson = (next: NextStep | null) =>
  next === null ? null : { what: next.what, at: next.at === null ? null : formatInstant(next.at) };

/** An action as plans and results name it. */
export const actionJson = (action: Action) => ({ action: action.kind, accessKeyIds: keysOf(action) });
