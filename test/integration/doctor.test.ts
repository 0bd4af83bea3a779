import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CreateRoleCommand, IAMClient } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { beforeEach, describe, expect, it } from "vitest";
import { LEAST_NODE } from "../../src/cli/doctor.ts";
import { temporaryFolder } from "../support/cli.ts";
import { emulated } from "../support/emulated.ts";
import { type Call, type Fault } from "../support/fault-proxy.ts";
import { typed } from "../support/in-process.ts";
import { motoMissing } from "../support/moto.ts";

const CHANGES = /:(Create|Update|Delete|Tag|Untag|Put|Restore|Rotate)/;

interface Finding {
  readonly area: string;
  readonly verdict: string;
  readonly subject: string;
  readonly what: string;
  readonly fix: string | null;
}

/** What IAM's simulation answers; the emulator has none. Actions in `denied` are denied for want of a policy. */
function simulation({ body }: Call, denied: readonly string[]): Fault {
  const asked = new URLSearchParams(body);
  const list = (name: string) =>
    [...asked].filter(([key]) => key.startsWith(`${name}.member.`)).map(([, value]) => value);
  const member = (action: string) =>
    `<member><EvalActionName>${action}</EvalActionName><EvalDecision>${denied.includes(action) ? "implicitDeny" : "allowed"}</EvalDecision><ResourceSpecificResults>${list(
      "ResourceArns",
    )
      .map(
        (arn) =>
          `<member><EvalResourceName>${arn}</EvalResourceName><EvalResourceDecision>${denied.includes(action) ? "implicitDeny" : "allowed"}</EvalResourceDecision></member>`,
      )
      .join("")}</ResourceSpecificResults></member>`;
  return {
    kind: "reply",
    status: 200,
    body: `<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>${list("ActionNames").map(member).join("")}</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>`,
  };
}

const DENIED: Fault = { kind: "error", status: 403, code: "AccessDenied" };

