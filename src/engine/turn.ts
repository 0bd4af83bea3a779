import type { AccessKeyId } from "../core/access-key.ts";
import type { Action } from "../core/decision.ts";
import { TURN } from "../core/facts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { printRecord, type RotationRecord } from "../core/record.ts";
import { type Duration, formatDuration, type Instant, milliseconds, seconds } from "../core/time.ts";
import { CallError, type Journal, type Step } from "../ports.ts";
import type { Slot } from "./slots.ts";
import type { Subject, World } from "./world.ts";

/** The longest that one call may take, retries counted in: the adapters cut it off there. */
export const CALL_LIMIT = seconds(30);

/** What one turn came to. */
export type Outcome =
  | { readonly kind: "done"; readonly action: Action; readonly created: AccessKeyId | null }
  /** Nothing is wrong: the world changed in between, or somebody else is at work. */
  | { readonly kind: "stopped"; readonly sentence: string }
  /** Something is. What is unfinished, the next run finishes or undoes. */
  | {
      readonly kind: "failed";
      readonly sentence: string;
      readonly hint: string | null;
      /** Set where the failure has a reason of its own, whatever was decided. */
      readonly code?: "scp-denied";
    };

/** Ends a turn early from wherever it stands; never leaves the engine. */
export class TurnEnd extends Error {
  readonly outcome: Exclude<Outcome, { kind: "done" }>;

  constructor(kind: "stopped" | "failed", sentence: string, hint: string | null = null, code?: "scp-denied") {
    super(sentence);
    this.outcome =
      kind === "stopped" ? { kind, sentence } : { kind, sentence, hint, ...(code === undefined ? {} : { code }) };
  }
}

/** Steps of which it must be on file that they were about to happen, whatever becomes of this process. */
const ANNOUNCED: readonly string[] = [
  "create",
  "activate",
  "deactivate",
  "delete",
  "remove-orphan",
  "retreat",
  "withdraw",
];

type RecordText = RotationRecord extends infer Each
  ? Each extends unknown
    ? Omit<Each, "at" | "nonce" | "hold">
    : never
  : never;

/**
 * One turn at one user: its nonce, its deadline, and its steps. Every call of a turn that changes something goes through
 * {@link Turn.step}, which refuses to begin what might not end in time, and writes down what became of it.
 */
export class Turn {
  readonly world: World;
  readonly subject: Subject;
  readonly nonce: string;
  readonly #slot: Slot;
  readonly #began: number;

  constructor(world: World, subject: Subject, slot: Slot) {
    this.world = world;
    this.subject = subject;
    this.nonce = world.liveness.nonce();
    this.#slot = slot;
    this.#began = world.clock.monotonic();
  }

  get userName(): string {
    return this.subject.user.userName;
  }

