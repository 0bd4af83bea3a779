import { runSimulation, type Simulation } from "@cloud-copilot/iam-simulate";
import type { Call } from "./fault-proxy.ts";

/** The emulator's account, and the region of what is judged. */
export const ACCOUNT = "123456789012";
export const REGION = "eu-west-1";

/** The organization that every role is in. */
export const ORGANIZATION = "o-abcd112233";

/** A policy document, as far as it is looked at here. */
export interface PolicyText {
  readonly Statement: readonly {
    readonly Sid?: string;
    readonly Action: readonly string[];
    readonly Resource: readonly string[];
    readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  }[];
}

/** What AWS would evaluate a call against. `path` = of users whose path the call does not say. */
export function resourceOf({ action, body, path: objectPath }: Call, path = "/ci/"): string {
  const [service] = action.split(":");
  if (service === "iam") {
    const words = new URLSearchParams(body);
    if (action === "iam:ListUsers" || action === "iam:ListAccountAliases") return "*";
    return `arn:aws:iam::${ACCOUNT}:user${words.get("Path") ?? path}${words.get("UserName") ?? "ci-bot"}`;
  }
  if (service === "sts") return new URLSearchParams(body).get("RoleArn") ?? "*";
  if (service === "s3") return `arn:aws:s3:::${objectPath.slice(1)}`;
  if (service === "organizations") return "*";
  const input = JSON.parse(body) as {
    QueueUrl?: string;
    Name?: string;
    SecretId?: string;
    Path?: string;
    TableName?: string;
    FromEmailAddress?: string;
  };
  if (service === "sqs") return `arn:aws:sqs:${REGION}:${ACCOUNT}:${input.QueueUrl?.split("/").at(-1) ?? ""}`;
  if (service === "dynamodb") return `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${input.TableName ?? ""}`;
  if (service === "ses") return `arn:aws:ses:${REGION}:${ACCOUNT}:identity/${input.FromEmailAddress ?? ""}`;
  if (service === "ssm")
    return `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter${(input.Name ?? input.Path ?? "").replace(/:[^/]*$|\/$/, "")}`;
  return `arn:aws:secretsmanager:${REGION}:${ACCOUNT}:secret:${input.SecretId ?? input.Name ?? ""}-AbCdEf`;
}

/** What an independent simulator of IAM says of a call under this policy alone: `Allowed`, `ImplicitlyDenied`, or what is wrong. `more` = further keys of the request's context. */
export function judge(
  policy: PolicyText,
  call: Call,
  path?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const tagKeys = [...new URLSearchParams(call.body)].filter(([name]) => /^Tags\.member\.\d+\.Key$/.test(name));
  const from = call.action.startsWith("ses:") ? (JSON.parse(call.body) as { FromEmailAddress?: string }) : {};
  return judgeRequest({
    principal: `arn:aws:iam::${ACCOUNT}:role/keyturn`,
    // One permission is for one message and for several.
    action: call.action.replace(/^(sqs:SendMessage)Batch$/, "$1"),
    resource: resourceOf(call, path),
    account: ACCOUNT,
    context: {
      ...(tagKeys.length === 0 ? {} : { "aws:TagKeys": tagKeys.map(([, key]) => key) }),
      ...(from.FromEmailAddress === undefined ? {} : { "ses:FromAddress": from.FromEmailAddress }),
      ...(call.action === "sts:AssumeRole" ? { "aws:ResourceOrgID": ORGANIZATION } : {}),
      ...more,
    },
    identity: policy,
  });
}

/** A request, and the policies that it is judged by. */
export interface JudgedRequest {
  readonly principal: string;
  readonly action: string;
  readonly resource: string;
  /** Whose the resource is. */
  readonly account: string;
  readonly context: Readonly<Record<string, string | string[]>>;
  /** The policy of the principal. */
  readonly identity: object;
  /** The policy of the resource, such as a role's trust policy. */
  readonly of?: object;
}

/** As {@link judge}, of any request: also `ExplicitlyDenied`. */
export async function judgeRequest({
  principal,
  action,
  resource,
  account,
  context,
  identity,
  of,
}: JudgedRequest): Promise<string> {
  const simulation: Simulation = {
    request: {
      principal,
      action,
      resource: { resource, accountId: account },
      contextVariables: { "aws:PrincipalArn": principal, ...context },
    },
    identityPolicies: [{ name: "keyturn", policy: identity }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(of === undefined ? {} : { resourcePolicy: of }),
  };
  const response = await runSimulation(simulation, {});
  return response.resultType === "error" ? JSON.stringify(response.errors) : response.overallResult;
}
