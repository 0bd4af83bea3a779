import {
  DescribeSecretCommand,
  type DescribeSecretCommandOutput,
  GetSecretValueCommand,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import { call, callOrAbsent } from "./call.ts";

/** Null where there is no such secret. */
export const describeSecret = (
  client: SecretsManagerClient,
  secretId: string,
): Promise<DescribeSecretCommandOutput | null> =>
  callOrAbsent("secretsmanager:DescribeSecret", secretId, (options) =>
    client.send(new DescribeSecretCommand({ SecretId: secretId }), options),
  );

/** The value of one version. Throws {@link InvalidInput} where it is no text, and `CallError` (`absent`) where it has none yet. */
export async function secretText(client: SecretsManagerClient, secretId: string, version: string): Promise<Secret> {
  const { SecretString } = await call("secretsmanager:GetSecretValue", secretId, (options) =>
    client.send(new GetSecretValueCommand({ SecretId: secretId, VersionId: version }), options),
  );
  if (SecretString === undefined)
    throw new InvalidInput(
      `secretsmanager:${secretId} holds binary data`,
      "keyturn keeps keys as JSON text: choose another target",
    );
  return new Secret(SecretString);
}

/** The version that bears this stage; null where none does. */
export function versionWith(secret: DescribeSecretCommandOutput, stage: string): string | null {
  const found = Object.entries(secret.VersionIdsToStages ?? {}).find(([, stages]) => stages.includes(stage));
  return found?.[0] ?? null;
}
