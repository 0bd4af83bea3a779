import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { KeyPair } from "../core/access-key.ts";
import { CallError, type Verifier } from "../ports.ts";
import { call } from "./call.ts";
import { type AwsAccess, regionalConfig } from "./clients.ts";
import { UNKNOWN_KEY } from "./sts.ts";

/** An object of S3 that a key must be able to read. */
export interface TestObject {
  readonly bucket: string;
  readonly key: string;
  /** Of the bucket; null = the function's own. */
  readonly region: string | null;
}

/**
 * A verifier that asks whose the key is, and then reads an object with it, too: S3 may learn of a new key later than STS does.
 * Of the object nothing is kept.
 */
export const alsoReading = (verifier: Verifier, access: AwsAccess, object: TestObject): Verifier => ({
  services: [...verifier.services, "s3"],
  signIn: async (pair) => {
    const arn = await verifier.signIn(pair);
    return arn === null || !(await canRead(access, object, pair)) ? null : arn;
  },
});

/** False while S3 does not know the key (yet). Throws {@link CallError} for every other refusal. */
async function canRead(access: AwsAccess, { bucket, key, region }: TestObject, pair: KeyPair): Promise<boolean> {
  const client = new S3Client(regionalConfig(access, region, { as: pair, attempts: 3 }));
  try {
    const { Body } = await call(
      "s3:GetObject",
      `${bucket}/${key}`,
      (options) => client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), options),
      [pair.secretAccessKey],
    );
    // Dropped unread: the connection goes with it.
    if (Body !== undefined && "destroy" in Body) Body.destroy();
    return true;
  } catch (error) {
    if (error instanceof CallError && UNKNOWN_KEY.test(error.code)) return false;
    throw error;
  }
}
