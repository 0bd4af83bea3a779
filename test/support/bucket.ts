/** Requests a second, and how many at once before that. */
export interface Limit {
  readonly rate: number;
  readonly burst: number;
}

/** Grants requests as IAM does: out of a bucket that fills at a steady rate. It counts from the first request on. */
export class Bucket {
  granted = 0;
  refused = 0;
  readonly #time: { monotonic(): number };
  readonly #limit: Limit;
  #tokens: number;
  #first: number | null = null;
  #last = 0;

  constructor(time: { monotonic(): number }, limit: Limit) {
    this.#time = time;
    this.#limit = limit;
    this.#tokens = limit.burst;
  }

  /** Whether one more request is granted now. */
  take(): boolean {
    const { rate, burst } = this.#limit;
    const now = this.#time.monotonic();
    if (this.#first !== null) this.#tokens = Math.min(burst, this.#tokens + ((now - this.#last) / 1000) * rate);
    this.#first ??= now;
    this.#last = now;
    if (this.#tokens < 1) {
      this.refused += 1;
      return false;
    }
    this.#tokens -= 1;
    this.granted += 1;
    return true;
  }

  /** How much was used of what would have been granted between the first request and the last, 0 to 1. */
  get share(): number {
    const seconds = (this.#last - (this.#first ?? this.#last)) / 1000;
    return this.granted / (this.#limit.burst + seconds * this.#limit.rate);
  }
}
