import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DescribeParametersCommand, GetParameterCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { type Moto, motoMissing, type SeededKey, startMoto } from "../support/moto.ts";
import { typed } from "../support/in-process.ts";
import { KEYTURN, plainConfig, Stack, terraformMissing } from "../support/terraform.ts";

const HOUR = 3_600;
const DAY = 86_400;
const missing = motoMissing ?? terraformMissing;
const TIMESTAMP = "/ci-bot/deactivated-key-timestamp";

/** What a plan shows where something is due, and nothing else. */
const ROTATION = { address: "module.iam_key_rotation.terraform_data.rotation", actions: "replace" };

/** What the module before made, under its addresses and with its secret in the state. */
const before = (name: string, at: string, type: string, value: string) => `
resource "aws_ssm_parameter" "${name}" {
  name        = "/ci-bot/${at}"
  description = "ROTATING IAM KEYS FOR ci-bot"
  type        = "${type}"
  value       = "${value}"
  ${type === "String" ? "" : "key_id      = aws_kms_key.ssm_key.id"}
  lifecycle {
    ignore_changes = [value]
  }
}
`;

const rotation = (rest: string) => `
module "iam_key_rotation" {
  source          = "./modules/apply-time-rotation"
  keyturn_command = ${JSON.stringify(KEYTURN)}
  ${rest}
}
`;

/** The outputs of the page of the module before, under both of the names that it uses. */
const OUTPUTS = `
output "stack_iam_key" {
  value     = module.iam_key_rotation.updated_iam_key
  sensitive = true
}

output "stack_iam_secret" {
  value     = module.iam_key_rotation.update_iam_secret
  sensitive = true
}
`;

