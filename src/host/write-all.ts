import { fsync, write } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

/** A text that could not be written as a whole. `written` = how many bytes of it have left this process; `code` such as `EPIPE`. */
export class WriteFailed extends Error {
  readonly written: number;
  readonly code: string;

  constructor(code: string, written: number) {
    super(`${code} after ${written} bytes`);
    this.name = "WriteFailed";
    this.code = code;
    this.written = written;
  }
}

/** A full pipe whose reader is slow is asked again after this long. */
const PATIENCE_MS = 5;

/**
 * Writes a text to a file descriptor and resolves when the operating system has taken all of it, and has it on disk where it is
 * a file. Streams of Node's tell only that a write failed; whoever hands out a secret must know whether it had begun.
 * Throws {@link WriteFailed}.
 */
export async function writeAll(descriptor: number, text: string): Promise<void> {
  const bytes = Buffer.from(text, "utf8");
  for (let written = 0; written < bytes.length;) {
    const result = await writeSome(descriptor, bytes.subarray(written));
    if (typeof result === "number") written += result;
    else if (result === "EAGAIN") await wait(PATIENCE_MS);
    else throw new WriteFailed(result, written);
  }
  const failure = await flush(descriptor);
  if (failure !== null && !NOTHING_TO_FLUSH.includes(failure)) throw new WriteFailed(failure, bytes.length);
}

/** What the operating system answers for pipes, terminals and sockets. */
const NOTHING_TO_FLUSH: readonly string[] = ["EINVAL", "ENOTSUP", "EROFS", "EPERM"];

/** The code of the error; null where all is well. A full disk may be found out only here. */
const flush = (descriptor: number): Promise<string | null> =>
  new Promise((resolve) => {
    fsync(descriptor, (error) => resolve(error === null ? null : codeOf(error)));
  });

/** How many bytes were taken, or the code of the error. */
const writeSome = (descriptor: number, bytes: Buffer): Promise<number | string> =>
  new Promise((resolve) => {
    write(descriptor, bytes, 0, bytes.length, null, (error, taken) => resolve(error === null ? taken : codeOf(error)));
  });

const codeOf = (error: NodeJS.ErrnoException): string => error.code ?? "Error";
