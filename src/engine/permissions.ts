import type { Statement } from "../core/permissions.ts";
import type { Policy } from "../core/policy.ts";
import { RECORD_TAG } from "../core/record.ts";
import type { Caller } from "../ports.ts";

/**
 * What the engine itself asks of IAM, as narrow as IAM allows: users by path, tags by key. `paths` such as `/ci/`; none = all.
 * `isLarge` = also what lists accounts of more than a hundred users at once, which knows no resources; without it every user is read.
 * `byHand` = also what a person asks of it by name: `retire` and `rollback` change the status of a key under every policy.
 * `ListUsers` knows no resources. `GetAccessKeyLastUsed` is asked of keys whose user is not known, too: whose is the key that this
 * target serves?
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
 */
export function enginePermissions(
  { partition, account }: Caller,
  policies: readonly Policy[],
  paths: readonly string[],
  { byHand, isLarge }: { readonly byHand: boolean; readonly isLarge: boolean },
): readonly Statement[] {
  const users = (paths.length === 0 ? ["/"] : paths).map((path) => `arn:${partition}:iam::${account}:user${path}*`);
  const reads = [
    "iam:GetUser",
    "iam:ListAccessKeys",
    "iam:ListUserTags",
    ...(policies.some(({ humans }) => humans === "exclude") ? ["iam:GetLoginProfile"] : []),
  ];
  const writes = [
    "iam:CreateAccessKey",
    ...(byHand || policies.some(({ deactivate }) => deactivate.when !== "never") ? ["iam:UpdateAccessKey"] : []),
    // An orphan is deleted under every policy.
    "iam:DeleteAccessKey",
  ];
  return [
    { sid: "FindUsers", actions: ["iam:ListUsers"], resources: ["*"] },
    ...(isLarge
      ? [
          {
            sid: "ListTheAccount",
            actions: ["iam:GetAccountAuthorizationDetails", "iam:GenerateCredentialReport", "iam:GetCredentialReport"],
            resources: ["*"],
          },
        ]
      : []),
    { sid: "ReadUsers", actions: reads, resources: users },
    { sid: "ReadLastUse", actions: ["iam:GetAccessKeyLastUsed"], resources: ["*"] },
    { sid: "RotateKeys", actions: writes, resources: users },
    {
      sid: "KeepTheRecord",
      actions: ["iam:TagUser"],
      resources: users,
      conditions: { "ForAllValues:StringEquals": { "aws:TagKeys": [RECORD_TAG] } },
    },
  ];
}
