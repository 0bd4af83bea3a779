import { PutSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import { describe, expect, it } from "vitest";
import type { AccessKeyId } from "../../src/core/access-key.ts";
import { CallError } from "../../src/ports.ts";
import { days, minutes } from "../../src/core/time.ts";
import { sesSmtpPassword } from "../../src/documents/fields.ts";
import { SECRET, Stage, STEPS, USER } from "./stage.ts";

const copyOfCurrent = (made: Stage, token: string) =>
  new PutSecretValueCommand({
    SecretId: SECRET,
    SecretString: JSON.stringify(made.secrets.read(SECRET)),
    ClientRequestToken: token,
  });

function stage(...keys: readonly { ageDays: number; status?: "Active" | "Inactive" }[]) {
  const made = new Stage();
  const ids = made.user(keys.length === 0 ? [{ ageDays: 40 }] : keys, { Host: "db.example.com" });
  return { made, ids };
}

/** The new key is served and recorded, the old one untouched, and nothing else is there. */
function expectRotated(made: Stage, old: readonly AccessKeyId[], what: string): AccessKeyId {
  const served = made.secrets.read(SECRET)?.["Key"] as AccessKeyId; // compared with the user's keys below
  expect(old, what).not.toContain(served);
  expect(made.keys(), what).toEqual([...old, served]);
  const inactive = made.account.keys(USER).filter(({ status }) => status !== "Active");
  expect(inactive, what).toEqual([]);
  expect(made.record(), what).toMatch(/^v1 delivered at=/);
  expect(made.record(), what).toContain(`new=${served} old=${old.join("+")}`);
  return served;
}

describe("a rotation by Secrets Manager", () => {
  it("makes a key, proves it, serves it, and leaves the old key and all other fields as they are", async () => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    await made.step("createSecret", token);
    expect(made.secrets.read(SECRET)?.["Key"]).toBe(ids[0]);
    expect(made.record()).toContain("creating");
    for (const step of STEPS.slice(1)) await made.step(step, token);
    const served = expectRotated(made, ids, "once");
    expect(made.secrets.read(SECRET)).toEqual({
      Key: served,
      Secret: expect.stringMatching(/^\w{40}$/),
      UserName: USER,
      Host: "db.example.com",
    });
    expect(made.secrets.stages(SECRET, token)).toEqual(["AWSCURRENT"]);
    expect(made.account.use(served, "s3", "eu-west-1")).toBe(true);
  });

  it("begins with a secret that holds nothing but its user's name", async () => {
    const made = new Stage();
    made.user([]);
    await made.rotate();
    expectRotated(made, [], "the first key");
    expect(made.secrets.read(SECRET)).toMatchObject({ UserName: USER });
  });

  it("repeats every step without a further call that changes anything, in whatever order", async () => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    for (const step of STEPS) {
      await made.step(step, token);
      const done = STEPS.slice(0, STEPS.indexOf(step) + 1);
      const [keys, record] = [made.keys(), made.record()];
      made.calls.length = 0;
      for (const again of done) await made.step(again, token);
      expect([made.keys(), made.record()], step).toEqual([keys, record]);
      expect(
        made.calls.filter((call) => /Create|Put|Tag|Update|Delete/.test(call) && call !== "iam:ListUserTags"),
      ).toEqual([]);
    }
    await made.rotate(token);
    expectRotated(made, ids, "three times");
  });

  it.each(["before", "after"] as const)(
    "that dies at any call, %s it took effect, is finished by the service's own retry",
    async (when) => {
      for (const first of [[{ ageDays: 40 }], []]) {
        for (let call = 1; ; call += 1) {
          const { made, ids } = { made: new Stage(), ids: [] as readonly string[] };
          const old = made.user(first);
          const token = made.secrets.begin(SECRET);
          made.dieAt = { call, when };
          const died = await made.rotate(token).then(() => null, String);
          if (died === null) break;
          made.dieAt = null;
          // The one that died may be known to this sandbox, or another one may be called.
          if (call % 2 === 0) made.newSandbox();
          await made.rotate(token);
          const what = `call ${call}: ${died} ${ids.join()}`;
          // The only Active key of a user is never deleted: where a first key's secret was lost, it stays for the cleanup.
          const lost = made.keys().filter((id) => id !== made.secrets.read(SECRET)?.["Key"] && !old.includes(id));
          expect(lost.length, what).toBeLessThanOrEqual(first.length === 0 ? 1 : 0);
          expectRotated(made, [...old, ...lost], what);
          expect(call).toBeLessThan(100);
        }
      }
    },
  );
});

