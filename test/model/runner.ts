import { type AccessKey, byAge, KEYS_PER_USER, type User } from "../../src/core/access-key.ts";
import type { AccessKeyId } from "../../src/core/access-key.ts";
import { parseRecord } from "../../src/core/record.ts";
import type { UserReport } from "../../src/core/result.ts";
import { Secret } from "../../src/core/secret.ts";
import { instant } from "../../src/core/time.ts";
import { run } from "../../src/engine/run.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import type { World } from "../../src/engine/world.ts";
import { CallError, type Destination, type Iam, type Verifier } from "../../src/ports.ts";
import { freely, seconds } from "../support/rig.ts";
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
  type Setup,
  type State,
  writeRecord,
} from "./state.ts";

/** A call of a runner that waits to be let through. */
export interface Call {
  readonly action: string;
  readonly changes: boolean;
  /** Takes effect on the state, and answers. */
  readonly effect: (state: State) => unknown;
  /** What a lagging read would answer; null where nothing lags. */
  readonly lagging: ((state: State) => unknown) | null;
  /** What it does in a race with another call of its kind; null where it is in none. */
  readonly racing: ((state: State) => (() => unknown) | null) | null;
  readonly answer: (value: unknown) => void;
  readonly refuse: (error: unknown) => void;
  readonly since: number;
}

/** What a broken engine would do, seen at its ports: a model that cannot see these sees nothing. */
export type Sabotage =
  /** Does not wait for IAM to settle, and takes its intent for its own without reading it. */
  | "no-settling"
  /** The second runner takes every open record for one whose lease is over. */
  | "no-lease"
  /** Believes that every delivery took place. */
  | "no-delivery"
  /** Believes that every key signs in. */
  | "no-verification"
  /** Counts its own check as somebody's use. */
  | "own-use-counts"
  /** Believes that there is another Active key. */
  | "phantom-key";

const USER: User = { userName: "ci-bot", path: "/", arn: "arn:aws:iam::111122223333:user/ci-bot" };

/** One process that runs the real engine; each of its calls waits to be let through. */
export class Runner implements Knowledge {
  readonly name: string;
  keys = 0;
  readonly stores: number[] = [];
  readonly calls: Call[] = [];
  asleep: { readonly until: number; readonly wake: () => void } | null = null;
  over: "reported" | "dead" | null = null;
  report: UserReport | null = null;
  broken: unknown = null;
  /** Everything that it was ever told: two runners of one log are in one state. */
  log = "";
  #readAt = 0;
  readonly #state: () => State;
  readonly #setup: Setup;
  readonly #monitor: Monitor;
  readonly #sabotage: Sabotage | null;

  constructor(name: string, state: () => State, setup: Setup, monitor: Monitor, sabotage: Sabotage | null) {
    this.name = name;
    this.#state = state;
    this.#setup = setup;
    this.#monitor = monitor;
    this.#sabotage = sabotage;
  }

  start(): void {
    void run(this.#world(), [{ user: USER, terms: this.#terms(), destinations: this.#destinations() }], freely).then(
      ([report]) => this.#end(report ?? null, null),
      (error: unknown) => this.#end(null, error),
    );
  }

