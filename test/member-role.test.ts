import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readConfig } from "../src/config/load.ts";
import { ACCOUNT, judge, judgeRequest, type PolicyText } from "./support/iam-judge.ts";
import { typed } from "./support/in-process.ts";
import { bySid, MEMBER_ROLE, memberRoleOf, type MemberSettings, SETTINGS } from "./support/member-role.ts";

const TEMPLATE = fileURLToPath(new URL("../terraform/modules/member-role/policies/member.json.tftpl", import.meta.url));

/** What stands in the policy for the module's own values. */
const SAMPLE = { account: "999988887777", region: "xx-sample-1", path: "/sample/", ssm: "/sample", secrets: "sample" };
const KEY = "arn:aws:kms:xx-sample-1:999988887777:key/sample";

/** What `keyturn policy` prints for an account of a fleet that is set up like this. */
async function printed(
  account: string,
  settings: Pick<MemberSettings, "userPath" | "region" | "ssm" | "secrets" | "escrow" | "large"> & {
    readonly key: string | null;
  },
): Promise<PolicyText> {
  const { userPath, region, ssm, secrets, escrow, large, key } = settings;
  const encrypted = key === null ? "" : `?kmsKeyId=${key}`;
  const { out, err } = await typed(
    [
      ["policy", "--account", account, "--region", region, "--path", userPath, "--by-hand"],
      large ? ["--large-account"] : [],
      ssm === null ? [] : ["--deliver", `ssm:${ssm}/{user}${encrypted}`],
      secrets === null ? [] : ["--deliver", `secretsmanager:${secrets}/{user}${encrypted}`],
      escrow ? ["--escrow", `ssm:/keyturn/escrow${encrypted}`] : [],
    ].flat(),
    "http://127.0.0.1:9",
  );
  if (out === "") throw new Error(err);
  return JSON.parse(out) as PolicyText; // what the command prints
}

