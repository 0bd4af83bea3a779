import type { AccessKeyId } from "../../src/core/access-key.ts";
import type { Policy } from "../../src/core/policy.ts";
import { usableUntil } from "./monitor.ts";
import { find, idOf, keysChange, type ModelKey, newKey, serve, type State, writeRecord } from "./state.ts";

/*
 * Everybody who is not keyturn. A person acts at any moment; consumers use what they are served, and a stubborn one may use a
 * key that it read before.
 */

/** What a person, or a stubborn consumer, could do now: a word and the number of a key or a destination. */
export function deeds(state: State, policy: Policy): readonly string[] {
  const keys = state.keys.flatMap((key, index) => [
    key.status === "Active" ? `off:${index}` : `on:${index}`,
    `drop:${index}`,
    ...(key.status === "Active" && state.now < (usableUntil(state, policy, key) ?? 0) ? [`use:${index}`] : []),
  ]);
  const back = state.stores.flatMap((store, index) =>
    store.kind !== "write-only" && store.history.length > 0 ? [`back:${index}`] : [],
  );
  return [...keys, ...back, ...(state.keys.length < 2 ? ["make"] : []), ...(state.record === null ? [] : ["strip"])];
}

/** Does what {@link deeds} offered. */
export function act(state: State, deed: string): void {
  const [word = "", number] = deed.split(":");
  const index = Number(number);
  const key = state.keys[index];
  state.tick += 1;
  switch (word) {
    case "off":
    case "on":
      if (key === undefined) break;
      keysChange(state);
      key.status = word === "on" ? "Active" : "Inactive";
      key.inactiveBy = word === "on" ? null : "person";
      key.inactiveAt = state.now;
      key.onAt = word === "on" ? state.now : null;
      state.personKeys = state.tick;
      break;
    case "drop":
      if (key === undefined) break;
      keysChange(state);
      state.keys.splice(index, 1);
      state.gone[key.id] = "person";
      state.personKeys = state.tick;
      break;
    case "make": {
      keysChange(state);
      state.made += 1;
      state.keys.push(newKey(idOf(state.made), state.now, "person", null));
      state.personKeys = state.tick;
      break;
    }
    case "strip":
      state.stripped = { record: state.record, tick: state.tick };
      writeRecord(state, null);
      break;
    case "back": {
      const store = state.stores[index];
      const before = store?.history[0];
      if (store === undefined || before === undefined) break;
      serve(state, store, before, true);
      store.personAt = state.tick;
      break;
    }
    case "use":
      if (key !== undefined) consume(state, key.id);
      break;
    default:
      throw new Error(`nobody does ${deed}`);
  }
}

/** A consumer signs with this key. False = refused. */
export function consume(state: State, id: AccessKeyId): boolean {
  const key = find(state, id);
  if (key?.status !== "Active") return false;
  key.consumedAt = state.now;
  sign(state, key, "s3");
  return true;
}

/** IAM writes a use down where the last one that it wrote is a quarter of an hour old. */
export function sign(state: State, key: ModelKey, service: string): void {
  const last = key.uses.at(-1);
  if (last !== undefined && state.now - last.at < 900_000) return;
  const shown = key.uses.findLastIndex(({ at }) => at <= state.now - state.useLag);
  const kept = state.useLag === 0 ? [] : key.uses.slice(Math.max(0, shown));
  key.uses = [...kept, { at: Math.floor(state.now / 1000) * 1000, service }];
}
