import { describe, expect, it } from "vitest";
import {
  judgeAudit,
  judgeClock,
  judgeEnvironment,
  judgeNode,
  judgeSigner,
  judgeStatement,
  judgeTags,
  type SimulatedAnswer,
} from "../../src/core/checkup.ts";
import { concrete } from "../../src/core/permissions.ts";
import { fillTarget } from "../../src/core/target.ts";
import { instant, later, minutes } from "../../src/core/time.ts";
import { NOW } from "./builders.ts";

const ROLE = {
  arn: "arn:aws:sts::123456789012:assumed-role/ops/me",
  userName: null,
  accessKeyId: null,
  expiresAt: null,
};
const USER = { ...ROLE, arn: "arn:aws:iam::123456789012:user/ci-bot", userName: "ci-bot", accessKeyId: "AKIAEXAMPLE" };
const verdicts = (findings: readonly { verdict: string }[]) => findings.map((each) => each.verdict).join(" ");

const tags = (count: number, more: readonly string[] = []) =>
  new Map([...Array.from({ length: count }, (_, index) => `tag-${index}`), ...more].map((key) => [key, ""]));

const answer = (more: Partial<SimulatedAnswer> = {}): SimulatedAnswer => ({
  action: "iam:CreateAccessKey",
  resource: "arn:aws:iam::123456789012:user/a",
  decision: "allowed",
  deniedByOrganization: false,
  deniedByBoundary: false,
  missingContext: [],
  ...more,
});

const user = (userName: string, path: string) => ({
  userName,
  path,
  arn: `arn:aws:iam::123456789012:user${path}${userName}`,
});

describe("whose credentials they are", () => {
  it.each([
    ["a role", ROLE, null, "fine"],
    ["a session that ends in an hour", { ...ROLE, expiresAt: later(NOW, minutes(60)) }, null, "fine"],
    ["a session that ends in ten minutes", { ...ROLE, expiresAt: later(NOW, minutes(10)) }, null, "warning"],
    ["the root user", { ...ROLE, arn: "arn:aws:iam::123456789012:root" }, null, "fine warning"],
    ["a user's long-lived key", USER, null, "fine warning"],
    ["the key of a user who is not selected", USER, ["other"], "fine warning"],
    ["the key of a user who is to be rotated", USER, ["a", "ci-bot"], "fine wrong"],
    ["a user's own session", { ...USER, accessKeyId: "ASIAEXAMPLE" }, ["ci-bot"], "fine"],
  ])("%s", (_, signer, users, expected) => {
    expect(verdicts(judgeSigner(signer, users, NOW))).toBe(expected);
  });

  it("says when they end", () => {
    const [finding] = judgeSigner({ ...ROLE, expiresAt: instant(NOW + 3_600_000) }, null, NOW);
    expect(finding?.what).toBe("AWS accepts the credentials until 2026-06-15T13:00:00Z, 1h from now");
  });
});

describe("the clock", () => {
  it.each([
    [null, "unchecked", "did not answer"],
    [0, "fine", "agrees"],
    [4_999, "fine", "agrees"],
    [-60_000, "warning", "1m ahead of"],
    [299_000, "warning", "4m behind"],
    [301_000, "wrong", "5m behind"],
    [-86_400_000, "wrong", "1d ahead of"],
  ])("%s ms: %s", (offset, verdict, words) => {
    const finding = judgeClock(offset);
    expect([finding.verdict, finding.what]).toEqual([verdict, expect.stringContaining(words)]);
  });
});

describe("the tags of a user", () => {
  it.each([
    [0, [], "fine"],
    [49, [], "fine"],
    [50, [], "wrong"],
    [49, ["keyturn:rotation"], "fine"],
    [49, ["KEYTURN:Rotation"], "fine"],
  ])("%d and %j: %s", (count, more, verdict) => {
    expect(judgeTags("ci-bot", tags(count, more)).verdict).toBe(verdict);
  });
});

describe("the environment", () => {
  it("is fine where nothing is set, or set to nothing", () => {
    expect(judgeEnvironment({ AWS_REGION: "eu-west-1", AWS_ENDPOINT_URL: "", HTTPS_PROXY: "" })).toEqual([]);
  });

  it.each([
    [{ AWS_ENDPOINT_URL: "http://localhost:5000/" }, "AWS_ENDPOINT_URL", "localhost:5000"],
    [{ AWS_ENDPOINT_URL_IAM: "https://iam.example" }, "AWS_ENDPOINT_URL_IAM", "iam.example"],
    [{ AWS_ENDPOINT_URL: "nonsense" }, "AWS_ENDPOINT_URL", "no URL"],
    [{ https_proxy: "http://proxy:3128" }, "https_proxy", "directly"],
    [{ AWS_PROFILE: "a", AWS_ACCESS_KEY_ID: "AKIA" }, "AWS_PROFILE", "the profile is used"],
    [{ AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "us-east-1" }, "AWS_DEFAULT_REGION", "differ"],
  ])("%j is said", (environment, subject, words) => {
    const [finding, ...more] = judgeEnvironment(environment);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ verdict: "warning", subject: expect.stringContaining(subject) });
    expect(finding?.what).toContain(words);
  });

  it("is wrong where certificates are not verified", () => {
    expect(verdicts(judgeEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: "0" }))).toBe("wrong");
    expect(judgeEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: "1" })).toEqual([]);
  });

  it("shows no value that may hold a password", () => {
    const secret = "canary-password";
    const findings = judgeEnvironment({
      HTTPS_PROXY: `http://me:${secret}@proxy:1`,
      AWS_ENDPOINT_URL: `http://me:${secret}@endpoint/${secret}?${secret}`,
      AWS_PROFILE: secret,
      AWS_ACCESS_KEY_ID: secret,
      AWS_SECRET_ACCESS_KEY: secret,
    });
    expect(findings).toHaveLength(3);
    expect(JSON.stringify(findings)).not.toContain(secret);
  });
});

