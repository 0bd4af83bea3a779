import type { Command } from "commander";
import type { Duration } from "../core/time.ts";
import type { Io } from "./io.ts";
import {
  type AuditFlags,
  collect,
  duration,
  type OutputFlags,
  repeatable,
  withAudit,
  withFormat,
  withOutput,
} from "./options.ts";

/** Where the secrets are, and which of their fields holds what. */
export interface SecretFlags {
  readonly field: readonly string[];
  readonly profile?: string;
  readonly region?: string;
}

export type RotateFlags = SecretFlags & Pick<OutputFlags, "format"> & { wait?: Duration; abandon?: true };
export type VersionsFlags = SecretFlags & Pick<OutputFlags, "format">;
export type ChangeFlags = SecretFlags & AuditFlags & OutputFlags;
export type DeleteFlags = ChangeFlags & { readonly key: readonly string[] };

type SetExit = (code: number) => void;

/** `keyturn secret rotate|versions|reset|delete-keys`: secrets that Secrets Manager itself rotates. */
export function addSecret(program: Command, io: Io, exit: SetExit): void {
  const secret = program
    .command("secret")
    .description("Looks after secrets that Secrets Manager rotates with keyturn's rotation function.")
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn secret versions dev/app-bot\n  keyturn secret rotate dev/app-bot --wait 5m",
    );
  addRotate(secret, io, exit);
  addVersions(secret, io);
  addReset(secret, io, exit);
  addDeleteKeys(secret, io, exit);
}

const withSecrets = (command: Command): Command =>
  command
    .argument("<secrets...>", "names or ARNs of secrets")
    .addOption(
      repeatable(
        "--field <name=value>",
        "which field holds what, as the function's KEYTURN_FIELDS says it (default: Key=accessKeyId Secret=secretAccessKey UserName=userName)",
        collect,
      ),
    )
    .optionsGroup("AWS:")
    .option("--profile <name>", "profile of the AWS configuration (default: AWS_PROFILE)")
    .option("--region <name>", "region of the secrets (default: AWS_REGION, or the profile's)");

function addRotate(secret: Command, io: Io, exit: SetExit): void {
  withFormat(withSecrets(secret.command("rotate")))
    .optionsGroup("Doing it:")
    .option("--wait <duration>", "wait so long for the new key to be served, and fail where it is not", duration)
    .option("--abandon", "give up an unfinished rotation first; the next one removes its key")
    .summary("have Secrets Manager rotate secrets now")
    .description("Asks Secrets Manager to rotate each secret now, whatever its schedule.")
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn secret rotate dev/app-bot\n  keyturn secret rotate dev/app-bot dev/other-bot --wait 5m",
    )
    .action(async (names: readonly string[], flags: RotateFlags) => {
      await (await import("./secret-actions.ts")).rotateSecrets(io, exit, names, flags);
    });
}

function addVersions(secret: Command, io: Io): void {
  withFormat(withSecrets(secret.command("versions")))
    .summary("show the versions of secrets: stages, dates, and which key each holds")
    .description(
      "Shows every version of each secret with its stages and the access key id that it holds. Shows no secret, and changes nothing.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn secret versions dev/app-bot\n  keyturn secret versions dev/app-bot --format json",
    )
    .action(async (names: readonly string[], flags: VersionsFlags) => {
      await (await import("./secret-actions.ts")).showVersions(io, names, flags);
    });
}

function addReset(secret: Command, io: Io, exit: SetExit): void {
  withOutput(withAudit(withSecrets(secret.command("reset"))))
    .summary("take the key out of secrets, so that their next rotation begins anew")
    .description(
      "Switches the rotation of each secret off, takes the key out of its value (all other fields stay), and takes AWSPENDING and AWSPREVIOUS off. Consumers find no key until the next rotation. The keys of the user stay: keyturn secret delete-keys deletes them.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn secret reset dev/app-bot\n  keyturn secret reset dev/app-bot dev/other-bot --yes",
    )
    .action(async (names: readonly string[], flags: ChangeFlags) => {
      await (await import("./secret-actions.ts")).resetSecrets(io, exit, names, flags);
    });
}

function addDeleteKeys(secret: Command, io: Io, exit: SetExit): void {
  withOutput(withAudit(withSecrets(secret.command("delete-keys"))))
    .addOption(repeatable("--key <access-key-id>", "delete this key, whatever it is", collect))
    .summary("delete the keys of the users of secrets that nobody needs any more")
    .description(
      "Deletes the keys that the cleanup function would delete now: those that keyturn retired, once their time is over, and orphans. Any other key is deleted only where it is named with --key. Shows first what hangs on each.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn secret delete-keys dev/app-bot\n  keyturn secret delete-keys dev/app-bot --key AKIAIOSFODNN7EXAMPLE --yes",
    )
    .action(async (names: readonly string[], flags: DeleteFlags) => {
      await (await import("./secret-actions.ts")).deleteKeys(io, exit, names, flags);
    });
}
