import {
  DeleteParameterCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  LabelParameterVersionCommand,
  PutParameterCommand,
} from "@aws-sdk/client-ssm";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseSealer } from "../../src/compose.ts";
import type { AccessKeyId, User } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import type { Owner } from "../../src/core/owner.ts";
import { CallError, type Sealer } from "../../src/ports.ts";
import { asFernetKey, newFernetKey, openToken } from "../../src/seal/fernet-token.ts";
import { errorOf, expectNoSecret, freshPair, freshUser, userNamed } from "../destinations/contract.ts";
import { type AwsHost, bodiesOf, CALLER, QUOTES, refuseQuoting, startAws, whySkipped } from "../destinations/host.ts";
import { motoMissing } from "../support/moto.ts";

const KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OWNER: Owner = { address: "owner@example.com", instruction: "", recipient: null };
const HOUR = 3600;

let aws: AwsHost;
let seconds = 0;

const parsed = async (text: string) => {
  const sealer = await parseSealer(text);
  if (sealer === null) throw new Error("no encryption");
  return sealer;
};
const open = async (text = "fernet"): Promise<Sealer> => (await parsed(text)).open(aws.host.access, CALLER);
const nameOf = ({ userName }: User) => `/ikr/secret/iam/${userName}`;

/** What the owner does with a mail: the version that it names, and one of its values. */
async function openWith(parameter: string, token: string): Promise<string | undefined> {
  const { Parameter } = await aws.ssm.send(new GetParameterCommand({ Name: parameter, WithDecryption: true }));
  const key = asFernetKey(Parameter?.Value ?? "");
  return key === null ? undefined : openToken(key, token)?.reveal();
}

async function versionsOf(user: User) {
  const { Parameters = [] } = await aws.ssm.send(
    new GetParameterHistoryCommand({ Name: nameOf(user), WithDecryption: true }),
  );
  return Parameters;
}

const labelsOf = async (user: User) => (await versionsOf(user)).map(({ Labels }) => Labels);

/** As aws-iam-key-rotator puts it. */
const putAsBefore = async (
  user: User,
  value = newFernetKey().reveal(),
  type: "SecureString" | "String" = "SecureString",
) => {
  await aws.ssm.send(new PutParameterCommand({ Name: nameOf(user), Value: value, Type: type, Overwrite: true }));
  return value;
};

/** Answers for IAM, which moto's own cannot be made to: the keys that the user has, and when they were created. */
function haveKeys(keys: readonly { id: string; created: Date }[]): void {
  const members = keys
    .map(
      ({ id, created }) =>
        `<member><UserName>x</UserName><AccessKeyId>${id}</AccessKeyId><Status>Active</Status><CreateDate>${created.toISOString()}</CreateDate></member>`,
    )
    .join("");
  const body = `<ListAccessKeysResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListAccessKeysResult><AccessKeyMetadata>${members}</AccessKeyMetadata><IsTruncated>false</IsTruncated></ListAccessKeysResult></ListAccessKeysResponse>`;
  aws.proxy.before = ({ action }) =>
    action === "iam:ListAccessKeys" ? { kind: "reply", status: 200, body } : { kind: "pass" };
}

/** Two hours go by: what was put before is no longer young. */
async function passTwoHours(): Promise<void> {
  seconds += 2 * HOUR;
  await aws.pass(2 * HOUR);
}

const now = () => new Date(Date.now() + seconds * 1000);

