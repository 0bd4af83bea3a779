import { InvalidInput } from "./invalid-input.ts";
import type { Secret } from "./secret.ts";
import type { Instant } from "./time.ts";

declare const kind: unique symbol;

/** Such as `AKIAIOSFODNN7EXAMPLE`. Not a secret. */
export type AccessKeyId = string & { readonly [kind]: "accessKeyId" };

/**
 * `Unknown` stands for any status that is neither of the two known ones (AWS may invent one, or its reply may lack it):
 * such a key fills a slot and is never touched.
 */
export type AccessKeyStatus = "Active" | "Inactive" | "Unknown";

/** One key as `ListAccessKeys` tells it. @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyMetadata.html */
export interface AccessKey {
  readonly accessKeyId: AccessKeyId;
  readonly status: AccessKeyStatus;
  readonly createDate: Instant;
}

/**
 * The latest use that IAM has written down, at most one in 15 minutes and up to some hours late.
 * @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html
 */
export interface LastUse {
  readonly at: Instant;
  /** Such as `s3`, in lower case. */
  readonly service: string;
  readonly region: string;
}

/** A key with its secret: what a destination is given. */
export interface KeyPair {
  readonly accessKeyId: AccessKeyId;
  readonly secretAccessKey: Secret;
}

/** An IAM user as `ListUsers` tells it. `path` begins and ends with a slash. */
export interface User {
  readonly userName: string;
  readonly path: string;
  readonly arn: string;
}

/** A user's tags as IAM returns them. IAM ignores the case of a tag's key, so look tags up with {@link findTag}. */
export type Tags = ReadonlyMap<string, string>;

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html for the pattern (16 to 128 word characters) */
const ACCESS_KEY_ID = /^\w{16,128}$/;

export const isAccessKeyId = (text: string): text is AccessKeyId => ACCESS_KEY_ID.test(text);

/** Throws {@link InvalidInput} where `text` cannot be an access key id. */
export function accessKeyId(text: string): AccessKeyId {
  if (!isAccessKeyId(text))
    throw new InvalidInput(`"${text}" is not an access key id`, "it looks like AKIAIOSFODNN7EXAMPLE");
  return text;
}

/** AWS's limit; racing creates can break it, so code that reads keys must bear more. */
export const KEYS_PER_USER = 2;

/** Oldest first; equal dates by id, so that two readers agree. */
export function byAge(keys: readonly AccessKey[]): readonly AccessKey[] {
  return keys.toSorted((a, b) => a.createDate - b.createDate || (a.accessKeyId < b.accessKeyId ? -1 : 1));
}

/** The value of the tag with this key in any case; null where there is none. */
export function findTag(tags: Tags, key: string): string | null {
  const wanted = key.toLowerCase();
  for (const [name, value] of tags) if (name.toLowerCase() === wanted) return value;
  return null;
}