describe("what is in the way of a rotation", () => {
  it.each([
    [{ Step: "createsecret" }, "there is no step"],
    [{ Step: "dropSecret" }, "there is no step"],
    [{ Step: "" }, "it needs Step, SecretId and ClientRequestToken"],
    [{ ClientRequestToken: "short" }, "no id of a version"],
    [{ SecretId: "a\nb" }, "no name of a secret"],
  ])("an event with %j is an error, not a success", async (change, words) => {
    const { made } = stage();
    const event = { Step: "createSecret", ClientRequestToken: made.secrets.begin(SECRET), ...change };
    expect(await made.failureOf(() => made.step(event.Step, event.ClientRequestToken, change))).toContain(words);
    expect(made.calls).toEqual([]);
  });

  it.each<readonly [string, (made: Stage) => string, string]>([
    [
      "rotation is not enabled",
      (made) => (made.secrets.switchOff(SECRET), made.secrets.begin(SECRET)),
      "is not enabled",
    ],
    ["no such version", () => "00000000-0000-4000-8000-000000000000", "has no version 00000000"],
    [
      "the rotation was given up",
      (made) => {
        const given = made.secrets.begin(SECRET);
        made.secrets.write(SECRET, { UserName: USER, Key: "AKIAIOSFODNN7EXAMPLE", Secret: "x" });
        const other = made.secrets.begin(SECRET);
        expect(other).not.toBe(given);
        return given;
      },
      "has no version",
    ],
  ])("%s: nothing is made", async (_, begin, words) => {
    const { made, ids } = stage();
    const token = begin(made);
    for (const step of STEPS) expect(await made.failureOf(() => made.step(step, token))).toContain(words);
    expect(made.keys()).toEqual(ids);
  });

  it.each<readonly [string, object | string | null, string]>([
    ["has no current value", null, 'give it one that names its user: {"UserName": "NAME"}'],
    ["names no user", { Key: "AKIAIOSFODNN7EXAMPLE" }, 'add "UserName": "NAME"'],
    ["is no JSON", "a secret text", "is not JSON"],
    ["names a user of no alphabet", { UserName: "../admin" }, "names a user that IAM cannot have"],
    ["names nobody", { UserName: "nobody" }, "which account 111122223333 does not have"],
    ["names a user that nobody tagged", { UserName: "admin" }, "lacks the tag Rotatable=true"],
    [
      "names an object in no region",
      { UserName: USER, TestBucket: "abc", TestKey: "k", TestRegion: "x.example.com/" },
      "is no region",
    ],
  ])("a secret that %s is refused, with what to do", async (_, value, words) => {
    const { made, ids } = stage();
    made.account.addUser("admin", { tags: { rotatable: "yes" } });
    made.secrets.create(SECRET, value);
    const failure = await made.failureOf(() => made.rotate());
    expect(failure).toContain(words);
    expect(failure).not.toContain("a secret text");
    expect([made.keys(), made.account.keys("admin")]).toEqual([ids, []]);
  });

  it("two keys already: it says which, and what frees a slot, before anything is made", async () => {
    const { made, ids } = stage({ ageDays: 100 }, { ageDays: 40 });
    const failure = await made.failureOf(() => made.rotate());
    expect(failure).toContain(`user ${USER} already has 2 access keys, ${ids[0]}`);
    expect(failure).toContain("cannot rotate");
    const withInactive = stage({ ageDays: 100, status: "Inactive" }, { ageDays: 40 });
    expect(await withInactive.made.failureOf(() => withInactive.made.rotate())).toContain("already has 2 access keys");
    // The rotation never retires a key itself, though it might go: that is the cleanup's, with a permission of its own.
    const retirable = stage();
    await retirable.made.rotate();
    retirable.made.pass(days(1));
    retirable.made.account.use(retirable.made.keys()[1] as never, "s3", "eu-west-1"); // an id of the account
    retirable.made.pass(days(3));
    const left = await retirable.made.failureOf(() => retirable.made.rotate());
    expect(left).toContain("the cleanup function retires what may go");
    expect(retirable.made.calls).not.toContain("iam:UpdateAccessKey");
    for (const each of [made, withInactive.made]) {
      expect(each.calls).not.toContain("iam:CreateAccessKey");
      expect(each.record()).toBe("");
    }
  });

  it("a key whose put was refused is no orphan for long: the retry removes it and makes another", async () => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    made.between = (call) => {
      if (call === "secretsmanager:PutSecretValue")
        throw Object.assign(new Error("no"), {
          name: "AccessDeniedException",
          $fault: "client",
          $metadata: { httpStatusCode: 400 },
        });
    };
    const began = made.clock.now();
    for (let tries = 0; tries < 3; tries += 1) {
      expect(await made.failureOf(() => made.rotate(token))).toContain("secretsmanager:PutSecretValue");
      expect(made.keys()).toHaveLength(2);
    }
    made.between = () => undefined;
    await made.rotate(token);
    // This sandbox knows that those turns are over: nobody waits for their lease.
    expect(made.clock.now() - began).toBeLessThan(minutes(3));
    expectRotated(made, ids, "after the refusals");
  });

  it("what another sandbox may be at is waited for, or left to the next call where the time is short", async () => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    made.between = (call) => {
      if (call === "iam:CreateAccessKey") made.dieAt = { call: made.calls.length, when: "after" };
    };
    await expect(made.rotate(token)).rejects.toThrow("after iam:CreateAccessKey");
    made.dieAt = null;
    made.between = () => undefined;
    made.newSandbox();
    made.remaining = minutes(5);
    expect(await made.failureOf(() => made.step("createSecret", token))).toContain("a time limit of 15 minutes");
    made.remaining = 30_000;
    expect(await made.failureOf(() => made.step("createSecret", token))).toContain("less than 45 s are left");
    made.remaining = minutes(15);
    const before = made.clock.now();
    await made.rotate(token);
    expect(made.clock.now() - before).toBeGreaterThan(minutes(3));
    expectRotated(made, ids, "after the lease");
  });

  it("a run of keyturn that takes over meanwhile keeps its key, and ours makes way", async () => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    made.between = (call) => {
      if (call !== "secretsmanager:PutSecretValue") return;
      made.account.tags(USER).set("keyturn:rotation", made.record().replace(/n=\w+/, "n=somebodyelse_1"));
    };
    expect(await made.failureOf(() => made.rotate(token))).toContain("another run took over");
    expect(made.keys()).toEqual(ids);
    expect(made.secrets.stages(SECRET, token)).toEqual([]);
    expect(made.secrets.read(SECRET)?.["Key"]).toBe(ids[0]);
  });

  it("a user on hold, and a run that is at work now, are left alone", async () => {
    const { made, ids } = stage();
    const text = (name: string) => made.account.tags(USER).set("keyturn:rotation", name);
    text("v1 held at=2026-01-05T07:00:00Z n=abc_1 hold=open");
    expect(await made.failureOf(() => made.rotate())).toContain("on hold");
    text(`v1 creating at=2026-01-05T08:00:00Z n=abc_1 known=${ids.join("+")}`);
    made.remaining = minutes(5);
    expect(await made.failureOf(() => made.rotate())).toContain("something changed");
    expect(made.keys()).toEqual(ids);
  });

  it("AWSPENDING that an earlier rotation left over: its key is an orphan, and goes", async () => {
    const { made, ids } = stage();
    const first = made.secrets.begin(SECRET);
    await made.step("createSecret", first);
    const [, orphan] = made.keys();
    made.newSandbox();
    made.pass(days(1));
    await made.rotate();
    expectRotated(made, ids, "the second rotation");
    expect(made.keys()).not.toContain(orphan);
    expect(await made.failureOf(() => made.step("finishSecret", first))).toContain("has no version");
  });

  it("a later step in another sandbox waits for nobody", async () => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    const began = made.clock.now();
    for (const step of STEPS) {
      made.newSandbox();
      await made.step(step, token);
    }
    expect(made.clock.now() - began).toBeLessThan(minutes(1));
    expectRotated(made, ids, "in four sandboxes");
  });

  it("a late repetition of the rotation before has nothing to do with the key of this one", async () => {
    const { made } = stage();
    const first = await made.rotate();
    const [old, served] = made.keys();
    made.account.removeKey(old as never); // an id of the account
    made.pass(days(1));
    const second = made.secrets.begin(SECRET);
    await made.step("createSecret", second);
    for (const step of STEPS) await made.step(step, first);
    expect(made.secrets.read(SECRET)?.["Key"]).toBe(served);
    for (const step of STEPS.slice(1)) await made.step(step, second);
    expectRotated(made, [served as never], "the second rotation"); // an id of the account
  });

  it("a record that was stripped between the steps is written again", async () => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    await made.step("createSecret", token);
    made.account.tags(USER).delete("keyturn:rotation");
    for (const step of STEPS.slice(1)) await made.step(step, token);
    expectRotated(made, ids, "without its record");
    // Nothing tells whether somebody else began anything meanwhile: so it is declared anew before the key is served.
    const told = made.journal.map(({ step }) => step);
    expect(told.slice(told.indexOf("record-delivering"))).toContain("deliver");
  });

  it("a retired predecessor whose time is over makes room", async () => {
    const { made } = stage();
    await made.rotate();
    const [old, successor] = made.keys();
    made.pass(days(20));
    made.account.setStatus(old as never, "Inactive"); // an id of the account
    made.account
      .tags(USER)
      .set("keyturn:rotation", `v1 retiring at=2026-01-10T00:00:00Z n=abc_1 new=${successor} old=${old}`);
    await made.rotate();
    expectRotated(made, [successor as never], "the third key"); // an id of the account
  });
});

