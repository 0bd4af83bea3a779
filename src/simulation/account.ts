import {
  type AccessKey,
  type AccessKeyId,
  byAge,
  KEYS_PER_USER,
  type KeyPair,
  type LastUse,
  type User,
} from "../core/access-key.ts";
import { Secret } from "../core/secret.ts";
import { instant, minutes } from "../core/time.ts";
import { type Caller, CallError, type Clock, type Iam, type Verifier } from "../ports.ts";

interface SimulatedKey {
  readonly accessKeyId: AccessKeyId;
  readonly secret: string;
  readonly createDate: AccessKey["createDate"];
  status: AccessKey["status"];
  lastUse: LastUse | null;
}

interface SimulatedUser extends User {
  readonly tags: Map<string, string>;
  readonly keys: SimulatedKey[];
  readonly hasPassword: boolean;
  /** A source of its own, so that what one user gets does not depend on who was served first. */
  readonly random: () => number;
}

/** Stands between a call and its effect, to make it late, lost, refused, or the last one before a crash. */
export type Interceptor = <T>(action: string, resource: string, effect: () => T) => Promise<T>;

/** IAM writes a use down when the last one that it wrote is this old. */
const LAST_USE_GRAIN = minutes(15);

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** mulberry32: small, and the same everywhere. */
export function seededRandom(seed: number): () => number {
  let state = Math.trunc(seed) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * IAM and STS in memory, behind the same ports as AWS's: users, tags, two keys at the most, last use as IAM keeps it.
 * What happens depends on the seed and on what is done to it, on nothing else.
 */
export class SimulatedAccount {
  readonly accountId: string;
  readonly #clock: Clock;
  readonly #seed: number;
  readonly #users = new Map<string, SimulatedUser>();
  /** May be replaced at any time. */
  intercept: Interceptor = async (_action, _resource, effect) => effect();

  constructor(clock: Clock, seed: number, accountId = "111122223333") {
    this.#clock = clock;
    this.#seed = seed;
    this.accountId = accountId;
  }

  get caller(): Caller {
    const arn = `arn:aws:sts::${this.accountId}:assumed-role/keyturn/demo`;
    return { account: this.accountId, arn, partition: "aws", userName: null, accessKeyId: null };
  }

  addUser(
    userName: string,
    options: { path?: string; hasPassword?: boolean; tags?: Record<string, string> } = {},
  ): User {
    const path = options.path ?? "/";
    const user: SimulatedUser = {
      userName,
      path,
      arn: `arn:aws:iam::${this.accountId}:user${path}${userName}`,
      tags: new Map(Object.entries(options.tags ?? {})),
      keys: [],
      hasPassword: options.hasPassword ?? false,
      random: seededRandom(this.#seed + Math.imul(this.#users.size + 1, 0x9e3779b1)),
    };
    this.#users.set(userName, user);
    return { userName, path, arn: user.arn };
  }

  /** A key as it came about before the story begins, or by a person's hand. */
  addKey(
    userName: string,
    options: {
      createDate?: AccessKey["createDate"];
      status?: AccessKey["status"];
      lastUse?: LastUse | null;
    } = {},
  ): KeyPair {
    const user = this.#user(userName);
    const key: SimulatedKey = {
      accessKeyId: `AKIA${freshText(user.random, 16)}` as AccessKeyId, // of IAM's form by construction
      secret: freshText(user.random, 40),
      createDate: options.createDate ?? wholeSecond(this.#clock.now()),
      status: options.status ?? "Active",
      lastUse: options.lastUse ?? null,
    };
    user.keys.push(key);
    return { accessKeyId: key.accessKeyId, secretAccessKey: new Secret(key.secret) };
  }

  user(userName: string): User {
    const { path, arn } = this.#user(userName);
    return { userName, path, arn };
  }

  keys(userName: string): readonly (AccessKey & { readonly lastUse: LastUse | null })[] {
    return this.#user(userName).keys.map(({ accessKeyId, status, createDate, lastUse }) => ({
      accessKeyId,
      status,
      createDate,
      lastUse,
    }));
  }

  tags(userName: string): Map<string, string> {
    return this.#user(userName).tags;
  }

  /** What a person does in the console. */
  setStatus(id: AccessKeyId, status: AccessKey["status"]): void {
    const key = this.#find(id)?.key;
    if (key !== undefined) key.status = status;
  }

  /** What a person does in the console. */
  removeKey(id: AccessKeyId): void {
    const found = this.#find(id);
    if (found !== null) found.user.keys.splice(found.user.keys.indexOf(found.key), 1);
  }

  /** A consumer signs a request. False = refused: its job has just failed. */
  use(id: AccessKeyId, service: string, region: string): boolean {
    const key = this.#find(id)?.key;
    if (key === undefined || key.status !== "Active") return false;
    const now = this.#clock.now();
    if (key.lastUse === null || now - key.lastUse.at >= LAST_USE_GRAIN)
      key.lastUse = { at: wholeSecond(now), service, region };
    return true;
  }

  readonly iam: Iam = {
    listUsers: (pathPrefix) =>
      this.#call("iam:ListUsers", `user${pathPrefix}`, () =>
        [...this.#users.values()]
          .filter((user) => user.path.startsWith(pathPrefix))
          .map(({ userName, path, arn }) => ({ userName, path, arn }))
          .toSorted((a, b) => (a.userName < b.userName ? -1 : 1)),
      ),
    getUser: (userName) =>
      this.#call("iam:GetUser", `user/${userName}`, () => (this.#users.has(userName) ? this.user(userName) : null)),
    listAccessKeys: (userName) =>
      this.#call("iam:ListAccessKeys", `user/${userName}`, () => {
        const keys = this.#users.get(userName)?.keys;
        return keys === undefined
          ? null
          : byAge(keys.map(({ accessKeyId, status, createDate }) => ({ accessKeyId, status, createDate })));
      }),
    listTags: (userName) =>
      this.#call("iam:ListUserTags", `user/${userName}`, () => {
        const tags = this.#users.get(userName)?.tags;
        return tags === undefined ? null : new Map(tags);
      }),
    lastUse: (id) =>
      this.#call("iam:GetAccessKeyLastUsed", id, () => {
        const found = this.#find(id);
        return { userName: found?.user.userName ?? null, use: found?.key.lastUse ?? null };
      }),
    hasPassword: (userName) =>
      this.#call("iam:GetLoginProfile", `user/${userName}`, () => this.#user(userName).hasPassword),
    tagUser: (userName, key, value) =>
      this.#call("iam:TagUser", `user/${userName}`, () => {
        this.#user(userName).tags.set(key, value);
      }),
    createAccessKey: (userName) =>
      this.#call("iam:CreateAccessKey", `user/${userName}`, () => {
        if (this.#user(userName).keys.length >= KEYS_PER_USER) {
          throw new CallError(
            "refused",
            "iam:CreateAccessKey",
            `user/${userName}`,
            "LimitExceeded",
            "Cannot exceed quota for AccessKeysPerUser: 2",
          );
        }
        const pair = this.addKey(userName);
        return { ...pair, createDate: wholeSecond(this.#clock.now()) };
      }),
    activate: (userName, id) =>
      this.#call("iam:UpdateAccessKey", `user/${userName}`, () => this.setStatus(id, "Active")),
    deactivate: (userName, id) =>
      this.#call("iam:UpdateAccessKey", `user/${userName}`, () => this.setStatus(id, "Inactive")),
    deleteAccessKey: (userName, id) => this.#call("iam:DeleteAccessKey", `user/${userName}`, () => this.removeKey(id)),
  };

  readonly verifier: Verifier = {
    services: ["sts"],
    signIn: ({ accessKeyId, secretAccessKey }) =>
      this.#call("sts:GetCallerIdentity", accessKeyId, () => {
        const found = this.#find(accessKeyId);
        if (found === null || found.key.secret !== secretAccessKey.reveal()) return null;
        return this.use(accessKeyId, "sts", "us-east-1") ? found.user.arn : null;
      }),
  };

  #call<T>(action: string, resource: string, effect: () => T): Promise<T> {
    return this.intercept(action, resource, effect);
  }

  #user(userName: string): SimulatedUser {
    const user = this.#users.get(userName);
    if (user === undefined)
      throw new CallError("absent", "iam:GetUser", `user/${userName}`, "NoSuchEntity", "The user cannot be found.");
    return user;
  }

  #find(id: AccessKeyId): { user: SimulatedUser; key: SimulatedKey } | null {
    for (const user of this.#users.values()) {
      const key = user.keys.find((each) => each.accessKeyId === id);
      if (key !== undefined) return { user, key };
    }
    return null;
  }
}

const freshText = (random: () => number, length: number): string =>
  Array.from({ length }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]).join("");

const wholeSecond = (at: AccessKey["createDate"]): AccessKey["createDate"] => instant(Math.floor(at / 1000) * 1000);
