import { describe, expect, it } from "vitest";
import { accessKeyId } from "../../src/core/access-key.ts";
import { Secret } from "../../src/core/secret.ts";
import { CallError, type Escrow } from "../../src/ports.ts";
import { errorOf, expectNoSecret, freshPair, freshUser } from "../destinations/contract.ts";

/** How a test reaches one kind of escrow. */
export interface EscrowBench {
  /** The escrow of an account: each time as the next run opens it. */
  open(account?: string): Escrow;
}

/** User names that IAM allows and that are hard to keep in a name of something else. */
export const ODD_NAMES = [
  "..",
  ".",
  "...",
  "a+b",
  "x_x2B_",
  "ci,bot",
  "_x",
  "_x_",
  "_",
  "a=b@c",
  "_x2E_",
  "UPPER-lower",
];

/** What every escrow must do, whichever its store. */
export function escrowContract(name: string, bench: () => EscrowBench): void {
  describe(`${name} keeps the contract:`, () => {
    it("what is put can be listed and taken, by any later run, until it is cleared", async () => {
      const [{ userName }, pair] = [freshUser(), freshPair()];
      await bench().open().check();
      await bench().open().put(userName, pair);
      expect(await bench().open().list(userName)).toEqual([{ userName, accessKeyId: pair.accessKeyId }]);
      for (let times = 0; times < 2; times += 1) {
        const taken = await bench().open().take(userName, pair.accessKeyId);
        expect(taken?.reveal()).toBe(pair.secretAccessKey.reveal());
      }
      await bench().open().clear(userName, pair.accessKeyId);
      expect(await bench().open().list(userName)).toEqual([]);
      expect(await bench().open().take(userName, pair.accessKeyId)).toBeNull();
    });

    it("what is not there is null, nothing, or done", async () => {
      const [{ userName }, pair] = [freshUser(), freshPair()];
      expect(await bench().open().take(userName, pair.accessKeyId)).toBeNull();
      expect(await bench().open().list(userName)).toEqual([]);
      await bench().open().clear(userName, pair.accessKeyId);
      await bench().open().put(userName, pair);
      await bench().open().clear(userName, freshPair().accessKeyId);
      expect(await bench().open().list(userName)).toHaveLength(1);
      await bench().open().clear(userName, pair.accessKeyId);
    });

    it("each key has an entry of its own", async () => {
      const [{ userName }, first, second] = [freshUser(), freshPair(), freshPair()];
      await bench().open().put(userName, first);
      await bench().open().put(userName, second);
      const ids = (await bench().open().list(userName)).map((entry) => entry.accessKeyId);
      expect(ids.toSorted()).toEqual([first.accessKeyId, second.accessKeyId]);
      await bench().open().clear(userName, first.accessKeyId);
      expect((await bench().open().take(userName, second.accessKeyId))?.reveal()).toBe(second.secretAccessKey.reveal());
      await bench().open().clear(userName, second.accessKeyId);
    });

    it("the same secret for a key is accepted again, another one never", async () => {
      const [{ userName }, pair] = [freshUser(), freshPair()];
      await bench().open().put(userName, pair);
      await bench().open().put(userName, pair);
      const other = new Secret(`${pair.secretAccessKey.reveal()}/other`);
      const error = await errorOf(() =>
        bench()
          .open()
          .put(userName, { ...pair, secretAccessKey: other }),
      );
      expect(error).toBeInstanceOf(CallError);
      expect(error).toMatchObject({ kind: "refused" });
      expectNoSecret(error, other.reveal(), pair.secretAccessKey.reveal());
      expect((await bench().open().take(userName, pair.accessKeyId))?.reveal()).toBe(pair.secretAccessKey.reveal());
      await bench().open().clear(userName, pair.accessKeyId);
    });

    it("a user's entries are that user's alone, whatever the names", async () => {
      const names = [...ODD_NAMES, freshUser().userName];
      const entries = names.map((userName) => ({ userName, pair: freshPair() }));
      for (const { userName, pair } of entries) await bench().open().put(userName, pair);
      for (const { userName, pair } of entries) {
        expect(await bench().open().list(userName)).toEqual([{ userName, accessKeyId: pair.accessKeyId }]);
        const taken = await bench().open().take(userName, pair.accessKeyId);
        expect(taken?.reveal()).toBe(pair.secretAccessKey.reveal());
      }
      const all = await bench().open().list();
      expect(all.filter(({ userName }) => names.includes(userName)).toSorted(byKey)).toEqual(
        entries.map(({ userName, pair: { accessKeyId: id } }) => ({ userName, accessKeyId: id })).toSorted(byKey),
      );
      for (const { userName, pair } of entries) await bench().open().clear(userName, pair.accessKeyId);
      expect(await bench().open().list()).toEqual([]);
    });

    it("entries of another account are neither listed nor taken", async () => {
      const [{ userName }, pair] = [freshUser(), freshPair()];
      await bench().open("210987654321").put(userName, pair);
      expect(await bench().open().list()).toEqual([]);
      expect(await bench().open().list(userName)).toEqual([]);
      expect(await bench().open().take(userName, pair.accessKeyId)).toBeNull();
      await bench().open().clear(userName, pair.accessKeyId);
      expect(await bench().open("210987654321").list()).toHaveLength(1);
      await bench().open("210987654321").clear(userName, pair.accessKeyId);
    });

    it("lists all entries, however many there are", async () => {
      const entries = Array.from({ length: 27 }, () => ({ ...freshUser(), pair: freshPair() }));
      for (const { userName, pair } of entries) await bench().open().put(userName, pair);
      const listed = (await bench().open().list()).map((entry) => entry.accessKeyId).toSorted();
      expect(listed).toEqual(entries.map(({ pair }) => pair.accessKeyId));
      for (const { userName, pair } of entries) await bench().open().clear(userName, pair.accessKeyId);
    });
  });
}

const byKey = (a: { readonly accessKeyId: string }, b: { readonly accessKeyId: string }): number =>
  a.accessKeyId < b.accessKeyId ? -1 : 1;

export const EXAMPLE_ID = accessKeyId("AKIAIOSFODNN7EXAMPLE");
