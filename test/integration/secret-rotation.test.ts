import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { runSimulation, type Simulation } from "@cloud-copilot/iam-simulate";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { handler as cleanupSecrets } from "../../src/lambda/cleanup-secrets.ts";
import { policyDocument, type Statement } from "../../src/core/permissions.ts";
import { functionPermissions, userPermissions } from "../../src/secret-rotation/permissions.ts";
import { readSettings } from "../../src/secret-rotation/settings.ts";
import { type Call, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { packagedHandler, type Handler } from "../support/function-bundle.ts";
import { callerEnvironment, typed } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

const ACCOUNT = "123456789012";
const OTHERS = "999988887777";
const REGION = "eu-west-1";
const SECRET = "dev/app-bot";
const USER = "app-bot";
const DAY = 86_400;
const TAGGED = [{ Key: "Rotatable", Value: "true" }];

describe.skipIf(motoMissing !== null)(`the functions of Secrets Manager ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  let proxy: FaultProxy;
  let bridge: Server;
  let rotateSecret: Handler;
  let secrets: SecretsManagerClient;
  let lines: string[];

  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
    rotateSecret = await packagedHandler("rotate-secret");
    // What AWS does between Secrets Manager and Lambda: a call with the event, which ends well or does not.
    bridge = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        rotateSecret(JSON.parse(Buffer.concat(parts).toString()), CONTEXT).then(
          () => response.writeHead(200).end(),
          () => response.writeHead(500).end(),
        );
      });
    });
    await new Promise<void>((resolve) => bridge.listen(0, "127.0.0.1", resolve));
    secrets = new SecretsManagerClient({ endpoint: moto.url, region: REGION });
  });

  beforeEach(async () => {
    await moto.reset();
    proxy.reset();
    vi.unstubAllEnvs();
    for (const [name, value] of Object.entries(callerEnvironment(proxy.url))) vi.stubEnv(name, value);
    vi.stubEnv("KEYTURN_SETTLE", "0s");
    await moto.bridge(`http://127.0.0.1:${(bridge.address() as AddressInfo).port}`, 2);
    lines = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      lines.push(String(text));
      return true;
    });
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    bridge.close();
    await proxy.stop();
    await moto.stop();
  });

  const CONTEXT = { getRemainingTimeInMillis: () => 900_000 };

  const createSecret = (value: object) =>
    secrets.send(new CreateSecretCommand({ Name: SECRET, SecretString: JSON.stringify(value), Tags: TAGGED }));

  /** What consumers read. */
  async function served(): Promise<Record<string, string>> {
    const { VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId: SECRET }));
    const current = Object.entries(VersionIdsToStages).find(([, stages]) => stages.includes("AWSCURRENT"))?.[0];
    const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: SECRET, VersionId: current }));
    return JSON.parse(SecretString ?? "{}") as Record<string, string>;
  }

  const keyIds = async () => (await moto.keys()).map(({ accessKeyId }) => accessKeyId);
  const type = (...words: readonly string[]) => typed(words, proxy.url);

  /** Everything that a function sent with its own credentials; the person who asks for a rotation has the same ones here. */
  const ownCalls = (): readonly Call[] =>
    proxy.calls.filter(
      ({ signer, action }) => signer.startsWith("ASIATESTRUNNER") && action !== "secretsmanager:RotateSecret",
    );

  /** The actions of a policy that these calls do not need, and the calls that it denies. */
  async function misfits(
    statements: readonly Statement[],
    calls: readonly Call[],
    account = ACCOUNT,
  ): Promise<readonly string[]> {
    const policy = policyDocument(statements);
    // What every identity may ask, whatever its policies: who it is.
    const counted = calls.filter(({ action }) => action !== "sts:GetCallerIdentity");
    const distinct = new Map(counted.map((call) => [`${call.action} ${resourceOf(call, account)}`, call]));
    const denied: string[] = [];
    for (const [what, call] of distinct) if (!(await isAllowed(policy, call, account))) denied.push(`denied: ${what}`);
    const sent = new Set(counted.map(({ action }) => action));
    const idle = statements.flatMap(({ actions }) => actions).filter((action) => !sent.has(action));
    return [...denied, ...idle.map((action) => `not needed: ${action}`)];
  }

  it("live a whole life with the permissions that are told: a refused put, a test object, an old key that goes", async () => {
    vi.stubEnv("KEYTURN_TEST_BUCKET", "probe-bucket");
    vi.stubEnv("KEYTURN_TEST_KEY", "probe");
    const s3 = new S3Client({ endpoint: moto.url, region: "us-east-1" });
    await s3.send(new CreateBucketCommand({ Bucket: "probe-bucket" }));
    await s3.send(new PutObjectCommand({ Bucket: "probe-bucket", Key: "probe", Body: "x" }));
    const [old] = await moto.seed([{ name: USER, tags: { Rotatable: "true" }, keys: [{ ageDays: 40 }] }]);
    await createSecret({ UserName: USER, Host: "h", Key: old?.accessKeyId, Secret: old?.secretAccessKey });

    let refused = false;
    proxy.before = (call) => {
      if (call.action !== "secretsmanager:PutSecretValue" || refused) return { kind: "pass" };
      refused = true;
      return { kind: "error", status: 400, code: "ValidationException" };
    };
    const asked = await type("secret", "rotate", SECRET, "--wait", "1s");
    expect([asked.code, asked.err, refused]).toEqual([0, "", true]);
    const value = await served();
    const [, successor, ...more] = await keyIds();
    expect([value, more]).toEqual([{ UserName: USER, Host: "h", Key: successor, Secret: expect.any(String) }, []]);
    expect(proxy.calls.filter(({ signer }) => signer === successor).map(({ action }) => action)).toContain(
      "s3:GetObject",
    );
    const place = { partition: "aws", account: ACCOUNT, region: REGION, kmsKeyArns: [] };
    const settings = readSettings({});
    expect(await misfits(functionPermissions("rotate-secret", place, settings), ownCalls())).toEqual([]);

    proxy.calls.length = 0;
    for (const day of [1, 3, 7]) {
      await moto.shift(day * DAY);
      if (day === 1) await moto.use(successor ?? "", { service: "ec2" });
      await cleanupSecrets({}, CONTEXT);
    }
    expect(await keyIds()).toEqual([successor]);
    expect(await misfits(functionPermissions("cleanup-secrets", place, settings), ownCalls())).toEqual([]);

    const text = lines.join("");
    expect(text).toContain('"step":"finishSecret"');
    for (const canary of ["canary-rotation-token", value["Secret"] ?? "nothing"]) expect(text).not.toContain(canary);
  });

  it("take on a role for the users of another account, and use it for nothing else", async () => {
    const arn = `arn:aws:iam::${OTHERS}:role/keyturn`;
    vi.stubEnv("KEYTURN_ROLE_ARN", arn);
    vi.stubEnv("KEYTURN_EXTERNAL_ID", "shared-word");
    const sts = new STSClient({ endpoint: moto.url, region: REGION });
    const { Credentials: role } = await sts.send(new AssumeRoleCommand({ RoleArn: arn, RoleSessionName: "test" }));
    const iam = new IAMClient({
      endpoint: moto.url,
      region: REGION,
      credentials: { accessKeyId: role?.AccessKeyId ?? "", secretAccessKey: role?.SecretAccessKey ?? "" },
    });
    await iam.send(new CreateUserCommand({ UserName: USER, Tags: TAGGED }));
    await createSecret({ UserName: USER });
    const asked = await type("secret", "rotate", SECRET, "--wait", "1s");
    expect([asked.code, lines.filter((line) => line.includes("ERROR"))]).toEqual([0, []]);
    const [made, ...more] = await moto.keys();
    expect([made?.accessKeyId, more]).toEqual([(await served())["Key"], []]);
    expect(lines.join("")).toContain(`signs in as arn:aws:iam::${OTHERS}:user/${USER}`);

    const isOwn = ({ signer }: Call) => signer.startsWith("ASIATESTRUNNER");
    const own = ownCalls();
    expect(
      own.filter(({ action }) => action === "sts:AssumeRole").every(({ body }) => body.includes("shared-word")),
    ).toBe(true);
    const place = { partition: "aws", account: ACCOUNT, region: REGION, kmsKeyArns: [] };
    const settings = readSettings({ KEYTURN_ROLE_ARN: arn });
    expect(await misfits(functionPermissions("rotate-secret", place, settings), own)).toEqual([]);
    const theirs = proxy.calls.filter((call) => !isOwn(call) && call.action.startsWith("iam:"));
    const needed = userPermissions("rotate-secret", { partition: "aws", account: OTHERS }, settings);
    // Nothing was in the way here, so no orphan was looked into and none was deleted.
    expect(await misfits(needed, theirs, OTHERS)).toEqual([
      "not needed: iam:GetAccessKeyLastUsed",
      "not needed: iam:DeleteAccessKey",
    ]);
  });

  it("are looked after by the commands of keyturn secret", async () => {
    const [old] = await moto.seed([{ name: USER, tags: { Rotatable: "true" }, keys: [{ ageDays: 40 }] }]);
    const [id, secret] = [old?.accessKeyId ?? "", old?.secretAccessKey ?? "nothing"];
    await createSecret({ UserName: USER, Host: "h", Key: id, Secret: secret });
    await moto.bridge("http://127.0.0.1:1/nobody-listens", 1);
    const typedOut: string[] = [];
    const go = async (...words: readonly string[]) => {
      const { code, out, err } = await type("secret", ...words);
      typedOut.push(out, err);
      return [code, `${out}${err}`] as const;
    };
    expect(await go("rotate", SECRET)).toEqual([0, expect.stringContaining("is on its way")]);
    expect(await go("rotate", SECRET)).toEqual([2, expect.stringContaining("--abandon begins anew")]);
    expect(await go("rotate", SECRET, "--abandon", "--wait", "0s")).toEqual([
      1,
      expect.stringContaining("is not served after 0s"),
    ]);
    expect(await go("versions", SECRET)).toEqual([
      0,
      expect.stringMatching(
        /AWSPENDING +no value yet[^]*AWSCURRENT +AKIA|AWSCURRENT +AKIA[^]*AWSPENDING +no value yet/,
      ),
    ]);

    expect(await go("delete-keys", SECRET, "--yes")).toEqual([2, expect.stringContaining(`${id} (Active)`)]);
    expect(await go("delete-keys", SECRET, "--key", "AKIAIOSFODNN7EXAMPLE", "--yes")).toEqual([
      2,
      expect.stringContaining("has no key"),
    ]);
    expect(await go("reset", SECRET)).toEqual([2, expect.stringContaining(`AWSCURRENT: ${id} is taken out`)]);
    expect(await served()).toMatchObject({ Key: id });
    expect(await go("reset", SECRET, "--yes")).toEqual([0, expect.stringContaining("holds no key")]);
    expect(await served()).toEqual({ UserName: USER, Host: "h" });
    expect(await go("delete-keys", SECRET, "--key", id, "--yes")).toEqual([
      0,
      expect.stringContaining(`${id} of ${USER} is deleted`),
    ]);
    expect(await keyIds()).toEqual([]);
    const shown = await go("versions", SECRET, "--format", "json");
    expect(JSON.parse(shown[1])).toMatchObject({ schema: "keyturn/secret-versions/v1", secrets: [{ secret: SECRET }] });
    expect(await go("versions", "dev/nobody")).toEqual([2, expect.stringContaining("there is no secret dev/nobody")]);
    expect(typedOut.join("")).not.toContain(secret);
  });
});

