import { InvalidInput } from "../../core/invalid-input.ts";
import { type Duration, parseDuration } from "../../core/time.ts";

/*
 * The command line of the script, read as Python's argparse reads it: flags may be shortened, values may follow after `=`, and
 * a mistake ends in the usage and exit code 2. Behind the script's seven flags stand keyturn's own.
 */

/** The command line, checked. */
export interface Arguments {
  readonly daysThreshold: number;
  readonly dryRun: boolean;
  /** Null: as the environment says. */
  readonly profile: string | null;
  readonly region: string;
  /** Null: every user of the account. */
  readonly user: string | null;
  readonly cleanupInactive: boolean;
  readonly outputFormat: "json" | "text";
  /** Targets, as typed: `KIND:TARGET`. */
  readonly deliver: readonly string[];
  /** A target as typed; null = none. */
  readonly escrow: string | null;
  readonly settle: Duration;
}

/** A command line that cannot be used; `message` as argparse words it. */
export class UsageError extends Error {}

const USAGE = `usage: rotate-iam-keys [-h] [--days-threshold DAYS_THRESHOLD] [--dry-run]
                       [--profile PROFILE] [--region REGION] [--user USER]
                       [--cleanup-inactive] [--output-format {json,text}]
                       [--deliver KIND:TARGET] [--escrow KIND[:TARGET]]
                       [--settle DURATION] [--version]`;

export const help = `${USAGE}

Rotate AWS IAM access keys older than specified threshold

options:
  -h, --help            show this help message and exit
  --days-threshold DAYS_THRESHOLD
                        Age threshold in days for key rotation (default: 90)
  --dry-run             Perform a dry run without making changes
  --profile PROFILE     AWS profile to use
  --region REGION       AWS region (default: us-east-1)
  --user USER           Specific user to rotate keys for (optional)
  --cleanup-inactive    Delete inactive keys that went out of use more than
                        30 days ago, before keys are rotated
  --output-format {json,text}
                        Output format (default: text)

keyturn's own:
  --deliver KIND:TARGET
                        Where new keys go: ssm:/keys/{user}; may be
                        repeated (default: KEYTURN_DELIVER, one a line). The
                        text format shows no secret, so it needs one
  --escrow KIND[:TARGET]
                        Where a new secret waits until it is delivered: ssm,
                        file or none (default: KEYTURN_ESCROW, or none)
  --settle DURATION     How long IAM takes to show a write to every reader
                        (default: KEYTURN_SETTLE, or 15s); 0s where no other
                        run can be at work
  --version             show the version and exit

Exit codes: 0 done; 1 a rotation failed, or an error; 2 usage, nothing was changed;
130, 143 interrupted, the users in progress were finished.
The log is appended to iam_key_rotation.log, and goes to standard error.`;

/** What stands on standard error after a mistake in the command line. */
export const explainUsage = (error: UsageError): string => `${USAGE}\nrotate-iam-keys: error: ${error.message}`;

const FLAGS = {
  "--help": "nothing",
  "--days-threshold": "value",
  "--dry-run": "nothing",
  "--profile": "value",
  "--region": "value",
  "--user": "value",
  "--cleanup-inactive": "nothing",
  "--output-format": "value",
  "--deliver": "value",
  "--escrow": "value",
  "--settle": "value",
  "--version": "nothing",
} as const;

type Flag = keyof typeof FLAGS;
const flagNames = Object.keys(FLAGS) as readonly Flag[]; // Object.keys forgets the names

