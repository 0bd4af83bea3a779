import type { Duration } from "../core/time.ts";
import type { Clock } from "../ports.ts";

/** The right to make calls, for as long as one turn needs it. */
export interface Slot {
  /** Sleeps without keeping others from working: the slot is given away, and waited for again with precedence. */
  pause(span: Duration): Promise<void>;
}

/**
 * At most `size` pieces of work make calls at one time. A piece that pauses makes room, so that a hundred users who settle at
 * once wait once; one that comes back goes before one that has not begun, because its time is running.
 */
export class Slots {
  readonly #clock: Clock;
  readonly #returning: (() => void)[] = [];
  readonly #beginning: (() => void)[] = [];
  #free: number;

  constructor(size: number, clock: Clock) {
    this.#free = size;
    this.#clock = clock;
  }

  async use<T>(work: (slot: Slot) => Promise<T>): Promise<T> {
    await this.#acquire(this.#beginning);
    try {
      return await work({ pause: (span) => this.#pause(span) });
    } finally {
      this.#release();
    }
  }

  async #pause(span: Duration): Promise<void> {
    if (span <= 0) return;
    this.#release();
    try {
      await this.#clock.sleep(span);
    } finally {
      await this.#acquire(this.#returning);
    }
  }

  #acquire(queue: (() => void)[]): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => queue.push(resolve));
  }

  #release(): void {
    const next = this.#returning.shift() ?? this.#beginning.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
