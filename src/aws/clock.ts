import { setTimeout as wait } from "node:timers/promises";
import { type Instant, instant } from "../core/time.ts";
import type { Clock } from "../ports.ts";

/** AWS's `Date` header counts whole seconds, so a smaller difference is none. */
const SIGNIFICANT_MS = 2_000;

/** This machine's clock, set right by the `Date` header of every reply that AWS gives. */
export class AwsClock implements Clock {
  #offset = 0;
  #hasHeard = false;

  now = (): Instant => instant(Date.now() + this.#offset);

  monotonic = (): number => performance.now();

  sleep = async (span: number): Promise<void> => {
    await wait(span);
  };

  /** How far this machine's clock is behind AWS's, in milliseconds; 0 where they agree. */
  get offset(): number {
    return this.#offset;
  }

  /** Whether AWS has told its time at all. */
  get hasHeard(): boolean {
    return this.#hasHeard;
  }

  /** Takes in the `Date` header of a reply that has just come. */
  hear(date: string): void {
    const told = Date.parse(date);
    if (!Number.isFinite(told) || told < 0) return;
    this.#hasHeard = true;
    const difference = told - Date.now();
    this.#offset = Math.abs(difference) < SIGNIFICANT_MS ? 0 : difference;
  }
}
