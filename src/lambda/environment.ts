import type { Settings } from "../compose.ts";
import type { Config } from "../config/load.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { mailDefaults, type MailSettings } from "../core/mail-settings.ts";
import type { Match } from "../core/match.ts";
import type { Bounds } from "../core/owner-tags.ts";
import { presets } from "../core/policy.ts";
import { type Layer, type Rulebook, rulebookOf, targetsOf } from "../core/rulebook.ts";
import { parseAccount, parsePath, parseWholeNumber } from "../core/scalars.ts";
import { days, type Duration, minutes, seconds } from "../core/time.ts";
import { readMailEnvironment } from "./mail-environment.ts";
import { passedOver } from "./unsuited.ts";
import { type Variables, VariableReader } from "./variables.ts";

/** The tag that says whose keys are rotated, and where they are mailed to. */
export const EMAIL_TAG = "IKR:EMAIL";

/** What the variables of a function say. */
export interface Environment {
  /** The DynamoDB table of the timer; null = there is none, scheduled runs do it all. */
  readonly table: string | null;
  readonly rotateAfter: Duration;
  readonly deleteAfter: Duration;
  /** How long a predecessor that could not go yet is left alone. */
  readonly retryAfter: Duration;
  /** The account that the function is for; null = any. */
  readonly account: string | null;
  /** The function is about users below this path alone, such as `/ci/`; null = all. Its role may reach no others. */
  readonly path: string | null;
  /** `KEYTURN_CONFIG` as it stands; null = none. */
  readonly config: string | null;
  readonly mail: MailSettings | null;
  /** Variables about the policy that somebody has set. */
  readonly policyVariables: readonly string[];
  readonly warnings: readonly string[];
}

const POLICY_VARIABLES = ["ROTATE_AFTER_DAYS", "ACCESS_KEY_AGE", "DELETE_AFTER_DAYS"] as const;

/** Reads the environment of a function. Throws {@link InvalidInput} that names every variable that cannot be used. */
export function readEnvironment(variables: Variables): Environment {
  const reader = new VariableReader(variables);
  const given = reader.text("KEYTURN_CONFIG");
  const config = given === "none" ? null : given;
  const environment = {
    table: reader.read("IAM_KEY_ROTATOR_TABLE", "iam-key-rotator", tableName),
    rotateAfter: readRotateAfter(reader),
    deleteAfter: days(reader.read("DELETE_AFTER_DAYS", 5, (text) => parseWholeNumber(text, 1, 3650))),
    retryAfter: minutes(reader.read("RETRY_AFTER_MINS", 5, (text) => parseWholeNumber(text, 1, 10_080))),
    account: reader.read("ACCOUNT_ID", null, parseAccount),
    path: reader.read("USER_PATH", null, parsePath),
    config,
    mail: readMailEnvironment(reader, config === null),
    policyVariables: POLICY_VARIABLES.filter((name) => reader.text(name) !== null),
    warnings: reader.warnings,
  };
  reader.finish();
  return environment;
}

/**
 * A key is due when its age in whole days is more than the number, as the older tool has it: from the day after on.
 * `ACCESS_KEY_AGE` is the name that its page has for the same thing.
 */
function readRotateAfter(reader: VariableReader): Duration {
  const byPage = reader.read("ACCESS_KEY_AGE", null, wholeDays);
  const byCode = reader.read("ROTATE_AFTER_DAYS", null, wholeDays);
  if (byPage !== null && byCode !== null)
    reader.warnings.push("ACCESS_KEY_AGE is passed over: ROTATE_AFTER_DAYS says the same thing");
  else if (byPage !== null) reader.warnings.push("ACCESS_KEY_AGE is an old name: call it ROTATE_AFTER_DAYS");
  return days((byCode ?? byPage ?? 85) + 1);
}

const wholeDays = (text: string): number => parseWholeNumber(text, 0, 3650);

function tableName(text: string): string | null {
  if (text === "none") return null;
  if (!/^[A-Za-z0-9_.-]{3,255}$/.test(text)) throw new InvalidInput(`"${text}" is not the name of a table`);
  return text;
}

