import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import {
  type FleetFlags,
  type LimitFlags,
  type OutputFlags,
  type SelectorFlags,
  selectorsFrom,
  type SettingFlags,
  withFleet,
  withLimits,
  withSelectors,
  withSettings,
  withStream,
} from "./options.ts";

type Flags = SettingFlags &
  SelectorFlags &
  LimitFlags &
  FleetFlags &
  OutputFlags & { out?: string; detailedExitcode?: true };

/** `keyturn plan`: what `run` would do, by the same code. */
export function addPlan(program: Command, io: Io, exit: (code: number) => void): void {
  withStream(withLimits(withSettings(withSelectors(withFleet(program.command("plan"))))))
    .option("--out <file>", "write the plan here, for keyturn run FILE")
    .option("--detailed-exitcode", "exit 4 where there is something to do")
    .description(
      "Shows what run would do, and why, and what stands in the way. Decides by the same code as run. Changes nothing.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn plan --deliver ssm:/keys/{user}\n  keyturn plan --path /ci/ --deliver ssm:/keys/{user} --out plan.json && keyturn run plan.json --path /ci/ --deliver ssm:/keys/{user}",
    )
    .action(async (flags: Flags) => {
      const [
        { begin, headOf },
        { document },
        { planText },
        { writeResult },
        { nextCommands },
        { exitFor },
        { selectOf, chooseSettings, limitsFor },
        { showProgress, showSeen },
        { accountLines },
      ] = await Promise.all([
        import("./session.ts"),
        import("../report/document.ts"),
        import("../report/text.ts"),
        import("./result-file.ts"),
        import("./next-commands.ts"),
        import("./outcome.ts"),
        import("./settings.ts"),
        import("./progress.ts"),
        import("../report/accounts.ts"),
      ]);
      const chosen = await chooseSettings(io, flags);
      if (flags.allAccounts === true) {
        const { planAll } = await import("./all-accounts.ts");
        exit(await planAll(io, flags, chosen));
        return;
      }
      const selectors = selectorsFrom({ ...flags, allowEmpty: true }, selectOf(chosen, flags), false);
      const invocation = await begin(io, flags, false, chosen);
      const { maxRotations, failOn } = limitsFor(flags, chosen.config, invocation.session.caller.account);
      const { session } = invocation;
      const limits = {
        maxRotations,
        refuseAbovePercent: null,
        planned: null,
        onlyLook: true,
      };
      const look = {
        limits,
        approve: async () => undefined,
        signal: new AbortController().signal,
        ...showSeen(io, flags.verbose === true),
        onRead: showProgress(io, session.clock, "users read"),
      };
      const reports = await session.run(await session.users(selectors), look, () => undefined, false);
      const head = headOf(invocation, "keyturn/plan/v1");
      const special = { settings: session.fingerprint };
      const plan = JSON.stringify(document(head, special, reports), null, 2);
      if (flags.out !== undefined) await writeResult(flags.out, plan);
      const changes = reports.some((report) => report.outcome === "due");
      exit(
        flags.detailedExitcode === true && changes && !reports.some((report) => report.outcome === "failed")
          ? EXIT.changes
          : exitFor(reports, failOn),
      );
      if (flags.format !== "table") {
        io.out(flags.format === "json" ? plan : accountLines(head, "plan", special, reports));
        return;
      }
      const { account } = session.caller;
      io.out(
        planText(reports, maxRotations, session.maxAgeOf, {
          account,
          listing: session.listingSource,
          now: session.clock.now(),
          paint: io.paint,
          flags: invocation.flags,
        }),
      );
      if (flags.out === undefined) io.out(nextCommands(reports, flags, invocation, io.paint));
    });
}
