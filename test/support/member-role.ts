import { readFileSync } from "node:fs";
import { CloudFormationTemplate } from "./cloudformation.ts";
import { ACCOUNT } from "./iam-judge.ts";

/** A statement of a policy, of either kind. */
export interface RoleStatement {
  readonly Sid?: string;
  readonly Action: readonly string[] | string;
  readonly Resource?: readonly string[];
  readonly Principal?: Readonly<Record<string, string>>;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** How a role in an account is set up, by either way of making one. */
export interface MemberSettings {
  readonly called: string;
  readonly rotators: readonly string[];
  readonly organization: string | null;
  readonly externalId: string | null;
  readonly namesRun: boolean;
  readonly path: string;
  readonly boundary: string | null;
  readonly userPath: string;
  readonly userTag: { readonly key: string; readonly value: string } | null;
  readonly region: string;
  readonly ssm: string | null;
  readonly secrets: string | null;
  readonly escrow: boolean;
  readonly kmsKeys: readonly string[];
  readonly large: boolean;
  readonly more: string | null;
}

const WORKER = "arn:aws:iam::111122223333:role/keyturn-worker";

/** Everything at once, what a module gives by itself, and what lies between. */
export const SETTINGS: readonly MemberSettings[] = [
  {
    called: "with everything that may be set",
    rotators: [WORKER, "arn:aws:iam::111122223333:role/people/rotators"],
    organization: "o-a1b2c3d4e5",
    externalId: "7c1f-turn",
    namesRun: true,
    path: "/service/",
    boundary: `arn:aws:iam::${ACCOUNT}:policy/boundary`,
    userPath: "/ci/",
    userTag: { key: "team", value: "build and run" },
    region: "eu-west-1",
    ssm: "/keys/ci",
    secrets: "prod",
    escrow: true,
    kmsKeys: [`arn:aws:kms:eu-west-1:${ACCOUNT}:key/0000-1111`],
    large: true,
    more: '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ses:SendEmail"],"Resource":["*"]}]}',
  },
  {
    called: "with nothing set that need not be",
    rotators: [WORKER],
    organization: null,
    externalId: null,
    namesRun: false,
    path: "/",
    boundary: null,
    userPath: "/",
    userTag: null,
    region: "eu-central-1",
    ssm: null,
    secrets: null,
    escrow: false,
    kmsKeys: [],
    large: false,
    more: null,
  },
  {
    called: "with an escrow and a parameter, inside an organization",
    rotators: [WORKER],
    organization: "o-a1b2c3d4e5",
    externalId: null,
    namesRun: true,
    path: "/",
    boundary: null,
    userPath: "/ci/",
    userTag: null,
    region: "eu-central-1",
    ssm: "/keys",
    secrets: null,
    escrow: true,
    kmsKeys: [`arn:aws:kms:eu-central-1:${ACCOUNT}:key/0000-1111`],
    large: false,
    more: null,
  },
];

/** `cloudformation/member-role.yaml`. */
export const MEMBER_ROLE = new CloudFormationTemplate(
  readFileSync(new URL("../../cloudformation/member-role.yaml", import.meta.url), "utf8"),
);

/** The settings as parameters of the template. */
export const parametersFor = (settings: MemberSettings): Readonly<Record<string, string>> => ({
  RotatorRoleArns: settings.rotators.join(","),
  OrganizationId: settings.organization ?? "",
  ExternalId: settings.externalId ?? "",
  AllowSourceIdentity: String(settings.namesRun),
  RolePath: settings.path,
  PermissionsBoundaryArn: settings.boundary ?? "",
  UserPath: settings.userPath,
  UserTagKey: settings.userTag?.key ?? "",
  UserTagValue: settings.userTag?.value ?? "",
  LargeAccount: String(settings.large),
  WriteRegion: settings.region === "eu-central-1" ? "" : settings.region,
  SsmPrefix: settings.ssm ?? "",
  SecretsManagerPrefix: settings.secrets ?? "",
  Escrow: String(settings.escrow),
  KmsKeyArns: settings.kmsKeys.join(","),
  MorePermissions: settings.more ?? "",
});

/** What a role comes to, however it was made. */
export interface MadeRole {
  readonly RoleName: string;
  readonly Path: string;
  readonly Description: string;
  readonly MaxSessionDuration: number;
  readonly PermissionsBoundary: string | null;
  readonly trust: readonly RoleStatement[];
  /** Of all its policies but `more`. */
  readonly statements: readonly RoleStatement[];
  readonly more: string | null;
}

/** The role that a stack with these settings makes, in eu-central-1. */
export function memberRoleOf(settings: MemberSettings): MadeRole {
  const parameters = parametersFor(settings);
  const refused = MEMBER_ROLE.refused(parameters);
  if (refused.length > 0) throw new Error(`CloudFormation refuses ${refused.join(", ")}`);
  type Statements = { readonly Statement: readonly RoleStatement[] };
  const role = MEMBER_ROLE.properties("Role", parameters, { account: ACCOUNT, region: "eu-central-1" }) as {
    AssumeRolePolicyDocument: Statements;
    Policies: readonly { PolicyName: string; PolicyDocument: Statements | string }[];
    PermissionsBoundary?: string;
  } & Pick<MadeRole, "RoleName" | "Path" | "Description" | "MaxSessionDuration">; // what AWS::IAM::Role is made of
  const { AssumeRolePolicyDocument, Policies, PermissionsBoundary = null, ...plain } = role;
  const more = Policies.find(({ PolicyName }) => PolicyName === "more")?.PolicyDocument;
  return {
    ...plain,
    PermissionsBoundary,
    trust: AssumeRolePolicyDocument.Statement,
    statements: Policies.filter(({ PolicyName }) => PolicyName !== "more").flatMap(({ PolicyDocument: document }) => {
      const { Statement } = typeof document === "string" ? (JSON.parse(document) as Statements) : document; // both are policies
      return Statement;
    }),
    more: typeof more === "string" ? more : null,
  };
}

/** In an order of their own: documents of the same meaning differ in it. */
export const bySid = <T extends { readonly Sid?: string }>(statements: readonly T[]): readonly T[] =>
  statements.toSorted((a, b) => ((a.Sid ?? "") < (b.Sid ?? "") ? -1 : 1));
