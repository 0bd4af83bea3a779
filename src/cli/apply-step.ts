import type { Command } from "commander";
import type { Given } from "../dropins/apply-step/settings.ts";
import type { Io } from "./io.ts";

interface Flags {
  readonly quiet?: true;
  readonly beforeDestroy?: true;
  readonly policy?: true;
}

async function printPolicy(io: Io, given: Given): Promise<void> {
  const [{ applyPolicy }, { assemble, checkSettings }, { settingsFrom }] = await Promise.all([
    import("../dropins/apply-step/policy.ts"),
    import("../compose.ts"),
    import("../dropins/apply-step/settings.ts"),
  ]);
  const caller =
    given.account === null
      ? (await assemble(await checkSettings(settingsFrom(given)), io.print)).caller
      : { account: given.account, partition: "aws" };
  io.out(JSON.stringify(await applyPolicy(given, caller), null, 2));
}

/** `keyturn apply-step`: in place of the script that a Terraform module ran at every apply. */
export function addApplyStep(program: Command, io: Io, exit: (code: number) => void): void {
  program
    .command("apply-step")
    .option("--quiet", "print no key: it is in the parameters")
    .option("--before-destroy", "fail where the parameters hold the only copy of the secret of an Active key")
    .option("--policy", "print the least IAM policy for whoever applies; with KEYTURN_ACCOUNT, AWS is not asked")
    .description(
      "Takes the next safe step for one user whose pair is in two SSM parameters, and prints the pair as JSON: takes over what is there, makes a successor where the key is due, makes the old key Inactive once the new one is in use, deletes it later. Reads its settings from the environment, as the script did that it replaces.",
    )
    .addHelpText(
      "after",
      `
Environment:
  iam_user               the user (required)
  access_key_id, secret_key
                         a pair to begin with, where the parameters hold none; never written over one that they hold
  max_age_in_days        a key is due when it is more whole days old than this (default: 60)
  delete_after_in_days   an old key goes when it has been Inactive for more whole days than this (default: 10)
  region                 of the parameters (default: AWS_REGION, or the profile's)
  KEYTURN_ACCOUNT        refuse any account but this
  KEYTURN_ESCROW         where a new secret waits until it is delivered: ssm, file or none (default: none)
  KEYTURN_SETTLE         how long IAM takes to show a write to every reader (default: 15s)

Parameters:
  /USER/iam-key and /USER/iam-secret, SecureString: the pair
  /USER/deactivated-key-timestamp, String: since when the old key is Inactive, UTC; -1 where none waits to be deleted

Examples:
  keyturn apply-step > pair.json`,
    )
    .action(async ({ quiet, beforeDestroy, policy }: Flags) => {
      const [{ applyStep, beforeDestroy: mayDestroy }, { givenIn }, boto3] = await Promise.all([
        import("../dropins/apply-step/apply-step.ts"),
        import("../dropins/apply-step/settings.ts"),
        import("../dropins/boto3.ts"),
      ]);
      boto3.lookForCredentialsAsBoto3(process.env);
      for (const line of boto3.unheeded(process.env)) io.err(line);
      const given = givenIn(process.env);
      // Nothing that this process starts or writes about itself is to hold it.
      delete process.env["secret_key"];
      const out = { write: (text: string) => io.print(text), isDiscarded: false, err: io.err };
      if (policy === true) await printPolicy(io, given);
      else exit(beforeDestroy === true ? await mayDestroy(given, out) : await applyStep(given, out, quiet === true));
    });
}
