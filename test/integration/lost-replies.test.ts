import { describe, expect, it } from "vitest";
import { abreast, disturbedRuns } from "../support/disturbed-runs.ts";
import type { speak } from "../support/in-process.ts";
import { motoMissing } from "../support/moto.ts";
import { SCOPE } from "../support/scope.ts";

/** A second run begins at every step of a first; in the tests, at one of so many. */
const PAIR_STEP = SCOPE === "tests" ? 4 : 1;

describe.skipIf(motoMissing !== null)(
  `a run that is not told what it did, or is not alone ${motoMissing ?? ""}`,
  () => {
    const { scenario, expectHealed, healsEach } = disturbedRuns();

    healsEach("gets no answer", "gets a 503 although it took effect");

    it("makes one key where a second run starts at any step of a first", { timeout: 300_000 }, async () => {
      const undisturbed = await scenario("ssm", "alone");
      expect((await undisturbed.run()).code).toBe(0);
      const calls = undisturbed.proxy.calls.length;
      await undisturbed.proxy.stop();

      await abreast(Math.ceil(calls / PAIR_STEP), async (step) => {
        const index = step * PAIR_STEP;
        const scene = await scenario("ssm", `pair-${index + 1}`);
        const second: ReturnType<typeof speak>[] = [];
        scene.proxy.before = (call) => {
          if (call.number === index + 1 && second.length === 0) second.push(scene.runHere("2s"));
          return { kind: "pass" };
        };
        const first = await scene.run("2s");
        // On a busy machine a first run may stop before this step, because reading took it too long: then the second comes after it.
        const other = await (second[0] ?? scene.runHere());
        const when = `second run at call ${index + 1}`;
        expect([first.code, other.code], when).toEqual([0, 0]);
        // On a very busy one both stop.
        if ((await scene.served()).AccessKeyId === undefined) expect(await scene.heal(), when).toBe(0);
        await expectHealed(scene, when, "Active");
        await scene.proxy.stop();
      });
    });
  },
);
