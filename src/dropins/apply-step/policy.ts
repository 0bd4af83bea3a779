import { checkSettings, permissions } from "../../compose.ts";
import { policyDocument, type Statement } from "../../core/permissions.ts";
import { expandName } from "../../core/target.ts";
import type { Caller } from "../../ports.ts";
import { type Given, settingsFrom } from "./settings.ts";

/** What the engine would ask for besides, and this way of running it does not: its record is in a parameter. */
const UNUSED: readonly string[] = ["iam:TagUser", "iam:GetLoginProfile"];

/**
 * The least IAM policy for whoever applies the module `apply-time-rotation` for this user: what keyturn asks for, narrowed to the one
 * user and its three parameters, and what Terraform itself asks for. The user is taken to have the path `/`.
 */
export async function applyPolicy(given: Given, { account, partition }: Pick<Caller, "account" | "partition">) {
  const settings = await checkSettings(settingsFrom(given));
  const caller: Caller = { account, partition, arn: "", userName: null, accessKeyId: null };
  const region = given.region ?? "*";
  const arn = `arn:${partition}:iam::${account}:user/${given.userName}`;
  const name = expandName("/{user}", { userName: given.userName, path: "/", arn }, account, /[A-Za-z0-9_.-]/);
  const parameters = `arn:${partition}:ssm:${region}:${account}:parameter`;
  const own = permissions(settings, caller, region, []).map((statement) => ({
    ...statement,
    actions: statement.actions.filter((action) => !UNUSED.includes(action)),
    resources: statement.resources.map((resource) =>
      resource === `arn:${partition}:iam::${account}:user/*`
        ? arn
        : resource === `${parameters}/*/*`
          ? `${parameters}${name}/*`
          : resource,
    ),
  }));
  return policyDocument([
    ...own.filter(({ actions }) => actions.length > 0),
    ...terraformPermissions(`${parameters}${name}/*`, `arn:${partition}:kms:${region}:${account}`),
  ]);
}

/** What the resources and data of the module ask for. `CreateKey` and the listing of parameters know no resources. */
const terraformPermissions = (parameters: string, kms: string): readonly Statement[] => [
  {
    sid: "ManageParameters",
    actions: [
      "ssm:AddTagsToResource",
      "ssm:DeleteParameter",
      "ssm:GetParameters",
      "ssm:ListTagsForResource",
      "ssm:RemoveTagsFromResource",
    ],
    resources: [parameters],
  },
  {
    sid: "MakeTheKey",
    actions: ["kms:CreateKey", "kms:ListAliases", "ssm:DescribeParameters"],
    resources: ["*"],
  },
  {
    sid: "ManageTheKey",
    actions: [
      "kms:CreateAlias",
      "kms:Decrypt",
      "kms:DeleteAlias",
      "kms:DescribeKey",
      "kms:EnableKeyRotation",
      "kms:Encrypt",
      "kms:GenerateDataKey",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListResourceTags",
      "kms:ScheduleKeyDeletion",
      "kms:TagResource",
      "kms:UntagResource",
      "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ],
    resources: [`${kms}:key/*`, `${kms}:alias/*`],
  },
];
