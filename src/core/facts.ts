import { type AccessKey, type AccessKeyId, byAge, type LastUse } from "./access-key.ts";
import type { Fact, Observation, Past, Reading, Served } from "./observation.ts";
import type { Policy } from "./policy.ts";
import { mentions, parseRecord, type RecordReading } from "./record.ts";
import type { Window } from "./window.ts";
import { age, type Duration, hours, type Instant, later, latest, minutes, seconds } from "./time.ts";

/** How long after its delivery the last use that IAM shows may be too old by. */
export const LAST_USE_LAG = hours(4);

/** Hard limit on one turn at one user. */
export const TURN = minutes(3);

/** Until then an open record, or a young key, belongs to a turn that may live: the turn and a minute for clocks that differ. */
export const LEASE = minutes(4);

/** `CreateAccessKey` takes effect within this time of its intent, or not at all. */
export const CREATE_WINDOW = seconds(60);

/** IAM's dates are whole seconds, and ours come from another reply than theirs. */
const DATE_SLACK = seconds(5);

/**
 * Of two runs that declare themselves a moment apart, the later one may overwrite an intent that IAM does not show it yet, and not see
 * the key that was made by it. That key is older than the intent that stands, by no more than reading and declaring take together.
 */
const OVERWRITTEN = seconds(30);

/** A key whose record is gone: our own use of it was at its birth. */
const FIRST_HOUR = hours(1);

/** What a decision for one user rests on besides what was read. */
export interface Terms {
  readonly policy: Policy;
  /** Why nobody but a person may touch the user; null where it is not exempt. */
  readonly exempt: string | null;
  /** When consumers may be touched; null = at any time. */
  readonly window: Window | null;
  /** Why it is not known what holds for this user; null where it is. */
  readonly doubt: Exclude<Reading<unknown>, { readonly kind: "known" | "unread" }> | null;
  /** A person asked for a rotation of this user now. */
  readonly asked: boolean;
  /** The services that our own checks use with a new key, such as `sts`: a last use by one of them may be ours. */
  readonly ownServices: readonly string[];
  /** Whether new secrets have somewhere to go. Reports ask without (`plan`), runs do not. */
  readonly needsDestination: boolean;
}

/** Thrown inside core where a decision needs a fact that is not known; never leaves it. */
export class Gap extends Error {
  readonly facts: readonly Fact[];
  readonly reading: Exclude<Reading<unknown>, { kind: "known" }>;

  constructor(facts: readonly Fact[], reading: Exclude<Reading<unknown>, { kind: "known" }>) {
    super(`not known: ${facts.map((fact) => fact.kind).join(", ")}`);
    this.facts = facts;
    this.reading = reading;
  }
}

function need<T>(reading: Reading<T>, ...facts: readonly Fact[]): T {
  if (reading.kind === "known") return reading.value;
  throw new Gap(facts, reading);
}

/**
 * An observation as the decision table asks of it. A question whose answer was never read, was denied or failed ends the
 * decision by a {@link Gap}: nothing is ever concluded from a fact that is not known.
 */
export class Facts {
  readonly terms: Terms;
  readonly now: Instant;
  readonly seen: Observation;
  readonly userName: string;
  /** Oldest first. */
  readonly keys: readonly AccessKey[];
  readonly active: readonly AccessKey[];
  readonly record: RecordReading;

  constructor(seen: Observation, terms: Terms, now: Instant) {
    this.seen = seen;
    this.terms = terms;
    this.now = now;
    this.userName = seen.user.userName;
    this.keys = byAge(need(seen.keys));
    this.active = this.keys.filter((key) => key.status === "Active");
    this.record = parseRecord(need(seen.record));
  }

  ageOf = (key: AccessKey): Duration => age(key.createDate, this.now);

  dueAt = (key: AccessKey): Instant => later(key.createDate, this.terms.policy.rotateAfter);

  isDue = (key: AccessKey): boolean => this.terms.asked || this.now >= this.dueAt(key);

  /** The last use that IAM shows, whoever's; null where it shows none. */
  lastUse(key: AccessKey): LastUse | null {
    const reading = this.seen.lastUse.get(key.accessKeyId) ?? { kind: "unread" };
    return need(reading, { kind: "last-use", accessKeyId: key.accessKeyId });
  }

  /** The last use by somebody else than our own checks; null where there is none, or where ours hides it. */
  usedByOthers(key: AccessKey): LastUse | null {
    const use = this.lastUse(key);
    if (use === null || !this.terms.ownServices.includes(use.service)) return use;
    const until = this.concerns(key) ? later(this.recordAt(), LEASE) : later(key.createDate, FIRST_HOUR);
    return use.at <= until ? null : use;
  }

