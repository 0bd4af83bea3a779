import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-secrets-manager";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { User } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { secretsmanager } from "../../src/destinations/secretsmanager.ts";
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
const TARGET = "secretsmanager:keys/{user}";

let aws: AwsHost;

const open = (user: User, text = TARGET): Destination =>
  secretsmanager.parse(parseTarget(text)).open(aws.host)(user, null);
const nameOf = ({ userName }: User) => `keys/${userName}`;

const create = (user: User, text: string | undefined, bytes?: Uint8Array) =>
  aws.secrets.send(new CreateSecretCommand({ Name: nameOf(user), SecretString: text, SecretBinary: bytes }));
const putByHand = (user: User, text: string, VersionStages?: string[]) =>
  aws.secrets.send(new PutSecretValueCommand({ SecretId: nameOf(user), SecretString: text, VersionStages }));

/** What a consumer reads of a stage; null where there is none. */
async function textOf(user: User, VersionStage = "AWSCURRENT"): Promise<string | null> {
  try {
    const input = { SecretId: nameOf(user), VersionStage };
    return (await aws.secrets.send(new GetSecretValueCommand(input))).SecretString ?? null;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return null;
    throw error;
  }
}

const documentOf = async (user: User, stage?: string) =>
  JSON.parse((await textOf(user, stage)) ?? "null") as Record<string, string> | null;

/** The stages of every version, and the date of the last change. */
async function stagesOf(user: User): Promise<unknown> {
  try {
    const input = { SecretId: nameOf(user) };
    const { LastChangedDate } = await aws.secrets.send(new DescribeSecretCommand(input));
    const { Versions = [] } = await aws.secrets.send(
      new ListSecretVersionIdsCommand({ ...input, IncludeDeprecated: true }),
    );
    return [LastChangedDate, Versions.map(({ VersionId, VersionStages }) => [VersionId, VersionStages])];
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return null;
    throw error;
  }
}

const bench = (): Bench => ({
  open: (user) => open(user),
  consume: async (user): Promise<Seen | null> => {
    const document = await documentOf(user);
    return document === null
      ? null
      : { accessKeyId: document["AccessKeyId"] ?? null, secretAccessKey: document["SecretAccessKey"] ?? null };
  },
  stored: async (user) => [await stagesOf(user), await textOf(user), await textOf(user, "AWSPENDING")],
  passAMinute: () => aws.passAMinute(),
  document: {
    put: async (user, fields) => void (await create(user, JSON.stringify(fields))),
    get: async (user) => (await documentOf(user)) ?? {},
  },
  fail: async (_, failure) => refuseQuoting(aws.proxy, "secretsmanager:PutSecretValue", "SecretString", failure),
});

/** What a consumer got after each call that took effect. */
function lookAfterEachCall(user: User): readonly (string | null)[] {
  const seen: (string | null)[] = [];
  aws.proxy.after = async () => void seen.push(await textOf(user));
  return seen;
}

/** The first call of this kind takes effect, but its answer is lost: the SDK sends it again. */
function loseReplyOnce(action: string): void {
  let lost = false;
  aws.proxy.before = (call) => {
    if (call.action !== action || lost) return { kind: "pass" };
    lost = true;
    return { kind: "lose-reply" };
  };
}

/** The error in which everything that keyturn does with the secret ends, which stays as it was. */
async function refusalOf(user: User): Promise<unknown> {
  const before = await stagesOf(user);
  const destination = open(user);
  const errors: unknown[] = [];
  for (const work of [
    () => destination.check(),
    async () => destination.read?.(),
    async () => destination.stage?.(freshPair()),
    () => destination.deliver(freshPair()),
  ])
    errors.push(await errorOf(work));
  const [error, ...others] = errors;
  for (const other of others) expect(String(other)).toBe(String(error));
  expect(await stagesOf(user)).toEqual(before);
  return error;
}

