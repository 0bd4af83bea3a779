import { type Command, InvalidArgumentError, Option } from "commander";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Match } from "../core/match.ts";
import { presetNames, type PresetName } from "../core/policy.ts";
import { parseAccount, parsePath, parsePercent, parseWholeNumber } from "../core/scalars.ts";
import { type Duration, formatDuration, formatInstant, type Instant, parseDuration } from "../core/time.ts";
import { describeWindow, parseMoment, parseWindowOrAny, type Window } from "../core/window.ts";

/*
 * Flags that several commands share, each group in one place. This file loads with every command, `--help` included:
 * it imports nothing that is slow to load.
 */

export const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];

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

export const duration = orComplain(parseDuration);

export const wholeNumber = (lowest: number) => orComplain((text) => parseWholeNumber(text, lowest));

const percent = orComplain(parsePercent);

const path = orComplain(parsePath);

export const account = orComplain(parseAccount);

const accountId = (text: string, before: readonly string[]): readonly string[] => [...before, account(text)];

/** An empty one, as of a variable that is not set, would exempt nobody, and nobody would notice. */
const namePattern = (text: string, before: readonly string[]): readonly string[] => {
  if (text.trim() === "") throw new InvalidArgumentError("it is empty, and would fit nobody");
  return [...before, text];
};

/** A flag that collects; `read` = how one more value is taken in. */
export const repeatable = <T>(
  flags: string,
  summary: string,
  read: (text: string, before: readonly T[]) => readonly T[],
) => new Option(flags, `${summary}; may be repeated`).argParser(read).default([], "none");

const tag = (text: string, before: SelectorFlags["tag"]): SelectorFlags["tag"] => {
  const split = text.indexOf("=");
  if (split < 1) throw new InvalidArgumentError(`"${text}" is not KEY=VALUE`);
  return [...before, { key: text.slice(0, split), value: text.slice(split + 1) }];
};

/** A reader of values that says which ones there are, for shell completion. */
export const choices = <T>(read: (text: string) => T, values: readonly string[]) =>
  Object.assign((text: string) => read(text), { values });

export const oneOf = <const T extends string>(...words: readonly T[]) =>
  choices(
    orComplain((text) => {
      const word = words.find((each) => each === text);
      if (word === undefined) throw new InvalidInput(`"${text}" is none of ${words.join(", ")}`);
      return word;
    }),
    words,
  );

/** Flags that every command with users has. What is not typed is left to the configuration, then to the defaults. */
export interface SettingFlags {
  readonly config?: string;
  readonly policy?: PresetName;
  readonly rotateAfter?: Duration;
  readonly maxAge?: Duration;
  readonly runEvery?: Duration;
  /** Null = at any time. */
  readonly window?: Window | null;
  readonly notBefore?: Instant;
  readonly exempt: readonly string[];
  readonly deliver: readonly string[];
  readonly escrow?: string;
  readonly settle?: Duration;
  readonly account: readonly string[];
  readonly profile?: string;
  readonly region?: string;
}

export const withSettings = (command: Command): Command => withAccount(withRules(command));

const withRules = (command: Command): Command =>
  command
    .optionsGroup("Policy:")
    .option(
      "--config <file>",
      "keyturn.yaml with all of this and more (default: ./keyturn.yaml where it is; none = none)",
    )
    .addOption(
      new Option("--policy <name>", `one of ${presetNames.join(", ")} (default: safe)`).argParser(
        oneOf(...presetNames),
      ),
    )
    .option("--rotate-after <duration>", "age of a key at which a successor is made, such as 90d", duration)
    .option(
      "--max-age <duration>",
      "derive --rotate-after so that no key is ever Active for longer than this",
      duration,
    )
    .option("--run-every <duration>", "how often runs come, for --max-age (default: 1d)", duration)
    .option(
      "--window <days hours zone>",
      'rotate and deactivate only then, as in "mon-fri 09:00-17:00 Europe/Berlin"; any = at any time',
      orComplain(parseWindowOrAny),
    )
    .option("--not-before <date>", "rotate and deactivate nothing before this", orComplain(parseMoment))
    .addOption(repeatable("--exempt <pattern>", "leave users with such a name alone, as in break-glass-*", namePattern))
    .optionsGroup("Where secrets go:")
    .addOption(
      repeatable(
        "--deliver <kind:target>",
        "secretsmanager:prod/{user}, ssm:/keys/{user}, file:./keys/{user}.json, aws-profile:{user} or stdout",
        collect,
      ),
    )
    .option(
      "--escrow <kind[:target]>",
      "where a new secret waits until it is delivered: ssm, file or none (default: none)",
    )
    .option(
      "--settle <duration>",
      "how long IAM takes to show a write to every reader; 0s where nobody else runs keyturn (default: 15s)",
      duration,
    );

/** Flags that say which account and region are meant. */
export const withAccount = (command: Command): Command =>
  withProfile(
    command.optionsGroup("AWS:").addOption(repeatable("--account <id>", "refuse any account but this", accountId)),
  );

export const withProfile = (command: Command): Command =>
  command
    .optionsGroup("AWS:")
    .option("--profile <name>", "profile of the AWS configuration (default: AWS_PROFILE)")
    .option("--region <name>", "region of SSM and Secrets Manager (default: AWS_REGION, or the profile's)");

