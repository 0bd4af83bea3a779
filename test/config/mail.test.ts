import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readConfig } from "../../src/config/load.ts";
import { jsonSchema } from "../../src/config/schema.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { days, hours } from "../../src/core/time.ts";
import { temporaryFolder } from "../support/cli.ts";
import { keyturnHere } from "../support/in-process.ts";

const SES = "mail: { from: Keys@Example.com, allowedDomains: Example.com }\n";
const SMTP = `mail:
  from: keys@example.com
  client: smtp
  smtp: { server: mail.example.com, protocol: tls, passwordParameter: /ikr/secret/smtp }
  allowedDomains: [example.com, "*.example.com"]
  addressChangeDelay: 2d
  warnBefore: [1d, 30d]
  encryption: "fernet:/keys?kmsKeyId=alias/keys"
`;
const MAILGUN = `mail:
  from: keys@mg.example.com
  client: mailgun
  mailgun: { domain: mg.example.com, region: eu, keyParameter: /ikr/secret/mailgun }
  allowedDomains: "*"
  warnBefore: never
  encryption: none
`;

const mailIn = (text: string) => readConfig(text, "f").mail;

describe("mail in keyturn.yaml", () => {
  it("needs little, and the rest is what is usual", () => {
    expect(mailIn("region: eu-west-1\n")).toBeNull();
    expect(mailIn(SES)).toEqual({
      from: "Keys@example.com",
      client: { kind: "ses", region: null, configurationSet: null, fromArn: null },
      templates: null,
      allowedDomains: ["example.com"],
      addressChangeDelay: hours(24),
      warnBefore: [days(14), days(7), days(1)],
      encryption: "fernet",
    });
  });

  it("says everything of a mail server, and of Mailgun", () => {
    expect(mailIn(SMTP)).toMatchObject({
      client: { kind: "smtp", server: "mail.example.com", port: 587, protocol: "tls", user: null },
      addressChangeDelay: days(2),
      warnBefore: [days(30), days(1)],
      encryption: "fernet:/keys?kmsKeyId=alias/keys",
    });
    expect(mailIn(SMTP.replace("protocol: tls", "port: 465"))?.client).toMatchObject({ port: 465, protocol: "ssl" });
    expect(mailIn(SMTP.replace("protocol: tls", "port: 587"))?.client).toMatchObject({ port: 587, protocol: "tls" });
    expect(mailIn(MAILGUN)).toMatchObject({
      client: { kind: "mailgun", url: "https://api.eu.mailgun.net/v3/mg.example.com/messages" },
      warnBefore: [],
    });
  });

  it.each<[string, string, string, string | null]>([
    ["no sender", "mail: { allowedDomains: example.com }\n", "f:1:7: mail.from: this is missing", null],
    ["no domains", "mail: { from: a@example.com }\n", "f:1:7: mail.allowedDomains: this is missing", null],
    [
      "a sender with a name",
      SES.replace("Keys@Example.com", '"Keys <keys@example.com>"'),
      'f:1:15: mail.from: "Keys <keys@example.com>" is not one mail address',
      "without a name",
    ],
    [
      "a client that does not exist",
      SMTP.replace("client: smtp", "client: smpt"),
      'f:3:11: mail.client: "smpt" is none of ses, smtp, mailgun',
      "did you mean smtp?",
    ],
    [
      "a client of which nothing is said",
      SES.replace("from", "client: smtp, from"),
      "f:1:7: mail.smtp: this is missing",
      null,
    ],
    [
      "another client than the one that is spelled out",
      SMTP.replace("  client: smtp\n", ""),
      "f:3:9: mail.smtp: this means nothing with client: ses",
      null,
    ],
    [
      "a user without a password",
      SMTP.replace("passwordParameter: /ikr/secret/smtp", "user: keys"),
      "f:4:58: mail.smtp.user: a user without passwordParameter cannot sign in",
      null,
    ],
    [
      "a URL that sends the key in the clear",
      MAILGUN.replace("domain: mg.example.com, region: eu", 'url: "http://api.mailgun.net/v3/d/messages"'),
      'f:4:19: mail.mailgun.url: "http://api.mailgun.net/v3/d/messages" is not https',
      "in the clear",
    ],
    [
      "both a domain and a URL",
      MAILGUN.replace("region: eu", 'url: "https://api.mailgun.net/v3/d/messages"'),
      "f:4:12: mail.mailgun: give either domain (and region) or url",
      null,
    ],
    [
      "a domain that is none",
      MAILGUN.replace('"*"', '"*.*"'),
      'f:5:19: mail.allowedDomains: "*.*" is not a domain',
      "or * for any",
    ],
    [
      "a warning without a unit",
      MAILGUN.replace("never", "14"),
      'f:6:15: mail.warnBefore: "14" is not a duration',
      "add a unit: 14d",
    ],
    [
      "an encryption that does not exist",
      MAILGUN.replace("encryption: none", "encryption: aes"),
      'f:7:15: mail.encryption: "aes" is none of fernet, age, none',
      null,
    ],
  ])("is refused: %s", (_, text, message, hint) => {
    const error = refusal(text);
    expect(error.message).toContain(message);
    if (hint !== null) expect(error.hint).toContain(hint);
  });

  it("is accepted and refused by the published schema likewise", () => {
    const accepts = new Ajv({ allowUnionTypes: true, strict: true, strictTypes: false }).compile(jsonSchema("f"));
    for (const text of [SES, SMTP, MAILGUN]) expect(accepts(parse(text)), JSON.stringify(accepts.errors)).toBe(true);
    expect(accepts(parse("mail: { from: a@example.com }"))).toBe(false);
    expect(accepts(parse(SMTP.replace("server:", "servre:")))).toBe(false);
  });
});