  /** Milliseconds since this turn began. */
  elapsed(): Duration {
    return milliseconds(Math.max(0, this.world.clock.monotonic() - this.#began));
  }

  /** Ends the turn where a call that began now could end after the deadline. */
  guard(): void {
    if (this.elapsed() + CALL_LIMIT > TURN)
      throw new TurnEnd("failed", `the turn took longer than ${formatDuration(TURN)}`, "the next run goes on");
  }

  /** Runs one step of the rotation. Its error, if any, ends the turn: nothing is undone and nothing guessed. */
  async step<T>(
    name: string,
    accessKeyIds: readonly AccessKeyId[],
    reason: string,
    call: () => Promise<T>,
  ): Promise<T> {
    this.guard();
    if (ANNOUNCED.includes(name)) this.#write(name, "started", accessKeyIds, reason);
    try {
      const result = await call();
      this.#write(name, "done", accessKeyIds, reason);
      return result;
    } catch (error) {
      const end = asTurnEnd(name, error);
      const unknown = error instanceof CallError && error.kind === "unknown";
      this.#write(name, unknown ? "unknown" : end.outcome.kind, accessKeyIds, end.message);
      throw end;
    }
  }

  /** As {@link step}. Where the call certainly had no effect, `turnedDown` is done before the turn ends. */
  async stepOr(
    name: string,
    accessKeyIds: readonly AccessKeyId[],
    reason: string,
    call: () => Promise<void>,
    turnedDown: (end: TurnEnd) => Promise<void>,
  ): Promise<void> {
    let hadNoEffect = false;
    try {
      await this.step(name, accessKeyIds, reason, async () => {
        try {
          await call();
        } catch (error) {
          hadNoEffect = error instanceof CallError && error.kind !== "unknown";
          throw error;
        }
      });
    } catch (error) {
      if (hadNoEffect && error instanceof TurnEnd) await turnedDown(error);
      throw error;
    }
  }

  #write(step: string, outcome: Step["outcome"], accessKeyIds: readonly AccessKeyId[], reason: string): void {
    this.world.journal({
      at: this.world.clock.now(),
      userName: this.userName,
      step,
      outcome,
      accessKeyIds,
      reason,
    });
  }

  /** Replaces the user's record, dated now and signed with this turn's nonce. Returns its date. */
  async record(text: RecordText, hold: RotationRecord["hold"] = null): Promise<Instant> {
    const at = this.world.clock.now();
    const record = { ...text, at, nonce: this.nonce, hold } as RotationRecord; // each part of the union keeps its own fields
    await this.writeRecord(`record-${text.phase}`, record);
    return at;
  }

  async writeRecord(step: string, record: RotationRecord): Promise<void> {
    const text = printRecord(record);
    await this.step(step, [], text, () => this.world.records.write(this.userName, text));
  }

  /** Waits until every read sees what this turn has written. Others work meanwhile. */
  settle(): Promise<void> {
    return this.#slot.pause(this.world.settle);
  }

  pause(span: Duration): Promise<void> {
    return this.#slot.pause(span);
  }

  /**
   * Ends a turn whose reading took so long that what was read, a hold among it, may have been replaced by somebody who has
   * already seen their own write stand.
   */
  mustBeFresh(): void {
    const { settle } = this.world;
    if (settle > 0 && this.elapsed() > settle)
      throw new TurnEnd("stopped", `reading took longer than ${formatDuration(settle)}; nothing was changed`);
  }

  /** Reads the user's record as it stands now. */
  async readRecord(): Promise<string | null> {
    this.guard();
    return this.world.records.read(this.userName);
  }
}

/** The next step where something is denied in a run. */
export const PERMISSIONS_HINT = "keyturn policy prints the permissions that are needed";

/** The next step where the organization denies something: nobody in the account can allow it. */
const ORGANIZATION_HINT =
  "whoever manages the organization has to except keyturn's role from that service control policy";

/** A step that cannot be written down ends its turn. `hint` = what to do about it; `onFailure` hears of it first. */
export function orEndTurn(journal: Journal, hint: string, onFailure: () => void = () => undefined): Journal {
  return (step) => {
    try {
      journal(step);
    } catch (error) {
      onFailure();
      const why = error instanceof Error ? error.message : "unknown error";
      throw new TurnEnd("failed", `the audit could not be written: ${why}`, hint);
    }
  };
}

/** An error of a call or of the input, as the end of a turn. Other errors are bugs: they go on as they are. */
export function asTurnEnd(what: string, error: unknown): TurnEnd {
  if (error instanceof TurnEnd) return error;
  if (error instanceof InvalidInput) return new TurnEnd("failed", error.message, error.hint);
  if (!(error instanceof CallError)) throw error;
  switch (error.kind) {
    case "denied":
      if (error.byOrganization) {
        const sentence = `${what}: ${error.action} on ${error.resource} is denied by a policy of the organization`;
        return new TurnEnd("failed", sentence, ORGANIZATION_HINT, "scp-denied");
      }
      return new TurnEnd("failed", `${what}: ${error.action} on ${error.resource} is denied`, PERMISSIONS_HINT);
    case "absent":
    case "refused":
      return new TurnEnd("failed", `${what}: ${error.action} on ${error.resource}: ${error.code}: ${error.message}`);
    case "unknown":
      return new TurnEnd(
        "failed",
        `${what}: no answer to ${error.action} on ${error.resource} (${error.code}: ${error.message}); it may have taken effect`,
        "the next run looks and goes on from there",
      );
  }
}
