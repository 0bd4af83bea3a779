import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/cli.ts";
import { typed } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

const HOUR = 3600;

describe.skipIf(motoMissing !== null)(`a consumer who never switches ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(async () => {
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
      const run = () =>
        typed(
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
          moto.url,
        );
      let last = "";
      for (let hour = 0; hour < 30 * 24; hour += 1) {
        await moto.shift(hour * HOUR);
        expect(await moto.use(old.accessKeyId), `refused after ${hour} hours`).toBe(true);
        const { code, out } = await run();
        expect([0, 1]).toContain(code);
        last = out;
      }
      expect((await moto.keys()).find((key) => key.accessKeyId === old.accessKeyId)?.status).toBe("Active");
      expect(last).toContain("successor-unused (1)");
      expect(last).toContain(`keyturn retire ci-bot ${old.accessKeyId}`);
    },
  );
});