describe.skipIf(motoMissing !== null)(`keyturn doctor ${motoMissing ?? ""}`, () => {
  const { moto, proxy } = emulated();
  /** What the simulation denies; null = it may not be asked. */
  let denied: readonly string[] | null;
  /** Further faults, by action. */
  let faults: Readonly<Record<string, Fault>>;

  beforeEach(async () => {
    [denied, faults] = [[], {}];
    proxy.before = (call) => {
      if (call.action === "iam:SimulatePrincipalPolicy") return denied === null ? DENIED : simulation(call, denied);
      return faults[call.action] ?? { kind: "pass" };
    };
    await moto.seed([
      { name: "ci-bot", path: "/ci/", keys: [{ ageDays: 5 }] },
      { name: "deploy", path: "/ci/", keys: [{ ageDays: 5 }] },
    ]);
  });

  /** Runs it, sees that it changes nothing, and answers with the findings that are not fine. */
  async function doctor(args: readonly string[], env: Readonly<Record<string, string | null>> = {}) {
    const { code, out, err } = await typed(["doctor", ...args, "--format", "json"], proxy.url, env);
    expect(proxy.calls.map((each) => each.action).filter((action) => CHANGES.test(action))).toEqual([]);
    if (out === "") throw new Error(err);
    const { findings } = JSON.parse(out) as { findings: readonly Finding[] };
    const odd = findings.filter((each) => each.verdict !== "fine" && each.subject !== "AWS_ENDPOINT_URL");
    return { code, err, findings, odd, wrong: odd.filter((each) => each.verdict === "wrong") };
  }

  const CI = ["--path", "/ci/", "--deliver", "ssm:/keys/{user}", "--escrow", "ssm"];

  it("finds nothing wrong where nothing is, and says that calls do not go to AWS", async () => {
    const { code, odd, findings } = await doctor(CI);
    expect([code, odd]).toEqual([0, []]);
    expect(findings.map((each) => each.area)).toEqual(
      expect.arrayContaining([
        "credentials",
        "clock",
        "environment",
        "permissions",
        "destinations",
        "escrow",
        "tags",
        "audit",
      ]),
    );
    expect(findings.find((each) => each.subject === "AWS_ENDPOINT_URL")?.verdict).toBe("warning");
    expect(findings.filter((each) => each.area === "destinations").map((each) => each.subject)).toEqual([
      "ssm:/keys/ci-bot",
      "ssm:/keys/deploy",
    ]);
    const { out } = await typed(["doctor", ...CI], proxy.url);
    expect(out).toContain("fine       ssm:/keys/ci-bot, ssm:/keys/deploy: nothing is in the way of a delivery");
    expect(out).toContain("Nothing is wrong.");
  });

  it("asks the simulation about the users, the targets and the tag that a run would touch, and names what is denied", async () => {
    denied = ["iam:CreateAccessKey", "ssm:PutParameter"];
    const { code, wrong } = await doctor(CI);
    expect(code).toBe(1);
    expect(wrong.map(({ subject, fix }) => [subject, fix])).toEqual([
      ["iam:CreateAccessKey", expect.stringContaining("RotateKeys")],
      ["ssm:PutParameter", expect.stringContaining("keyturn policy")],
      ["ssm:PutParameter", expect.stringContaining("Escrow")],
    ]);
    const asked = proxy.calls
      .filter((each) => each.action === "iam:SimulatePrincipalPolicy")
      .map((each) => decodeURIComponent(each.body));
    expect(asked.join("\n")).not.toMatch(/ResourceArns\.member\.\d+=[^&]*[^&=][*?]/);
    const about = (action: string) => asked.find((body) => body.includes(`=${action}&`)) ?? "";
    expect(about("iam:CreateAccessKey")).toContain("user/ci/ci-bot&");
    expect(about("iam:CreateAccessKey")).toContain("user/ci/deploy&");
    expect(about("ssm:GetParameter")).toContain("parameter/keys/ci-bot&");
    expect(about("iam:TagUser")).toMatch(
      /ContextKeyName=aws:TagKeys.*ContextKeyValues\.member\.1=keyturn:rotation.*ContextKeyType=stringList/,
    );
    expect(about("iam:TagUser")).toContain("PolicySourceArn=arn:aws:iam::123456789012:user/moto");
  });

  it("simulates the role behind a session, with the path that the session does not tell", async () => {
    const config = {
      endpoint: moto.url,
      region: "eu-west-1",
      credentials: { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "x" },
    };
    const { Role } = await new IAMClient(config).send(
      new CreateRoleCommand({ RoleName: "ops", Path: "/teams/", AssumeRolePolicyDocument: "{}" }),
    );
    const { Credentials } = await new STSClient(config).send(
      new AssumeRoleCommand({ RoleArn: Role?.Arn ?? "", RoleSessionName: "me" }),
    );
    const session = {
      AWS_ACCESS_KEY_ID: Credentials?.AccessKeyId ?? "",
      AWS_SECRET_ACCESS_KEY: Credentials?.SecretAccessKey ?? "",
      AWS_SESSION_TOKEN: Credentials?.SessionToken ?? "",
    };
    const simulated = () =>
      new Set(
        proxy.calls
          .filter((each) => each.action === "iam:SimulatePrincipalPolicy")
          .map((each) => new URLSearchParams(each.body).get("PolicySourceArn")),
      );
    expect((await doctor(CI, session)).wrong).toEqual([]);
    expect([...simulated()]).toEqual(["arn:aws:iam::123456789012:role/teams/ops"]);

    proxy.calls.length = 0;
    faults = { "iam:GetRole": DENIED };
    await doctor(CI, session);
    expect([...simulated()]).toEqual(["arn:aws:iam::123456789012:role/ops"]);
  });

  it("tries what only reads where the simulation may not be asked, and says what it could not try", async () => {
    denied = null;
    faults = {
      "iam:ListUserTags": DENIED,
      "iam:GetLoginProfile": { kind: "error", status: 400, code: "ValidationError" },
    };
    const { code, wrong, odd, findings } = await doctor(["--user", "ci-bot", "--deliver", "ssm:/keys/{user}"]);
    expect(code).toBe(1);
    expect(wrong.map(({ subject, what }) => `${subject}: ${what}`)).toEqual([
      "iam:ListUserTags: denied on user/ci-bot",
    ]);
    const unchecked = odd.filter((each) => each.verdict === "unchecked").map((each) => each.subject);
    expect(unchecked).toEqual([
      "iam:SimulatePrincipalPolicy",
      "iam:GetLoginProfile",
      expect.stringContaining("iam:CreateAccessKey"),
      "ci-bot",
    ]);
    expect(unchecked[2]).not.toMatch(/iam:(Get|List)|ssm:Get/);
    expect(findings.filter((each) => each.what === "allowed: it was tried").map((each) => each.subject)).toEqual(
      expect.arrayContaining(["iam:ListUsers", "iam:GetUser", "iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"]),
    );
  });

  it("goes on where the users cannot be listed", async () => {
    faults = { "iam:ListUsers": DENIED };
    const { code, wrong, findings } = await doctor(CI);
    expect(code).toBe(1);
    expect(wrong).toMatchObject([{ area: "permissions", subject: "iam:ListUsers" }]);
    expect(findings.some((each) => each.area === "destinations")).toBe(true);
  });

  it.each([
    [400, "wrong", "behind"],
    [-7200, "wrong", "ahead"],
    [60, "warning", "behind"],
  ])("hears that AWS's clock differs by %d seconds", async (seconds, verdict, word) => {
    await moto.shift(seconds);
    const { code, odd } = await doctor(["--user", "ci-bot", "--deliver", "ssm:/keys/{user}"]);
    expect(odd).toMatchObject([{ area: "clock", verdict, fix: expect.stringContaining("timedatectl") }]);
    expect(odd[0]?.what).toContain(word);
    expect(code).toBe(verdict === "wrong" ? 1 : 0);
  });

  it("finds users whose tags leave no room for the record", async () => {
    const tags = Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`tag-${index}`, "x"]));
    await moto.seed([
      { name: "full", path: "/full/", tags: { ...tags, more: "x" } },
      { name: "recorded", path: "/full/", tags: { ...tags, "keyturn:rotation": "x" } },
      { name: "roomy", path: "/full/", tags },
    ]);
    const { code, wrong } = await doctor(["--path", "/full/", "--deliver", "ssm:/keys/{user}"]);
    expect([code, wrong]).toMatchObject([
      1,
      [{ area: "tags", subject: "full", fix: expect.stringContaining("untag-user") }],
    ]);
  });

  it.each([
    [
      "a folder that is missing",
      (home: string) => ({ deliver: `file:${home}/none/{user}.json`, words: "does not exist" }),
    ],
    [
      "a file where a folder should be",
      (home: string) => {
        writeFileSync(join(home, "plain"), "");
        return { deliver: `file:${home}/plain/{user}.json`, words: "plain" };
      },
    ],
    ["a target that two users share", () => ({ deliver: "ssm:/keys/all", words: "share this target" })],
  ])("finds %s", async (_, plant) => {
    const { deliver, words } = plant(temporaryFolder());
    const { code, wrong } = await doctor(["--path", "/ci/", "--deliver", deliver]);
    expect(code).toBe(1);
    expect(wrong.length).toBeGreaterThan(0);
    for (const each of wrong) expect([each.area, each.what]).toEqual(["destinations", expect.stringContaining(words)]);
  });

  describe("with a configuration", () => {
    const configured = (text: string): readonly string[] => {
      const file = join(temporaryFolder(), "keyturn.yaml");
      writeFileSync(file, text, { mode: 0o600 });
      return ["--config", file];
    };

    it("checks each user's own targets, and leaves exempt users alone", async () => {
      await moto.seed([
        { name: "payer", path: "/ci/", tags: { team: "money" } },
        {
          name: "spare",
          path: "/ci/",
          tags: Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`t${at}`, ""])),
        },
      ]);
      const { code, wrong, findings } = await doctor(
        configured(
          "select: { path: /ci/ }\ndefaults: { deliver: 'ssm:/keys/{user}' }\nrules: [{ match: { tag: { team: money } }, deliver: 'file:/no/such/folder/{user}' }]\nexempt: [{ name: spare, reason: it is spare }]",
        ),
      );
      expect([code, wrong.map((each) => each.subject)]).toEqual([1, ["file:/no/such/folder/payer"]]);
      expect(findings.filter((each) => each.area === "destinations" && each.verdict === "fine")).toMatchObject([
        { subject: "ssm:/keys/ci-bot" },
        { subject: "ssm:/keys/deploy" },
      ]);
      expect(findings.find((each) => each.area === "settings")).toMatchObject({ subject: "spare", verdict: "fine" });
    });

    it("does not guess what holds for a user whose tags it cannot read", async () => {
      faults = { "iam:ListUserTags": DENIED };
      const { odd, findings } = await doctor([
        "--user",
        "ci-bot",
        ...configured("rules: [{ match: { tag: { team: money } }, deliver: 'ssm:/keys/{user}' }]"),
      ]);
      expect(odd.map((each) => `${each.area} ${each.verdict}`)).toEqual(["tags unchecked", "settings unchecked"]);
      expect(findings.some((each) => each.area === "destinations")).toBe(false);
    });

    it("finds the wrong account, settings that contradict each other, and an audit that cannot be written", async () => {
      const other = await doctor(configured('accounts: "111122223333"\naudit: /no/such/folder/audit.jsonl'));
      expect([other.code, other.wrong.map((each) => each.area)]).toEqual([1, ["credentials", "audit"]]);
      expect(other.wrong[0]?.what).toContain("111122223333");

      const clash = await doctor([
        "--user",
        "ci-bot",
        ...configured(
          "rules: [{ match: { path: /ci/ }, policy: { oldKey: { deactivate: never } } }, { match: { name: ci-* }, policy: { oldKey: { delete: { after: 1m } } } }]",
        ),
      ]);
      expect([clash.code, clash.wrong]).toMatchObject([1, [{ area: "settings", subject: "ci-bot" }]]);
    });

    it("ends with 2 for a configuration with a mistake", async () => {
      const { code, err } = await typed(["doctor", ...configured("rotate: yes")], proxy.url);
      expect([code, err]).toEqual([2, expect.stringContaining("rotate")]);
    });
  });

  it("goes on where a target cannot be for one of the users", async () => {
    await moto.seed([
      { name: "aws-batch", path: "/odd/" },
      { name: "fine", path: "/odd/" },
    ]);
    const { code, wrong, findings } = await doctor(["--path", "/odd/", "--deliver", "ssm:/{user}"]);
    expect([code, wrong]).toMatchObject([1, [{ area: "destinations", what: expect.stringContaining("AWS's own") }]]);
    expect(findings.some((each) => each.subject === "ssm:/fine" && each.verdict === "fine")).toBe(true);
  });

  it("checks targets in general where nobody was selected, and says what that leaves out", async () => {
    const { code, wrong, odd } = await doctor(["--deliver", `file:${temporaryFolder()}/none/{user}.json`]);
    expect([code, wrong.map((each) => each.subject)]).toEqual([
      1,
      [expect.stringContaining("(for a user keyturn-doctor)")],
    ]);
    expect(odd.filter((each) => each.verdict === "unchecked").map((each) => each.area)).toEqual(["tags"]);
    expect((await doctor([])).odd.map((each) => each.area)).toEqual(["destinations", "tags"]);
  });

  it("finds a destination that this identity may not read", async () => {
    faults = { "ssm:GetParameter": { kind: "error", status: 400, code: "AccessDeniedException" } };
    const { code, wrong } = await doctor(["--user", "ci-bot", "--deliver", "ssm:/keys/{user}"]);
    expect([code, wrong.map((each) => each.what)]).toEqual([1, ["ssm:GetParameter on /keys/ci-bot is denied"]]);
  });

  it("finds that a region is missing, for each part that needs one", async () => {
    const none = { AWS_REGION: null };
    const { code, wrong } = await doctor(CI, none);
    expect(code).toBe(1);
    expect(wrong.map(({ area, what, fix }) => `${area}: ${what}; ${fix ?? ""}`)).toEqual([
      "destinations: no AWS region is set; give --region, or set AWS_REGION",
      "escrow: no AWS region is set; give --region, or set AWS_REGION",
    ]);
    expect((await doctor(["--path", "/ci/"], none)).wrong).toEqual([]);
  });

  it.each([
    [
      "that have expired",
      { "sts:GetCallerIdentity": { kind: "error", status: 403, code: "ExpiredToken" } },
      {},
      "expired",
    ],
    [
      "that AWS does not know",
      { "sts:GetCallerIdentity": { kind: "error", status: 403, code: "InvalidClientTokenId" } },
      {},
      "does not accept",
    ],
    ["that are missing", {}, { AWS_ACCESS_KEY_ID: null, AWS_SECRET_ACCESS_KEY: null }, "no AWS credentials"],
  ] as const)("ends with 2 for credentials %s, and still looks at this machine", async (_, planted, env, words) => {
    faults = planted;
    const { code, wrong, findings } = await doctor([...CI, "--audit", "/no/such/folder/a.jsonl"], env);
    expect(code).toBe(2);
    expect(wrong.map((each) => each.area)).toEqual(["credentials", "audit"]);
    expect(wrong[0]?.what).toContain(words);
    expect(findings.some((each) => each.subject.startsWith("Node.js"))).toBe(true);
    expect((await typed(["doctor", ...CI], proxy.url, env)).out).toContain("AWS did not say whose");
  });

  it("warns of credentials that are about to end", async () => {
    const soon = new Date(Date.now() + 5 * 60_000).toISOString();
    const { code, odd } = await doctor(["--user", "ci-bot", "--deliver", "ssm:/keys/{user}"], {
      AWS_CREDENTIAL_EXPIRATION: soon,
      AWS_SESSION_TOKEN: "x",
    });
    expect([code, odd]).toMatchObject([0, [{ area: "credentials", verdict: "warning" }]]);
  });

  it("finds a run that would be signed with a key of a user who is to be rotated", async () => {
    const [key] = await moto.seed([{ name: "rotator", path: "/ci/", keys: [{ ageDays: 1 }] }]);
    const env = { AWS_ACCESS_KEY_ID: key?.accessKeyId ?? "", AWS_SECRET_ACCESS_KEY: key?.secretAccessKey ?? "" };
    const { code, wrong } = await doctor(CI, env);
    expect([code, wrong]).toMatchObject([1, [{ area: "credentials", fix: expect.stringContaining("role") }]]);
    expect((await doctor(["--user", "ci-bot", "--deliver", "ssm:/keys/{user}"], env)).odd).toMatchObject([
      { area: "credentials", verdict: "warning" },
    ]);
  });

  it("finds an escrow that cannot be used", async () => {
    const plain = join(temporaryFolder(), "plain");
    writeFileSync(plain, "");
    const file = await doctor(["--user", "ci-bot", "--deliver", "ssm:/keys/{user}", "--escrow", `file:${plain}`]);
    expect([file.code, file.wrong]).toMatchObject([1, [{ area: "escrow" }]]);

    faults = { "ssm:GetParametersByPath": { kind: "error", status: 400, code: "AccessDeniedException" } };
    const ssm = await doctor(CI);
    expect([ssm.code, ssm.wrong]).toMatchObject([1, [{ area: "escrow", what: expect.stringContaining("denied") }]]);
  });

  it("finds an audit that cannot be written, and leaves no file behind where it can", async () => {
    const home = temporaryFolder();
    const asked = await doctor([...CI, "--audit", join(home, "none", "audit.jsonl")]);
    expect([asked.code, asked.wrong]).toMatchObject([
      1,
      [{ area: "audit", what: expect.stringContaining("no folder") }],
    ]);
    expect((await doctor([...CI, "--audit", home])).wrong).toMatchObject([{ area: "audit" }]);
    expect((await doctor([...CI, "--audit", "none"])).odd).toEqual([]);
    expect((await doctor([...CI, "--audit", join(home, "audit.jsonl")])).odd).toEqual([]);
    expect(() => readFileSync(join(home, "audit.jsonl"))).toThrow("ENOENT");
  });

  it.each([
    [["--user", "nobody"], "there is no IAM user nobody"],
    [["--deliver", "s4:/x"], 'there is no destination "s4"'],
    [["--frobnicate"], "unknown option"],
  ])("ends with 2 for %j", async (args, words) => {
    const { code, err } = await typed(["doctor", ...args], proxy.url);
    expect([code, err]).toEqual([2, expect.stringContaining(words)]);
  });
});

it("asks for the Node.js that package.json asks for", () => {
  const { engines } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    engines: { node: string };
  };
  expect(engines.node).toBe(`>=${LEAST_NODE}`);
});
