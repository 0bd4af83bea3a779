import type { Command } from "commander";
import type { Io } from "./io.ts";
import {
  type AuditFlags,
  type FleetFlags,
  type LimitFlags,
  type OutputFlags,
  type SelectorFlags,
  selectorsFrom,
  type SettingFlags,
  withAudit,
  withFleet,
  withLimits,
  withSelectors,
  withSettings,
  withStream,
} from "./options.ts";

type Flags = SettingFlags &
  SelectorFlags &
  LimitFlags &
  AuditFlags &
  FleetFlags &
  OutputFlags & { dryRun?: true; report?: string };

/** `keyturn run [plan]`: the command for schedules. */
export function addRun(program: Command, io: Io, exit: (code: number) => void): void {
  withStream(withAudit(withLimits(withSettings(withSelectors(withFleet(program.command("run")))))))
    .argument("[plan]", "perform only what this plan lists, too")
    .option("--report <file>", "write the result document here as well")
    .optionsGroup("Doing it:")
    .option("--dry-run", "decide, and change nothing")
    .description(
      "Takes the next safe step for every user that was selected: makes successors, delivers them, retires predecessors, heals what a run that died left behind. Run it every hour or every day; it converges.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn run --path /ci/ --deliver ssm:/keys/{user}\n  keyturn run --all-users --deliver secretsmanager:prod/{user} --yes --format json\n  keyturn run plan.json --all-users --deliver ssm:/keys/{user} --yes\n  keyturn run --all-accounts --yes --format ndjson",
    )
    .action(async (plan: string | undefined, flags: Flags) => {
      const [{ begin }, { performRun }, { chooseSettings, limitsFor, selectOf }] = await Promise.all([
        import("./session.ts"),
        import("./perform-run.ts"),
        import("./settings.ts"),
      ]);
      const chosen = await chooseSettings(io, flags);
      if (flags.allAccounts === true) {
        const { runAll } = await import("./all-accounts.ts");
        exit(await runAll(io, flags, chosen, plan ?? null));
        return;
      }
      const selectors = selectorsFrom(flags, selectOf(chosen, flags), true);
      const invocation = await begin(io, flags, false, chosen);
      exit(
        await performRun(io, invocation, {
          ...flags,
          ...limitsFor(flags, chosen.config, invocation.session.caller.account),
          plan: plan ?? null,
          selectors,
        }),
      );
    });
}