describe.skipIf(motoMissing !== null)(`Fernet, with keys in Parameter Store${whySkipped}`, () => {
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws?.stop());
  const called = new Set<string>();
  afterEach(() => {
    for (const { action } of aws.proxy.calls) called.add(action);
    aws.proxy.reset();
  });

  it("seals each pair under a version of its own, which the mail names, and leaves the earlier ones", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    const sealer = await open();
    await sealer.check(user, OWNER);
    const mails = [await sealer.seal(user, OWNER, first), await sealer.seal(user, OWNER, second)];
    for (const [index, pair] of [first, second].entries()) {
      const parameter = `${nameOf(user)}:${index + 1}`;
      const mail = mails[index];
      expect(mail?.howToOpen).toContain(`version ${index + 1} of the SSM parameter ${nameOf(user)} in eu-west-1`);
      expect(mail?.howToOpen).toContain(`aws ssm get-parameter --name ${parameter} --with-decryption`);
      expect(mail?.howToOpen).toContain(`keyturn decrypt --parameter ${parameter} --region eu-west-1`);
      expect(await openWith(parameter, mail?.accessKeyId ?? "")).toBe(pair.accessKeyId);
      expect(await openWith(parameter, mail?.secretAccessKey ?? "")).toBe(pair.secretAccessKey.reveal());
    }
    expect(await labelsOf(user)).toEqual([[first.accessKeyId], [second.accessKeyId]]);
    const values = (await versionsOf(user)).map(({ Value }) => Value);
    expect(new Set(values).size).toBe(2);
    for (const value of values) expect(JSON.stringify(mails)).not.toContain(value);
  });

  it("seals the same pair again under the version that it has, however often", async () => {
    const [user, pair] = [freshUser(), freshPair()];
    const sealer = await open();
    const texts = [await sealer.seal(user, OWNER, pair), await sealer.seal(user, OWNER, pair)];
    expect(texts[0]?.secretAccessKey).not.toBe(texts[1]?.secretAccessKey);
    expect(texts[0]?.howToOpen).toBe(texts[1]?.howToOpen);
    expect(await versionsOf(user)).toHaveLength(1);
  });

  it("makes another version where the answer to a put was lost, and where the label could not be set", async () => {
    const [user, pair] = [freshUser(), freshPair()];
    let lost = 0;
    aws.proxy.before = ({ action }) => {
      if (action === "ssm:PutParameter" && lost === 0) return { kind: "lose-reply" };
      return { kind: "pass" };
    };
    aws.proxy.after = ({ action }) => void (action === "ssm:PutParameter" && (lost += 1));
    const mail = await (await open()).seal(user, OWNER, pair);
    expect(mail.howToOpen).toContain(`${nameOf(user)}:2`);
    expect(await labelsOf(user)).toEqual([[], [pair.accessKeyId]]);
    expect(await openWith(`${nameOf(user)}:2`, mail.accessKeyId)).toBe(pair.accessKeyId);

    const next = freshPair();
    aws.proxy.before = ({ action }) =>
      action === "ssm:LabelParameterVersion"
        ? { kind: "error", status: 400, code: "AccessDeniedException" }
        : { kind: "pass" };
    const error = await errorOf(async () => (await open()).seal(user, OWNER, next));
    expect(error).toMatchObject({ kind: "denied", action: "ssm:LabelParameterVersion" });
    aws.proxy.reset();
    expect((await (await open()).seal(user, OWNER, next)).howToOpen).toContain(`${nameOf(user)}:4`);
  });

  it("takes a label that AWS does not take for a failure", async () => {
    const [user, pair] = [freshUser(), freshPair()];
    aws.proxy.before = ({ action }) =>
      action === "ssm:LabelParameterVersion"
        ? { kind: "reply", status: 200, body: JSON.stringify({ InvalidLabels: [pair.accessKeyId] }) }
        : { kind: "pass" };
    const error = await errorOf(async () => (await open()).seal(user, OWNER, pair));
    expect(error).toMatchObject({ kind: "refused", code: "InvalidLabels" });
  });

  it("keeps type, KMS key, description and tier of a parameter that is there, on every put", async () => {
    const user = freshUser();
    const before = {
      Name: nameOf(user),
      Type: "SecureString",
      KeyId: KEY_ARN,
      Description: "of S3",
      Tier: "Advanced",
    } as const;
    await aws.ssm.send(new PutParameterCommand({ ...before, Value: newFernetKey().reveal() }));
    await (await open()).seal(user, OWNER, freshPair());
    await (await open("fernet?kmsKeyId=alias/other")).seal(user, OWNER, freshPair());
    expect(bodiesOf(aws.proxy, "ssm:PutParameter")).toMatchObject([
      { ...before, Overwrite: true },
      { ...before, Overwrite: true, KeyId: "alias/other" },
    ]);
  });

  it("writes a user's name as it is where Parameter Store takes it, and encoded where not", async () => {
    for (const [userName, name] of [
      ["jane.doe", "jane.doe"],
      ["a,b@c", "a_x2C_b_x40_c"],
      ["..", "_x2E_."],
    ] as const) {
      const mail = await (await open("fernet:/mail/keys")).seal(userNamed(userName), OWNER, freshPair());
      expect(mail.howToOpen).toContain(`/mail/keys/${name}:1 `);
    }
  });

  it.each([
    ["text", "String", "not a key"],
    ["a secret of somebody's", "SecureString", "hunter2"],
    ["a Fernet key that is no secret", "String", newFernetKey().reveal()],
  ] as const)("never overwrites or deletes %s", async (_, type, value) => {
    const user = freshUser();
    await putAsBefore(user, value, type);
    for (const work of [
      async () => (await open()).check(user, OWNER),
      async () => (await open()).seal(user, OWNER, freshPair()),
    ]) {
      const error = await errorOf(work);
      expect(error).toBeInstanceOf(InvalidInput);
      expect(error).toMatchObject({
        message: `ssm:${nameOf(user)} exists, and holds no Fernet key: it is not overwritten`,
      });
      expectNoSecret(error, value);
    }
    await passTwoHours();
    haveKeys([]);
    await (await open()).tidy(user, []);
    expect((await versionsOf(user)).map(({ Value }) => Value)).toEqual([value]);
  });

  it("refuses a parameter whose pattern no Fernet key fits before a key is made", async () => {
    const user = freshUser();
    const AllowedPattern = "^[A-Za-z0-9_-]+=$|^x$";
    await aws.ssm.send(
      new PutParameterCommand({
        Name: nameOf(user),
        Type: "SecureString",
        Value: newFernetKey().reveal(),
        AllowedPattern,
      }),
    );
    await (await open()).check(user, OWNER);
    aws.proxy.rewrite = ({ action }, body) =>
      action === "ssm:GetParameterHistory" ? body.replaceAll(JSON.stringify(AllowedPattern), '"^x$"') : body;
    expect(await errorOf(async () => (await open()).check(user, OWNER))).toMatchObject({
      message: expect.stringContaining("allows only values of the pattern ^x$"),
    });
  });

  it("lets go of the parameter when the last key that was mailed under it is gone, and not before", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    const sealer = await open();
    for (const pair of [first, second]) await sealer.seal(user, OWNER, pair);
    haveKeys([]);
    await sealer.tidy(user, []); // another run may be about to mail the newest
    expect(await versionsOf(user)).toHaveLength(2);
    await passTwoHours();
    await sealer.tidy(user, [first.accessKeyId]);
    expect(await versionsOf(user)).toHaveLength(2);
    haveKeys([{ id: second.accessKeyId, created: now() }]); // created after the run had listed the keys
    await sealer.tidy(user, []);
    expect(await versionsOf(user)).toHaveLength(2);
    haveKeys([{ id: freshPair().accessKeyId, created: now() }]); // by hand: never mailed
    await sealer.tidy(user, []);
    expect(await errorOf(() => versionsOf(user))).toMatchObject({ name: "ParameterNotFound" });
    await sealer.tidy(user, []);
  });

  it("keeps what was mailed before its time while a key of then is left, and what a person has labelled", async () => {
    const [user, theirs] = [freshUser(), freshUser()];
    const then = now();
    await putAsBefore(user);
    await putAsBefore(theirs);
    await aws.ssm.send(
      new LabelParameterVersionCommand({ Name: nameOf(theirs), ParameterVersion: 1, Labels: ["mine"] }),
    );
    await passTwoHours();
    const sealer = await open();
    haveKeys([{ id: freshPair().accessKeyId, created: then }]);
    await sealer.tidy(user, []);
    expect(await versionsOf(user)).toHaveLength(1);
    haveKeys([{ id: freshPair().accessKeyId, created: now() }]);
    await sealer.tidy(user, []);
    await sealer.tidy(theirs, []);
    expect(await errorOf(() => versionsOf(user))).toMatchObject({ name: "ParameterNotFound" });
    expect(await versionsOf(theirs)).toHaveLength(1);
    await aws.ssm.send(new DeleteParameterCommand({ Name: nameOf(theirs) }));
  });

  it("makes room at a hundred versions by taking labels of keys off that exist no more, and of no others", async () => {
    const [user, gone, here] = [freshUser(), freshPair(), freshPair()];
    for (let version = 1; version <= 100; version += 1) await putAsBefore(user);
    const label = (id: AccessKeyId) =>
      aws.ssm.send(new LabelParameterVersionCommand({ Name: nameOf(user), ParameterVersion: 1, Labels: [id] }));
    const sealer = await open();
    await label(gone.accessKeyId);
    await label(here.accessKeyId);
    haveKeys([{ id: here.accessKeyId, created: now() }]);
    for (const work of [() => sealer.check(user, OWNER), () => sealer.seal(user, OWNER, freshPair())])
      expect(await errorOf(work)).toMatchObject({
        message: `ssm:${nameOf(user)} has 100 versions, and the oldest is needed still (${here.accessKeyId}): it takes no other`,
      });
    haveKeys([]);
    await sealer.check(user, OWNER);
    expect(aws.proxy.counts()["ssm:UnlabelParameterVersion"]).toBeUndefined();
    expect((await sealer.seal(user, OWNER, freshPair())).howToOpen).toContain(`${nameOf(user)}:101`);
  });

  it.each(Object.keys(QUOTES))("shows neither key nor secret in an error of a store that quotes: %s", async (quote) => {
    const [user, pair] = [freshUser(), freshPair()];
    let value = "";
    refuseQuoting(aws.proxy, "ssm:PutParameter", "Value", quote);
    const refuse = aws.proxy.before;
    aws.proxy.before = (call) => {
      if (call.action === "ssm:PutParameter") value = String((JSON.parse(call.body) as { Value?: string }).Value);
      return refuse(call);
    };
    const error = await errorOf(async () => (await open()).seal(user, OWNER, pair));
    expect(error).toBeInstanceOf(CallError);
    expect(asFernetKey(value)).not.toBeNull();
    expectNoSecret(error, value, pair.secretAccessKey.reveal());
  });

  it("asks for all permissions that it needs, and for no other", async () => {
    const { actions = [] } = (await parsed("fernet")).permissions(CALLER, "eu-west-1")[0] ?? {};
    expect([...called].toSorted()).toEqual(["iam:ListAccessKeys", ...actions].toSorted()); // the first, a run has anyway
  });
});

