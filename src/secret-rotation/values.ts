import { PutSecretValueCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { call } from "../aws/call.ts";
import { secretText } from "../aws/secrets.ts";
import { Secret } from "../core/secret.ts";
import type { Fields } from "../documents/fields.ts";
import { clearJson, readUserDocument, type UserDocument } from "../documents/json.ts";
import { CallError } from "../ports.ts";

/** What one version says of a key. Null where it has no value. Throws `InvalidInput` where that is no JSON object. */
export async function readVersion(
  client: SecretsManagerClient,
  secretId: string,
  version: string,
  fields: Fields,
): Promise<UserDocument | null> {
  try {
    const text = await secretText(client, secretId, version);
    return readUserDocument(text.reveal(), fields, labelOf(secretId, version));
  } catch (error) {
    if (error instanceof CallError && error.kind === "absent") return null;
    throw error;
  }
}

/** Puts the value of a version as the current one, without the fields that hold a key. */
export async function putCleared(
  client: SecretsManagerClient,
  secretId: string,
  version: string,
  fields: Fields,
): Promise<void> {
  const text = await secretText(client, secretId, version);
  const cleared = new Secret(clearJson(text.reveal(), fields, labelOf(secretId, version)));
  const input = { SecretId: secretId, SecretString: cleared.reveal(), VersionStages: ["AWSCURRENT"] };
  await call(
    "secretsmanager:PutSecretValue",
    secretId,
    (options) => client.send(new PutSecretValueCommand(input), options),
    [text, cleared],
  );
}

const labelOf = (secretId: string, version: string): string => `version ${version} of secretsmanager:${secretId}`;
