import type { Statement } from "../core/permissions.ts";
import { RECORD_TAG } from "../core/record.ts";
import type { Caller } from "../ports.ts";
import type { FunctionSettings } from "./settings.ts";

/** Which of the two functions. */
export type FunctionName = "rotate-secret" | "cleanup-secrets";

/** Where a function works. */
export interface Place extends Pick<Caller, "partition" | "account"> {
  readonly region: string;
  /** The customer managed keys that secrets are encrypted with; none = the account's own. */
  readonly kmsKeyArns: readonly string[];
}

/**
 * What a function's own role needs, besides its log. Secrets and users go by the tag. `account` is the one of the secrets: where
 * the users are in another one, this role may only take on the other, and that one needs {@link userPermissions}.
 */
export function functionPermissions(
  name: FunctionName,
  place: Place,
  settings: Pick<FunctionSettings, "role" | "tag">,
): readonly Statement[] {
  const { role } = settings;
  return [
    ...secretStatements(name, place, settings),
    ...(place.kmsKeyArns.length === 0 ? [] : [kmsStatement(name, place)]),
    ...(role === null
      ? userPermissions(name, place, settings)
      : [{ sid: "ActInTheUsersAccount", actions: ["sts:AssumeRole"], resources: [role.arn] }]),
  ];
}

/** What is asked of IAM: of the function's role, or of the one that it takes on in the account of the users. */
export function userPermissions(
  name: FunctionName,
  { partition, account }: Pick<Place, "partition" | "account">,
  { tag }: Pick<FunctionSettings, "tag">,
): readonly Statement[] {
  const users = [`arn:${partition}:iam::${account}:user/*`];
  const tagged: Statement["conditions"] =
    tag === null ? undefined : { StringEquals: { [`iam:ResourceTag/${tag.key}`]: [tag.value] } };
  const onlyTagged = tagged === undefined ? {} : { conditions: tagged };
  const changes = name === "rotate-secret" ? ["iam:CreateAccessKey"] : ["iam:UpdateAccessKey"];
  return [
    // Which user lacks the tag is told by name: reading goes by no condition.
    { sid: "ReadUsers", actions: ["iam:GetUser", "iam:ListAccessKeys", "iam:ListUserTags"], resources: users },
    // Asked of keys whose user is not known, too.
    { sid: "ReadLastUse", actions: ["iam:GetAccessKeyLastUsed"], resources: ["*"] },
    { sid: "RotateKeys", actions: [...changes, "iam:DeleteAccessKey"], resources: users, ...onlyTagged },
    {
      sid: "KeepTheRecord",
      actions: ["iam:TagUser"],
      resources: users,
      conditions: { ...tagged, "ForAllValues:StringEquals": { "aws:TagKeys": [RECORD_TAG] } },
    },
  ];
}

function secretStatements(
  name: FunctionName,
  { partition, account, region }: Place,
  { tag }: Pick<FunctionSettings, "tag">,
): readonly Statement[] {
  const resources = [`arn:${partition}:secretsmanager:${region}:${account}:secret:*`];
  const onlyTagged =
    tag === null ? {} : { conditions: { StringEquals: { [`aws:ResourceTag/${tag.key}`]: [tag.value] } } };
  const reads = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"];
  if (name === "cleanup-secrets")
    return [
      { sid: "FindSecrets", actions: ["secretsmanager:ListSecrets"], resources: ["*"] },
      { sid: "ReadSecrets", actions: reads, resources, ...onlyTagged },
    ];
  const writes = ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"];
  return [{ sid: "RotateSecrets", actions: [...reads, ...writes], resources, ...onlyTagged }];
}

const kmsStatement = (name: FunctionName, { kmsKeyArns }: Place): Statement => ({
  sid: "KmsForSecrets",
  actions: name === "rotate-secret" ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"],
  resources: kmsKeyArns,
});
