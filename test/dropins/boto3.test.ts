import { describe, expect, it } from "vitest";
import type { DropInIo } from "../../src/dropins/hand-out.ts";
import { main as twoKeys } from "../../src/dropins/iam-credential-rotation/program.ts";
import { main as threshold } from "../../src/dropins/rotate-iam-keys/program.ts";
import { lookForCredentialsAsBoto3, unheeded } from "../../src/dropins/boto3.ts";

describe("credentials are looked for as boto3 did:", () => {
  const after = (environment: Record<string, string>) => {
    const own = { ...environment };
    lookForCredentialsAsBoto3(own);
    return own;
  };

  it("those of the environment win over a profile", () => {
    const pair = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };
    expect(after({ ...pair, AWS_PROFILE: "other" })).toEqual(pair);
    expect(after({ ...pair, AWS_DEFAULT_PROFILE: "other" })).toEqual({ ...pair, AWS_DEFAULT_PROFILE: "other" });
    const half = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_PROFILE: "mine" };
    expect(after(half)).toEqual(half);
  });

  it("AWS_DEFAULT_PROFILE goes before AWS_PROFILE", () => {
    expect(after({ AWS_DEFAULT_PROFILE: "first", AWS_PROFILE: "second" })).toMatchObject({ AWS_PROFILE: "first" });
    expect(after({ AWS_DEFAULT_PROFILE: "", AWS_PROFILE: "second" })).toMatchObject({ AWS_PROFILE: "second" });
  });

  it("AWS_DEFAULT_REGION goes before AWS_REGION: IAM of China or GovCloud is asked where boto3 asked it", () => {
    expect(after({ AWS_DEFAULT_REGION: "cn-north-1", AWS_REGION: "us-east-1" })).toMatchObject({
      AWS_REGION: "cn-north-1",
    });
    expect(after({ AWS_DEFAULT_REGION: "", AWS_REGION: "us-east-1" })).toMatchObject({ AWS_REGION: "us-east-1" });
  });

  it("AWS_SECURITY_TOKEN is the old name of the session token", () => {
    expect(after({ AWS_SECURITY_TOKEN: "old" })).toMatchObject({ AWS_SESSION_TOKEN: "old" });
    expect(after({ AWS_SECURITY_TOKEN: "old", AWS_SESSION_TOKEN: "new" })).toMatchObject({ AWS_SESSION_TOKEN: "new" });
  });
});

describe("what boto3 heeded and nothing here does", () => {
  it("is said once: a proxy, without its address, and certificates of one's own", () => {
    expect(unheeded({ HTTPS_PROXY: "http://me:canary@proxy:3128", https_proxy: "http://proxy:3128" })).toEqual([
      expect.stringMatching(/^warning: HTTPS_PROXY, https_proxy: keyturn calls AWS directly(?!.*canary)/),
    ]);
    expect(unheeded({ AWS_CA_BUNDLE: "/ca.pem" })).toEqual([expect.stringContaining("NODE_EXTRA_CA_CERTS")]);
    expect(unheeded({ AWS_CA_BUNDLE: "/ca.pem", NODE_EXTRA_CA_CERTS: "/ca.pem" })).toEqual([]);
    expect(unheeded({ AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "us-east-1", HTTPS_PROXY: "" })).toEqual([]);
  });

  it("is said by both programs before a run, and not to whoever asks for help", async () => {
    const env = { HTTPS_PROXY: "http://proxy:3128", KEYTURN_OVERLAP: "soon" };
    const said = async (main: (io: DropInIo) => Promise<number>) => {
      const lines: string[] = [];
      await main({ write: async () => undefined, isDiscarded: true, err: (line) => void lines.push(line) });
      return lines.filter((line) => line.startsWith("warning: ")).length;
    };
    const place = { env, folder: "/nowhere" };
    expect(await said((io) => twoKeys(["ci"], io, env))).toBe(1);
    expect(await said((io) => twoKeys(["--help"], io, env))).toBe(0);
    expect(await said((io) => threshold(["--output-format", "json"], io, place))).toBe(1);
    expect(await said((io) => threshold(["--help"], io, place))).toBe(0);
  });
});
