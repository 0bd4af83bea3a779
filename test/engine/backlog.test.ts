import { describe, expect, it } from "vitest";
import { Pace } from "../../src/aws/pace.ts";
import { milliseconds, type Duration } from "../../src/core/time.ts";
import type { UserReport } from "../../src/core/result.ts";
import { CallError } from "../../src/ports.ts";
import { run } from "../../src/engine/run.ts";
import { type Interceptor, seededRandom } from "../../src/simulation/account.ts";
import { Bucket, type Limit } from "../support/bucket.ts";
import { freely, Rig } from "../support/rig.ts";

const LATENCY: Duration = milliseconds(20);

/** How long the client sends a request again that came too fast. */
const PATIENCE = 22_000;

/** A run over so many users, all due, where every call goes out at the client's pace and is limited, all services together. */
async function backlog(users: number, limit: Limit): Promise<{ reports: readonly UserReport[]; bucket: Bucket }> {
  const rig = new Rig();
  const { clock, account } = rig;
  const [pace, bucket, random] = [new Pace(clock), new Bucket(clock, limit), seededRandom(1)];
  const limited =
    (laneOf: (action: string) => string): Interceptor =>
    async (action, resource, effect) => {
      const lane = pace.lane(laneOf(action));
      for (const began = clock.monotonic(); ;) {
        await lane.turn();
        await clock.sleep(LATENCY);
        if (bucket.take()) break;
        lane.refused();
        if (clock.monotonic() - began > PATIENCE)
          throw new CallError("refused", action, resource, "Throttling", "Rate exceeded");
        await clock.sleep(milliseconds(100 + random() * 400));
      }
      lane.granted();
      return effect();
    };
  account.intercept = limited((action) =>
    action.startsWith("sts") ? "sts" : /:(Get|List)/.test(action) ? "iam:read" : "iam:write",
  );
  for (let index = 0; index < users; index += 1)
    rig.user(`user-${index}`, [{ ageDays: 200 }]).destination.intercept = limited(() => "ssm");
  const world = { ...rig.world, isHeldBack: () => pace.isHeldBack };
  return { reports: await run(world, rig.subjects(), freely), bucket };
}

const changed = (reports: readonly UserReport[]) => reports.filter(({ outcome }) => outcome === "changed").length;

describe("a backlog of rotations under a limit", () => {
  it("is worked off in one run, with nine tenths of what is granted", async () => {
    const { reports, bucket } = await backlog(400, { rate: 20, burst: 40 });
    expect(changed(reports)).toBe(400);
    expect(bucket.share).toBeGreaterThan(0.9);
    expect(bucket.refused / bucket.granted).toBeLessThan(0.15);
  });

  it("gets on where far less is granted than sixteen users ask for at one time", async () => {
    const { reports, bucket } = await backlog(100, { rate: 5, burst: 10 });
    expect(changed(reports)).toBeGreaterThan(80);
    expect(bucket.share).toBeGreaterThan(0.9);
  });
});