describe.skipIf(motoMissing !== null)(`AWS Secrets Manager${whySkipped}`, () => {
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws?.stop());
  afterEach(() => aws.proxy.reset());

  const failures = Object.keys(QUOTES);
  destinationContract(
    "a secret",
    { readable: true, remembers: true, stages: true, hasDocument: true, failures },
    bench,
  );

  describe("a secret that does not exist", () => {
    it("is created with an empty object, with the KMS key of the target, and the key comes second", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await open(user, `${TARGET}?kmsKeyId=${KEY_ARN}`).stage?.(pair);
      expect(bodiesOf(aws.proxy, "secretsmanager:CreateSecret")).toEqual([
        {
          Name: nameOf(user),
          SecretString: "{}",
          Description: `Access key of ${user.userName}, kept by keyturn`,
          KmsKeyId: KEY_ARN,
          ClientRequestToken: expect.any(String),
        },
      ]);
      expect(bodiesOf(aws.proxy, "secretsmanager:PutSecretValue")).toMatchObject([{ VersionStages: ["AWSPENDING"] }]);
      expect(await textOf(user)).toBe("{}");
    });

    it("shows the key to no consumer at any call before its delivery", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      const destination = open(user);
      const seen = lookAfterEachCall(user);
      await destination.check();
      await destination.stage?.(pair);
      expect(seen).toEqual([null, "{}", "{}", "{}", "{}"]);
      aws.proxy.reset();
      await destination.deliver(pair);
      expect(await documentOf(user)).toEqual({
        AccessKeyId: pair.accessKeyId,
        SecretAccessKey: pair.secretAccessKey.reveal(),
      });
    });

    it("is not created by a check", async () => {
      const user = freshUser();
      await open(user).check();
      expect(await stagesOf(user)).toBeNull();
    });

    it("and is created although no answer comes is used", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      loseReplyOnce("secretsmanager:CreateSecret");
      await open(user).stage?.(pair);
      expect(aws.proxy.counts()["secretsmanager:CreateSecret"]).toBe(2);
      expect((await open(user).readPast?.())?.pending).toBe(pair.accessKeyId);
    });
  });

  describe("a secret that has no version yet, as Terraform makes it", () => {
    it("shows the key to no consumer before its delivery either", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await create(user, undefined);
      const destination = open(user);
      await destination.check();
      expect(await destination.read?.()).toMatchObject({ accessKeyId: null });
      const seen = lookAfterEachCall(user);
      await destination.stage?.(pair);
      expect(seen).toEqual(["{}", "{}", "{}", "{}"]);
      expect((await open(user).readPast?.())?.pending).toBe(pair.accessKeyId);
      aws.proxy.reset();
      await open(user).deliver(pair);
      expect(await documentOf(user)).toMatchObject({ AccessKeyId: pair.accessKeyId });
    });
  });

  describe("a secret that exists", () => {
    it("keeps its other fields in the stage and after the delivery", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await create(user, '{"bucket": "reports", "nested": {"deep": [1, 2]}, "AccessKeyId": "none yet"}');
      const destination = open(user);
      await destination.stage?.(pair);
      const expected = { bucket: "reports", nested: { deep: [1, 2] }, AccessKeyId: pair.accessKeyId };
      expect(await documentOf(user, "AWSPENDING")).toMatchObject(expected);
      expect(await documentOf(user)).toMatchObject({ AccessKeyId: "none yet" });
      await destination.deliver(pair);
      expect(await documentOf(user)).toMatchObject(expected);
    });

    it("is read, checked, staged, delivered to and read back with four calls", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      const destination = open(user);
      await destination.deliver(freshPair());
      await destination.read?.();
      aws.proxy.reset();
      await destination.read?.();
      await destination.check();
      await destination.stage?.(pair);
      await destination.deliver(pair);
      expect((await destination.read?.())?.accessKeyId).toBe(pair.accessKeyId);
      expect(aws.proxy.counts()).toEqual({
        "secretsmanager:DescribeSecret": 2,
        "secretsmanager:PutSecretValue": 1,
        "secretsmanager:UpdateSecretVersionStage": 1,
      });
    });

    it("is delivered to by naming the version that was current when the key was staged", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      const { VersionId } = await create(user, "{}");
      const destination = open(user);
      await destination.stage?.(pair);
      await destination.deliver(pair);
      expect(bodiesOf(aws.proxy, "secretsmanager:UpdateSecretVersionStage")).toEqual([
        {
          SecretId: nameOf(user),
          VersionStage: "AWSCURRENT",
          RemoveFromVersionId: VersionId,
          MoveToVersionId: expect.any(String),
        },
      ]);
    });

    it("whose value a person changes between stage and deliver is not overwritten", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await create(user, "{}");
      const destination = open(user);
      await destination.read?.();
      await destination.stage?.(pair);
      await putByHand(user, '{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "note": "by hand"}');
      expect(await errorOf(() => destination.deliver(pair))).toMatchObject({ name: "CallError", kind: "refused" });
      expect(await documentOf(user)).toEqual({ AccessKeyId: "AKIAIOSFODNN7EXAMPLE", note: "by hand" });
      expect((await open(user).read?.())?.accessKeyId).toBe("AKIAIOSFODNN7EXAMPLE");
      expect(await secretIn(open(user), pair.accessKeyId)).toBe(pair.secretAccessKey.reveal());
    });

    it("whose value a person changes between read and stage is not overwritten either", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await create(user, "{}");
      const destination = open(user);
      await destination.read?.();
      await putByHand(user, '{"note": "by hand"}');
      await destination.check();
      await destination.stage?.(pair);
      expect(await errorOf(() => destination.deliver(pair))).toMatchObject({ kind: "refused" });
      expect(await documentOf(user)).toEqual({ note: "by hand" });
      await open(user).deliver(pair);
      expect(await documentOf(user)).toMatchObject({ note: "by hand", AccessKeyId: pair.accessKeyId });
    });

    it("that moved to the new version although no answer came counts as delivered", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      const destination = open(user);
      await destination.deliver(freshPair());
      await destination.stage?.(pair);
      loseReplyOnce("secretsmanager:UpdateSecretVersionStage");
      await destination.deliver(pair);
      expect(await documentOf(user)).toMatchObject({ AccessKeyId: pair.accessKeyId });
      expect((await destination.readPast?.())?.pending).toBeNull();
    });

    it("that took the key although no answer came has it staged once", async () => {
      const [user, pair] = [freshUser(), freshPair()];
      await create(user, "{}");
      loseReplyOnce("secretsmanager:PutSecretValue");
      const destination = open(user);
      await destination.stage?.(pair);
      expect(aws.proxy.counts()["secretsmanager:PutSecretValue"]).toBe(2);
      const [one, two] = bodiesOf(aws.proxy, "secretsmanager:PutSecretValue");
      expect(two).toEqual(one);
      await destination.deliver(pair);
      expect(await documentOf(user)).toMatchObject({ AccessKeyId: pair.accessKeyId });
    });

    it("where staging failed tells the next question what is there, not what was", async () => {
      const [user, before, pair] = [freshUser(), freshPair(), freshPair()];
      const destination = open(user);
      await destination.deliver(before);
      await destination.read?.();
      aws.proxy.before = ({ action }) =>
        action === "secretsmanager:PutSecretValue"
          ? { kind: "error", status: 400, code: "LimitExceededException", afterEffect: true }
          : { kind: "pass" };
      await errorOf(async () => destination.stage?.(pair));
      expect((await destination.readPast?.())?.pending).toBe(pair.accessKeyId);
    });
  });

  describe("a pending version that somebody else left", () => {
    it.each(["their new password", '{"password": "theirs"}', "[]"])(
      "and that holds %s is no key of ours and no obstacle",
      async (text) => {
        const [user, before, pair] = [freshUser(), freshPair(), freshPair()];
        await open(user).deliver(before);
        await putByHand(user, text, ["AWSPENDING"]);
        const destination = open(user);
        expect((await destination.readPast?.())?.pending).toBeNull();
        expect(await secretIn(destination, before.accessKeyId)).toBe(before.secretAccessKey.reveal());
        await destination.check();
        await destination.unstage?.(pair.accessKeyId);
        expect(await textOf(user, "AWSPENDING")).toBe(text);
        await destination.stage?.(pair);
        expect((await open(user).readPast?.())?.pending).toBe(pair.accessKeyId);
        await destination.deliver(pair);
        expect(await bench().consume(user)).toEqual(seenOf(pair));
      },
    );

    it("with another key is told as pending, and is not taken away in our key's name", async () => {
      const [user, theirs, ours] = [freshUser(), freshPair(), freshPair()];
      await create(user, "{}");
      await open(user).stage?.(theirs);
      await open(user).unstage?.(ours.accessKeyId);
      expect((await open(user).readPast?.())?.pending).toBe(theirs.accessKeyId);
    });
  });

  it("a previous value that is no JSON does not hide what else there is", async () => {
    const [user, pair] = [freshUser(), freshPair()];
    await create(user, "a password from before keyturn");
    await putByHand(user, "{}");
    await open(user).stage?.(pair);
    expect(await open(user).readPast?.()).toEqual({ pending: pair.accessKeyId, history: [] });
  });

  describe("a secret that keyturn does not touch", () => {
    it.each(["a plain password", "[1, 2]", '"quoted text"', "null"])(
      "because it holds %s, which is quoted nowhere",
      async (text) => {
        const user = freshUser();
        await create(user, text);
        const error = await refusalOf(user);
        expect(error).toBeInstanceOf(InvalidInput);
        expect(error).toMatchObject({
          message: expect.stringMatching(/ holds (text that is not JSON|JSON that is not an object)$/),
        });
        if (text.length > 6) expectNoSecret(error, text);
        expect(await textOf(user)).toBe(text);
      },
    );

    it("because it holds binary data", async () => {
      const user = freshUser();
      await create(user, undefined, new Uint8Array([1, 2, 3]));
      expect(await refusalOf(user)).toMatchObject({
        name: "InvalidInput",
        message: `secretsmanager:${nameOf(user)} holds binary data`,
        hint: "keyturn keeps keys as JSON text: choose another target",
      });
    });

    it("because it is scheduled for deletion: the hint restores it", async () => {
      const user = freshUser();
      await create(user, "{}");
      await aws.secrets.send(new DeleteSecretCommand({ SecretId: nameOf(user), RecoveryWindowInDays: 7 }));
      expect(await refusalOf(user)).toMatchObject({
        name: "InvalidInput",
        message: `secretsmanager:${nameOf(user)} is scheduled for deletion`,
        hint: `aws secretsmanager restore-secret --secret-id ${nameOf(user)}, or choose another target`,
      });
    });

    it("because Secrets Manager rotates it: check says so before anything is made", async () => {
      const user = freshUser();
      await create(user, "{}");
      const described = await aws.secrets.send(new DescribeSecretCommand({ SecretId: nameOf(user) }));
      aws.proxy.before = ({ action }) =>
        action === "secretsmanager:DescribeSecret"
          ? {
              kind: "reply",
              status: 200,
              body: JSON.stringify({
                Name: described.Name,
                ARN: described.ARN,
                RotationEnabled: true,
                VersionIdsToStages: described.VersionIdsToStages,
              }),
            }
          : { kind: "pass" };
      expect(await errorOf(() => open(user).check())).toMatchObject({
        name: "InvalidInput",
        message: `secretsmanager:${nameOf(user)} is rotated by Secrets Manager itself: two rotators would work against each other`,
        hint: "switch its rotation off, or choose another target",
      });
    });

    it("because its ARN names none: a secret cannot be created by its ARN", async () => {
      const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gone-a1b2c3";
      const destination = open(freshUser(), `secretsmanager:${arn}`);
      expect(await errorOf(() => destination.check())).toMatchObject({
        name: "InvalidInput",
        message: `secretsmanager:${arn} does not exist`,
      });
      expect(await errorOf(async () => destination.stage?.(freshPair()))).toBeInstanceOf(InvalidInput);
      expect(aws.proxy.counts()["secretsmanager:CreateSecret"]).toBeUndefined();
    });
  });

  it("a secret may be named by its ARN", async () => {
    const [user, pair] = [freshUser(), freshPair()];
    const { ARN } = await create(user, "{}");
    await open(user, `secretsmanager:${ARN}`).deliver(pair);
    expect(await bench().consume(user)).toEqual(seenOf(pair));
  });

  it("an SMTP password of SES in a field shows in no error", async () => {
    const [user, pair] = [freshUser(), freshPair()];
    const target = `${TARGET}?field.user=accessKeyId&field.pass=sesSmtpPassword&sesRegion=eu-west-1`;
    const password = sesSmtpPassword(pair.secretAccessKey.reveal(), "eu-west-1");
    for (const quote of ["the body as it is", "the document as it is", "the document URL-encoded"]) {
      refuseQuoting(aws.proxy, "secretsmanager:PutSecretValue", "SecretString", quote);
      const error = await errorOf(() => open(user, target).deliver(pair));
      expect(error).toBeInstanceOf(CallError);
      expectNoSecret(error, password, pair.secretAccessKey.reveal());
    }
    aws.proxy.reset();
    await open(user, target).deliver(pair);
    expect(await documentOf(user)).toEqual({ user: pair.accessKeyId, pass: password });
  });

  it("a missing permission is told as denied, with the action and the secret", async () => {
    const user = freshUser();
    aws.proxy.before = () => ({ kind: "error", status: 400, code: "AccessDeniedException" });
    expect(await errorOf(async () => open(user).read?.())).toMatchObject({
      name: "CallError",
      kind: "denied",
      action: "secretsmanager:DescribeSecret",
      resource: nameOf(user),
    });
  });
});

