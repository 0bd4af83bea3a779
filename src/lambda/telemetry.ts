import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { BrokenInvariant } from "../compose.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { UserReport } from "../core/result.ts";
import { age, days, type Instant } from "../core/time.ts";
import { CallError } from "../ports.ts";
import { unexpectedWords } from "../report/unexpected.ts";
import type { Scrubber } from "./scrubber.ts";

/** Set when the bundle is made. */
declare const KEYTURN_VERSION: string | undefined;

export const version: string = typeof KEYTURN_VERSION === "undefined" ? "source" : KEYTURN_VERSION;

/** What is logged beside a message, which is constant. */
export type Fields = Readonly<Record<string, unknown>>;

/** Writes one line to the log of the function. */
export type Print = (line: string) => void;

/** What a run came to, in numbers. */
export interface Counts {
  readonly rotations: number;
  /** Predecessors that were deactivated or deleted. */
  readonly retirements: number;
  readonly blocked: number;
  /** Due, but not begun: beyond the pace, or too little time. */
  readonly deferred: number;
  /** Null where no user has an Active key. */
  readonly oldestKeyAgeDays: number | null;
}

/** A powertools logger whose lines leave through one place, where secrets are taken out of them. */
class ScrubbedLogger extends Logger {
  #leave: Print = () => undefined;

  static to(print: Print, service: string, persistentKeys: Record<string, string>): ScrubbedLogger {
    const logger = new ScrubbedLogger({ serviceName: service, persistentKeys });
    logger.#leave = print;
    return logger;
  }

  protected override printLog(...[, item]: Parameters<Logger["printLog"]>): void {
    // The base class may log from its constructor, about log levels: there this object is not finished yet.
    if (!(#leave in this)) return;
    item.prepareForPrint();
    this.#leave(JSON.stringify(item.getAttributes(), this.getJsonReplacer()));
  }
}

/** Log and metrics of one invocation. Nothing of it outlives the invocation: a warm function begins anew. */
export class Telemetry {
  readonly #logger: ScrubbedLogger;
  readonly #metrics: Metrics;
  readonly #print: Print;
  readonly #scrubber: Scrubber;
  readonly #service: string;
  readonly #requestId: string;
  readonly #began = performance.now();
  #failures = 0;

  constructor(service: string, requestId: string, scrubber: Scrubber, print: Print) {
    this.#scrubber = scrubber;
    this.#service = service;
    this.#requestId = requestId;
    this.#print = (line) => print(scrubber.clean(line));
    this.#logger = ScrubbedLogger.to(this.#print, service, { requestId, keyturn: version });
    const namespace = process.env["POWERTOOLS_METRICS_NAMESPACE"];
    this.#metrics = new Metrics({
      serviceName: service,
      namespace: namespace === undefined || namespace === "" ? "keyturn" : namespace,
    });
  }

  info = (message: string, fields: Fields = {}): void => this.#logger.info(message, { ...fields });

  warn = (message: string, fields: Fields = {}): void => this.#logger.warn(message, { ...fields });

  /** One line of the audit as it stands, whatever log level is set: an audit with holes proves nothing. */
  audit = (line: string): void =>
    this.#print(JSON.stringify({ message: "audit", service: this.#service, requestId: this.#requestId, audit: line }));

  /** Something that counts as a failure: of one user, or of the whole invocation. */
  failed(message: string, fields: Fields = {}): void {
    this.#failures += 1;
    this.#logger.error(message, { ...fields });
  }

  count({ rotations, retirements, blocked, deferred, oldestKeyAgeDays }: Counts): void {
    this.#metrics.addMetric("Rotations", MetricUnit.Count, rotations);
    this.#metrics.addMetric("Retirements", MetricUnit.Count, retirements);
    this.#metrics.addMetric("Blocked", MetricUnit.Count, blocked);
    this.#metrics.addMetric("Deferred", MetricUnit.Count, deferred);
    if (oldestKeyAgeDays !== null) this.#metrics.addMetric("OldestKeyAgeDays", MetricUnit.NoUnit, oldestKeyAgeDays);
  }

  /** What the function ends with in place of this error: without a secret, and without the error's own baggage. */
  asLastWords(error: unknown): Error {
    const plain = new Error(this.#scrubber.clean(wordsOf(error)));
    plain.name = error instanceof Error ? error.name : "Error";
    return plain;
  }

  /** Writes the metrics out, in CloudWatch's embedded format. */
  publish(): void {
    this.#metrics.addMetric("Failures", MetricUnit.Count, this.#failures);
    this.#metrics.addMetric("Duration", MetricUnit.Milliseconds, Math.round(performance.now() - this.#began));
    this.#print(JSON.stringify(this.#metrics.serializeMetrics()));
    this.#metrics.clearMetrics();
  }
}

/** Some users failed, and everybody else is done. Coming again is safe: the next run goes on from what it finds. */
export class RunFailed extends Error {
  constructor(names: readonly string[], users: number) {
    const shown = names.slice(0, 20).join(", ");
    const more = names.length > 20 ? ` and ${names.length - 20} more` : "";
    super(`failed: ${shown}${more}; everything else is done, for ${users} users in all`);
    this.name = "RunFailed";
  }
}

/** What an error that somebody can do something about says of itself; of any other its name, and where it was thrown. */
function wordsOf(error: unknown): string {
  if (error instanceof RunFailed) return error.message;
  if (error instanceof BrokenInvariant) return `broken invariant: ${error.message}; this is a bug, please report it`;
  if (error instanceof InvalidInput) return error.hint === null ? error.message : `${error.message} (${error.hint})`;
  if (!(error instanceof CallError)) return `unexpected: ${unexpectedWords(error)}; this is a bug, please report it`;
  return `${error.action} on ${error.resource}: ${error.code}: ${error.message}`;
}

/** The numbers of a run. */
export function countsOf(reports: readonly UserReport[], now: Instant): Counts {
  const done = reports.flatMap(({ steps }) => steps.filter(({ result }) => result === "done"));
  const times = (...kinds: readonly string[]) => done.filter(({ action }) => kinds.includes(action.kind)).length;
  const having = (...outcomes: readonly string[]) => reports.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const ages = reports.flatMap(({ keys }) =>
    keys.filter(({ status }) => status === "Active").map(({ createDate }) => age(createDate, now) / days(1)),
  );
  return {
    rotations: times("rotate", "resume"),
    retirements: times("deactivate", "delete"),
    blocked: having("blocked"),
    deferred: having("deferred", "interrupted"),
    oldestKeyAgeDays: ages.length === 0 ? null : Math.floor(Math.max(...ages) * 100) / 100,
  };
}
