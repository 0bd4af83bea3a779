import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { loadConfig, parseConfigSource } from "../../src/lambda/config-source.ts";

const HASH = "a".repeat(64);
const never = () => Promise.reject(new Error("nothing is to be fetched"));

describe("KEYTURN_CONFIG of a function", () => {
  it("is YAML, a parameter or an object, both pinned", () => {
    expect(parseConfigSource("select: { path: / }")).toEqual({ kind: "inline", text: "select: { path: / }" });
    expect(parseConfigSource("ssm:/keyturn/config:3")).toEqual({
      kind: "ssm",
      name: "/keyturn/config",
      version: 3,
      sha256: null,
    });
    expect(parseConfigSource(`ssm:config:3#sha256=${HASH.toUpperCase()}`)).toMatchObject({ version: 3, sha256: HASH });
    expect(parseConfigSource(`ssm:/keyturn/config#sha256=${HASH}`)).toMatchObject({ version: null, sha256: HASH });
    expect(parseConfigSource("s3://my-bucket/a/key%20turn.yaml?versionId=L4kqtJlcpXroDTDmpUMLUo")).toEqual({
      kind: "s3",
      bucket: "my-bucket",
      key: "a/key turn.yaml",
      versionId: "L4kqtJlcpXroDTDmpUMLUo",
      sha256: null,
    });
    expect(parseConfigSource(`s3://my-bucket/k.yaml#sha256=${HASH}`)).toMatchObject({ versionId: null, sha256: HASH });
  });

  it.each([
    ["ssm:/keyturn/config", "names no version"],
    ["ssm:/keyturn/config:live", '"live" is not the number of a version'],
    ["ssm:/keyturn/config:0", '"0" is not the number of a version'],
    ["ssm:arn:aws:ssm:eu-west-1:999999999999:parameter/x:3", "may belong to another account"],
    ["ssm:", "does not name a parameter"],
    ["ssm:/x:3#sha1=abc", "ends in no hash"],
    ["s3://bucket/key.yaml", "names no version"],
    ["s3://bucket/key.yaml?versionId=", "names no version"],
    ["s3://bucket/key.yaml?versionId=null", "names no version"],
    ["s3://bucket/key.yaml?version=3", "has no option version"],
    ["s3://bucket", "does not name an object"],
    ["s3://Bucket_/key.yaml?versionId=3", "does not name an object"],
    [`s3://bucket/%zz?versionId=3`, "is not percent-encoded correctly"],
  ])("refuses %s", (text, message) => {
    expect(() => parseConfigSource(text)).toThrow(message);
  });

  it("is read with its hash, and refused where the text is another", async () => {
    const text = "select: { path: / }\n";
    const hash = createHash("sha256").update(text).digest("hex");
    expect(await loadConfig(text, never)).toMatchObject({ hash: `sha256:${hash}` });
    const fetched = await loadConfig(`s3://bucket/key.yaml#sha256=${hash}`, async () => text);
    expect(fetched.config.select?.path).toEqual(["/"]);
    await expect(loadConfig(`ssm:/x:1#sha256=${HASH}`, async () => text)).rejects.toThrow(
      `holds another text: its hash is ${hash}`,
    );
    await expect(loadConfig("keyturn.yaml", never)).rejects.toThrow("KEYTURN_CONFIG:1:1: this is not a configuration");
    await expect(loadConfig("selekt: {}", never)).rejects.toThrow("KEYTURN_CONFIG:1:1");
  });
});
