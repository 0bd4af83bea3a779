import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Io } from "../../src/cli/io.ts";
import { main } from "../../src/cli/program.ts";
import { temporaryFolder } from "../support/cli.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

const HOUR = 3600;

describe.skipIf(motoMissing !== null)(`a consumer who never switches ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
    vi.stubEnv("AWS_ENDPOINT_URL", moto.url);
    vi.stubEnv("AWS_ACCESS_KEY_ID", "ASIATESTRUNNER000000");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
    vi.stubEnv("AWS_REGION", "eu-west-1");
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await moto.stop();
  });

  it.each(["safe", "superseded"])(
    "keeps its key through 30 days of hourly runs under %s",
    { timeout: 180_000 },
    async (policy) => {
      await moto.reset();
      const keys = join(temporaryFolder(), "keys");
      mkdirSync(keys, { mode: 0o700 });
      const [old] = await moto.seed([{ name: "ci-bot", keys: [{ ageDays: 200, usedDaysAgo: 0.1 }] }]);
      if (old === undefined) throw new Error("nothing seeded");
      const outputs: string[] = [];
      const io: Io = {
        out: (text) => void outputs.push(text),
        err: (text) => void outputs.push(text),
        print: async () => undefined,
        isInteractive: false,
        isLive: false,
        paint: (_, text) => text,
      };
      const run = () =>
        main(
          [
            "run",
            "--all-users",
            "--policy",
            policy,
            "--deliver",
            `file:${keys}/{user}.json`,
            "--settle",
            "0s",
            "--audit",
            "none",
            "--yes",
          ],
          io,
        );
      for (let hour = 0; hour < 30 * 24; hour += 1) {
        await moto.shift(hour * HOUR);
        expect(await moto.use(old.accessKeyId), `refused after ${hour} hours`).toBe(true);
        const code = await run();
        expect([0, 1]).toContain(code);
      }
      expect((await moto.keys()).find((key) => key.accessKeyId === old.accessKeyId)?.status).toBe("Active");
      expect(outputs.at(-1)).toContain("successor-unused (1)");
      expect(outputs.at(-1)).toContain(`keyturn retire ci-bot ${old.accessKeyId}`);
    },
  );
});
