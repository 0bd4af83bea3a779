import type { Command } from "commander";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Io } from "./io.ts";
import {
  type AuditFlags,
  type OutputFlags,
  type SettingFlags,
  withAudit,
  withOutput,
  withSettings,
} from "./options.ts";

type Flags = SettingFlags & AuditFlags & OutputFlags & { self?: true; dryRun?: true; report?: string };

/** `keyturn rotate USER…`: now, whatever the age. */
export function addRotate(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withAudit(withSettings(program.command("rotate"))))
    .argument("[users...]", "users whose key gets a successor now")
    .option("--self", "the user whose key --profile is: the profile is switched over to the successor")
    .option("--report <file>", "write the result document here as well")
    .optionsGroup("Doing it:")
    .option("--dry-run", "decide, and change nothing")
    .description(
      "Makes a successor for each of these users now, whatever the age of the key, and delivers it. The old key is retired later, by run.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn rotate ci-bot --deliver secretsmanager:prod/{user}\n  keyturn rotate ci-bot --deliver stdout > new-key.json\n  keyturn rotate --self --profile rotator",
    )
    .action(async (users: string[], flags: Flags) => {
      const [{ begin }, { performRun }, { beginSelf }] = await Promise.all([
        import("./session.ts"),
        import("./perform-run.ts"),
        import("./switch-over.ts"),
      ]);
      if (users.length === 0 && flags.self !== true)
        throw new InvalidInput("whose key? this command needs a user", "keyturn rotate USER, or --self --profile NAME");
      const invocation = flags.self === true ? await beginSelf(io, flags, users) : await begin(io, flags, true);
      const { userName } = invocation.session.caller;
      const wanted = flags.self === true && userName !== null ? [userName] : users;
      const selectors = { users: wanted, path: null, tags: [], allowEmpty: false };
      exit(
        await performRun(io, invocation, {
          ...flags,
          plan: null,
          selectors,
          maxRotations: wanted.length,
          refuseAbove: null,
          failOn: "blocked",
        }),
      );
    });
}
