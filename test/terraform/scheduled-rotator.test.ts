import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DescribeParametersCommand, GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkSettings } from "../../src/compose.ts";
import { policyDocument } from "../../src/core/permissions.ts";
import { readEnvironment, settingsFrom } from "../../src/lambda/environment.ts";
import { functionPermissions } from "../../src/lambda/permissions.ts";
import { temporaryFolder } from "../support/cli.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";
import { Stack, terraformMissing } from "../support/terraform.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ACCOUNT = "123456789012";
const REGION = "eu-central-1";
const PASSWORD = "canary-of-the-mail-server";
const missing = motoMissing ?? terraformMissing;

/** Of aws-iam-key-rotator's configuration, what stays (the table, the roles), and what goes (the rule that the schedule replaces). */
const OLDER = `
resource "aws_dynamodb_table" "iam_key_rotator" {
  name             = "iam-key-rotator"
  billing_mode     = "PAY_PER_REQUEST"
  hash_key         = "user"
  range_key        = "ak"
  stream_enabled   = true
  stream_view_type = "OLD_IMAGE"

  attribute {
    name = "user"
    type = "S"
  }

  attribute {
    name = "ak"
    type = "S"
  }

  ttl {
    attribute_name = "delete_on"
    enabled        = true
  }

  server_side_encryption {
    enabled = true
  }
}

resource "aws_iam_role" "iam_key_creator" {
  name                  = "iam-key-creator"
  force_detach_policies = true
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" }, Effect = "Allow" }]
  })
}

resource "aws_ssm_parameter" "smtp" {
  count = 1
  name  = "/ikr/secret/smtp"
  type  = "SecureString"
  value = "canary-of-the-older-state"
}

resource "aws_cloudwatch_event_rule" "iam_key_creator" {
  name                = "IAMAccessKeyCreator"
  schedule_expression = "cron(0 12 * * ? *)"
}
`;

const EXAMPLE = join(ROOT, "examples/scheduled-rotator");
const MOVED = readFileSync(join(EXAMPLE, "moved.tf"), "utf8");

const rotator = (rest: string) => `
variable "secret" {
  type      = string
  ephemeral = true
  default   = null
}

module "rotator" {
  source               = "./modules/scheduled-rotator"
  mail_from            = "Keys@mg.Example.com"
  mail_allowed_domains = ["example.com", "*.example.org"]
  ${rest}
}

output "rotator" {
  value = module.rotator
}
`;

const SMTP = `mail_client   = "smtp"
  smtp_server   = "mail.example.com"
  smtp_password = var.secret`;

const BUCKET = `package = {
    bucket     = "packages"
    creator    = { key = "creator.zip", hash = "x" }
    destructor = { key = "destructor.zip", hash = "y" }
  }`;

/** Of a plan as JSON, what is looked at here. */
interface Planned {
  readonly planned_values: {
    readonly root_module: {
      readonly child_modules: readonly {
        readonly resources: readonly { readonly address: string; readonly values: Readonly<Record<string, unknown>> }[];
      }[];
    };
  };
}

