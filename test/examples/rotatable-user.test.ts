import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { handler } from "../../examples/rotatable-user/tester/index.ts";
import { temporaryFolder } from "../support/cli.ts";

vi.mock("node:timers/promises", () => ({ setTimeout: async () => undefined }));

const pair = (id: string) => ({
  SecretString: JSON.stringify({ UserName: "bot", Key: id, Secret: `canary-of-${id}` }),
});

const refusal = (name: string) => Object.assign(new Error("canary in a reply"), { name });

const OBJECT = { Body: { transformToByteArray: async () => new Uint8Array(41) } };

/** Has a client answer these, one after the other; an error is thrown. */
function answers(client: { prototype: object }, ...all: readonly object[]): void {
  const send = vi.spyOn(client.prototype as { send: () => Promise<unknown> }, "send"); // every client has it
  for (const each of all)
    send.mockImplementationOnce(() => (each instanceof Error ? Promise.reject(each) : Promise.resolve(each)));
}

describe("the tester of the example", () => {
  const lines: string[] = [];
  beforeEach(() => {
    vi.stubEnv("AWS_REGION", "eu-west-1");
    vi.stubEnv("TEST_BUCKET", "probe");
    vi.stubEnv("TEST_OBJECT", "test");
    vi.stubEnv("TEST_SECRETS", "one,two");
    lines.length = 0;
    vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
  });
  afterEach(() => {
    if (lines.join("").includes("canary")) throw new Error("a secret, or a reply, was logged");
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it("reads the secret again where a key that was just replaced is refused, and passes over one without a key", async () => {
    answers(SecretsManagerClient, pair("AKIAOLD"), pair("AKIANEW"), { SecretString: `{"UserName":"bot"}` });
    answers(S3Client, refusal("InvalidAccessKeyId"), OBJECT);
    expect(await handler()).toEqual([
      { secret: "one", accessKeyId: "AKIANEW", bytes: 41 },
      { secret: "two", accessKeyId: null, bytes: null },
    ]);
  });

  it("fails after all were tried where one cannot read, and says which", async () => {
    answers(SecretsManagerClient, pair("AKIAONE"), pair("AKIATWO"));
    answers(S3Client, refusal("AccessDenied"), OBJECT);
    await expect(handler()).rejects.toThrow("no key that works: one");
    expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([
      { secret: "one", reason: "AccessDenied" },
      { secret: "two", bytes: 41 },
    ]);
  });

  it("names a variable that is missing", async () => {
    vi.stubEnv("TEST_BUCKET", "");
    await expect(handler()).rejects.toThrow("the environment lacks TEST_BUCKET");
  });
});

const noJq = spawnSync("jq", ["--version"]).status === 0 ? "" : "SKIPPED: no jq";

describe.skipIf(noJq !== "")(`the reader of the example ${noJq}`, () => {
  const READER = fileURLToPath(new URL("../../examples/rotatable-user/deploy/read-key.sh", import.meta.url));

  /** Runs the reader with an AWS CLI that prints this. */
  function read(value: string, ...args: readonly string[]): Promise<readonly [number | string, string]> {
    const folder = temporaryFolder();
    const cli = `#!/bin/sh\n[ -z "\${AWS_PROFILE-}" ] || exit 9\nprintf '%s\\n' '${value}'\n`;
    writeFileSync(join(folder, "aws"), cli, { mode: 0o700 });
    const env = { PATH: `${folder}:${process.env["PATH"]}`, AWS_PROFILE: "app-bot" };
    return new Promise((resolve) => {
      execFile(READER, args, { env }, (error, stdout, stderr) => resolve([error?.code ?? 0, `${stdout}${stderr}`]));
    });
  }

  it("prints what a credential_process prints, and fails without a key, or without a secret to read", async () => {
    const [code, out] = await read(pair("AKIANEW").SecretString, "dev/bot");
    expect([code, JSON.parse(out)]).toEqual([
      0,
      { Version: 1, AccessKeyId: "AKIANEW", SecretAccessKey: "canary-of-AKIANEW" },
    ]);
    const [refused, why] = await read(`{"UserName":"bot"}`, "dev/bot");
    expect([refused, why]).toEqual([5, expect.stringContaining("the secret holds no key yet")]);
    expect(await read("")).toEqual([2, "usage: read-key.sh SECRET\n"]);
  });
});
