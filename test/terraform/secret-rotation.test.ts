import { join } from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { CreateAccessKeyCommand, GetPolicyCommand, GetPolicyVersionCommand, IAMClient } from "@aws-sdk/client-iam";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { policyDocument } from "../../src/core/permissions.ts";
import { functionPermissions } from "../../src/secret-rotation/permissions.ts";
import { readSettings } from "../../src/secret-rotation/settings.ts";
import { DeployedFunctions } from "../support/deployed-functions.ts";
import { packFunctions } from "../support/function-bundle.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";
import { writeOlderRotator } from "../support/older-rotator.ts";
import { plainConfig, Stack, terraformMissing } from "../support/terraform.ts";

/*
 * What the emulator cannot show, so that nothing here proves it:
 *
 *   who may call the functions, and what their roles may do   it enforces no policy: tests of the policies are in test/integration
 *   a rotation in the background                              RotateSecret waits for the function, and an apply with it
 *   a first version that AWS removed                          it keeps all: here Terraform forgets it, or replaces it
 *   schedules and alarms                                      neither fires: the test calls the cleanup itself
 *   another architecture of a function                        it keeps the first one, so the older functions here have ours already
 *   a key that S3 refuses                                     any may read: test/examples has the tester's answer to that
 */

const DAY = 86_400;
const REGION = "eu-central-1";
const missing = motoMissing ?? terraformMissing;

