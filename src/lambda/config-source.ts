import { createHash } from "node:crypto";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { call } from "../aws/call.ts";
import { type AwsAccess, openAccess, regionalConfig } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { whoAmI } from "../aws/sts.ts";
import { type Config, readConfig } from "../config/load.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { parseWholeNumber } from "../core/scalars.ts";
import type { Caller } from "../ports.ts";

/**
 * Where a configuration comes from. What is fetched is pinned, by a version that nobody can write again or by a hash of the text:
 * it says where secrets go, and whoever may write a parameter or a bucket is not always whom one wants to decide that.
 */
export type ConfigSource =
  | { readonly kind: "inline"; readonly text: string }
  | { readonly kind: "ssm"; readonly name: string; readonly version: number | null; readonly sha256: string | null }
  | {
      readonly kind: "s3";
      readonly bucket: string;
      readonly key: string;
      readonly versionId: string | null;
      readonly sha256: string | null;
    };

/** A configuration with the hash of its text, for the audit. */
export interface LoadedConfig {
  readonly config: Config;
  /** `sha256:…` of the text. */
  readonly hash: string;
}

/** Fetches the text of a configuration that is not in the environment itself. */
export type FetchText = (source: Exclude<ConfigSource, { kind: "inline" }>) => Promise<string>;

const LARGEST = 1_000_000;

/** Reads `KEYTURN_CONFIG`: YAML, `ssm:/NAME:VERSION` or `s3://BUCKET/KEY?versionId=…`; both also pinned by `#sha256=…`. */
export function parseConfigSource(text: string): ConfigSource {
  if (/^ssm:\S*$/.test(text)) return parseParameter(text);
  if (/^s3:\S*$/.test(text)) return parseObject(text);
  return { kind: "inline", text };
}

