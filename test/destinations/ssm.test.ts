import {
  type GetParameterHistoryCommandOutput,
  GetParameterCommand,
  GetParameterHistoryCommand,
  LabelParameterVersionCommand,
  ParameterNotFound,
  PutParameterCommand,
  type PutParameterCommandInput,
} from "@aws-sdk/client-ssm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { User } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { ssm } from "../../src/destinations/ssm.ts";
import { sesSmtpPassword } from "../../src/documents/fields.ts";
import { CallError, type Destination } from "../../src/ports.ts";
import { motoMissing } from "../support/moto.ts";
import {
  type Bench,
  destinationContract,
  errorOf,
  expectNoSecret,
  freshPair,
  freshUser,
  secretIn,
  type Seen,
  seenOf,
  userNamed,
} from "./contract.ts";
import { type AwsHost, bodiesOf, CALLER, openHost, QUOTES, refuseQuoting, startAws, whySkipped } from "./host.ts";

const KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

let aws: AwsHost;

const open = (text: string, user: User): Destination => ssm.parse(parseTarget(text)).open(aws.host)(user, null);
const put = (input: Omit<PutParameterCommandInput, "Type"> & { Type?: PutParameterCommandInput["Type"] }) =>
  aws.ssm.send(new PutParameterCommand({ Type: "SecureString", ...input }));

/** The value of a parameter as a consumer reads it; null where there is none. */
async function valueOf(name: string): Promise<string | null> {
  try {
    const { Parameter } = await aws.ssm.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
    return Parameter?.Value ?? null;
  } catch (error) {
    if (error instanceof ParameterNotFound) return null;
    throw error;
  }
}

/** Every version of a parameter, oldest first. */
async function historyOf(name: string): Promise<unknown> {
  const send = async (): Promise<GetParameterHistoryCommandOutput | null> => {
    try {
      return await aws.ssm.send(new GetParameterHistoryCommand({ Name: name, WithDecryption: true }));
    } catch (error) {
      if (error instanceof ParameterNotFound) return null;
      throw error;
    }
  };
  return (await send())?.Parameters ?? [];
}

const base = (folder: string) => ({
  passAMinute: () => aws.passAMinute(),
  fail: async (_: User, failure: string | null) => refuseQuoting(aws.proxy, "ssm:PutParameter", "Value", failure),
  nameOf: ({ userName }: User) => `/${folder}/${userName}`,
});

function whole(): Bench {
  const { nameOf, ...rest } = base("whole");
  const read = async (user: User) => {
    const text = await valueOf(nameOf(user));
    return text === null ? null : (JSON.parse(text) as Record<string, string>);
  };
  return {
    ...rest,
    open: (user) => open("ssm:/whole/{user}", user),
    consume: async (user): Promise<Seen | null> => {
      const document = await read(user);
      return document === null
        ? null
        : { accessKeyId: document["AccessKeyId"] ?? null, secretAccessKey: document["SecretAccessKey"] ?? null };
    },
    stored: (user) => historyOf(nameOf(user)),
    document: {
      put: async (user, fields) => void (await put({ Name: nameOf(user), Value: JSON.stringify(fields) })),
      get: async (user) => (await read(user)) ?? {},
    },
  };
}

function split(): Bench {
  const { nameOf, ...rest } = base("split");
  return {
    ...rest,
    open: (user) => open("ssm:/split/{user}?split=yes", user),
    consume: async (user): Promise<Seen | null> => {
      const accessKeyId = await valueOf(`${nameOf(user)}/access-key-id`);
      const secretAccessKey = await valueOf(`${nameOf(user)}/secret-access-key`);
      return accessKeyId === null && secretAccessKey === null ? null : { accessKeyId, secretAccessKey };
    },
    stored: async (user) => [
      await historyOf(`${nameOf(user)}/access-key-id`),
      await historyOf(`${nameOf(user)}/secret-access-key`),
    ],
  };
}

