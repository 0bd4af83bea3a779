import {
  CancelRotateSecretCommand,
  ListSecretVersionIdsCommand,
  RotateSecretCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from "@aws-sdk/client-secrets-manager";
import { call } from "../aws/call.ts";
import { openAccess, regionalConfig } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { describeSecret, versionWith } from "../aws/secrets.ts";
import type { AccessKeyId } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { type Instant, instant } from "../core/time.ts";
import type { Fields } from "../documents/fields.ts";
import type { Turn } from "../engine/turn.ts";
import { CallError, type Clock } from "../ports.ts";
import { putCleared, readVersion } from "./values.ts";

/** One version of a secret, without what is secret in it. */
export interface SecretVersion {
  readonly version: string;
  readonly stages: readonly string[];
  readonly createdAt: Instant | null;
  readonly accessKeyId: AccessKeyId | null;
  /** Why no key is shown; null where one is. */
  readonly note: string | null;
}

/** What a person asks of Secrets Manager by name. Every method throws {@link InvalidInput}, or `CallError`. */
export interface Operator {
  readonly clock: Clock;
  /**
   * Begins a rotation: answers with its version. `abandon` = AWSPENDING is taken off an unfinished one first, whose key is then an
   * orphan that the next rotation removes.
   */
  readonly rotate: (secretId: string, abandon: boolean) => Promise<string>;
  /** Whether consumers get this version. */
  readonly isServed: (secretId: string, version: string) => Promise<boolean>;
  /** Those with a stage first. */
  readonly versions: (secretId: string) => Promise<readonly SecretVersion[]>;
  /** The user that the current value names. */
  readonly userOf: (secretId: string) => Promise<string>;
  /**
   * Switches the rotation off, puts a current value without a key, and takes AWSPENDING and AWSPREVIOUS off: the next rotation
   * begins as the first one did. The keys themselves stay.
   */
  readonly reset: (turn: Turn, secretId: string) => Promise<void>;
}

/** Secrets Manager with the credentials of the caller. Sends nothing yet. */
export async function openOperator(profile: string | null, region: string | null, fields: Fields): Promise<Operator> {
  const access = await openAccess(profile, region, new AwsClock());
  const client = new SecretsManagerClient(regionalConfig(access));
  return {
    clock: access.clock,
    rotate: (secretId, abandon) => rotate(client, secretId, abandon),
    isServed: async (secretId, version) => versionWith(await found(client, secretId), "AWSCURRENT") === version,
    versions: (secretId) => versions(client, secretId, fields),
    userOf: (secretId) => userOf(client, secretId, fields),
    reset: (turn, secretId) => reset(client, turn, secretId, fields),
  };
}

async function found(client: SecretsManagerClient, secretId: string) {
  const secret = await describeSecret(client, secretId);
  if (secret === null)
    throw new InvalidInput(
      `there is no secret ${secretId}`,
      "is this the right account and region? --region, --profile",
    );
  return secret;
}

async function rotate(client: SecretsManagerClient, secretId: string, abandon: boolean): Promise<string> {
  const secret = await found(client, secretId);
  const pending = versionWith(secret, "AWSPENDING");
  if (abandon && pending !== null && pending !== versionWith(secret, "AWSCURRENT"))
    await takeOff(client, secretId, "AWSPENDING", pending);
  try {
    const { VersionId } = await call("secretsmanager:RotateSecret", secretId, (options) =>
      client.send(new RotateSecretCommand({ SecretId: secretId }), options),
    );
    return VersionId ?? "";
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== "InvalidRequestException") throw error;
    throw new InvalidInput(
      `Secrets Manager refuses to rotate ${secretId}: ${error.message}`,
      pending === null
        ? "a secret needs a rotation function first: aws secretsmanager rotate-secret --rotation-lambda-arn ARN"
        : `the log of the rotation function says why it is unfinished; keyturn secret rotate ${secretId} --abandon begins anew`,
    );
  }
}

async function takeOff(client: SecretsManagerClient, secretId: string, stage: string, version: string): Promise<void> {
  const input = { SecretId: secretId, VersionStage: stage, RemoveFromVersionId: version };
  await call("secretsmanager:UpdateSecretVersionStage", secretId, (options) =>
    client.send(new UpdateSecretVersionStageCommand(input), options),
  );
}

async function versions(
  client: SecretsManagerClient,
  secretId: string,
  fields: Fields,
): Promise<readonly SecretVersion[]> {
  await found(client, secretId);
  const all: SecretVersion[] = [];
  let next: string | undefined;
  do {
    const input = { SecretId: secretId, IncludeDeprecated: true, NextToken: next };
    const page = await call("secretsmanager:ListSecretVersionIds", secretId, (options) =>
      client.send(new ListSecretVersionIdsCommand(input), options),
    );
    for (const { VersionId = "", VersionStages = [], CreatedDate } of page.Versions ?? []) {
      all.push({
        version: VersionId,
        stages: VersionStages.toSorted(),
        createdAt: CreatedDate === undefined ? null : instant(CreatedDate.getTime()),
        ...(await keyIn(client, secretId, VersionId, fields)),
      });
    }
    // An empty token is none.
    next = page.NextToken === "" ? undefined : page.NextToken;
  } while (next !== undefined);
  return all.toSorted((a, b) => b.stages.length - a.stages.length || (b.createdAt ?? 0) - (a.createdAt ?? 0));
}

async function keyIn(
  client: SecretsManagerClient,
  secretId: string,
  version: string,
  fields: Fields,
): Promise<Pick<SecretVersion, "accessKeyId" | "note">> {
  try {
    const document = await readVersion(client, secretId, version, fields);
    if (document === null) return { accessKeyId: null, note: "no value yet" };
    return { accessKeyId: document.accessKeyId, note: document.accessKeyId === null ? "no key" : null };
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    return { accessKeyId: null, note: "not a JSON object" };
  }
}

async function userOf(client: SecretsManagerClient, secretId: string, fields: Fields): Promise<string> {
  const current = versionWith(await found(client, secretId), "AWSCURRENT");
  const document = current === null ? null : await readVersion(client, secretId, current, fields);
  if (document === null || document.userName === null)
    throw new InvalidInput(
      `${secretId} does not name its user`,
      "--field NAME=userName says in which field; by default it is UserName",
    );
  return document.userName;
}

async function reset(client: SecretsManagerClient, turn: Turn, secretId: string, fields: Fields): Promise<void> {
  const secret = await found(client, secretId);
  const current = versionWith(secret, "AWSCURRENT");
  if (current === null) throw new InvalidInput(`${secretId} has no current value`);
  const step = (name: string, work: () => Promise<void>) => turn.step(name, [], `secretsmanager:${secretId}`, work);
  if (secret.RotationEnabled === true)
    await step("cancel-rotation", async () => {
      await call("secretsmanager:CancelRotateSecret", secretId, (options) =>
        client.send(new CancelRotateSecretCommand({ SecretId: secretId }), options),
      );
    });
  await step("clear-secret", () => putCleared(client, secretId, current, fields));
  for (const stage of ["AWSPENDING", "AWSPREVIOUS"]) {
    const bearer = versionWith(await found(client, secretId), stage);
    if (bearer !== null) await step(`remove-${stage}`, () => takeOff(client, secretId, stage, bearer));
  }
}