  /** Nobody has used the key for as long as the policy calls unused; a key younger than that is given its time. */
  isUnused(key: AccessKey): boolean {
    const { unusedAfter } = this.terms.policy;
    if (this.ageOf(key) < unusedAfter) return false;
    const use = this.usedByOthers(key);
    return use === null || age(use.at, this.now) >= unusedAfter;
  }

  /** Whether the record speaks of this key as the new one (or may: an intent knows no id yet). */
  private concerns(key: AccessKey): boolean {
    const { record } = this;
    if (record.phase === "creating") return !mentions(record.known, key.accessKeyId);
    return "new" in record && record.new !== null && mentions([record.new], key.accessKeyId);
  }

  private recordAt(): Instant {
    return "at" in this.record ? this.record.at : this.now;
  }

  /** What each readable destination serves, one entry each; empty where none is readable. */
  served(): readonly Served[] {
    return this.readable().map((each) => need(each.served, { kind: "served" }));
  }

  serves(id: AccessKeyId): boolean {
    return this.served().some((each) => each.accessKeyId === id);
  }

  /** When a readable destination was last written, the latest of all. */
  lastWrite(): Instant | null {
    const [first, ...others] = this.served()
      .map((each) => each.writtenAt)
      .filter((at) => at !== null);
    return first === undefined ? null : latest(first, ...others);
  }

  /** The key that signs this run is served where runs take their credentials from, so that later ones sign with a successor. */
  switchesOver(): boolean {
    return this.readable().some(
      (each) =>
        each.suppliesSigner === true && need(each.served, { kind: "served" }).accessKeyId === this.seen.signedBy,
    );
  }

  private past(): readonly Past[] {
    return this.readable().map((each) => need(each.past, { kind: "past" }));
  }

  inHistory = (id: AccessKeyId): boolean => this.past().some((each) => each.history.includes(id));

  isPending = (id: AccessKeyId): boolean => this.past().some((each) => each.pending === id);

  inEscrow(id: AccessKeyId): boolean {
    return need(this.seen.escrow, { kind: "escrow" }).includes(id);
  }

  escrowed = (): readonly AccessKeyId[] => need(this.seen.escrow, { kind: "escrow" });

  /** Some destination serves or holds pending, or the escrow has, the secret of this key. */
  holdsSecret = (id: AccessKeyId): boolean => this.inEscrow(id) || this.serves(id) || this.isPending(id);

  private readable() {
    return this.seen.destinations.filter((each) => each.readable);
  }

  hasReadable = (): boolean => this.readable().length > 0;

  writeOnly = (): number => this.seen.destinations.length - this.readable().length;

  hasPassword = (): boolean => need(this.seen.hasPassword, { kind: "password" });

  /** Whose key this is; null where AWS does not know it. */
  ownerOf(id: AccessKeyId): string | null {
    return need(this.seen.owners.get(id) ?? { kind: "unread" }, { kind: "owner", accessKeyId: id });
  }

  /** Keys that destinations serve and that the user does not have. */
  strangers(): readonly AccessKeyId[] {
    const own = new Set(this.keys.map((key) => key.accessKeyId));
    return [...new Set(this.served().flatMap(({ accessKeyId: id }) => (id !== null && !own.has(id) ? [id] : [])))];
  }

  /** The record, whatever its age, names this key in some part: it was this user's. */
  wasOurs(id: AccessKeyId): boolean {
    const { record } = this;
    const refs = [
      ...("new" in record && record.new !== null ? [record.new] : []),
      ...("old" in record ? record.old : []),
      ...("known" in record ? record.known : []),
    ];
    return mentions(refs, id);
  }

  /** Created in the window of an intent written at `at`, or of one that it overwrote. What the intent calls known was there before. */
  createdWithin(key: AccessKey, at: Instant): boolean {
    return key.createDate >= at - OVERWRITTEN && key.createDate <= at + CREATE_WINDOW + DATE_SLACK;
  }

  /** A turn may be at work: the record, or a key that the record does not call delivered, is younger than the lease. */
  youngest(): Instant | null {
    const { record } = this;
    if (record.phase !== "none" && "at" in record) {
      if (!this.seen.ownerDead && age(record.at, this.now) < LEASE && record.phase !== "held") return record.at;
    }
    const delivered = record.phase === "delivered" || record.phase === "retiring" ? record.new : null;
    const young = this.keys.filter(
      (key) =>
        this.ageOf(key) < LEASE &&
        (delivered === null || !mentions([delivered], key.accessKeyId)) &&
        !this.fromDeadTurn(key),
    );
    return young.at(-1)?.createDate ?? null;
  }

  private fromDeadTurn(key: AccessKey): boolean {
    return this.seen.ownerDead && "at" in this.record && this.createdWithin(key, this.record.at);
  }
}
