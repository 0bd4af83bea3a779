import {
  DeleteParameterCommand,
  DescribeParametersCommand,
  GetParameterCommand,
  GetParameterHistoryCommand,
  PutParameterCommand,
  SSMClient,
} from "@aws-sdk/client-ssm";
import { DeleteAccessKeyCommand, IAMClient } from "@aws-sdk/client-iam";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { typed } from "../support/in-process.ts";
import { type Call, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { type Moto, motoMissing, type SeededKey, startMoto } from "../support/moto.ts";

/** A second between two questions to a new key is a thousand times what the emulator takes. */
vi.mock(import("node:timers/promises"), async (original) => {
  const timers = await original();
  const setTimeout: typeof timers.setTimeout = (span, ...rest) => timers.setTimeout(Math.min(span ?? 0, 20), ...rest);
  return { ...timers, setTimeout };
});

const DAY = 86_400;
const HOUR = 3_600;
const ID = "/ci-bot/iam-key";
const SECRET = "/ci-bot/iam-secret";
const TIMESTAMP = "/ci-bot/deactivated-key-timestamp";

/** What the script's page asks for, and what keyturn cannot do without: the history of the parameters. */
const PAGE_PERMISSIONS =
  /^(iam:(ListAccessKeys|GetAccessKeyLastUsed|CreateAccessKey|UpdateAccessKey|DeleteAccessKey|ListUsers)|ssm:.*|sts:.*|kms:.*)$/;

describe.skipIf(motoMissing !== null)(`keyturn apply-step against AWS's emulator ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  let proxy: FaultProxy;
  let ssm: SSMClient;
  let iam: IAMClient;
  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
    const credentials = { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" };
    ssm = new SSMClient({ endpoint: moto.url, region: "eu-central-1", credentials });
    iam = new IAMClient({ endpoint: moto.url, region: "eu-central-1", credentials });
  });
  beforeEach(() => moto.reset());
  afterEach(() => proxy.reset());
  afterAll(async () => {
    ssm.destroy();
    iam.destroy();
    await proxy.stop();
    await moto.stop();
  });

  const step = (env: Readonly<Record<string, string>> = {}, ...flags: readonly string[]) =>
    typed(["apply-step", ...flags], proxy.url, {
      iam_user: "ci-bot",
      region: "eu-central-1",
      KEYTURN_SETTLE: "0s",
      AWS_REGION: null,
      ...env,
    });

  const put = (name: string, value: string, description?: string) =>
    ssm.send(
      new PutParameterCommand({
        Name: name,
        Value: value,
        Type: name === TIMESTAMP ? "String" : "SecureString",
        ...(name === TIMESTAMP ? {} : { KeyId: "alias/ssm-ci-bot" }),
        ...(description === undefined ? {} : { Description: description }),
        Overwrite: true,
      }),
    );

  /** As the module before left it. */
  async function handedOver(
    pair: { readonly accessKeyId: string; readonly secretAccessKey: string } | null,
    at = "-1",
  ) {
    await put(ID, pair?.accessKeyId ?? "-1");
    await put(SECRET, pair?.secretAccessKey ?? "-1");
    await put(TIMESTAMP, at);
  }

  const get = async (name: string) =>
    (await ssm.send(new GetParameterCommand({ Name: name, WithDecryption: true }))).Parameter?.Value ?? null;

  const keyIdsOf = async (name: string) =>
    (await ssm.send(new GetParameterHistoryCommand({ Name: name }))).Parameters?.map(({ KeyId }) => KeyId);

  /** The emulator takes any secret for any key. */
  const refuse = (id: string) => {
    proxy.before = ({ action, signer }) =>
      action === "sts:GetCallerIdentity" && signer === id
        ? { kind: "error", status: 403, code: "SignatureDoesNotMatch" }
        : { kind: "pass" };
  };

  const states = async () => (await moto.keys()).map(({ status }) => status).join(" ");

  async function seed(...keys: readonly { ageDays: number; status?: string; usedDaysAgo?: number }[]) {
    return moto.seed([{ name: "ci-bot", keys: keys.map((key) => ({ usedDaysAgo: 0.1, ...key })) }]);
  }

  const printed = ({ out }: { out: string }) => JSON.parse(out) as Readonly<Record<"iam_key" | "iam_secret", string>>;

  const only = ([key]: readonly SeededKey[]): SeededKey => {
    if (key === undefined) throw new Error("no key was made");
    return key;
  };

  it("lives through a rotation as the script did: create, Inactive once superseded, deleted, timestamp in UTC", async () => {
    const old = only(await seed({ ageDays: 61 }));
    await handedOver(old);
    const first = await step();
    expect([first.code, first.err]).toEqual([0, expect.stringContaining("ci-bot: create")]);
    const { iam_key: id, iam_secret: secret } = printed(first);
    expect(first.out).toBe(`{\n  "iam_key": "${id}",\n  "iam_secret": "${secret}"\n}`);
    expect([await get(ID), await get(SECRET), await get(TIMESTAMP)]).toEqual([id, secret, "-1"]);
    expect(id).not.toBe(old.accessKeyId);
    expect(first.err).not.toContain(secret);
    expect(await states()).toBe("Active Active");
    expect([...new Set([...((await keyIdsOf(SECRET)) ?? []), ...((await keyIdsOf(ID)) ?? [])])]).toEqual([
      "alias/ssm-ci-bot",
    ]);

    await moto.shift(2 * HOUR);
    expect(printed(await step())).toEqual(printed(first)); // nobody has used the new one
    expect(await states()).toBe("Active Active");
    await moto.use(old.accessKeyId);
    await moto.shift(3 * HOUR);
    await moto.use(id);
    expect((await step()).code).toBe(0); // the old one was used an hour ago
    expect(await states()).toBe("Active Active");

    await moto.shift(8 * HOUR);
    expect((await step()).err).toContain(`deactivate ${old.accessKeyId}`);
    expect(await states()).toBe("Inactive Active");
    const at = (await get(TIMESTAMP)) ?? "";
    expect(at).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/);
    expect(Math.abs(Date.parse(`${at.replace(" ", "T").slice(0, 23)}Z`) - Date.now() - 8 * HOUR * 1000)).toBeLessThan(
      60_000,
    );

    await moto.shift(8 * HOUR + 10.5 * DAY);
    await step();
    expect(await states()).toBe("Inactive Active");
    await moto.shift(9 * HOUR + 11 * DAY);
    const last = await step();
    expect([last.code, printed(last)]).toEqual([0, { iam_key: id, iam_secret: secret }]);
    expect(await states()).toBe("Active");
    expect(await get(TIMESTAMP)).toBe("-1");
    // No tag: Terraform would take it away again at every apply.
    expect(proxy.counts()["iam:TagUser"]).toBeUndefined();
  });

  it("leaves a key of 60.5 days alone, and writes nothing that is right already", async () => {
    const key = only(await seed({ ageDays: 60.5 }));
    await handedOver(key);
    expect(printed(await step())).toEqual({ iam_key: key.accessKeyId, iam_secret: key.secretAccessKey });
    proxy.reset();
    expect((await step()).code).toBe(0);
    expect(Object.keys(proxy.counts()).filter((action) => /Put|Create|Update|Delete/.test(action))).toEqual([]);
    expect(proxy.counts()["sts:GetCallerIdentity"]).toBe(1); // a proof that was given once is not asked for again
  });

  it("makes a key where the one that it took over is gone, as Terraform deletes one that leaves its configuration", async () => {
    const key = only(await seed({ ageDays: 5 }));
    await handedOver(key);
    expect((await step()).code).toBe(0);
    await iam.send(new DeleteAccessKeyCommand({ UserName: "ci-bot", AccessKeyId: key.accessKeyId }));
    const healed = await step();
    expect([healed.code, await states(), printed(healed).iam_key === key.accessKeyId]).toEqual([0, "Active", false]);
  });

  it("makes a first key, and names what it cannot do", async () => {
    await seed();
    await handedOver(null);
    const first = await step({}, "--quiet");
    expect([first.code, first.out]).toEqual([0, ""]);
    const [key] = await moto.keys();
    expect(await get(ID)).toBe(key?.accessKeyId);
    expect((await step({ iam_user: "nobody" })).err).toContain("there is no IAM user nobody");
    expect((await step({ max_age_in_days: "ten" })).err).toContain('max_age_in_days: "ten" is not a whole number');
    expect((await step({ access_key_id: "AKIAIOSFODNN7EXAMPLE" })).err).toContain("secret_key go together");
    const other = await step({ KEYTURN_ACCOUNT: "111122223333" });
    expect([other.code, other.err]).toEqual([2, expect.stringContaining("not to 111122223333")]);
    await moto.seed([{ name: "aws-bot" }]);
    expect((await step({ iam_user: "aws-bot" })).code).not.toBe(0);
  });

  describe("taking over", () => {
    it("proves the pair that was handed in, and never writes an old one over a newer", async () => {
      const key = only(await seed({ ageDays: 5 }));
      await handedOver(null);
      const { accessKeyId: access_key_id, secretAccessKey: secret_key } = key;
      refuse(access_key_id);
      const wrong = await step({ access_key_id, secret_key: "x".repeat(40) });
      expect([wrong.code, await get(ID)]).toEqual([2, "-1"]);
      expect(wrong.err).toContain("does not sign in as ci-bot");
      proxy.reset();
      const another = only(await moto.seed([{ name: "cd-bot", keys: [{ ageDays: 5 }] }]));
      const stray = { access_key_id: another.accessKeyId, secret_key: another.secretAccessKey };
      expect([(await step(stray)).code, await get(ID)]).toEqual([2, "-1"]);
      expect(printed(await step({ access_key_id, secret_key }))).toEqual({
        iam_key: access_key_id,
        iam_secret: secret_key,
      });
      expect([await get(ID), await get(SECRET)]).toEqual([access_key_id, secret_key]);

      await moto.shift(70 * DAY);
      const rotated = printed(await step({ access_key_id, secret_key })); // the caller still has the old pair
      expect(rotated.iam_key).not.toBe(access_key_id);
      await moto.shift(71 * DAY);
      expect(printed(await step({ access_key_id, secret_key }))).toEqual(rotated);
      expect(await get(SECRET)).toBe(rotated.iam_secret);
    });

    it("hands in and rotates in one step where the key is due", async () => {
      const key = only(await seed({ ageDays: 100 }));
      await handedOver(null);
      const done = await step({ access_key_id: key.accessKeyId, secret_key: key.secretAccessKey });
      expect([done.code, printed(done).iam_key === key.accessKeyId]).toEqual([0, false]);
      expect(await states()).toBe("Active Active");
    });

    it("never hands out -1", async () => {
      await seed({ ageDays: 5 });
      await handedOver(null);
      const { code, out, err } = await step({ access_key_id: "-1", secret_key: "-1" });
      expect([code, out]).toEqual([1, ""]);
      expect(err).toContain("hand the pair in once");
      expect(await states()).toBe("Active");
    });

    it("goes on where the script was in the middle: two Active keys, then one that waits to be deleted", async () => {
      const [old, fresh] = await seed({ ageDays: 70, usedDaysAgo: 6 }, { ageDays: 6, usedDaysAgo: 6 });
      if (old === undefined || fresh === undefined) throw new Error("two keys were seeded");
      await handedOver(old);
      await handedOver(fresh);
      await moto.shift(HOUR);
      await moto.use(fresh.accessKeyId);
      await moto.shift(6 * HOUR);
      expect((await step()).err).toContain(`${fresh.accessKeyId} signs in with the secret in ${SECRET}`);
      expect(await states()).toBe("Active Active"); // what was written just now may still be on its way to its readers
      await moto.shift(11 * HOUR);
      expect((await step()).err).toContain(`deactivate ${old.accessKeyId}`);

      for (const [waited, left] of [
        [9, "Inactive Active"],
        [11.5, "Active"],
      ] as const) {
        await moto.reset();
        const [, stays] = await seed({ ageDays: 90, status: "Inactive" }, { ageDays: 20 });
        if (stays === undefined) throw new Error("two keys were seeded");
        await handedOver(
          stays,
          new Date(Date.now() - waited * DAY * 1000).toISOString().replace("T", " ").replace("Z", "000"),
        );
        expect((await step()).code).toBe(0);
        expect([await states(), (await get(TIMESTAMP)) === "-1"]).toEqual([left, left === "Active"]);
      }
    });

    it("serves a pair that fits again where the script died between its two writes", async () => {
      const [old, lost] = await seed({ ageDays: 70 }, { ageDays: 1 });
      if (old === undefined || lost === undefined) throw new Error("two keys were seeded");
      await handedOver(old);
      await put(ID, lost.accessKeyId);
      refuse(lost.accessKeyId);
      const { err, ...rest } = await step();
      expect(err).toContain(`belongs to ${old.accessKeyId}, not to ${lost.accessKeyId}`);
      expect(printed(rest)).toEqual({ iam_key: old.accessKeyId, iam_secret: old.secretAccessKey });
    });
  });

  describe("a key that a person made Inactive", () => {
    it("is left alone until its slot is needed", async () => {
      const [off, key] = await seed({ ageDays: 100, status: "Inactive", usedDaysAgo: 90 }, { ageDays: 40 });
      if (off === undefined || key === undefined) throw new Error("two keys were seeded");
      await handedOver(key);
      const first = await step();
      expect([first.code, await states()]).toEqual([0, "Inactive Active"]);
      expect(first.err).toContain(`${off.accessKeyId} was made Inactive by a person`);
      await moto.shift(30 * DAY);
      const due = await step();
      expect([due.code, due.err]).toEqual([0, expect.stringContaining(`delete ${off.accessKeyId}`)]);
      expect(await states()).toBe("Active Active");
    });

    it("that was in use until lately stops the rotation, with the command that frees the slot", async () => {
      const [off, key] = await seed({ ageDays: 100, status: "Inactive", usedDaysAgo: 1 }, { ageDays: 70 });
      if (off === undefined || key === undefined) throw new Error("two keys were seeded");
      await handedOver(key);
      const { code, err } = await step();
      expect([code, await states()]).toEqual([1, "Inactive Active"]);
      expect(err).toContain(`hint: keyturn retire ci-bot ${off.accessKeyId}`);
    });
  });

  it("fails with the reason, and the next step makes it good: no answer to the creation, or none from the store", async () => {
    const key = only(await seed({ ageDays: 70 }));
    await handedOver(key);
    await step({ max_age_in_days: "365" }); // the pair is proved
    const mark = async () =>
      (await ssm.send(new DescribeParametersCommand({ Filters: [{ Key: "Name", Values: [TIMESTAMP] }] })))
        .Parameters?.[0]?.Description ?? "";
    const puts = (name: string) => (call: Call) =>
      call.action === "ssm:PutParameter" && call.body.includes(`"${name}"`);
    const faults = [(call: Call) => call.action === "iam:CreateAccessKey", puts(SECRET), puts(ID)];
    for (const [index, isHit] of faults.entries()) {
      proxy.before = (call) =>
        isHit(call)
          ? call.action.startsWith("iam")
            ? { kind: "lose-reply" }
            : { kind: "error", status: 400, code: "ValidationException" }
          : { kind: "pass" };
      const failed = await step({ KEYTURN_MARK: `m${index}` });
      expect([failed.code, failed.err]).toEqual([1, expect.stringContaining("error: ci-bot: ")]);
      expect(await mark()).not.toContain(`mark m${index}`);
      proxy.reset();
      await moto.shift((index + 1) * HOUR);
      const healed = await step({ KEYTURN_MARK: `h${index}`, max_age_in_days: "3" });
      expect([index, healed.code, await mark()]).toEqual([index, 0, expect.stringContaining(`mark h${index}`)]);
      const pair = printed(healed);
      expect([await get(ID), await get(SECRET)]).toEqual([pair.iam_key, pair.iam_secret]);
      expect(await moto.use(pair.iam_key, { secretAccessKey: pair.iam_secret })).toBe(true);
      await moto.reset();
      const again = only(await seed({ ageDays: 70 }));
      await handedOver(again);
      await step({ max_age_in_days: "365" });
    }
  });

  it("works with the permissions of the script's page, and leaves a user on hold alone", async () => {
    const key = only(await seed({ ageDays: 70 }));
    await handedOver(key);
    proxy.before = ({ action }) =>
      PAGE_PERMISSIONS.test(action) ? { kind: "pass" } : { kind: "error", status: 403, code: "AccessDenied" };
    const done = await step();
    expect([done.code, printed(done).iam_key === key.accessKeyId]).toEqual([0, false]);
    expect(done.err).toContain("iam:ListUserTags is denied");
    proxy.reset();
    await moto.reset();
    await moto.seed([
      {
        name: "ci-bot",
        tags: { "keyturn:rotation": "v1 held at=2026-01-01T00:00:00Z n=x hold=open" },
        keys: [{ ageDays: 70 }],
      },
    ]);
    const held = await step();
    expect([await states(), held.err]).toEqual(["Active", expect.stringContaining("on hold")]);
  });

  it("says before a destruction where the only copy is", async () => {
    const key = only(await seed({ ageDays: 1 }));
    await handedOver(key);
    const refused = await step({}, "--before-destroy");
    expect([refused.code, refused.err]).toEqual([
      1,
      expect.stringContaining(`the only copy of the secret of ${key.accessKeyId}`),
    ]);
    expect(refused.err).not.toContain(key.secretAccessKey);
    await moto.setStatus(key.accessKeyId, "Inactive");
    expect((await step({}, "--before-destroy")).code).toBe(0);
    await ssm.send(new DeleteParameterCommand({ Name: ID }));
    await moto.setStatus(key.accessKeyId, "Active");
    expect((await step({}, "--before-destroy")).code).toBe(0);
    expect((await step({ iam_user: "nobody" }, "--before-destroy")).code).toBe(0);
  });
});
