import { describe, expect, it } from "vitest";
import { isThrottling, laneOf, Pace } from "../../src/aws/pace.ts";
import { instant, milliseconds, minutes } from "../../src/core/time.ts";
import { VirtualClock } from "../../src/simulation/virtual-clock.ts";
import { Bucket } from "../support/bucket.ts";

/** What one rotation asks for, by lane. */
const ROTATION = [
  "iam:read",
  "iam:read",
  "iam:write",
  "iam:read",
  "iam:write",
  "sts",
  "sts",
  "ssm",
  "ssm",
  "iam:write",
];

async function play(workers: number, rate: number, burst: number, lanes: readonly string[], span = minutes(5)) {
  const clock = new VirtualClock(instant(0));
  const bucket = new Bucket(clock, { rate, burst });
  const pace = new Pace(clock);
  let longest = 0;
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      for (let step = worker; clock.monotonic() < span; step += 1) {
        const lane = pace.lane(lanes[step % lanes.length] ?? "");
        const began = clock.monotonic();
        for (let sent = false; !sent;) {
          await lane.turn();
          await clock.sleep(milliseconds(20));
          sent = bucket.take();
          if (sent) lane.granted();
          else lane.refused();
          if (!sent) await clock.sleep(milliseconds(100 + ((worker * 97 + step * 31) % 400)));
        }
        longest = Math.max(longest, clock.monotonic() - began);
      }
    }),
  );
  return { share: bucket.share, refused: bucket.refused / bucket.granted, longest };
}

describe("the pace", () => {
  it.each([
    ["one kind of call", ["iam:read"]],
    ["what rotations ask for, in lanes that share one limit", ROTATION],
  ])("uses what is granted, and is seldom refused: %s", async (_, lanes) => {
    const { share, refused, longest } = await play(16, 20, 40, lanes);
    expect(share).toBeGreaterThan(0.9);
    expect(refused).toBeLessThan(0.15);
    expect(longest).toBeLessThan(20_000);
  });

  it("never waits where nothing is refused", async () => {
    const { refused, longest } = await play(16, 100_000, 100_000, ["iam:read"], minutes(1));
    expect(refused).toBe(0);
    expect(longest).toBe(20);
  });

  it("gets faster again when more is granted", async () => {
    const clock = new VirtualClock(instant(0));
    const lane = new Pace(clock).lane("sts");
    for (let count = 0; count < 10; count += 1) {
      await clock.sleep(milliseconds(100));
      lane.granted();
    }
    lane.refused();
    const slow = lane.rate ?? 0;
    expect(slow).toBeGreaterThan(5);
    expect(slow).toBeLessThan(12);
    for (const end = clock.monotonic() + minutes(2); clock.monotonic() < end;) {
      await lane.turn();
      lane.granted();
    }
    expect(lane.rate).toBeGreaterThan(100);
  });

  it("learns nothing from a lane that nobody uses", async () => {
    const clock = new VirtualClock(instant(0));
    const lane = new Pace(clock).lane("sts");
    lane.granted();
    lane.refused();
    await clock.sleep(minutes(60));
    await lane.turn();
    expect(lane.rate).toBeLessThan(10);
  });

  it("does not leave a lane behind that was cut while others were busy", async () => {
    const clock = new VirtualClock(instant(0));
    const pace = new Pace(clock);
    const [busy, cut] = [pace.lane("iam:read"), pace.lane("sts")];
    cut.refused();
    const slow = cut.rate ?? 0;
    for (const end = clock.monotonic() + minutes(1); clock.monotonic() < end;) {
      await clock.sleep(milliseconds(50));
      busy.granted();
    }
    await cut.turn();
    await cut.turn();
    expect([slow, cut.rate]).toEqual([1, expect.closeTo(2.2, 0)]);
  });
});

describe("a request's lane", () => {
  const signed = (service: string) => ({
    authorization: `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261120/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
  });

  it.each([
    [signed("iam"), "Action=ListUsers&Version=2010-05-08", "iam:read"],
    [signed("iam"), "Action=GetAccessKeyLastUsed&AccessKeyId=X", "iam:read"],
    [signed("iam"), "Action=CreateAccessKey&UserName=ListUsers", "iam:write"],
    [signed("iam"), "Version=2010-05-08&Action=TagUser", "iam:write"],
    [signed("sts"), "Action=GetCallerIdentity", "sts"],
    [signed("ssm"), "{}", "ssm"],
    [{}, "", "unsigned"],
  ])("%j %s is %s", (headers, body, lane) => {
    expect(laneOf({ headers, body })).toBe(lane);
  });
});

it.each([
  [400, "<ErrorResponse><Error><Code>Throttling</Code>", true],
  [400, '{"__type":"ThrottlingException"}', true],
  [400, '{"__type":"com.amazonaws.ssm#ThrottlingException","message":"Rate exceeded"}', true],
  [404, "<Code>NoSuchEntity</Code><Message>The user with name Throttling cannot be found.</Message>", false],
  [403, "<Code>AccessDenied</Code><Message>on resource: user &lt;Code&gt;Throttling&lt;/Code&gt;</Message>", false],
  [400, '{"__type":"ParameterNotFound","message":"/keys/\\"__type\\":\\"ThrottlingException\\""}', false],
  [400, "not what AWS writes: Throttling", false],
  [429, "", true],
  [503, "<Code>SlowDown</Code>", true],
  [409, "<Code>LimitExceeded</Code><Message>Cannot exceed quota for AccessKeysPerUser: 2</Message>", false],
  [404, "<Code>NoSuchEntity</Code>", false],
  [500, "InternalFailure", false],
])("a reply %i %s is about pace: %s", (status, text, expected) => {
  expect(isThrottling(status, text)).toBe(expected);
});
