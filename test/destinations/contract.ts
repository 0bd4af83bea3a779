import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { type AccessKeyId, accessKeyId, type KeyPair, type User } from "../../src/core/access-key.ts";
import { Secret } from "../../src/core/secret.ts";
import { CallError, type Destination } from "../../src/ports.ts";

/** What a consumer holds after it has read. */
export interface Seen {
  readonly accessKeyId: string | null;
  readonly secretAccessKey: string | null;
}

/** How a test reaches one kind of destination. */
export interface Bench {
  /** The user's destination. Opened twice it belongs to two runs: neither knows what the other one saw. */
  open(user: User): Destination;
  /** What a consumer reads, by other means than the destination's own; null where there is nothing. */
  consume(user: User): Promise<Seen | null>;
  /** Everything that is stored for the user, with versions and dates. */
  stored(user: User): Promise<unknown>;
  /** A minute goes by on the store's clock. */
  passAMinute(): Promise<void>;
  /** Where the document can hold fields that are not keyturn's: reads and writes it by hand. */
  readonly document?: {
    put(user: User, fields: Readonly<Record<string, string>>): Promise<void>;
    get(user: User): Promise<Readonly<Record<string, unknown>>>;
  };
  /** From now on each write of the user's fails in this way; null ends it. */
  fail(user: User, failure: string | null): Promise<void>;
}

/** What the kind can do. */
export interface Traits {
  /** False for a destination that is write-only. */
  readonly readable: boolean;
  /** Knows which key it served before. */
  readonly remembers: boolean;
  /** Has a stage that no consumer reads. */
  readonly stages: boolean;
  /** Keeps the key in a document beside other fields. */
  readonly hasDocument: boolean;
  /** The ways in which a write can fail: with an error that quotes what was written, where the store can do that. */
  readonly failures: readonly string[];
}

let users = 0;
let pairs = 0;

/** An IAM user that no test has had before. */
export function freshUser(): User {
  users += 1;
  return userNamed(`user-${users}`);
}

export const userNamed = (userName: string, path = "/"): User => ({
  userName,
  path,
  arn: `arn:aws:iam::123456789012:user${path}${userName}`,
});

/** A key that no test has had before. Its secret has the characters that encodings change. */
export function freshPair(): KeyPair {
  pairs += 1;
  const number = String(pairs).padStart(5, "0");
  return {
    accessKeyId: accessKeyId(`AKIATESTKEYTURN${number}`),
    secretAccessKey: new Secret(`wJal+rXUtnFEMI/K7MDENG/bPxRfiCY+KEY${number}`),
  };
}

export const seenOf = ({ accessKeyId: id, secretAccessKey }: KeyPair): Seen => ({
  accessKeyId: id,
  secretAccessKey: secretAccessKey.reveal(),
});

/** Looks whenever this process has nothing else to do, until the function that is returned is called. */
export function everyTurn(look: () => void): () => void {
  let next = setImmediate(function again() {
    look();
    next = setImmediate(again);
  });
  return () => clearImmediate(next);
}

/** The error that a promise rejects with; fails where it does not. */
export async function errorOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error("it did not fail");
}

/** A secret as it may stand in somebody's message. */
export function formsOf(secret: string): readonly string[] {
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll("/", "\\/"),
    encodeURIComponent(secret),
    Buffer.from(secret).toString("base64"),
    Buffer.from(secret).toString("base64url"),
    Buffer.from(secret).toString("hex"),
  ];
}

/** Fails where an error shows one of the secrets, however it is printed. */
export function expectNoSecret(error: unknown, ...secrets: readonly string[]): void {
  const printed = [
    String(error),
    error instanceof Error ? `${error.message} ${error.stack} ${String(error.cause)}` : "",
    JSON.stringify(error),
    JSON.stringify(error, Object.getOwnPropertyNames(error)),
    inspect(error, { depth: 20, showHidden: true }),
  ].join("\n");
  for (const form of secrets.flatMap(formsOf)) expect(printed).not.toContain(form);
}

