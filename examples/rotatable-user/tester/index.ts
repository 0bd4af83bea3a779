import { setTimeout as wait } from "node:timers/promises";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

/*
 * A program as anybody might have it that uses a rotated key: it reads the secret when it needs the key, keeps nothing, and reads the
 * secret again where the key is refused. On a schedule it tells whether any rotation ever gets in its way.
 */

/** What the secret holds; no key before its first rotation. */
interface AccessKey {
  readonly Key?: string;
  readonly Secret?: string;
}

/** What was found with the key of one secret. */
interface Finding {
  readonly secret: string;
  readonly accessKeyId: string | null;
  /** The size of what could be read; null where the secret holds no key yet. */
  readonly bytes: number | null;
}

/** The key was made Inactive or deleted after the secret was read, or S3 does not know it yet. */
const REFUSED = new Set(["InvalidAccessKeyId", "SignatureDoesNotMatch"]);
const ATTEMPTS = 4;

/** Reads the object of `TEST_BUCKET` and `TEST_OBJECT` with the key of each of `TEST_SECRETS`. Rejects where one of them cannot. */
export async function handler(): Promise<readonly Finding[]> {
  const [bucket, object, names] = ["TEST_BUCKET", "TEST_OBJECT", "TEST_SECRETS"].map((name) => {
    const value = process.env[name];
    if (value === undefined || value === "") throw new Error(`the environment lacks ${name}`);
    return value;
  }) as [string, string, string]; // three names give three values
  const secrets = new SecretsManagerClient({});
  const findings: Finding[] = [];
  const failed: string[] = [];
  for (const secret of names.split(",")) {
    try {
      const finding = await tryOut(secrets, secret, bucket, object);
      console.log(JSON.stringify({ level: "INFO", message: "read", ...finding }));
      findings.push(finding);
    } catch (error) {
      // The name alone: what else hangs on an error of the SDK may be a reply with a secret in it.
      const reason = error instanceof Error ? error.name : "unknown";
      console.log(JSON.stringify({ level: "ERROR", message: "could not read", secret, reason }));
      failed.push(secret);
    }
  }
  if (failed.length > 0) throw new Error(`no key that works: ${failed.join(", ")}`);
  return findings;
}

async function tryOut(secrets: SecretsManagerClient, secret: string, bucket: string, object: string): Promise<Finding> {
  for (let attempt = 1; ; attempt += 1) {
    const { SecretString = "{}" } = await secrets.send(
      new GetSecretValueCommand({ SecretId: secret, VersionStage: "AWSCURRENT" }),
    );
    const { Key, Secret } = JSON.parse(SecretString) as AccessKey;
    if (Key === undefined || Secret === undefined) return { secret, accessKeyId: null, bytes: null };
    const s3 = new S3Client({ credentials: { accessKeyId: Key, secretAccessKey: Secret } });
    try {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: object }));
      const content = await Body?.transformToByteArray();
      return { secret, accessKeyId: Key, bytes: content?.length ?? 0 };
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof Error) || !REFUSED.has(error.name)) throw error;
      await wait(attempt * 1000);
    } finally {
      s3.destroy();
    }
  }
}
