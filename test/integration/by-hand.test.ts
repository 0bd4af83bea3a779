import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { keyturn } from "../support/cli.ts";
import { startFaultProxy } from "../support/fault-proxy.ts";
import { typed } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

const DAY = 86_400;
const HAND = ["--settle", "0s", "--audit", "none", "--yes"];
const DELIVER = ["--deliver", "ssm:/keys/{user}"];

describe.skipIf(motoMissing !== null)(
  `what a person does to one user, against AWS's emulator ${motoMissing ?? ""}`,
  () => {
    let moto: Moto;
    let ssm: SSMClient;
    beforeAll(async () => {
      moto = await startMoto();
      ssm = new SSMClient({
        endpoint: moto.url,
        region: "eu-west-1",
        credentials: { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" },
      });
    });
    afterAll(async () => {
      await moto.stop();
    });
    beforeEach(() => moto.reset());

    const go = (...args: string[]) => typed([...args, ...HAND], moto.url);
    const served = async () =>
      JSON.parse(
        (await ssm.send(new GetParameterCommand({ Name: "/keys/ci-bot", WithDecryption: true }))).Parameter?.Value ??
          "{}",
      ) as { AccessKeyId?: string; SecretAccessKey?: string };
    const statuses = async () => (await moto.keys()).map((key) => key.status).join(" ");
    const codeOf = (out: string) => (JSON.parse(out) as { users: { code: string }[] }).users[0]?.code;
    const run = () => go("run", "--user", "ci-bot", ...DELIVER, "--policy", "threshold", "--format", "json");

    it("hold and resume", async () => {
      await moto.seed([{ name: "ci-bot", keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
      expect((await go("hold", "ci-bot", "--until", "14d")).out).toMatch(/^ci-bot is on hold until \d{4}-/);
      expect(codeOf((await run()).out)).toBe("on-hold");
      expect((await go("hold", "ci-bot")).out).toBe("ci-bot is on hold until somebody resumes it");
      await moto.shift(30 * DAY);
      expect(codeOf((await run()).out)).toBe("on-hold");
      expect((await typed(["status", "ci-bot"], moto.url)).out).toContain("keyturn resume ci-bot");
      expect((await go("resume", "ci-bot")).out).toBe("ci-bot is not on hold any more");
      expect((await go("resume", "ci-bot")).out).toBe("ci-bot was not on hold");
      expect(codeOf((await run()).out)).toBe("due");
      const past = await go("hold", "ci-bot", "--until", "2020-01-01");
      expect([past.code, past.err]).toEqual([2, expect.stringContaining("is over already")]);
      const odd = await go("hold", "ci-bot", "--until", "soon");
      expect([odd.code, odd.err]).toEqual([2, expect.stringContaining('"soon" is not a duration')]);
    });

    it("asks for nothing that keyturn policy --by-hand does not print, under a policy that never deactivates", async () => {
      const proxy = await startFaultProxy(moto.url);
      const settings = ["--policy", "two-key", ...DELIVER];
      const hand = (...args: string[]) => typed([...args, ...settings, ...HAND], proxy.url);
      try {
        await moto.seed([{ name: "ci-bot", keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
        expect((await hand("rotate", "ci-bot")).code).toBe(0);
        const [old, fresh] = (await moto.keys()).map((key) => key.accessKeyId);
        let now = 3600;
        await moto.shift(now);
        for (const deed of [
          ["hold"],
          ["resume"],
          ["retire", old ?? ""],
          ["adopt", "--key", fresh ?? ""],
          ["rollback", "--key", old ?? ""],
        ]) {
          const [verb = "", ...more] = deed;
          const { code, err } = await hand(verb, "ci-bot", ...more);
          expect(code, `${verb}: ${err}`).toBeLessThanOrEqual(verb === "rollback" ? 1 : 0);
          now += 600;
          await moto.shift(now);
        }
      } finally {
        await proxy.stop();
      }
      const asked = new Set(proxy.calls.map(({ action }) => action).filter((action) => !action.startsWith("sts:")));
      const allowed = async (...more: string[]) => {
        const { out } = await typed(["policy", "--account", "123456789012", ...settings, ...more], moto.url);
        return (JSON.parse(out) as { Statement: { Action: string[] }[] }).Statement.flatMap(({ Action }) => Action);
      };
      expect([...asked]).toContain("iam:UpdateAccessKey");
      expect(await allowed("--by-hand")).toEqual(expect.arrayContaining([...asked]));
      expect(await allowed()).not.toContain("iam:UpdateAccessKey");
    });

    it("rollback, where a destination remembers, and where none does", async () => {
      const [old] = await moto.seed([{ name: "ci-bot", keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
      const secret = JSON.stringify({ AccessKeyId: old?.accessKeyId, SecretAccessKey: old?.secretAccessKey });
      const adopted = await keyturn(["adopt", "ci-bot", ...DELIVER, "--stdin", ...HAND], {
        endpoint: moto.url,
        input: secret,
      });
      expect([adopted.code, adopted.stderr]).toEqual([0, ""]);
      expect((await run()).code).toBe(0);
      expect(await statuses()).toBe("Inactive Active");
      const fresh = await served();
      expect(fresh.AccessKeyId).not.toBe(old?.accessKeyId);
      await moto.shift(3600);
      const back = await go("rollback", "ci-bot", ...DELIVER, "--deliver", "stdout", "--format", "json");
      expect(JSON.parse(back.out)).toMatchObject({
        schema: "keyturn/rollback/v1",
        result: "done",
        accessKeyId: old?.accessKeyId,
        destinations: [
          { label: "ssm:/keys/ci-bot", result: "serves it again" },
          { label: "stdout", result: "cannot be rolled back" },
        ],
      });
      expect(back.code).toBe(1);
      expect(await served()).toMatchObject({ AccessKeyId: old?.accessKeyId, SecretAccessKey: old?.secretAccessKey });
      expect(await statuses()).toBe("Active Active");
      await moto.shift(60 * DAY);
      expect(codeOf((await run()).out)).toBe("on-hold");
      expect(await statuses()).toBe("Active Active");
    });

    it("rollback of what cannot come back says what to do instead", async () => {
      await moto.seed([{ name: "ci-bot", keys: [{ ageDays: 3 }] }]);
      const { code, err } = await go("rollback", "ci-bot", ...DELIVER);
      expect(code).toBe(2);
      expect(err).toContain("nothing tells which key ci-bot had before");
      expect(err).toContain("keyturn rotate makes a new one");
    });

    it("adopt, with the secret from standard input, which is shown nowhere", async () => {
      const [old, second] = await moto.seed([
        {
          name: "ci-bot",
          keys: [
            { ageDays: 200, usedDaysAgo: 40 },
            { ageDays: 20, usedDaysAgo: 1 },
          ],
        },
      ]);
      if (old === undefined || second === undefined) throw new Error("nothing seeded");
      const hand = (input: string, ...more: string[]) =>
        keyturn(["adopt", "ci-bot", ...DELIVER, "--stdin", ...HAND, ...more], { endpoint: moto.url, input });

      const unclear = await hand(second.secretAccessKey);
      expect([unclear.code, unclear.stderr]).toEqual([2, expect.stringContaining("name one with --key")]);
      const { code, stdout, stderr } = await hand(
        second.secretAccessKey,
        "--key",
        second.accessKeyId,
        "--replaces",
        old.accessKeyId,
        "--verbose",
      );
      expect(code, stderr).toBe(0);
      expect(`${stdout}${stderr}`).not.toContain(second.secretAccessKey);
      expect(await served()).toMatchObject({
        AccessKeyId: second.accessKeyId,
        SecretAccessKey: second.secretAccessKey,
      });
      await moto.shift(10 * DAY);
      await moto.use(second.accessKeyId);
      const later = await go("run", "--user", "ci-bot", ...DELIVER, "--format", "json");
      expect(codeOf(later.out)).toBe("superseded");
      const { keys } = { keys: await moto.keys() };
      expect(keys.find((key) => key.accessKeyId === old.accessKeyId)?.status).toBe("Inactive");
    });
  },
);
