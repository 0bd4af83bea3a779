import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  RotateSecretCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { runSimulation } from "@cloud-copilot/iam-simulate";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { policyDocument } from "../../src/core/permissions.ts";
import { functionPermissions, userPermissions } from "../../src/secret-rotation/permissions.ts";
import { readSettings } from "../../src/secret-rotation/settings.ts";
import { type Call, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { bundledHandler, type Handler } from "../support/function-bundle.ts";
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
  let cleanupSecrets: Handler;
  let secrets: SecretsManagerClient;
  let lines: string[];

  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
    [rotateSecret, cleanupSecrets] = await Promise.all([
      bundledHandler("rotate-secret"),
      bundledHandler("cleanup-secrets"),
    ]);
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
    for (const [name, value] of Object.entries(callerEnvironment(proxy.url))) vi.stubEnv(name, value);
    vi.stubEnv("KEYTURN_SETTLE", "0s");
    secrets = new SecretsManagerClient({ endpoint: moto.url, region: REGION });
  });

  beforeEach(async () => {
    await moto.reset();
    proxy.reset();
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

  /** Everything that was sent with the function's own credentials. */
  const ownCalls = (): readonly Call[] => proxy.calls.filter(({ signer }) => signer.startsWith("ASIATESTRUNNER"));

  it("live a whole life: a first key, a refused put, a test object, an old key that goes", async () => {
    vi.stubEnv("KEYTURN_TEST_BUCKET", "probe-bucket");
    vi.stubEnv("KEYTURN_TEST_KEY", "probe");
    const s3 = new S3Client({ endpoint: moto.url, region: "us-east-1" });
    await s3.send(new CreateBucketCommand({ Bucket: "probe-bucket" }));
    await s3.send(new PutObjectCommand({ Bucket: "probe-bucket", Key: "probe", Body: "x" }));
    await moto.seed([{ name: USER, tags: { Rotatable: "true" } }]);
    await createSecret({ UserName: USER, Host: "h" });

    let refused = false;
    proxy.before = (call) => {
      if (call.action !== "secretsmanager:PutSecretValue" || refused) return { kind: "pass" };
      refused = true;
      return { kind: "error", status: 400, code: "ValidationException" };
    };
    const first = await type("secret", "rotate", SECRET, "--wait", "1s");
    expect([first.code, first.err]).toEqual([0, ""]);
    expect(refused).toBe(true);
    const value = await served();
    expect(value).toEqual({ UserName: USER, Host: "h", Key: expect.any(String), Secret: expect.any(String) });
    // The key whose put was refused was the only Active one, which is never deleted: it is the first one's predecessor.
    const [lost, one] = await keyIds();
    expect(value["Key"]).toBe(one);
    expect(proxy.calls.filter(({ signer }) => signer === one).map(({ action }) => action)).toContain("s3:unknown");

    const again = await type("secret", "rotate", SECRET, "--wait", "1s");
    expect([again.code, again.err]).toEqual([1, expect.stringContaining("is not served after 1s")]);
    expect(lines.join("")).toContain("already has 2 access keys");
    expect(await keyIds()).toEqual([lost, one]);
    expect((await type("secret", "rotate", SECRET, "--abandon")).code).toBe(0);

    await moto.use(one ?? "");
    for (const day of [3, 5]) {
      await moto.shift(day * DAY);
      if (day === 3) await moto.use(one ?? "", { service: "ec2" });
      await cleanupSecrets({}, CONTEXT);
    }
    await moto.shift(7 * DAY);
    await cleanupSecrets({}, CONTEXT);
    expect(await keyIds()).toEqual([one]);
    await moto.shift(9 * DAY);
    expect((await type("secret", "rotate", SECRET, "--abandon", "--wait", "1s")).err).toBe("");
    expect((await served())["Key"]).toBe((await keyIds())[1]);

    const text = lines.join("");
    expect(text).toContain('"step":"finishSecret"');
    for (const canary of ["canary-rotation-token", value["Secret"] ?? "", (await served())["Secret"] ?? ""])
      expect(text).not.toContain(canary);
    vi.stubEnv("KEYTURN_TEST_BUCKET", "");
    vi.stubEnv("KEYTURN_TEST_KEY", "");
  });
});
