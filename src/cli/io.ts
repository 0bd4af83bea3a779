import { styleText } from "node:util";
import { isDiscarded } from "../host/null-device.ts";
import { writeAll, WriteFailed } from "../host/write-all.ts";
import type { Paint } from "../report/table.ts";

/** The world outside as a command sees it. */
export interface Io {
  /** Results, and nothing else. */
  readonly out: (text: string) => void;
  /** Everything that is not a result. */
  readonly err: (text: string) => void;
  /** A line of results; resolves when it has left the process, rejects with `WriteFailed` where it could not. */
  readonly print: (line: string) => Promise<void>;
  /** Somebody sits there and can answer a question. */
  readonly isInteractive: boolean;
  /** Progress may overwrite itself. */
  readonly isLive: boolean;
  readonly paint: Paint;
}

/** This process's own streams. A reader that goes away ends the output, not the run. */
export function processIo(): Io {
  const { stdout, stderr, stdin, env } = process;
  let closed = false;
  stdout.on("error", () => {
    closed = true;
  });
  stderr.on("error", () => undefined);
  const colours =
    env["NO_COLOR"] === undefined || env["NO_COLOR"] === "" ? stdout.isTTY && env["TERM"] !== "dumb" : false;
  return {
    out: (text) => {
      if (!closed) stdout.write(`${text}\n`);
    },
    err: (text) => {
      stderr.write(`${text}\n`);
    },
    print: async (line) => {
      if (isDiscarded(stdout.fd)) throw new WriteFailed("NullDevice", 0);
      await writeAll(stdout.fd, `${line}\n`);
    },
    isInteractive: stdin.isTTY && stderr.isTTY,
    isLive: stderr.isTTY && env["TERM"] !== "dumb",
    paint: (style, text) => (colours ? styleText(style, text) : text),
  };
}