describe("the role in each account", () => {
  it("may do what keyturn policy prints: so the Terraform module has it", async () => {
    const policy = await printed(SAMPLE.account, {
      userPath: SAMPLE.path,
      region: SAMPLE.region,
      ssm: SAMPLE.ssm,
      secrets: SAMPLE.secrets,
      escrow: true,
      large: true,
      key: KEY,
    });
    const wanted = `${JSON.stringify(policy, null, 2)
      .replaceAll(new RegExp(`\\[\\s*"${KEY}"\\s*\\]`, "g"), () => "${jsonencode(kms_key_arns)}")
      .replaceAll(`user${SAMPLE.path}`, () => "user${user_path}")
      .replaceAll(`parameter${SAMPLE.ssm}/`, () => "parameter${ssm_prefix}/")
      .replaceAll(`secret:${SAMPLE.secrets}/`, () => "secret:${secretsmanager_prefix}/")
      .replaceAll(SAMPLE.account, () => "${account}")
      .replaceAll(SAMPLE.region, () => "${region}")
      .replaceAll("arn:aws:", () => "arn:${partition}:")}\n`;
    expect(wanted).not.toContain("sample");
    if (process.env["KEYTURN_WRITE_DOCS"] === "1") writeFileSync(TEMPLATE, wanted);
    expect(
      existsSync(TEMPLATE) ? readFileSync(TEMPLATE, "utf8") : "",
      "KEYTURN_WRITE_DOCS=1 npx vitest run test/member-role.test.ts writes it anew",
    ).toBe(wanted);
  });

  it.each(SETTINGS.map((settings) => [settings.called, settings] as const))(
    "is the same out of a StackSet, %s",
    async (_, settings) => {
      const [key = null] = settings.kmsKeys;
      const wanted = await printed(ACCOUNT, { ...settings, key });
      const tag = settings.userTag;
      const tagged = tag === null ? {} : { StringEquals: { [`iam:ResourceTag/${tag.key}`]: tag.value } };
      const statements = wanted.Statement.map((statement) =>
        tag !== null && ["RotateKeys", "KeepTheRecord"].includes(statement.Sid ?? "")
          ? { ...statement, Condition: { ...statement.Condition, ...tagged } }
          : statement,
      );
      const role = memberRoleOf(settings);
      expect(bySid(role.statements)).toEqual(bySid(statements));
      expect(role.more).toBe(settings.more);
    },
  );

  it("lets the rotator's role in, and nobody else", async () => {
    const [settings] = SETTINGS;
    if (settings === undefined) throw new Error("there are no settings");
    const document = (Statement: unknown) => ({ Version: "2012-10-17", Statement });
    const may = async (action: string, principal: string, context: Readonly<Record<string, string>>) =>
      judgeRequest({
        principal,
        action,
        resource: `arn:aws:iam::${ACCOUNT}:role/service/KeyturnMember`,
        account: ACCOUNT,
        context,
        identity: document([{ Effect: "Allow", Action: "sts:*", Resource: "*" }]),
        of: document(memberRoleOf(settings).trust),
      });
    const organization = { "aws:PrincipalOrgID": "o-a1b2c3d4e5" };
    const asked = { ...organization, "sts:ExternalId": "7c1f-turn" };
    const [worker = "", person = ""] = settings.rotators;
    expect(await may("sts:AssumeRole", worker, asked)).toBe("Allowed");
    expect(await may("sts:AssumeRole", person, asked)).toBe("Allowed");
    expect(await may("sts:SetSourceIdentity", worker, organization)).toBe("Allowed");

    const other = worker.replace("keyturn-worker", "keyturn-planner");
    const elsewhere = worker.replace("111122223333", "999988887777");
    const refused = [
      await may("sts:AssumeRole", other, asked),
      await may("sts:SetSourceIdentity", other, asked),
      await may("sts:AssumeRole", elsewhere, asked),
      await may("sts:AssumeRole", worker, { ...asked, "aws:PrincipalOrgID": "o-e5d4c3b2a1" }),
      await may("sts:SetSourceIdentity", worker, { "aws:PrincipalOrgID": "o-e5d4c3b2a1" }),
      await may("sts:AssumeRole", worker, { "sts:ExternalId": "7c1f-turn" }),
      await may("sts:AssumeRole", worker, organization),
      await may("sts:AssumeRole", worker, { ...asked, "sts:ExternalId": "7c1f" }),
      await may("sts:TagSession", worker, asked),
    ];
    expect(refused).toEqual(refused.map(() => "ImplicitlyDenied"));
  });

  it("reaches no user outside of its path or without its tag, and nothing but its own parameters and secrets", async () => {
    const [settings] = SETTINGS;
    if (settings === undefined) throw new Error("there are no settings");
    // Of its own kind only: a policy for an account has no principal, and a list of resources.
    const policy = { Version: "2012-10-17", Statement: memberRoleOf(settings).statements } as PolicyText;
    const tagged = { "iam:ResourceTag/team": "build and run" };
    const of = (action: string, body: Readonly<Record<string, string>>, isJson: boolean, path?: string, tag = tagged) =>
      judge(
        policy,
        {
          number: 0,
          action,
          signer: "",
          path: "/",
          body: isJson ? JSON.stringify(body) : new URLSearchParams(body).toString(),
        },
        path,
        tag,
      );
    const key = { UserName: "ci-bot" };
    const record = { ...key, "Tags.member.1.Key": "keyturn:rotation" };
    const other = { "iam:ResourceTag/team": "people" };
    expect(await of("iam:CreateAccessKey", key, false)).toBe("Allowed");
    expect(await of("iam:TagUser", record, false)).toBe("Allowed");
    expect(await of("iam:ListAccessKeys", key, false, "/ci/", other)).toBe("Allowed"); // to see that it lacks the tag
    expect(await of("ssm:PutParameter", { Name: "/keys/ci/ci-bot" }, true)).toBe("Allowed");
    expect(await of("secretsmanager:CreateSecret", { Name: "prod/ci-bot" }, true)).toBe("Allowed");
    const refused = [
      ...(await Promise.all(
        ["iam:CreateAccessKey", "iam:UpdateAccessKey", "iam:DeleteAccessKey"].flatMap((action) => [
          of(action, key, false, "/people/"),
          of(action, key, false, "/ci/", other),
        ]),
      )),
      await of("iam:ListAccessKeys", key, false, "/people/"),
      await of("iam:TagUser", record, false, "/ci/", other),
      await of("iam:TagUser", { ...key, "Tags.member.1.Key": "team" }, false),
      await of("iam:UntagUser", record, false),
      await of("iam:AttachUserPolicy", key, false),
      await of("ssm:PutParameter", { Name: "/keys/people" }, true),
      await of("ssm:DeleteParameter", { Name: "/keys/ci/ci-bot" }, true),
      await of("ssm:GetParameter", { Name: "/keyturn/escrow/999988887777/ci-bot/AKIAIOSFODNN7EXAMPLE" }, true),
      await of("secretsmanager:GetSecretValue", { SecretId: "other/ci-bot" }, true),
      await of("secretsmanager:DeleteSecret", { SecretId: "prod/ci-bot" }, true),
    ];
    expect(refused).toEqual(refused.map(() => "ImplicitlyDenied"));
  });

  it("is refused by CloudFormation where a parameter could reach further than it says", () => {
    const usual = { RotatorRoleArns: "arn:aws:iam::111122223333:role/keyturn-worker", OrganizationId: "o-a1b2c3d4e5" };
    const bad = {
      RotatorRoleArns: `${usual.RotatorRoleArns},arn:aws:iam::111122223333:role/*`,
      OrganizationId: "*",
      ExternalId: 'x","y',
      RoleName: "a/b",
      RolePath: "service",
      MaxSessionDuration: "60",
      PermissionsBoundaryArn: "*",
      UserPath: "/ci/*",
      UserTagKey: "Keyturn:Rotation",
      UserTagValue: '${aws:username}"',
      LargeAccount: "yes",
      WriteRegion: "*",
      SsmPrefix: "/",
      SecretsManagerPrefix: "*",
      Escrow: "on",
      KmsKeyArns: "arn:aws:kms:eu-central-1:111122223333:key/*",
      AllowSourceIdentity: "1",
    };
    expect(MEMBER_ROLE.refused(usual)).toEqual([]);
    expect(MEMBER_ROLE.refused(bad).toSorted()).toEqual(Object.keys(bad).toSorted());
    expect(MEMBER_ROLE.refused({}).toSorted()).toEqual(["OrganizationId", "RotatorRoleArns"]);
  });

  it("is asked for in groups, every parameter once, and each has a name there", () => {
    const { asked, labelled } = MEMBER_ROLE.form;
    const all = MEMBER_ROLE.parameters.toSorted();
    expect([asked.toSorted(), labelled.toSorted()]).toEqual([all, all]);
  });

  it("is set up on its page with parameters that the template takes, and with settings that keyturn takes", () => {
    const page = readFileSync(fileURLToPath(new URL("../docs/organization-setup.md", import.meta.url)), "utf8");
    const block = (language: string) => new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "s").exec(page)?.[1] ?? "";
    const given = JSON.parse(block("json")) as { ParameterKey: string; ParameterValue: string }[]; // as the AWS CLI takes them
    expect(
      given.map(({ ParameterKey }) => ParameterKey).filter((name) => !MEMBER_ROLE.parameters.includes(name)),
    ).toEqual([]);
    expect(
      MEMBER_ROLE.refused(Object.fromEntries(given.map((each) => [each.ParameterKey, each.ParameterValue]))),
    ).toEqual([]);
    const example = fileURLToPath(new URL("../examples/organization/keyturn.yaml", import.meta.url));
    for (const text of [block("yaml"), readFileSync(example, "utf8")])
      expect(readConfig(text, "keyturn.yaml").fleet?.role).toBe("KeyturnMember");
  });
});
