import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import { wholeNumber } from "./options.ts";

interface Flags {
  readonly seed: number;
  readonly days: number;
  readonly out: string;
}

/** `keyturn demo`: half a year in a simulated account. */
export function addDemo(program: Command, io: Io, exit: (code: number) => void): void {
  program
    .command("demo")
    .option("--seed <number>", "another seed gives other key ids", wholeNumber(0), 1)
    .option("--days <number>", "how long the story goes on", wholeNumber(1), 182)
    .option("--out <folder>", "where the delivered keys are left", "keyturn-demo")
    .description(
      "Runs the real engine over a simulated AWS account with a small company in it, half a year in a few seconds: rotations, retirements, a crash that heals, a user that needs a person. Needs no AWS account and no network.",
    )
    .addHelpText("after", "\nExamples:\n  keyturn demo\n  keyturn demo --days 30 --out /tmp/keyturn-demo")
    .action(async (flags: Flags) => {
      const { tellStory } = await import("./demo-story.ts");
      const { refused } = await tellStory(io, flags);
      exit(refused === 0 ? EXIT.ok : EXIT.brokenInvariant);
    });
}
