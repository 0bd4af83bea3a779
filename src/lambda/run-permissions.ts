import type { Statement } from "../core/permissions.ts";

/** Where planner and workers meet, and which roles they assume. */
export interface RunPlace {
  /** Of the queue between planner and workers. */
  readonly queueArn: string;
  /** Of the bucket that results are kept in. */
  readonly bucketArn: string;
  /** What the keys of all objects begin with: empty, or with a slash at its end. */
  readonly prefix: string;
  /** Organizations is asked; false = the accounts are listed by hand, and nobody asks it. */
  readonly isOrganization: boolean;
  /** ARN of the role by which Organizations is asked; null = as the functions themselves. */
  readonly listAs: string | null;
  /** ARNs of the roles in the accounts; a wildcard may stand for the account. */
  readonly memberRoles: readonly string[];
  /** ARN of the role in the account where secrets go; null where none is assumed. */
  readonly centralRole: string | null;
  /** The id of the organization (`o-…`), outside of which no role is assumed; null where it is not known. */
  readonly organizationId: string | null;
  /** Whether sessions bear the id of the run as their source identity. */
  readonly namesRun: boolean;
}

/** What the planner's role needs, besides its log and its configuration: it finds the accounts, and enters none. */
export const plannerPermissions = (place: RunPlace): readonly Statement[] => [
  { sid: "SendWork", actions: ["sqs:SendMessage"], resources: [place.queueArn] },
  {
    sid: "WriteResults",
    actions: ["s3:PutObject"],
    resources: [objects(place, "runs/*"), objects(place, "latest.json")],
  },
  ...asking(place, {
    sid: "ListOrganization",
    actions: [
      "organizations:ListAccounts",
      "organizations:ListAccountsForParent",
      "organizations:ListOrganizationalUnitsForParent",
      "organizations:ListTagsForResource",
    ],
    resources: ["*"],
  }),
];

/**
 * What the worker's role needs, besides its log and its configuration. What a central store, mail and an escrow in its own account
 * need comes on top, as `keyturn policy` prints it.
 */
export const workerPermissions = (place: RunPlace): readonly Statement[] => [
  {
    sid: "TakeWork",
    actions: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
    resources: [place.queueArn],
  },
  { sid: "HandOn", actions: ["sqs:SendMessage"], resources: [place.queueArn] },
  { sid: "KeepResults", actions: ["s3:GetObject", "s3:PutObject"], resources: [objects(place, "runs/*")] },
  // Without it S3 says of an object that is not there that it may not be read.
  { sid: "SeeResults", actions: ["s3:ListBucket"], resources: [place.bucketArn] },
  entering(place, "EnterAccounts", place.memberRoles, true),
  ...(place.centralRole === null ? [] : [entering(place, "EnterCentral", [place.centralRole], true)]),
  ...asking(place, {
    sid: "LookUpAccount",
    actions: ["organizations:DescribeAccount", "organizations:ListParents", "organizations:ListTagsForResource"],
    resources: ["*"],
  }),
];

const objects = ({ bucketArn, prefix }: RunPlace, name: string): string => `${bucketArn}/${prefix}${name}`;

/** Organizations is asked as the function itself, or by a role that is assumed for that; or nobody asks it. */
function asking(place: RunPlace, own: Statement): readonly Statement[] {
  if (!place.isOrganization) return [];
  return [place.listAs === null ? own : entering(place, "ListAsRole", [place.listAs], false)];
}

/** `isInside` = the roles are in the organization: then a role of any other is refused, whatever its trust policy says. */
const entering = (
  { organizationId, namesRun }: RunPlace,
  sid: string,
  resources: readonly string[],
  isInside: boolean,
): Statement => ({
  sid,
  actions: namesRun ? ["sts:AssumeRole", "sts:SetSourceIdentity"] : ["sts:AssumeRole"],
  resources,
  ...(isInside && organizationId !== null
    ? { conditions: { StringEquals: { "aws:ResourceOrgID": [organizationId] } } }
    : {}),
});
