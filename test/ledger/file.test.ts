import { lstatSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseTarget } from "../../src/core/target.ts";
import { file } from "../../src/ledger/file.ts";
import { CallError } from "../../src/ports.ts";
import { errorOf } from "../destinations/contract.ts";
import { ACCOUNT, CALLER, openHost } from "../destinations/host.ts";
import { temporaryFolder } from "../support/cli.ts";
import { ledgerContract } from "./contract.ts";

const root = temporaryFolder();
const { access } = await openHost();
const open = (folder: string, account = ACCOUNT) =>
  file.parse(parseTarget(`file:${folder}`)).open(access, { ...CALLER, account });
const ownFolder = () => mkdtempSync(join(root, "own-"));

const shared = ownFolder();
ledgerContract("a folder as ledger", (account) => open(shared, account));

describe("a folder as ledger", () => {
  it("has files that only their owner reads, and needs no AWS permission", async () => {
    const own = ownFolder();
    await open(own).write("..", "text");
    expect(readdirSync(join(own, ACCOUNT))).toEqual(["_x2E_..json"]);
    expect((lstatSync(join(own, ACCOUNT, "_x2E_..json")).mode & 0o777).toString(8)).toBe("600");
    expect(file.parse(parseTarget("file")).permissions(CALLER, "eu-west-1")).toEqual([]);
  });

  it("passes over what a killed process left, and over other files", async () => {
    const own = ownFolder();
    mkdirSync(join(own, ACCOUNT));
    for (const name of [".ci.json.0123456789ab.tmp", "notes.txt", "_xZZ_.json"])
      writeFileSync(join(own, ACCOUNT, name), "");
    expect([...(await open(own).readAll())]).toEqual([]);
  });

  it("does not take an entry that it cannot read for none", async () => {
    const own = ownFolder();
    mkdirSync(join(own, ACCOUNT));
    symlinkSync("/nowhere", join(own, ACCOUNT, "ci.json"));
    for (const read of [() => open(own).read("ci"), () => open(own).readAll()]) {
      const error = await errorOf(read);
      expect(error).toBeInstanceOf(CallError);
      expect(error).toMatchObject({ kind: "refused", code: "NotAFile" });
    }
  });
});
