import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { policyDocument } from "../../src/core/permissions.ts";
import { Secret } from "../../src/core/secret.ts";
import { days, hours, instant, seconds } from "../../src/core/time.ts";
import { CallError } from "../../src/ports.ts";
import { openLog } from "../../src/secret-rotation/log.ts";
import { functionPermissions } from "../../src/secret-rotation/permissions.ts";
import { readSettings } from "../../src/secret-rotation/settings.ts";

describe("the settings of the functions", () => {
  it("are those of the older tool where nothing is set, or what is set is empty", () => {
    for (const variables of [{}, { KEYTURN_FIELDS: " ", KEYTURN_ROLE_ARN: "", KEYTURN_TEST_BUCKET: "" }]) {
      const { fields, role, testObject, tag, settle, policy, dryRun, debug } = readSettings(variables);
      expect([...fields.names]).toEqual([
        ["Key", "accessKeyId"],
        ["Secret", "secretAccessKey"],
        ["UserName", "userName"],
      ]);
      expect([role, testObject, tag]).toEqual([null, null, { key: "Rotatable", value: "true" }]);
      expect([settle, dryRun, debug]).toEqual([seconds(15), false, false]);
      expect(policy.deactivate).toEqual({ when: "idle", for: days(1), remindAfter: days(14), atLatest: "never" });
      expect(policy.delete).toMatchObject({ when: "after", after: days(1) });
      expect(policy.inactiveKeys).toBe("report");
    }
  });

  it("say when a predecessor goes", () => {
    const spans = { KEYTURN_QUIET: "12h", KEYTURN_REMIND_AFTER: "3d", KEYTURN_DELETE_AFTER: "10d" };
    expect(readSettings(spans).policy).toMatchObject({
      deactivate: { when: "idle", for: hours(12), remindAfter: days(3) },
      delete: { after: days(10) },
    });
    expect(readSettings({ ...spans, KEYTURN_RETIRE: "time" }).policy.deactivate).toEqual({
      when: "after",
      after: hours(12),
    });
  });

  it.each([
    [{ KEYTURN_FIELDS: "Key=accessKeyId&Secret=secretAccessKey" }, "KEYTURN_FIELDS: no field holds the userName"],
    [{ KEYTURN_FIELDS: "Key=password" }, "KEYTURN_FIELDS: "],
    [{ KEYTURN_ROLE_ARN: "keyturn" }, "is not the ARN of a role"],
    [{ KEYTURN_EXTERNAL_ID: "word" }, "KEYTURN_EXTERNAL_ID is set, but no role"],
    [{ KEYTURN_TEST_BUCKET: "bucket" }, "a test object needs a bucket and a key"],
    [{ KEYTURN_TEST_BUCKET: "a/b", KEYTURN_TEST_KEY: "k" }, "is no name of a bucket"],
    [{ KEYTURN_TEST_BUCKET: "abc", KEYTURN_TEST_KEY: "k", KEYTURN_TEST_REGION: "x.evil.example" }, "is no region"],
    [{ KEYTURN_TAG: "Rotatable" }, "KEYTURN_TAG: "],
    [{ KEYTURN_SETTLE: "soon" }, 'KEYTURN_SETTLE: "soon" is not a duration'],
    [{ KEYTURN_RETIRE: "never" }, 'KEYTURN_RETIRE: "never" is neither idle nor time'],
    [{ KEYTURN_RETIRE: "time", KEYTURN_QUIET: "1" }, "KEYTURN_QUIET: "],
  ])("that are wrong, such as %j, are refused by the variable's name", (variables, words) => {
    expect(() => readSettings(variables)).toThrow(InvalidInput);
    expect(() => readSettings(variables)).toThrow(words);
  });
});

describe("the permissions of the functions", () => {
  const place = { partition: "aws-us-gov", account: "111122223333", region: "us-gov-west-1", kmsKeyArns: ["arn:k"] };

  it("go by the tag, and the record's tag is the only one that is written", () => {
    for (const name of ["rotate-secret", "cleanup-secrets"] as const) {
      const { Statement } = policyDocument(functionPermissions(name, place, readSettings({ KEYTURN_TAG: "team=ci" })));
      const changing = Statement.filter(({ Action }) =>
        Action.some((each) => /Create|Update|Delete|Put|Tag/.test(each)),
      );
      for (const { Sid, Condition } of changing.filter((each) => each.Sid !== "ReadUsers"))
        expect(JSON.stringify(Condition), Sid).toContain('ResourceTag/team":["ci"]');
      expect(Statement.find(({ Sid }) => Sid === "KeepTheRecord")?.Condition).toMatchObject({
        "ForAllValues:StringEquals": { "aws:TagKeys": ["keyturn:rotation"] },
      });
      expect(JSON.stringify(Statement)).toContain("arn:k");
      expect(JSON.stringify(Statement)).not.toContain("arn:aws:");
    }
  });

  it("neither let the rotation retire a key, nor the cleanup make or write one", () => {
    const actionsOf = (name: "rotate-secret" | "cleanup-secrets") =>
      functionPermissions(name, place, readSettings({})).flatMap(({ actions }) => actions);
    expect(actionsOf("rotate-secret")).not.toContain("iam:UpdateAccessKey");
    for (const action of ["iam:CreateAccessKey", "secretsmanager:PutSecretValue", "kms:GenerateDataKey"])
      expect(actionsOf("cleanup-secrets")).not.toContain(action);
  });

  it("are only to take on the role, where the users are elsewhere", () => {
    const role = "arn:aws-us-gov:iam::444455556666:role/keyturn";
    const statements = functionPermissions("rotate-secret", place, readSettings({ KEYTURN_ROLE_ARN: role }));
    expect(
      statements.flatMap(({ actions }) => actions).filter((action) => !/^(secretsmanager|kms):/.test(action)),
    ).toEqual(["sts:AssumeRole"]);
  });
});

describe("the log of the functions", () => {
  it("takes hidden values out of whatever is written, and tells errors without what hangs on them", () => {
    const lines: string[] = [];
    const log = openLog((line) => lines.push(line), false);
    log.hide(new Secret('canary"secret\\value'));
    log.hide(new Secret("short"));
    log.info('a canary"secret\\value', { deep: { text: 'x canary"secret\\value y' }, short: "short" });
    log.warn('canary"secret\\value');
    log.error(new InvalidInput('canary"secret\\value', "the hint"));
    log.error(new CallError("denied", "iam:CreateAccessKey", "user/x", "AccessDenied", "raw"));
    log.error(new CallError("refused", "iam:CreateAccessKey", "user/x", "LimitExceeded", "too many"));
    log.error(Object.assign(new Error("canary in the message"), { reply: "canary" }));
    expect(log.clean('canary"secret\\value')).toBe("[secret]");
    expect(lines.join("\n")).not.toContain("canary");
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
      "a [secret]",
      "[secret]",
      "[secret]",
      "iam:CreateAccessKey on user/x is denied",
      "iam:CreateAccessKey on user/x failed: LimitExceeded: too many",
      "unexpected: Error",
    ]);
    expect(lines[2]).toContain('"hint":"the hint"');
  });

  it("tells steps that were only begun where it is asked for", () => {
    const step = { at: instant(0), userName: "u", step: "create", accessKeyIds: [], reason: "r" };
    for (const debug of [true, false]) {
      const lines: string[] = [];
      const log = openLog((line) => lines.push(line), debug);
      for (const outcome of ["started", "done", "failed"] as const) log.step({ ...step, outcome });
      expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(
        debug ? ["INFO", "INFO", "WARN"] : ["INFO", "WARN"],
      );
    }
  });
});
