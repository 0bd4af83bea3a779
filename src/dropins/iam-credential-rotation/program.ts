import { EXIT } from "../../cli/exit.ts";
import { version } from "../../cli/version.ts";
import { InvalidInput } from "../../core/invalid-input.ts";
import { plain } from "../../report/table.ts";
import { unexpectedWords } from "../../report/unexpected.ts";
import { unheeded } from "../boto3.ts";
import type { DropInIo } from "../hand-out.ts";
import { BareUsageError, HELP, parseCommandLine, usageError, versionLine } from "./command-line.ts";

/** Runs one command line. Returns the exit code: 0 all rotated, 1 a user was not, 2 usage. Never throws. */
export async function main(
  argv: readonly string[],
  io: DropInIo,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<number> {
  try {
    const typed = parseCommandLine(argv);
    if (typed.kind === "rotate") {
      for (const line of unheeded(environment)) io.err(line);
      // Only a rotation needs the AWS SDK, which is slow to load.
      const [{ settingsFrom }, { rotateAll }] = await Promise.all([import("./settings.ts"), import("./rotate-all.ts")]);
      return await rotateAll(typed, settingsFrom(environment), io);
    }
    await io.write(typed.kind === "help" ? HELP : versionLine(version));
    return EXIT.ok;
  } catch (error) {
    return explain(error, io);
  }
}

/** Says what went wrong, and never prints an error object: that may hold a reply of AWS. */
async function explain(error: unknown, io: DropInIo): Promise<number> {
  const say = (code: number, message: string, hint: string | null = null): number => {
    io.err(message);
    if (hint !== null) io.err(`hint: ${plain(hint)}`);
    return code;
  };
  if (error instanceof BareUsageError) return say(EXIT.usage, `Error: ${plain(error.message)}`);
  if (error instanceof InvalidInput) return say(EXIT.usage, usageError(plain(error.message)), error.hint);
  const [{ CallError }, { BrokenInvariant }] = await Promise.all([
    import("../../ports.ts"),
    import("../../compose.ts"),
  ]);
  if (error instanceof CallError) {
    const { action, resource, code, message, kind } = error;
    const what = `${action} on ${resource} ${kind === "denied" ? "is denied" : `failed: ${code}`}: ${message}`;
    return say(EXIT.failed, `error: ${plain(what)}`, "nothing was changed");
  }
  if (error instanceof BrokenInvariant) {
    return say(
      EXIT.brokenInvariant,
      `error: broken invariant: ${plain(error.message)}`,
      "the run stopped before it did any harm; this is a bug, please report it",
    );
  }
  return say(
    EXIT.brokenInvariant,
    `error: unexpected: ${unexpectedWords(error)}`,
    "this is a bug, please report it; the next run goes on safely",
  );
}