export interface SelectorFlags {
  readonly user: readonly string[];
  readonly path?: string;
  readonly tag: readonly { readonly key: string; readonly value: string }[];
  readonly allUsers?: true;
  readonly allowEmpty?: true;
  readonly exact?: true;
}

export const withSelectors = (command: Command): Command =>
  command
    .optionsGroup("Which users (whoever fits all of these):")
    .addOption(repeatable("--user <name>", "this user", collect))
    .option("--path <path>", "users whose IAM path begins with this", path)
    .addOption(repeatable("--tag <key=value>", "users with this tag", tag))
    .option("--all-users", "every user of the account")
    .option("--allow-empty", "that nobody fits is no error")
    .option(
      "--exact",
      "read every user one by one; else, in accounts of more than 100, the credential report rules out most",
    );

export interface LimitFlags {
  readonly maxRotations?: number;
  readonly refuseAbove?: number;
  readonly failOn?: "failed" | "blocked";
}

export const withLimits = (command: Command): Command =>
  withFailOn(
    command
      .optionsGroup("Limits:")
      .option(
        "--max-rotations <number>",
        "new keys in one run, oldest first; the rest is deferred (default: 10)",
        wholeNumber(0),
      )
      .option(
        "--refuse-above <percent>",
        "refuse the whole run where more than this share of the users would change",
        percent,
      ),
  );

export const withFailOn = (command: Command): Command =>
  command.option(
    "--fail-on <what>",
    "exit 1 for users that failed, or also for blocked ones (default: blocked)",
    oneOf("failed", "blocked"),
  );

export interface AuditFlags {
  readonly audit?: string;
  readonly yes?: true;
}

export const withAudit = (command: Command): Command =>
  command
    .optionsGroup("Doing it:")
    .option("--yes", "do not ask for confirmation")
    .option(
      "--audit <file>",
      "append every step to this file; none keeps no audit (default: keyturn/audit.jsonl in the state folder)",
    );

export interface OutputFlags {
  /** `ndjson` only where {@link withStream} offers it. */
  readonly format: "table" | "json" | "ndjson";
  readonly verbose?: true;
}

export const withFormat = (command: Command): Command =>
  command.optionsGroup("Output:").option("--format <format>", "table or json", oneOf("table", "json"), "table");

export const withOutput = (command: Command): Command => withVerbose(withFormat(command));

const withVerbose = (command: Command): Command =>
  command.option("--verbose", "tell on standard error what was read, and every step");

/** As {@link withOutput}, for what tells of many users: also a line of JSON for each of them. */
export const withStream = (command: Command): Command => withVerbose(withLines(command));

/** The formats of {@link withStream} alone. */
export const withLines = (command: Command): Command =>
  command
    .optionsGroup("Output:")
    .option(
      "--format <format>",
      "table, json, or ndjson: a line for each user as soon as its account is done, then for the account, then totals",
      oneOf("table", "json", "ndjson"),
      "table",
    );

export interface FleetFlags {
  readonly allAccounts?: true;
}

/** For commands that work in many accounts: belongs before the selectors. */
export const withFleet = (command: Command): Command =>
  command
    .optionsGroup("Which accounts:")
    .option(
      "--all-accounts",
      "every account that keyturn.yaml names with a role, or of its organization; with --account only those",
    );

/**
 * The selectors that the flags describe, or else the configuration's (`select`). Where `required`, one must be given: nobody
 * rotates a whole account by accident.
 */
export function selectorsFrom(
  { user, path: below, tag: tags, allUsers, allowEmpty, exact }: SelectorFlags,
  select: Match | null,
  required: boolean,
) {
  const given = user.length > 0 || below !== undefined || tags.length > 0 || allUsers === true;
  if (required && !given && select === null)
    throw new InvalidInput(
      "which users? this command needs a selector",
      "--user NAME, --path /ci/, --tag KEY=VALUE or --all-users, or select: in keyturn.yaml",
    );
  return {
    users: user,
    path: below ?? null,
    tags,
    match: given ? null : select,
    allowEmpty: allowEmpty === true,
    exact: exact === true,
  };
}

const word = (flag: string, value: string | undefined): readonly string[] => (value === undefined ? [] : [flag, value]);

/** The flags of this invocation that a printed command needs too, as words. */
export function flagsToRepeat(flags: SettingFlags): readonly string[] {
  const span = (flag: string, value: Duration | undefined) =>
    word(flag, value === undefined ? undefined : formatDuration(value));
  return [
    ...word("--config", flags.config),
    ...flags.deliver.flatMap((target) => ["--deliver", target]),
    ...word("--escrow", flags.escrow),
    ...word("--policy", flags.policy),
    ...span("--rotate-after", flags.rotateAfter),
    ...span("--max-age", flags.maxAge),
    ...span("--run-every", flags.runEvery),
    ...word(
      "--window",
      flags.window === undefined ? undefined : flags.window === null ? "any" : describeWindow(flags.window),
    ),
    ...word("--not-before", flags.notBefore === undefined ? undefined : formatInstant(flags.notBefore)),
    ...flags.exempt.flatMap((pattern) => ["--exempt", pattern]),
    ...word("--profile", flags.profile),
    ...word("--region", flags.region),
  ];
}