/** What every destination must do, whichever its store. `bench` is asked for anew in each test. */
export function destinationContract(name: string, traits: Traits, bench: () => Bench): void {
  describe(`${name} keeps the contract:`, () => {
    it("a delivered key is what a consumer gets, secret included", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await bench().open(user).deliver(pair);
      expect(await bench().consume(user)).toEqual(seenOf(pair));
    });

    it("a second key takes the place of the first", async () => {
      const [user, first, second] = [freshUser(), freshPair(), freshPair()];
      await bench().open(user).deliver(first);
      await bench().open(user).deliver(second);
      expect(await bench().consume(user)).toEqual(seenOf(second));
    });

    it("a key delivered twice is served as if it had been delivered once", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      const destination = bench().open(user);
      await destination.deliver(pair);
      await destination.deliver(pair);
      await bench().open(user).deliver(pair);
      expect(await bench().consume(user)).toEqual(seenOf(pair));
    });

    it("the deliveries of one user do not touch another's", async () => {
      const [one, other, first, second] = [freshUser(), freshUser(), freshPair(), freshPair()];
      await bench().open(one).deliver(first);
      const before = await bench().stored(one);
      await bench().open(other).deliver(second);
      expect(await bench().stored(one)).toEqual(before);
    });

    it("check passes on a fresh target and on one that was delivered to, and changes neither", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      const before = await bench().stored(user);
      await bench().open(user).check();
      expect(await bench().stored(user)).toEqual(before);
      await bench().open(user).deliver(pair);
      const delivered = await bench().stored(user);
      await bench().open(user).check();
      expect(await bench().stored(user)).toEqual(delivered);
    });

    it("the label is the same for every run, before and after a delivery", async () => {
      const user = freshUser();
      const destination = bench().open(user);
      const { label } = destination;
      expect(bench().open(user).label).toBe(label);
      await destination.deliver(freshPair());
      expect([destination.label, bench().open(user).label]).toEqual([label, label]);
    });

    if (traits.readable) describeReading(bench);
    if (traits.remembers) describeMemory(bench);
    if (traits.stages) describeStages(bench);
    if (traits.hasDocument) describeDocument(bench);
    describeFailures(traits, bench);
  });
}

function describeReading(bench: () => Bench): void {
  it("a fresh target serves no key, and never did", async () => {
    const destination = bench().open(freshUser());
    expect(await destination.read?.()).toEqual({ accessKeyId: null, writtenAt: null });
    expect(await destination.readPast?.()).toEqual({ pending: null, history: [] });
    expect(await destination.readSecret?.(freshPair().accessKeyId)).toBeNull();
  });

  it("the id of a delivered key is read back, by the same run and by the next", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    const destination = bench().open(user);
    for (const pair of [first, second]) {
      await destination.deliver(pair);
      expect((await destination.read?.())?.accessKeyId).toBe(pair.accessKeyId);
      expect((await bench().open(user).read?.())?.accessKeyId).toBe(pair.accessKeyId);
      expect((await bench().open(user).readPast?.())?.pending).toBeNull();
    }
  });

  it("the secret of the served key can be read, and of no other", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    await bench().open(user).deliver(first);
    await bench().open(user).deliver(second);
    expect(await secretIn(bench().open(user), second.accessKeyId)).toBe(second.secretAccessKey.reveal());
    expect(await secretIn(bench().open(user), freshPair().accessKeyId)).toBeNull();
    expect(await secretIn(bench().open(user), first.accessKeyId)).toBeNull();
  });

  it("the date of the value moves forward with a delivery", async () => {
    const user = freshUser();
    await bench().open(user).deliver(freshPair());
    const first = (await bench().open(user).read?.())?.writtenAt ?? 0;
    expect(first).toBeGreaterThan(0);
    await bench().passAMinute();
    await bench().open(user).deliver(freshPair());
    const second = (await bench().open(user).read?.())?.writtenAt ?? 0;
    expect(second - first).toBeGreaterThanOrEqual(59_000);
    expect(second - first).toBeLessThan(120_000);
  });
}

function describeMemory(bench: () => Bench): void {
  it("the history names the key that was served before", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    await bench().open(user).deliver(first);
    expect((await bench().open(user).readPast?.())?.history).not.toContain(second.accessKeyId);
    await bench().open(user).deliver(second);
    expect(await bench().open(user).readPast?.()).toMatchObject({ pending: null });
    expect((await bench().open(user).readPast?.())?.history).toContain(first.accessKeyId);
  });

  it("the key that was served before can be served again", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    await bench().open(user).deliver(first);
    await bench().open(user).deliver(second);
    const destination = bench().open(user);
    if (destination.recall === undefined) return;
    const recalled = await destination.recall(first.accessKeyId);
    expect(recalled?.reveal()).toBe(first.secretAccessKey.reveal());
    expect(await destination.recall(freshPair().accessKeyId)).toBeNull();
    await destination.deliver(first);
    expect((await bench().open(user).read?.())?.accessKeyId).toBe(first.accessKeyId);
  });

  it("a repeated delivery does not drive the older key out of the history", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    for (const pair of [first, second, second, second]) await bench().open(user).deliver(pair);
    expect((await bench().open(user).readPast?.())?.history).toContain(first.accessKeyId);
  });
}

