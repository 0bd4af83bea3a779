import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import { callOrAbsent } from "./call.ts";
import { type AwsAccess, regionalConfig } from "./clients.ts";

/**
 * Reads the secret that a SecureString holds, without the line break at its end that files bring along. Throws {@link InvalidInput} where
 * there is none, or where it lies unencrypted; a `CallError` where it cannot be read.
 */
export async function readSecretParameter(access: AwsAccess, name: string): Promise<Secret> {
  const client = new SSMClient(regionalConfig(access));
  const answer = await callOrAbsent("ssm:GetParameter", name, (options) =>
    client.send(new GetParameterCommand({ Name: name, WithDecryption: true }), options),
  );
  const { Type: type, Value: value = "" } = answer?.Parameter ?? {};
  const secret = value.replace(/\r?\n$/, "");
  if (type === undefined || secret === "")
    throw new InvalidInput(
      `there is no SSM parameter ${name} with a value`,
      `aws ssm put-parameter --type SecureString --name ${name} --value file://FILE`,
    );
  if (type !== "SecureString")
    throw new InvalidInput(
      `the SSM parameter ${name} is of type ${type}: a password would lie there unencrypted`,
      "delete it, and put it again as a SecureString",
    );
  return new Secret(secret);
}
