import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "@cdktf/hcl2json";
import { describe, expect, it } from "vitest";
import { typed } from "./support/in-process.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const MODULES = join(ROOT, "terraform/modules");
const WRITE = process.env["KEYTURN_WRITE_DOCS"] === "1";
const HOW = "KEYTURN_WRITE_DOCS=1 npx vitest run test/terraform-modules.test.ts writes it anew";

type Block = Readonly<Record<string, unknown>> & { readonly description?: string };

/** The blocks of one kind in one file of a module, by name. */
async function blocks(module: string, file: string, kind: string): Promise<Readonly<Record<string, Block>>> {
  const parsed = await parse(file, readFileSync(join(MODULES, module, file), "utf8"));
  const found = (parsed[kind] ?? {}) as Readonly<Record<string, readonly Block[]>>;
  return Object.fromEntries(Object.entries(found).map(([name, [block = {}]]) => [name, block]));
}

const table = (heading: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = heading.map((_, index) => Math.max(3, ...[heading, ...rows].map((row) => (row[index] ?? "").length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(" | ")} |`;
  return [line(heading), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
};

const between = (text: string, mark: string, inner: string): string =>
  text.replace(
    new RegExp(`<!-- ${mark} -->.*<!-- /${mark} -->`, "s"),
    () => `<!-- ${mark} -->\n\n${inner}\n\n<!-- /${mark} -->`,
  );

const keepers = [
  "apply-time-rotation",
  "ephemeral-key-pair",
  "member-role",
  "organization",
  "rotatable-user",
  "rotator",
  "scheduled-rotator",
];

describe.each(readdirSync(MODULES).filter((name) => keepers.includes(name)))("the module %s", (module) => {
  it("describes every variable and output, and its page has them in tables", async () => {
    const variables = Object.entries(await blocks(module, "variables.tf", "variable"));
    const outputs = Object.entries(await blocks(module, "outputs.tf", "output"));
    for (const [name, { description }] of [...variables, ...outputs])
      expect([name, description]).toEqual([name, expect.stringMatching(/^[A-Z].*\.$/)]);
    const page = join(MODULES, module, "README.md");
    const wanted = between(
      between(
        readFileSync(page, "utf8"),
        "variables",
        table(
          ["variable", "type", "default", ""],
          variables.map(([name, { type, description = "", ...rest }]) => [
            `\`${name}\``,
            String(type)
              .replace(/^\$\{(.*)\}$/s, "$1")
              .replace(/^object\(.*/s, "object"),
            "default" in rest ? `\`${JSON.stringify(rest["default"])}\`` : "required",
            description,
          ]),
        ),
      ),
      "outputs",
      table(
        ["output", ""],
        outputs.map(([name, { description = "" }]) => [`\`${name}\``, description]),
      ),
    );
    if (WRITE) writeFileSync(page, wanted);
    expect(readFileSync(page, "utf8"), HOW).toBe(wanted);
  });
});

describe("the module apply-time-rotation", () => {
  it("has every variable of the module before, with its default, and its outputs under both of their names", async () => {
    const variables = await blocks("apply-time-rotation", "variables.tf", "variable");
    const defaults = Object.fromEntries(Object.entries(variables).map(([name, block]) => [name, block["default"]]));
    expect(defaults).toMatchObject({
      iam_key: "-1",
      iam_secret: "-1",
      max_age_days: 60,
      delete_after_days: 10,
      region: "eu-central-1",
      customer_master_key_spec: "SYMMETRIC_DEFAULT",
      deletion_window: 30,
      enable_key_rotation: true,
    });
    const required = Object.keys(variables).filter((name) => !("default" in (variables[name] ?? {})));
    expect(required).toEqual(["iam_user"]);
    expect([variables["iam_key"]?.["sensitive"], variables["iam_secret"]?.["sensitive"]]).toEqual([true, true]);
    const outputs = await blocks("apply-time-rotation", "outputs.tf", "output");
    const sensitive = ["updated_iam_key", "updated_iam_secret", "update_iam_key", "update_iam_secret"].map(
      (name) => outputs[name]?.["sensitive"] ?? false,
    );
    expect(sensitive).toEqual([false, true, false, true]);
  });

  it("has no secret in a command line, nor in the environment of what it runs, and no key of Terraform's own", async () => {
    const text = readFileSync(join(MODULES, "apply-time-rotation/main.tf"), "utf8");
    const provisioners = [...text.matchAll(/provisioner "local-exec" \{.*?\n {2}\}/gs)].map(([block]) => block);
    expect(provisioners).toHaveLength(2);
    for (const block of provisioners) expect(block).not.toMatch(/iam_secret|current_secret_key|iam_key/);
    expect(text).not.toMatch(/resource "aws_iam_access_key"|local_file|jsonencode/);
  });

  it("is run with a policy that the page shows as keyturn prints it", async () => {
    const page = join(ROOT, "docs/apply-time.md");
    const { out } = await typed(["apply-step", "--policy"], "http://127.0.0.1:9", {
      iam_user: "ci-bot",
      region: "eu-central-1",
      KEYTURN_ACCOUNT: "111122223333",
    });
    const wanted = between(readFileSync(page, "utf8"), "policy", `\`\`\`json\n${out}\n\`\`\``);
    if (WRITE) writeFileSync(page, wanted);
    expect(
      JSON.parse(/<!-- policy -->\s*```json\n(.*?)```/s.exec(readFileSync(page, "utf8"))?.[1] ?? "null"),
      HOW,
    ).toEqual(JSON.parse(out));
  });
});

