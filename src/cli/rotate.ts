import type { Command } from "commander";
import type { Io } from "./io.ts";
import {
  type AuditFlags,
  type OutputFlags,
  type SettingFlags,
  withAudit,
  withOutput,
  withSettings,
} from "./options.ts";

type Flags = SettingFlags & AuditFlags & OutputFlags & { dryRun?: true; report?: string };

/** `keyturn rotate USER…`: now, whatever the age. */
export function addRotate(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withAudit(withSettings(program.command("rotate"))))
    .argument("<users...>", "users whose key gets a successor now")
    .option("--report <file>", "write the result document here as well")
    .optionsGroup("Doing it:")
    .option("--dry-run", "decide, and change nothing")
    .description(
      "Makes a successor for each of these users now, whatever the age of the key, and delivers it. The old key is retired later, by run.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn rotate ci-bot --deliver secretsmanager:prod/{user}\n  keyturn rotate ci-bot --deliver stdout > new-key.json",
    )
    .action(async (users: string[], flags: Flags) => {
      const [{ begin }, { performRun }] = await Promise.all([import("./session.ts"), import("./perform-run.ts")]);
      const selectors = { users, path: null, tags: [], allowEmpty: false };
      const invocation = await begin(io, flags, true);
      exit(
        await performRun(io, invocation, {
          ...flags,
          plan: null,
          selectors,
          maxRotations: users.length,
          refuseAbove: null,
          failOn: "blocked",
        }),
      );
    });
}
