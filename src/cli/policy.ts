import type { Command } from "commander";
import type { Io } from "./io.ts";
import { oneOf, type SelectorFlags, selectorsFrom, type SettingFlags, withSelectors, withSettings } from "./options.ts";

type Flags = SettingFlags & SelectorFlags & { account?: string; partition: string };

/** `keyturn policy`: the least permissions for these settings. */
export function addPolicy(program: Command, io: Io): void {
  withSettings(withSelectors(program.command("policy")))
    .option("--account <id>", "account that the policy is for, without asking AWS for it")
    .option(
      "--partition <name>",
      "aws, aws-us-gov or aws-cn, where --account is given",
      oneOf("aws", "aws-us-gov", "aws-cn"),
      "aws",
    )
    .description(
      "Prints the least IAM policy with which run works under these settings, as narrow as IAM allows. Changes nothing.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn policy --path /ci/ --deliver ssm:/keys/{user}\n  keyturn policy --account 111122223333 --deliver secretsmanager:prod/{user} --escrow ssm",
    )
    .action(async (flags: Flags) => {
      const [{ checkSettings, permissions }, { policyDocument }, { InvalidInput }, { begin }, { settingsFrom }] =
        await Promise.all([
          import("../compose.ts"),
          import("../core/permissions.ts"),
          import("../core/invalid-input.ts"),
          import("./session.ts"),
          import("./settings.ts"),
        ]);
      const { path } = selectorsFrom(flags, false);
      const settings = await checkSettings(settingsFrom(flags));
      if (flags.account !== undefined && !/^\d{12}$/.test(flags.account))
        throw new InvalidInput(`"${flags.account}" is not an account id`, "it has twelve digits");
      const caller =
        flags.account === undefined
          ? (await begin(io, flags)).session.caller
          : {
              account: flags.account,
              partition: flags.partition,
              arn: "",
              userName: null,
              accessKeyId: null,
            };
      const region = flags.region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"] ?? "*";
      io.out(
        JSON.stringify(policyDocument(permissions(settings, caller, region, path === null ? [] : [path])), null, 2),
      );
    });
}
