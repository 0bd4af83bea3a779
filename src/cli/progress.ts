import type { RunRules } from "../compose.ts";
import { roundDuration, seconds } from "../core/time.ts";
import type { Clock } from "../ports.ts";
import { seenLine } from "../report/seen.ts";
import type { Io } from "./io.ts";

/** A plain line no more often than this where nobody watches. */
const QUIET = 10_000;

/** Tells on standard error what was read of each user, where `--verbose` asks for it. */
export const showSeen = (io: Io, verbose: boolean): Pick<RunRules, "onSeen"> =>
  verbose ? { onSeen: ({ seen, decision }) => io.err(seenLine(seen, decision)) } : {};

/** Tells how far a run is: on a terminal in one line that overwrites itself, elsewhere now and then in a line of its own. */
export function showProgress(io: Io, clock: Clock, noun = "user"): (done: number, of: number) => void {
  let first: number | null = null;
  let told = clock.monotonic();
  return (done, of) => {
    const now = clock.monotonic();
    // The first users come in together, after the settling that all share: only the time after them tells the pace.
    first ??= now;
    const left = seconds(Math.round((((now - first) / Math.max(1, done - 1)) * (of - done)) / 1000));
    const text = `${done}/${of} ${noun}s${done < of && done > 1 ? `, about ${roundDuration(left)} left` : ""}`;
    if (io.isLive) {
      process.stderr.write(`\r\u001B[K${done < of ? text : ""}`);
    } else if (now - told >= QUIET && done < of) {
      told = now;
      io.err(text);
    }
  };
}
