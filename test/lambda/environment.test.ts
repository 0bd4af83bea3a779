import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/load.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { presets } from "../../src/core/policy.ts";
import { settingsFor } from "../../src/core/rulebook.ts";
import { days, minutes } from "../../src/core/time.ts";
import { readEnvironment, settingsFrom } from "../../src/lambda/environment.ts";

const USER = { userName: "ci-bot", path: "/", arn: "arn:aws:iam::111122223333:user/ci-bot" };
const MAIL = { MAIL_FROM: "keys@example.com", MAIL_ALLOWED_DOMAINS: "example.com" };

const holding = (variables: Record<string, string>, yaml: string | null = null) => {
  const chosen = settingsFrom(
    readEnvironment(yaml === null ? variables : { ...variables, KEYTURN_CONFIG: yaml }),
    yaml === null ? null : readConfig(yaml, "KEYTURN_CONFIG"),
  );
  return { chosen, own: settingsFor(chosen.settings.rulebook, USER, new Map()) };
};

function complaintOf(variables: Record<string, string>): string {
  try {
    readEnvironment(variables);
  } catch (error) {
    if (error instanceof InvalidInput) return error.message;
  }
  return "none";
}

describe("the environment of a function", () => {
  it("means what the older tool's means, where nothing but the mail is set", () => {
    const environment = readEnvironment(MAIL);
    expect(environment).toMatchObject({
      table: "iam-key-rotator",
      retryAfter: minutes(5),
      account: null,
      warnings: [],
      mail: {
        from: "keys@example.com",
        client: { kind: "ses" },
        allowedDomains: ["example.com"],
        encryption: "fernet",
      },
    });
    const { chosen, own } = holding(MAIL);
    // Its rule is: whole days > 85.
    expect(own.policy).toEqual({ ...presets.expiring, rotateAfter: days(86) });
    expect(own.deliver).toEqual(["email"]);
    expect(chosen.match).toBeNull();
    expect(chosen.settings.rulebook.owners).toMatchObject({
      only: true,
      moreThan: true,
      allowedDomains: ["example.com"],
    });
    expect(chosen.settings).toMatchObject({ escrow: "ssm", asked: false, profile: null });
  });

  it("lets a user's tags come before it, as the older tool's do: shorter, too, and more than that many days", () => {
    const tags = new Map([
      ["ikr:email", "a@example.com"],
      ["Ikr:Rotate_After_Days", "10"],
      ["IKR:DELETE_AFTER_DAYS", "2"],
    ]);
    const { policy } = settingsFor(holding(MAIL).chosen.settings.rulebook, USER, tags);
    expect(policy).toMatchObject({ rotateAfter: days(11), delete: { when: "after", after: days(2) } });
  });

  it("reads every variable, and an empty one as none", () => {
    const environment = readEnvironment({
      ...MAIL,
      IAM_KEY_ROTATOR_TABLE: "other-table",
      ROTATE_AFTER_DAYS: "30",
      DELETE_AFTER_DAYS: "2",
      RETRY_AFTER_MINS: "15",
      ACCOUNT_ID: "012345678901",
      USER_PATH: "/ci/",
      MAIL_CLIENT: "smtp",
      SMTP_SERVER: "mail.example.com",
      SMTP_PROTOCOL: "tls",
      SMTP_PORT: "587",
      SMTP_PASSWORD_PARAMETER: "",
      ENCRYPT_KEY_PAIR: "false",
      MAIL_ALLOWED_DOMAINS: "Example.com, example.org",
    });
    expect(environment).toMatchObject({
      table: "other-table",
      rotateAfter: days(31),
      deleteAfter: days(2),
      retryAfter: minutes(15),
      account: "012345678901",
      path: "/ci/",
      mail: {
        client: {
          kind: "smtp",
          server: "mail.example.com",
          port: 587,
          protocol: "tls",
          user: "keys@example.com",
          passwordParameter: "/ikr/secret/smtp",
        },
        allowedDomains: ["example.com", "example.org"],
        encryption: "none",
      },
    });
    const mailgun = readEnvironment({
      ...MAIL,
      MAIL_CLIENT: "mailgun",
      MAILGUN_API_URL: "https://api.mailgun.net/v3/example.com",
    });
    expect(mailgun.mail?.client).toEqual({
      kind: "mailgun",
      url: "https://api.mailgun.net/v3/example.com",
      keyParameter: "/ikr/secret/mailgun",
    });
    const none = readEnvironment({ ...MAIL, IAM_KEY_ROTATOR_TABLE: "none", KEYTURN_CONFIG: "none" });
    expect([none.table, none.config]).toEqual([null, null]);
  });

  it.each(["true", "False", "0", "no", "FALSE "])(
    "encrypts where ENCRYPT_KEY_PAIR is %s: only false is false",
    (text) => {
      expect(readEnvironment({ ...MAIL, ENCRYPT_KEY_PAIR: text }).mail?.encryption).toBe("fernet");
      expect(readEnvironment({ ...MAIL, ENCRYPT_KEY_PAIR: text }).warnings).toHaveLength(text === "true" ? 0 : 1);
    },
  );

  it("names everything that is wrong at once", () => {
    const complaint = complaintOf({
      IAM_KEY_ROTATOR_TABLE: "a table",
      ROTATE_AFTER_DAYS: "ninety",
      DELETE_AFTER_DAYS: "0",
      RETRY_AFTER_MINS: "-1",
      ACCOUNT_ID: "123",
      USER_PATH: "ci",
      MAIL_FROM: "keys@example.com",
      MAIL_CLIENT: "smtp",
      SMTP_PORT: "70000",
      SMTP_PROTOCOL: "starttls",
    });
    const names = complaint.split("\n").map((line) => line.split(":")[0]);
    expect(names.slice(1)).toEqual([
      "IAM_KEY_ROTATOR_TABLE",
      "ROTATE_AFTER_DAYS",
      "DELETE_AFTER_DAYS",
      "RETRY_AFTER_MINS",
      "ACCOUNT_ID",
      "USER_PATH",
      "SMTP_SERVER",
      "SMTP_PORT",
      "SMTP_PROTOCOL",
      "MAIL_ALLOWED_DOMAINS",
    ]);
    expect(complaintOf({})).toContain("MAIL_FROM: it is missing");
    expect(complaintOf({ ...MAIL, MAIL_ALLOWED_DOMAINS: "*" })).toBe("none");
    expect(complaintOf({ ...MAIL, MAIL_ALLOWED_DOMAINS: "*.*.com" })).toContain("is not a domain");
    expect(complaintOf({ ...MAIL, MAIL_FROM: "a@b.com\nBcc: x@y.com" })).toContain("is not one mail address");
    expect(complaintOf({ ...MAIL, MAIL_CLIENT: "mailgun", MAILGUN_API_URL: "http://api.mailgun.net" })).toContain(
      'MAILGUN_API_URL: "http://api.mailgun.net" is not https',
    );
    // A password in the address would stand in the message.
    expect(complaintOf({ ...MAIL, MAIL_CLIENT: "mailgun", MAILGUN_API_URL: "https://a:hunter2@x.net" })).not.toContain(
      "hunter2",
    );
  });

  it("takes ACCESS_KEY_AGE, the name on the older tool's page, with a warning", () => {
    const alone = readEnvironment({ ...MAIL, ACCESS_KEY_AGE: "40" });
    expect(alone.rotateAfter).toBe(days(41));
    expect(alone.warnings).toEqual(["ACCESS_KEY_AGE is an old name: call it ROTATE_AFTER_DAYS"]);
    const both = readEnvironment({ ...MAIL, ACCESS_KEY_AGE: "40", ROTATE_AFTER_DAYS: "50" });
    expect(both.rotateAfter).toBe(days(51));
    expect(both.warnings).toEqual(["ACCESS_KEY_AGE is passed over: ROTATE_AFTER_DAYS says the same thing"]);
  });

  it("leaves the policy to a configuration, which means here what it means on a terminal", () => {
    const { chosen, own } = holding(
      { ROTATE_AFTER_DAYS: "10", DELETE_AFTER_DAYS: "3" },
      "profile: mine\naudit: ./audit.jsonl\ndefaults: { policy: { rotateAfter: 60d }, deliver: 'ssm:/keys/{user}' }\nlimits: { maxRotations: 7, refuseAbove: 25% }\n",
    );
    expect(own.policy).toEqual({ ...presets.safe, rotateAfter: days(60) });
    expect(own.deliver).toEqual(["ssm:/keys/{user}"]);
    expect(chosen).toMatchObject({ maxRotations: 7, refuseAbovePercent: 25 });
    expect(chosen.settings.profile).toBeNull();
    expect(chosen.warnings).toEqual([
      "ROTATE_AFTER_DAYS is passed over: the policy is that of KEYTURN_CONFIG",
      "DELETE_AFTER_DAYS is passed over: the policy is that of KEYTURN_CONFIG",
      "profile is passed over: a function signs with its role",
      "audit is passed over: the audit of a function stands in its log",
    ]);
  });

  it("mails keys where neither says another place, and only then needs to know how", () => {
    expect(holding(MAIL, "defaults: { policy: safe }\n").own.deliver).toEqual(["email"]);
    expect(holding({}, "defaults: { policy: safe }\n").own.deliver).toEqual([]);
    expect(holding(MAIL, "rules: [{ match: { path: /ci/ }, deliver: 'ssm:/keys/{user}' }]\n").own.deliver).toEqual([]);
  });

  it("is for one account where either says so, and refuses two that differ", () => {
    expect(holding({ ...MAIL, ACCOUNT_ID: "111122223333" }).chosen.accounts).toEqual(["111122223333"]);
    const yaml = "accounts: [111122223333, 444455556666]\n";
    expect(holding({ ACCOUNT_ID: "111122223333" }, yaml).chosen.accounts).toEqual(["111122223333"]);
    expect(() => holding({ ACCOUNT_ID: "777788889999" }, yaml)).toThrow(/ACCOUNT_ID is 777788889999/);
  });
});
