import { createHash } from "node:crypto";
import { formatInstant, type Instant } from "../core/time.ts";
import type { Caller, Journal, Step } from "../ports.ts";

/** What every line of a run's audit bears. */
export interface AuditContext {
  readonly run: string;
  readonly caller: Caller;
  /** Of the settings that the run was made with. */
  readonly settings: string;
  /** The hash of the configuration's text, where every line is to tell it. */
  readonly config?: string;
}

/** The audit of one run: one JSON line a step, each with the hash of the line before it. */
export class Audit {
  readonly #context: AuditContext;
  readonly #write: (line: string) => void;
  #sequence = 0;
  #head: string;

  /** `write` throws where a line could not be kept. */
  constructor(context: AuditContext, write: (line: string) => void) {
    this.#context = context;
    this.#write = write;
    this.#head = genesis(context.run);
  }

  journal: Journal = (step) => {
    this.#append(step.at, {
      account: this.#context.caller.account,
      user: step.userName,
      keys: step.accessKeyIds,
      step: step.step,
      outcome: step.outcome,
      reason: step.reason,
    });
  };

  begin(at: Instant): void {
    this.#append(at, {
      account: this.#context.caller.account,
      step: "run",
      outcome: "started",
      reason: `settings ${this.#context.settings}`,
    });
  }

  end(at: Instant): void {
    this.#append(at, {
      account: this.#context.caller.account,
      step: "run",
      outcome: "done",
      reason: `${this.#sequence + 1} lines`,
    });
  }

  /** The hash of the last line. Whoever keeps it elsewhere can prove that no line was changed or lost. */
  get head(): string {
    return this.#head;
  }

  #append(at: Instant, what: Partial<Record<keyof Step | "account" | "user" | "keys", unknown>>): void {
    const body = {
      when: formatInstant(at),
      run: this.#context.run,
      seq: this.#sequence,
      caller: this.#context.caller.arn,
      ...(this.#context.config === undefined ? {} : { config: this.#context.config }),
      ...what,
      prev: this.#head,
    };
    const hash = hashOf(body);
    this.#write(JSON.stringify({ ...body, hash }));
    this.#sequence += 1;
    this.#head = hash;
  }
}

const genesis = (run: string): string => createHash("sha256").update(`keyturn audit ${run}`).digest("hex");

const hashOf = (body: object): string => createHash("sha256").update(JSON.stringify(body)).digest("hex");

/** One run of an audit file, as far as the file tells. */
export interface AuditedRun {
  readonly run: string;
  readonly lines: number;
  readonly head: string;
  /** It has its last line: nothing was cut off its end, unless the whole run was rewritten. */
  readonly complete: boolean;
}

export interface AuditFinding {
  readonly runs: readonly AuditedRun[];
  /** Where the chain is broken first, and how; null where it holds. */
  readonly broken: { readonly line: number; readonly why: string } | null;
}

/** Checks an audit file line by line. Several runs may be interleaved: each has its own chain. */
export function verifyAudit(text: string): AuditFinding {
  const runs = new Map<string, { lines: number; head: string; complete: boolean }>();
  const summary = () => [...runs].map(([run, state]) => ({ run, ...state }));
  for (const [index, line] of text.split("\n").entries()) {
    if (line === "") continue;
    const broken = (why: string): AuditFinding => ({ runs: summary(), broken: { line: index + 1, why } });
    const entry = parseLine(line);
    if (entry === null) return broken("it is not a line of an audit");
    const { hash, ...body } = entry;
    const state = runs.get(entry.run) ?? { lines: 0, head: genesis(entry.run), complete: false };
    if (hashOf(body) !== hash) return broken("its content does not fit its hash: it was changed");
    if (JSON.stringify({ ...body, hash }) !== line)
      return broken("it is not written as keyturn writes it: it was changed");
    if (entry.seq !== state.lines)
      return broken(
        `line ${state.lines} of run ${entry.run} should stand here, and line ${entry.seq} does: lines are missing, doubled or in another order`,
      );
    if (entry.prev !== state.head) return broken("it does not follow on the line before it of the same run");
    runs.set(entry.run, {
      lines: state.lines + 1,
      head: hash,
      complete: entry.step === "run" && entry.outcome === "done",
    });
  }
  return { runs: summary(), broken: null };
}

interface Entry {
  readonly run: string;
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
  readonly step: unknown;
  readonly outcome: unknown;
}

function parseLine(line: string): Entry | null {
  try {
    const parsed: unknown = JSON.parse(line);
    return isEntry(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { run, seq, prev, hash } = value as Partial<Record<keyof Entry, unknown>>; // any object may be looked into
  return typeof run === "string" && typeof seq === "number" && typeof prev === "string" && typeof hash === "string";
}
