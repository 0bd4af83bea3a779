import { GetParameterCommand, PutParameterCommand } from "@aws-sdk/client-ssm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { ssm } from "../../src/escrow/ssm.ts";
import { CallError, type Escrow } from "../../src/ports.ts";
import { errorOf, expectNoSecret, freshPair, freshUser } from "../destinations/contract.ts";
import {
  ACCOUNT,
  type AwsHost,
  bodiesOf,
  CALLER,
  QUOTES,
  refuseQuoting,
  startAws,
  whySkipped,
} from "../destinations/host.ts";
import { motoMissing } from "../support/moto.ts";
import { escrowContract, EXAMPLE_ID } from "./contract.ts";

const KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

let aws: AwsHost;
const open = (text = "ssm", account = ACCOUNT): Escrow =>
  ssm.parse(parseTarget(text)).open(aws.host.access, { ...CALLER, account });

describe.skipIf(motoMissing !== null)(`Parameter Store as escrow${whySkipped}`, () => {
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws?.stop());
  afterEach(() => aws.proxy.reset());

  escrowContract("a folder of parameters", () => ({ open: (account) => open("ssm", account) }));

  it("keeps each secret as a SecureString of its own, under the KMS key of the target, and never overwrites", async () => {
    const pair = freshPair();
    await open(`ssm:/vault?kmsKeyId=${KEY_ARN}`).put("ci,bot", pair);
    expect(bodiesOf(aws.proxy, "ssm:PutParameter")).toEqual([
      {
        Name: `/vault/${ACCOUNT}/ci_x2C_bot/${pair.accessKeyId}`,
        Value: pair.secretAccessKey.reveal(),
        Type: "SecureString",
        Overwrite: false,
        KeyId: KEY_ARN,
      },
    ]);
  });

  it("accepts the same secret again after a reply that was lost", async () => {
    const [{ userName }, pair] = [freshUser(), freshPair()];
    let lost = false;
    aws.proxy.before = ({ action }) => {
      if (action !== "ssm:PutParameter" || lost) return { kind: "pass" };
      lost = true;
      return { kind: "lose-reply" };
    };
    await open().put(userName, pair);
    expect(aws.proxy.counts()).toEqual({ "ssm:PutParameter": 2, "ssm:GetParameter": 1 });
    expect((await open().take(userName, pair.accessKeyId))?.reveal()).toBe(pair.secretAccessKey.reveal());
    await open().clear(userName, pair.accessKeyId);
  });

  it("counts an entry as cleared whose reply was lost", async () => {
    const [{ userName }, pair] = [freshUser(), freshPair()];
    await open().put(userName, pair);
    let lost = false;
    aws.proxy.before = ({ action }) => {
      if (action !== "ssm:DeleteParameter" || lost) return { kind: "pass" };
      lost = true;
      return { kind: "lose-reply" };
    };
    await open().clear(userName, pair.accessKeyId);
    expect(await open().list(userName)).toEqual([]);
  });

  it("lists page by page, an empty page in between included", async () => {
    const { userName } = freshUser();
    const pairs = Array.from({ length: 13 }, freshPair);
    for (const pair of pairs) await open().put(userName, pair);
    aws.proxy.calls.length = 0;
    expect(await open().list(userName)).toHaveLength(13);
    expect(aws.proxy.counts()["ssm:GetParametersByPath"]).toBeGreaterThan(1);
    expect(bodiesOf(aws.proxy, "ssm:GetParametersByPath").every((body) => body["WithDecryption"] === false)).toBe(true);

    aws.proxy.before = ({ body }) => {
      const { NextToken } = JSON.parse(body) as { NextToken?: string };
      if (NextToken === undefined) return page([], "one");
      return NextToken === "one"
        ? page([`/keyturn/escrow/${ACCOUNT}/ci/${EXAMPLE_ID}`], "two")
        : page([`/keyturn/escrow/${ACCOUNT}/ci/AKIAIOSFODNN7EXAMPLF`]);
    };
    expect((await open().list("ci")).map((entry) => entry.accessKeyId)).toEqual([EXAMPLE_ID, "AKIAIOSFODNN7EXAMPLF"]);
    aws.proxy.reset();
    for (const { accessKeyId } of pairs) await open().clear(userName, accessKeyId);
  });

  it("passes over parameters in its folder that are not entries", async () => {
    for (const rest of [`_xZZ_/${EXAMPLE_ID}`, "ci-bot/notes", `ci-bot/deeper/${EXAMPLE_ID}`, EXAMPLE_ID]) {
      const Name = `/other/escrow/${ACCOUNT}/${rest}`;
      await aws.ssm.send(new PutParameterCommand({ Name, Value: "x", Type: "String" }));
    }
    expect(await open("ssm:/other/escrow").list()).toEqual([]);
  });

  it.each(Object.keys(QUOTES))("shows no secret in an error of a store that quotes: %s", async (quote) => {
    const [{ userName }, pair] = [freshUser(), freshPair()];
    refuseQuoting(aws.proxy, "ssm:PutParameter", "Value", quote);
    const error = await errorOf(() => open().put(userName, pair));
    expect(error).toBeInstanceOf(CallError);
    expectNoSecret(error, pair.secretAccessKey.reveal());
  });

  it("does not call it done where another secret is found after a refusal", async () => {
    const [{ userName }, pair] = [freshUser(), freshPair()];
    const Name = `/keyturn/escrow/${ACCOUNT}/${userName}/${pair.accessKeyId}`;
    await aws.ssm.send(new PutParameterCommand({ Name, Value: "another", Type: "SecureString" }));
    expect(await errorOf(() => open().put(userName, pair))).toMatchObject({ code: "ParameterAlreadyExists" });
    const { Parameter } = await aws.ssm.send(new GetParameterCommand({ Name, WithDecryption: true }));
    expect(Parameter?.Value).toBe("another");
    await open().clear(userName, pair.accessKeyId);
  });

  it("tells a missing permission as denied", async () => {
    aws.proxy.before = () => ({ kind: "error", status: 400, code: "AccessDeniedException" });
    expect(await errorOf(() => open().list())).toMatchObject({ kind: "denied", action: "ssm:GetParametersByPath" });
    expect(await errorOf(() => open().take("ci", EXAMPLE_ID))).toMatchObject({
      kind: "denied",
      action: "ssm:GetParameter",
    });
  });
});

