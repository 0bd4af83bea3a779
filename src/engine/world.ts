import type { Tags, User } from "../core/access-key.ts";
import type { Terms } from "../core/facts.ts";
import type { Duration } from "../core/time.ts";
import type { Caller, Clock, Destination, Escrow, Iam, Journal, Liveness, RecordStore, Verifier } from "../ports.ts";

/** Everything that one run works with. */
export interface World {
  readonly caller: Caller;
  readonly iam: Iam;
  readonly verifier: Verifier;
  readonly records: RecordStore;
  /** Null where none is configured. */
  readonly escrow: Escrow | null;
  readonly clock: Clock;
  readonly liveness: Liveness;
  readonly journal: Journal;
  /** A write to IAM is seen by every read that begins this much later. 0 = this is the only runner. */
  readonly settle: Duration;
}

/** One user of the run, with what holds for it. */
export interface Subject {
  readonly user: User;
  readonly terms: Terms;
  readonly destinations: readonly Destination[];
  /** The user's tags, where they had to be read to tell what holds for it. */
  readonly tags?: Tags;
}
