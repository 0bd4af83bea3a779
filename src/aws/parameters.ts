import {
  GetParameterHistoryCommand,
  type ParameterHistory,
  type PutParameterCommandInput,
  type SSMClient,
} from "@aws-sdk/client-ssm";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Statement } from "../core/permissions.ts";
import type { Target } from "../core/target.ts";
import { callOrAbsent } from "./call.ts";

/* What everything that keeps parameters in SSM Parameter Store has in common. */

/** @see https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html for names, depth and length */
export const PARAMETER_ALPHABET = /[A-Za-z0-9_.-]/;
export const DEEPEST_PARAMETER = 15;
export const LONGEST_PARAMETER = 900;
export const RESERVED_PARAMETERS = /^\/(aws|ssm)/i;

/** How many versions of a parameter are kept. The next one pushes the oldest out, unless that bears a label: then it is refused. */
export const PARAMETER_VERSIONS = 100;

/** The folder of parameters that a target names, or else the usual one. `room` = the levels that come below it. Throws {@link InvalidInput}. */
export function parameterFolder({ name, text, kind }: Target, usual: string, room: number): string {
  const folder = name === "" ? usual : name;
  if (!/^(\/[A-Za-z0-9_.-]+)+$/.test(folder) || RESERVED_PARAMETERS.test(folder))
    throw new InvalidInput(`${text}: ${folder} is not the name of a parameter folder`, `for example ${kind}:${usual}`);
  const deepest = DEEPEST_PARAMETER - room;
  if (folder.split("/").length - 1 > deepest)
    throw new InvalidInput(`${text}: ${folder} is too deep a folder`, `${deepest} levels at most`);
  return folder;
}

/** What SecureStrings under this key ask of KMS; nothing where it is not known by its ARN. AWS's own key asks for nothing. */
export const kmsStatements = (sid: string, kmsKeyId: string | null): readonly Statement[] =>
  kmsKeyId?.startsWith("arn:") === true
    ? [{ sid, actions: ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"], resources: [kmsKeyId] }]
    : [];

/** All versions that are kept, the oldest first; none where there is no such parameter. */
export async function parameterHistory(
  client: SSMClient,
  name: string,
  decrypt: boolean,
): Promise<readonly ParameterHistory[]> {
  const versions: ParameterHistory[] = [];
  for (let token: string | undefined; ;) {
    const page = await callOrAbsent("ssm:GetParameterHistory", name, (options) =>
      client.send(
        new GetParameterHistoryCommand({ Name: name, WithDecryption: decrypt, MaxResults: 50, NextToken: token }),
        options,
      ),
    );
    versions.push(...(page?.Parameters ?? []));
    token = page?.NextToken;
    if (token === undefined || token === "") return versions.toSorted((a, b) => (a.Version ?? 0) - (b.Version ?? 0));
  }
}

/** Throws {@link InvalidInput} where the parameter would not take such a value: `what` says in a word what that is. */
export function checkPattern(name: string, newest: ParameterHistory | null, value: string, what: string): void {
  const pattern = newest?.AllowedPattern ?? "";
  if (pattern !== "" && !fits(pattern, value))
    throw new InvalidInput(
      `ssm:${name} allows only values of the pattern ${pattern}`,
      `${what} does not fit it: remove the pattern`,
    );
}

/** A pattern for some other kind of value would refuse ours only after the key was made. */
function fits(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern).test(value);
  } catch {
    return true;
  }
}

/** What a parameter is besides its value and its KMS key, so that a further version of it leaves all that as it is. */
export function keptLooks(newest: ParameterHistory | null): Partial<PutParameterCommandInput> {
  const { Tier, Description = "", DataType, AllowedPattern = "" } = newest ?? {};
  const policies = (newest?.Policies ?? []).flatMap(({ PolicyText }) =>
    PolicyText === undefined ? [] : [JSON.parse(PolicyText)],
  );
  return {
    ...(Tier === undefined ? {} : { Tier }),
    ...(Description === "" ? {} : { Description }),
    ...(policies.length === 0 ? {} : { Policies: JSON.stringify(policies) }),
    ...(DataType === undefined ? {} : { DataType }),
    ...(AllowedPattern === "" ? {} : { AllowedPattern }),
  };
}