/** What AWS would evaluate a call against. */
function resourceOf({ action }: Call, account: string): string {
  const [service] = action.split(":");
  if (action === "iam:GetAccessKeyLastUsed" || action === "secretsmanager:ListSecrets") return "*";
  if (service === "iam") return `arn:aws:iam::${account}:user/${USER}`;
  if (service === "sts") return `arn:aws:iam::${OTHERS}:role/keyturn`;
  return `arn:aws:secretsmanager:${REGION}:${account}:secret:${SECRET}-AbCdEf`;
}

async function isAllowed(policy: object, call: Call, account: string): Promise<boolean> {
  const tagKeys = [...new URLSearchParams(call.body)].filter(([name]) => /^Tags\.member\.\d+\.Key$/.test(name));
  const simulation: Simulation = {
    request: {
      principal: `arn:aws:iam::${account}:role/function`,
      action: call.action,
      resource: { resource: resourceOf(call, account), accountId: account },
      contextVariables: {
        "iam:ResourceTag/Rotatable": "true",
        "aws:ResourceTag/Rotatable": "true",
        ...(tagKeys.length === 0 ? {} : { "aws:TagKeys": tagKeys.map(([, key]) => key) }),
      },
    },
    identityPolicies: [{ name: "function", policy }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  };
  const response = await runSimulation(simulation, {});
  return response.resultType !== "error" && response.overallResult === "Allowed";
}
