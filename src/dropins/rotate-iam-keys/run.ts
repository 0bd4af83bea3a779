import { EXIT } from "../../cli/exit.ts";
import { withSignals } from "../../cli/signals.ts";
import { type CheckedSettings, checkSettings } from "../../compose.ts";
import { InvalidInput } from "../../core/invalid-input.ts";
import { instant } from "../../core/time.ts";
import { type DropInIo, SecretStream } from "../hand-out.ts";
import { type Arguments, UsageError } from "./arguments.ts";
import { JsonResult } from "./json-result.ts";
import { RunLog } from "./log.ts";
import { executionTime, type Head, type Result, type Tail } from "./results.ts";
import { rotateKeys, settingsFrom, wordsFor } from "./rotate-keys.ts";
import { TextResult } from "./text-result.ts";

/** Where the program runs. */
export interface Place {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working directory: the log goes there. */
  readonly folder: string;
}

/** One run, from the settings to the exit code. Throws {@link UsageError}. */
export async function checkAndRun(given: Arguments, io: DropInIo, place: Place): Promise<number> {
  if (io.isDiscarded && given.outputFormat === "json" && given.deliver.length === 0 && !given.dryRun) {
    throw new UsageError(
      "standard output is closed, or the null device, so a new key would be lost: read it, or add --deliver KIND:TARGET (or set KEYTURN_DELIVER)",
    );
  }
  const checked = await check(given);
  return withSignals(io, (signal, signalled) => run(given, checked, io, place, signal, signalled));
}

/** Targets that cannot be are a mistake in the command line: the script's exit code 2, and nothing is asked of AWS. */
async function check(given: Arguments): Promise<CheckedSettings> {
  try {
    return await checkSettings(settingsFrom(given));
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new UsageError(wordsFor(error));
  }
}

async function run(
  given: Arguments,
  checked: CheckedSettings,
  io: DropInIo,
  { folder }: Place,
  signal: AbortSignal,
  signalled: () => number | null,
): Promise<number> {
  const stream = new SecretStream(io.write, "standard output");
  const result: Result = given.outputFormat === "json" ? new JsonResult(stream) : new TextResult(stream);
  const head: Head = {
    execution_time: executionTime(new Date()),
    dry_run: given.dryRun,
    days_threshold: given.daysThreshold,
  };
  try {
    await result.open(head);
  } catch (error) {
    io.err(`error: ${wordsFor(error)}: nothing was changed`);
    return EXIT.failed;
  }
  let log: RunLog | null = null;
  let tail: Tail;
  try {
    log = new RunLog(folder, () => instant(Date.now()), io.err);
    tail = await rotateKeys({ given, checked, result, log, signal });
  } catch (error) {
    const message = wordsFor(error);
    if (log === null) io.err(`error: ${message}`);
    log?.error(`Script execution failed: ${message}`);
    tail = { cleanup_results: [], errors: [message], summary: null };
  }
  const code = await finish(result, tail, log);
  log?.close();
  return signalled() ?? code;
}

/** Writes the rest of the result. What failed, errors, and a result that could not be written whole are exit code 1. */
async function finish(result: Result, tail: Tail, log: RunLog | null): Promise<number> {
  try {
    await result.close(tail);
  } catch (error) {
    log?.error(`The result is not whole: ${wordsFor(error)}`);
    return EXIT.failed;
  }
  const failed = tail.errors.length > 0 || tail.summary === null || tail.summary.failed_rotations > 0;
  return failed || tail.cleanup_results.some(({ success }) => !success) ? EXIT.failed : EXIT.ok;
}
