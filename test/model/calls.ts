import { type AccessKey, type AccessKeyId, byAge, KEYS_PER_USER, type User } from "../../src/core/access-key.ts";
import { parseRecord } from "../../src/core/record.ts";
import { Secret } from "../../src/core/secret.ts";
import { instant } from "../../src/core/time.ts";
import { CallError } from "../../src/ports.ts";
import type { Knowledge, Monitor } from "./monitor.ts";
import { sign } from "./people.ts";
import {
  disturb,
  find,
  idOf,
  keysChange,
  type ModelKey,
  newKey,
  serve,
  SETTLE,
  shownUse,
  type State,
  type Store,
  writeRecord,
} from "./state.ts";

/*
 * Every call that a run can make, as what it does to the state and answers. It takes effect when a schedule lets it through, on
 * whatever the state is by then: a call knows its arguments, and nothing of the runner that waits for the answer.
 */

/** What a runner has read last and when, beside its memory: the monitor judges by it, the engine never sees it. */
export interface Reader extends Knowledge {
  readAt: number;
}

export interface Call {
  readonly action: string;
  readonly changes: boolean;
  /** The place may turn it down, for certain and without effect. */
  readonly refusable: boolean;
  /** Takes effect on the state, and answers. */
  readonly effect: (state: State, by: Reader) => unknown;
  /** What a lagging read would answer; null where nothing lags. */
  readonly lagging: (state: State) => unknown;
  /** What it does in a race with another call of its kind; null where it is in none. */
  readonly racing: (state: State, by: Reader) => (() => unknown) | null;
}

/** What a broken engine would do, seen at its ports: a model that cannot see these sees nothing. */
export type Sabotage =
  /** Does not wait for IAM to settle, and takes its intent for its own without reading it. */
  | "no-settling"
  /** The second runner takes every open record for one whose lease is over. */
  | "no-lease"
  /** Believes that every delivery took place. */
  | "no-delivery"
  /** Believes that every delivery that was turned down took place. */
  | "no-refusal"
  /** Believes that every key signs in. */
  | "no-verification"
  /** Counts its own check as somebody's use. */
  | "own-use-counts"
  /** Believes that consumers may be touched at any time. */
  | "no-window"
  /** Believes that there is another Active key. */
  | "phantom-key";

export const USER: User = { userName: "ci-bot", path: "/", arn: "arn:aws:iam::111122223333:user/ci-bot" };

export const secretOf = (id: AccessKeyId): Secret => new Secret(`secret-of-${id}`);

const nothing = (): null => null;

const call = (
  action: string,
  effect: Call["effect"],
  more: Partial<Pick<Call, "changes" | "refusable" | "lagging" | "racing">> = {},
): Call => ({ action, effect, changes: false, refusable: false, lagging: nothing, racing: nothing, ...more });

const change = (action: string, effect: Call["effect"], more: Partial<Call> = {}): Call =>
  call(action, effect, { ...more, changes: true });

/** What is true of the oldest state that a read may still show; null where every read shows the present. */
const before = <T>(old: (T & { readonly until: number }) | null, now: number): T | null =>
  old === null || old.until <= now ? null : old;

const tagsOf = (record: string | null) => new Map(record === null ? [] : [["keyturn:rotation", record]]);

export class Calls {
  readonly #monitor: Monitor;
  readonly #sabotage: Sabotage | null;

  constructor(monitor: Monitor, sabotage: Sabotage | null) {
    this.#monitor = monitor;
    this.#sabotage = sabotage;
  }

  listAccessKeys(): Call {
    const phantom: readonly ModelKey[] = this.#sabotage === "phantom-key" ? [newKey(idOf(0), 0, "before", null)] : [];
    const listed = (keys: readonly ModelKey[]): readonly AccessKey[] =>
      byAge(
        [...phantom, ...keys].map(({ id, status, createdAt }) => ({
          accessKeyId: id,
          status,
          createDate: instant(createdAt),
        })),
      );
    return call(
      "ListAccessKeys",
      (state, by) => {
        by.keys = state.tick;
        return listed(state.keys);
      },
      {
        lagging: ({ oldKeys, now }) => {
          const old = before(oldKeys, now);
          return old === null ? null : listed(old.keys);
        },
      },
    );
  }

  listTags(): Call {
    return call(
      "ListUserTags",
      (state, by) => {
        by.readAt = state.now;
        return tagsOf(state.record);
      },
      {
        lagging: ({ oldRecord, now }) => {
          const old = before(oldRecord, now);
          return old === null ? null : tagsOf(old.record);
        },
      },
    );
  }

  lastUse(id: AccessKeyId): Call {
    return call(`GetAccessKeyLastUsed ${id}`, (state) => {
      const key = find(state, id);
      const use = key === undefined ? null : shownUse(state, key);
      return {
        userName: key === undefined ? null : USER.userName,
        use: use === null ? null : { at: instant(use.at), service: use.service, region: "eu-west-1" },
      };
    });
  }