const parse = (text: string) => secretsmanager.parse(parseTarget(text));

describe("a Secrets Manager target", () => {
  it.each([
    ["secretsmanager:", "names no secret"],
    ["secretsmanager:keys/", "names no secret"],
    ["secretsmanager:keys/a b", "is not a secret's name"],
    ["secretsmanager:keys/a,b", "is not a secret's name"],
    ["secretsmanager:keys:{user}", "is not a secret's name"],
    ["secretsmanager:keys/{user}?stage=AWSPENDING", "secretsmanager has no option stage"],
    ["secretsmanager:keys/{user}?field.a=accessKeyId", "no field holds a secret"],
  ])("%s is refused, by its own name", (text, message) => {
    expect(() => parse(text)).toThrow(InvalidInput);
    expect(() => parse(text)).toThrow(message);
    expect(() => parse(text)).toThrow(text);
  });

  it.each([
    [userNamed("u", `/${"a".repeat(509)}/`), "too long a name"],
    [userNamed("u", `/${"{".repeat(100)}/`), null],
    [userNamed("u", `/${"{".repeat(102)}/`), "too long a name"],
  ])("blocks a user whose secret would have too long a name", async (user, message) => {
    const host = await openHost();
    const opened = () => parse("secretsmanager:k/{path}/{user}").open(host)(user, null);
    if (message === null) expect(opened().label.length).toBeLessThanOrEqual("secretsmanager:".length + 512);
    else expect(opened).toThrow(message);
  });

  it("blocks a user for whom it names nothing", async () => {
    const host = await openHost();
    expect(() => parse("secretsmanager:{path}").open(host)(userNamed("u"), null)).toThrow(InvalidInput);
    expect(() => parse("secretsmanager:k/{path}").open(host)(userNamed("u"), null)).toThrow("names no secret");
  });

  it("needs five permissions on its own secrets, and those of its KMS key", () => {
    expect(parse(`secretsmanager:keys/{user}?kmsKeyId=${KEY_ARN}`).permissions(CALLER, "eu-west-1")).toEqual([
      {
        sid: "CreateSecrets",
        actions: ["secretsmanager:CreateSecret"],
        resources: [
          "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys/*",
          "arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys/*-??????",
        ],
      },
      {
        sid: "DeliverToSecretsManager",
        actions: [
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage",
        ],
        resources: ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:keys/*-??????"],
      },
      { sid: "KmsForSecretsManager", actions: ["kms:Decrypt", "kms:GenerateDataKey"], resources: [KEY_ARN] },
    ]);
  });
});
