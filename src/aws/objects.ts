import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CallError, type ObjectStore } from "../ports.ts";
import { call, callOrAbsent } from "./call.ts";
import { type AwsAccess, regionalConfig } from "./clients.ts";

/** Somebody else has written what was to be replaced. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html */
const OVERTAKEN = /^(PreconditionFailed|ConditionalRequestConflict)/;

/** The largest object that is read, in bytes: an account with as many users as AWS gives has a fifth of that. */
const LARGEST = 50_000_000;

/**
 * Objects of a bucket below a prefix, which is empty or ends with a slash. A bucket of another account than `owner` is refused by S3:
 * its name could have been taken by anybody once it was deleted.
 */
export function openObjects(access: AwsAccess, bucket: string, prefix: string, owner: string): ObjectStore {
  const client = new S3Client(regionalConfig(access));
  const place = (name: string) => ({ Bucket: bucket, Key: `${prefix}${name}`, ExpectedBucketOwner: owner });
  const resource = (name: string) => `${bucket}/${prefix}${name}`;

  const read: ObjectStore["read"] = async (name) => {
    const found = await callOrAbsent("s3:GetObject", resource(name), async (options) => {
      const { Body, ContentLength, ETag } = await client.send(new GetObjectCommand(place(name)), options);
      if ((ContentLength ?? Number.POSITIVE_INFINITY) > LARGEST)
        throw new CallError("refused", "s3:GetObject", resource(name), "TooLarge", "it is larger than a result can be");
      // Read inside: a connection that breaks in the middle is a call that did not end well.
      return { text: (await Body?.transformToString("utf-8")) ?? "", version: ETag ?? "" };
    });
    return found;
  };

  const write: ObjectStore["write"] = async (name, text, instead) => {
    const condition = instead === undefined ? {} : instead === null ? { IfNoneMatch: "*" } : { IfMatch: instead };
    const put = new PutObjectCommand({
      ...place(name),
      ...condition,
      Body: text,
      ContentType: "application/json",
    });
    try {
      await call("s3:PutObject", resource(name), (options) => client.send(put, options));
      return true;
    } catch (error) {
      if (error instanceof CallError && OVERTAKEN.test(error.code)) return false;
      throw error;
    }
  };

  return { label: `s3://${bucket}/${prefix}`, read, write };
}
