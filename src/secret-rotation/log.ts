import { withoutSecrets } from "../aws/call.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Secret } from "../core/secret.ts";
import { CallError, type Journal } from "../ports.ts";

/** What a function writes down: one JSON object a line. */
export interface Log {
  readonly info: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly warn: (message: string, fields?: Readonly<Record<string, unknown>>) => void;
  readonly error: (problem: unknown, fields?: Readonly<Record<string, unknown>>) => void;
  /** Each step of the engine: what was only begun is told where `debug` is on. */
  readonly step: Journal;
  /** From now on this value is taken out of every line, wherever it stands. */
  readonly hide: (secret: Secret) => void;
  /** A text without the values that are hidden. */
  readonly clean: (text: string) => string;
}

/** A log of lines. `write` takes one line, without its end. */
export function openLog(write: (line: string) => void, debug: boolean): Log {
  const secrets: Secret[] = [];
  const line = (level: string, message: string, fields: Readonly<Record<string, unknown>>) =>
    write(withoutSecrets(JSON.stringify({ level, message, ...fields }), secrets));
  return {
    info: (message, fields = {}) => line("INFO", message, fields),
    warn: (message, fields = {}) => line("WARN", message, fields),
    error: (problem, fields = {}) => line("ERROR", sentenceOf(problem), { ...fields, ...hintOf(problem) }),
    step: ({ userName, step, outcome, accessKeyIds, reason }) => {
      if (outcome === "started" && !debug) return;
      line(outcome === "done" || outcome === "started" ? "INFO" : "WARN", `${step} ${outcome}`, {
        userName,
        accessKeyIds,
        reason,
      });
    },
    hide: (secret) => void secrets.push(secret),
    clean: (text) => withoutSecrets(text, secrets),
  };
}

/** What went wrong, in words that hold no raw reply: an unknown error is told by its name alone. */
export function sentenceOf(problem: unknown): string {
  if (problem instanceof InvalidInput) return problem.message;
  if (problem instanceof CallError) {
    const { action, resource, code, message, kind } = problem;
    return kind === "denied"
      ? `${action} on ${resource} is denied`
      : `${action} on ${resource} failed: ${code}: ${message}`;
  }
  return `unexpected: ${problem instanceof Error ? problem.name : "unknown"}`;
}

const hintOf = (problem: unknown): { readonly hint?: string } =>
  problem instanceof InvalidInput && problem.hint !== null ? { hint: problem.hint } : {};
