import { type Duration, type Instant, instant } from "../core/time.ts";
import type { Clock } from "../ports.ts";

interface Sleeper {
  readonly wakeAt: number;
  readonly order: number;
  readonly wake: () => void;
}

/**
 * A clock that jumps: when nothing is left to do but to sleep, the time of the earliest sleeper has come. The same work gives
 * the same times, whatever this machine is doing.
 */
export class VirtualClock implements Clock {
  #time: number;
  readonly #start: number;
  #order = 0;
  #busy = 0;
  #waiting = false;
  readonly #sleepers: Sleeper[] = [];

  constructor(start: Instant) {
    this.#time = start;
    this.#start = start;
  }

  now = (): Instant => instant(this.#time);

  monotonic = (): number => this.#time - this.#start;

  sleep(span: Duration): Promise<void> {
    return new Promise((wake) => {
      this.#order += 1;
      this.#sleepers.push({ wakeAt: this.#time + span, order: this.#order, wake });
      this.#sleepers.sort((a, b) => a.wakeAt - b.wakeAt || a.order - b.order);
      this.#jumpWhenIdle();
    });
  }

  /** Work of the real world, such as writing a file: the time stands still meanwhile. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
      this.#jumpWhenIdle();
    }
  }

  /** Moves on to `moment`, where that is later. */
  advanceTo(moment: Instant): void {
    this.#time = Math.max(this.#time, moment);
  }

  /** Everything that needs no time runs before a macrotask does, so at the next one all that is left is asleep. */
  #jumpWhenIdle(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    setImmediate(() => {
      this.#waiting = false;
      if (this.#busy > 0) return;
      const next = this.#sleepers.shift();
      if (next === undefined) return;
      this.#time = Math.max(this.#time, next.wakeAt);
      next.wake();
      if (this.#sleepers.length > 0) this.#jumpWhenIdle();
    });
  }
}
