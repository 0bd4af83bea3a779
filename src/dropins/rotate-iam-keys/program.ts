import { EXIT } from "../../cli/exit.ts";
import { version } from "../../cli/version.ts";
import { unheeded } from "../boto3.ts";
import type { DropInIo } from "../hand-out.ts";
import { explainUsage, help, parseArguments, UsageError } from "./arguments.ts";
import type { Place } from "./run.ts";

/** `rotate-iam-keys`, in place of the script `rotate_iam_keys.py`. Returns the exit code; rejects only on a bug. */
export async function main(
  argv: readonly string[],
  io: DropInIo,
  place: Place = { env: process.env, folder: process.cwd() },
): Promise<number> {
  try {
    const given = parseArguments(argv, place.env);
    if (given === "help" || given === "version") return await print(io, given === "help" ? help : version);
    for (const line of unheeded(place.env)) io.err(line);
    // The AWS SDK is slow to load, and neither the help nor a mistake in the command line needs it.
    const { checkAndRun } = await import("./run.ts");
    return await checkAndRun(given, io, place);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    io.err(explainUsage(error));
    return EXIT.usage;
  }
}

async function print(io: DropInIo, text: string): Promise<number> {
  await io.write(`${text}\n`).catch(() => undefined); // whoever asked went away, and that is fine
  return EXIT.ok;
}