function describeStages(bench: () => Bench): void {
  it("a staged key is pending, and a consumer still gets the key before it", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    await bench().open(user).deliver(first);
    const destination = bench().open(user);
    await destination.stage?.(second);
    expect(await bench().consume(user)).toEqual(seenOf(first));
    for (const each of [destination, bench().open(user)]) {
      expect((await each.read?.())?.accessKeyId).toBe(first.accessKeyId);
      expect((await each.readPast?.())?.pending).toBe(second.accessKeyId);
    }
  });

  it("on a fresh target a consumer gets no staged key either", async () => {
    const [user, pair] = [freshUser(), freshPair()];
    await bench().open(user).stage?.(pair);
    expect((await bench().consume(user))?.secretAccessKey ?? null).toBeNull();
    expect((await bench().open(user).read?.())?.accessKeyId).toBeNull();
    expect((await bench().open(user).readPast?.())?.pending).toBe(pair.accessKeyId);
  });

  it("the secret of a staged key can be read, and of the served one beside it", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    await bench().open(user).deliver(first);
    await bench().open(user).stage?.(second);
    expect(await secretIn(bench().open(user), second.accessKeyId)).toBe(second.secretAccessKey.reveal());
    expect(await secretIn(bench().open(user), first.accessKeyId)).toBe(first.secretAccessKey.reveal());
    expect(await secretIn(bench().open(user), freshPair().accessKeyId)).toBeNull();
  });

  it("an unstaged key is pending no more, and what is served stays", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    const destination = bench().open(user);
    await destination.deliver(first);
    await destination.stage?.(second);
    await destination.unstage?.(freshPair().accessKeyId);
    expect((await bench().open(user).readPast?.())?.pending).toBe(second.accessKeyId);
    await destination.unstage?.(second.accessKeyId);
    await destination.unstage?.(second.accessKeyId);
    for (const each of [destination, bench().open(user)]) {
      expect((await each.readPast?.())?.pending).toBeNull();
      expect(await secretIn(each, second.accessKeyId)).toBeNull();
    }
    expect(await bench().consume(user)).toEqual(seenOf(first));
  });

  it("a staged key is promoted by its delivery, in the same run or in a later one", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    const destination = bench().open(user);
    await destination.stage?.(first);
    await destination.deliver(first);
    expect(await bench().consume(user)).toEqual(seenOf(first));
    await bench().open(user).stage?.(second);
    await bench().open(user).deliver(second);
    expect(await bench().consume(user)).toEqual(seenOf(second));
    expect((await bench().open(user).readPast?.())?.pending).toBeNull();
  });

  it("another key can be staged after one that was never delivered", async () => {
    const [user, first, lost, second] = [freshUser(), freshPair(), freshPair(), freshPair()];
    await bench().open(user).deliver(first);
    await bench().open(user).stage?.(lost);
    await bench().open(user).stage?.(second);
    expect((await bench().open(user).readPast?.())?.pending).toBe(second.accessKeyId);
    await bench().open(user).deliver(second);
    expect(await bench().consume(user)).toEqual(seenOf(second));
  });
}

function describeDocument(bench: () => Bench): void {
  it("other fields of the stored document survive a delivery", async () => {
    const { document } = bench();
    if (document === undefined) throw new Error("the bench has no document");
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    const others = { bucket: "reports", note: "{}=#'\" ü" };
    await document.put(user, others);
    await bench().open(user).deliver(first);
    expect(await document.get(user)).toMatchObject(others);
    await bench().open(user).deliver(second);
    expect(await document.get(user)).toMatchObject(others);
    expect(await bench().consume(user)).toEqual(seenOf(second));
  });
}

function describeFailures({ failures, readable, stages }: Traits, bench: () => Bench): void {
  it.each(failures)("no secret shows in the error of a store that fails: %s", async (failure) => {
    const [user, before, pair] = [freshUser(), freshPair(), freshPair()];
    await bench().open(user).deliver(before);
    await bench().fail(user, failure);
    const destination = bench().open(user);
    const errors = [await errorOf(() => destination.deliver(pair))];
    if (stages) errors.push(await errorOf(async () => destination.stage?.(pair)));
    await bench().fail(user, null);
    for (const error of errors) {
      expect(error).toBeInstanceOf(CallError);
      expectNoSecret(error, pair.secretAccessKey.reveal(), before.secretAccessKey.reveal());
    }
  });

  it.each(failures.slice(0, 1))("a delivery that failed can be repeated by the same run: %s", async (failure) => {
    const [user, before, pair] = [freshUser(), freshPair(), freshPair()];
    const destination = bench().open(user);
    await destination.deliver(before);
    await bench().fail(user, failure);
    await errorOf(() => destination.deliver(pair));
    if (readable) expect((await destination.read?.())?.accessKeyId).toBe(before.accessKeyId);
    expect(await bench().consume(user)).toEqual(seenOf(before));
    await bench().fail(user, null);
    await destination.deliver(pair);
    expect(await bench().consume(user)).toEqual(seenOf(pair));
  });
}

/** The revealed secret of a key; null where the destination has not got it. */
export async function secretIn(destination: Destination, id: AccessKeyId): Promise<string | null> {
  return (await destination.readSecret?.(id))?.reveal() ?? null;
}