describe("the proof of a new key", () => {
  it("is its identity, through the time that IAM takes to know it, and then the object", async () => {
    const { made, ids } = stage();
    made.variables = {
      KEYTURN_TEST_BUCKET: "bucket-of-settings",
      KEYTURN_TEST_KEY: "probe",
      KEYTURN_TEST_REGION: "us-west-2",
    };
    const asked: unknown[] = [];
    let unknown = 3;
    made.verifier = (object) => ({
      services: ["sts", "s3"],
      signIn: (pair) => {
        asked.push(object);
        unknown -= 1;
        return unknown >= 0 ? Promise.resolve(null) : made.account.verifier.signIn(pair);
      },
    });
    await made.rotate();
    expectRotated(made, ids, "after a while");
    expect(asked[0]).toEqual({ bucket: "bucket-of-settings", key: "probe", region: "us-west-2" });
    made.secrets.write(SECRET, { ...made.secrets.read(SECRET), TestBucket: "own-bucket", TestKey: "own" });
    made.account.removeKey(ids[0] as never); // an id of the account
    made.pass(days(1));
    asked.length = 0;
    await made.rotate();
    expect(asked.at(-1)).toEqual({ bucket: "own-bucket", key: "own", region: null });
  });

  it.each<readonly [string, (made: Stage) => void, string]>([
    [
      "another user's key",
      (made) => {
        made.verifier = () => ({
          services: ["sts"],
          signIn: () => Promise.resolve("arn:aws:iam::999999999999:user/app-bot"),
        });
      },
      "signs in as arn:aws:iam::999999999999:user/app-bot",
    ],
    [
      "a key that may not read the object",
      (made) => {
        made.verifier = () => ({
          services: ["sts", "s3"],
          signIn: () => Promise.reject(new CallError("denied", "s3:GetObject", "b/k", "AccessDenied", "no")),
        });
      },
      "s3:GetObject on b/k is denied",
    ],
    [
      "a key that a person deleted meanwhile",
      (made) => made.account.removeKey(made.keys()[1] as never), // an id of the account
      "did not sign in within 2m",
    ],
  ])("fails for %s, and nothing is served", async (_, change, words) => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    await made.step("createSecret", token);
    change(made);
    for (const step of ["testSecret", "finishSecret"]) {
      const failure = await made.failureOf(() => made.step(step, token));
      if (step === "testSecret") expect(failure).toContain(words);
      expect(made.secrets.read(SECRET)?.["Key"]).toBe(ids[0]);
    }
  });

  it("has nothing to test where the service tries out a configuration before the first rotation", async () => {
    const made = new Stage();
    made.user([]);
    const token = made.secrets.begin(SECRET);
    await made.secrets.client.send(copyOfCurrent(made, token) as never); // the simulated service takes any command
    expect(await made.step("testSecret", token)).toContain("nothing is to be tested");
  });
});