  tagUser(value: string): Call {
    return change("TagUser", (state, by) => {
      const { phase } = parseRecord(value);
      // It was in the air for longer than IAM takes to settle: what another run did meanwhile is overwritten.
      if (phase === "creating" && state.now - by.readAt >= SETTLE) disturb(state, "late-intent");
      writeRecord(state, value);
      if (phase !== "delivered") return;
      state.rotations = Math.min(3, state.rotations + 1);
      state.deliveredAt = state.now;
    });
  }

  createAccessKey(): Call {
    const create = (state: State, name: string) => {
      this.#monitor.beforeTouching(state);
      keysChange(state);
      state.made += 1;
      const key = newKey(idOf(state.made), state.now, "run", name);
      state.keys.push(key);
      return { accessKeyId: key.id, secretAccessKey: secretOf(key.id), createDate: instant(key.createdAt) };
    };
    return change(
      "CreateAccessKey",
      (state, { name }) => {
        if (state.keys.length >= KEYS_PER_USER)
          throw new CallError("refused", "iam:CreateAccessKey", "user/ci-bot", "LimitExceeded", "two are there");
        return create(state, name);
      },
      {
        // The quota is counted from what IAM has seen so far: two creations at one time break it.
        racing: (state, { name }) =>
          state.keys.length === KEYS_PER_USER && state.now - (state.keys[1]?.createdAt ?? 0) < SETTLE
            ? () => create(state, name)
            : null,
      },
    );
  }

  deactivate(id: AccessKeyId): Call {
    return this.#retirement(`UpdateAccessKey ${id}`, id, (state, key, by) => {
      this.#monitor.beforeRetiring(state, by, key, false);
      if (key.status === "Active") {
        key.inactiveBy = "run";
        key.inactiveAt = state.now;
      }
      key.status = "Inactive";
    });
  }

  deleteAccessKey(id: AccessKeyId): Call {
    return this.#retirement(`DeleteAccessKey ${id}`, id, (state, key, by) => {
      this.#monitor.beforeRetiring(state, by, key, true);
      state.keys = state.keys.filter((each) => each !== key);
      state.gone[key.id] = key.inactiveBy ?? "run";
    });
  }

  #retirement(action: string, id: AccessKeyId, effect: (state: State, key: ModelKey, by: Reader) => void): Call {
    return change(action, (state, by) => {
      const key = find(state, id);
      if (key === undefined) return;
      keysChange(state);
      effect(state, key, by);
    });
  }

  signIn(id: AccessKeyId): Call {
    return call(`GetCallerIdentity ${id}`, (state) => {
      const key = find(state, id);
      if (key?.status !== "Active") return null;
      sign(state, key, "sts");
      key.proved = true;
      return USER.arn;
    });
  }

  listEscrow(): Call {
    const { userName } = USER;
    return call("list", (state) => state.escrow.map((accessKeyId) => ({ userName, accessKeyId })));
  }

  putInEscrow(id: AccessKeyId): Call {
    return change(
      `put ${id}`,
      (state) => {
        state.escrow = [...state.escrow.filter((each) => each !== id), id];
      },
      { refusable: true },
    );
  }

  takeFromEscrow(id: AccessKeyId): Call {
    return call(`take ${id}`, (state) => (state.escrow.includes(id) ? secretOf(id) : null));
  }

  clearEscrow(id: AccessKeyId): Call {
    return change(`clear ${id}`, (state) => {
      state.escrow = state.escrow.filter((each) => each !== id);
    });
  }

  deliver(label: string, index: number, id: AccessKeyId): Call {
    return change(
      `deliver ${label} ${id}`,
      (state) => {
        if (this.#sabotage === "no-delivery") return;
        this.#monitor.beforeTouching(state);
        this.#monitor.beforeServing(state, id);
        serve(state, storeAt(state, index), id, false);
      },
      { refusable: true },
    );
  }

  read(label: string, index: number): Call {
    return call(`read ${label}`, (state, by) => {
      const { serves, writtenAt } = storeAt(state, index);
      by.stores[index] = state.tick;
      const believed = this.#sabotage === "no-delivery" ? (state.keys.at(-1)?.id ?? serves) : serves;
      return { accessKeyId: believed, writtenAt: instant(writtenAt) };
    });
  }

  readPast(label: string, index: number): Call {
    return call(`readPast ${label}`, (state) => {
      const { kind, pending, history } = storeAt(state, index);
      return { pending, history: kind === "forgetful" ? [] : [...history] };
    });
  }

  readSecret(label: string, index: number, id: AccessKeyId): Call {
    return call(`readSecret ${label} ${id}`, (state) => {
      const { serves, pending } = storeAt(state, index);
      return [serves, pending].includes(id) ? secretOf(id) : null;
    });
  }

  stage(label: string, index: number, id: AccessKeyId): Call {
    return change(
      `stage ${label} ${id}`,
      (state) => {
        storeAt(state, index).pending = id;
      },
      { refusable: true },
    );
  }

  unstage(label: string, index: number, id: AccessKeyId): Call {
    return change(`unstage ${label} ${id}`, (state) => {
      const store = storeAt(state, index);
      if (store.pending === id) store.pending = null;
    });
  }
}

function storeAt(state: State, index: number): Store {
  const store = state.stores[index];
  if (store === undefined) throw new Error(`there is no destination ${index}`);
  return store;
}
