import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { writeAll } from "../../src/host/write-all.ts";
import { temporaryFolder } from "../support/cli.ts";

/** What the disk says when it is to make sure. */
const fsync = vi.hoisted(() => vi.fn<(descriptor: number, done: (error: Error | null) => void) => void>());
vi.mock(import("node:fs"), async (original) => ({ ...(await original()), fsync: fsync as never })); // only this form of it is called

async function write(failure: string | null): Promise<string> {
  const error = failure === null ? null : Object.assign(new Error(failure), { code: failure });
  fsync.mockImplementation((_, done) => done(error));
  const file = join(temporaryFolder(), "out");
  const descriptor = openSync(file, "w");
  await writeAll(descriptor, "text").finally(() => closeSync(descriptor));
  return readFileSync(file, "utf8");
}

describe("a text that is written to a descriptor", () => {
  it.each([null, "EINVAL", "ENOTSUP"])(
    "counts as written, also where there is nothing to flush: %s",
    async (failure) => {
      expect(await write(failure)).toBe("text");
      expect(fsync).toHaveBeenCalled();
    },
  );

  it.each(["EIO", "ENOSPC"])("does not count as written where the disk turns it down later: %s", async (failure) => {
    await expect(write(failure)).rejects.toMatchObject({ name: "WriteFailed", code: failure, written: 4 });
  });
});
