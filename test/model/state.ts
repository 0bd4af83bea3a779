import type { AccessKey, AccessKeyId } from "../../src/core/access-key.ts";
import type { Policy } from "../../src/core/policy.ts";
import { days, formatInstant, instant } from "../../src/core/time.ts";
import { ANY_TIME, type Window } from "../../src/core/window.ts";

/*
 * One IAM user and everything around it as plain data: it can be copied, compared and written down. What keyturn cannot see
 * but the invariants are told by (who made a key, who switched it off, when it was last handed out) stands beside what it can.
 */

type Hand = "before" | "run" | "person";

export interface ModelKey {
  readonly id: AccessKeyId;
  status: AccessKey["status"];
  readonly createdAt: number;
  /** As IAM has written them down, oldest first: the newest that it shows already, and those that it does not show yet. */
  uses: readonly { readonly at: number; readonly service: string }[];
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
  /** When a person made it Active again; null = never. */
  onAt: number | null;
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
  /** How late IAM shows a use. */
  readonly useLag: number;
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
  /** Counts what persons do; which of it was the last on keys. */
  tick: number;
  personKeys: number;
  /** What a person stripped in this run, and in which tick: who read it before still goes by it. */
  stripped: { readonly record: string | null; readonly tick: number } | null;
  /** When a delivery was recorded last; 0 = never. */
  deliveredAt: number;
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
  /** How late IAM shows a use, in milliseconds. */
  readonly useLag: number;
  /** When consumers may be touched, in hours of the day (UTC); null = at any time. */
  readonly window: { readonly from: number; readonly to: number } | null;
}

/** How long a read of IAM may lag behind a write. */
export const SETTLE = 15_000;

/** As the engine is told it. */
export const windowOf = ({ window }: Setup): Window | null =>
  window === null ? null : { ...ANY_TIME, hours: { from: window.from * 60, to: window.to * 60 } };

const DAY = 86_400_000;
const BEGIN = Date.UTC(2026, 0, 5, 8);

export const idOf = (number: number): AccessKeyId => `AKIAMODEL${String(number).padStart(7, "0")}` as AccessKeyId; // of IAM's form

/** A user whose only key is due, used an hour ago, and served wherever keys are served. */
export function beginning({ stores, policy, useLag }: Setup): State {
  const first = idOf(1);
  const key = newKey(first, BEGIN - days(120), "before", null);
  key.consumedAt = BEGIN - 3_600_000;
  key.uses = [
    { at: key.consumedAt - DAY, service: "s3" },
    { at: key.consumedAt, service: "s3" },
  ].slice(useLag > 0 ? 0 : 1);
  key.live = true;
  key.proved = true;
  return {
    now: BEGIN + (policy.rotateAfter === 0 ? 1 : 0),
    useLag,
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
    tick: 0,
    personKeys: 0,
    stripped: null,
    deliveredAt: 0,
    rotations: 0,
    disturbed: [],
  };
}

export const newKey = (id: AccessKeyId, at: number, maker: Hand, runner: string | null): ModelKey => ({
  id,
  status: "Active",
  createdAt: Math.floor(at / 1000) * 1000,
  uses: [],
  consumedAt: null,
  maker,
  runner,
  proved: false,
  live: false,
  inactiveBy: null,
  inactiveAt: 0,
  onAt: null,
});

export const clone = (state: State): State => ({
  ...state,
  keys: state.keys.map((key) => ({ ...key })),
  escrow: [...state.escrow],
  stores: state.stores.map((store) => ({ ...store, history: [...store.history] })),
  servedUntil: { ...state.servedUntil },
  gone: { ...state.gone },
  disturbed: [...state.disturbed],
});

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

/** The last use of a key that IAM shows. */
export const shownUse = ({ now, useLag }: State, { uses }: ModelKey): ModelKey["uses"][number] | null =>
  uses.findLast(({ at }) => at <= now - useLag) ?? null;

/** Without what no read can show any more. */
function forget(state: State): void {
  if (state.oldKeys !== null && state.oldKeys.until <= state.now) state.oldKeys = null;
  if (state.oldRecord !== null && state.oldRecord.until <= state.now) state.oldRecord = null;
  for (const key of state.keys) {
    const shown = key.uses.findLastIndex(({ at }) => at <= state.now - state.useLag);
    if (shown > 0) key.uses = key.uses.slice(shown);
  }
}

