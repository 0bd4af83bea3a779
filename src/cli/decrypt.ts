import type { Command } from "commander";
import type { Opener } from "../compose.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import type { Io } from "./io.ts";
import { oneOf, wholeNumber } from "./options.ts";

interface Flags {
  readonly user?: string;
  readonly version?: number;
  readonly parameter?: string;
  readonly keyFile?: string;
  readonly identity?: string;
  readonly in?: string;
  readonly out?: string;
  readonly format: "lines" | "json";
  readonly profile?: string;
  readonly region?: string;
}

/** `keyturn decrypt`: the owner opens a mail. */
export function addDecrypt(program: Command, io: Io): void {
  program
    .command("decrypt")
    .description(
      "Opens an access key that came sealed in a mail, and prints it. The sealed text comes from standard input or a file: both values, or the whole mail, as it was copied. What opens it is a Fernet key that AWS keeps, or your own age identity. Nothing secret is ever an argument.",
    )
    .optionsGroup("What opens it (one of these; without any, a Fernet key is asked for and not shown):")
    .option("--parameter <name:version>", "the SSM parameter that the mail names")
    .option("--user <name>", "the IAM user, where the parameter stands in the usual place: /ikr/secret/iam/USER")
    .option("--version <number>", "with --user: the version that the mail names (default: the newest)", wholeNumber(1))
    .option("--key-file <file>", "a file with the Fernet key")
    .option("--identity <file>", "a file with your AGE-SECRET-KEY, as age-keygen writes it")
    .optionsGroup("Input and output:")
    .option("--in <file>", "the sealed text (default: standard input)")
    .option("--out <file>", "write to this new file, mode 0600, rather than to standard output")
    .option(
      "--format <format>",
      "lines, a value a line as they stand in the mail; or json",
      oneOf("lines", "json"),
      "lines",
    )
    .optionsGroup("AWS:")
    .option("--profile <name>", "profile of the AWS configuration (default: AWS_PROFILE)")
    .option("--region <name>", "region of the parameter (default: AWS_REGION, or the profile's)")
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn decrypt --parameter /ikr/secret/iam/ci-bot:3 --region eu-west-1 < mail.txt\n  keyturn decrypt --user ci-bot --version 3 --in mail.txt --out key.txt\n  keyturn decrypt --identity ~/.age/key.txt --format json < mail.txt",
    )
    .action((flags: Flags) => decrypt(io, flags));
}

async function decrypt(io: Io, flags: Flags): Promise<void> {
  const ways = checkFlags(flags);
  if (ways === 0 && flags.in === undefined && !io.isInteractive)
    throw new InvalidInput(
      "what opens it? no key is named, and there is no terminal to ask on",
      "--parameter NAME:VERSION as the mail names it, --key-file FILE, or --identity FILE for age",
    );
  const [{ openSealed, openedText }, { createFile, lookAt }, { handOver }] = await Promise.all([
    import("../compose.ts"),
    import("../host/atomic-file.ts"),
    import("../host/hand-over.ts"),
  ]);
  const { out } = flags;
  // Found out before anybody pastes anything.
  if (out !== undefined && (await lookAt(out)) !== null) throw isThere(out);
  const opener = await openerFor(io, flags);
  const values = await openSealed(await sealedText(io, flags.in), opener);
  const text = openedText(values, flags.format);
  if (out === undefined) return handOver(io.print, text, values, "standard output");
  try {
    await createFile(out, `${text}\n`);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "Error";
    throw code === "EEXIST" ? isThere(out) : new InvalidInput(`${out} cannot be written (${code})`);
  }
  io.err(`written to ${out}`);
}

const isThere = (out: string) =>
  new InvalidInput(`${out} exists already, and is not overwritten`, "name a file that is not there yet");

/** How many ways to open it are named: none or one. Throws {@link InvalidInput}. */
function checkFlags({ user, version, parameter, keyFile, identity }: Flags): number {
  const ways = Object.entries({
    "--parameter": parameter,
    "--user": user,
    "--key-file": keyFile,
    "--identity": identity,
  })
    .filter(([, value]) => value !== undefined)
    .map(([flag]) => flag);
  if (ways.length > 1)
    throw new InvalidInput(`${ways.join(" and ")} name different keys`, "give the one that the mail names");
  if (version !== undefined && user === undefined)
    throw new InvalidInput("--version goes with --user", "as in --parameter NAME:VERSION, or --user NAME --version N");
  return ways.length;
}

async function openerFor(io: Io, flags: Flags): Promise<Opener> {
  const { user, version = null, parameter, keyFile, identity, profile = null, region = null } = flags;
  const [{ fernetKeyFrom, fernetKeyIn }, { readSecretly }, { readInput }] = await Promise.all([
    import("../compose.ts"),
    import("./read-secretly.ts"),
    import("./read-input.ts"),
  ]);
  if (identity !== undefined) return { kind: "age", identities: new Secret(await readInput(identity)), file: identity };
  if (keyFile !== undefined) return { kind: "fernet", key: fernetKeyIn(new Secret(await readInput(keyFile)), keyFile) };
  const place = parameter ?? (user === undefined ? null : { userName: user, version });
  if (place !== null) return { kind: "fernet", key: await fernetKeyFrom(place, { profile, region }) };
  return { kind: "fernet", key: fernetKeyIn(new Secret(await readSecretly(io, "Fernet key")), "what was typed") };
}

async function sealedText(io: Io, file: string | undefined): Promise<string> {
  const { readInput, readStandardInput } = await import("./read-input.ts");
  if (file !== undefined) return readInput(file);
  if (process.stdin.isTTY) io.err("Paste the mail, or its two values; then press Ctrl-D on an empty line.");
  return readStandardInput();
}
