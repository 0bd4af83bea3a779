import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import {
  type FleetFlags,
  type OutputFlags,
  type SelectorFlags,
  selectorsFrom,
  type SettingFlags,
  withFleet,
  withSelectors,
  withSettings,
  withStream,
} from "./options.ts";

type Flags = SettingFlags & SelectorFlags & FleetFlags & OutputFlags;

/** `keyturn scan`: what is there. The command that runs when none is given. */
export function addScan(program: Command, io: Io, exit: (code: number) => void): void {
  withStream(withSettings(withSelectors(withFleet(program.command("scan", { isDefault: true })))))
    .description(
      "Lists users and their keys: age, last use, state, when what is due, and why something is stuck. Changes nothing.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn\n  keyturn scan --path /ci/ --format json\n  keyturn scan --user ci-bot --deliver ssm:/keys/{user}\n  keyturn scan --all-accounts --format ndjson",
    )
    .action(async (flags: Flags) => {
      const [
        { begin, headOf },
        { document },
        { scanText },
        { nextCommands },
        { selectOf, chooseSettings },
        { showProgress, showSeen },
        { accountLines },
      ] = await Promise.all([
        import("./session.ts"),
        import("../report/document.ts"),
        import("../report/text.ts"),
        import("./next-commands.ts"),
        import("./settings.ts"),
        import("./progress.ts"),
        import("../report/accounts.ts"),
      ]);
      const chosen = await chooseSettings(io, flags);
      if (flags.allAccounts === true) {
        const { scanAll } = await import("./all-accounts.ts");
        exit(await scanAll(io, flags, chosen));
        return;
      }
      const selectors = selectorsFrom({ ...flags, allowEmpty: true }, selectOf(chosen, flags), false);
      const invocation = await begin(io, flags, false, chosen);
      const { session } = invocation;
      const reports = await session.scan(await session.users(selectors), {
        ...showSeen(io, flags.verbose === true),
        onRead: showProgress(io, session.clock, "users read"),
      });
      const failed = reports.some((report) => report.outcome === "failed");
      exit(failed ? EXIT.failed : EXIT.ok);
      if (flags.format !== "table") {
        const head = headOf(invocation, "keyturn/scan/v1");
        const lines = flags.format === "ndjson";
        io.out(lines ? accountLines(head, "scan", {}, reports) : JSON.stringify(document(head, {}, reports), null, 2));
        return;
      }
      io.out(
        scanText(reports, {
          account: session.caller.account,
          listing: session.listingSource,
          now: session.clock.now(),
          paint: io.paint,
          flags: invocation.flags,
        }),
      );
      io.out(nextCommands(reports, flags, invocation, io.paint));
    });
}
