import { TURN } from "../core/facts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { type Duration, formatDuration, milliseconds, minutes, roundDuration, seconds } from "../core/time.ts";

/** What is left over for the end of an invocation: the timer's table, the metrics, the answer. */
const RESERVE = seconds(30);

/** Least time that a user may need who is begun now. */
const NEEDED: Duration = milliseconds(TURN + RESERVE);

/**
 * Says when no further user may be begun: a turn takes up to three minutes, and a function that is stopped in the middle of one
 * leaves its work to the next run. It looks at each step, and sets a timer for the time between steps.
 */
export class Deadline {
  readonly #abort = new AbortController();
  readonly #remaining: () => number;
  readonly #timer: NodeJS.Timeout;

  /** Throws {@link InvalidInput} where the function has too little time for even one user. */
  constructor(remainingMilliseconds: () => number) {
    const left = remainingMilliseconds();
    if (!(left >= NEEDED))
      throw new InvalidInput(
        `only ${roundDuration(milliseconds(Math.max(0, left)))} are left, and one user may take ${formatDuration(NEEDED)}: nobody was begun`,
        `raise the timeout of this function to ${formatDuration(minutes(5))} or more`,
      );
    this.#remaining = remainingMilliseconds;
    // The longest that a timer can be set to is 24 days; a function runs for 15 minutes.
    this.#timer = setTimeout(() => this.#abort.abort(), Math.min(left - NEEDED, 900_000));
    this.#timer.unref();
  }

  /** Aborted: users in progress are finished, no other is begun. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Looks whether there is time for another user. */
  look(): void {
    if (this.#remaining() < NEEDED) this.#abort.abort();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
