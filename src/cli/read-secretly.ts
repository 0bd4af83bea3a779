import { EXIT, Exit } from "./exit.ts";
import type { Io } from "./io.ts";
import { readStandardInput } from "./read-input.ts";

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
  return readStandardInput(LARGEST);
}