function parseParameter(text: string): ConfigSource {
  const [, rest = "", fragment] = /^ssm:([^#]*)(?:#(.*))?$/s.exec(text) ?? [];
  if (rest.startsWith("arn:"))
    throw new InvalidInput(
      `KEYTURN_CONFIG: ${text} may belong to another account`,
      "name a parameter of this account: ssm:/keyturn/config:3",
    );
  const [, name, version] = /^(\/?[A-Za-z0-9_./-]+?)(?::([^:]*))?$/.exec(rest) ?? [];
  if (name === undefined)
    throw new InvalidInput(`KEYTURN_CONFIG: ${text} does not name a parameter`, "such as ssm:/keyturn/config:3");
  const sha256 = hashIn(fragment, text);
  if (version === undefined && sha256 === null)
    throw new InvalidInput(
      `KEYTURN_CONFIG: ${text} names no version, so whoever may write the parameter would decide where secrets go`,
      `ssm:${name}:VERSION, or ssm:${name}#sha256=HASH`,
    );
  return { kind: "ssm", name, version: version === undefined ? null : versionNumber(version, text), sha256 };
}

/** A label can be moved to another version by whoever may write, so it pins nothing. */
function versionNumber(version: string, text: string): number {
  try {
    return parseWholeNumber(version, 1);
  } catch {
    throw new InvalidInput(
      `KEYTURN_CONFIG: ${text}: "${version}" is not the number of a version`,
      "labels can be moved",
    );
  }
}

function parseObject(text: string): ConfigSource {
  const [, bucket, path, query = "", fragment] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/([^?#]+)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text) ?? [];
  if (bucket === undefined || path === undefined)
    throw new InvalidInput(
      `KEYTURN_CONFIG: ${text} does not name an object`,
      "such as s3://BUCKET/keyturn.yaml?versionId=ID",
    );
  const options = new URLSearchParams(query);
  const strange = [...options.keys()].find((name) => name !== "versionId");
  if (strange !== undefined) throw new InvalidInput(`KEYTURN_CONFIG: ${text} has no option ${strange}`, "versionId=ID");
  const versionId = options.get("versionId");
  const sha256 = hashIn(fragment, text);
  // "null" is the version of what was written while the bucket kept no versions, and is overwritten like it.
  const isPinned = versionId !== null && versionId !== "" && versionId !== "null";
  if (!isPinned && sha256 === null)
    throw new InvalidInput(
      `KEYTURN_CONFIG: ${text} names no version, so whoever may write the bucket would decide where secrets go`,
      `s3://${bucket}/${path}?versionId=ID, or s3://${bucket}/${path}#sha256=HASH`,
    );
  return { kind: "s3", bucket, key: decodeKey(path, text), versionId: isPinned ? versionId : null, sha256 };
}

function decodeKey(path: string, text: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new InvalidInput(`KEYTURN_CONFIG: ${text} is not percent-encoded correctly`, "a literal % is written %25");
  }
}

function hashIn(fragment: string | undefined, text: string): string | null {
  if (fragment === undefined) return null;
  const [, hash] = /^sha256=([0-9a-fA-F]{64})$/.exec(fragment) ?? [];
  if (hash === undefined)
    throw new InvalidInput(`KEYTURN_CONFIG: ${text} ends in no hash`, "#sha256= and 64 hexadecimal digits");
  return hash.toLowerCase();
}

/** Reads and checks the configuration. Throws {@link InvalidInput}, and a `CallError` where it could not be fetched. */
export async function loadConfig(given: string, fetchText: FetchText): Promise<LoadedConfig> {
  const source = parseConfigSource(given);
  const text = source.kind === "inline" ? source.text : await fetchText(source);
  const hash = createHash("sha256").update(text).digest("hex");
  if (source.kind !== "inline" && source.sha256 !== null && source.sha256 !== hash)
    throw new InvalidInput(
      `KEYTURN_CONFIG: ${given} holds another text: its hash is ${hash}`,
      "look who changed it; if the change is wanted, give the new hash",
    );
  return { config: readConfig(text, "KEYTURN_CONFIG"), hash: `sha256:${hash}` };
}

/** Fetches from Parameter Store or S3, in the account that signs and in no other. Throws a `CallError` or {@link InvalidInput}. */
export const fetchConfigText: FetchText = async (source) => {
  const access = await openAccess(null, null, new AwsClock());
  const caller = await whoAmI(access);
  return source.kind === "ssm" ? readParameter(access, caller, source) : readObject(access, caller, source);
};

async function readParameter(
  access: AwsAccess,
  { account }: Caller,
  { name, version }: Extract<ConfigSource, { kind: "ssm" }>,
): Promise<string> {
  const client = new SSMClient(regionalConfig(access));
  const wanted = version === null ? name : `${name}:${version}`;
  const { Parameter } = await call("ssm:GetParameter", wanted, (options) =>
    client.send(new GetParameterCommand({ Name: wanted, WithDecryption: true }), options),
  );
  const owner = Parameter?.ARN?.split(":")[4];
  if (owner !== undefined && owner !== account)
    throw new InvalidInput(`KEYTURN_CONFIG: the parameter ${name} belongs to ${owner}, and this is ${account}`);
  if (Parameter?.Value === undefined || (version !== null && Parameter.Version !== version))
    throw new InvalidInput(`KEYTURN_CONFIG: the parameter ${wanted} could not be read in that version`);
  return Parameter.Value;
}

async function readObject(
  access: AwsAccess,
  { account }: Caller,
  { bucket, key, versionId }: Extract<ConfigSource, { kind: "s3" }>,
): Promise<string> {
  const { GetObjectCommand, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client(regionalConfig(access));
  const place = `${bucket}/${key}`;
  const object = await call("s3:GetObject", place, (options) =>
    client.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        ExpectedBucketOwner: account,
        ...(versionId === null ? {} : { VersionId: versionId }),
      }),
      options,
    ),
  );
  if ((object.ContentLength ?? Number.POSITIVE_INFINITY) > LARGEST)
    throw new InvalidInput(`KEYTURN_CONFIG: ${place} is larger than a configuration can be (1 MB)`);
  return call("s3:GetObject", place, async () => (await object.Body?.transformToString("utf-8")) ?? "");
}
