import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import {
  type LimitFlags,
  type OutputFlags,
  type SelectorFlags,
  selectorsFrom,
  type SettingFlags,
  withLimits,
  withOutput,
  withSelectors,
  withSettings,
} from "./options.ts";

type Flags = SettingFlags & SelectorFlags & LimitFlags & OutputFlags & { out?: string; detailedExitcode?: true };

/** `keyturn plan`: what `run` would do, by the same code. */
export function addPlan(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withLimits(withSettings(withSelectors(program.command("plan")))))
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
        { chooseSettings, limitsFor },
        { showSeen },
      ] = await Promise.all([
        import("./session.ts"),
        import("../report/document.ts"),
        import("../report/text.ts"),
        import("./result-file.ts"),
        import("./next-commands.ts"),
        import("./outcome.ts"),
        import("./settings.ts"),
        import("./progress.ts"),
      ]);
      const chosen = await chooseSettings(io, flags);
      const selectors = selectorsFrom({ ...flags, allowEmpty: true }, chosen.config?.select ?? null, false);
      const invocation = await begin(io, flags, false, chosen);
      const { maxRotations, failOn } = limitsFor(flags, chosen.config);
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
      };
      const reports = await session.run(await session.users(selectors), look, () => undefined, false);
      const plan = JSON.stringify(
        document(headOf(invocation, "keyturn/plan/v1"), { settings: session.fingerprint }, reports),
        null,
        2,
      );
      if (flags.out !== undefined) await writeResult(flags.out, plan);
      const changes = reports.some((report) => report.outcome === "due");
      exit(
        flags.detailedExitcode === true && changes && !reports.some((report) => report.outcome === "failed")
          ? EXIT.changes
          : exitFor(reports, failOn),
      );
      if (flags.format === "json") {
        io.out(plan);
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