describe("the value of a secret", () => {
  it("has the names that the settings give, and a password for SMTP in each region", async () => {
    const made = new Stage();
    made.variables = {
      KEYTURN_FIELDS:
        "id=accessKeyId&key=secretAccessKey&user=userName&smtp=sesSmtpPassword:eu-west-1&smtp_us=sesSmtpPassword:us-east-1",
    };
    made.account.addUser(USER, { tags: { Rotatable: "true" } });
    made.secrets.create(SECRET, { user: USER, Key: "is no field of ours", list: [1, { deep: true }] });
    await made.rotate();
    const value = made.secrets.read(SECRET) ?? {};
    const { id, key = "" } = value;
    expect(value).toEqual({
      user: USER,
      Key: "is no field of ours",
      list: [1, { deep: true }],
      id: made.keys()[0],
      key: expect.any(String),
      smtp: sesSmtpPassword(key, "eu-west-1"),
      smtp_us: sesSmtpPassword(key, "us-east-1"),
    });
    expect(id).toBe(made.keys()[0]);
  });

  it("is put with the token that the service gave for it", async () => {
    const { made } = stage();
    const token = made.secrets.begin(SECRET);
    await made.step("createSecret", token, { RotationToken: "canary-of-the-rotation" });
    expect(made.secrets.puts.map(({ RotationToken }) => RotationToken)).toEqual(["canary-of-the-rotation"]);
    expect(JSON.stringify(made.journal)).not.toContain("canary");
  });
});
