import type { Finding, Settings } from "../../compose.ts";
import { InvalidInput } from "../../core/invalid-input.ts";
import { checkPolicy, presets } from "../../core/policy.ts";
import { sameForAll } from "../../core/rulebook.ts";
import { days, type Duration, formatDuration, milliseconds, parseDuration } from "../../core/time.ts";

/** The number of users that one run may touch, as in the tool before. */
export const MAX_USERS = 20;

/** How long two keys stand side by side at least, and how long a key that goes has not been used. */
const OVERLAP = days(1);

/** The program has no flags for these: a pipeline that changes only its name must not need any. Throws {@link InvalidInput}. */
export function settingsFrom(environment: Readonly<Record<string, string | undefined>>): Settings {
  const overlap = durationFrom(environment, "KEYTURN_OVERLAP", OVERLAP);
  const quiet = milliseconds(Math.min(overlap, OVERLAP));
  return {
    rulebook: sameForAll(checkPolicy({ ...presets["two-key"], delete: { when: "next-rotation", overlap, quiet } })),
    escrow: null,
    // Its runs come alone, from one pipeline; where two may overlap, IAM must be given time.
    settle: durationFrom(environment, "KEYTURN_SETTLE", milliseconds(0)),
    asked: false,
    profile: null,
    region: null,
    mail: null,
  };
}

function durationFrom(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  otherwise: Duration,
): Duration {
  const text = environment[name];
  if (text === undefined || text === "") return otherwise;
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(`${name}: ${error.message}`, error.hint ?? `such as ${formatDuration(OVERLAP)}`);
  }
}

/** What a user is refused for before anything is done, besides what every run refuses. Null = nothing. */
export function refusal({ seen, decision }: Finding): string | null {
  const keys = seen.keys.kind === "known" ? seen.keys.value : [];
  // The policy replaces Inactive keys. But a person who switched off every key of a user did not ask for a new one.
  if (decision.action === null || keys.length === 0 || keys.some((key) => key.status === "Active")) return null;
  return "every key of the user is Inactive: somebody switched it off, so it gets no new one";
}
