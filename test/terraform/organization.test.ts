import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GetRoleCommand, GetRolePolicyCommand, IAMClient, ListRolePoliciesCommand } from "@aws-sdk/client-iam";
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { policyDocument } from "../../src/core/permissions.ts";
import { plannerPermissions, type RunPlace, workerPermissions } from "../../src/lambda/run-permissions.ts";
import { temporaryFolder } from "../support/cli.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { ACCOUNT, judge, judgeRequest, type PolicyText, resourceOf } from "../support/iam-judge.ts";
import { typed } from "../support/in-process.ts";
import { bySid, memberRoleOf, type MemberSettings, type RoleStatement, SETTINGS } from "../support/member-role.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";
import { Stack, terraformMissing } from "../support/terraform.ts";

/*
 * What the emulator cannot show, so that nothing here proves it: what a policy refuses (a simulator of IAM judges them), what the
 * schedule, the queue and alarms do by themselves, and a StackSet.
 */

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const REGION = "eu-central-1";
const missing = motoMissing ?? terraformMissing;

/** An archive of nothing: whoever makes functions out of it does not run them. */
const EMPTY_ZIP = Buffer.from("UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==", "base64");

const lint = spawnSync("cfn-lint", ["--version"], { timeout: 60_000 });
const lintMissing = lint.status === 0 ? null : "SKIPPED: no cfn-lint";

const text = (value: unknown) => JSON.stringify(value);

/** The role's module with these settings, under a name of its own. */
const member = (settings: MemberSettings, index: number) => `
module "member_${index}" {
  source                = "./modules/member-role"
  name                  = "KeyturnMember${index}"
  rotator_role_arns     = ${text(settings.rotators)}
  organization_id       = ${text(settings.organization)}
  external_id           = ${text(settings.externalId)}
  allow_source_identity = ${settings.namesRun}
  path                  = ${text(settings.path)}
  user_path             = ${text(settings.userPath)}
  user_tag              = ${settings.userTag === null ? "null" : text(settings.userTag)}
  region                = ${settings.region === REGION ? "null" : text(settings.region)}
  ssm_prefix            = ${text(settings.ssm)}
  secretsmanager_prefix = ${text(settings.secrets)}
  escrow                = ${settings.escrow}
  kms_key_arns          = ${text(settings.kmsKeys)}
  large_account         = ${settings.large}
  more_permissions      = ${text(settings.more)}
  permissions_boundary_arn = ${text(settings.boundary)}
}
`;