/** Everything that one invocation goes by. */
export interface LambdaSettings {
  readonly settings: Settings;
  /** Whom it is about, as the configuration selects them; null = whoever has an owner. */
  readonly match: Match | null;
  /** The accounts that it may be about; null = any. */
  readonly accounts: readonly string[] | null;
  readonly maxRotations: number;
  /** Null = never. */
  readonly refuseAbovePercent: number | null;
  readonly warnings: readonly string[];
}

/** New keys in one run, where nobody says: a first run over a large account is spread over days. */
const MAX_ROTATIONS = 100;

/**
 * What holds, out of variables and configuration. A configuration speaks for itself: what it leaves out means here what it means on
 * a terminal, and variables about the policy beside it are passed over, with a warning. Two things it may leave to the
 * variables: whom (users with the tag `IKR:EMAIL`), and where keys go (mail).
 */
export function settingsFrom(environment: Environment, config: Config | null): LambdaSettings {
  const ignored = config === null ? [] : ignoredBy(environment, config);
  return {
    settings: {
      rulebook: withOwners(
        config === null ? rulebookOf(layerOf(environment)) : withTargets(config, environment),
        config,
        config?.mail ?? environment.mail,
      ),
      escrow: config?.escrow ?? "ssm",
      settle: config?.settle ?? seconds(15),
      asked: false,
      profile: null,
      region: config?.region ?? null,
      mail: config?.mail ?? environment.mail,
      ledger: config?.ledger ?? null,
    },
    match: config?.select ?? null,
    accounts: accountsOf(environment, config),
    maxRotations: config?.maxRotations ?? MAX_ROTATIONS,
    refuseAbovePercent: config?.refuseAbove ?? null,
    warnings: [...environment.warnings, ...ignored],
  };
}

const layerOf = ({ rotateAfter, deleteAfter }: Environment): Layer => ({
  match: null,
  policy: {
    preset: "expiring",
    rotateAfter,
    delete: { ...presets.expiring.delete, after: deleteAfter },
  },
  ...byMail,
  origins: new Map([
    ["policy.rotateAfter", "ROTATE_AFTER_DAYS"],
    ["policy.delete", "DELETE_AFTER_DAYS"],
    ["deliver", "MAIL_FROM"],
  ]),
});

const byMail: Pick<Layer, "deliver"> = { deliver: ["email"] };

/** The configuration's own targets; mail, where it names none at all and there are variables about mail. */
function withTargets({ rulebook }: Config, { mail }: Environment): Rulebook {
  if (mail === null || targetsOf(rulebook).length > 0) return rulebook;
  const layer: Layer = { match: null, policy: {}, ...byMail, origins: new Map([["deliver", "MAIL_FROM"]]) };
  return { ...rulebook, layers: [...rulebook.layers, layer] };
}

/**
 * Where no configuration selects users or speaks of owners, it is about users whose tags name an owner, and the tags may say what they
 * always might: any time from a day to a year. A configuration can narrow that.
 */
function withOwners(rulebook: Rulebook, config: Config | null, mail: MailSettings | null): Rulebook {
  if (rulebook.owners !== undefined && config?.select !== null) return rulebook;
  const { addressChangeDelay, warnBefore, allowedDomains } = { ...mailDefaults, allowedDomains: null, ...mail };
  const usual = {
    rotateAfter: WITHIN_A_YEAR,
    deleteAfter: WITHIN_A_YEAR,
    allowedDomains,
    addressChangeDelay,
    warnBefore,
  };
  return {
    ...rulebook,
    owners: { ...usual, ...rulebook.owners, only: (config?.select ?? null) === null, moreThan: true },
  };
}

const WITHIN_A_YEAR: Bounds = { atLeast: days(1), atMost: days(365) };

function accountsOf({ account }: Environment, config: Config | null): readonly string[] | null {
  const named = config?.accounts ?? null;
  if (account === null || named === null) return named ?? (account === null ? null : [account]);
  if (!named.includes(account))
    throw new InvalidInput(
      `ACCOUNT_ID is ${account}, and the configuration is for ${named.join(", ")}`,
      "give both the account of this function",
    );
  return [account];
}

function ignoredBy({ policyVariables }: Environment, config: Config): readonly string[] {
  return [
    ...policyVariables.map((name) => `${name} is passed over: the policy is that of KEYTURN_CONFIG`),
    ...passedOver(config),
  ];
}