const page = (names: readonly string[], next?: string) => ({
  kind: "reply" as const,
  status: 200,
  body: JSON.stringify({ Parameters: names.map((Name) => ({ Name })), NextToken: next }),
});

describe("an SSM escrow target", () => {
  it.each([
    ["ssm:keys", "is not the name of a parameter folder"],
    ["ssm:/keys/", "is not the name of a parameter folder"],
    ["ssm:/keys//x", "is not the name of a parameter folder"],
    ["ssm:/keys/{user}", "is not the name of a parameter folder"],
    ["ssm:/aws/keys", "is not the name of a parameter folder"],
    [`ssm:${"/a".repeat(13)}`, "is too deep a folder"],
    ["ssm:/keys?tier=Advanced", "ssm has no option tier"],
  ])("%s is refused, by its own name", (text, message) => {
    expect(() => ssm.parse(parseTarget(text))).toThrow(InvalidInput);
    expect(() => ssm.parse(parseTarget(text))).toThrow(message);
    expect(() => ssm.parse(parseTarget(text))).toThrow(text);
  });

  it("may be as deep as leaves room for account, user and key", () => {
    expect(() => ssm.parse(parseTarget(`ssm:${"/a".repeat(12)}`))).not.toThrow();
  });

  it("needs four permissions on its own folder of this account, and those of its KMS key", () => {
    const folder = "arn:aws:ssm:us-east-2:123456789012:parameter/vault/123456789012";
    const target = parseTarget(`ssm:/vault?region=us-east-2&kmsKeyId=${KEY_ARN}`);
    expect(ssm.parse(target).permissions(CALLER, "eu-west-1")).toEqual([
      {
        sid: "Escrow",
        actions: ["ssm:PutParameter", "ssm:GetParameter", "ssm:DeleteParameter"],
        resources: [`${folder}/*`],
      },
      { sid: "ListEscrow", actions: ["ssm:GetParametersByPath"], resources: [folder, `${folder}/*`] },
      {
        sid: "KmsForEscrow",
        actions: ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
        resources: [KEY_ARN],
      },
    ]);
  });
});
