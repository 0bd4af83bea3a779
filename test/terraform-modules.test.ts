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

const onOneLine = (type: string): string =>
  type
    .replaceAll(/\{\s*\n\s*/g, "{ ")
    .replaceAll(/\s*\n\s*\}/g, " }")
    .replaceAll(/\s*\n\s*/g, ", ")
    .replaceAll(/ +/g, " ");

const between = (text: string, mark: string, inner: string): string =>
  text.replace(
    new RegExp(`<!-- ${mark} -->.*<!-- /${mark} -->`, "s"),
    () => `<!-- ${mark} -->\n\n${inner}\n\n<!-- /${mark} -->`,
  );

const keepers = ["apply-time-rotation", "ephemeral-key-pair", "rotatable-user", "rotator"];

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
            onOneLine(String(type).replace(/^\$\{(.*)\}$/s, "$1")),
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
