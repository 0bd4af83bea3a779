import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { SecretStream } from "../../src/dropins/hand-out.ts";
import { writeAll, WriteFailed } from "../../src/host/write-all.ts";
import { temporaryFolder } from "../support/cli.ts";

const secret = new Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
const line = `"ci-bot": "${secret.reveal()}",`;

describe("a document that grows on a stream", () => {
  it("has its texts in the order in which they were given, each as a whole", async () => {
    let text = "";
    const stream = new SecretStream(async (part) => {
      for (const character of part) {
        await setImmediate();
        text += character;
      }
    }, "stdout");
    await Promise.all(["{", '"a": 1,', '"b": 2', "}"].map((part) => stream.append(part)));
    expect(text).toBe('{"a": 1,"b": 2}');
  });

  it.each([
    [0, "refused"],
    [20, "refused"],
    [line.length - 3, "refused"],
    [line.length - 2, "unknown"],
  ])("that ends after %i bytes of a line says whether anybody can have the secret: %s", async (written, kind) => {
    const stream = new SecretStream(() => Promise.reject(new WriteFailed("EPIPE", written)), "stdout");
    await expect(stream.append(line, [secret])).rejects.toMatchObject({ kind, code: "EPIPE", resource: "stdout" });
  });

  it("is not written to any more after a text that failed", async () => {
    const written: string[] = [];
    const stream = new SecretStream(async (part) => {
      if (part === line) throw new WriteFailed("ENOSPC", 20);
      written.push(part);
    }, "stdout");
    await stream.append("{");
    await stream.check();
    await expect(stream.append(line, [secret])).rejects.toMatchObject({ kind: "refused", code: "ENOSPC" });
    await expect(stream.check()).rejects.toMatchObject({ kind: "refused", code: "ENOSPC" });
    await expect(stream.append("}")).rejects.toMatchObject({ kind: "refused", code: "ENOSPC" });
    expect(written).toEqual(["{"]);
  });
});

describe("writing to a file descriptor", () => {
  it("writes all of it, whatever its length and alphabet", async () => {
    const file = join(temporaryFolder(), "long");
    const descriptor = openSync(file, "w");
    const text = "ü€𝄞".repeat(100_000);
    await writeAll(descriptor, text);
    closeSync(descriptor);
    expect(readFileSync(file, "utf8") === text).toBe(true);
  });

  it("says how far it came, and why no further", async () => {
    const full = openSync("/dev/full", "w");
    await expect(writeAll(full, "text")).rejects.toMatchObject({ code: "ENOSPC", written: 0 });
    closeSync(full);
    await expect(writeAll(full, "text")).rejects.toMatchObject({ code: "EBADF", written: 0 });
  });
});
