import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import {
  type OutputFlags,
  type SelectorFlags,
  selectorsFrom,
  type SettingFlags,
  withFormat,
  withSelectors,
  withSettings,
} from "./options.ts";

type Flags = SettingFlags & SelectorFlags & Pick<OutputFlags, "format"> & { audit?: string };

/** What package.json asks for. A test holds the two together. */
export const LEAST_NODE = "20.19";

/** `keyturn doctor`: what would stop a run, before there is one. */
export function addDoctor(program: Command, io: Io, exit: (code: number) => void): void {
  withFormat(withSettings(withSelectors(program.command("doctor"))))
    .optionsGroup("Doing it:")
    .option("--audit <file>", "where the audit of the run is to go; none = nowhere")
    .description(
      "Looks for what would stop a run with these settings: credentials, clock, environment, each permission, each destination, the escrow, room for the record among a user's tags, the audit. Says how to put right what is wrong, and what could not be checked. Changes nothing in AWS. Give it the flags of the run; without a selector the targets are checked for a user who does not exist.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn doctor\n  keyturn doctor --path /ci/ --deliver ssm:/keys/{user} --escrow ssm\n  keyturn doctor --user ci-bot --deliver file:./keys/{user}.json --format json\n\nExit codes:\n  0  nothing is wrong, warnings aside\n  1  something is wrong\n  2  usage, or no usable credentials",
    )
    .action(async (flags: Flags) => {
      const [
        { checkSettings, checkSetup },
        { chooseSettings },
        { checkHost },
        { doctorDocument, doctorText },
        { version },
      ] = await Promise.all([
        import("../compose.ts"),
        import("./settings.ts"),
        import("./check-host.ts"),
        import("../report/doctor.ts"),
        import("./version.ts"),
      ]);
      const { settings, config, accounts } = await chooseSettings(io, flags);
      const selected =
        flags.user.length > 0 || flags.path !== undefined || flags.tag.length > 0 || flags.allUsers === true;
      const select = config?.select ?? null;
      const selectors = selected || select !== null ? selectorsFrom(flags, select, false) : null;
      const setup = await checkSetup(await checkSettings(settings), accounts, selectors, io.print);
      const { caller, region, at } = setup;
      const findings = [...setup.findings, ...(await checkHost(flags.audit ?? config?.audit ?? undefined, LEAST_NODE))];
      const wrong = findings.some((each) => each.verdict === "wrong");
      exit(caller === null ? EXIT.usage : wrong ? EXIT.failed : EXIT.ok);
      const head = {
        keyturn: version,
        account: caller?.account ?? null,
        caller: caller?.arn ?? null,
        region,
        checkedAt: at,
      };
      io.out(
        flags.format === "json"
          ? JSON.stringify(doctorDocument(head, findings), null, 2)
          : doctorText(head, findings, io.paint),
      );
    });
}
