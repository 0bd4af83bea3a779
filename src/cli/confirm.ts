import { EXIT, Exit } from "./exit.ts";
import type { Io } from "./io.ts";

/** Asks on a terminal. Anywhere else there is nobody to ask: refused at once, never a silent hang. */
export async function confirm(io: Io, question: string): Promise<void> {
  if (!io.isInteractive)
    throw new Exit(
      EXIT.usage,
      "this would change something, and there is no terminal to ask on: nothing was changed",
      "add --yes",
    );
  const prompts = await import("@clack/prompts");
  const answer = await prompts.confirm({ message: question, initialValue: false, output: process.stderr });
  if (answer !== true) throw new Exit(EXIT.usage, "nothing was changed");
}
