import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { presetNames } from "../../src/core/policy.ts";
import { keyturn, temporaryFolder } from "../support/cli.ts";
import { keyturnHere } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

const DAY = 86_400;

describe.skipIf(motoMissing !== null)(`the built command line against AWS's emulator ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto.stop());

  /** A consumer that reads the file and signs. Throws where it is refused: its job has just failed. */
  async function consume(file: string): Promise<string> {
    const { AccessKeyId, SecretAccessKey } = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
    if (AccessKeyId === undefined || SecretAccessKey === undefined) throw new Error("the file holds no key");
    if (!(await moto.use(AccessKeyId, { secretAccessKey: SecretAccessKey })))
      throw new Error(`${AccessKeyId} is refused`);
    return AccessKeyId;
  }

  it.each(presetNames)(
    "goes create, deliver, used, deactivate, delete over several invocations under %s",
    async (preset) => {
      await moto.reset();
      const home = temporaryFolder();
      mkdirSync(join(home, "keys"), { mode: 0o700 });
      const [old] = await moto.seed([{ name: "ci-bot", path: "/ci/", keys: [{ ageDays: 200, usedDaysAgo: 30 }] }]);
      const file = join(home, "keys", "ci-bot.json");
      const run = async (atDay: number) => {
        await moto.shift(atDay * DAY);
        const args = [
          "run",
          "--path",
          "/ci/",
          "--policy",
          preset,
          "--deliver",
          "file:./keys/{user}.json",
          "--settle",
          "0s",
          "--yes",
          "--format",
          "json",
        ];
        // One preset as a user runs it, in processes of their own.
        const result = await (preset === "safe" ? keyturn : keyturnHere)(args, { endpoint: moto.url, cwd: home });
        expect(result.stderr).toBe("");
        return { ...result, document: JSON.parse(result.stdout) as RunDocument };
      };

      const first = await run(0);
      expect(first.code).toBe(0);
      expect(first.document.users[0]?.steps.map((step) => `${step.action} ${step.result}`)).toEqual(["rotate done"]);
      const successor = await consume(file);
      expect(successor).toBe(first.document.users[0]?.steps[0]?.created);
      expect(first.stdout + first.stderr).not.toContain(
        (JSON.parse(readFileSync(file, "utf8")) as { SecretAccessKey: string }).SecretAccessKey,
      );

      const seen = new Set<string>();
      for (let day = 1; day <= 46; day += 9) {
        await moto.shift(day * DAY);
        await consume(file);
        const { document } = await run(day + 0.5);
        for (const step of document.users[0]?.steps ?? [])
          if (step.accessKeyIds[0] === old?.accessKeyId || step.action === "rotate") seen.add(step.action);
        if (!(await moto.keys()).some((key) => key.accessKeyId === old?.accessKeyId)) break;
      }
      expect((await moto.keys()).map((key) => key.accessKeyId)).not.toContain(old?.accessKeyId);
      expect(seen).toContain("delete");
      expect(await consume(file)).toBeDefined();

      const verified = await keyturn(["audit", "verify", join(home, "state", "keyturn", "audit.jsonl")]);
      expect(verified.code).toBe(0);
    },
  );
});

interface RunDocument {
  readonly users: readonly {
    readonly userName: string;
    readonly outcome: string;
    readonly steps: readonly {
      readonly action: string;
      readonly result: string;
      readonly created: string | null;
      readonly accessKeyIds: readonly string[];
    }[];
  }[];
}