const target = "ssm:/pair/{user}?split=yes";
const nameOf = (user: User, what: "access-key-id" | "secret-access-key") => `/pair/${user.userName}/${what}`;
const pairIn = async (user: User): Promise<Seen> => ({
  accessKeyId: await valueOf(nameOf(user, "access-key-id")),
  secretAccessKey: await valueOf(nameOf(user, "secret-access-key")),
});

describe.skipIf(motoMissing !== null)(`SSM Parameter Store${whySkipped}`, () => {
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws?.stop());
  afterEach(() => aws.proxy.reset());

  const traits = { readable: true, remembers: true, stages: false, hasDocument: true, failures: Object.keys(QUOTES) };
  destinationContract("an SSM parameter", traits, whole);
  const failures = ["the body as it is", "the document as it is", "the secret in base64"];
  destinationContract("a pair of SSM parameters", { ...traits, hasDocument: false, failures }, split);

  describe("one parameter", () => {
    it("is a new SecureString with the KMS key and the tier of the target", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await open(`ssm:/new/{user}?kmsKeyId=${KEY_ARN}&tier=Advanced`, user).deliver(pair);
      const [body] = bodiesOf(aws.proxy, "ssm:PutParameter");
      expect(body).toEqual({
        Name: `/new/${user.userName}`,
        Value: expect.stringContaining(pair.accessKeyId),
        Type: "SecureString",
        Overwrite: false,
        KeyId: KEY_ARN,
        Tier: "Advanced",
      });
      expect(JSON.parse(String(body?.["Value"]))).toEqual({
        AccessKeyId: pair.accessKeyId,
        SecretAccessKey: pair.secretAccessKey.reveal(),
      });
    });

    it("gets its KMS key, tier, description and data type again when it is overwritten, not the target's", async () => {
      const user = freshUser();
      const looks = { KeyId: "alias/own", Tier: "Advanced", Description: "of the mailer", DataType: "text" } as const;
      await put({ Name: `/looks/${user.userName}`, Value: "{}", AllowedPattern: "^\\{", ...looks });
      await open(`ssm:/looks/{user}?kmsKeyId=${KEY_ARN}&tier=Standard`, user).deliver(freshPair());
      expect(bodiesOf(aws.proxy, "ssm:PutParameter")).toEqual([
        {
          Name: `/looks/${user.userName}`,
          Value: expect.any(String),
          Type: "SecureString",
          Overwrite: true,
          AllowedPattern: "^\\{",
          ...looks,
        },
      ]);
    });

    it("gets its policies again when it is overwritten, in the form in which they are sent", async () => {
      const user = freshUser();
      const policies = [
        { Type: "Expiration", Version: "1.0", Attributes: { Timestamp: "2030-01-01T00:00:00.000Z" } },
        { Type: "NoChangeNotification", Version: "1.0", Attributes: { After: "20", Unit: "Days" } },
      ];
      await put({ Name: `/policies/${user.userName}`, Value: "{}" });
      aws.proxy.before = ({ action }) =>
        action === "ssm:GetParameterHistory"
          ? reply({
              Parameters: [
                {
                  Name: `/policies/${user.userName}`,
                  Type: "SecureString",
                  KeyId: "alias/aws/ssm",
                  Version: 1,
                  Labels: [],
                  Tier: "Advanced",
                  DataType: "text",
                  Policies: policies.map((each) => ({
                    PolicyText: JSON.stringify(each),
                    PolicyType: each.Type,
                    PolicyStatus: "Pending",
                  })),
                },
              ],
            })
          : { kind: "pass" };
      await open("ssm:/policies/{user}", user).deliver(freshPair());
      const [body] = bodiesOf(aws.proxy, "ssm:PutParameter");
      expect(JSON.parse(String(body?.["Policies"]))).toEqual(policies);
    });

    it("is asked for the newest version's looks, however many pages of versions there are", async () => {
      const user = freshUser();
      const Name = `/pages/${user.userName}`;
      await put({ Name, Value: "{}", Description: "old" });
      for (let version = 2; version <= 60; version += 1)
        await put({ Name, Value: "{}", Overwrite: true, Description: version === 60 ? "new" : "old" });
      await open("ssm:/pages/{user}", user).deliver(freshPair());
      expect(bodiesOf(aws.proxy, "ssm:PutParameter")[0]).toMatchObject({ Description: "new" });
    });

    it("of 100 versions with a label on the oldest is refused before anything is written", async () => {
      const user = freshUser();
      const Name = `/full/${user.userName}`;
      await put({ Name, Value: "{}" });
      for (let version = 2; version <= 100; version += 1) await put({ Name, Value: "{}", Overwrite: true });
      await open("ssm:/full/{user}", user).check();
      await aws.ssm.send(new LabelParameterVersionCommand({ Name, ParameterVersion: 1, Labels: ["first"] }));
      for (const work of ["check", "deliver"] as const) {
        const error = await errorOf(() => open("ssm:/full/{user}", user)[work](freshPair()));
        expect(error).toMatchObject({
          name: "InvalidInput",
          message: `ssm:${Name} has 100 versions and the oldest bears a label: it takes no other`,
          hint: "move the label to a newer version",
        });
      }
      expect(aws.proxy.counts()["ssm:PutParameter"]).toBeUndefined();
      await aws.ssm.send(new LabelParameterVersionCommand({ Name, ParameterVersion: 2, Labels: ["first"] }));
      const pair = freshPair();
      await open("ssm:/full/{user}", user).deliver(pair);
      expect(JSON.parse((await valueOf(Name)) ?? "")).toMatchObject({ AccessKeyId: pair.accessKeyId });
    });

    it.each(["String", "StringList"] as const)("of type %s is refused and left as it is", async (Type) => {
      const user = freshUser();
      await put({ Name: `/typed/${user.userName}`, Value: "open", Type });
      const destination = open("ssm:/typed/{user}", user);
      for (const work of [
        () => destination.check(),
        async () => destination.read?.(),
        () => destination.deliver(freshPair()),
      ]) {
        expect(await errorOf(work)).toMatchObject({
          name: "InvalidInput",
          message: `ssm:/typed/${user.userName} is a parameter of type ${Type}, not SecureString`,
          hint: expect.stringContaining("delete it, or choose another target"),
        });
      }
      expect(await valueOf(`/typed/${user.userName}`)).toBe("open");
    });

    it.each(["plain-secret-text", "[1]", '"text-in-quotes"', "7"])(
      "that holds %s is refused, quoted nowhere, and left as it is",
      async (Value) => {
        const user = freshUser();
        await put({ Name: `/text/${user.userName}`, Value });
        const destination = open("ssm:/text/{user}", user);
        for (const work of [
          () => destination.check(),
          async () => destination.read?.(),
          () => destination.deliver(freshPair()),
        ]) {
          const error = await errorOf(work);
          expect(error).toBeInstanceOf(InvalidInput);
          if (Value.length > 3) expectNoSecret(error, Value);
        }
        expect(await valueOf(`/text/${user.userName}`)).toBe(Value);
      },
    );

    it.each([
      ["^\\d+$", false],
      ["^\\{.*\\}$", false],
      ["^[A-Za-z0-9/+=]{40}$", false],
      ["^\\s*\\{[\\s\\S]*\\}\\s*$", true],
      ["AKIA", true],
    ])("whose AllowedPattern is %s takes a key: %s", async (AllowedPattern, fits) => {
      const user = freshUser();
      await put({ Name: `/pattern/${user.userName}`, Value: '{"bucket": "reports"}', AllowedPattern });
      const destination = open("ssm:/pattern/{user}", user);
      if (fits) {
        await destination.check();
        return destination.deliver(freshPair());
      }
      for (const work of ["check", "deliver"] as const) {
        expect(await errorOf(() => destination[work](freshPair()))).toMatchObject({
          name: "InvalidInput",
          message: `ssm:/pattern/${user.userName} allows only values of the pattern ${AllowedPattern}`,
        });
      }
      expect(aws.proxy.counts()["ssm:PutParameter"]).toBeUndefined();
    });

    it("that somebody else makes in the meantime is not overwritten", async () => {
      const user = freshUser();
      const destination = open("ssm:/raced/{user}", user);
      await destination.check();
      aws.proxy.before = async ({ action }) => {
        if (action === "ssm:PutParameter")
          await put({ Name: `/raced/${user.userName}`, Value: '{"bucket": "theirs"}' });
        aws.proxy.before = action === "ssm:PutParameter" ? () => ({ kind: "pass" }) : aws.proxy.before;
        return { kind: "pass" };
      };
      const error = await errorOf(() => destination.deliver(freshPair()));
      expect(error).toMatchObject({ name: "CallError", kind: "refused", code: "ParameterAlreadyExists" });
      expect(await valueOf(`/raced/${user.userName}`)).toBe('{"bucket": "theirs"}');
      const pair = freshPair();
      await destination.deliver(pair);
      expect(JSON.parse((await valueOf(`/raced/${user.userName}`)) ?? "")).toEqual({
        bucket: "theirs",
        AccessKeyId: pair.accessKeyId,
        SecretAccessKey: pair.secretAccessKey.reveal(),
      });
    });

    it("that was made although no answer came counts as delivered", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      aws.proxy.before = ({ action }) => {
        if (action !== "ssm:PutParameter") return { kind: "pass" };
        aws.proxy.before = () => ({ kind: "pass" });
        return { kind: "lose-reply" };
      };
      await open("ssm:/lost/{user}", user).deliver(pair);
      expect(aws.proxy.counts()["ssm:PutParameter"]).toBe(2);
      expect((await open("ssm:/lost/{user}", user).read?.())?.accessKeyId).toBe(pair.accessKeyId);
    });

    it("remembers every key that it has served, past values that are no keys", async () => {
      const [user, first, second, third] = [freshUser(), freshPair(), freshPair(), freshPair()];
      const Name = `/past/${user.userName}`;
      await put({ Name, Value: "not yet a key" });
      await put({ Name, Value: "{}", Overwrite: true });
      for (const pair of [first, second, third]) await open("ssm:/past/{user}", user).deliver(pair);
      expect((await open("ssm:/past/{user}", user).readPast?.())?.history).toEqual([
        second.accessKeyId,
        first.accessKeyId,
      ]);
    });

    it("is read with its past, checked, delivered to and read back with five calls", async () => {
      const user = freshUser();
      await open("ssm:/calls/{user}", user).deliver(freshPair());
      aws.proxy.reset();
      const destination = open("ssm:/calls/{user}", user);
      await destination.read?.();
      await destination.readPast?.();
      await destination.check();
      await destination.deliver(freshPair());
      await destination.read?.();
      expect(aws.proxy.counts()).toEqual({
        "ssm:GetParameter": 3,
        "ssm:GetParameterHistory": 1,
        "ssm:PutParameter": 1,
      });
    });

    it("holds an SMTP password of SES where a field asks for it, which no error shows", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      const smtp = "ssm:/smtp/{user}?field.user=accessKeyId&field.pass=sesSmtpPassword&sesRegion=eu-west-1";
      const password = sesSmtpPassword(pair.secretAccessKey.reveal(), "eu-west-1");
      for (const quote of ["the body as it is", "the document as it is", "the document URL-encoded"]) {
        refuseQuoting(aws.proxy, "ssm:PutParameter", "Value", quote);
        const error = await errorOf(() => open(smtp, user).deliver(pair));
        expect(error).toBeInstanceOf(CallError);
        expectNoSecret(error, password, pair.secretAccessKey.reveal());
      }
      aws.proxy.reset();
      await open(smtp, user).deliver(pair);
      expect(JSON.parse((await valueOf(`/smtp/${user.userName}`)) ?? "")).toEqual({
        user: pair.accessKeyId,
        pass: password,
      });
    });

    it("is in the region that the target names", async () => {
      const user = freshUser();
      await open("ssm:/there/{user}?region=us-east-2", user).deliver(freshPair());
      expect(await valueOf(`/there/${user.userName}`)).toBeNull();
      expect((await open("ssm:/there/{user}?region=us-east-2", user).read?.())?.accessKeyId).toMatch(/^AKIA/);
    });
  });

  describe("two parameters", () => {
    it("are written secret first, with the id of its key in its description", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await open(target, user).deliver(pair);
      expect(bodiesOf(aws.proxy, "ssm:PutParameter")).toEqual([
        {
          Name: nameOf(user, "secret-access-key"),
          Value: pair.secretAccessKey.reveal(),
          Type: "SecureString",
          Overwrite: false,
          Description: `Secret access key of ${pair.accessKeyId}`,
        },
        { Name: nameOf(user, "access-key-id"), Value: pair.accessKeyId, Type: "SecureString", Overwrite: false },
      ]);
    });

    it("torn apart by a crash show the new key as pending, with its secret, and the next delivery repairs them", async () => {
      const [user, first, second] = [freshUser(), freshPair(), freshPair()];
      await open(target, user).deliver(first);
      let puts = 0;
      aws.proxy.before = ({ action }) => {
        if (action === "ssm:PutParameter") puts += 1;
        return action === "ssm:PutParameter" && puts === 2
          ? { kind: "error", status: 400, code: "TooManyUpdates" }
          : { kind: "pass" };
      };
      expect(await errorOf(() => open(target, user).deliver(second))).toBeInstanceOf(CallError);
      aws.proxy.reset();
      expect(await valueOf(nameOf(user, "access-key-id"))).toBe(first.accessKeyId);
      expect(await valueOf(nameOf(user, "secret-access-key"))).toBe(second.secretAccessKey.reveal());

      const next = open(target, user);
      expect((await next.read?.())?.accessKeyId).toBe(first.accessKeyId);
      expect((await next.readPast?.())?.pending).toBe(second.accessKeyId);
      expect(await secretIn(next, second.accessKeyId)).toBe(second.secretAccessKey.reveal());
      expect(await secretIn(next, first.accessKeyId)).toBeNull();
      await next.check();
      await next.deliver(second);
      expect(await pairIn(user)).toEqual(seenOf(second));
      expect(await next.readPast?.()).toMatchObject({
        pending: null,
        history: expect.arrayContaining([first.accessKeyId]),
      });
    });

    it("torn apart on a fresh target are finished as well", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      aws.proxy.before = ({ action, body }) =>
        action === "ssm:PutParameter" && body.includes("access-key-id")
          ? { kind: "error", status: 400, code: "TooManyUpdates" }
          : { kind: "pass" };
      await errorOf(() => open(target, user).deliver(pair));
      aws.proxy.reset();
      const next = open(target, user);
      expect(await next.read?.()).toEqual({ accessKeyId: null, writtenAt: null });
      expect(await next.readPast?.()).toEqual({ pending: pair.accessKeyId, history: [] });
      await next.deliver(pair);
      expect(await pairIn(user)).toEqual(seenOf(pair));
    });

    it("may be an id in plain text, and keep their types and keys", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await put({ Name: nameOf(user, "access-key-id"), Value: "none yet", Type: "String", Tier: "Advanced" });
      await put({ Name: nameOf(user, "secret-access-key"), Value: "none", KeyId: "alias/own" });
      await open(target, user).check();
      await open(target, user).deliver(pair);
      const [secret, id] = bodiesOf(aws.proxy, "ssm:PutParameter");
      expect(secret).toMatchObject({ Type: "SecureString", KeyId: "alias/own", Overwrite: true });
      expect(id).toMatchObject({ Type: "String", Tier: "Advanced", Overwrite: true });
      expect(id).not.toHaveProperty("KeyId");
      expect(await pairIn(user)).toEqual(seenOf(pair));
    });

    it("are refused where the secret would lie in plain text, or the id in a list", async () => {
      const [one, other] = [freshUser(), freshUser()];
      await put({ Name: nameOf(one, "secret-access-key"), Value: "open", Type: "String" });
      await put({ Name: nameOf(other, "access-key-id"), Value: "a,b", Type: "StringList" });
      for (const [user, what] of [
        [one, "secret-access-key is a parameter of type String, not SecureString"],
        [other, "access-key-id is a parameter of type StringList, not String"],
      ] as const) {
        expect(await errorOf(() => open(target, user).check())).toMatchObject({
          name: "InvalidInput",
          message: expect.stringContaining(what),
        });
      }
    });

    it("whose patterns are those of an id and of a secret take a key", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await put({
        Name: nameOf(user, "access-key-id"),
        Value: "AKIAIOSFODNN7EXAMPLE",
        AllowedPattern: "^AKIA[0-9A-Z]{16}$",
      });
      await put({ Name: nameOf(user, "secret-access-key"), Value: "x", AllowedPattern: "^[A-Za-z0-9/+=]{1,40}$" });
      await open(target, user).check();
      await open(target, user).deliver(pair);
      expect(await pairIn(user)).toEqual(seenOf(pair));
    });

    it("are both left as they were where the second would be refused", async () => {
      const user = freshUser();
      await put({ Name: nameOf(user, "access-key-id"), Value: "none", AllowedPattern: "^none$" });
      for (const work of ["check", "deliver"] as const)
        expect(await errorOf(() => open(target, user)[work](freshPair()))).toMatchObject({ name: "InvalidInput" });
      expect(await valueOf(nameOf(user, "secret-access-key"))).toBeNull();
      expect(aws.proxy.counts()["ssm:PutParameter"]).toBeUndefined();
    });

    it("have the names that the target gives them", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await open("ssm:/named/{user}?split=yes&accessKeyIdName=id&secretAccessKeyName=secret", user).deliver(pair);
      expect(await valueOf(`/named/${user.userName}/id`)).toBe(pair.accessKeyId);
      expect(await valueOf(`/named/${user.userName}/secret`)).toBe(pair.secretAccessKey.reveal());
    });

    it("written by others hold no secret that keyturn could vouch for", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await put({ Name: nameOf(user, "access-key-id"), Value: pair.accessKeyId, Type: "String" });
      await put({ Name: nameOf(user, "secret-access-key"), Value: pair.secretAccessKey.reveal() });
      expect((await open(target, user).read?.())?.accessKeyId).toBe(pair.accessKeyId);
      expect(await secretIn(open(target, user), pair.accessKeyId)).toBeNull();
      expect(await open(target, user).readPast?.()).toEqual({ pending: null, history: [] });
    });
  });

  it("a missing permission is told as denied, with the action and the parameter", async () => {
    const user = freshUser();
    aws.proxy.before = () => ({ kind: "error", status: 400, code: "AccessDeniedException" });
    expect(await errorOf(async () => open("ssm:/denied/{user}", user).read?.())).toMatchObject({
      name: "CallError",
      kind: "denied",
      action: "ssm:GetParameter",
      resource: `/denied/${user.userName}`,
    });
  });
});

