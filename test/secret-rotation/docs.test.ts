import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { policyDocument } from "../../src/core/permissions.ts";
import { type FunctionName, functionPermissions, userPermissions } from "../../src/secret-rotation/permissions.ts";
import { readSettings } from "../../src/secret-rotation/settings.ts";

const PAGE = fileURLToPath(new URL("../../docs/secrets-manager.md", import.meta.url));

it.each(["rotate-secret", "cleanup-secrets"] as const)(
  "the page of Secrets Manager has the policy of %s as it is",
  (name) => {
    const place = { partition: "aws", account: "111122223333", region: "eu-west-1", kmsKeyArns: [] };
    const policy = policyDocument(functionPermissions(name, place, readSettings({})));
    const block = new RegExp(`(\`${name}\`:\n\n\`\`\`json\n)([^]*?)(\`\`\`)`);
    const page = readFileSync(PAGE, "utf8");
    if (process.env["KEYTURN_WRITE_DOCS"] === "1")
      writeFileSync(
        PAGE,
        page.replace(
          block,
          (_, begin: string, __, end: string) => `${begin}${JSON.stringify(policy, null, 2)}\n${end}`,
        ),
      );
    const written = block.exec(readFileSync(PAGE, "utf8"))?.[2] ?? "null";
    expect(
      JSON.parse(written),
      "KEYTURN_WRITE_DOCS=1 npx vitest run test/secret-rotation/docs.test.ts writes it anew",
    ).toEqual(policy);
  },
);

/** What the module fills in, and what it leaves out, is its own business: here are all statements, with the names of its values. */
function moduleTemplate(name: FunctionName): string {
  const place = {
    partition: "${partition}",
    account: "${account}",
    region: "${region}",
    kmsKeyArns: ["${kms_key_arns}"],
  };
  const tag = { key: "${tag_key}", value: "${tag_value}" };
  const own = functionPermissions(name, place, { tag, role: { arn: "${role_arn}", externalId: null } });
  const users = userPermissions(name, { ...place, account: "${users_account}" }, { tag });
  const text = JSON.stringify(policyDocument([...own, ...users]), null, 2);
  return `${text.replace(/\[\s*"\$\{kms_key_arns\}"\s*\]/, "${jsonencode(kms_key_arns)}")}\n`;
}

it.each(["rotate-secret", "cleanup-secrets"] as const)("the Terraform module has the policy of %s as it is", (name) => {
  const path = fileURLToPath(new URL(`../../terraform/modules/rotator/policies/${name}.json.tftpl`, import.meta.url));
  if (process.env["KEYTURN_WRITE_DOCS"] === "1") writeFileSync(path, moduleTemplate(name));
  expect(
    readFileSync(path, "utf8"),
    "KEYTURN_WRITE_DOCS=1 npx vitest run test/secret-rotation/docs.test.ts writes it anew",
  ).toBe(moduleTemplate(name));
});

it("the page of Secrets Manager names every variable, and no other", () => {
  const named = [...readFileSync(PAGE, "utf8").matchAll(/^\| `([A-Z_]+)` /gm)].map(([, name]) => name);
  const source = readFileSync(fileURLToPath(new URL("../../src/secret-rotation/settings.ts", import.meta.url)), "utf8");
  const read = new Set([...source.matchAll(/(?:given|read|named)\("([A-Z_]+)"/g)].map(([, name]) => name));
  expect(named.toSorted()).toEqual([...read].toSorted());
});
