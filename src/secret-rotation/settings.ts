import type { TestObject } from "../aws/object-reader.ts";
import type { Role } from "../aws/sts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { type DeactivateRule, type Policy, preset } from "../core/policy.ts";
import { parseTarget } from "../core/target.ts";
import { days, type Duration, milliseconds, parseDuration, seconds } from "../core/time.ts";
import { type Fields, readFields } from "../documents/fields.ts";

/** A tag that secrets and users bear where these functions may touch them. */
export interface RequiredTag {
  readonly key: string;
  readonly value: string;
}

/** How the two functions work: their environment variables, read. */
export interface FunctionSettings {
  readonly fields: Fields;
  /** Acts at IAM, where the users are in another account; null = the function's own role does. */
  readonly role: Role | null;
  /** What a new key must be able to read, where the secret names nothing itself; null = nothing. */
  readonly testObject: TestObject | null;
  /** Null = every secret that names the function, and every user that such a secret names. */
  readonly tag: RequiredTag | null;
  /** How long IAM takes to show a write to every reader. */
  readonly settle: Duration;
  /** When the cleanup retires and deletes. It makes no key, so its `rotateAfter` is out of reach. */
  readonly policy: Policy;
  /** The cleanup only says what it would do. */
  readonly dryRun: boolean;
  /** Every step is logged. */
  readonly debug: boolean;
}

/** The names that S5's secrets have. */
export const DEFAULT_FIELDS = { Key: "accessKeyId", Secret: "secretAccessKey", UserName: "userName" } as const;

/** What these functions may be given. Each has a default, and an empty one counts as none. */
type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the environment of a function. Throws {@link InvalidInput} with the variable's name. */
export function readSettings(variables: Variables): FunctionSettings {
  const given = (name: string): string | null => {
    const value = variables[name]?.trim();
    return value === undefined || value === "" ? null : value;
  };
  const read = <T>(name: string, parse: (text: string) => T, otherwise: T): T => {
    const text = given(name);
    return text === null ? otherwise : named(name, () => parse(text));
  };
  return {
    fields: read("KEYTURN_FIELDS", parseFields, defaultFields),
    role: roleFrom(given("KEYTURN_ROLE_ARN"), given("KEYTURN_EXTERNAL_ID")),
    testObject: named("KEYTURN_TEST_BUCKET", () =>
      testObjectFrom(given("KEYTURN_TEST_BUCKET"), given("KEYTURN_TEST_KEY"), given("KEYTURN_TEST_REGION")),
    ),
    tag: read("KEYTURN_TAG", parseTag, { key: "Rotatable", value: "true" }),
    settle: read("KEYTURN_SETTLE", parseDuration, seconds(15)),
    policy: {
      ...preset("secrets-manager"),
      rotateAfter: days(36_500),
      deactivate: read("KEYTURN_RETIRE", (text) => ruleFor(text, read), idleRule(read)),
      delete: {
        when: "after",
        after: read("KEYTURN_DELETE_AFTER", parseDuration, days(1)),
        quiet: milliseconds(0),
      },
    },
    dryRun: given("KEYTURN_DRY_RUN") === "true",
    debug: given("DEBUG") === "true",
  };
}

type ReadVariable = <T>(name: string, parse: (text: string) => T, otherwise: T) => T;

/** `idle` = the new key is in use and the old one was quiet · `time` = so long after the delivery, whoever uses which. */
function ruleFor(text: string, read: ReadVariable): DeactivateRule {
  if (text === "idle") return idleRule(read);
  if (text === "time") return { when: "after", after: read("KEYTURN_QUIET", parseDuration, days(1)) };
  throw new InvalidInput(`"${text}" is neither idle nor time`);
}

const idleRule = (read: ReadVariable): DeactivateRule => ({
  when: "idle",
  for: read("KEYTURN_QUIET", parseDuration, days(1)),
  remindAfter: read("KEYTURN_REMIND_AFTER", parseDuration, days(14)),
  atLatest: "never",
});

/** `NAME=VALUE&NAME=VALUE`, with the values that `field.NAME=` of a target has. Throws {@link InvalidInput}. */
export function parseFields(text: string): Fields {
  const options = text
    .split("&")
    .filter((each) => each !== "")
    .map((each) => `field.${each}`);
  const fields = readFields(parseTarget(`secretsmanager:fields?${options.join("&")}`), DEFAULT_FIELDS);
  if (![...fields.names.values()].includes("userName"))
    throw new InvalidInput("no field holds the userName: nobody could tell whose key it is", "add NAME=userName");
  return fields;
}

export const defaultFields: Fields = parseFields(
  Object.entries(DEFAULT_FIELDS)
    .map(([name, value]) => `${name}=${value}`)
    .join("&"),
);

function parseTag(text: string): RequiredTag | null {
  if (text === "none") return null;
  const split = text.indexOf("=");
  if (split < 1) throw new InvalidInput(`"${text}" is not KEY=VALUE`, "for example Rotatable=true, or none");
  return { key: text.slice(0, split), value: text.slice(split + 1) };
}

function roleFrom(arn: string | null, externalId: string | null): Role | null {
  if (arn === null) {
    if (externalId === null) return null;
    throw new InvalidInput("KEYTURN_EXTERNAL_ID is set, but no role", "set KEYTURN_ROLE_ARN, too");
  }
  if (!/^arn:[\w-]+:iam::\d{12}:role\/[\x21-\x7e]+$/.test(arn))
    throw new InvalidInput(
      `KEYTURN_ROLE_ARN: "${arn}" is not the ARN of a role`,
      "arn:aws:iam::111122223333:role/NAME",
    );
  return { arn, externalId };
}

/**
 * An object to read, from three texts that anybody may have written: a region becomes part of a host name. Null where none of
 * them is given. Throws {@link InvalidInput}.
 */
export function testObjectFrom(bucket: string | null, key: string | null, region: string | null): TestObject | null {
  if (bucket === null && key === null && region === null) return null;
  if (bucket === null || key === null)
    throw new InvalidInput("a test object needs a bucket and a key", "give both, or neither");
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw new InvalidInput(`"${bucket}" is no name of a bucket`);
  if (region !== null && !/^[a-z]{2,4}(-[a-z]+)+-\d$/.test(region))
    throw new InvalidInput(`"${region}" is no region`, "for example eu-west-1");
  return { bucket, key, region };
}

function named<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(`${name}: ${error.message}`, error.hint);
  }
}