const reply = (body: unknown) => ({ kind: "reply", status: 200, body: JSON.stringify(body) }) as const;
const parse = (text: string) => ssm.parse(parseTarget(text));

describe("an SSM target", () => {
  it.each([
    ["ssm:keys/{user}", "names no parameter"],
    ["ssm:", "names no parameter"],
    ["ssm:/keys/", "names no parameter"],
    ["ssm:/keys//{user}", "is not a parameter's name"],
    ["ssm:/keys/a b", "is not a parameter's name"],
    ["ssm:/aws/{user}", "AWS's own"],
    ["ssm:/SSMkeys/{user}", "AWS's own"],
    ["ssm:/keys/{user}?split=true", "split is yes or no"],
    ["ssm:/keys/{user}?tier=Cheap", "there is no tier Cheap"],
    ["ssm:/keys/{user}?kms=alias/x", "ssm has no option kms"],
    ["ssm:/keys/{user}?split=yes&field.a=accessKeyId&field.b=secretAccessKey", "field.a means nothing with"],
    ["ssm:/keys/{user}?split=yes&sesRegion=eu-west-1", "sesRegion means nothing with"],
    ["ssm:/keys/{user}?accessKeyIdName=id", "accessKeyIdName means nothing without"],
    ["ssm:/keys/{user}?split=yes&accessKeyIdName=a/b", '"a/b" is not the last part'],
    ["ssm:/keys/{user}?split=yes&accessKeyIdName=", '"" is not the last part'],
    ["ssm:/keys/{user}?split=yes&accessKeyIdName=one&secretAccessKeyName=one", "would be the same parameter"],
    ["ssm:/keys/{user}?field.a=accessKeyId", "no field holds a secret"],
  ])("%s is refused, by its own name", (text, message) => {
    expect(() => parse(text)).toThrow(InvalidInput);
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(text);
  });

  it.each([
    ["ssm:/keys/{path}/{user}", userNamed("u", `/${"a/".repeat(14)}`), "is 16 levels deep"],
    ["ssm:/keys/{path}/{user}?split=yes", userNamed("u", `/${"a/".repeat(13)}`), "is 16 levels deep"],
    ["ssm:/keys/{path}/{user}", userNamed("u", `/${"+".repeat(180)}/`), "too long"],
    ["ssm:/keys/{path}/{user}?split=yes", userNamed("u", `/${"a".repeat(880)}/`), "too long"],
    ["ssm:/{user}", userNamed("aws-bot"), "AWS's own"],
    ["ssm:/{path}/x", userNamed("u", "/ssm/"), "AWS's own"],
    ["ssm:/keys/{path}", userNamed("u"), "names no parameter"],
  ])("%s blocks a user for whom there can be no such parameter", async (text, user, message) => {
    const host = await openHost();
    expect(() => parse(text).open(host)(user, null)).toThrow(InvalidInput);
    expect(() => parse(text).open(host)(user, null)).toThrow(message);
  });

  it("may be as deep and as long as Parameter Store allows", async () => {
    const host = await openHost();
    expect(parse("ssm:/keys/{path}/{user}").open(host)(userNamed("u", `/${"a/".repeat(13)}`), null).label).toMatch(
      /a\/u$/,
    );
    expect(parse("ssm:/keys/{path}/{user}").open(host)(userNamed("u", `/${"a".repeat(890)}/`), null).label).toMatch(
      /a\/u$/,
    );
  });

  it("needs three permissions on its own parameters, and those of its KMS key", () => {
    expect(parse(`ssm:/keys/{path}/{user}?kmsKeyId=${KEY_ARN}`).permissions(CALLER, "eu-west-1")).toEqual([
      {
        sid: "DeliverToParameterStore",
        actions: ["ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter"],
        resources: ["arn:aws:ssm:eu-west-1:123456789012:parameter/keys/*"],
      },
      {
        sid: "KmsForParameterStore",
        actions: ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
        resources: [KEY_ARN],
      },
    ]);
    expect(parse("ssm:/keys/{user}?split=yes&region=us-east-2").permissions(CALLER, "eu-west-1")).toMatchObject([
      { resources: ["arn:aws:ssm:us-east-2:123456789012:parameter/keys/*/*"] },
    ]);
  });
});
