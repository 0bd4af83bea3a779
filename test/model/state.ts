import type { AccessKey, AccessKeyId } from "../../src/core/access-key.ts";
import type { Policy } from "../../src/core/policy.ts";
import { days } from "../../src/core/time.ts";

/*
 * One IAM user and everything around it as plain data: it can be copied, compared and written down. What keyturn cannot see
 * but the invariants are told by (who made a key, who switched it off, when it was last handed out) stands beside what it can.
 */

type Hand = "before" | "run" | "person";

export interface ModelKey {
  readonly id: AccessKeyId;
  status: AccessKey["status"];
  readonly createdAt: number;
  use: { at: number; service: string } | null;
  /** When somebody else than keyturn used it last; null = never. */
  consumedAt: number | null;
  readonly maker: Hand;
  /** The runner that made it, as long as its run goes on. */
  runner: string | null;
  /** It has signed in, asked by a runner. */
  proved: boolean;
  /** It was at some time where consumers read. */
  live: boolean;
  inactiveBy: Hand | null;
  inactiveAt: number;
}

export type StoreKind = "readable" | "staged" | "forgetful" | "write-only";

export interface Store {
  readonly kind: StoreKind;
  /** What consumers get; of a write-only one, what was last handed out. */
  serves: AccessKeyId | null;
  writtenAt: number;
  byPerson: boolean;
  /** The tick in which a person wrote it last. */
  personAt: number;
  pending: AccessKeyId | null;
  history: AccessKeyId[];
}

export interface State {
  now: number;
  keys: ModelKey[];
  /** What a listing that lags may still show, until then. */
  oldKeys: { readonly until: number; readonly keys: readonly ModelKey[] } | null;
  record: string | null;
  oldRecord: { readonly until: number; readonly record: string | null } | null;
  escrow: AccessKeyId[];
  stores: Store[];
  /** Until when some consumer could read this key. */
  servedUntil: Record<string, number>;
  /** Who deleted a key that is gone. */
  gone: Record<string, Hand>;
  made: number;
  turns: number;
  /** Counts what persons do; which of it was the last on keys. */
  tick: number;
  personKeys: number;
  /** How often a delivery was recorded; three stands for more. */
  rotations: number;
  /** What disturbed the story so far, in a word each. */
  disturbed: string[];
}

/** The parts that make up one thing to explore. */
export interface Setup {
  readonly name: string;
  readonly policy: Policy;
  readonly stores: readonly StoreKind[];
  readonly escrow: boolean;
}

/** How long a read of IAM may lag behind a write. */
export const SETTLE = 15_000;

const BEGIN = Date.UTC(2026, 0, 5, 8);

export const idOf = (number: number): AccessKeyId => `AKIAMODEL${String(number).padStart(7, "0")}` as AccessKeyId; // of IAM's form

/** A user whose only key is due, used an hour ago, and served wherever keys are served. */
export function beginning({ stores, policy }: Setup): State {
  const first = idOf(1);
  const key = newKey(first, BEGIN - days(120), "before", null);
  key.use = { at: BEGIN - 3_600_000, service: "s3" };
  key.consumedAt = key.use.at;
  key.live = true;
  key.proved = true;
  return {
    now: BEGIN + (policy.rotateAfter === 0 ? 1 : 0),
    keys: [key],
    oldKeys: null,
    record: null,
    oldRecord: null,
    escrow: [],
    stores: stores.map((kind) => ({
      kind,
      serves: first,
      writtenAt: BEGIN - days(120),
      byPerson: false,
      personAt: 0,
      pending: null,
      history: [],
    })),
    servedUntil: {},
    gone: {},
    made: 1,
    turns: 0,
    tick: 0,
    personKeys: 0,
    rotations: 0,
    disturbed: [],
  };
}

export const newKey = (id: AccessKeyId, at: number, maker: Hand, runner: string | null): ModelKey => ({
  id,
  status: "Active",
  createdAt: Math.floor(at / 1000) * 1000,
  use: null,
  consumedAt: null,
  maker,
  runner,
  proved: false,
  live: false,
  inactiveBy: null,
  inactiveAt: 0,
});

export const clone = (state: State): State => JSON.parse(JSON.stringify(state)) as State; // plain data all through

export const find = (state: State, id: string): ModelKey | undefined => state.keys.find((key) => key.id === id);

/** Keeps what a lagging read may show, before the keys change. */
export function keysChange(state: State): void {
  state.oldKeys = { until: state.now + SETTLE, keys: state.keys.map((key) => ({ ...key })) };
}

export function writeRecord(state: State, record: string | null): void {
  state.oldRecord = { until: state.now + SETTLE, record: state.record };
  state.record = record;
}

export function serve(state: State, store: Store, id: AccessKeyId, byPerson: boolean): void {
  const before = store.serves;
  if (before !== null && before !== id) {
    store.history = [before, ...store.history.filter((each) => each !== before)].slice(0, 2);
    state.servedUntil[before] = state.now;
  }
  store.serves = id;
  store.writtenAt = state.now;
  store.byPerson = byPerson;
  store.pending = null;
  const key = find(state, id);
  if (key !== undefined) key.live = true;
}

/**
 * The same for states that differ only in when they are, in how keys and turns are numbered, and in ages beyond a hundred days.
 * `timeless` leaves the ages out too.
 */
export function fingerprint(state: State, timeless = false): string {
  const ages = (at: number) => (timeless ? 0 : Math.max(-100 * 86_400_000, at - state.now));
  const passed = (until: number) => until <= state.now;
  const record = state.record?.replace(/\d{4}-[\d:T-]+Z/g, (text) => String(ages(Date.parse(text)))) ?? null;
  const old = state.oldRecord;
  const text = JSON.stringify([
    state.keys.map((key) => [
      key.id,
      key.status,
      ages(key.createdAt),
      key.use === null ? null : [ages(key.use.at), key.use.service],
      key.consumedAt === null ? null : ages(key.consumedAt),
      key.maker,
      key.proved,
      key.live,
      key.inactiveBy,
      key.inactiveBy === null ? 0 : ages(key.inactiveAt),
    ]),
    state.oldKeys === null || passed(state.oldKeys.until)
      ? null
      : [ages(state.oldKeys.until), state.oldKeys.keys.map(({ id, status }) => [id, status])],
    record,
    old === null || passed(old.until) ? null : [ages(old.until), old.record],
    state.escrow,
    state.stores.map((store) => ({ ...store, writtenAt: ages(store.writtenAt), personAt: 0 })),
    state.keys.map(({ id }) => ages(state.servedUntil[id] ?? 0)),
    state.stores.map(({ serves }) => state.gone[serves ?? ""] ?? null),
    state.rotations,
    [...state.disturbed].toSorted(),
  ]);
  return renumber(text);
}

function renumber(text: string): string {
  const names = new Map<string, string>();
  return text.replace(/AKIAMODEL\d{7}|\bn=\w+/g, (name) => {
    const known = names.get(name) ?? `#${names.size}`;
    names.set(name, known);
    return known;
  });
}

/** Notes which kind of disturbance there was: what a story may end in depends on it. */
export function disturb({ disturbed }: State, kind: string): void {
  if (!disturbed.includes(kind)) disturbed.push(kind);
}