interface PolicyStatement {
  readonly Sid?: string;
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

describe.skipIf(missing !== null)(`the module scheduled-rotator ${missing ?? ""}`, () => {
  let moto: Moto;
  let tf: Stack;
  let ssm: SSMClient;
  const packages = temporaryFolder();
  const LOCAL = `package = { folder = ${JSON.stringify(packages)} }`;
  beforeAll(async () => {
    moto = await startMoto();
    tf = new Stack(moto.url, { TF_VAR_secret: PASSWORD });
    ssm = new SSMClient({
      endpoint: moto.url,
      region: REGION,
      credentials: { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" },
    });
  });
  afterAll(async () => {
    tf.remove();
    ssm.destroy();
    await moto.stop();
  });

  /** The values of the last plan, by address in the module. */
  async function planned(): Promise<ReadonlyMap<string, Readonly<Record<string, unknown>>>> {
    const text = await tf.must("show", "-json", "plan.out");
    const { planned_values } = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)) as Planned;
    const [module] = planned_values.root_module.child_modules;
    return new Map(
      (module?.resources ?? []).map(({ address, values }) => [address.replace("module.rotator.", ""), values]),
    );
  }

  /** Whether both roles may do exactly what the functions need under the environment that the module gives them. */
  async function expectLeastPrivilege(paths: readonly string[], { isLarge = false } = {}): Promise<void> {
    const all = await planned();
    for (const name of ["creator", "destructor"] as const) {
      const { environment } = all.get(`aws_lambda_function.iam_key_${name}`) as {
        environment: readonly { variables: Readonly<Record<string, string>> }[];
      };
      const variables = environment[0]?.variables ?? {};
      expect(variables["ACCOUNT_ID"]).toBe(ACCOUNT);
      const settings = await checkSettings(settingsFrom(readEnvironment(variables), null).settings);
      const place = {
        partition: "aws",
        account: ACCOUNT,
        region: REGION,
        tableArn: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/iam-key-rotator`,
        paths,
      };
      const wanted = policyDocument(functionPermissions(name, place, settings, { isLarge })).Statement;
      const { policy } = all.get(`aws_iam_role_policy.iam_key_${name}_policy`) as { policy: string };
      const { Statement } = JSON.parse(policy) as { Statement: readonly PolicyStatement[] };
      const own = ["KeepWhatFailed", "WriteLogs", "ReadTheStream", "FindTheStream"];
      const bySid = (statements: readonly { readonly Sid?: string }[]) =>
        statements
          .filter(({ Sid = "" }) => !own.includes(Sid))
          .toSorted((a, b) => ((a.Sid ?? "") < (b.Sid ?? "") ? -1 : 1));
      expect(bySid(Statement)).toEqual(bySid(wanted));
    }
  }

  it("is valid without packages, and plans with packages in a bucket", async () => {
    await tf.write(rotator(`package = { folder = "./nowhere" }`));
    await tf.must("validate");
    await tf.write(rotator(`${BUCKET}\n  user_path = "/ci/"\n  large_account = true`));
    const made = (await tf.plan()).map(({ address }) => address.replace("module.rotator.", ""));
    expect(made).toContain("aws_scheduler_schedule.iam_key_creator");
    expect(made.filter((address) => address.startsWith("aws_ssm_parameter"))).toEqual([]);
  });

  it("passes its own tests, and its example is valid, each from a folder with nothing but the modules beside it", async () => {
    const own = await tf.run("-chdir=modules/scheduled-rotator", "test");
    expect([own.code, own.out]).toEqual([0, expect.stringMatching(/Success! \d+ passed, 0 failed/)]);
    const example = new Stack(moto.url);
    for (const name of readdirSync(EXAMPLE)) {
      const text = readFileSync(join(EXAMPLE, name), "utf8");
      writeFileSync(join(example.folder, name), text.replace("../../terraform/modules/", "./modules/"));
    }
    await example.must("get");
    await example.must("validate");
    example.remove();
  });

  it("takes over what the older configuration made, is applied, keeps still, and is destroyed", async () => {
    execFileSync(process.execPath, [join(ROOT, "scripts/package.mjs"), packages]);
    await tf.write(OLDER);
    await tf.must("apply", "-auto-approve");

    await tf.write(`${rotator(`${LOCAL}\n  ${SMTP}\n  tags = { team = "security" }`)}${MOVED}`);
    const changes = await tf.plan();
    const ofTheTable = changes.filter(({ address }) => address.includes("aws_dynamodb_table"));
    expect(ofTheTable.map(({ actions }) => actions)).toEqual(["update"]); // its tags
    expect(changes.filter(({ actions }) => actions === "delete").map(({ address }) => address)).toEqual([
      "aws_cloudwatch_event_rule.iam_key_creator",
    ]);
    await tf.must("apply", "plan.out");
    expect(tf.state()).not.toContain("canary");
    const password = await ssm.send(new GetParameterCommand({ Name: "/ikr/secret/smtp", WithDecryption: true }));
    expect([password.Parameter?.Type, password.Parameter?.Value]).toEqual(["SecureString", PASSWORD]);
    expect(tf.outputs()["rotator"]).toMatchObject({
      table_name: "iam-key-rotator",
      key_creator_function_name: "iam-key-creator",
      key_destructor_function_name: "iam-key-destructor",
      cron_expression: "cron(0 12 * * ? *)",
      mailgun_ssm_parameter_arn: null,
      smtp_ssm_parameter_arn: `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/ikr/secret/smtp`,
    });
    expect(await tf.plan()).toEqual([]);
    await expectLeastPrivilege([]);

    // The other ways to mail, as plans: the roles lose what they no longer need.
    await tf.write(rotator(`${LOCAL}\n  user_path = "/ci/"\n  large_account = true`));
    await tf.plan();
    await expectLeastPrivilege(["/ci/"], { isLarge: true });
    await tf.write(
      rotator(
        `${LOCAL}\n  encrypt_key_pair = false\n  mail_client = "mailgun"\n  mailgun_api_url = "https://api.eu.mailgun.net/v3/mg.example.com/messages"\n  mailgun_api_key = var.secret`,
      ),
    );
    expect(await tf.plan()).toContainEqual({
      address: "module.rotator.aws_ssm_parameter.mailgun[0]",
      actions: "create",
    });
    await expectLeastPrivilege([]);
    const { variables = {} } =
      (
        (await planned()).get("aws_lambda_function.iam_key_creator") as {
          environment: readonly { variables: Record<string, string> }[];
        }
      ).environment[0] ?? {};
    expect(Object.values(variables)).not.toContain(PASSWORD);

    const destroyed = await tf.destroy();
    expect([destroyed.code, destroyed.out]).toEqual([0, expect.stringContaining("Destroy complete")]);
    expect((await ssm.send(new DescribeParametersCommand({}))).Parameters).toEqual([]);
    // Nothing that was kept on the way, and nothing that was said.
    expect(tf.kept()).toContain("iam-key-rotator");
    expect(tf.kept()).not.toContain(PASSWORD);
    expect(tf.said).not.toContain(PASSWORD);
  });
});
