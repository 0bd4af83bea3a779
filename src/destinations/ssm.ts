import {
  GetParameterCommand,
  type Parameter,
  type ParameterHistory,
  type ParameterTier,
  PutParameterCommand,
  type PutParameterCommandInput,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { call, callOrAbsent } from "../aws/call.ts";
import { regionalConfig } from "../aws/clients.ts";
import {
  checkPattern,
  DEEPEST_PARAMETER,
  keptLooks,
  kmsStatements,
  LONGEST_PARAMETER,
  PARAMETER_ALPHABET,
  PARAMETER_VERSIONS,
  parameterHistory,
  RESERVED_PARAMETERS,
} from "../aws/parameters.ts";
import { type AccessKeyId, isAccessKeyId, type KeyPair, type User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Served } from "../core/observation.ts";
import { type Statement, wildcard } from "../core/permissions.ts";
import { Secret } from "../core/secret.ts";
import { checkOptions, expandName, type Target } from "../core/target.ts";
import { type Instant, instant } from "../core/time.ts";
import { type Fields, isFieldOption, readFields, secretsOf } from "../documents/fields.ts";
import { readJson, writeJson } from "../documents/json.ts";
import { CallError, type Clock, type Destination } from "../ports.ts";
import type { DestinationKind } from "./kind.ts";

const JSON_FIELDS = { AccessKeyId: "accessKeyId", SecretAccessKey: "secretAccessKey" } as const;

/** How the description of the secret's own parameter begins, where id and secret are two parameters. */
const PAIRED = "Secret access key of ";

/** What a value looks like, before there is a key. */
const EXAMPLE: KeyPair = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE" as AccessKeyId, // AWS's own example
  secretAccessKey: new Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
};

interface Settings {
  readonly template: string;
  /** Null: one parameter that holds both as JSON. Else the names, below the target's, of two that hold one each. */
  readonly split: { readonly id: string; readonly secret: string } | null;
  readonly fields: Fields;
  readonly kmsKeyId: string | null;
  readonly tier: ParameterTier | null;
  readonly region: string | null;
}

/**
 * SSM Parameter Store: one SecureString that holds both values as JSON, so that no reader ever sees half of a pair; or two
 * parameters (`split=yes`), where a reader between two calls may. KMS key, tier, policies, description and type stay.
 */
export const ssm: DestinationKind = {
  kind: "ssm",
  readable: true,
  isStream: false,
  parse: (target) => {
    const settings = readSettings(target);
    return {
      permissions: (caller, region) =>
        permissions(settings, `arn:${caller.partition}:ssm:${settings.region ?? region}:${caller.account}:parameter`),
      open: ({ access, caller, clock }) => {
        const client = new SSMClient(regionalConfig(access, settings.region));
        return (user) => {
          const name = nameFor(settings, user, caller.account);
          const store = new ParameterStore(client, settings, clock);
          return settings.split === null
            ? oneParameter(store, settings, user, name)
            : twoParameters(store, settings.split, name);
        };
      },
    };
  },
};

function readSettings(target: Target): Settings {
  const { name, options, text } = target;
  checkOptions(
    target,
    ["split", "accessKeyIdName", "secretAccessKeyName", "kmsKeyId", "tier", "region"],
    isFieldOption,
  );
  if (!name.startsWith("/") || name.endsWith("/"))
    throw new InvalidInput(`${text} names no parameter`, "for example ssm:/keys/{user}");
  if (RESERVED_PARAMETERS.test(name)) throw new InvalidInput(`${text}: names that begin with aws or ssm are AWS's own`);
  if (/[^A-Za-z0-9_.\-/{}]/.test(name) || name.includes("//"))
    throw new InvalidInput(`${text} is not a parameter's name`, "letters, digits and _.-/ only");
  const tier = options.get("tier") ?? null;
  if (tier !== null && tier !== "Standard" && tier !== "Advanced" && tier !== "Intelligent-Tiering") {
    throw new InvalidInput(`${text}: there is no tier ${tier}`, "Standard, Advanced or Intelligent-Tiering");
  }
  return {
    template: name,
    split: readSplit(target),
    fields: readFields(target, JSON_FIELDS),
    kmsKeyId: options.get("kmsKeyId") ?? null,
    tier,
    region: options.get("region") ?? null,
  };
}