/** Throws {@link UsageError}. `help` and `version` stand for themselves: whoever asks for them wants nothing else. */
export function parseArguments(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Arguments | "help" | "version" {
  const given = readFlags(argv);
  if (given.has("--help")) return "help";
  if (given.has("--version")) return "version";
  const last = (flag: Flag): string | null => given.get(flag)?.at(-1) ?? null;
  return checkDelivery({
    daysThreshold: daysFrom(last("--days-threshold") ?? "90"),
    dryRun: given.has("--dry-run"),
    // Workflow engines pass what nobody filled in as an empty text; the script takes it for absent, too.
    profile: last("--profile") || null,
    region: last("--region") || "us-east-1",
    user: last("--user") || null,
    cleanupInactive: given.has("--cleanup-inactive"),
    outputFormat: formatFrom(last("--output-format") ?? "text"),
    deliver: given.get("--deliver") ?? linesOf(env["KEYTURN_DELIVER"]),
    escrow: last("--escrow") ?? (env["KEYTURN_ESCROW"]?.trim() || null),
    settle: settleFrom(last("--settle"), env["KEYTURN_SETTLE"]),
  });
}

const linesOf = (text = ""): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** The flags with their values, in the order in which they came. */
function readFlags(argv: readonly string[]): ReadonlyMap<Flag, readonly string[]> {
  const given = new Map<Flag, readonly string[]>();
  const strange: string[] = [];
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (word === "--") {
      strange.push(...argv.slice(at));
      break;
    }
    const [name, explicit] = splitAtEquals(word);
    const flag = word === "-h" ? "--help" : looksLikeFlag(word) ? findFlag(name) : null;
    if (flag === null) {
      strange.push(word);
      continue;
    }
    if (FLAGS[flag] === "nothing") {
      if (explicit !== null) throw new UsageError(`argument ${flag}: ignored explicit argument '${explicit}'`);
      given.set(flag, []);
      if (flag === "--help" || flag === "--version") return given;
      continue;
    }
    const next = argv[at + 1];
    const value = explicit ?? (next === undefined || looksLikeFlag(next) ? null : next);
    if (value === null) throw new UsageError(`argument ${flag}: expected one argument`);
    if (explicit === null) at += 1;
    given.set(flag, [...(given.get(flag) ?? []), value]);
  }
  if (strange.length > 0) throw new UsageError(`unrecognized arguments: ${strange.join(" ")}`);
  return given;
}

function splitAtEquals(word: string): readonly [name: string, explicit: string | null] {
  const split = word.indexOf("=");
  return split < 0 ? [word, null] : [word.slice(0, split), word.slice(split + 1)];
}

/** As argparse tells flags from values: a lone dash, a negative number and a text with a space are values. */
const looksLikeFlag = (word: string): boolean =>
  word.startsWith("-") && word !== "-" && !/^-\d+$|^-\d*\.\d+$/.test(word) && !splitAtEquals(word)[0].includes(" ");

/** The flag that is meant, in full or by its beginning; null where there is none. */
function findFlag(name: string): Flag | null {
  const exact = flagNames.find((flag) => flag === name);
  if (exact !== undefined) return exact;
  const fits = name.startsWith("--") ? flagNames.filter((flag) => flag.startsWith(name)) : [];
  if (fits.length > 1) throw new UsageError(`ambiguous option: ${name} could match ${fits.join(", ")}`);
  return fits[0] ?? null;
}

/** A whole number as Python reads one. A negative one meant every key to the script. */
function daysFrom(text: string): number {
  const count = Number(text.replaceAll("_", ""));
  if (!/^\s*[+-]?\d+(?:_\d+)*\s*$/.test(text) || !Number.isSafeInteger(count))
    throw new UsageError(`argument --days-threshold: invalid int value: '${text}'`);
  if (count < 0) throw new UsageError(`argument --days-threshold: must not be negative: '${text}'`);
  return count;
}

function formatFrom(text: string): "json" | "text" {
  if (text !== "json" && text !== "text")
    throw new UsageError(`argument --output-format: invalid choice: '${text}' (choose from 'json', 'text')`);
  return text;
}

function settleFrom(flag: string | null, variable: string | undefined): Duration {
  try {
    return parseDuration(flag ?? (variable?.trim() || "15s"));
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const place = flag === null ? "environment variable KEYTURN_SETTLE" : "argument --settle";
    throw new UsageError(`${place}: ${error.message}${error.hint === null ? "" : `; ${error.hint}`}`);
  }
}

/** Refused before anything is asked of AWS: not in the month in which the first key falls due. */
function checkDelivery(given: Arguments): Arguments {
  const stream = given.deliver.find((target) => /^stdout\b/.test(target));
  if (stream !== undefined)
    throw new UsageError(
      `--deliver ${stream}: the result goes to standard output; --output-format json puts the new keys in it`,
    );
  if (given.outputFormat === "text" && given.deliver.length === 0 && !given.dryRun) {
    throw new UsageError(
      "the text format shows no secret, so a new key would be lost: add --deliver KIND:TARGET (or set KEYTURN_DELIVER), or --output-format json",
    );
  }
  return given;
}
