import type { Command } from "commander";
import type { SettingLine } from "../report/settings.ts";
import type { Io } from "./io.ts";
import { type OutputFlags, type SettingFlags, withFormat, withSettings } from "./options.ts";

type Flags = SettingFlags & Pick<OutputFlags, "format">;

/** `keyturn config check|show|schema`: is keyturn.yaml right, and what does it say for whom? */
export function addConfig(program: Command, io: Io): void {
  const config = program
    .command("config")
    .description("Checks and shows what keyturn.yaml says. Changes nothing.")
    .addHelpText("after", "\nExamples:\n  keyturn config check\n  keyturn config show ci-bot");
  addCheck(config, io);
  addShow(config, io);
  addSchema(config, io);
}

function addCheck(config: Command, io: Io): void {
  withSettings(config.command("check"))
    .argument("[file]", "the configuration (default: as for every command)")
    .summary("check a configuration, without AWS")
    .description(
      "Reads a configuration and says every mistake with its line. Checks targets and escrow as far as can be without AWS; keyturn doctor goes further.",
    )
    .addHelpText("after", "\nExamples:\n  keyturn config check\n  keyturn config check recipes/safe.yaml")
    .action(async (file: string | undefined, flags: Flags) => {
      const [{ checkSettings, settingsIn }, { chooseSettings }, { InvalidInput }] = await Promise.all([
        import("../compose.ts"),
        import("./settings.ts"),
        import("../core/invalid-input.ts"),
      ]);
      const chosen = await chooseSettings(io, file === undefined ? flags : { ...flags, config: file });
      if (chosen.config === null)
        throw new InvalidInput(
          "there is no configuration",
          "name one: keyturn config check FILE; it is usually keyturn.yaml",
        );
      await checkSettings(chosen.settings);
      for (const account of chosen.config.fleet?.overrides.keys() ?? [])
        await checkSettings(settingsIn(account, chosen, flags));
      const { layers, exemptions } = chosen.config.rulebook;
      io.out(
        `${chosen.config.file} is a configuration: ${counted(layers.length - 1, "rule")}, ${counted(exemptions.length, "exemption")}`,
      );
    });
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

function addShow(config: Command, io: Io): void {
  withFormat(withSettings(config.command("show")))
    .argument("[user]", "for whom; without it, what holds for everybody")
    .summary("what holds for a user, and where each value comes from")
    .description(
      "Shows what holds for a user, flags included, and where each value comes from: a flag, a line of the configuration, a preset, or keyturn itself. For a user it asks AWS for the path and, where rules go by tags, for the tags.",
    )
    .addHelpText("after", "\nExamples:\n  keyturn config show\n  keyturn config show ci-bot --policy two-key")
    .action(async (userName: string | undefined, flags: Flags) => {
      const [{ chooseSettings, runWideLines }, { forEverybody, overlay }, { ownerLines, settingsText, userLines }] =
        await Promise.all([import("./settings.ts"), import("../core/rulebook.ts"), import("../report/settings.ts")]);
      const chosen = await chooseSettings(io, flags);
      const { layers, runEvery } = forEverybody(chosen.settings.rulebook);
      const forAll = () => ({ ...overlay(layers, runEvery, "of everybody"), exempt: null, claim: null });
      const own = userName === undefined ? null : await settingsOf(io, flags, userName);
      const lines: readonly SettingLine[] = [
        ...userLines(own?.settings ?? forAll()),
        ...(own === null ? [] : ownerLines(own.settings.claim, own.owner, own.pending)),
        ...runWideLines(flags, chosen),
      ];
      io.out(
        flags.format === "json"
          ? JSON.stringify({ schema: "keyturn/config/v1", userName: userName ?? null, settings: lines }, null, 2)
          : settingsText(lines, io.paint),
      );
    });
}

async function settingsOf(io: Io, flags: Flags, userName: string) {
  const [{ begin }, { CallError }, { InvalidInput }] = await Promise.all([
    import("./session.ts"),
    import("../ports.ts"),
    import("../core/invalid-input.ts"),
  ]);
  const { session } = await begin(io, flags);
  const [user] = await session.users({ users: [userName], path: null, tags: [], allowEmpty: false });
  if (user === undefined) throw new Error("a selector by name gave nobody");
  const { doubt, settings, owner, pending } = await session.settingsOf(user);
  if (doubt?.kind === "unusable") throw new InvalidInput(doubt.message, doubt.hint);
  if (doubt?.kind === "denied")
    throw new CallError(
      "denied",
      doubt.action,
      doubt.resource,
      "AccessDenied",
      "what holds for the user depends on it",
    );
  if (doubt?.kind === "failed") throw new CallError("unknown", doubt.action, userName, "Failed", doubt.message);
  return { settings, owner, pending };
}

function addSchema(config: Command, io: Io): void {
  config
    .command("schema")
    .summary("print the JSON Schema of keyturn.yaml, for editors")
    .description("Prints the JSON Schema of keyturn.yaml, with which editors complete and check it.")
    .addHelpText("after", "\nExamples:\n  keyturn config schema > keyturn.schema.json")
    .action(async () => {
      const [{ jsonSchema }, { version }] = await Promise.all([import("../config/schema.ts"), import("./version.ts")]);
      io.out(JSON.stringify(jsonSchema(`keyturn.schema.json?v=${version}`), null, 2));
    });
}
