import { createHash } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, vi } from "vitest";
import { fetchConfigText, loadConfig, parseConfigSource } from "../../src/lambda/config-source.ts";
import { callerEnvironment } from "../support/in-process.ts";

/** Answers as AWS does, and remembers what it was asked. */
async function startAws(): Promise<{ url: string; asked: IncomingMessage[]; stop: () => void }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    request.resume().on("end", () => {
      if (request.method === "GET") return void response.end("select: { path: / }\n");
      if (request.headers["x-amz-target"] === "AmazonSSM.GetParameter") {
        const ARN = "arn:aws:ssm:eu-west-1:999999999999:parameter/x";
        response.setHeader("content-type", "application/x-amz-json-1.1");
        return void response.end(JSON.stringify({ Parameter: { Value: "select: {}", Version: 3, ARN } }));
      }
      const identity =
        "<Arn>arn:aws:sts::111122223333:assumed-role/creator/x</Arn><UserId>x</UserId><Account>111122223333</Account>";
      response.end(
        `<GetCallerIdentityResponse><GetCallerIdentityResult>${identity}</GetCallerIdentityResult></GetCallerIdentityResponse>`,
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${port}`, asked, stop };
}

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

  it("is fetched from this account only: the owner of a bucket is named to S3, and that of a parameter looked at", async () => {
    const aws = await startAws();
    for (const [name, value] of Object.entries(callerEnvironment(aws.url))) vi.stubEnv(name, value);
    try {
      const loaded = await loadConfig("s3://my-bucket/a%20b.yaml?versionId=v1", fetchConfigText);
      expect(loaded.config.select?.path).toEqual(["/"]);
      const request = aws.asked.find(({ method }) => method === "GET");
      expect(request?.headers["x-amz-expected-bucket-owner"]).toBe("111122223333");
      expect(request?.url).toMatch(/^\/my-bucket\/a%20b\.yaml\?.*versionId=v1/);
      await expect(loadConfig("ssm:/x:3", fetchConfigText)).rejects.toThrow(
        "the parameter /x belongs to 999999999999, and this is 111122223333",
      );
    } finally {
      aws.stop();
      vi.unstubAllEnvs();
    }
  });
});
