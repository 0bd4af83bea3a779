import type { RunRules } from "../compose.ts";
import type { Clock } from "../ports.ts";
import { seenLine } from "../report/seen.ts";
import type { Io } from "./io.ts";

/** A plain line no more often than this where nobody watches. */
const QUIET = 10_000;

/** Tells on standard error what was read of each user, where `--verbose` asks for it. */
export const showSeen = (io: Io, verbose: boolean): Pick<RunRules, "onSeen"> =>
  verbose ? { onSeen: ({ seen, decision }) => io.err(seenLine(seen, decision)) } : {};

/**
 * Tells how far a run is: on a terminal in one line that overwrites itself, elsewhere now and then in a line of its own. `what` is
 * counted, as in `12/500 users`. The time that is left is told from the first tenth on: what comes before it tells no pace.
 */
export function showProgress(io: Io, clock: Clock, what: string): (done: number, of: number) => void {
  let first: number | null = null;
  let told = clock.monotonic();
  return (done, of) => {
    const now = clock.monotonic();
    // The first users come in together, after the settling that all share: only the time after them tells the pace.
    first ??= now;
    const left = ((now - first) / Math.max(1, done - 1)) * (of - done);
    const text = `${done}/${of} ${what}${done < of && done > 1 && done * 10 >= of ? `, about ${roughly(left)} left` : ""}`;
    if (io.isLive) {
      process.stderr.write(`\r\u001B[K${done < of ? text : ""}`);
    } else if (now - told >= QUIET && done < of) {
      told = now;
      io.err(text);
    }
  };
}

/** Milliseconds as people guess them: `95s`, `12m`, `100m`, `3h`. Never so rounded that it is far off. */
function roughly(ms: number): string {
  if (ms < 100_000) return `${Math.max(1, Math.round(ms / 1000))}s`;
  const inMinutes = Math.round(ms / 60_000);
  return inMinutes < 120 ? `${inMinutes}m` : `${Math.round(inMinutes / 60)}h`;
}
