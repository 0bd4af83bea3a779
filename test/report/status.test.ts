import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { known } from "../../src/core/observation.ts";
import { days, hours, instant } from "../../src/core/time.ts";
import { statusDocument, statusText, type StoryLine } from "../../src/report/status.ts";
import {
  type Case,
  creating,
  daysAgo,
  delivered,
  delivering,
  held,
  id,
  judge,
  NOW,
  retiring,
  type UserTold,
  userWith,
} from "../core/builders.ts";
import { hostile, isTame, linesIn, setting } from "./reports.ts";

const handover: UserTold = {
  keys: [
    { name: "OLD", ageDays: 120, usedDaysAgo: 2 },
    { name: "NEW", ageDays: 10, usedDaysAgo: 1 },
  ],
  record: delivered("NEW", ["OLD"], { at: daysAgo(10) }),
  destinations: [{ serves: "NEW" }, "write-only"],
};

const story: readonly StoryLine[] = [
  { when: "2026-06-05T12:00:00Z", step: "create", outcome: "done", reason: "", keys: [id("NEW")] },
  { when: "2026-06-05T12:00:20Z", step: "record-delivered", outcome: "done", reason: "", keys: [] },
];

const show = (world: Case, told: readonly StoryLine[] = [], flags: readonly string[] = []): string =>
  statusText(world.seen, judge(world).decision, told, setting({ now: NOW, flags }));

const fooled = (userName: string, text: string): string => {
  const { seen, terms } = userWith(handover);
  const use = known({ at: instant(NOW - hours(1)), service: text, region: text });
  const world: Case = {
    terms,
    seen: {
      ...seen,
      user: { userName, path: text, arn: `arn:aws:iam::123456789012:user/${userName}` },
      lastUse: new Map([
        [id("OLD"), use],
        [id("NEW"), use],
      ]),
      destinations: seen.destinations.map((each) => ({ ...each, label: text })),
    },
  };
  const line: StoryLine = { when: text, step: text, outcome: text, reason: text, keys: [text, text] };
  return show(world, [line, line], [text]);
};

