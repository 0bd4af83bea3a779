import { EXIT, Exit } from "./exit.ts";
import type { Io } from "./io.ts";

const LARGEST = 65_536;

/** What stands on standard input; on a terminal it is asked for, and not shown. */
export async function readSecretly(io: Pick<Io, "isInteractive">, question: string): Promise<string> {
  if (io.isInteractive) {
    const prompts = await import("@clack/prompts");
    const answer = await prompts.password({ message: `${question} (not shown)`, output: process.stderr });
    if (typeof answer !== "string") throw new Exit(EXIT.usage, "nothing was changed");
    return answer;
  }
  if (process.stdin.isTTY)
    throw new Exit(
      EXIT.usage,
      "what is typed here would be shown: nothing was changed",
      "pipe the key in, or let standard error be a terminal, too",
    );
  const chunks: Buffer[] = [];
  let size = 0;
  // Without an encoding, a stream gives buffers.
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST) throw new Exit(EXIT.usage, "standard input holds more than a key can be: nothing was changed");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