describe("what keyturn makes of it", () => {
  const FLAGS = ["--account", "111122223333", "--region", "eu-west-1"];
  async function run(config: string, ...words: readonly string[]) {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "mails.yaml"), `${config}owners: { ledger: ssm }\n`);
    return keyturnHere([...words, "--config", "mails.yaml"], { cwd });
  }
  async function statements(config: string) {
    const { stdout } = await run(config, "policy", ...FLAGS);
    const { Statement } = JSON.parse(stdout) as { Statement: readonly { Sid: string }[] };
    return Statement.filter(({ Sid }) => /Mail|Smtp|NameTheAccount/.test(Sid));
  }

  it("the permissions are those of its way to send, and no more", async () => {
    const alias = { Sid: "NameTheAccount", Effect: "Allow", Action: ["iam:ListAccountAliases"], Resource: ["*"] };
    const parameter = (Sid: string, name: string) => ({
      Sid,
      Effect: "Allow",
      Action: ["ssm:GetParameter"],
      Resource: [`arn:aws:ssm:eu-west-1:111122223333:parameter${name}`],
    });
    expect(await statements("region: eu-west-1\n")).toEqual([]);
    expect(await statements(SMTP)).toEqual([alias, parameter("ReadSmtpPassword", "/ikr/secret/smtp")]);
    expect(await statements(MAILGUN)).toEqual([alias, parameter("ReadMailgunKey", "/ikr/secret/mailgun")]);
    const ses =
      "mail: { from: keys@mg.example.com, allowedDomains: '*', encryption: none, ses: { configurationSet: keys } }\n";
    expect(await statements(ses)).toEqual([
      alias,
      {
        Sid: "SendMail",
        Effect: "Allow",
        Action: ["ses:SendEmail"],
        Resource: [
          "identity/keys@mg.example.com",
          "identity/mg.example.com",
          "identity/example.com",
          "configuration-set/keys",
        ].map((name) => `arn:aws:ses:eu-west-1:111122223333:${name}`),
        Condition: { StringEquals: { "ses:FromAddress": ["keys@mg.example.com"] } },
      },
    ]);
  });

  it("config show says all of it, and where it stands", async () => {
    const { stdout } = await run(SMTP, "config", "show", "--format", "json");
    const { settings } = JSON.parse(stdout) as { settings: readonly { name: string; value: string; from: string }[] };
    expect(settings.filter(({ name }) => name.startsWith("mail.")).map(({ name, value }) => [name, value])).toEqual([
      ["mail.from", "keys@example.com"],
      ["mail.client", "smtp"],
      ["mail.smtp.server", "mail.example.com"],
      ["mail.smtp.port", "587"],
      ["mail.smtp.protocol", "tls"],
      ["mail.smtp.passwordParameter", "/ikr/secret/smtp"],
      ["mail.templates", "built in"],
      ["mail.allowedDomains", "[example.com, *.example.com]"],
      ["mail.addressChangeDelay", "2d"],
      ["mail.warnBefore", "[30d, 1d]"],
      ["mail.encryption", "fernet:/keys?kmsKeyId=alias/keys"],
    ]);
    expect(settings.find(({ name }) => name === "mail.from")?.from).toBe("mails.yaml:1:1");
  });

  it.each<[string, string, string, string]>([
    [
      "email without mail",
      "escrow: ssm\ndefaults: { deliver: email }\n",
      "mails.yaml:2:13: email cannot be used: the settings say nothing of mail",
      "add mail:",
    ],
    [
      "email without an escrow",
      `${MAILGUN}defaults: { deliver: email }\n`,
      "email cannot be read back",
      "--escrow ssm",
    ],
    [
      "templates that are not there",
      `${MAILGUN}  templates: ./nowhere\n`,
      "the templates in ./nowhere cannot be read (ENOENT)",
      "name a folder",
    ],
  ])("config check refuses %s", async (_, config, message, hint) => {
    const { code, stderr } = await run(config, "config", "check");
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
  });

  it("config check accepts email with mail and an escrow", async () => {
    const { code, stderr } = await run(`${MAILGUN}escrow: ssm\ndefaults: { deliver: email }\n`, "config", "check");
    expect([code, stderr]).toEqual([0, ""]);
  });
});

function refusal(text: string): InvalidInput {
  try {
    readConfig(text, "f");
  } catch (error) {
    if (error instanceof InvalidInput) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