  #end(report: UserReport | null, broken: unknown): void {
    if (this.over !== null) return;
    this.report = report;
    this.broken = broken;
    this.over = "reported";
  }

  #terms() {
    return {
      policy: this.#setup.policy,
      exempt: null,
      window: null,
      doubt: null,
      asked: false,
      ownServices: this.#sabotage === "own-use-counts" ? [] : ["sts"],
      needsDestination: true,
    };
  }

  #call<T>(
    action: string,
    changes: boolean,
    effect: (state: State) => T,
    lagging: Call["lagging"] = null,
    racing: Call["racing"] = null,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.calls.push({
        action,
        changes,
        effect,
        lagging,
        racing,
        answer: (value) => resolve(value as T), // the value is what `effect` or `lagging` of this very call gave
        refuse: reject,
        since: this.#state().now,
      });
    });
  }

  #world(): World {
    const iam = this.#iam();
    const records = recordsInTags(iam);
    const late = this.#sabotage === "no-lease" && this.name === "b" ? 300_000 : 0;
    let written: string | null = null;
    return {
      caller: {
        account: "111122223333",
        arn: "arn:aws:sts::111122223333:assumed-role/keyturn/model",
        partition: "aws",
        userName: null,
        accessKeyId: null,
      },
      iam,
      verifier: this.#verifier(),
      records:
        this.#sabotage === "no-settling"
          ? {
              read: async (userName, tags) => (tags === undefined ? written : records.read(userName, tags)),
              write: async (userName, text) => {
                written = text;
                await records.write(userName, text);
              },
            }
          : records,
      escrow: this.#setup.escrow ? this.#escrow() : null,
      clock: {
        now: () => instant(this.#state().now + late),
        monotonic: () => this.#state().now,
        sleep: (span) =>
          new Promise((wake) => {
            this.asleep = { until: this.#state().now + span, wake };
          }),
      },
      liveness: { nonce: () => `${this.name}${(this.#state().turns += 1)}`, isDead: async () => false },
      journal: () => undefined,
      settle: seconds(this.#sabotage === "no-settling" ? 0 : 15),
    };
  }

  #iam(): Iam {
    const listed = (keys: readonly ModelKey[]): readonly AccessKey[] =>
      byAge(keys.map(({ id, status, createdAt }) => ({ accessKeyId: id, status, createDate: instant(createdAt) })));
    const phantom: readonly ModelKey[] = this.#sabotage === "phantom-key" ? [newKey(idOf(0), 0, "before", null)] : [];
    const change = (action: string, id: AccessKeyId, effect: (state: State, key: ModelKey) => void) =>
      this.#call(`${action} ${id}`, true, (state) => {
        const key = find(state, id);
        if (key === undefined) return;
        keysChange(state);
        effect(state, key);
      });
    const never = () => Promise.reject(new Error("a run of one user never asks that"));
    return {
      listUsers: never,
      getUser: never,
      activate: never,
      hasPassword: async () => false,
      listAccessKeys: () =>
        this.#call(
          "ListAccessKeys",
          false,
          (state) => {
            this.keys = state.tick;
            return listed([...phantom, ...state.keys]);
          },
          ({ oldKeys, now }) =>
            oldKeys === null || oldKeys.until <= now ? null : listed([...phantom, ...oldKeys.keys]),
        ),
      listTags: () => {
        const tags = (record: string | null) => new Map(record === null ? [] : [["keyturn:rotation", record]]);
        return this.#call(
          "ListUserTags",
          false,
          (state) => {
            this.#readAt = state.now;
            return tags(state.record);
          },
          ({ oldRecord, now }) => (oldRecord === null || oldRecord.until <= now ? null : tags(oldRecord.record)),
        );
      },
      lastUse: (id) =>
        this.#call(`GetAccessKeyLastUsed ${id}`, false, (state) => {
          const use = find(state, id)?.use ?? null;
          return {
            userName: find(state, id) === undefined ? null : USER.userName,
            use: use === null ? null : { at: instant(use.at), service: use.service, region: "eu-west-1" },
          };
        }),
      tagUser: (_user, _key, value) =>
        this.#call("TagUser", true, (state) => {
          const { phase } = parseRecord(value);
          // It was in the air for longer than IAM takes to settle: what another run did meanwhile is overwritten.
          if (phase === "creating" && state.now - this.#readAt >= SETTLE) disturb(state, "late-intent");
          writeRecord(state, value);
          if (phase === "delivered") state.rotations = Math.min(3, state.rotations + 1);
        }),
      createAccessKey: () => {
        const create = (state: State) => {
          keysChange(state);
          state.made += 1;
          const key = newKey(idOf(state.made), state.now, "run", this.name);
          state.keys.push(key);
          return { accessKeyId: key.id, secretAccessKey: secretOf(key.id), createDate: instant(key.createdAt) };
        };
        return this.#call(
          "CreateAccessKey",
          true,
          (state) => {
            if (state.keys.length >= KEYS_PER_USER)
              throw new CallError("refused", "iam:CreateAccessKey", "user/ci-bot", "LimitExceeded", "two are there");
            return create(state);
          },
          null,
          // The quota is counted from what IAM has seen so far: two creations at one time break it.
          (state) =>
            state.keys.length === KEYS_PER_USER && state.now - (state.keys[1]?.createdAt ?? 0) < SETTLE
              ? () => create(state)
              : null,
        );
      },
      deactivate: (_user, id) =>
        change("UpdateAccessKey", id, (state, key) => {
          this.#monitor.beforeRetiring(state, this, key, false);
          if (key.status === "Active") {
            key.inactiveBy = "run";
            key.inactiveAt = state.now;
          }
          key.status = "Inactive";
        }),
      deleteAccessKey: (_user, id) =>
        change("DeleteAccessKey", id, (state, key) => {
          this.#monitor.beforeRetiring(state, this, key, true);
          state.keys = state.keys.filter((each) => each !== key);
          state.gone[key.id] = key.inactiveBy ?? "run";
        }),
    };
  }

  #verifier(): Verifier {
    return {
      services: ["sts"],
      signIn: ({ accessKeyId: id }) =>
        this.#sabotage === "no-verification"
          ? Promise.resolve(USER.arn)
          : this.#call(`GetCallerIdentity ${id}`, false, (state) => {
              const key = find(state, id);
              if (key?.status !== "Active") return null;
              sign(state, key, "sts");
              key.proved = true;
              return USER.arn;
            }),
    };
  }

  #escrow(): NonNullable<World["escrow"]> {
    const { userName } = USER;
    return {
      label: "escrow",
      check: async () => undefined,
      list: () => this.#call("list", false, (state) => state.escrow.map((accessKeyId) => ({ userName, accessKeyId }))),
      put: (_user, { accessKeyId: id }) =>
        this.#call(`put ${id}`, true, (state) => {
          state.escrow = [...state.escrow.filter((each) => each !== id), id];
        }),
      take: (_user, id) =>
        this.#call(`take ${id}`, false, (state) => (state.escrow.includes(id) ? secretOf(id) : null)),
      clear: (_user, id) =>
        this.#call(`clear ${id}`, true, (state) => {
          state.escrow = state.escrow.filter((each) => each !== id);
        }),
    };
  }

  #destinations(): readonly Destination[] {
    return this.#setup.stores.map((kind, index): Destination => {
      const label = `${kind}:${index}`;
      const at = (state: State) => {
        const store = state.stores[index];
        if (store === undefined) throw new Error(`there is no destination ${index}`);
        return store;
      };
      const destination: Destination = {
        label,
        check: async () => undefined,
        deliver: ({ accessKeyId: id }) =>
          this.#call(`deliver ${label} ${id}`, true, (state) => {
            if (this.#sabotage === "no-delivery") return;
            this.#monitor.beforeServing(state, this, id);
            serve(state, at(state), id, false);
          }),
      };
      if (kind === "write-only") return destination;
      return {
        ...destination,
        read: () =>
          this.#call(`read ${label}`, false, (state) => {
            const { serves, writtenAt } = at(state);
            this.stores[index] = state.tick;
            const believed = this.#sabotage === "no-delivery" ? (state.keys.at(-1)?.id ?? serves) : serves;
            return { accessKeyId: believed, writtenAt: instant(writtenAt) };
          }),
        readPast: () =>
          this.#call(`readPast ${label}`, false, (state) => {
            const { pending, history } = at(state);
            return { pending, history: kind === "forgetful" ? [] : [...history] };
          }),
        readSecret: (id) =>
          this.#call(`readSecret ${label} ${id}`, false, (state) =>
            [at(state).serves, at(state).pending].includes(id) ? secretOf(id) : null,
          ),
        ...(kind === "staged"
          ? {
              stage: ({ accessKeyId: id }) =>
                this.#call(`stage ${label} ${id}`, true, (state) => {
                  at(state).pending = id;
                }),
              unstage: (id: AccessKeyId) =>
                this.#call(`unstage ${label} ${id}`, true, (state) => {
                  if (at(state).pending === id) at(state).pending = null;
                }),
            }
          : {}),
      };
    });
  }
}

const secretOf = (id: AccessKeyId): Secret => new Secret(`secret-of-${id}`);