describe("the status of a user", () => {
  it("tells the story so far, the keys, the destinations, where it stands, and what comes next", () => {
    expect(show(userWith(handover), story)).toBe(
      [
        "ci-bot (arn:aws:iam::123456789012:user/ci-bot)",
        "",
        "So far",
        `  ${id("NEW")} was delivered on 2026-06-05T12:00:00Z, 10d ago; it succeeds ${id("OLD")}`,
        `  2026-06-05T12:00:00Z  create done ${id("NEW")}`,
        "  2026-06-05T12:00:20Z  record-delivered done",
        "",
        "Keys",
        `  ${id("OLD")}  predecessor: Active, 120d old, used 2d ago with s3`,
        `    ${id("OLD")} was last used 2026-06-13 with s3 in eu-west-1`,
        `  ${id("NEW")}  successor: Active, 10d old, used 1d ago with s3`,
        `    ${id("NEW")} is 10d old`,
        "",
        "Destinations",
        `  memory:0  serves ${id("NEW")}`,
        "  memory:write-only-1  cannot be read back",
        "",
        "Now",
        `  waiting: predecessor-in-use: ${id("OLD")} was last used 2026-06-13 with s3 in eu-west-1`,
        "",
        "Next",
        `  ${id("OLD")} is deactivated once ${id("NEW")} is in use and the old key was quiet for 7d, not before 2026-06-20`,
      ].join("\n"),
    );
  });

  it("says what the next run will do", () => {
    expect(show(userWith({ ageDays: 120 }))).toContain(`  the next run will create a successor of ${id("OLD")}`);
  });

  it("says what to type, with the flags of this invocation", () => {
    const blocked = userWith({ keys: [{ name: "OLD", ageDays: 120, usedDaysAgo: null }] });
    expect(show(blocked, [], ["--profile", "my ops"])).toContain(
      `  keyturn retire ci-bot ${id("OLD")} --profile 'my ops'`,
    );
  });

  it.each<[string, UserTold, string]>([
    ["no record", {}, "no rotation by keyturn is on record"],
    ["garbage", { record: "hello" }, "the record cannot be understood"],
    ["a record of a later version", { record: "v2 x" }, "the record cannot be understood"],
    ["an intent", { record: creating(["OLD"]) }, "a successor was about to be created on 2026-06-14T12:00:00Z, 1d ago"],
    [
      "a delivery under way",
      { record: delivering("NEW", ["OLD"]) },
      `${id("NEW")} was being delivered on 2026-06-14T12:00:00Z, 1d ago`,
    ],
    [
      "a delivery without predecessor",
      { record: delivered("NEW", []) },
      `${id("NEW")} was delivered on 2026-06-14T12:00:00Z, 1d ago`,
    ],
    [
      "a retirement",
      { record: retiring("NEW", ["OLD"]) },
      `${id("OLD")} was retired on 2026-06-14T12:00:00Z, 1d ago; ${id("NEW")} succeeds it`,
    ],
    [
      "a retirement by hand",
      { record: retiring(null, ["OLD"]) },
      `${id("OLD")} was retired on 2026-06-14T12:00:00Z, 1d ago`,
    ],
    ["a hold", { record: held("open") }, "put on hold on 2026-06-14T12:00:00Z, 1d ago"],
    [
      "a record that could not be read",
      { readings: { record: { kind: "failed", action: "iam:ListUserTags", message: "Throttling" } } },
      "the record could not be read",
    ],
  ])("tells of %s", (_, told, words) => {
    expect(show(userWith(told)).split("\n")).toContain(`  ${words}`);
  });

  it("tells what is not known from what is nothing", () => {
    const shown = show(
      userWith({
        keys: [
          { name: "OLD", usedDaysAgo: null },
          { name: "NEW", ageDays: 5, lastUse: { kind: "denied", action: "iam:X", resource: "*" } },
        ],
        destinations: [
          { serves: null },
          { served: { kind: "failed", action: "ssm:GetParameter", message: "timed out" } },
        ],
      }),
    );
    expect(shown).toContain("never used");
    expect(shown).toContain("last use not read");
    expect(shown).toContain("serves no key");
    expect(shown).toContain("could not be read");
  });

  it("is told of a user whose keys could not be listed", () => {
    const shown = show(
      userWith({ readings: { keys: { kind: "denied", action: "iam:ListAccessKeys", resource: "user/ci-bot" } } }),
    );
    expect(shown).toContain("blocked: read-denied: iam:ListAccessKeys on user/ci-bot is denied");
    expect(shown).not.toContain("Keys\n");
  });

  it("does nothing to a terminal and gains no line by made-up texts, wherever they come from", () => {
    fc.assert(
      fc.property(hostile, hostile, (userName, text) => {
        expect(isTame(fooled(userName, text))).toBe(true);
        expect(linesIn(fooled(userName, text))).toBe(linesIn(fooled("ci-bot", "a text")));
      }),
      { numRuns: 200 },
    );
  });
});

describe("the status of a user as JSON", () => {
  const head = {
    schema: "keyturn/status/v1",
    keyturn: "0.1.0",
    run: "5b1e6c0e",
    account: "123456789012",
    caller: "arn:aws:iam::123456789012:user/ops",
    startedAt: instant(NOW - 1_000),
    endedAt: NOW,
  } as const;

  it("says the same", () => {
    const world = userWith(handover);
    const made: unknown = JSON.parse(JSON.stringify(statusDocument(head, world.seen, judge(world).decision, story)));
    expect(made).toMatchObject({
      schema: "keyturn/status/v1",
      startedAt: "2026-06-15T11:59:59Z",
      endedAt: "2026-06-15T12:00:00Z",
      userName: "ci-bot",
      arn: "arn:aws:iam::123456789012:user/ci-bot",
      record: `v1 delivered at=2026-06-05T12:00:00Z n=r1_1 new=${id("NEW")} old=${id("OLD")}`,
      standing: "waiting",
      code: "predecessor-in-use",
      action: null,
      next: { at: "2026-06-20T16:00:00Z" },
      command: null,
      keys: [
        { accessKeyId: id("OLD"), role: "predecessor" },
        { accessKeyId: id("NEW"), role: "successor" },
      ],
      destinations: [
        { label: "memory:0", readable: true, serves: id("NEW") },
        { label: "memory:write-only-1", readable: false, serves: null },
      ],
      story,
    });
  });

  it("prints every date of the keys as it prints the others", () => {
    const world = userWith({ ageDays: 10 });
    const made = JSON.stringify(statusDocument(head, world.seen, judge(world).decision, []));
    expect(made).not.toMatch(/"at":\d/);
    expect(made).toContain(new Date(daysAgo(10) + days(90)).toISOString().slice(0, 19));
  });
});