function readSplit({ options, text }: Target): Settings["split"] {
  const split = options.get("split") ?? "no";
  if (split !== "yes" && split !== "no") throw new InvalidInput(`${text}: split is yes or no`);
  const stray = [...options.keys()].find((name) =>
    split === "yes" ? isFieldOption(name) : /^(accessKeyId|secretAccessKey)Name$/.test(name),
  );
  if (stray !== undefined)
    throw new InvalidInput(`${text}: ${stray} means nothing ${split === "yes" ? "with" : "without"} split=yes`);
  if (split === "no") return null;
  const id = options.get("accessKeyIdName") ?? "access-key-id";
  const secret = options.get("secretAccessKeyName") ?? "secret-access-key";
  const odd = [id, secret].find((each) => !/^[A-Za-z0-9_.-]+$/.test(each));
  if (odd !== undefined)
    throw new InvalidInput(
      `${text}: "${odd}" is not the last part of a parameter's name`,
      "letters, digits and _.- only",
    );
  if (id === secret) throw new InvalidInput(`${text}: id and secret would be the same parameter`);
  return { id, secret };
}

function nameFor({ template, split }: Settings, user: User, account: string): string {
  const name = expandName(template, user, account, PARAMETER_ALPHABET);
  if (name.endsWith("/")) throw new InvalidInput(`ssm:${name} names no parameter`, "end the target in {user}");
  if (RESERVED_PARAMETERS.test(name))
    throw new InvalidInput(`ssm:${name}: names that begin with aws or ssm are AWS's own`);
  for (const each of split === null ? [name] : [`${name}/${split.id}`, `${name}/${split.secret}`]) {
    const depth = each.split("/").length - 1;
    if (depth > DEEPEST_PARAMETER)
      throw new InvalidInput(`ssm:${each} is ${depth} levels deep`, `Parameter Store allows ${DEEPEST_PARAMETER}`);
    if (each.length > LONGEST_PARAMETER) throw new InvalidInput(`ssm:${each} is too long a name for a parameter`);
  }
  return name;
}

function permissions({ template, split, kmsKeyId }: Settings, parameters: string): readonly Statement[] {
  const statement: Statement = {
    sid: "DeliverToParameterStore",
    actions: ["ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter"],
    resources: [`${parameters}${wildcard(template)}${split === null ? "" : "/*"}`],
  };
  return [statement, ...kmsStatements("KmsForParameterStore", kmsKeyId)];
}

/** What a parameter is besides its values, as its history told last. */
interface Looks {
  /** Without its value; null where there is none. */
  readonly newest: ParameterHistory | null;
  /** It has as many versions as it can, and the oldest bears a label: it takes no other. */
  readonly isFull: boolean;
}

function looksOf(versions: readonly ParameterHistory[]): Looks {
  const [oldest] = versions;
  const newest = versions.at(-1) ?? null;
  if (newest === null) return { newest, isFull: false };
  const { Value: _, ...looks } = newest;
  return { newest: looks, isFull: versions.length >= PARAMETER_VERSIONS && (oldest?.Labels ?? []).length > 0 };
}

/** Single parameters, with what must not change when they are overwritten. */
class ParameterStore {
  readonly #client: SSMClient;
  readonly #settings: Settings;
  readonly #clock: Clock;
  readonly #looks = new Map<string, Looks>();

