import type { Tags, User } from "../core/access-key.ts";
import type { Terms } from "../core/facts.ts";
import type { Contact } from "../core/owner-ledger.ts";
import type { ListedUser, ReportedUser } from "../core/sift.ts";
import type { Duration } from "../core/time.ts";
import type {
  Caller,
  Clock,
  Destination,
  Escrow,
  Iam,
  Journal,
  Liveness,
  Notifier,
  OwnerLedger,
  RecordStore,
  Sealer,
  Verifier,
} from "../ports.ts";

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
  /** Whether AWS grants fewer requests than are asked for; absent = never. */
  readonly isHeldBack?: () => boolean;
  /** How owners are told; absent = nobody is told anything. */
  readonly owners?: Owners;
}

/** How owners are told about their keys. */
export interface Owners {
  readonly ledger: OwnerLedger;
  /** Null: nothing goes out, except what destinations send. */
  readonly notifier: Notifier | null;
  /** Null where no mail is sealed. */
  readonly sealer: Sealer | null;
  /** How long a changed address waits, once the former was told. */
  readonly addressChangeDelay: Duration;
  /** How long before an old key stops working its owner is warned. */
  readonly warnBefore: readonly Duration[];
}

/** What a listing of the whole account tells of one user. */
export interface Listed {
  readonly createDate: ListedUser["createDate"];
  /** Null where the report does not have it. */
  readonly reported: ReportedUser | null;
  /** Undefined where it is not known. */
  readonly record: string | null | undefined;
}

/** One user of the run, with what holds for it. */
export interface Subject {
  readonly user: User;
  readonly terms: Terms;
  readonly destinations: readonly Destination[];
  /** The user's tags, where they had to be read to tell what holds for it. */
  readonly tags?: Tags;
  /** Absent = the user is read exactly, whatever a listing tells. */
  readonly listed?: Listed;
  /** Whom to tell about the user's keys; absent = nobody. */
  readonly contact?: Contact;
  /** What about the user's tags is to be reported: whole sentences. */
  readonly notes?: readonly string[];
}
