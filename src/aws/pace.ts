import type { Duration } from "../core/time.ts";
import { milliseconds } from "../core/time.ts";

/** What the limiter needs of time. */
interface Time {
  /** Milliseconds on a clock that never jumps. */
  monotonic(): number;
  sleep(span: Duration): Promise<void>;
}

/** How far back granted requests are counted, in milliseconds. */
const WINDOW = 3_000;

/** After a refusal: this much of what was granted lately. */
const BACK_OFF = 0.85;

/** Refusals that come within this time of a cut are answers to requests from before it. */
const CUT_APART = 1_000;

/** How much faster it gets in a second without a refusal: by this share of its own rate, or of what all lanes were granted lately. */
const GROWTH = 0.03;

/** Where it was not used for longer, in seconds, nothing was tried, and so nothing is known of what would be granted. */
const UNUSED = 2;

/** A limit that was met longer ago than this may not be there any more. */
const REMEMBERED = 60_000;

/** Slower than this it never gets: requests a second. */
const SLOWEST = 1;

/** How many requests were granted lately, in all lanes together: an average that forgets. */
class Traffic {
  readonly #time: Time;
  #weight = 0;
  #at = 0;

  constructor(time: Time) {
    this.#time = time;
  }

  granted(): void {
    this.#weight = this.#left() + 1;
    this.#at = this.#time.monotonic();
  }

  /** Requests a second. */
  get rate(): number {
    return this.#left() / (WINDOW / 1000);
  }

  #left = (): number => this.#weight * Math.exp((this.#at - this.#time.monotonic()) / WINDOW);
}

/**
 * How fast requests of one kind may go out. AWS tells nobody its limits, so it goes as fast as its callers until it is refused
 * for the first time; from then on it keeps just below what was granted, and tries a little more each second. Requests wait their turn.
 *
 * Several lanes may share one limit. One that was cut while others were busy gets faster by as much as they do, not by a share of
 * its own little: else it would hold up every user's next step while the others have nothing to do.
 */
export class Lane {
  readonly #time: Time;
  readonly #traffic: Traffic;
  /** Requests a second; Infinity = never refused yet. */
  #rate = Number.POSITIVE_INFINITY;
  #setAt = 0;
  #cutAt = Number.NEGATIVE_INFINITY;
  /** When the next request may go. */
  #next = 0;
  #granted: number[] = [];
  /** The turn of whoever asked last. */
  #last: Promise<void> = Promise.resolve();

  constructor(time: Time, traffic: Traffic) {
    this.#time = time;
    this.#traffic = traffic;
  }

  /** Resolves when a request may go out. Whoever asked first goes first. */
  turn(): Promise<void> {
    this.#last = this.#last.then(() => this.#wait());
    return this.#last;
  }

  /** Waits by the rate as it is when the one before has gone: what many wait for at a bad moment must not be slow for all of them. */
  async #wait(): Promise<void> {
    if (!Number.isFinite(this.#rate)) return;
    const now = this.#time.monotonic();
    const used = Math.min(UNUSED, (now - this.#setAt) / 1000);
    this.#rate += GROWTH * used * Math.max(this.#rate, this.#traffic.rate);
    this.#setAt = now;
    const at = Math.max(now, this.#next);
    this.#next = at + 1000 / this.#rate;
    if (at > now) await this.#time.sleep(milliseconds(Math.ceil(at - now)));
  }

  granted(): void {
    const now = this.#time.monotonic();
    this.#traffic.granted();
    this.#granted.push(now);
    if (this.#granted.length > 4096) this.#granted = this.#granted.filter((at) => now - at <= WINDOW);
  }

  refused(): void {
    const now = this.#time.monotonic();
    if (now - this.#cutAt < CUT_APART) return;
    this.#granted = this.#granted.filter((at) => now - at <= WINDOW);
    const [first = now] = this.#granted;
    const span = Math.max(now - first, 250) / 1000;
    const lately = this.#granted.length / span;
    // A rate that was never set says nothing; one that was is not left by more than half for a moment's stutter.
    const floor = Number.isFinite(this.#rate) ? this.#rate / 2 : 0;
    this.#rate = Math.max(SLOWEST, floor, Math.min(this.#rate, lately) * BACK_OFF);
    this.#setAt = now;
    this.#cutAt = now;
    this.#next = now + 1000 / this.#rate;
  }

  /** Whether a request was refused lately, so that others wait now. */
  get isHeldBack(): boolean {
    return Number.isFinite(this.#rate) && this.#time.monotonic() - this.#cutAt < REMEMBERED;
  }

  /** Requests a second at present; null where it was never refused. */
  get rate(): number | null {
    return Number.isFinite(this.#rate) ? this.#rate : null;
  }
}

/** The lanes of one account: each service's own, and IAM's reads apart from its writes, as AWS limits them. */
export class Pace {
  readonly #time: Time;
  readonly #traffic: Traffic;
  readonly #lanes = new Map<string, Lane>();

  constructor(time: Time) {
    this.#time = time;
    this.#traffic = new Traffic(time);
  }

  /** Whether AWS grants fewer requests than are asked for, in any lane. */
  get isHeldBack(): boolean {
    return [...this.#lanes.values()].some((lane) => lane.isHeldBack);
  }

  lane(name: string): Lane {
    const lane = this.#lanes.get(name) ?? new Lane(this.#time, this.#traffic);
    this.#lanes.set(name, lane);
    return lane;
  }
}

/** What tells one request from another, as a signed request of the SDK has it. */
interface Signed {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Such as `iam:read`, `iam:write`, `sts` or `ssm`: the service out of the signature, and for IAM what its action does. */
export function laneOf({ headers, body }: Signed): string {
  const service = /Credential=[^/]+\/\d+\/[^/]*\/([\w-]+)\/aws4_request/.exec(headers["authorization"] ?? "")?.[1];
  if (service !== "iam") return service ?? "unsigned";
  return typeof body === "string" && /(?:^|&)Action=(?:Get|List|Generate|Simulate)/.test(body)
    ? "iam:read"
    : "iam:write";
}

/** What AWS's services call a request that came too fast. A full quota (`LimitExceeded`) is none: it would be as full a moment later. */
const TOO_FAST = new Set([
  "Throttling",
  "ThrottlingException",
  "ThrottledException",
  "RequestThrottled",
  "RequestThrottledException",
  "RequestLimitExceeded",
  "TooManyRequestsException",
  "SlowDown",
]);

/**
 * Whether a refusal says that requests come too fast. Only its code counts: messages quote names of users, and those may be anything.
 * `text` = the body, `header` = `x-amzn-errortype`.
 */
export const isThrottling = (status: number, text: string, header = ""): boolean =>
  status === 429 || (status >= 400 && saysTooFast(codeIn(text, header)));

/** Whether the code of a refusal says that requests come too fast. */
export const saysTooFast = (code: string): boolean => TOO_FAST.has(code);

/** The error's code, as query services (XML) and JSON services write it; empty where there is none. */
function codeIn(text: string, header: string): string {
  const named = header === "" ? (/<Code>\s*([\w.]+)\s*<\/Code>/.exec(text)?.[1] ?? typeIn(text)) : header;
  return named.replace(/^.*#/s, "").replace(/:.*$/s, "");
}

function typeIn(text: string): string {
  try {
    const type = (JSON.parse(text) as Record<string, unknown> | null)?.["__type"]; // any JSON; the field is looked at below
    return typeof type === "string" ? type : "";
  } catch {
    return "";
  }
}
