import { describe, expect, it } from "vitest";
import { lookForCredentialsAsBoto3 } from "../../src/dropins/boto3.ts";

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
