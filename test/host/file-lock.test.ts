import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { withFileLock } from "../../src/host/file-lock.ts";
import { temporaryFolder } from "../support/cli.ts";

const newFile = () => join(temporaryFolder(), "credentials");
const locksBeside = (path: string) => readdirSync(join(path, "..")).filter((name) => name.endsWith(".lock"));

/** The monotonic clock of this process goes on by this much with every look at it. */
function hurry(milliseconds: number): void {
  let now = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => (now += milliseconds));
}

describe("the lock of a file", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("lets one in at a time, in the order in which they came, and is gone when nobody holds it", async () => {
    const path = newFile();
    const seen: string[] = [];
    const work = (name: string) => () =>
      withFileLock(path, async () => {
        seen.push(`${name} in`);
        expect(locksBeside(path)).toHaveLength(1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(`${name} out`);
      });
    await Promise.all(["a", "b", "c"].map((name) => work(name)()));
    expect(seen).toEqual(["a in", "a out", "b in", "b out", "c in", "c out"]);
    expect(locksBeside(path)).toEqual([]);
  });

  it("is given back by work that fails, which fails nobody else", async () => {
    const path = newFile();
    const first = withFileLock(path, () => Promise.reject(new Error("no")));
    const second = withFileLock(path, () => Promise.resolve("yes"));
    await expect(first).rejects.toThrow("no");
    expect(await second).toBe("yes");
    expect(locksBeside(path)).toEqual([]);
  });

  it("is lost by whoever holds it for so long that others may take it", async () => {
    const path = newFile();
    const work = withFileLock(path, async ({ mustBeHeld }) => {
      mustBeHeld();
      hurry(11_000);
      mustBeHeld();
    });
    await expect(work).rejects.toMatchObject({ name: "CallError", kind: "refused", code: "LockLost" });
    expect(locksBeside(path)).toEqual([]);
  });

  it("is not waited for without end, and a lock that may be alive is left where it is", async () => {
    const path = newFile();
    const rival = ".credentials.000000001-01234567-89abcdef-1.lock";
    writeFileSync(join(path, "..", rival), "");
    const future = new Date(Date.now() + 3_600_000);
    utimesSync(join(path, "..", rival), future, future);
    hurry(2_000);
    const work = withFileLock(path, () => Promise.resolve("in"));
    await expect(work).rejects.toMatchObject({ name: "CallError", kind: "refused", code: "Locked" });
    expect(locksBeside(path)).toEqual([rival]);
  });

  it("is not stopped by files that are no locks of this file", async () => {
    const path = newFile();
    for (const name of [".credentials.lock", ".other.000000001-01234567-89abcdef-1.lock", "credentials.lock"])
      writeFileSync(join(path, "..", name), "");
    expect(await withFileLock(path, () => Promise.resolve("in"))).toBe("in");
    expect(locksBeside(path)).toHaveLength(3);
  });
});
