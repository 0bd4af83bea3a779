import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import { type OutputFlags, type SettingFlags, withOutput, withSettings } from "./options.ts";

type Flags = SettingFlags & OutputFlags & { audit?: string };

/** `keyturn status USER`: the story so far, and how it goes on. */
export function addStatus(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withSettings(program.command("status")))
    .argument("<user>", "whose story it is")
    .option("--audit <file>", "tell the story from this audit (default: keyturn/audit.jsonl in the state folder)")
    .description(
      "Tells one user's story so far, from its record, its keys, its destinations and the audit of this machine; what happens next, and when; and what to type where it is stuck. Changes nothing.",
    )
    .addHelpText("after", "\nExamples:\n  keyturn status ci-bot\n  keyturn status ci-bot --deliver ssm:/keys/{user}")
    .action(async (userName: string, flags: Flags) => {
      const [{ begin, headOf }, { statusDocument, statusText }, { readStory }, { seenLine }] = await Promise.all([
        import("./session.ts"),
        import("../report/status.ts"),
        import("./story.ts"),
        import("../report/seen.ts"),
      ]);
      const invocation = await begin(io, flags);
      const { session } = invocation;
      const [user] = await session.users({ users: [userName], path: null, tags: [], allowEmpty: false });
      if (user === undefined) throw new Error("a selector by name gave nobody");
      const { seen, decision } = await session.examine(user);
      if (flags.verbose === true) io.err(seenLine(seen, decision));
      const story = await readStory(flags.audit, invocation.config?.audit ?? null, session.caller.account, userName);
      exit(decision.standing === "unknown" ? EXIT.failed : EXIT.ok);
      const head = headOf(invocation, "keyturn/status/v1");
      io.out(
        flags.format === "json"
          ? JSON.stringify(statusDocument(head, seen, decision, story), null, 2)
          : statusText(seen, decision, story, {
              account: head.account,
              listing: null,
              now: head.endedAt,
              paint: io.paint,
              flags: invocation.flags,
            }),
      );
    });
}
