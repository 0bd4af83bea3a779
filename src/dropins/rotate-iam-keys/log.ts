import { closeSync, constants, fchmodSync, fstatSync, openSync, writeSync } from "node:fs";
import { InvalidInput } from "../../core/invalid-input.ts";
import type { Instant } from "../../core/time.ts";
import type { Step } from "../../ports.ts";
import { plain } from "../../report/table.ts";

/** The script's log file, in the working directory. */
const FILE = "iam_key_rotation.log";

type Level = "INFO" | "WARNING" | "ERROR";

/** The log of a run: `iam_key_rotation.log`, and standard error. Never standard output, and never a secret. */
export class RunLog {
  readonly #descriptor: number;
  readonly #err: (line: string) => void;
  readonly #now: () => Instant;
  /** Users of whom this run made a key that it has not named yet. */
  readonly #unnamed = new Set<string>();

  /**
   * Opens the file in this folder to append to it; only its owner may read it from now on. Throws {@link InvalidInput} where
   * that cannot be done, or where the name stands for something else than a file.
   */
  constructor(folder: string, now: () => Instant, err: (line: string) => void) {
    this.#descriptor = openLog(`${folder}/${FILE}`);
    this.#now = now;
    this.#err = err;
  }

  info = (message: string): void => this.#courtesy("INFO", message);
  warning = (message: string): void => this.#courtesy("WARNING", message);
  error = (message: string): void => this.#courtesy("ERROR", message);

  /**
   * What a turn does, in the script's words. Throws where a step that is about to happen cannot be written down: then it is
   * not begun.
   */
  journal = (step: Step): void => {
    for (const [level, message] of this.#wordsOf(step)) {
      if (step.outcome === "started") this.#write(level, message);
      else this.#courtesy(level, message);
    }
  };

  close(): void {
    closeSync(this.#descriptor);
  }

  #wordsOf({ userName, step, outcome, accessKeyIds, reason }: Step): readonly (readonly [Level, string])[] {
    const [key = ""] = accessKeyIds;
    if (outcome === "failed" || outcome === "unknown")
      return [["ERROR", `User ${userName}: ${step} ${outcome}: ${reason}`]];
    if (outcome === "stopped") return [["WARNING", `User ${userName}: ${step} stopped: ${reason}`]];
    switch (`${step} ${outcome}`) {
      case "create started":
        return [["INFO", `Creating new access key for user: ${userName}`]];
      case "create done":
        this.#unnamed.add(userName);
        return [];
      case "deactivate started":
        return [["INFO", `Deactivating old access key ${key} for user ${userName}`]];
      case "deactivate done":
        return [["INFO", `Old access key ${key} for user ${userName} is Inactive`]];
      case "delete started":
        return [["INFO", `Deleting inactive key ${key} for user ${userName}`]];
      case "remove-orphan done":
      case "retreat done":
      case "withdraw done":
        return [["INFO", `Cleaned up failed new key ${key}`]];
      case "deliver done":
        return [["INFO", `New access key ${key} for user ${userName} was delivered to ${reason}`]];
      default:
        // The reply to the creation names the key, the step after it is the first that tells.
        return this.#unnamed.delete(userName) ? [["INFO", `Created new access key ${key} for user ${userName}`]] : [];
    }
  }

  /** A line that is only told: where it cannot be kept, the run goes on. */
  #courtesy(level: Level, message: string): void {
    try {
      this.#write(level, message);
    } catch {
      // Standard error has the line.
    }
  }

  #write(level: Level, message: string): void {
    const at = new Date(this.#now()).toISOString().replace("T", " ").replace(".", ",").slice(0, -1);
    const line = `${at} - ${level} - ${plain(message)}`;
    this.#err(line);
    writeSync(this.#descriptor, `${line}\n`);
  }
}

function openLog(path: string): number {
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(path, O_APPEND | O_CREAT | O_WRONLY | (O_NOFOLLOW ?? 0) | (O_NONBLOCK ?? 0), 0o600);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "Error";
    throw unwritable(code === "ELOOP" ? "it is a symbolic link" : code);
  }
  if (!fstatSync(descriptor).isFile()) {
    closeSync(descriptor);
    throw unwritable("it is not a file");
  }
  try {
    fchmodSync(descriptor, 0o600); // one that the script left behind is readable by everybody
  } catch {
    closeSync(descriptor);
    throw unwritable("it belongs to somebody else");
  }
  return descriptor;
}

const unwritable = (why: string): InvalidInput =>
  new InvalidInput(`the log ${FILE} cannot be written (${why})`, "run it in a folder of your own");
