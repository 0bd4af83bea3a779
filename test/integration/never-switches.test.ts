import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/cli.ts";
import { typed } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";
import { SCOPE } from "../support/scope.ts";

const HOUR = 3600;

/** Every hour in the whole proof; in the quick one less often, at ever other hours of the day. */
const RUN_EVERY = SCOPE === "all" ? 1 : 7;

describe.skipIf(motoMissing !== null)(`a consumer who never switches ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(async () => {
    await moto.stop();
  });

  it(
    `keeps its key through 30 days with a run every ${RUN_EVERY} h, under safe and under superseded`,
    { timeout: 400_000 },
    async () => {
      const home = temporaryFolder();
      mkdirSync(join(home, "keys"), { mode: 0o700 });
      const config = join(home, "keyturn.yaml");
      writeFileSync(
        config,
        `settle: 0s
audit: none
defaults: { deliver: "file:${home}/keys/{user}.json" }
rules: [{ match: { name: "*-superseded" }, policy: superseded }]
`,
        { mode: 0o600 },
      );
      const names = ["ci-safe", "ci-superseded"];
      const olds = await moto.seed(names.map((name) => ({ name, keys: [{ ageDays: 200, usedDaysAgo: 0.1 }] })));
      expect(olds).toHaveLength(2);
      let last = "";
      for (let hour = 0; hour < 30 * 24; hour += RUN_EVERY) {
        await moto.shift(hour * HOUR);
        for (const { accessKeyId, userName } of olds)
          expect(await moto.use(accessKeyId), `${userName} is refused after ${hour} hours`).toBe(true);
        const { code, out } = await typed(["run", "--all-users", "--config", config, "--yes"], moto.url);
        expect([0, 1]).toContain(code);
        last = out;
      }
      const keys = await moto.keys();
      expect(keys).toHaveLength(4);
      expect(last).toContain("successor-unused (2)");
      for (const { accessKeyId, userName } of olds) {
        expect(keys.find((key) => key.accessKeyId === accessKeyId)?.status, userName).toBe("Active");
        expect(last).toContain(`keyturn retire ${userName} ${accessKeyId}`);
      }
    },
  );
});
