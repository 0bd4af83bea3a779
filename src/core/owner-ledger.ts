import { type AccessKeyId, isAccessKeyId } from "./access-key.ts";
import { InvalidInput } from "./invalid-input.ts";
import { parseAddress } from "./mail-address.ts";
import type { Owner } from "./owner.ts";
import { isAllowed, type OwnerClaim, type OwnerRules } from "./owner-tags.ts";
import {
  type Duration,
  formatDuration,
  formatInstant,
  type Instant,
  later,
  parseDuration,
  parseInstant,
} from "./time.ts";

/** What the owner was told about one key, or knows without being told. */
export interface KeyNews {
  /** What they believe of it. `gone` = they know that it was deleted, and what opened mails about it is still to be tidied away. */
  readonly status: "Active" | "Inactive" | "gone";
  /** The marks ahead of its end at which they were warned. */
  readonly warned: readonly Duration[];
  /** When they were last told that it is still in use. */
  readonly reminded: Instant | null;
}

/** What keyturn remembers of one user's owner. */
export interface LedgerEntry {
  /** Where new keys and notices go. */
  readonly address: string;
  /** What a tag names instead since a while. `announced` = when the address in force was told so; null while it was not. */
  readonly pending: { readonly address: string; readonly announced: Instant | null } | null;
  /** Null: nobody was told anything yet, and what there is now is no news. */
  readonly keys: ReadonlyMap<AccessKeyId, KeyNews> | null;
}

/** Whom a run tells about a user, and what the ledger is to remember of that. */
export interface Contact {
  /** Null: no tag names anybody any more. */
  readonly owner: Owner | null;
  /** The ledger's text as it was read; null where there was none. */
  readonly stored: string | null;
  readonly entry: LedgerEntry;
}

/** More keys than a user can have, for those that wait to be tidied away. */
const MOST_KEYS = 20;

/**
 * Whom to tell, by the tags and by what the ledger remembers. The first address that is seen is in force at once. A changed one
 * waits: until the former was told, and the delay is over, everything goes to the former. A change that does not last is
 * forgotten. An address whose domain the configuration no longer allows has no say in this. Null where tags and ledger name nobody.
 */
export function contactFor(
  claim: OwnerClaim,
  stored: string | null,
  { addressChangeDelay, allowedDomains }: OwnerRules,
  now: Instant,
): Contact | null {
  const before = stored === null ? null : parseLedgerEntry(stored);
  if (claim.address === null) {
    // Who opts out and in again is met anew, except that the address in force is not to be had by that.
    return before === null ? null : { owner: null, stored, entry: { ...before, pending: null, keys: null } };
  }
  const fresh: LedgerEntry = { address: claim.address, pending: null, keys: null };
  const entry =
    before === null ? fresh : withAddress(before, claim.address, addressChangeDelay, allowedDomains ?? [], now);
  return { owner: ownerIn(claim, entry.address), stored, entry };
}

/** The owner that tags name; null where they name none. `address` = where the one in force is another. */
export function ownerIn(claim: OwnerClaim, address: string): Owner;
export function ownerIn(claim: OwnerClaim): Owner | null;
export function ownerIn({ address: named, instruction, recipient }: OwnerClaim, address = named): Owner | null {
  return address === null ? null : { address, instruction, recipient };
}

function withAddress(
  before: LedgerEntry,
  address: string,
  delay: Duration,
  allowedDomains: readonly string[],
  now: Instant,
): LedgerEntry {
  if (before.address === address) return { ...before, pending: null };
  const { pending } = before;
  const isOver = pending?.address === address && pending.announced !== null && now >= later(pending.announced, delay);
  if (isOver || !isAllowed(parseAddress(before.address).domain, allowedDomains))
    return { ...before, address, pending: null };
  return pending?.address === address ? before : { ...before, pending: { address, announced: null } };
}

/** One line of printable ASCII, at most 4,000 characters. */
export function printLedgerEntry({ address, pending, keys }: LedgerEntry): string {
  return JSON.stringify({
    v: 1,
    address,
    pending: pending === null ? null : { address: pending.address, announced: printMoment(pending.announced) },
    keys:
      keys === null
        ? null
        : [...keys].slice(-MOST_KEYS).map(([id, { status, warned, reminded }]) => ({
            id,
            status,
            warned: warned.map(formatDuration),
            reminded: printMoment(reminded),
          })),
  });
}

const printMoment = (moment: Instant | null): string | null => (moment === null ? null : formatInstant(moment));

/** Reads what {@link printLedgerEntry} prints, and nothing else. Throws {@link InvalidInput}: an entry that is not understood is never guessed at. */
export function parseLedgerEntry(text: string): LedgerEntry {
  const value = fieldsOf(parseJson(text));
  if (value["v"] !== 1) throw broken("it was not written by this version of keyturn");
  const pending = value["pending"] === null ? null : fieldsOf(value["pending"]);
  return {
    address: addressIn(value),
    pending: pending === null ? null : { address: addressIn(pending), announced: momentIn(pending, "announced") },
    keys: value["keys"] === null ? null : new Map(listOf(value["keys"]).map(readKey)),
  };
}

function readKey(given: unknown): readonly [AccessKeyId, KeyNews] {
  const key = fieldsOf(given);
  const { id, status } = key;
  if (typeof id !== "string" || !isAccessKeyId(id)) throw broken("a key has no id");
  if (status !== "Active" && status !== "Inactive" && status !== "gone") throw broken(`${id} has no status`);
  return [id, { status, warned: listOf(key["warned"]).map(readMark), reminded: momentIn(key, "reminded") }];
}

function readMark(given: unknown): Duration {
  if (typeof given !== "string") throw broken("a warning has no time");
  return parseDuration(given);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw broken("it is not JSON");
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw broken("a part of it is no object");
  return { ...value };
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw broken("a part of it is no list");
  return value;
}

function addressIn({ address }: Readonly<Record<string, unknown>>): string {
  if (typeof address !== "string" || parseAddress(address).address !== address) throw broken("it has no address");
  return address;
}

function momentIn(fields: Readonly<Record<string, unknown>>, name: string): Instant | null {
  const text = fields[name];
  if (text === null) return null;
  const moment = typeof text === "string" ? parseInstant(text) : null;
  if (moment === null) throw broken(`${name} is not a moment`);
  return moment;
}

const broken = (why: string): InvalidInput =>
  new InvalidInput(
    `the ledger's entry cannot be read: ${why}`,
    "correct or remove it: an entry that is gone begins anew",
  );
