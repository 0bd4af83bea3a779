import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { policyDocument, type Statement } from "../../src/core/permissions.ts";
import { plannerPermissions, type RunPlace, workerPermissions } from "../../src/lambda/run-permissions.ts";

/** Placeholders of the Terraform module; lists are put in as a whole. */
const PLACE: RunPlace = {
  queueArn: "${queue_arn}",
  bucketArn: "${bucket_arn}",
  prefix: "${prefix}",
  isOrganization: true,
  listAs: null,
  memberRoles: ["${member_roles}"],
  centralRole: "${central_role}",
  organizationId: "${organization_id}",
  namesRun: true,
};

const PERMISSIONS = { planner: plannerPermissions, worker: workerPermissions } as const;

/** Every statement that there is for any settings, once: the module leaves out, by their Sid, those that its settings do not need. */
function templateFor(name: keyof typeof PERMISSIONS): string {
  const asked = [PLACE, { ...PLACE, listAs: "${list_as}" }].flatMap(PERMISSIONS[name]);
  const bySid = new Map<string, Statement>(asked.map((statement) => [statement.sid, statement]));
  const text = JSON.stringify(policyDocument([...bySid.values()]), null, 2);
  return `${text.replace(/\[\s*"\$\{member_roles\}"\s*\]/, () => "${jsonencode(member_roles)}")}\n`;
}

const sidsOf = (statements: readonly Statement[]) => statements.map(({ sid }) => sid);

describe("the permissions of a distributed run", () => {
  it.each(["planner", "worker"] as const)("of the %s are the ones that the Terraform module has", (name) => {
    const url = new URL(`../../terraform/modules/organization/policies/${name}.json.tftpl`, import.meta.url);
    const file = fileURLToPath(url);
    const wanted = templateFor(name);
    if (process.env["KEYTURN_WRITE_DOCS"] === "1") {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, wanted);
    }
    expect(
      existsSync(file) ? readFileSync(file, "utf8") : "",
      "KEYTURN_WRITE_DOCS=1 npx vitest run test/lambda/run-permissions.test.ts writes it anew",
    ).toBe(wanted);
  });

  it("leave out what the settings do not need", () => {
    const listed = { ...PLACE, isOrganization: false, centralRole: null };
    expect(sidsOf(plannerPermissions(listed))).toEqual(["SendWork", "WriteResults"]);
    expect(sidsOf(workerPermissions(listed))).toEqual([
      "TakeWork",
      "HandOn",
      "KeepResults",
      "SeeResults",
      "EnterAccounts",
    ]);
    expect(sidsOf(plannerPermissions(PLACE))).toContain("ListOrganization");
    expect(sidsOf(plannerPermissions({ ...PLACE, listAs: "x" }))).toEqual(["SendWork", "WriteResults", "ListAsRole"]);
    expect(sidsOf(workerPermissions({ ...PLACE, listAs: "x" }))).not.toContain("LookUpAccount");
    const unnamed = workerPermissions({ ...PLACE, namesRun: false }).flatMap(({ actions }) => actions);
    expect(unnamed).not.toContain("sts:SetSourceIdentity");
  });

  it("let roles be assumed inside the organization alone, where its id is known", () => {
    const entering = (place: RunPlace) => workerPermissions(place).filter(({ sid }) => sid.startsWith("Enter"));
    for (const { conditions } of entering(PLACE))
      expect(conditions).toEqual({ StringEquals: { "aws:ResourceOrgID": ["${organization_id}"] } });
    for (const { conditions } of entering({ ...PLACE, organizationId: null })) expect(conditions).toBeUndefined();
  });

  it("let the planner touch no user and enter no account", () => {
    const actions = plannerPermissions(PLACE).flatMap((statement) => statement.actions);
    expect(actions.filter((action) => /^(iam|sts):/.test(action))).toEqual([]);
  });
});