  constructor(client: SSMClient, settings: Settings, clock: Clock) {
    this.#client = client;
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Null where there is none. Throws {@link InvalidInput} where it is not a SecureString. */
  async get(name: string, type: "SecureString" | "String" = "SecureString"): Promise<Parameter | null> {
    const answer = await callOrAbsent("ssm:GetParameter", name, (options) =>
      this.#client.send(new GetParameterCommand({ Name: name, WithDecryption: true }), options),
    );
    const { Type } = answer?.Parameter ?? {};
    if (Type !== undefined && Type !== type && !(type === "String" && Type === "SecureString")) {
      throw new InvalidInput(
        `ssm:${name} is a parameter of type ${Type}, not ${type}`,
        "delete it, or choose another target: the type of a parameter cannot be changed",
      );
    }
    return answer?.Parameter ?? null;
  }

  /** Oldest version first. */
  async history(name: string, decrypt: boolean): Promise<readonly ParameterHistory[]> {
    const versions = await parameterHistory(this.#client, name, decrypt);
    this.#looks.set(name, looksOf(versions));
    return versions;
  }

  /** As {@link ParameterStore.#newest}. Throws {@link InvalidInput} where the parameter would not take such a value. */
  async look(name: string, value: string): Promise<ParameterHistory | null> {
    const newest = await this.#newest(name);
    checkPattern(name, newest, value, "a key");
    return newest;
  }

  /**
   * What the newest version is besides its value; asked only where no history was read yet, for nobody changes it every minute.
   * `GetParameter` tells neither the KMS key nor the tier. Throws {@link InvalidInput} where the parameter takes no other version.
   */
  async #newest(name: string): Promise<ParameterHistory | null> {
    const { newest, isFull } = this.#looks.get(name) ?? looksOf(await this.history(name, false));
    if (isFull) {
      throw new InvalidInput(
        `ssm:${name} has ${PARAMETER_VERSIONS} versions and the oldest bears a label: it takes no other`,
        "move the label to a newer version",
      );
    }
    return newest;
  }

  async put(name: string, value: string, secrets: readonly Secret[], description: string | null = null): Promise<void> {
    const before = await this.look(name, value);
    const type = before?.Type ?? "SecureString";
    const keyId = before?.KeyId ?? this.#settings.kmsKeyId;
    const { tier } = this.#settings;
    const input: PutParameterCommandInput = {
      Name: name,
      Value: value,
      Type: type,
      Overwrite: before !== null,
      ...(type === "SecureString" && keyId !== null ? { KeyId: keyId } : {}),
      ...(tier === null ? {} : { Tier: tier }),
      ...keptLooks(before),
      ...(description === null ? {} : { Description: description }),
    };
    if (before === null) this.#looks.delete(name);
    try {
      await call("ssm:PutParameter", name, (options) => this.#client.send(new PutParameterCommand(input), options), [
        ...secrets,
        new Secret(value),
      ]);
    } catch (error) {
      // A repeated put whose first answer was lost finds its own parameter.
      const exists = error instanceof CallError && error.code === "ParameterAlreadyExists";
      if (!exists || (await this.get(name, "String"))?.Value !== value) throw error;
    }
  }

