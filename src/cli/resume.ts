import type { Command } from "commander";
import type { ByHandFlags } from "./by-hand.ts";
import type { Io } from "./io.ts";
import { withAudit, withOutput, withSettings } from "./options.ts";

/** `keyturn resume USER`: ends a hold. */
export function addResume(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withAudit(withSettings(program.command("resume"))))
    .argument("<user>", "whose hold ends")
    .description("Ends a hold: the next run goes on with the user from where it stands.")
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn resume ci-bot\n  keyturn resume ci-bot --yes && keyturn status ci-bot",
    )
    .action(async (userName: string, flags: ByHandFlags) => {
      const [{ doByHand }, { release }] = await Promise.all([import("./by-hand.ts"), import("../compose.ts")]);
      await doByHand(io, exit, flags, "resume", userName, async (session) => ({
        facts: [],
        question: `End the hold of ${userName}?`,
        perform: (_, user, journal) => session.byHand(user, "resume", journal, release),
        tell: (wasHeld) => ({
          lines: [wasHeld ? `${userName} is not on hold any more` : `${userName} was not on hold`],
          fields: { wasHeld },
        }),
      }));
    });
}