it.each([
  ["20.19.0", "fine"],
  ["20.18.9", "wrong"],
  ["18.20.0", "wrong"],
  ["22.0.0", "fine"],
])("Node.js %s is %s where 20.19 is asked for", (version, verdict) => {
  expect(judgeNode(version, "20.19").verdict).toBe(verdict);
});

it.each([
  [null, true, null, "fine"],
  ["a.jsonl", true, null, "fine"],
  ["a.jsonl", true, "no", "wrong"],
  ["a.jsonl", false, "no", "warning"],
])("an audit in %s (asked for: %s) that meets %s is %s", (file, asked, problem, verdict) => {
  expect(judgeAudit(file, asked, problem).verdict).toBe(verdict);
});

describe("what IAM's simulation says about a statement", () => {
  const statement = { sid: "RotateKeys", actions: ["iam:CreateAccessKey", "kms:Decrypt"], resources: ["*"] };

  it.each<[string, readonly SimulatedAnswer[], string, string]>([
    ["allowed everywhere", [answer(), answer({ resource: "b" })], "fine", "allowed"],
    ["denied by nobody's allowing it", [answer({ decision: "implicitDeny" })], "wrong", "no policy allows it"],
    ["denied for one of two users", [answer(), answer({ decision: "implicitDeny" })], "wrong", "user/a"],
    [
      "denied for two of two",
      [answer({ decision: "implicitDeny" }), answer({ decision: "implicitDeny" })],
      "wrong",
      "and 1 more",
    ],
    ["denied explicitly", [answer({ decision: "explicitDeny" })], "wrong", "explicitly"],
    [
      "denied by the organization",
      [answer({ decision: "implicitDeny", deniedByOrganization: true })],
      "wrong",
      "organization",
    ],
    ["denied by a boundary", [answer({ decision: "implicitDeny", deniedByBoundary: true })], "wrong", "boundary"],
    ["hanging on a condition", [answer({ decision: "implicitDeny", missingContext: ["aws:x"] })], "unchecked", "aws:x"],
    ["a KMS key's own policy", [answer({ action: "kms:Decrypt", decision: "implicitDeny" })], "unchecked", "KMS key"],
    [
      "a KMS key denied explicitly",
      [answer({ action: "kms:Decrypt", decision: "explicitDeny" })],
      "wrong",
      "explicitly",
    ],
  ])("%s", (_, answers, verdict, words) => {
    const [finding, ...more] = judgeStatement(statement, answers);
    expect(more).toEqual([]);
    expect([finding?.verdict, finding?.what]).toEqual([verdict, expect.stringContaining(words)]);
  });

  it("tells what is allowed apart from what is not, and which statement would allow it", () => {
    const findings = judgeStatement(statement, [answer(), answer({ action: "iam:TagUser", decision: "implicitDeny" })]);
    expect(findings.map(({ verdict, subject }) => `${verdict} ${subject}`)).toEqual([
      "fine iam:CreateAccessKey",
      "wrong iam:TagUser",
    ]);
    expect(findings[1]?.fix).toContain("RotateKeys");
  });
});

describe("resources without wildcards", () => {
  it.each([
    [["iam:GetUser"], "arn:aws:iam::123456789012:user/ci/*", ["arn:aws:iam::123456789012:user/ci/a"]],
    [["iam:GetUser"], "arn:aws:iam::123456789012:user/other/*", ["arn:aws:iam::123456789012:user/other/someone"]],
    [["iam:ListUsers"], "arn:aws:iam::123456789012:user/*", ["arn:aws:iam::123456789012:user/"]],
    [["iam:GetAccessKeyLastUsed"], "*", ["*"]],
    [["secretsmanager:PutSecretValue"], "arn:aws:s:::secret:prod/a-??????", ["arn:aws:s:::secret:prod/a-AAAAAA"]],
  ])("%j on %s", (actions, resource, expected) => {
    const statement = { sid: "S", actions, resources: [resource] };
    expect(concrete(statement, [user("a", "/ci/"), user("b", "/")], "someone").resources).toEqual(expected);
  });

  it("come from targets that are filled in for a user, options left as they are", () => {
    expect(fillTarget("ssm:/keys/{path}/{user}?field.USER={user}", user("a b", "/ci/"), "1")).toBe(
      "ssm:/keys/ci/a_x20_b?field.USER={user}",
    );
  });
});