describe.skipIf(missing !== null)(`the modules organization and member-role ${missing ?? ""}`, () => {
  let moto: Moto;
  let proxy: FaultProxy;
  let tf: Stack;
  let iam: IAMClient;
  let sqs: SQSClient;
  const packages = temporaryFolder();
  beforeAll(async () => {
    for (const name of ["planner", "worker"]) writeFileSync(join(packages, `${name}.zip`), EMPTY_ZIP);
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
    tf = new Stack(moto.url);
    const credentials = { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" };
    iam = new IAMClient({ endpoint: moto.url, region: REGION, credentials });
    sqs = new SQSClient({ endpoint: moto.url, region: REGION, credentials });
  });
  afterAll(async () => {
    tf.remove();
    iam.destroy();
    sqs.destroy();
    await proxy.stop();
    await moto.stop();
  });

  /** The policy of that name of a role that was made. */
  async function deployed(role: string, name: string): Promise<PolicyText> {
    const { PolicyDocument = "" } = await iam.send(new GetRolePolicyCommand({ RoleName: role, PolicyName: name }));
    return JSON.parse(decodeURIComponent(PolicyDocument)) as PolicyText; // as the module wrote it
  }

  const organization = (rest = "") => `
module "organization" {
  source          = "./modules/organization"
  package         = { folder = ${text(packages)} }
  keyturn_config  = "ssm:/keyturn/config:3"
  organization_id = "o-a1b2c3d4e5"
  ${rest}
}

output "organization" {
  value = module.organization
}
`;

  it("pass their own tests, and the example is valid", async () => {
    for (const module of ["organization", "member-role"]) {
      const { code, out } = await tf.run(`-chdir=modules/${module}`, "test");
      expect([code, out]).toEqual([0, expect.stringMatching(/Success! \d+ passed, 0 failed/)]);
    }
    const example = new Stack(moto.url, {}, "organization");
    await example.must("get");
    await example.must("validate");
    example.remove();
  });

  it("are applied, keep still, and are destroyed; the role is the StackSet's, and lets a run do its work", async () => {
    const bucket = "results-of-ours";
    const main = `${organization(`results_bucket = "${bucket}"
  results_prefix = "keys"
  source_identity = "run"
  central_role_arn = "arn:aws:iam::999988887777:role/KeyturnCentral"`)}${SETTINGS.map(member).join("")}
resource "aws_s3_bucket" "ours" {
  bucket = "${bucket}"
}
`;
    await tf.write(`${main}${await queuesByHand()}`);
    const changes = await tf.plan();
    const queues = changes.filter(({ address }) => address.includes("aws_sqs_queue"));
    expect(queues.map(({ actions }) => actions)).toEqual(["imported", "imported", "imported"]);
    await tf.must("apply", "plan.out");
    await tf.write(main);
    expect(await tf.plan()).toEqual([]);
    expect(tf.outputs()["organization"]).toMatchObject({
      worker_role_arn: `arn:aws:iam::${ACCOUNT}:role/keyturn-worker`,
      results_bucket: bucket,
      report_command: `keyturn report s3://${bucket}/keys`,
    });

    await expectLeastPrivilege(bucket);
    for (const [index, settings] of SETTINGS.entries()) await expectSameRole(settings, `KeyturnMember${index}`);
    await expectQueueForFunctionsAlone();
    await expectEntry();
    await expectRun();

    const destroyed = await tf.destroy();
    expect([destroyed.code, destroyed.out]).toEqual([0, expect.stringContaining("Destroy complete")]);
  });

  /**
   * The queues as they have to be, made as AWS is told to make them, and taken over: the provider waits for half a minute after it
   * made one. The plan finds nothing to change in them.
   */
  async function queuesByHand(): Promise<string> {
    const arn = (name: string) => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`;
    const role = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
    const policy = (name: string, ...more: readonly object[]) => {
      const Condition = { Bool: { "aws:SecureTransport": "false" } };
      const tls = { Sid: "TlsOnly", Effect: "Deny", Principal: "*", Action: "sqs:*", Resource: arn(name), Condition };
      return {
        Policy: text({ Version: "2012-10-17", Statement: [tls, ...more] }),
        SqsManagedSseEnabled: "true",
        MaximumMessageSize: "262144",
      };
    };
    const send = { Effect: "Deny", Principal: "*", Action: "sqs:SendMessage", Resource: arn("keyturn-work") };
    const ours = [role("keyturn-planner"), role("keyturn-worker")];
    const onlyOurs = {
      ...send,
      Sid: "OnlyPlannerAndWorkersSend",
      Condition: { ArnNotLike: { "aws:PrincipalArn": ours } },
    };
    const queues = {
      dead: {
        ...policy("keyturn-work-dead"),
        MessageRetentionPeriod: "1209600",
        RedriveAllowPolicy: text({ redrivePermission: "byQueue", sourceQueueArns: [arn("keyturn-work")] }),
      },
      failed: { ...policy("keyturn-planner-failed"), MessageRetentionPeriod: "1209600" },
      work: {
        ...policy("keyturn-work", onlyOurs),
        MaximumMessageSize: "1024",
        MessageRetentionPeriod: "345600",
        VisibilityTimeout: "5400",
        RedrivePolicy: text({ deadLetterTargetArn: arn("keyturn-work-dead"), maxReceiveCount: 5 }),
      },
    };
    const names = { dead: "keyturn-work-dead", failed: "keyturn-planner-failed", work: "keyturn-work" };
    const imports: string[] = [];
    for (const name of ["dead", "failed", "work"] as const) {
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: names[name], Attributes: queues[name] }));
      imports.push(`import {\n  to = module.organization.aws_sqs_queue.${name}\n  id = ${text(QueueUrl)}\n}\n`);
    }
    return imports.join("");
  }

  /** Both functions may do what they need, and beside it only what Lambda needs to run them. */
  async function expectLeastPrivilege(bucket: string): Promise<void> {
    const place: RunPlace = {
      queueArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:keyturn-work`,
      bucketArn: `arn:aws:s3:::${bucket}`,
      prefix: "keys/",
      isOrganization: true,
      listAs: null,
      memberRoles: ["arn:aws:iam::*:role/KeyturnMember"],
      centralRole: "arn:aws:iam::999988887777:role/KeyturnCentral",
      organizationId: "o-a1b2c3d4e5",
      namesRun: true,
    };
    const wanted = { "keyturn-planner": plannerPermissions(place), "keyturn-worker": workerPermissions(place) };
    for (const [role, statements] of Object.entries(wanted)) {
      const { Statement } = await deployed(role, role);
      const own = ["KeepWhatFailed", "ReadConfiguration", "WriteLogs"];
      const asked = Statement.filter(({ Sid = "" }) => !own.includes(Sid));
      expect(bySid<object>(asked)).toEqual(bySid<object>(policyDocument(statements).Statement));
    }
  }

  /** The role that the module made is the one that a stack of the template would be. */
  async function expectSameRole(settings: MemberSettings, name: string): Promise<void> {
    const stack = memberRoleOf(settings);
    const { Role } = await iam.send(new GetRoleCommand({ RoleName: name }));
    const { PolicyNames = [] } = await iam.send(new ListRolePoliciesCommand({ RoleName: name }));
    const trust = JSON.parse(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? "")) as {
      Statement: readonly RoleStatement[];
    }; // as the module wrote it
    expect({
      RoleName: "KeyturnMember",
      Path: Role?.Path,
      Description: Role?.Description,
      MaxSessionDuration: Role?.MaxSessionDuration,
      PermissionsBoundary: Role?.PermissionsBoundary?.PermissionsBoundaryArn ?? null,
      trust: trust.Statement,
      statements: bySid((await deployed(name, "keyturn")).Statement),
      more: PolicyNames.includes("more") ? await deployed(name, "more") : null,
    }).toEqual({
      ...stack,
      statements: bySid(stack.statements),
      more: JSON.parse(stack.more ?? "null") as unknown,
    });
  }

  /** Whatever somebody's own policies say: only the functions send, and only by TLS. */
  async function expectQueueForFunctionsAlone(): Promise<void> {
    const { Attributes = {} } = await sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: `${moto.url}/${ACCOUNT}/keyturn-work`,
        AttributeNames: ["Policy"],
      }),
    );
    const of = JSON.parse(Attributes["Policy"] ?? "") as object; // as it was made
    const send = (principal: string, action = "sqs:SendMessage", isSecure = "true") =>
      judgeRequest({
        principal: `arn:aws:iam::${ACCOUNT}:role/${principal}`,
        action,
        resource: `arn:aws:sqs:${REGION}:${ACCOUNT}:keyturn-work`,
        account: ACCOUNT,
        context: { "aws:SecureTransport": isSecure },
        identity: { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "sqs:*", Resource: "*" }] },
        of,
      });
    expect([await send("keyturn-planner"), await send("keyturn-worker")]).toEqual(["Allowed", "Allowed"]);
    expect(await send("admin")).toBe("ExplicitlyDenied");
    expect(await send("admin", "sqs:ReceiveMessage")).toBe("Allowed");
    expect(await send("keyturn-worker", "sqs:ReceiveMessage", "false")).toBe("ExplicitlyDenied");
  }

  /** The workers' own policy and the role's trust together: in, where both are of one organization. */
  async function expectEntry(): Promise<void> {
    const [, , settings] = SETTINGS;
    if (settings === undefined) throw new Error("there are no such settings");
    const identity = await deployed("keyturn-worker", "keyturn-worker");
    const enter = (resource: string, organizations: Readonly<Record<string, string>>) =>
      judgeRequest({
        principal: settings.rotators[0] ?? "",
        action: "sts:AssumeRole",
        resource,
        account: "444455556666",
        context: { "aws:PrincipalOrgID": "o-a1b2c3d4e5", ...organizations },
        identity,
        of: { Version: "2012-10-17", Statement: memberRoleOf(settings).trust },
      });
    const role = "arn:aws:iam::444455556666:role/KeyturnMember";
    expect(await enter(role, { "aws:ResourceOrgID": "o-a1b2c3d4e5" })).toBe("Allowed");
    expect(await enter(role, { "aws:ResourceOrgID": "o-e5d4c3b2a1" })).toBe("ImplicitlyDenied");
    expect(await enter(`${role}2`, { "aws:ResourceOrgID": "o-a1b2c3d4e5" })).toBe("ImplicitlyDenied");
  }

  /** A run by the role, in the emulator: every call is one that the role may make, and the user without the tag stays as it is. */
  async function expectRun(): Promise<void> {
    const [settings] = SETTINGS;
    if (settings === undefined || settings.userTag === null) throw new Error("the first settings name a tag");
    const { key, value } = settings.userTag;
    const old = [{ ageDays: 200, usedDaysAgo: 1 }];
    await moto.seed([
      { name: "ci-bot", path: "/ci/", tags: { [key]: value }, keys: old },
      { name: "person", path: "/ci/", keys: old },
    ]);
    const config = join(packages, "keyturn.yaml");
    writeFileSync(
      config,
      `accounts: [{ id: "${ACCOUNT}", role: service/KeyturnMember0, externalId: ${settings.externalId} }]
select: { path: /ci/, tag: { ${key}: ${value} } }
defaults: { policy: safe, deliver: [ "ssm:/keys/ci/{user}", "secretsmanager:prod/{user}" ] }
escrow: ssm
`,
    );
    const change = ["--settle", "0s", "--audit", "none", "--yes", "--config", config];
    const { code, out, err } = await typed(["run", "--all-accounts", ...change], proxy.url);
    expect([code, out], err).toEqual([0, expect.stringContaining("1 rotated")]);
    const runner = "ASIATESTRUNNER000000";
    const calls = proxy.calls.filter(
      ({ action, signer }) => signer.startsWith("ASIA") && signer !== runner && action !== "sts:GetCallerIdentity",
    );
    expect(calls.map(({ action }) => action)).toEqual(
      expect.arrayContaining(["iam:CreateAccessKey", "iam:TagUser", "ssm:PutParameter", "secretsmanager:CreateSecret"]),
    );
    const policy = await deployed("KeyturnMember0", "keyturn");
    for (const call of calls) {
      const tag = { [`iam:ResourceTag/${key}`]: call.body.includes("UserName=person") ? "another" : value };
      const what = `${call.action} ${resourceOf(call)}`;
      expect([what, await judge(policy, call, "/ci/", tag)]).toEqual([what, "Allowed"]);
    }
    expect((await moto.keys()).filter(({ userName }) => userName === "person")).toHaveLength(1);
    expect((await moto.keys()).filter(({ userName }) => userName === "ci-bot")).toHaveLength(2);
  }
});

describe.skipIf(lintMissing !== null)(`the template of the role ${lintMissing ?? ""}`, () => {
  it("is one that cfn-lint finds nothing wrong with", () => {
    const { status, stdout } = spawnSync("cfn-lint", [join(ROOT, "cloudformation/member-role.yaml")], {
      encoding: "utf8",
      timeout: 120_000,
    });
    expect([status, stdout]).toEqual([0, ""]);
  });

  it("goes into the package", () => {
    const { files } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { files: readonly string[] };
    expect(files).toContain("cloudformation");
  });
});
