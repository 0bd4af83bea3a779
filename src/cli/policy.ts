import type { Command } from "commander";
import type { Io } from "./io.ts";
import { oneOf, type SelectorFlags, selectorsFrom, type SettingFlags, withSelectors, withSettings } from "./options.ts";

type Flags = SettingFlags & SelectorFlags & { partition: string; byHand?: true; largeAccount?: true };

/** `keyturn policy`: the least permissions for these settings. */
export function addPolicy(program: Command, io: Io): void {
  withSettings(withSelectors(program.command("policy")))
    .option(
      "--partition <name>",
      "aws, aws-us-gov or aws-cn, where one --account is given: then AWS is not asked",
      oneOf("aws", "aws-us-gov", "aws-cn"),
      "aws",
    )
    .option("--by-hand", "also what retire and rollback ask for, where run itself never makes a key Inactive")
    .option(
      "--large-account",
      "also what lists accounts of more than 100 users at once; without it every user is read one by one",
    )
    .description(
      "Prints the least IAM policy with which run works under these settings, as narrow as IAM allows. Changes nothing.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn policy --path /ci/ --deliver ssm:/keys/{user}\n  keyturn policy --account 111122223333 --deliver secretsmanager:prod/{user} --escrow ssm",
    )
    .action(async (flags: Flags) => {
      const [
        { checkSettings, permissions, settingsIn, whatMembersNeed },
        { policyDocument },
        { begin },
        { chooseSettings, selectOf },
      ] = await Promise.all([
        import("../compose.ts"),
        import("../core/permissions.ts"),
        import("./session.ts"),
        import("./settings.ts"),
      ]);
      const chosen = await chooseSettings(io, flags);
      const { path, match } = selectorsFrom(flags, selectOf(chosen, flags), false);
      const [account, ...more] = flags.account;
      const fleet = chosen.config?.fleet ?? null;
      const own = await checkSettings(account === undefined ? chosen.settings : settingsIn(account, chosen, flags));
      const isMember = account !== undefined && account !== fleet?.central?.account;
      const settings = isMember ? whatMembersNeed(own, fleet?.central ?? null) : own;
      const caller =
        account === undefined || more.length > 0
          ? (await begin(io, flags, false, chosen)).session.caller
          : { account, partition: flags.partition, arn: "", userName: null, accessKeyId: null };
      const region = settings.region ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"] ?? "*";
      io.out(
        JSON.stringify(
          policyDocument(
            permissions(settings, caller, region, path === null ? (match?.path ?? []) : [path], {
              byHand: flags.byHand === true,
              isLarge: flags.largeAccount === true,
            }),
          ),
          null,
          2,
        ),
      );
    });
}