describe("settings of an encryption", () => {
  it.each([
    ["fernet:keys", "is not the name of a parameter folder"],
    ["fernet:/aws/keys", "is not the name of a parameter folder"],
    [`fernet:${"/a".repeat(15)}`, "is too deep a folder"],
    ["fernet?tier=Advanced", "fernet has no option tier"],
    ["age:./keys/{user}.txt", "no placeholder can stand here"],
    ["age?x=y", "age has no option x"],
    ["pgp", 'there is no encryption "pgp"'],
  ])("%s is refused", async (text, message) => {
    expect(await errorOf(() => parsed(text))).toMatchObject({
      name: "InvalidInput",
      message: expect.stringContaining(message),
    });
  });

  it("none is none; what Fernet asks for ends at its folder, and age asks for nothing", async () => {
    expect(await parseSealer("none")).toBeNull();
    expect((await parsed("age")).permissions(CALLER, "eu-west-1")).toEqual([]);
    const text = `fernet:/vault?region=us-east-2&kmsKeyId=${KEY_ARN}`;
    expect((await parsed(text)).permissions(CALLER, "eu-west-1")).toMatchObject([
      { sid: "SealWithFernet", resources: ["arn:aws:ssm:us-east-2:123456789012:parameter/vault/*"] },
      { sid: "KmsForFernet", resources: [KEY_ARN] },
    ]);
    expect((await parsed("fernet")).permissions(CALLER, "eu-west-1")).toHaveLength(1);
  });
});