  writtenAt(parameter: Parameter | null): Instant | null {
    return parameter === null ? null : instant(parameter.LastModifiedDate?.getTime() ?? this.#clock.now());
  }
}

/** Both values in one SecureString. */
function oneParameter(store: ParameterStore, { fields }: Settings, { userName }: User, name: string): Destination {
  const label = `ssm:${name}`;
  const parse = (value: string | undefined) => readJson(value ?? "", fields, label);
  const print = (before: string | null, pair: KeyPair) => writeJson(before, fields, userName, pair, {}, label);
  /** The value that was read last, so that `check` need not ask again. */
  let last: Secret | null = null;
  const get = async () => {
    const parameter = await store.get(name);
    last = new Secret(parameter?.Value ?? "");
    return parameter;
  };
  return {
    label,
    check: async () => {
      const before = last?.reveal() ?? (await get())?.Value ?? "";
      await store.look(name, print(before, EXAMPLE));
    },
    read: async (): Promise<Served> => {
      const parameter = await get();
      return { accessKeyId: parse(parameter?.Value).accessKeyId, writtenAt: store.writtenAt(parameter) };
    },
    readPast: async () => {
      const older = (await store.history(name, true)).slice(0, -1).toReversed();
      return {
        pending: null,
        history: older.flatMap(({ Value }) => quietly(() => parse(Value).accessKeyId) ?? []),
      };
    },
    readSecret: async (id) => {
      const { accessKeyId, secretAccessKey } = parse((await store.get(name))?.Value);
      return accessKeyId === id ? secretAccessKey : null;
    },
    recall: async (id) => {
      for (const { Value } of (await store.history(name, true)).toReversed()) {
        const older = quietly(() => parse(Value));
        if (older?.accessKeyId === id) return older.secretAccessKey;
      }
      return null;
    },
    deliver: async (pair) => {
      const before = await store.get(name);
      await store.put(name, print(before?.Value ?? null, pair), secretsOf(fields, userName, pair));
      last = null;
    },
  };
}

/** Older versions may hold anything. */
function quietly<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** The key that the secret in this version belongs to. */
function pairedWith({ Description }: ParameterHistory): AccessKeyId | null {
  const id = Description?.startsWith(PAIRED) === true ? Description.slice(PAIRED.length) : "";
  return isAccessKeyId(id) ? id : null;
}

/**
 * Id and secret in a parameter each. The secret is written first, its description naming its key; then the id. A reader
 * between the two calls gets a pair that does not fit. A run that dies there leaves the new secret readable and its key named:
 * that counts as pending, so that the next run finishes.
 */
function twoParameters(
  store: ParameterStore,
  split: { readonly id: string; readonly secret: string },
  name: string,
): Destination {
  const label = `ssm:${name}`;
  const idName = `${name}/${split.id}`;
  const secretName = `${name}/${split.secret}`;
  const readId = async () => {
    const parameter = await store.get(idName, "String");
    const value = parameter?.Value ?? "";
    return { parameter, id: isAccessKeyId(value) ? value : null };
  };
  return {
    label,
    check: async () => {
      await store.get(idName, "String");
      await store.get(secretName);
      await store.look(idName, EXAMPLE.accessKeyId);
      await store.look(secretName, EXAMPLE.secretAccessKey.reveal());
    },
    read: async () => {
      const { parameter, id } = await readId();
      return { accessKeyId: id, writtenAt: store.writtenAt(parameter) };
    },
    readPast: async () => {
      const [{ id }, secrets, ids] = [
        await readId(),
        await store.history(secretName, false),
        await store.history(idName, true),
      ];
      const newest = secrets.at(-1);
      const ahead = newest === undefined ? null : pairedWith(newest);
      const history = ids
        .slice(0, -1)
        .toReversed()
        .flatMap(({ Value = "" }) => (isAccessKeyId(Value) ? [Value] : []));
      return { pending: ahead === id ? null : ahead, history };
    },
    readSecret: async (id) => {
      const newest = (await store.history(secretName, true)).at(-1);
      return newest?.Value !== undefined && pairedWith(newest) === id ? new Secret(newest.Value) : null;
    },
    recall: async (id) => {
      const older = (await store.history(secretName, true)).findLast((version) => pairedWith(version) === id);
      return older?.Value === undefined ? null : new Secret(older.Value);
    },
    deliver: async (pair) => {
      await store.look(idName, pair.accessKeyId); // what the second write would be refused for must be known before the first
      await store.put(
        secretName,
        pair.secretAccessKey.reveal(),
        [pair.secretAccessKey],
        `${PAIRED}${pair.accessKeyId}`,
      );
      await store.put(idName, pair.accessKeyId, []);
    },
  };
}
