import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { checkSettings } from "../../src/compose.ts";
import { policyDocument, type Statement } from "../../src/core/permissions.ts";
import { readEnvironment, settingsFrom } from "../../src/lambda/environment.ts";
import { type FunctionName, functionPermissions, type Place } from "../../src/lambda/permissions.ts";

const PLACE: Place = {
  partition: "${partition}",
  account: "${account}",
  region: "${region}",
  tableArn: "${table_arn}",
  paths: ["${user_path}"],
};

/** What stands in the settings for the module's own values, and its placeholder in the template. */
const SAMPLES = {
  MAIL_FROM: "sender@sample.invalid",
  SMTP_PASSWORD_PARAMETER: "/sample/smtp",
  MAILGUN_API_KEY_NAME: "/sample/mailgun",
} as const;

const CLIENTS = [
  { MAIL_CLIENT: "ses" },
  { MAIL_CLIENT: "smtp", SMTP_SERVER: "mail.example.com" },
  { MAIL_CLIENT: "mailgun", MAILGUN_API_URL: "https://api.mailgun.net/v3/mg.example.com/messages" },
] as const;

async function statementsFor(
  name: FunctionName,
  variables: Readonly<Record<string, string>>,
  isLarge = true,
): Promise<readonly Statement[]> {
  const environment = readEnvironment({ ...SAMPLES, MAIL_ALLOWED_DOMAINS: "*", ...variables });
  return functionPermissions(name, PLACE, await checkSettings(settingsFrom(environment, null).settings), { isLarge });
}

/** The statements of every setting that the module has, once each: it leaves out, by their Sid, those that its settings do not need. */
async function templateFor(name: FunctionName): Promise<string> {
  const bySid = new Map<string, Statement>();
  for (const client of CLIENTS)
    for (const statement of await statementsFor(name, client)) {
      expect(bySid.get(statement.sid) ?? statement).toEqual(statement);
      bySid.set(statement.sid, statement);
    }
  const text = JSON.stringify(policyDocument([...bySid.values()]), null, 2);
  return `${text
    .replace(/\[\s*"arn:[^"]*:identity\/sender@sample\.invalid"[^\]]*\]/, () => "${jsonencode(mail_identities)}")
    .replace(`"${SAMPLES.MAIL_FROM}"`, () => "${jsonencode(mail_from)}")
    .replace(SAMPLES.SMTP_PASSWORD_PARAMETER, () => "/${smtp_parameter}")
    .replace(SAMPLES.MAILGUN_API_KEY_NAME, () => "/${mailgun_parameter}")}\n`;
}

describe("the permissions of the functions", () => {
  it.each(["creator", "destructor"] as const)("of the %s are the ones that the Terraform module has", async (name) => {
    const file = fileURLToPath(
      new URL(`../../terraform/modules/scheduled-rotator/policies/${name}.json.tftpl`, import.meta.url),
    );
    const wanted = await templateFor(name);
    expect(wanted).not.toContain("sample");
    if (process.env["KEYTURN_WRITE_DOCS"] === "1") writeFileSync(file, wanted);
    expect(
      readFileSync(file, "utf8"),
      "KEYTURN_WRITE_DOCS=1 npx vitest run test/lambda/permissions.test.ts writes it anew",
    ).toBe(wanted);
  });

  it("let the destructor make no key, deliver none, seal none, and list nobody", async () => {
    const actions = (await Promise.all(CLIENTS.map((client) => statementsFor("destructor", client))))
      .flat()
      .flatMap((statement) => statement.actions);
    expect(actions.filter((action) => /CreateAccessKey|UpdateAccessKey|ListUsers|LabelParameter/.test(action))).toEqual(
      [],
    );
    const puts = (await statementsFor("destructor", CLIENTS[0])).filter((each) =>
      each.actions.includes("ssm:PutParameter"),
    );
    expect(puts.map(({ sid }) => sid)).toEqual(["OwnerLedger"]);
    // It mails owners, so it reads what that needs.
    for (const [index, sid] of ["SendMail", "ReadSmtpPassword", "ReadMailgunKey"].entries())
      expect((await statementsFor("destructor", CLIENTS[index] ?? {})).map((each) => each.sid)).toContain(sid);
  });

  it("leave out what the settings do not need", async () => {
    const sids = async (variables: Record<string, string>, isLarge = false) =>
      (await statementsFor("creator", variables, isLarge)).map(({ sid }) => sid);
    const usual = await sids({});
    expect(usual).toEqual(expect.arrayContaining(["SendMail", "SealWithFernet", "OwnerLedger", "Escrow"]));
    expect(usual).not.toContain("ListTheAccount");
    expect(await sids({}, true)).toContain("ListTheAccount");
    expect(await sids({ ENCRYPT_KEY_PAIR: "false" })).not.toContain("SealWithFernet");
    expect(await sids({ ...CLIENTS[1] })).toEqual(usual.map((sid) => (sid === "SendMail" ? "ReadSmtpPassword" : sid)));
    const config = "defaults: { policy: safe, deliver: 'ssm:/keys/{user}' }\n";
    const { readConfig } = await import("../../src/config/load.ts");
    const environment = readEnvironment({ IAM_KEY_ROTATOR_TABLE: "none", KEYTURN_CONFIG: config });
    const settings = await checkSettings(settingsFrom(environment, readConfig(config, "KEYTURN_CONFIG")).settings);
    const deactivating = functionPermissions("destructor", { ...PLACE, tableArn: null }, settings);
    expect(deactivating.flatMap((statement) => statement.actions)).toContain("iam:UpdateAccessKey");
    expect(deactivating.map(({ sid }) => sid)).not.toContain("KeepTheTimer");
  });
});
