import { type Command, InvalidArgumentError, Option } from "commander";
import { InvalidInput } from "../core/invalid-input.ts";
import { presetNames, type PresetName } from "../core/policy.ts";
import { days, type Duration, formatDuration, parseDuration, seconds } from "../core/time.ts";

/*
 * Flags that several commands share, each group in one place. This file loads with every command, `--help` included:
 * it imports nothing that is slow to load.
 */

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

/** Words for commander, which puts the name of the flag before them. */
function orComplain<T>(read: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      throw new InvalidArgumentError(error.hint === null ? error.message : `${error.message}\nhint: ${error.hint}`);
    }
  };
}

const duration = orComplain(parseDuration);

export const wholeNumber = (lowest: number) =>
  orComplain((text) => {
    const count = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < lowest)
      throw new InvalidInput(`"${text}" is not a whole number from ${lowest}`);
    return count;
  });

const percent = orComplain((text) => {
  const share = Number(text.replace(/%$/, ""));
  if (text.trim() === "" || !(share >= 0 && share <= 100))
    throw new InvalidInput(`"${text}" is not a share from 0 to 100`);
  return share;
});

const path = orComplain((text) => {
  if (!text.startsWith("/")) throw new InvalidInput(`"${text}" is not an IAM path`, `it begins with a slash: /${text}`);
  return text.endsWith("/") ? text : `${text}/`;
});

const tag = (text: string, before: SelectorFlags["tag"]): SelectorFlags["tag"] => {
  const split = text.indexOf("=");
  if (split < 1) throw new InvalidArgumentError(`"${text}" is not KEY=VALUE`);
  return [...before, { key: text.slice(0, split), value: text.slice(split + 1) }];
};

const oneOf = <const T extends string>(...choices: readonly T[]) =>
  orComplain((text) => {
    const choice = choices.find((each) => each === text);
    if (choice === undefined) throw new InvalidInput(`"${text}" is none of ${choices.join(", ")}`);
    return choice;
  });

/** Flags that every command with users has. */
export interface SettingFlags {
  readonly policy: PresetName;
  readonly rotateAfter?: Duration;
  readonly maxAge?: Duration;
  readonly runEvery: Duration;
  readonly deliver: readonly string[];
  readonly escrow: string;
  readonly settle: Duration;
  readonly profile?: string;
  readonly region?: string;
}

export const withSettings = (command: Command): Command =>
  command
    .optionsGroup("Policy:")
    .option("--policy <name>", `one of ${presetNames.join(", ")}`, oneOf(...presetNames), "safe")
    .option("--rotate-after <duration>", "age of a key at which a successor is made, such as 90d", duration)
    .option(
      "--max-age <duration>",
      "derive --rotate-after so that no key is ever Active for longer than this",
      duration,
    )
    .addOption(
      new Option("--run-every <duration>", "how often runs come, for --max-age")
        .argParser(duration)
        .default(days(1), "1d"),
    )
    .optionsGroup("Where secrets go:")
    .option(
      "--deliver <kind:target>",
      "secretsmanager:prod/{user}, ssm:/keys/{user}, file:./keys/{user}.json, aws-profile:{user} or stdout; may be repeated",
      collect,
      [],
    )
    .option("--escrow <kind[:target]>", "where a new secret waits until it is delivered: ssm, file or none", "none")
    .addOption(
      new Option(
        "--settle <duration>",
        "how long IAM takes to show a write to every reader; 0s where nobody else runs keyturn",
      )
        .argParser(duration)
        .default(seconds(15), "15s"),
    )
    .optionsGroup("AWS:")
    .option("--profile <name>", "profile of the AWS configuration (default: AWS_PROFILE)")
    .option("--region <name>", "region of SSM and Secrets Manager (default: AWS_REGION, or the profile's)");

export interface SelectorFlags {
  readonly user: readonly string[];
  readonly path?: string;
  readonly tag: readonly { readonly key: string; readonly value: string }[];
  readonly allUsers?: true;
  readonly allowEmpty?: true;
}

export const withSelectors = (command: Command): Command =>
  command
    .optionsGroup("Which users (together they intersect):")
    .option("--user <name>", "this user; may be repeated", collect, [])
    .option("--path <path>", "users whose IAM path begins with this", path)
    .option("--tag <key=value>", "users with this tag; may be repeated", tag, [])
    .option("--all-users", "every user of the account")
    .option("--allow-empty", "no user at all is fine");

export interface LimitFlags {
  readonly maxRotations: number;
  readonly refuseAbove?: number;
  readonly failOn: "failed" | "blocked";
}

export const withLimits = (command: Command): Command =>
  command
    .optionsGroup("Limits:")
    .option("--max-rotations <number>", "new keys in one run, oldest first; the rest is deferred", wholeNumber(0), 10)
    .option(
      "--refuse-above <percent>",
      "refuse the whole run where more than this share of the users would change",
      percent,
    )
    .option(
      "--fail-on <what>",
      "exit 1 for users that failed, or also for blocked ones",
      oneOf("failed", "blocked"),
      "blocked",
    );

export interface AuditFlags {
  readonly audit?: string;
  readonly yes?: true;
}

export const withAudit = (command: Command): Command =>
  command
    .optionsGroup("Doing it:")
    .option("--yes", "do not ask")
    .option(
      "--audit <file>",
      "append every step to this file; none keeps no audit (default: keyturn/audit.jsonl in the state folder)",
    );

export interface OutputFlags {
  readonly format: "table" | "json";
  readonly verbose?: true;
}

export const withOutput = (command: Command): Command =>
  command
    .optionsGroup("Output:")
    .option("--format <format>", "table or json", oneOf("table", "json"), "table")
    .option("--verbose", "tell every step on standard error");

/** The selectors that the flags describe. Where `required`, one must be given: nobody rotates a whole account by accident. */
export function selectorsFrom(
  { user, path: below, tag: tags, allUsers, allowEmpty }: SelectorFlags,
  required: boolean,
) {
  const given = user.length > 0 || below !== undefined || tags.length > 0 || allUsers === true;
  if (required && !given)
    throw new InvalidInput(
      "which users? this command needs a selector",
      "--user NAME, --path /ci/, --tag KEY=VALUE or --all-users",
    );
  return { users: user, path: below ?? null, tags, allowEmpty: allowEmpty === true };
}

/** The flags of this invocation that a printed command needs too, as words. */
export function flagsToRepeat({
  deliver,
  escrow,
  policy: name,
  rotateAfter,
  maxAge,
  profile,
  region,
}: SettingFlags): readonly string[] {
  return [
    ...deliver.flatMap((target) => ["--deliver", target]),
    ...(escrow === "none" ? [] : ["--escrow", escrow]),
    ...(name === "safe" ? [] : ["--policy", name]),
    ...(rotateAfter === undefined ? [] : ["--rotate-after", formatDuration(rotateAfter)]),
    ...(maxAge === undefined ? [] : ["--max-age", formatDuration(maxAge)]),
    ...(profile === undefined ? [] : ["--profile", profile]),
    ...(region === undefined ? [] : ["--region", region]),
  ];
}