describe("the module scheduled-rotator", () => {
  it("has every variable of the configuration before, with its default, but for what a Node function needs", async () => {
    const variables = await blocks("scheduled-rotator", "variables.tf", "variable");
    const defaults = Object.fromEntries(Object.entries(variables).map(([name, block]) => [name, block["default"]]));
    expect(defaults).toMatchObject({
      table_name: "iam-key-rotator",
      enable_sse: true,
      kms_key_arn: null,
      enable_pitr: false,
      key_creator_role_name: "iam-key-creator",
      key_creator_function_name: "iam-key-creator",
      key_destructor_role_name: "iam-key-destructor",
      key_destructor_function_name: "iam-key-destructor",
      cron_expression: "0 12 * * ? *",
      lambda_runtime: "nodejs22.x",
      function_memory_size: 256,
      function_timeout: 900,
      reserved_concurrent_executions: -1,
      xray_tracing_mode: "PassThrough",
      tags: {},
      rotate_after_days: 85,
      delete_after_days: 5,
      retry_after_mins: 5,
      encrypt_key_pair: true,
      mail_client: "ses",
      smtp_protocol: null,
      smtp_port: null,
      smtp_server: null,
      smtp_password: null,
      mailgun_api_url: null,
      mailgun_api_key: null,
      cw_log_group_retention: 90,
      cw_logs_kms_key_arn: null,
    });
    const required = Object.keys(variables).filter((name) => !("default" in (variables[name] ?? {})));
    // The last one is new: whoever may tag a user chooses the address.
    expect(required.toSorted()).toEqual(["mail_allowed_domains", "mail_from", "package"]);
    for (const name of ["smtp_password", "mailgun_api_key"])
      expect([variables[name]?.["ephemeral"], variables[name]?.["sensitive"]]).toEqual([true, true]);
    expect(Object.keys(await blocks("scheduled-rotator", "outputs.tf", "output"))).toEqual(
      expect.arrayContaining([
        "table_name",
        "key_creator_function_name",
        "key_destructor_function_name",
        "cron_expression",
        "mailgun_ssm_parameter_arn",
        "smtp_ssm_parameter_arn",
      ]),
    );
    const example = await parse("x", readFileSync(join(ROOT, "examples/scheduled-rotator/variables.tf"), "utf8"));
    const names = Object.keys(example["variable"] as object); // a map of blocks by name
    expect(names).toEqual(
      expect.arrayContaining(["region", "profile", "access_key", "secret_key", "session_token", "mail_from"]),
    );
  });

  it("waits for a user to be finished, bounds every retry, and keeps what failed", () => {
    const text = readFileSync(join(MODULES, "scheduled-rotator/main.tf"), "utf8");
    const [mapping = ""] = /resource "aws_lambda_event_source_mapping"[^]*?\n\}/.exec(text) ?? [];
    for (const words of [
      "maximum_retry_attempts             = 5",
      "bisect_batch_on_function_error     = true",
      'function_response_types            = ["ReportBatchItemFailures"]',
      "destination_arn = aws_sqs_queue.failed.arn",
      'principalId = ["dynamodb.amazonaws.com"]',
    ])
      expect(mapping).toContain(words);
    expect(text).toContain('name                         = "IAMAccessKeyCreator"');
    expect(text).not.toMatch(/aws_iam_access_key|layers|\.\.\//);
  });
});
