import { type CheckedSettings, permissions } from "../compose.ts";
import type { Statement } from "../core/permissions.ts";
import type { Caller } from "../ports.ts";

/** Which of the two functions. */
export type FunctionName = "creator" | "destructor";

/** Where a function works. */
export interface Place extends Pick<Caller, "partition" | "account"> {
  readonly region: string;
  /** The timer's table; null = there is none. */
  readonly tableArn: string | null;
  /** The paths of its users, such as `/ci/`; none = all. */
  readonly paths: readonly string[];
}

/**
 * What a function's own role needs under these settings, besides its log, its stream and its configuration. `isLarge` = the
 * creator also lists accounts of more than a hundred users at once; without it every user is read on its own.
 */
export function functionPermissions(
  name: FunctionName,
  { partition, account, region, tableArn, paths }: Place,
  settings: CheckedSettings,
  { isLarge = false } = {},
): readonly Statement[] {
  const caller: Caller = { partition, account, arn: "", userName: null, accessKeyId: null };
  const asked = permissions(settings, caller, region, paths, { isLarge });
  const deactivates = asked.some(({ actions }) => actions.includes("iam:UpdateAccessKey"));
  return [
    ...(name === "creator" ? asked : asked.flatMap((statement) => narrowed(statement, deactivates))),
    ...(tableArn === null ? [] : [{ sid: "KeepTheTimer", actions: TIMER[name], resources: [tableArn] }]),
  ];
}

const TIMER: Readonly<Record<FunctionName, readonly string[]>> = {
  creator: ["dynamodb:Scan", "dynamodb:PutItem", "dynamodb:DeleteItem"],
  destructor: ["dynamodb:PutItem"],
};

/**
 * What a run asks and the destructor never does: entries name its users, it makes no key, delivers none and seals none. What it
 * reads, retires and tells, it does as any run.
 */
const RUNS_ONLY: readonly string[] = [
  "iam:ListUsers",
  "iam:CreateAccessKey",
  "iam:GetAccountAuthorizationDetails",
  "iam:GenerateCredentialReport",
  "iam:GetCredentialReport",
];

/** By statement, what of it is for deliveries alone. */
const DELIVERIES_ONLY: Readonly<Record<string, readonly string[]>> = {
  Escrow: ["ssm:PutParameter", "ssm:GetParameter", "ssm:DeleteParameter"],
  SealWithFernet: ["ssm:PutParameter", "ssm:LabelParameterVersion", "ssm:UnlabelParameterVersion"],
};

/** A statement as the destructor needs it; none where nothing is left of it. A key that is deleted is not recorded first, one that is deactivated is. */
function narrowed(statement: Statement, deactivates: boolean): readonly Statement[] {
  const unasked = [...RUNS_ONLY, ...(DELIVERIES_ONLY[statement.sid] ?? []), ...(deactivates ? [] : ["iam:TagUser"])];
  const actions = statement.actions.filter((action) => !unasked.includes(action));
  return actions.length === 0 ? [] : [{ ...statement, actions }];
}
