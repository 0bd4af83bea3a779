import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { accessKeyId, type KeyPair, type User } from "../../src/core/access-key.ts";
import { Secret } from "../../src/core/secret.ts";
import { openResults, type Results } from "../../src/dropins/iam-credential-rotation/results.ts";
import { temporaryFolder } from "../support/cli.ts";

/** What the disk does around the replacement of the file. */
const disk = vi.hoisted(() => {
  const nothing = (): Promise<void> => Promise.resolve();
  return { nothing, before: nothing, afterwards: nothing };
});
vi.mock(import("../../src/host/atomic-file.ts"), async (original) => {
  const files = await original();
  const replaceFile: typeof files.replaceFile = async (...words) => {
    await disk.before();
    await files.replaceFile(...words);
    await disk.afterwards();
  };
  return { ...files, replaceFile };
});
afterEach(() => {
  disk.before = disk.afterwards = disk.nothing;
});

const user = (name: string) => ({ userName: name, path: "/ci/" }) as User; // a name as a test has it
const pair = (letter: string): KeyPair => ({
  accessKeyId: accessKeyId(`AKIA${letter.repeat(16)}`),
  secretAccessKey: new Secret(letter.repeat(40)),
});
const users = ["a", "b", "c"].map(user);
const [A, B, C] = [user("a"), user("b"), user("c")];

const open = async (file: string): Promise<Results> => {
  const results = await openResults({ write: async () => undefined, isDiscarded: false, err: () => undefined }, file);
  await results.begin(users);
  return results;
};
const names = (file: string) => Object.keys(JSON.parse(readFileSync(file, "utf8")) as object);
const fails = (): Promise<void> => Promise.reject(Object.assign(new Error("as if"), { code: "EIO" }));

describe("the file of iam-credential-rotation", () => {
  it("keeps what another run put there meanwhile: its secret is nowhere else", async () => {
    const file = join(temporaryFolder(), "keys.json");
    const [one, other] = [await open(file), await open(file)];
    await one.give(A, pair("A"));
    await other.give(B, pair("B"));
    await one.give(C, pair("C"));
    await Promise.all([one.end(), other.end()]);
    expect(names(file)).toEqual(["a", "b", "c"]);
  });

  it("keeps both where two runs write at the same time", async () => {
    const file = join(temporaryFolder(), "keys.json");
    const [one, other] = [await open(file), await open(file)];
    await Promise.all([one.give(A, pair("A")), other.give(B, pair("B")), one.give(C, pair("C"))]);
    expect(names(file)).toEqual(["a", "b", "c"]);
  });

  it("of which it is not sure that it would survive a power cut keeps its key", async () => {
    const file = join(temporaryFolder(), "keys.json");
    const results = await open(file);
    disk.afterwards = fails;
    await expect(results.give(A, pair("A"))).rejects.toMatchObject({ kind: "unknown", code: "EIO" });
    disk.afterwards = disk.nothing;
    await results.give(B, pair("B"));
    expect([results.hasGiven(A), names(file)]).toEqual([true, ["a", "b"]]);
  });

  it("that was not replaced has given nothing, and keeps what stood there", async () => {
    const file = join(temporaryFolder(), "keys.json");
    const earlier = await open(file);
    await earlier.give(A, pair("A"));
    const results = await open(file);
    disk.before = fails;
    await expect(results.give(A, pair("B"))).rejects.toMatchObject({ kind: "refused", code: "EIO" });
    disk.before = disk.nothing;
    await results.give(B, pair("C"));
    expect(results.hasGiven(A)).toBe(false);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ a: { AccessKeyId: pair("A").accessKeyId } });
  });
});