describe.skipIf(missing !== null)(`the module apply-time-rotation ${missing ?? ""}`, () => {
  let moto: Moto;
  let ssm: SSMClient;
  let secrets: SecretsManagerClient;
  let tf: Stack;
  let proxy: FaultProxy;
  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
    const credentials = { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" };
    ssm = new SSMClient({ endpoint: moto.url, region: "eu-central-1", credentials });
    secrets = new SecretsManagerClient({ endpoint: moto.url, region: "eu-central-1", credentials });
  });
  beforeEach(async () => {
    await moto.reset();
    proxy.reset();
    tf = new Stack(proxy.url);
  });
  afterEach(() => tf.remove());
  afterAll(async () => {
    ssm.destroy();
    secrets.destroy();
    await proxy.stop();
    await moto.stop();
  });

  const get = async (name: string) =>
    (await ssm.send(new GetParameterCommand({ Name: name, WithDecryption: true }))).Parameter?.Value ?? "";

  /** The timestamp's parameter as it would stand had the key been Inactive for so many days. */
  async function waited(days: number): Promise<void> {
    const found = await ssm.send(new DescribeParametersCommand({ Filters: [{ Key: "Name", Values: [TIMESTAMP] }] }));
    const at = new Date(Date.now() - days * DAY * 1000).toISOString().replace("T", " ").replace("Z", "000");
    const Description = found.Parameters?.[0]?.Description ?? "";
    await ssm.send(
      new PutParameterCommand({ Name: TIMESTAMP, Value: at, Description, Type: "String", Overwrite: true }),
    );
  }

  const states = async () => (await moto.keys()).map(({ status }) => status).join(" ");

  const only = ([key]: readonly SeededKey[]): SeededKey => {
    if (key === undefined) throw new Error("no key was made");
    return key;
  };

  it("walks the page: takes over Terraform's key, rotates, retires, deletes; plans nothing in between; is destroyed", async () => {
    const user = `resource "aws_iam_user" "this" {
  name          = "ci-bot"
  force_destroy = true
  tags          = { team = "ci" }
}
`;
    // Steps 1 to 4: the stack has a key of its own, whose pair goes to the module, all in one apply.
    await tf.write(`${user}
resource "aws_iam_access_key" "this" {
  user = aws_iam_user.this.name
}
${rotation(`iam_user   = aws_iam_user.this.name
  iam_key    = aws_iam_access_key.this.id
  iam_secret = aws_iam_access_key.this.secret`)}${OUTPUTS}`);
    await tf.must("validate");
    await tf.must("apply", "-auto-approve");
    const old = (await moto.keys())[0]?.accessKeyId ?? "";
    expect([await get("/ci-bot/iam-key"), await get(TIMESTAMP)]).toEqual([old, "-1"]);
    expect(tf.outputs()).toEqual({ stack_iam_key: old, stack_iam_secret: await get("/ci-bot/iam-secret") });

    // Steps 5 to 7: Terraform forgets its key, and the module is no longer given it. Meanwhile the key has become due.
    await tf.write(`${user}
removed {
  from = aws_iam_access_key.this
  lifecycle {
    destroy = false
  }
}
${rotation("iam_user = aws_iam_user.this.name")}${OUTPUTS}`);
    await moto.shift(HOUR);
    await moto.setAge(old, 62);
    expect(await tf.plan()).toEqual([ROTATION]);
    await tf.must("apply", "plan.out");
    expect(await states()).toBe("Active Active");
    const fresh = await get("/ci-bot/iam-key");
    expect(fresh).not.toBe(old);
    expect(tf.outputs()).toEqual({ stack_iam_key: fresh, stack_iam_secret: await get("/ci-bot/iam-secret") });
    expect(tf.said).toContain(`ci-bot: deliver ${fresh}`);
    expect(tf.said).not.toContain(await get("/ci-bot/iam-secret"));

    // The rotation is open: each plan shows one step.
    await moto.shift(2 * HOUR);
    await moto.use(old);
    await moto.shift(3 * HOUR);
    await moto.use(fresh);
    await moto.shift(9 * HOUR);
    expect(await tf.plan()).toEqual([ROTATION]);
    await tf.must("apply", "plan.out");
    expect(await states()).toBe("Inactive Active");
    expect(await get(TIMESTAMP)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
    expect(await tf.plan()).toEqual([]); // it is kept for a while, and until then there is nothing to do

    await waited(11.5);
    await moto.shift(9 * HOUR + 11.5 * DAY);
    expect(await tf.plan()).toEqual([ROTATION]);
    await tf.must("apply", "plan.out");
    expect([await states(), await get(TIMESTAMP)]).toEqual(["Active", "-1"]);
    expect(await tf.plan()).toEqual([]);

    // Cleaning up: not while the only copy of a secret in use would go.
    const module = "-target=module.iam_key_rotation";
    const refused = await tf.destroy(module);
    expect([refused.code, await get("/ci-bot/iam-key")]).toEqual([1, fresh]);
    expect(refused.out).toContain(`the only copy of the secret of ${fresh}`);
    await tf.write(`${user}${rotation("iam_user = aws_iam_user.this.name\n  allow_destroy = true")}`);
    await tf.must("apply", "-auto-approve");
    const destroyed = await tf.destroy(module);
    expect([destroyed.code, destroyed.out]).toEqual([0, expect.stringContaining("Destroy complete")]);
    const left = await ssm.send(new DescribeParametersCommand({}));
    expect(left.Parameters).toEqual([]);

    // The policy on the page lets all of this happen. The user and its own key are the stack's business, not the module's.
    const { out } = await typed(["apply-step", "--policy"], moto.url, {
      iam_user: "ci-bot",
      KEYTURN_ACCOUNT: "123456789012",
    });
    const { Statement } = JSON.parse(out) as { Statement: readonly { readonly Action: readonly string[] }[] };
    const allowed = Statement.flatMap(({ Action }) => Action);
    const own =
      /^iam:(?!ListUsers$).*(User|GroupsFor|LoginProfile|MFADevices|SSHPublic|SigningCert|ServiceSpecific|VirtualMFA)/;
    const asked = Object.keys(proxy.counts()).filter((each) => !each.startsWith("sts:") && !own.test(each));
    expect(asked.filter((each) => !allowed.includes(each))).toEqual([]);
    expect(asked).toContain("kms:CreateKey");
  });

  it("keeps the secret out of plans, state and logs where nobody asks for plain outputs, and hands it to write-only arguments", async () => {
    const old = only(await moto.seed([{ name: "ci-bot", keys: [{ ageDays: 5, usedDaysAgo: 1 }] }]));
    tf.remove();
    tf = new Stack(moto.url, { TF_VAR_secret: old.secretAccessKey });
    await tf.write(`variable "secret" {
  type      = string
  ephemeral = true
}
${rotation(`iam_user      = "ci-bot"
  iam_key       = "${old.accessKeyId}"
  iam_secret    = var.secret
  plain_outputs = false`)}
module "pair" {
  source                   = "./modules/ephemeral-key-pair"
  iam_key_parameter_arn    = module.iam_key_rotation.iam_key_parameter_arn
  iam_secret_parameter_arn = module.iam_key_rotation.iam_secret_parameter_arn
  depends_on               = [module.iam_key_rotation]
}

resource "aws_secretsmanager_secret" "copy" {
  name = "copy"
}

resource "aws_secretsmanager_secret_version" "copy" {
  secret_id                = aws_secretsmanager_secret.copy.id
  secret_string_wo         = jsonencode({ id = module.pair.iam_key, secret = module.pair.iam_secret })
  secret_string_wo_version = module.iam_key_rotation.key_version
}

output "id" {
  value = module.iam_key_rotation.update_iam_key
}

output "secret" {
  value     = module.iam_key_rotation.updated_iam_secret
  sensitive = true
}
`);
    const copied = async () => (await secrets.send(new GetSecretValueCommand({ SecretId: "copy" }))).SecretString ?? "";
    await tf.plan();
    await tf.must("apply", "plan.out");
    expect(JSON.parse(await copied())).toEqual({ id: old.accessKeyId, secret: old.secretAccessKey });
    expect(tf.outputs()).toEqual({ id: old.accessKeyId });

    await moto.setAge(old.accessKeyId, 61);
    expect(await tf.plan()).toEqual([
      { address: "aws_secretsmanager_secret_version.copy", actions: "replace" },
      ROTATION,
    ]);
    await tf.must("apply", "plan.out");
    const secret = await get("/ci-bot/iam-secret");
    expect(secret).not.toBe(old.secretAccessKey);
    expect(JSON.parse(await copied())).toEqual({ id: await get("/ci-bot/iam-key"), secret });
    for (const each of [secret, old.secretAccessKey]) {
      expect(tf.kept()).not.toContain(each);
      expect(tf.said).not.toContain(each);
    }
    expect(tf.kept()).toContain(await get("/ci-bot/iam-key")); // what is searched is what there is
  });

  it("fails with the reason where a rotation cannot be made, and makes it good; hands out a pair of a module before", async () => {
    const [off, key] = await moto.seed([
      {
        name: "ci-bot",
        keys: [
          { ageDays: 80, status: "Inactive", usedDaysAgo: 1 },
          { ageDays: 70, usedDaysAgo: 1 },
        ],
      },
    ]);
    if (off === undefined || key === undefined) throw new Error("two keys were seeded");
    await tf.write(
      rotation(`iam_user   = "ci-bot"
  iam_key    = "${key.accessKeyId}"
  iam_secret = "${key.secretAccessKey}"`),
    );
    const failed = await tf.apply();
    expect([failed.code, await states()]).toEqual([1, "Inactive Active"]);
    expect(failed.out.replaceAll(/\s+/g, " ")).toContain(`but ${off.accessKeyId} (Inactive) fills the other slot`);
    expect(failed.out).toContain(`keyturn retire ci-bot ${off.accessKeyId}`);
    await moto.setAge(off.accessKeyId, 400);
    await moto.shift(70 * DAY);
    expect(await tf.plan()).toEqual([ROTATION]);
    await tf.must("apply", "plan.out");
    expect([await states(), (await get("/ci-bot/iam-key")) === key.accessKeyId]).toEqual(["Active Active", false]);
  });

  it("takes the place of the module before: keeps its parameters and its KMS key, and says what its state still holds", async () => {
    const key = only(await moto.seed([{ name: "ci-bot", keys: [{ ageDays: 10, usedDaysAgo: 1 }] }]));
    mkdirSync(join(tf.folder, "before"));
    writeFileSync(
      join(tf.folder, "before/main.tf"),
      `resource "aws_kms_key" "ssm_key" {}

resource "aws_kms_alias" "this" {
  name          = "alias/ssm-ci-bot"
  target_key_id = aws_kms_key.ssm_key.key_id
}
${before("current_secret_id", "iam-key", "SecureString", key.accessKeyId)}
${before("current_secret_key", "iam-secret", "SecureString", key.secretAccessKey)}
${before("deactivated_key_timestamp", "deactivated-key-timestamp", "String", "-1")}`,
    );
    await tf.write(`module "iam_key_rotation" {\n  source = "./before"\n}\n`);
    await tf.must("apply", "-auto-approve");
    await tf.write(rotation(`iam_user = "ci-bot"\n  plain_outputs = false`));
    const changes = await tf.plan();
    expect(changes.filter(({ actions }) => /delete|replace/.test(actions))).toEqual([]);
    const out = await tf.must("apply", "plan.out");
    expect(tf.said.replaceAll(/\s+/g, " ")).toContain("The state still holds the secret of /ci-bot/iam-secret");
    expect(out).toContain(`${key.accessKeyId} signs in with the secret in /ci-bot/iam-secret`);
    expect([await get("/ci-bot/iam-key"), await get("/ci-bot/iam-secret")]).toEqual([
      key.accessKeyId,
      key.secretAccessKey,
    ]);
    expect(await tf.plan()).toEqual([]);
  });

  it("passes its own tests, from a folder with nothing beside it, after a plain terraform init", async () => {
    tf.remove();
    tf = new Stack(moto.url, plainConfig);
    await tf.must("-chdir=modules/apply-time-rotation", "init", "-backend=false");
    const { code, out } = await tf.run("-chdir=modules/apply-time-rotation", "test");
    expect([code, out]).toEqual([0, expect.stringMatching(/Success! \d\d passed, 0 failed/)]);
  });
});
