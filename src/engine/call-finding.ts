import { about, type CheckFinding } from "../core/checkup.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { CallError } from "../ports.ts";

/** What to do about a permission that is missing. */
export const ALLOW = "allow it: keyturn policy, with the same settings, prints the statement";

/** An error that a check throws, as a finding; anything else is a bug and is thrown on. */
export function asFinding(area: CheckFinding["area"], subject: string, error: unknown): CheckFinding {
  const of = about(area, subject);
  if (error instanceof InvalidInput) {
    const { message, hint } = error;
    return of("wrong", message.startsWith(`${subject}: `) ? message.slice(subject.length + 2) : message, hint);
  }
  if (!(error instanceof CallError)) throw error;
  const { action, resource, kind, code, message } = error;
  if (kind === "denied") return of("wrong", `${action} on ${resource} is denied`, ALLOW);
  return of("wrong", `${action} on ${resource} failed: ${code}: ${message}`, kind === "unknown" ? REACH : null);
}

/** What to do about a call that got no usable answer. */
const REACH = "try again; if it stays, see what stands between this machine and the endpoint";
