import type { Command } from "commander";
import { InvalidInput } from "../core/invalid-input.ts";
import { formatInstant, type Instant, later, parseDuration } from "../core/time.ts";
import { parseMoment } from "../core/window.ts";
import type { ByHandFlags } from "./by-hand.ts";
import type { Io } from "./io.ts";
import { withAudit, withOutput, withSettings } from "./options.ts";

type Flags = ByHandFlags & { until?: string };

/** `keyturn hold USER`: runs leave the user alone. */
export function addHold(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withAudit(withSettings(program.command("hold"))))
    .argument("<user>", "whom runs leave alone")
    .option(
      "--until <date>",
      "a date, a moment with its offset, or a time from now such as 14d (default: until resume)",
    )
    .description(
      "Puts a user on hold: no run makes, delivers, deactivates or deletes a key of it, and rotate does not either. What a person does to it with retire, rollback and adopt is still done, and leaves the hold as it is.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn hold ci-bot --until 2026-12-24\n  keyturn hold ci-bot --until 14d --yes",
    )
    .action(async (userName: string, flags: Flags) => {
      const [{ doByHand }, { hold }] = await Promise.all([import("./by-hand.ts"), import("../compose.ts")]);
      await doByHand(io, exit, flags, "hold", userName, async (session) => {
        const until = flags.until === undefined ? "open" : endOf(flags.until, session.clock.now());
        const when = until === "open" ? "until somebody resumes it" : `until ${formatInstant(until)}`;
        return {
          facts: [],
          question: `Put ${userName} on hold ${when}?`,
          perform: (_, user, journal) => session.byHand(user, "hold", journal, (turn, seen) => hold(turn, seen, until)),
          tell: () => ({
            lines: [`${userName} is on hold ${when}`],
            fields: { until: until === "open" ? null : formatInstant(until) },
          }),
        };
      });
    });
}

/** The record keeps whole seconds. */
function endOf(text: string, now: Instant): Instant {
  const end = /^\d{4}-/.test(text) ? parseMoment(text) : later(now, parseDuration(text));
  if (end <= now)
    throw new InvalidInput(`--until ${text} is over already`, "name a moment to come, or leave --until out");
  return end;
}
