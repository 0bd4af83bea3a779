import { type ContextEntry, GetRoleCommand, IAMClient, SimulatePrincipalPolicyCommand } from "@aws-sdk/client-iam";
import type { EvaluationResult } from "@aws-sdk/client-iam";
import type { SimulatedAnswer } from "../core/checkup.ts";
import type { Statement } from "../core/permissions.ts";
import { type Caller, CallError, type PermissionSimulator } from "../ports.ts";
import { call } from "./call.ts";
import { type AwsAccess, globalConfig } from "./clients.ts";

/**
 * IAM's policy simulator. It knows the policies of the identity, its groups, its boundary and the organization; it does not
 * know session policies, nor the policies of resources such as keys and secrets.
 * @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
 */
export function openSimulator(access: AwsAccess, caller: Caller): PermissionSimulator {
  const client = new IAMClient(globalConfig(access, { attempts: 2 }));
  let principal: Promise<string | null> | null = null;
  return {
    simulate: async ({ actions, resources, conditions }) => {
      principal ??= principalOf(client, caller);
      const arn = await principal;
      if (arn === null) return null;
      const answers: SimulatedAnswer[] = [];
      for (let marker: string | undefined; ;) {
        const page = await call("iam:SimulatePrincipalPolicy", arn, (options) =>
          client.send(
            new SimulatePrincipalPolicyCommand({
              PolicySourceArn: arn,
              ActionNames: [...actions],
              ResourceArns: [...resources],
              ContextEntries: contextFrom(conditions),
              Marker: marker,
            }),
            options,
          ),
        );
        answers.push(...(page.EvaluationResults ?? []).flatMap(answersFrom));
        marker = page.IsTruncated === true ? page.Marker : undefined;
        if (marker === undefined) break;
      }
      return checked(answers, arn, actions);
    },
  };
}

/** An action without an answer would otherwise pass for one that nothing is wrong with. */
function checked(
  answers: readonly SimulatedAnswer[],
  arn: string,
  actions: readonly string[],
): readonly SimulatedAnswer[] {
  const missing = actions.find((action) => answers.every((each) => each.action !== action));
  if (missing === undefined) return answers;
  throw new CallError("unknown", "iam:SimulatePrincipalPolicy", arn, "UnreadableReply", `the reply lacks ${missing}`);
}

/**
 * Whose policies are to be simulated. A session says only its role's name, so the role is asked for its path; null for the
 * root user and federated ones, which cannot be simulated.
 */
async function principalOf(client: IAMClient, { arn, partition, account, userName }: Caller): Promise<string | null> {
  if (userName !== null) return arn.replace(/^(arn:[\w-]+):sts:/, "$1:iam:");
  const roleName = /:assumed-role\/([^/]+)\//.exec(arn)?.[1];
  if (roleName === undefined) return null;
  try {
    const { Role } = await call("iam:GetRole", `role/${roleName}`, (options) =>
      client.send(new GetRoleCommand({ RoleName: roleName }), options),
    );
    if (Role?.Arn !== undefined) return Role.Arn;
  } catch (error) {
    if (!(error instanceof CallError) || error.kind !== "denied") throw error;
  }
  // Right for every role in the root path; for any other IAM answers that there is no such role.
  return `arn:${partition}:iam::${account}:role/${roleName}`;
}

/** What a call would bring along so that the conditions are met: the type of a value follows from its operator. */
function contextFrom(conditions: Statement["conditions"]): ContextEntry[] {
  return Object.entries(conditions ?? {}).flatMap(([operator, keys]) =>
    Object.entries(keys).map(([name, values]): ContextEntry => ({
      ContextKeyName: name,
      ContextKeyType: operator.startsWith("For") ? "stringList" : operator === "Bool" ? "boolean" : "string",
      ContextKeyValues: [...values],
    })),
  );
}

/** Answers about several resources hang below the action; about one they may stand alone. */
function answersFrom(result: EvaluationResult): readonly SimulatedAnswer[] {
  const { EvalActionName, OrganizationsDecisionDetail, ResourceSpecificResults = [] } = result;
  const each =
    ResourceSpecificResults.length > 0
      ? ResourceSpecificResults
      : [{ ...result, EvalResourceDecision: result.EvalDecision }];
  return each.map(
    ({ EvalResourceName, EvalResourceDecision, MissingContextValues, PermissionsBoundaryDecisionDetail }) => ({
      action: EvalActionName ?? "",
      resource: EvalResourceName ?? "*",
      decision: EvalResourceDecision ?? "implicitDeny",
      deniedByOrganization: OrganizationsDecisionDetail?.AllowedByOrganizations === false,
      deniedByBoundary:
        (PermissionsBoundaryDecisionDetail ?? result.PermissionsBoundaryDecisionDetail)
          ?.AllowedByPermissionsBoundary === false,
      missingContext: MissingContextValues ?? [],
    }),
  );
}
