import type { AccessKeyId } from "../../src/core/access-key.ts";
import { CREATE_WINDOW, LAST_USE_LAG, TURN } from "../../src/core/facts.ts";
import type { Policy } from "../../src/core/policy.ts";
import { parseRecord } from "../../src/core/record.ts";
import { days, hours, minutes } from "../../src/core/time.ts";
import { find, type ModelKey, type Setup, type State } from "./state.ts";

/*
 * The invariants, asked of the state itself at the moment in which a call takes effect. Nothing here asks the code under test,
 * and nothing is judged by what a runner believes.
 */

/** What a runner has read last, counted in the state's ticks: whatever a person did later it could not know. */
export interface Knowledge {
  readonly name: string;
  keys: number;
  /** One for each destination. */
  readonly stores: number[];
}

export class Violation extends Error {}

/**
 * What IAM leaves open, for it has no conditional write: the cases of the protocol's last section, by name. Each is counted when
 * it is met, so that none hides more than it should.
 */
export const openCases = {
  "act-between": "a person acts on the same key or destination between a turn's last read and its destructive call",
  "key-in-window": "a person makes a key inside the create window of an intent whose run died: taken for an orphan",
  "back-unseen":
    "a person writes the old value back before the delivery is recorded, the run dies, and the destination keeps no history",
  "off-while-retiring": "a person switches the old key off while its retirement is on record: taken for ours",
} as const;

/** In which a key counts as made by an intent, with what dates in whole seconds leave open. */
const WINDOW = CREATE_WINDOW + 5_000;

/** How long a key that a person made Active again is left to whoever uses it. */
const GIVEN_BACK = days(7);

export class Monitor {
  readonly #setup: Setup;
  readonly met = new Map<keyof typeof openCases, number>();

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  #excuse(name: keyof typeof openCases): void {
    this.met.set(name, (this.met.get(name) ?? 0) + 1);
  }

  /** Invariants 1, 2 and 6, before a runner deactivates or deletes `key`. */
  beforeRetiring(state: State, by: Knowledge, key: ModelKey, deletes: boolean): void {
    const unseen =
      state.personKeys > by.keys || state.stores.some(({ personAt }, index) => personAt > (by.stores[index] ?? 0));
    const fail = (why: string): void => {
      if (unseen) return this.#excuse("act-between");
      throw new Violation(`${deletes ? "deletes" : "deactivates"} ${key.id}: ${why}`);
    };
    if (state.stores.some((store) => store.kind !== "write-only" && store.serves === key.id))
      return fail("a destination serves it");
    if (key.status === "Inactive") return deletes ? this.#beforeDeletingInactive(state, key, fail) : undefined;
    if (key.live) this.beforeTouching(state);
    // The retreat: what its own runner made and nobody got goes, whatever else stands.
    if (key.runner === by.name && !key.live && key.consumedAt === null) return undefined;
    if (!state.keys.some((other) => other !== key && other.status === "Active"))
      return fail("it is the only Active key");
    if (key.maker === "run" && !key.live) {
      // An orphan goes, and so does what its own runner takes back.
      if (key.consumedAt !== null) return fail("somebody uses it");
      const isSafe = state.escrow.includes(key.id) || state.stores.some((store) => store.pending === key.id);
      return isSafe && key.runner !== by.name ? fail("its secret is safe, it could be delivered") : undefined;
    }
    const { policy } = this.#setup;
    const { stripped } = state;
    const recorded = parseRecord(stripped !== null && stripped.tick > by.keys ? stripped.record : state.record);
    const isForgotten = state.stores.some((store) => store.kind === "forgetful" && store.byPerson);
    if (key.maker === "run" && isForgotten && recorded.phase === "creating") return this.#excuse("back-unseen");
    if (key.maker === "person" && policy.unexplainedKeys === "report") {
      // A person who writes the value back and forth makes a key of theirs one that a destination served before.
      if ("old" in recorded && recorded.old.includes(key.id)) return undefined;
      const isOpen = recorded.phase === "creating" && Math.abs(key.createdAt - recorded.at) <= WINDOW;
      return isOpen ? this.#excuse("key-in-window") : fail("a person made it");
    }
    const successor = state.keys.find(
      (other) => other !== key && other.status === "Active" && state.stores.every((store) => store.serves === other.id),
    );
    if (successor === undefined) return fail("no other Active key is at every destination");
    if (!successor.proved) return fail(`${successor.id} never signed in`);
    const early = tooEarly(state, policy, key, successor);
    return early === null ? undefined : fail(early);
  }

  #beforeDeletingInactive(state: State, key: ModelKey, fail: (why: string) => void): void {
    const { policy } = this.#setup;
    const after = policy.delete.when === "after" ? policy.delete.after : 0;
    if (key.inactiveBy === "run") {
      // Counted from the record, which the same turn writes before it makes the key Inactive.
      if (state.now < key.inactiveAt - TURN + after) fail("it was not Inactive for as long as the policy keeps it");
      return;
    }
    const rule = policy.inactiveKeys;
    if (rule !== "report" && state.now >= Math.max(key.createdAt, key.uses.at(-1)?.at ?? 0) + rule.deleteAfter) return;
    const record = parseRecord(state.record);
    if (record.phase === "retiring" && record.old.includes(key.id)) this.#excuse("off-while-retiring");
    else fail("a person made it Inactive");
  }

  /** Consumers notice what happens here: it waits for the window, which may shut in the course of a turn. */
  beforeTouching(state: State): void {
    const { window } = this.#setup;
    if (window === null) return;
    const minute = Math.floor(state.now / 60_000) % 1_440;
    if (minute < window.from * 60 || minute >= window.to * 60 + TURN / 60_000)
      throw new Violation(
        `touches consumers at ${new Date(state.now).toISOString().slice(11, 16)}, outside the window`,
      );
  }

  /** Invariant 3: what is served has signed in. And it works, unless a person saw to it that it does not. */
  beforeServing(state: State, id: AccessKeyId): void {
    const key = find(state, id);
    if (key !== undefined && !key.proved) throw new Violation(`serves ${id}, which never signed in`);
    if (key?.status === "Active") return;
    const hand = key === undefined ? state.gone[id] : key.inactiveBy;
    if (hand === "person") this.#excuse("act-between");
    else throw new Violation(`serves ${id}, which ${hand ?? "nobody"} took out of use`);
  }

  /** Invariant 2, whatever just happened: a consumer that reads now is not refused, unless by a person's doing. */
  afterEffect(state: State): void {
    for (const { kind, serves, byPerson } of state.stores) {
      if (serves === null || byPerson) continue;
      const key = find(state, serves);
      if (key?.status === "Active") continue;
      const hand = key === undefined ? state.gone[serves] : key.inactiveBy;
      if (hand !== "person") throw new Violation(`a ${kind} destination serves ${serves}, which is not Active`);
    }
  }
}

