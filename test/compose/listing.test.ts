import { describe, expect, it } from "vitest";
import { FEW_USERS, readListing } from "../../src/compose/listing.ts";
import { hours, instant, type Instant, later } from "../../src/core/time.ts";
import { type AccountIndex, CallError } from "../../src/ports.ts";
import { VirtualClock } from "../../src/simulation/virtual-clock.ts";

const NOW = instant(Date.UTC(2026, 10, 20, 9));
const ARN = "arn:aws:iam::111122223333:user/ci/ci-bot";
const REPORT = [
  "user,arn,access_key_1_active,access_key_1_last_rotated,access_key_2_active,access_key_2_last_rotated",
  `ci-bot,${ARN},true,2026-11-01T00:00:00+00:00,false,N/A`,
].join("\n");

const user = { userName: "ci-bot", path: "/ci/", arn: ARN, createDate: null };
const tags = new Map([["team", "search"]]);

const refused = (kind: CallError["kind"], code: string) => () =>
  Promise.reject(new CallError(kind, "iam:Something", "*", code, "no"));

const indexWith = (told: Partial<AccountIndex>, generatedAt: Instant = NOW): AccountIndex => ({
  hasMoreThan: async (_, count) => count === FEW_USERS,
  listWithTags: async () => [
    { ...user, tags },
    { ...user, path: "/people/", arn: `${ARN}-too`, tags },
  ],
  list: async () => [{ ...user, tags: null }],
  credentialReport: async () => ({ generatedAt, text: REPORT }),
  ...told,
});

const read = (told: Partial<AccountIndex>, generatedAt?: Instant) =>
  readListing(indexWith(told, generatedAt), new VirtualClock(NOW), "/ci/");

describe("a listing of a large account", () => {
  it("has the users below the path with their tags, and what the report says of them", async () => {
    const listing = await read({});
    expect(listing?.users).toEqual([{ ...user, tags }]);
    expect(listing?.reported?.get(ARN)?.slots).toHaveLength(1);
    expect(listing?.source).toBe("the credential report of 2026-11-20T09:00:00Z");
  });

  it("is not made of a small one", async () => {
    expect(await read({ hasMoreThan: async () => false })).toBeNull();
  });

  it("goes without tags where they are denied, and fails where the users cannot be told", async () => {
    expect((await read({ listWithTags: refused("denied", "AccessDenied") }))?.users).toEqual([{ ...user, tags: null }]);
    await expect(read({ listWithTags: refused("unknown", "TimeoutError") })).rejects.toThrow("no");
  });

  it.each([
    ["denied", { credentialReport: refused("denied", "AccessDenied") }, "iam:Something is denied"],
    ["still being written", { credentialReport: refused("refused", "InProgress") }, "iam:Something: InProgress"],
    ["expired", { credentialReport: refused("refused", "ReportExpired") }, "iam:Something: ReportExpired"],
    ["no report", { credentialReport: async () => ({ generatedAt: NOW, text: "<html>" }) }, "it could not be read"],
  ] as const)("rules nobody out where the report is %s", async (_, told, why) => {
    const listing = await read(told);
    expect([listing?.reported, listing?.source]).toEqual([null, `no credential report (${why})`]);
  });

  it("rules nobody out by a report that is older than a day", async () => {
    expect((await read({}, instant(NOW - hours(24))))?.reported).not.toBeNull();
    const stale = await read({}, instant(NOW - hours(24) - 1));
    expect([stale?.reported, stale?.source]).toEqual([
      null,
      "no credential report (IAM's latest is of 2026-11-19T08:59:59Z)",
    ]);
    expect((await read({}, later(NOW, hours(1))))?.reported).not.toBeNull();
  });
});
