import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { fillFields, isFieldOption, readFields, secretsOf, sesSmtpPassword } from "../../src/documents/fields.ts";
import { freshPair } from "../destinations/contract.ts";

const DEFAULTS = { AccessKeyId: "accessKeyId", SecretAccessKey: "secretAccessKey" } as const;
const read = (options: string) => readFields(parseTarget(`ssm:/k${options}`), DEFAULTS);
const pair = freshPair();

describe("the fields of a document", () => {
  it("are the kind's own where the target names none", () => {
    expect([...fillFields(read(""), "ci-bot", pair)]).toEqual([
      ["AccessKeyId", pair.accessKeyId],
      ["SecretAccessKey", pair.secretAccessKey.reveal()],
    ]);
  });

  it("are those of the target, all of them and no other, where it names any", () => {
    const fields = read(
      "?field.user=userName&field.id=accessKeyId&field.again=accessKeyId&field.key=secretAccessKey&field.pass=sesSmtpPassword&sesRegion=eu-west-1",
    );
    expect([...fillFields(fields, "ci-bot", pair)]).toEqual([
      ["user", "ci-bot"],
      ["id", pair.accessKeyId],
      ["again", pair.accessKeyId],
      ["key", pair.secretAccessKey.reveal()],
      ["pass", sesSmtpPassword(pair.secretAccessKey.reveal(), "eu-west-1")],
    ]);
  });

  it("hold passwords for several regions, where each names its own", () => {
    const fields = read(
      "?field.i=accessKeyId&field.a=sesSmtpPassword:eu-west-1&field.b=sesSmtpPassword&sesRegion=us-east-1",
    );
    const secret = pair.secretAccessKey.reveal();
    const passwords = [sesSmtpPassword(secret, "eu-west-1"), sesSmtpPassword(secret, "us-east-1")];
    expect([...fillFields(fields, "ci-bot", pair).values()].slice(1)).toEqual(passwords);
    expect(secretsOf(fields, "ci-bot", pair).map((each) => each.reveal())).toEqual([secret, ...passwords]);
  });

  it("may have any name that can be percent-encoded", () => {
    const fields = read("?field.my%20id%3D%26=accessKeyId&field.%C3%BC=secretAccessKey");
    expect([...fields.names.keys()]).toEqual(["my id=&", "ü"]);
  });

  it("that hold secrets are known: the secret itself, and the password that is made of it", () => {
    const [secret, password] = [pair.secretAccessKey.reveal(), sesSmtpPassword(pair.secretAccessKey.reveal(), "x")];
    const reveal = (options: string) => secretsOf(read(options), "ci-bot", pair).map((each) => each.reveal());
    expect(reveal("")).toEqual([secret]);
    expect(reveal("?field.i=accessKeyId&field.p=sesSmtpPassword&sesRegion=x")).toEqual([secret, password]);
  });

  it.each([
    ["?field.a=accessKeyId", "no field holds a secret", "add field.NAME=secretAccessKey"],
    ["?field.a=secretAccessKey", "no field holds the accessKeyId", "add field.NAME=accessKeyId"],
    ["?field.a=userName", "no field holds the accessKeyId", "add field.NAME=accessKeyId"],
    [
      "?field.a=accessKeyId&field.b=password",
      '"password" is nothing that a field can hold',
      "one of: accessKeyId, secretAccessKey, userName, sesSmtpPassword",
    ],
    ["?field.=accessKeyId&field.b=secretAccessKey", "a field has no name", "write field.NAME=accessKeyId"],
    [
      "?field.a=accessKeyId&field.b=sesSmtpPassword",
      "an SMTP password is made for one region of SES",
      "add sesRegion=eu-west-1, or whichever it is",
    ],
    [
      "?field.a=accessKeyId&field.b=sesSmtpPassword:eu-west-1&field.c=sesSmtpPassword",
      "an SMTP password is made for one region of SES",
      "add sesRegion=eu-west-1, or whichever it is",
    ],
    [
      "?field.a=accessKeyId&field.b=sesSmtpPassword:EU",
      '"sesSmtpPassword:EU" is nothing that a field can hold',
      "one of: accessKeyId, secretAccessKey, userName, sesSmtpPassword",
    ],
  ])("given as %s are refused with the target and the next step", (options, message, hint) => {
    const problem = (): unknown => {
      try {
        return read(options);
      } catch (error) {
        return error;
      }
    };
    expect(problem()).toBeInstanceOf(InvalidInput);
    expect(problem()).toMatchObject({ message: `ssm:/k${options}: ${message}`, hint });
  });

  it("are options by their beginning alone", () => {
    expect(["field.a", "field.", "sesRegion"].map(isFieldOption)).toEqual([true, true, true]);
    expect(["field", "fields.a", "sesregion", ""].map(isFieldOption)).toEqual([false, false, false, false]);
  });
});

/** The algorithm as AWS tells it for SES, in another language and with other tools. */
const PYTHON = `
import base64, hashlib, hmac, json, sys
def sign(key, text): return hmac.new(key, text.encode("utf-8"), hashlib.sha256).digest()
def password(secret, region):
    signature = sign(("AWS4" + secret).encode("utf-8"), "11111111")
    for text in (region, "ses", "aws4_request", "SendRawEmail"): signature = sign(signature, text)
    return base64.b64encode(bytes([0x04]) + signature).decode("utf-8")
print(json.dumps([password(*each) for each in json.loads(sys.argv[1])]))
`;

/** Secret, region, and what the program above printed for them. */
const VECTORS: readonly (readonly [secret: string, region: string, password: string])[] = [
  ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1", "BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9"],
  ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "eu-central-1", "BF0/eIJm0ruTHsSjOkRuOGzGF+zeSyE3aiRzrzUQ8LwG"],
  ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-gov-west-1", "BHW/eHvx1MM9YwW4wrJG6MGVQmLDCAM99G9YiSdGEIAw"],
  ["wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-west-1", "BEW1uMsJNijX9ThCfEJCkeH4gPo9MWFsAUXj6NZO5jyz"],
];

const hasPython = spawnSync("python3", ["-c", "import hmac"], { timeout: 20_000 }).status === 0;

describe("an SMTP password of SES", () => {
  it.each(VECTORS)("of %s in %s is as it was computed once by another program", (secret, region, password) => {
    expect(sesSmtpPassword(secret, region)).toBe(password);
  });

  it.skipIf(!hasPython)(`is what another program computes now${hasPython ? "" : " (SKIPPED: no python3)"}`, () => {
    const questions = [
      ...VECTORS.map(([secret, region]) => [secret, region]),
      ...Array.from({ length: 20 }, (_, index) => [freshPair().secretAccessKey.reveal(), `eu-west-${index}`]),
    ] as const;
    const { stdout, stderr } = spawnSync("python3", ["-c", PYTHON, JSON.stringify(questions)], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual(questions.map(([secret = "", region = ""]) => sesSmtpPassword(secret, region)));
  });
});
