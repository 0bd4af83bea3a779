import { describe, expect, it } from "vitest";
import { accessKeyId } from "../../src/core/access-key.ts";
import { days, instant } from "../../src/core/time.ts";
import { type LedgerEntry, parseLedgerEntry, printLedgerEntry } from "../../src/core/owner-ledger.ts";
import type { OwnerLedger } from "../../src/ports.ts";
import { freshUser } from "../destinations/contract.ts";
import { ODD_NAMES } from "../escrow/contract.ts";

/** How a test reaches one kind of ledger: the ledger of an account, each time as the next run opens it. */
export type OpenLedger = (account?: string) => OwnerLedger;

const entry = (address: string): LedgerEntry => ({
  address,
  pending: { address: "next@example.com", announced: instant(Date.UTC(2026, 0, 5)) },
  keys: new Map([
    [accessKeyId("AKIAIOSFODNN7EXAMPLE"), { status: "Active", warned: [days(14), days(7)], reminded: null }],
  ]),
});

/** What every ledger must do, whichever its store. */
export function ledgerContract(name: string, open: OpenLedger): void {
  describe(`${name} keeps the contract:`, () => {
    it("what was never written is null", async () => {
      expect(await open().read(freshUser().userName)).toBeNull();
    });

    it("the last text that was written stands, for any later run", async () => {
      const { userName } = freshUser();
      for (const address of ["a@example.com", "b@example.com"]) {
        await open().write(userName, printLedgerEntry(entry(address)));
        expect(parseLedgerEntry((await open().read(userName)) ?? "")).toEqual(entry(address));
      }
    });

    it("a text as long as any is kept as it is", async () => {
      const [{ userName }, text] = [freshUser(), `{"${"x~".repeat(1996)}": {}}`];
      await open().write(userName, text);
      expect(await open().read(userName)).toBe(text);
    });

    it("a user's text is that user's alone, whatever the names, and all are found at once", async () => {
      const names = [
        ...ODD_NAMES,
        ".x.0123456789ab.tmp",
        "x.json",
        ...Array.from({ length: 12 }, () => freshUser().userName),
      ];
      for (const userName of names) await open().write(userName, `of ${userName}`);
      const all = await open().readAll();
      for (const userName of names) {
        expect(all.get(userName)).toBe(`of ${userName}`);
        expect(await open().read(userName)).toBe(`of ${userName}`);
      }
    });

    it("another account's texts are neither read nor listed", async () => {
      const { userName } = freshUser();
      await open("210987654321").write(userName, "theirs");
      expect(await open().read(userName)).toBeNull();
      expect((await open().readAll()).has(userName)).toBe(false);
      expect([...(await open("210987654321").readAll())]).toEqual([[userName, "theirs"]]);
    });
  });
}