/**
 * A state between runs, as the next one begins: runners of later runs have the same names, and are not those that made a key
 * or wrote the record; and what a person did before, they can all see.
 */
export function rested(state: State): State {
  const rest = clone(state);
  forget(rest);
  for (const key of rest.keys) key.runner = null;
  for (const store of rest.stores) store.personAt = 0;
  rest.tick = 0;
  rest.personKeys = 0;
  rest.stripped = null;
  rest.record = rest.record?.replace(/ n=\w+/, " n=earlier") ?? null;
  return rest;
}

/**
 * The same state, told as if the story began in it: its date, and the numbers of its keys, are those of the beginning. So runs
 * from states that are alike read the same, to the letter. Where hours count, the time of the day stays.
 */
export function retold(state: State, keepsTime: boolean): State {
  const unit = keepsTime ? DAY : 1000;
  const shift = Math.floor((state.now - BEGIN) / unit) * unit;
  const ids = [
    ...new Set(JSON.stringify([state.keys, state.stores, state.escrow, state.record]).match(IDS)),
  ].toSorted();
  const numbers = new Map(ids.map((id, index) => [id, idOf(index + 1)]));
  const named = (text: string) => text.replace(IDS, (id) => numbers.get(id) ?? id);
  const moved = (at: number) => at - shift;
  const id = (from: AccessKeyId | null) => (from === null ? null : (numbers.get(from) ?? from));
  const byId = <T>(table: Readonly<Record<string, T>>, of: (value: T) => T): Record<string, T> =>
    Object.fromEntries(ids.flatMap((each) => (table[each] === undefined ? [] : [[named(each), of(table[each])]])));
  return {
    ...state,
    now: moved(state.now),
    keys: state.keys.map((key) => ({
      ...key,
      id: id(key.id) ?? key.id,
      createdAt: moved(key.createdAt),
      uses: key.uses.map(({ at, service }) => ({ at: moved(at), service })),
      consumedAt: key.consumedAt === null ? null : moved(key.consumedAt),
      inactiveAt: key.inactiveBy === null ? 0 : moved(key.inactiveAt),
      onAt: key.onAt === null ? null : moved(key.onAt),
    })),
    record:
      state.record === null
        ? null
        : named(state.record.replace(DATES, (text) => formatInstant(instant(moved(Date.parse(text)))))),
    escrow: state.escrow.map((each) => id(each) ?? each),
    stores: state.stores.map((store) => ({
      ...store,
      serves: id(store.serves),
      pending: id(store.pending),
      history: store.history.map((each) => id(each) ?? each),
      writtenAt: moved(store.writtenAt),
    })),
    servedUntil: byId(state.servedUntil, moved),
    gone: byId(state.gone, (hand) => hand),
    deliveredAt: state.deliveredAt === 0 ? 0 : moved(state.deliveredAt),
    made: ids.length,
  };
}

const IDS = /AKIAMODEL\d{7}/g;
const DATES = /\d{4}-[\d:T-]+Z/g;

/** The same for states between runs that differ only in ages beyond a hundred days. `timeless` leaves all ages out. */
export function fingerprint(state: State, keepsTime: boolean, timeless = false): string {
  const { now, ...same } = retold(rested(state), keepsTime);
  const age = (at: number) => (timeless ? 0 : Math.max(-100 * DAY, at - now));
  return JSON.stringify(
    [timeless || !keepsTime ? 0 : now, { ...same, oldKeys: 0, oldRecord: 0 }, [...same.disturbed].toSorted()],
    (name, value: unknown) => {
      if (name === "disturbed") return 0;
      if (name === "record" && typeof value === "string")
        return value.replace(DATES, (text) => String(age(Date.parse(text))));
      return typeof value === "number" && value > 1e12 ? age(value) : value;
    },
  );
}

/** What stands in the world, whatever the story so far was. */
export function worldOf(state: State): string {
  const { now, keys, oldKeys, record, oldRecord, escrow, stores, servedUntil, gone, deliveredAt, rotations } = state;
  return JSON.stringify([
    now,
    keys.map(Object.values),
    oldKeys,
    record,
    oldRecord,
    escrow,
    stores.map(Object.values),
    servedUntil,
    gone,
    deliveredAt,
    rotations,
  ]);
}

/** Notes which kind of disturbance there was: what a story may end in depends on it. */
export function disturb({ disturbed }: State, kind: string): void {
  if (disturbed.includes(kind)) return;
  disturbed.push(kind);
  disturbed.sort();
}
