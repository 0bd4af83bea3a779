import { randomUUID } from "node:crypto";
import {
  CreateSecretCommand,
  type DescribeSecretCommandOutput,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { call } from "../aws/call.ts";
import { regionalConfig } from "../aws/clients.ts";
import { describeSecret, secretText, versionWith } from "../aws/secrets.ts";
import type { AccessKeyId, KeyPair, User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { type Statement, wildcard } from "../core/permissions.ts";
import { Secret } from "../core/secret.ts";
import { checkOptions, expandName, type Target } from "../core/target.ts";
import { instant } from "../core/time.ts";
import { type Fields, isFieldOption, readFields, secretsOf } from "../documents/fields.ts";
import { type KeyInDocument, readJson, writeJson } from "../documents/json.ts";
import { CallError, type Destination } from "../ports.ts";
import type { DestinationKind } from "./kind.ts";

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html for names */
const ALPHABET = /[A-Za-z0-9_+=.@-]/;
const LONGEST = 512;
const JSON_FIELDS = { AccessKeyId: "accessKeyId", SecretAccessKey: "secretAccessKey" } as const;

interface Settings {
  readonly template: string;
  readonly fields: Fields;
  readonly kmsKeyId: string | null;
  readonly region: string | null;
}

/**
 * AWS Secrets Manager: a new key waits as AWSPENDING until it is verified, then becomes AWSCURRENT, and the one before it
 * AWSPREVIOUS. Other fields of the secret stay. A secret that does not exist is created.
 */
export const secretsmanager: DestinationKind = {
  kind: "secretsmanager",
  readable: true,
  isStream: false,
  parse: (target) => {
    const settings = readSettings(target);
    return {
      permissions: (caller, region) =>
        permissions(
          settings,
          `arn:${caller.partition}:secretsmanager:${settings.region ?? region}:${caller.account}:secret:`,
        ),
      open: ({ access, caller }) => {
        const client = new SecretsManagerClient(regionalConfig(access, settings.region));
        return (user) => {
          const name = expandName(settings.template, user, caller.account, ALPHABET);
          if (name === "" || name.endsWith("/"))
            throw new InvalidInput(`secretsmanager:${name} names no secret`, "end the target in {user}");
          if (name.length > LONGEST) throw new InvalidInput(`secretsmanager:${name} is too long a name for a secret`);
          return new SecretDestination(client, settings, user, name);
        };
      },
    };
  },
};

function readSettings(target: Target): Settings {
  const { name, options, text } = target;
  checkOptions(target, ["kmsKeyId", "region"], isFieldOption);
  if (name === "" || name.endsWith("/"))
    throw new InvalidInput(`${text} names no secret`, "for example secretsmanager:prod/{user}");
  if (/[^A-Za-z0-9/_+=.@\-{}]/.test(isArn(name) ? name.replaceAll(":", "") : name))
    throw new InvalidInput(`${text} is not a secret's name`, "letters, digits and /_+=.@- only");
  return {
    template: name,
    fields: readFields(target, JSON_FIELDS),
    kmsKeyId: options.get("kmsKeyId") ?? null,
    region: options.get("region") ?? null,
  };
}

/** An ARN names a secret as well as its name does, but none can be created by it. */
const isArn = (name: string): boolean => name.startsWith("arn:");

function permissions({ template, kmsKeyId }: Settings, secrets: string): readonly Statement[] {
  // Secrets Manager adds a hyphen and six characters to the name in the ARN; of a secret to come the name alone is known.
  const bare = `${secrets}${wildcard(template)}`;
  const create: Statement = {
    sid: "CreateSecrets",
    actions: ["secretsmanager:CreateSecret"],
    resources: [bare, `${bare}-??????`],
  };
  const statements: Statement[] = [
    ...(isArn(template) ? [] : [create]),
    {
      sid: "DeliverToSecretsManager",
      actions: [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
      ],
      resources: [isArn(template) ? wildcard(template) : `${bare}-??????`],
    },
  ];
  if (kmsKeyId?.startsWith("arn:") === true)
    statements.push({
      sid: "KmsForSecretsManager",
      actions: ["kms:Decrypt", "kms:GenerateDataKey"],
      resources: [kmsKeyId],
    });
  return statements;
}

/** One version: its content never changes, so that it needs to be read only once. */
interface Version {
  readonly id: string;
  readonly text: Secret;
}

/** A rotation that Secrets Manager itself has begun, and calls a function for. */
export interface OngoingRotation {
  /** The `ClientRequestToken`: the id of the version that waits for the new key. Null = this one only looks. */
  readonly version: string | null;
  /** Proves to Secrets Manager that the caller acts for this rotation; null where it gave none. */
  readonly rotationToken: Secret | null;
}

/** What is written of a key, and under which names. */
type Layout = Pick<Settings, "fields" | "kmsKeyId">;

/** The secret of one user while Secrets Manager itself rotates it: a key goes to the version of that rotation, and to no other. */
export const openRotated = (
  client: SecretsManagerClient,
  fields: Fields,
  user: User,
  secretId: string,
  rotation: OngoingRotation,
): Destination => new SecretDestination(client, { fields, kmsKeyId: null }, user, secretId, rotation);

class SecretDestination implements Destination {
  readonly label: string;
  readonly #client: SecretsManagerClient;
  readonly #settings: Layout;
  readonly #user: User;
  readonly #name: string;
  /** Null where keyturn rotates by itself. */
  readonly #rotation: OngoingRotation | null;
  /** The last answer of DescribeSecret, so that `check` and `stage` need not ask again what `read` has just asked. */
  #described: DescribeSecretCommandOutput | null | undefined;
  #version: Version | null = null;
  /** What `stage` has just written, and beside which current version. */
  #staged: { readonly id: AccessKeyId; readonly version: string; readonly beside: string | null } | null = null;

  constructor(
    client: SecretsManagerClient,
    settings: Layout,
    user: User,
    name: string,
    rotation: OngoingRotation | null = null,
  ) {
    this.label = `secretsmanager:${name}`;
    this.#client = client;
    this.#settings = settings;
    this.#user = user;
    this.#name = name;
    this.#rotation = rotation;
  }

  async check(): Promise<void> {
    const secret = this.#described === undefined ? await this.#describe() : this.#described;
    if (secret === null) {
      this.#mustBeCreatable();
      return;
    }
    if (this.#rotation !== null) {
      this.#mustWaitFor(secret, this.#rotation);
    } else if (secret.RotationEnabled === true) {
      throw new InvalidInput(
        `${this.label} is rotated by Secrets Manager itself: two rotators would work against each other`,
        "switch its rotation off, or choose another target",
      );
    }
    await this.#read(secret, "AWSCURRENT");
  }

  #mustWaitFor(secret: DescribeSecretCommandOutput, { version }: OngoingRotation): void {
    if (version === null)
      throw new InvalidInput(
        `${this.label} gets its keys from the rotation of Secrets Manager alone`,
        `keyturn secret rotate ${this.#name} begins one, or has an unfinished one repeated`,
      );
    if (versionWith(secret, "AWSPENDING") !== version && versionWith(secret, "AWSCURRENT") !== version)
      throw new InvalidInput(`${this.label} does not wait for version ${version} any more`);
  }

  async read() {
    const secret = await this.#describe();
    if (secret === null) return { accessKeyId: null, writtenAt: null };
    const current = await this.#read(secret, "AWSCURRENT");
    const changed = this.#lastWrite(secret)?.getTime();
    return {
      accessKeyId: current?.accessKeyId ?? null,
      writtenAt: changed === undefined ? null : instant(changed),
    };
  }

  /**
   * A rotation that Secrets Manager begins changes the secret, though not what is served. Where one fails again and again because the
   * predecessor is still there, that predecessor would have to wait anew each time, and never go.
   */
  #lastWrite(secret: DescribeSecretCommandOutput): Date | undefined {
    const pending = versionWith(secret, "AWSPENDING");
    const isBegun = this.#rotation !== null && pending !== null && pending !== versionWith(secret, "AWSCURRENT");
    return isBegun ? secret.LastRotatedDate : secret.LastChangedDate;
  }

  async readPast() {
    const secret = this.#described === undefined ? await this.#describe() : this.#described;
    if (secret === null) return { pending: null, history: [] };
    // A version that is current already is not pending, whatever else it bears.
    const isPending = versionWith(secret, "AWSPENDING") !== versionWith(secret, "AWSCURRENT");
    const pending = isPending ? await this.#keyIn(secret, "AWSPENDING") : null;
    const previous = await this.#keyIn(secret, "AWSPREVIOUS");
    const history = previous?.accessKeyId ?? null;
    return { pending: pending?.accessKeyId ?? null, history: history === null ? [] : [history] };
  }

  async readSecret(id: AccessKeyId): Promise<Secret | null> {
    const secret = await this.#describe();
    if (secret === null) return null;
    const pending = await this.#keyIn(secret, "AWSPENDING");
    if (pending?.accessKeyId === id) return pending.secretAccessKey;
    const current = await this.#read(secret, "AWSCURRENT");
    return current?.accessKeyId === id ? current.secretAccessKey : null;
  }

  async recall(id: AccessKeyId): Promise<Secret | null> {
    const secret = await this.#describe();
    const previous = secret === null ? null : await this.#keyIn(secret, "AWSPREVIOUS");
    return previous?.accessKeyId === id ? previous.secretAccessKey : null;
  }

  async stage(pair: KeyPair): Promise<void> {
    const secret = await this.#prepare();
    const beside = versionWith(secret, "AWSCURRENT");
    const before = beside === null ? null : (await this.#text(beside)).reveal();
    const text = new Secret(
      writeJson(before, this.#settings.fields, this.#user.userName, pair, {}, `${this.label} (AWSCURRENT)`),
    );
    const version = this.#rotation?.version ?? randomUUID();
    const rotationToken = this.#rotation?.rotationToken ?? null;
    this.#described = undefined;
    const input = {
      SecretId: this.#name,
      SecretString: text.reveal(),
      VersionStages: ["AWSPENDING"],
      ClientRequestToken: version,
      ...(rotationToken === null ? {} : { RotationToken: rotationToken.reveal() }),
    };
    await call(
      "secretsmanager:PutSecretValue",
      this.#name,
      (options) => this.#client.send(new PutSecretValueCommand(input), options),
      [
        ...secretsOf(this.#settings.fields, this.#user.userName, pair),
        text,
        ...(rotationToken === null ? [] : [rotationToken]),
      ],
    );
    this.#version = { id: version, text };
    this.#staged = { id: pair.accessKeyId, version, beside };
  }

  /** A version without a stage is deprecated: Secrets Manager tidies it away. */
  async unstage(id: AccessKeyId): Promise<void> {
    const secret = await this.#describe();
    const version = secret === null ? null : versionWith(secret, "AWSPENDING");
    if (secret === null || version === null || (await this.#keyIn(secret, "AWSPENDING"))?.accessKeyId !== id) return;
    await this.#moveStage("AWSPENDING", version, null);
  }

  /** Moving AWSCURRENT takes AWSPENDING off the same version; naming the version that it leaves makes it a compare-and-set. */
  async deliver(pair: KeyPair): Promise<void> {
    if (this.#staged?.id !== pair.accessKeyId) {
      const secret = await this.#describe();
      if (secret !== null && (await this.#read(secret, "AWSCURRENT"))?.accessKeyId === pair.accessKeyId) return;
      if (this.#rotation === null) await this.stage(pair);
      else await this.#findStaged(secret, this.#rotation, pair);
    }
    const staged = this.#staged;
    if (staged === null) throw new Error("staging left nothing staged");
    this.#staged = null;
    try {
      await this.#moveStage("AWSCURRENT", staged.beside, staged.version);
    } catch (error) {
      // A repeated move whose first answer was lost is refused: AWSCURRENT is where it was to go already.
      const isRefused = error instanceof CallError && error.kind === "refused";
      const secret = isRefused ? await this.#describe() : null;
      if (secret === null || versionWith(secret, "AWSCURRENT") !== staged.version) throw error;
    }
  }

  /** What an earlier call of this rotation has staged: a version is never written twice. */
  async #findStaged(
    secret: DescribeSecretCommandOutput | null,
    { version }: OngoingRotation,
    { accessKeyId: id }: KeyPair,
  ): Promise<void> {
    const pending = secret === null ? null : versionWith(secret, "AWSPENDING");
    if (secret === null || pending === null || pending !== version)
      throw new InvalidInput(`${this.label} does not wait for version ${version ?? "(none)"} any more`);
    if ((await this.#read(secret, "AWSPENDING"))?.accessKeyId !== id)
      throw new InvalidInput(`${this.label} (AWSPENDING) does not hold ${id}`);
    this.#staged = { id, version: pending, beside: versionWith(secret, "AWSCURRENT") };
  }

  async #describe(): Promise<DescribeSecretCommandOutput | null> {
    const secret = await describeSecret(this.#client, this.#name);
    if (secret?.DeletedDate !== undefined) {
      throw new InvalidInput(
        `${this.label} is scheduled for deletion`,
        `aws secretsmanager restore-secret --secret-id ${this.#name}, or choose another target`,
      );
    }
    this.#described = secret;
    return secret;
  }

  /** A first version is AWSCURRENT at once, whatever stage is asked for; so it is an empty one, and the key comes second. */
  async #prepare(): Promise<DescribeSecretCommandOutput> {
    const before = this.#described === undefined ? await this.#describe() : this.#described;
    if (before !== null && versionWith(before, "AWSCURRENT") !== null) return before;
    this.#described = undefined;
    await (before === null ? this.#create() : this.#putEmpty());
    const secret = await this.#describe();
    if (secret === null)
      throw new CallError(
        "unknown",
        "secretsmanager:CreateSecret",
        this.#name,
        "NotSeenYet",
        "the secret that was just created is not found",
      );
    return secret;
  }

  /** Terraform, for one, makes secrets without a version. As pending it overwrites no version that came in the meantime. */
  async #putEmpty(): Promise<void> {
    const input = { SecretId: this.#name, SecretString: "{}", VersionStages: ["AWSPENDING"] };
    await call("secretsmanager:PutSecretValue", this.#name, (options) =>
      this.#client.send(new PutSecretValueCommand(input), options),
    );
  }

  #mustBeCreatable(): void {
    if (isArn(this.#name))
      throw new InvalidInput(`${this.label} does not exist`, "create it, or give its name in place of its ARN");
  }

  async #create(): Promise<void> {
    this.#mustBeCreatable();
    const { kmsKeyId } = this.#settings;
    await call("secretsmanager:CreateSecret", this.#name, (options) =>
      this.#client.send(
        new CreateSecretCommand({
          Name: this.#name,
          SecretString: "{}",
          Description: `Access key of ${this.#user.userName}, kept by keyturn`,
          ...(kmsKeyId === null ? {} : { KmsKeyId: kmsKeyId }),
        }),
        options,
      ),
    );
  }

  /** As {@link SecretDestination.#read} of a version that may be anybody's: null also where it holds no key that can be read. */
  async #keyIn(secret: DescribeSecretCommandOutput, stage: string): Promise<KeyInDocument | null> {
    try {
      return await this.#read(secret, stage);
    } catch (error) {
      // A rotation that came to nothing leaves AWSPENDING on a version without a value.
      if (error instanceof InvalidInput || (error instanceof CallError && error.kind === "absent")) return null;
      throw error;
    }
  }

  async #read(secret: DescribeSecretCommandOutput, stage: string): Promise<KeyInDocument | null> {
    const version = versionWith(secret, stage);
    if (version === null) return null;
    return readJson((await this.#text(version)).reveal(), this.#settings.fields, `${this.label} (${stage})`);
  }

  async #text(version: string): Promise<Secret> {
    if (this.#version?.id === version) return this.#version.text;
    this.#version = { id: version, text: await secretText(this.#client, this.#name, version) };
    return this.#version.text;
  }

  async #moveStage(stage: string, from: string | null, to: string | null): Promise<void> {
    this.#described = undefined;
    await call("secretsmanager:UpdateSecretVersionStage", this.#name, (options) =>
      this.#client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: this.#name,
          VersionStage: stage,
          ...(from === null ? {} : { RemoveFromVersionId: from }),
          ...(to === null ? {} : { MoveToVersionId: to }),
        }),
        options,
      ),
    );
  }
}
