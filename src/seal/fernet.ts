import {
  DeleteParameterCommand,
  GetParameterCommand,
  LabelParameterVersionCommand,
  type ParameterHistory,
  PutParameterCommand,
  SSMClient,
  UnlabelParameterVersionCommand,
} from "@aws-sdk/client-ssm";
import { call, callOrAbsent } from "../aws/call.ts";
import { type AwsAccess, regionalConfig } from "../aws/clients.ts";
import { openIam } from "../aws/iam.ts";
import {
  checkPattern,
  keptLooks,
  kmsStatements,
  LONGEST_PARAMETER,
  PARAMETER_ALPHABET,
  PARAMETER_VERSIONS,
  parameterFolder,
  parameterHistory,
} from "../aws/parameters.ts";
import { type AccessKeyId, isAccessKeyId, type KeyPair, type User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import { checkOptions, encodeSegment } from "../core/target.ts";
import { age, hours, instant, minutes } from "../core/time.ts";
import { CallError, type Iam, type SealedPair, type Sealer } from "../ports.ts";
import { asFernetKey, newFernetKey, sealToken } from "./fernet-token.ts";
import type { SealerKind } from "./kind.ts";

/** Where aws-iam-key-rotator keeps its keys: `PREFIX/USER`. */
const USUAL_FOLDER = "/ikr/secret/iam";

/** While the newest version is younger than this, another run may be about to mail what it opens. */
const YOUNG = hours(1);

/** IAM and SSM read different clocks. */
const SKEW = minutes(1);

export interface FernetSettings {
  /** The folder of the parameters, with a slash in front and none at its end. */
  readonly prefix: string;
  /** Null: the KMS key that the parameter has, or AWS's own for a new one. */
  readonly kmsKeyId: string | null;
  /** Null: the region of the run. */
  readonly region: string | null;
}

/** Fernet as aws-iam-key-rotator has it, with the key of each pair in a version of its own of a SecureString of its user. */
export const fernet: SealerKind = {
  kind: "fernet",
  parse: (target) => {
    checkOptions(target, ["kmsKeyId", "region"]);
    const prefix = parameterFolder(target, USUAL_FOLDER, 1);
    const kmsKeyId = target.options.get("kmsKeyId") ?? null;
    const region = target.options.get("region") ?? null;
    return {
      open: (access) => openFernet(access, { prefix, kmsKeyId, region }),
      permissions: (caller, home) => [
        {
          sid: "SealWithFernet",
          actions: [
            "ssm:GetParameter",
            "ssm:GetParameterHistory",
            "ssm:PutParameter",
            "ssm:LabelParameterVersion",
            "ssm:UnlabelParameterVersion",
            "ssm:DeleteParameter",
          ],
          resources: [`arn:${caller.partition}:ssm:${region ?? home}:${caller.account}:parameter${prefix}/*`],
        },
        ...kmsStatements("KmsForFernet", kmsKeyId),
      ],
    };
  },
};

/**
 * Seals under one Fernet key for each access key. Each is a version of its own of the user's parameter, and bears the access
 * key's id as its label: so a later mail makes no earlier one unreadable, and it is known for which keys the parameter is
 * still needed. No version is ever taken away but with the whole parameter. Throws {@link InvalidInput} where no region is known.
 */
export function openFernet(access: AwsAccess, settings: FernetSettings): Sealer {
  const client = new SSMClient(regionalConfig(access, settings.region));
  const region = settings.region ?? access.region ?? "";
  const keys = new KeyParameters(client, openIam(access), settings);
  return {
    label: "fernet",
    check: async (user) => {
      await keys.planRoom(user, await keys.look(user));
    },
    seal: async (user, _owner, pair) => {
      const { key, version } = await keys.keyFor(user, pair);
      const seal = (text: Secret) => sealToken(key, text, access.clock.now());
      return {
        accessKeyId: seal(new Secret(pair.accessKeyId)),
        secretAccessKey: seal(pair.secretAccessKey),
        howToOpen: howToOpen(`${keys.nameFor(user)}:${version}`, region),
      } satisfies SealedPair;
    },
    tidy: async (user, existing) => {
      const name = keys.nameFor(user);
      const versions = await parameterHistory(client, name, false);
      const youngest = Math.max(...versions.map(({ LastModifiedDate }) => LastModifiedDate?.getTime() ?? Infinity));
      if (versions.length === 0 || youngest === Infinity || age(instant(youngest), access.clock.now()) < YOUNG) return;
      if (await keys.areNeeded(user, versions, existing)) return;
      if ((await keys.read(name)) === null) return; // somebody else's
      await callOrAbsent("ssm:DeleteParameter", name, (options) =>
        client.send(new DeleteParameterCommand({ Name: name }), options),
      );
    },
  };
}

/** A parameter as it stands. */
interface Found {
  readonly name: string;
  readonly versions: readonly ParameterHistory[];
}

/** The parameters of the users, each with its versions and their labels. */
class KeyParameters {
  readonly #client: SSMClient;
  readonly #iam: Iam;
  readonly #settings: FernetSettings;

  constructor(client: SSMClient, iam: Iam, settings: FernetSettings) {
    this.#client = client;
    this.#iam = iam;
    this.#settings = settings;
  }

  /** Names that Parameter Store takes stand as they are. Throws {@link InvalidInput}. */
  nameFor({ userName }: User): string {
    const name = `${this.#settings.prefix}/${encodeSegment(userName, PARAMETER_ALPHABET)}`;
    if (name.length > LONGEST_PARAMETER) throw new InvalidInput(`ssm:${name} is too long a name for a parameter`);
    return name;
  }

  /** Throws {@link InvalidInput} where the parameter is not one of Fernet keys: it is somebody else's, and stays as it is. */
  async look(user: User): Promise<Found> {
    const name = this.nameFor(user);
    const versions = await parameterHistory(this.#client, name, false);
    const newest = versions.at(-1);
    if (newest !== undefined && (await this.read(name)) === null)
      throw new InvalidInput(
        `ssm:${name} exists, and holds no Fernet key: it is not overwritten`,
        "move it elsewhere, or choose another folder, as in fernet:/keyturn/mail",
      );
    checkPattern(name, newest ?? null, newFernetKey().reveal(), "a Fernet key");
    return { name, versions };
  }

  /** The Fernet key in a parameter, or in one version of it (`NAME:VERSION`); null where there is none. */
  async read(name: string): Promise<Secret | null> {
    const answer = await callOrAbsent("ssm:GetParameter", name, (options) =>
      this.#client.send(new GetParameterCommand({ Name: name, WithDecryption: true }), options),
    );
    return answer?.Parameter?.Type === "SecureString" ? asFernetKey(answer.Parameter.Value ?? "") : null;
  }

  /** The Fernet key of a pair: the one that it was sealed with before, or else a new one. */
  async keyFor(user: User, pair: KeyPair): Promise<{ readonly key: Secret; readonly version: number }> {
    const found = await this.look(user);
    const before = found.versions.findLast(({ Labels = [] }) => Labels.includes(pair.accessKeyId))?.Version;
    // A mail that fails every hour would else fill the parameter with versions that open nothing.
    const again = before === undefined ? null : await this.read(`${found.name}:${before}`);
    if (before !== undefined && again !== null) return { key: again, version: before };
    const key = newFernetKey();
    const version = await this.#put(user, found, key);
    await this.#label(found.name, version, pair.accessKeyId);
    return { key, version };
  }

  /** Whether the parameter opens a mail about a key that exists: by its label, or by its age where a version bears none. */
  async areNeeded(
    { userName }: User,
    versions: readonly ParameterHistory[],
    existing: readonly AccessKeyId[],
  ): Promise<boolean> {
    const labels = new Set(versions.flatMap(({ Labels = [] }) => Labels));
    if (existing.some((id) => labels.has(id))) return true;
    if ([...labels].some((label) => !isAccessKeyId(label))) return true; // a person wants it for something
    // Asked after the labels were read: whatever is labelled was created before.
    const keys = (await this.#iam.listAccessKeys(userName)) ?? [];
    const unlabelled = versions.filter(({ Labels = [] }) => Labels.length === 0);
    return keys.some(
      ({ accessKeyId, createDate }) =>
        labels.has(accessKeyId) ||
        unlabelled.some(({ LastModifiedDate }) => createDate <= (LastModifiedDate?.getTime() ?? Infinity) + SKEW),
    );
  }

  /**
   * The labels that must go before another version can come: the oldest of 100 cannot be pushed out while it bears one.
   * Throws {@link InvalidInput} where one of them is of a key that exists, or a person's own.
   */
  async planRoom({ userName }: User, { name, versions }: Found): Promise<readonly string[]> {
    const [oldest] = versions;
    const labels = versions.length < PARAMETER_VERSIONS ? [] : (oldest?.Labels ?? []);
    if (labels.length === 0) return [];
    const keys = (await this.#iam.listAccessKeys(userName)) ?? [];
    const needed = labels.filter(
      (label) => !isAccessKeyId(label) || keys.some(({ accessKeyId }) => accessKeyId === label),
    );
    if (needed.length > 0)
      throw new InvalidInput(
        `ssm:${name} has ${PARAMETER_VERSIONS} versions, and the oldest is needed still (${needed.join(", ")}): it takes no other`,
        needed.every(isAccessKeyId)
          ? `keyturn retire ${userName} ${needed.join(" ")}`
          : "move the label to a newer version",
      );
    return labels;
  }

  async #put(user: User, found: Found, key: Secret): Promise<number> {
    const { name, versions } = found;
    const newest = versions.at(-1) ?? null;
    const stale = await this.planRoom(user, found);
    if (stale.length > 0) await this.#unlabel(name, versions[0]?.Version ?? 0, stale);
    const keyId = this.#settings.kmsKeyId ?? newest?.KeyId ?? null;
    const input = {
      Description: `Opens mails with access keys of ${user.userName}; kept by keyturn`,
      ...keptLooks(newest),
      Name: name,
      Value: key.reveal(),
      Type: "SecureString" as const,
      Overwrite: newest !== null,
      // Without it the version would be encrypted with AWS's own key, whatever the versions before were encrypted with.
      ...(keyId === null ? {} : { KeyId: keyId }),
    };
    try {
      const { Version } = await call(
        "ssm:PutParameter",
        name,
        (options) => this.#client.send(new PutParameterCommand(input), options),
        [key],
      );
      if (Version === undefined)
        throw new CallError("unknown", "ssm:PutParameter", name, "UnreadableReply", "the reply lacks the version");
      return Version;
    } catch (error) {
      // Another run was first, or a first answer was lost and the request sent again: a version more does no harm.
      if (newest === null && error instanceof CallError && error.code === "ParameterAlreadyExists")
        return this.#put(user, await this.#seen(user), key);
      throw error;
    }
  }

  /** As {@link KeyParameters.look}, where the parameter is known to be there. */
  async #seen(user: User): Promise<Found> {
    const found = await this.look(user);
    if (found.versions.length > 0) return found;
    throw new CallError("unknown", "ssm:PutParameter", found.name, "NotSeenYet", "it exists, and is not found");
  }

  async #label(name: string, version: number, id: AccessKeyId): Promise<void> {
    const { InvalidLabels = [] } = await call("ssm:LabelParameterVersion", name, (options) =>
      this.#client.send(
        new LabelParameterVersionCommand({ Name: name, ParameterVersion: version, Labels: [id] }),
        options,
      ),
    );
    // Refused labels are no error to AWS, and without one the version would not be kept for its mail.
    if (InvalidLabels.length > 0)
      throw new CallError("refused", "ssm:LabelParameterVersion", name, "InvalidLabels", `${id} cannot be a label`);
  }

  async #unlabel(name: string, version: number, labels: readonly string[]): Promise<void> {
    await call("ssm:UnlabelParameterVersion", name, (options) =>
      this.#client.send(
        new UnlabelParameterVersionCommand({ Name: name, ParameterVersion: version, Labels: [...labels] }),
        options,
      ),
    );
  }
}

