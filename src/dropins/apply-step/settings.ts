import type { Settings } from "../../compose.ts";
import { isAccessKeyId, type KeyPair } from "../../core/access-key.ts";
import { InvalidInput } from "../../core/invalid-input.ts";
import { checkPolicy, preset } from "../../core/policy.ts";
import { sameForAll } from "../../core/rulebook.ts";
import { parseAccount, parseWholeNumber } from "../../core/scalars.ts";
import { Secret } from "../../core/secret.ts";
import { days, type Duration, milliseconds, parseDuration, seconds } from "../../core/time.ts";

/** Where the script before kept the pair, and where its readers look for it. */
const TARGET = "ssm:/{user}?split=yes&accessKeyIdName=iam-key&secretAccessKeyName=iam-secret";

/** The script's variables, in lower case as ever, and keyturn's own. */
export interface Given {
  readonly userName: string;
  /** The pair that somebody hands in; null where there is none. */
  readonly handedIn: KeyPair | null;
  /** A key is due when it is older than this many whole days. */
  readonly maxAgeDays: number;
  /** An Inactive key goes when it has been that for more than this many whole days. */
  readonly deleteAfterDays: number;
  readonly region: string | null;
  /** Any other account is refused; null = none is. */
  readonly account: string | null;
  readonly escrow: string | null;
  readonly settle: Duration;
  /** What the module that runs this finds again at its next plan; null where nobody asks for it. */
  readonly mark: string | null;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** IAM needs that long to show a write to everybody; an apply that rotates can spare it. */
const USUAL_SETTLE = seconds(15);

const LONGEST_DAYS = 36_500;

/** Reads the environment. Throws {@link InvalidInput}, which names the variable and quotes no secret. */
export function givenIn(environment: Environment): Given {
  const userName = valueOf(environment, "iam_user");
  if (userName === null) throw new InvalidInput("iam_user is not set", "the name of the IAM user whose key it is");
  if (!/^[\w+=,.@-]{1,64}$/.test(userName))
    throw new InvalidInput("iam_user is not the name of an IAM user", "letters, digits and _+=,.@- only, at most 64");
  const mark = valueOf(environment, "KEYTURN_MARK");
  if (mark !== null && !/^[\w:.-]{1,64}$/.test(mark)) throw new InvalidInput("KEYTURN_MARK is not a plain word");
  return {
    userName,
    handedIn: handedInBy(environment),
    maxAgeDays: daysIn(environment, "max_age_in_days", 60),
    deleteAfterDays: daysIn(environment, "delete_after_in_days", 10),
    region: valueOf(environment, "region"),
    account: read(environment, "KEYTURN_ACCOUNT", parseAccount),
    escrow: valueOf(environment, "KEYTURN_ESCROW"),
    settle: read(environment, "KEYTURN_SETTLE", parseDuration) ?? USUAL_SETTLE,
    mark,
  };
}

/** `-1` is how the module before wrote that there is none. */
function valueOf(environment: Environment, name: string): string | null {
  const value = environment[name]?.trim() ?? "";
  return value === "" || value === "-1" ? null : value;
}

function read<T>(environment: Environment, name: string, parse: (text: string) => T): T | null {
  const value = environment[name]?.trim() ?? "";
  if (value === "") return null;
  try {
    return parse(value);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(`${name}: ${error.message}`, error.hint);
  }
}

function daysIn(environment: Environment, name: string, otherwise: number): number {
  return read(environment, name, (text) => parseWholeNumber(text, 0, LONGEST_DAYS)) ?? otherwise;
}

function handedInBy(environment: Environment): KeyPair | null {
  const id = valueOf(environment, "access_key_id");
  const secret = valueOf(environment, "secret_key");
  if (id === null && secret === null) return null;
  if (id === null || secret === null)
    throw new InvalidInput("access_key_id and secret_key go together: one of them is missing", "give both, or neither");
  if (!isAccessKeyId(id)) throw new InvalidInput("access_key_id is not an access key id", "AKIA and so on");
  return { accessKeyId: id, secretAccessKey: new Secret(secret) };
}

/**
 * The policy of the script: `older than N days` is whole days, so a key is due a day after its Nth birthday, and an Inactive one
 * goes a day after it was due to. A key that a person made Inactive is kept until its slot is needed, and goes only where it is
 * the older one and has been out of use for that long: else nothing would ever rotate again.
 */
export function settingsFrom({ maxAgeDays, deleteAfterDays, region, escrow, settle }: Given): Settings {
  const [rotateAfter, deleteAfter] = [days(maxAgeDays + 1), days(deleteAfterDays + 1)];
  const policy = checkPolicy({
    ...preset("superseded"),
    rotateAfter,
    delete: { when: "after", after: deleteAfter, quiet: milliseconds(0) },
    inactiveKeys: { deleteAfter: milliseconds(Math.max(rotateAfter, deleteAfter)), onlyReplaced: true },
  });
  return { rulebook: sameForAll(policy, [TARGET]), escrow, settle, asked: false, profile: null, region, mail: null };
}