/**
 * Until when a consumer that keeps to what the policy asks of it may go on with a key that it was served before, or that a person
 * gave back to it. Null where none may.
 */
export function usableUntil({ servedUntil, useLag }: State, policy: Policy, key: ModelKey): number | null {
  const until = servedUntil[key.id];
  const promise = promised(policy, useLag);
  if (promise === null) return key.onAt === null ? null : key.onAt + GIVEN_BACK;
  if (until === undefined) return null;
  return (promise.taken ? Math.max(until, key.consumedAt ?? 0) : until) + promise.afterServed;
}

/** Whoever read the old key last may still hold it for as long as the policy asks of consumers. Null where nobody can. */
function tooEarly(state: State, policy: Policy, key: ModelKey, successor: ModelKey): string | null {
  const servedUntil = state.servedUntil[key.id] ?? 0;
  const promise = promised(policy, state.useLag);
  if (promise === null) return takenAgain(state, key);
  if (state.now < servedUntil + promise.afterServed) return "a consumer that just read it may still hold it";
  // Where time alone opens the gate, a use that IAM does not show yet was within that time: its consumer has read again since.
  const usedUntil = promise.taken || isShown(state, key) ? (key.consumedAt ?? 0) : 0;
  if (state.now < usedUntil + promise.afterUsed) return "a consumer still uses it";
  if (promise.taken && successor.consumedAt === null) return `nobody uses ${successor.id} yet`;
  return null;
}

const isShown = ({ now, useLag }: State, { consumedAt }: ModelKey): boolean =>
  consumedAt !== null && consumedAt + useLag <= now;

/**
 * A key that a person made Active again is left alone for as long as nobody can know whether it is in use; and for a week where
 * it is, since the record was written anew.
 */
function takenAgain(state: State, key: ModelKey): string | null {
  const { now, useLag, deliveredAt } = state;
  const { onAt, consumedAt } = key;
  if (onAt === null || now >= onAt + GIVEN_BACK) return null;
  if (now < onAt + useLag) return "a person made it Active again, and nobody can tell yet whether it is in use";
  const couldBeSeen = isShown({ ...state, now: now - TURN }, key);
  return consumedAt !== null && consumedAt > Math.max(onAt, deliveredAt) && couldBeSeen
    ? "a person made it Active again, and it is in use"
    : null;
}

/** How long consumers may go on with what they read, by policy. Null = no longer than until they are refused. */
function promised({ deactivate, delete: remove }: Policy, useLag: number) {
  switch (deactivate.when) {
    case "idle":
      return { afterServed: deactivate.for, afterUsed: deactivate.for, taken: true };
    case "superseded": {
      // What is left of the quiet time after the quarter of an hour in which IAM writes down one use only, and after its lag.
      const quiet = Math.max(0, LAST_USE_LAG - minutes(15) - useLag);
      return { afterServed: quiet, afterUsed: quiet, taken: true };
    }
    case "after":
      return { afterServed: deactivate.after, afterUsed: 0, taken: false };
    case "delivered":
      return null;
    case "never":
      if (remove.when === "never") return { afterServed: Infinity, afterUsed: Infinity, taken: false };
      return {
        afterServed: remove.when === "after" ? remove.after : remove.overlap,
        afterUsed: Math.min(remove.quiet, hours(24)),
        taken: false,
      };
  }
}
