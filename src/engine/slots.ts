import type { Duration } from "../core/time.ts";
import type { Clock } from "../ports.ts";

/** The right to make calls, for as long as one turn needs it. */
export interface Slot {
  /** Sleeps without keeping others from working: the slot is given away, and waited for again with precedence. */
  pause(span: Duration): Promise<void>;
}

/** When fewer pieces work at one time. */
interface Haste {
  /** How long a piece may well work without a pause. */
  readonly unhurried: Duration;
  /** Whether what slows the pieces is that they wait for each other. Where each call merely takes long, fewer would take longer in all. */
  readonly isHeldBack: () => boolean;
}

/** So few work side by side however slow it goes. */
const FEWEST = 2;

/**
 * At most `size` pieces of work make calls at one time. A piece that pauses makes room, so that a hundred users who settle at
 * once wait once; one that comes back goes before one that has not begun, because its time is running.
 *
 * Where AWS grants few requests a second, many who ask at one time all take so long that what they read is out of date when they act
 * on it, and all their calls are for nothing: so then fewer work at one time, which takes no longer in all. `haste` null = nobody is
 * in a hurry.
 */
export class Slots {
  readonly #clock: Clock;
  readonly #most: number;
  readonly #haste: Haste | null;
  readonly #returning: (() => void)[] = [];
  readonly #beginning: (() => void)[] = [];
  #size: number;
  #taken = 0;

  constructor(size: number, clock: Clock, haste: Haste | null = null) {
    this.#most = size;
    this.#size = size;
    this.#clock = clock;
    this.#haste = haste;
  }

  async use<T>(work: (slot: Slot) => Promise<T>): Promise<T> {
    await this.#acquire(this.#beginning);
    let since = this.#clock.monotonic();
    const pause = async (span: Duration): Promise<void> => {
      if (span <= 0) return;
      this.#release(since);
      try {
        await this.#clock.sleep(span);
      } finally {
        await this.#acquire(this.#returning);
        since = this.#clock.monotonic();
      }
    };
    try {
      return await work({ pause });
    } finally {
      this.#release(since);
    }
  }

  async #acquire(queue: (() => void)[]): Promise<void> {
    if (this.#taken < this.#size) {
      this.#taken += 1;
      return;
    }
    await new Promise<void>((resolve) => queue.push(resolve));
  }

  /** `since` = when the piece began to work, or went on. */
  #release(since: number): void {
    this.#fit(this.#clock.monotonic() - since);
    this.#taken -= 1;
    while (this.#taken < this.#size) {
      const next = this.#returning.shift() ?? this.#beginning.shift();
      if (next === undefined) return;
      this.#taken += 1;
      next();
    }
  }

  /** One fewer where a piece took long, one more where it took half as long. */
  #fit(took: number): void {
    if (this.#haste === null) return;
    const { unhurried, isHeldBack } = this.#haste;
    const isSlow = took > unhurried && isHeldBack();
    if (isSlow) this.#size = Math.max(Math.min(FEWEST, this.#most), this.#size - 1);
    else if (took < unhurried / 2 || !isHeldBack()) this.#size = Math.min(this.#most, this.#size + 1);
  }
}