describe.skipIf(missing !== null)(`the modules rotator and rotatable-user ${missing ?? ""}`, () => {
  let moto: Moto;
  let secrets: SecretsManagerClient;
  let iam: IAMClient;
  let packages: string;
  let functions: DeployedFunctions;
  let tf: Stack;
  beforeAll(async () => {
    moto = await startMoto();
    const credentials = { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" };
    secrets = new SecretsManagerClient({ endpoint: moto.url, region: REGION, credentials });
    iam = new IAMClient({ endpoint: moto.url, region: REGION, credentials });
    packages = packFunctions("rotate-secret", "cleanup-secrets", "tester");
  });
  beforeEach(async () => {
    await moto.reset();
    tf = new Stack(moto.url);
    functions = new DeployedFunctions(moto.url, REGION, packages);
    await moto.bridge(await functions.listen(), 2);
  });
  afterEach(() => {
    tf.remove();
    functions.stop();
  });
  afterAll(async () => {
    secrets.destroy();
    iam.destroy();
    await moto.stop();
  });

  /** What a policy of the emulated account says. */
  async function deployedStatements(name: string): Promise<readonly unknown[]> {
    const PolicyArn = `arn:aws:iam::123456789012:policy/${name}`;
    const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
    const { PolicyVersion } = await iam.send(
      new GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }),
    );
    const document = JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? "{}")) as { Statement: unknown[] };
    return document.Statement;
  }

  /** What a pipeline gets from the example's reader. */
  async function readKey(name: string): Promise<unknown> {
    const { stdout } = await promisify(execFile)(join(tf.folder, "deploy/read-key.sh"), [name], {
      env: {
        PATH: process.env["PATH"],
        AWS_ENDPOINT_URL: moto.url,
        // By either name: versions of the AWS CLI differ.
        AWS_REGION: REGION,
        AWS_DEFAULT_REGION: REGION,
        AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
        AWS_SECRET_ACCESS_KEY: "test",
        // The profile that would call the reader again.
        AWS_PROFILE: "app-bot",
      },
    });
    return JSON.parse(stdout);
  }

  /** What consumers of a secret get. */
  async function served(name: string): Promise<Readonly<Record<string, string>>> {
    const { VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId: name }));
    const bearers = Object.entries(VersionIdsToStages).filter(([, stages]) => stages.includes("AWSCURRENT"));
    expect(bearers).toHaveLength(1);
    const [current] = bearers[0] ?? [];
    const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: name, VersionId: current }));
    return JSON.parse(SecretString ?? "{}") as Record<string, string>;
  }

  const keyOf = async (name: string) => (await served(name))["Key"] ?? "none";
  const rotate = (name: string) => secrets.send(new RotateSecretCommand({ SecretId: name }));
  const keyIds = async () => (await moto.keys()).map(({ accessKeyId }) => accessKeyId);

  /** Nothing that Terraform keeps or said, and nothing that a function logged, holds what consumers are served. */
  async function expectSecretsStayInside(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      const { Secret: secret = "", Key: id = "" } = await served(name);
      expect(secret).toMatch(/^\S{40}$/);
      expect([tf.kept().includes(secret), tf.said.includes(secret)]).toEqual([false, false]);
      const logged = functions.calls.map(({ out }) => out).join("");
      expect([logged.includes(secret), logged.includes("canary-rotation-token"), logged.includes(id)]).toEqual([
        false,
        false,
        true,
      ]);
    }
  }

  const modules = (rest = "", user = "") => `
module "rotator" {
  source  = "./modules/rotator"
  package = { folder = ${JSON.stringify(packages)} }
  ${rest}
}

module "app_bot" {
  source             = "./modules/rotatable-user"
  user_name          = "app-bot"
  secret_name        = "dev/app-bot-key"
  rotator_lambda_arn = module.rotator.rotator_lambda_arn
  ${user}
}

output "secret_arn" {
  value = module.app_bot.secret_arn
}
`;

  it("make a first key, rotate, clean up; plan nothing in between; hold no secret; are destroyed", async () => {
    const config = (destroy: string) =>
      `${modules("", `user_tags = { team = "ci" }\n  ${destroy}`)}
module "prefixed" {
  source                         = "./modules/rotatable-user"
  user_name                      = "b+o=t,@x"
  user_path                      = "/bots/"
  user_force_destroy             = true
  secret_name_prefix             = "dev/prefixed-"
  secret_description             = "a bot's key"
  secret_recovery_window_in_days = 0
  secret_policy                  = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Deny", Principal = "*", Action = "secretsmanager:DeleteSecret", Resource = "*" }] })
  rotator_lambda_arn             = module.rotator.rotator_lambda_arn
}

output "prefixed" {
  value = module.prefixed.secret_name
}
`;
    await tf.write(config(""));
    await tf.must("validate");
    await tf.plan();
    await tf.must("apply", "plan.out");
    const [name, first, prefixed] = ["dev/app-bot-key", await keyOf("dev/app-bot-key"), tf.outputs()["prefixed"]];
    expect([String(prefixed).startsWith("dev/prefixed-"), (await keyIds()).length]).toEqual([true, 2]);
    expect(await served(String(prefixed))).toMatchObject({ UserName: "b+o=t,@x" });
    const place = { partition: "aws", account: "123456789012", region: REGION, kmsKeyArns: [] };
    for (const [policy, of] of [
      ["RotateAccessKeyLambdaPolicy", "rotate-secret"],
      ["CleanupAccessKeyLambdaPolicy", "cleanup-secrets"],
    ] as const)
      expect(await deployedStatements(policy)).toEqual([
        ...policyDocument(functionPermissions(of, place, readSettings({}))).Statement,
        expect.objectContaining({ Sid: "WriteLogs" }),
      ]);
    expect(await tf.plan()).toEqual([]);

    await moto.shift(31 * DAY);
    await rotate(name);
    const second = await keyOf(name);
    expect(second).not.toBe(first);
    expect(await tf.plan()).toEqual([]);
    await expectSecretsStayInside(name, String(prefixed));

    // The cleanup, with the settings that it is deployed with: the old key goes when the new one is in use.
    await moto.use(second, { service: "ec2" });
    for (const day of [33, 36]) {
      await moto.shift(day * DAY);
      expect(await functions.invoke("cleanupAccessKey")).toMatchObject({ ok: true });
    }
    expect(await keyIds()).not.toContain(first);
    expect(await tf.plan()).toEqual([]);

    // Whatever becomes of the version that Terraform wrote, what is served stays.
    await tf.must("state", "rm", "module.app_bot.aws_secretsmanager_secret_version.rotatable_secret");
    expect(await tf.plan()).toEqual([
      { address: "module.app_bot.aws_secretsmanager_secret_version.rotatable_secret", actions: "create" },
    ]);
    await tf.must("apply", "plan.out");
    await tf.must(
      "apply",
      "-auto-approve",
      "-replace=module.prefixed.aws_secretsmanager_secret_version.rotatable_secret",
    );
    expect([await keyOf(name), (await served(String(prefixed)))["Key"]]).toEqual([
      second,
      expect.stringMatching(/^AKIA/),
    ]);
    expect(await tf.plan()).toEqual([]);

    // A user whose key may be in use is not destroyed by the way.
    const refused = await tf.destroy("-target=module.app_bot.aws_iam_user.rotatable_user");
    expect([refused.code, await keyIds()]).toEqual([1, expect.arrayContaining([second])]);
    await tf.write(config("user_force_destroy = true"));
    await tf.must("apply", "-auto-approve");
    const destroyed = await tf.destroy();
    expect([destroyed.code, destroyed.out]).toEqual([0, expect.stringContaining("Destroy complete")]);
    expect([await keyIds(), (await secrets.send(new ListSecretsCommand({}))).SecretList]).toEqual([[], []]);
  });

  it("take the place of the modules before: keep their resources, and what their secrets serve", async () => {
    const name = "dev/app-bot-key";
    writeOlderRotator(join(tf.folder, "before"), join(packages, "tester.zip"));
    await tf.write(`
module "rotator" {
  source = "./before/rotator"
}

module "app_bot" {
  source = "./before/rotatable_user"
}
`);
    await tf.must("apply", "-auto-approve");
    // The older function has rotated: what is served is on a version that Terraform knows nothing of.
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "app-bot" }));
    const { AccessKeyId: Key = "", SecretAccessKey: Secret = "" } = AccessKey ?? {};
    const value = { Key, Secret, UserName: "app-bot" };
    await secrets.send(new PutSecretValueCommand({ SecretId: name, SecretString: JSON.stringify(value) }));

    await tf.write(modules("", "rotate_immediately = false"));
    const changes = await tf.plan();
    const gone = changes.filter(({ actions }) => actions !== "create" && actions !== "update");
    expect(gone).toEqual([
      { address: "module.rotator.aws_cloudwatch_event_rule.cleanup_rule", actions: "delete" },
      { address: "module.rotator.aws_cloudwatch_event_target.cleanup_target", actions: "delete" },
      { address: "module.rotator.aws_lambda_permission.allow_secret_manager_call_rotate_lambda", actions: "replace" },
    ]);
    expect(changes.map(({ address }) => address)).not.toContain(
      "module.app_bot.aws_secretsmanager_secret_version.rotatable_secret",
    );
    await tf.must("apply", "plan.out");
    expect([await served(name), await keyIds()]).toEqual([value, [Key]]);
    // Secrets Manager has tried the function out, without a rotation.
    expect(functions.calls).toEqual([
      { name: "rotateAccessKey", ok: true, out: expect.stringContaining("testSecret") },
    ]);
    expect(await tf.plan()).toEqual([]);

    await moto.shift(30 * DAY);
    await rotate(name);
    expect([await keyOf(name), (await keyIds()).length]).toEqual([expect.not.stringContaining(Key), 2]);
    expect(await tf.plan()).toEqual([]);
    await expectSecretsStayInside(name);
  });

  it("are an example that can be applied, read from, and destroyed", async () => {
    tf.remove();
    tf = new Stack(
      moto.url,
      { TF_VAR_test_bucket: "keyturn-test-bucket", TF_VAR_region: REGION, TF_VAR_packages: packages },
      "rotatable-user",
    );
    await tf.must("fmt", "-check");
    await tf.overrideProvider();
    await tf.must("validate");
    await tf.plan();
    await tf.must("apply", "plan.out");
    expect(await tf.plan()).toEqual([]);
    const names = ["dev/app-bot-key", "dev/app-bot1-key"];
    const first = await Promise.all(names.map(keyOf));
    expect(first.map((each) => each.slice(0, 4))).toEqual(["AKIA", "AKIA"]);

    const tester = await functions.invoke("testAccessKey");
    expect([tester.ok, tester.out]).toEqual([true, expect.stringContaining(`"accessKeyId":"${first[1]}","bytes":41`)]);
    await moto.shift(30 * DAY);
    await rotate(names[0] ?? "");
    const second = await keyOf(names[0] ?? "");
    expect(second).not.toBe(first[0]);
    expect((await functions.invoke("testAccessKey")).out).toContain(second);
    expect(await readKey(names[0] ?? "")).toEqual({
      Version: 1,
      AccessKeyId: second,
      SecretAccessKey: (await served(names[0] ?? ""))["Secret"],
    });
    expect(await tf.plan()).toEqual([]);
    await expectSecretsStayInside(...names);

    const destroyed = await tf.destroy();
    expect([destroyed.code, destroyed.out]).toEqual([0, expect.stringContaining("Destroy complete")]);
    expect([await keyIds(), (await secrets.send(new ListSecretsCommand({}))).SecretList]).toEqual([[], []]);
    // Without a key that works the tester says so, and that is an error of the function.
    await expect(functions.invoke("testAccessKey")).rejects.toThrow("there is no function testAccessKey");
  });

  it.each(["rotator", "rotatable-user"])(
    "pass their own tests, each in a folder with nothing beside it, after a plain terraform init: %s",
    async (module) => {
      tf.remove();
      tf = new Stack(moto.url, plainConfig);
      await tf.must("fmt", "-check", "-recursive", `modules/${module}`);
      await tf.must(`-chdir=modules/${module}`, "init", "-backend=false");
      await tf.must(`-chdir=modules/${module}`, "validate");
      const { code, out } = await tf.run(`-chdir=modules/${module}`, "test");
      expect([code, out]).toEqual([0, expect.stringMatching(/Success! \d+ passed, 0 failed/)]);
    },
  );
});