/** Sentences for the mail. What is named can be typed as it stands: its alphabet is Parameter Store's. */
const howToOpen = (version: string, region: string): string =>
  [
    `Both values are encrypted with Fernet. What opens them is version ${version.split(":").at(-1)} of the SSM parameter ${version.replace(/:.*/, "")} in ${region}; it stays there for as long as this access key exists.`,
    `With keyturn: keyturn decrypt --parameter ${version} --region ${region} reads both values from standard input, as they stand in this mail.`,
    `Without: aws ssm get-parameter --name ${version} --with-decryption --region ${region} --query Parameter.Value --output text prints the key. decryption.py of aws-iam-key-rotator takes it as ENC_KEY, and one of the two values as CIPHER_TEXT.`,
  ].join("\n");

/** The parameter of a user in the usual folder, and its version; null = the newest. */
export const usualParameter = (userName: string, version: number | null): string =>
  `${USUAL_FOLDER}/${encodeSegment(userName, PARAMETER_ALPHABET)}${version === null ? "" : `:${version}`}`;

/**
 * The Fernet key in a parameter's version (`NAME:VERSION`, `NAME:LABEL`) or in its newest (`NAME`), for whoever got a mail.
 * Throws {@link InvalidInput}.
 */
export async function readFernetKey(access: AwsAccess, name: string): Promise<Secret> {
  const client = new SSMClient(regionalConfig(access));
  try {
    const { Parameter } = await call("ssm:GetParameter", name, (options) =>
      client.send(new GetParameterCommand({ Name: name, WithDecryption: true }), options),
    );
    const key = asFernetKey(Parameter?.Value ?? "");
    if (key !== null) return key;
  } catch (error) {
    throw error instanceof CallError ? asInput(error) : error;
  }
  throw new InvalidInput(
    `the SSM parameter ${name} holds no Fernet key`,
    "the mail names the parameter and its version",
  );
}

function asInput({ kind, resource, code, message }: CallError): InvalidInput | CallError {
  if (kind === "absent")
    return new InvalidInput(
      `there is no SSM parameter ${resource} (${code})`,
      "the mail names account, region, parameter and version; the parameter goes once no access key that was mailed under it exists",
    );
  if (kind === "denied")
    return new InvalidInput(
      `you may not read the SSM parameter ${resource}: ${message}`,
      "ssm:GetParameter on it is needed, and kms:Decrypt where its KMS key is not AWS's own; ask whoever runs keyturn",
    );
  return new CallError(kind, "ssm:GetParameter", resource, code, message);
}
