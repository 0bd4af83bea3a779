import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EXACT_WITHIN_DAYS, isExactDay, type ReportedSlot, sift } from "../../src/core/sift.ts";
import { days, hours, type Instant, instant, later } from "../../src/core/time.ts";

const NOW = instant(Date.parse("2026-11-20T09:00:00Z"));
const ago = (count: number): Instant => instant(NOW - days(count));
const POLICY = { rotateAfter: days(90), usersWithoutKey: "skip" } as const;

const active = (age: number): ReportedSlot => ({ isActive: true, changedAt: ago(age) });
const inactive = (age: number): ReportedSlot => ({ isActive: false, changedAt: ago(age) });
const user = (...slots: readonly ReportedSlot[]) => ({
  userName: "ci",
  arn: "arn:aws:iam::111122223333:user/ci",
  slots,
});
const old = { createDate: ago(1000) };

const RECORD = "v1 delivered at=2026-10-01T00:00:00Z n=x new=AKIAAAAAAAAAAAAAAAAA old=AKIABBBBBBBBBBBBBBBB";

describe("who need not be read exactly", () => {
  it.each([
    ["both slots empty", old, null, user(), "no-keys"],
    ["a user younger than any key may get", { createDate: ago(89) }, null, user(active(80)), "young-user"],
    ["a user that the report does not have yet", { createDate: ago(0) }, null, null, "young-user"],
    ["a key that is young", old, null, user(active(89)), "looks-young"],
    ["a finished rotation", old, RECORD, user(active(50)), "looks-young"],
  ] as const)("%s", (_, listed, record, reported, expected) => {
    expect(sift(listed, record, reported, POLICY, NOW)).toBe(expected);
  });

  it.each([
    ["a key that is old", old, null, user(active(90))],
    ["two keys, however young", { createDate: ago(3) }, null, user(active(1), active(2))],
    ["one Active and one Inactive", old, null, user(active(1), inactive(2))],
    ["an Inactive key alone", old, null, user(inactive(1))],
    ["an old user that the report does not have", old, null, null],
    ["a user whose age is not known", { createDate: null }, null, null],
    ["a record that was not read", old, undefined, user(active(1))],
    ["an open intent", old, "v1 creating at=2026-11-20T08:00:00Z n=x known=AKIAAAAAAAAAAAAAAAAA", user(active(1))],
    ["a delivery under way", old, "v1 delivering at=2026-11-20T08:00:00Z n=x new=AKIAAAAAAAAAAAAAAAAA known=", user()],
    ["a hold", old, `${RECORD} hold=open`, user(active(1))],
    ["a record of a later keyturn", old, "v2 something", user(active(1))],
    ["a record that somebody else wrote", old, "hello", user(active(1))],
  ] as const)("exactly: %s", (_, listed, record, reported) => {
    expect(sift(listed, record, reported, POLICY, NOW)).toBeNull();
  });

  it("everybody is read where every run rotates, and where users without a key get one", () => {
    expect(sift(old, null, user(active(0)), { ...POLICY, rotateAfter: days(0) }, NOW)).toBeNull();
    expect(sift(old, null, user(), { ...POLICY, usersWithoutKey: "create" }, NOW)).toBeNull();
  });
});

describe("a user's own day", () => {
  it("comes exactly once a week, and about as many have each day", () => {
    const counts = Array.from({ length: EXACT_WITHIN_DAYS }, () => 0);
    for (let index = 0; index < 5000; index += 1) {
      const arn = `arn:aws:iam::111122223333:user/ci-${index}`;
      const own = counts.flatMap((__, day) => (isExactDay({ arn }, later(NOW, days(day))) ? [day] : []));
      expect(own).toHaveLength(1);
      for (const day of own) counts[day] = (counts[day] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 5000 / EXACT_WITHIN_DAYS)).toBeLessThan(100);
  });
});

/*
 * An account as AWS has it: the report is up to four hours old, has no ids, and gives the later of creation and latest change of
 * status. A daily run reads exactly whom the sift lets through, and whoever has their day.
 */
describe("over accounts of every kind", () => {
  const key = fc.record({
    age: fc.integer({ min: 0, max: 400 }),
    isActive: fc.boolean(),
    /** Days since it was last switched off and on again; null = never. */
    toggled: fc.option(fc.integer({ min: 0, max: 400 })),
  });
  const person = fc.record({ age: fc.integer({ min: 0, max: 2000 }), keys: fc.array(key, { maxLength: 2 }) });

  it("finds a due key at once, or within a week where it was switched on again lately; no other is let through as due", () => {
    fc.assert(
      fc.property(fc.array(person, { maxLength: 8 }), fc.nat(4), (people, lag) => {
        for (const [index, { age, keys }] of people.entries()) {
          const arn = `arn:aws:iam::111122223333:user/user-${index}`;
          const own = keys.map((each) => ({ ...each, created: ago(Math.min(each.age, age)) }));
          const foundOn = dayFound(arn, { createDate: ago(age) }, own, lag);
          const [only] = own;
          const due = own.length === 1 && only?.isActive === true && only.created <= ago(90);
          if (!due) continue;
          const isHidden = only.toggled !== null && ago(only.toggled) > ago(90) && only.toggled <= only.age;
          expect(foundOn).toBeLessThanOrEqual(isHidden ? EXACT_WITHIN_DAYS - 1 : 0);
        }
      }),
      { numRuns: 2000 },
    );
  });

  /** The first day, from 0, on which a daily run reads the user exactly. */
  function dayFound(
    arn: string,
    listed: { readonly createDate: Instant },
    keys: readonly {
      readonly created: Instant;
      readonly isActive: boolean;
      readonly toggled: number | null;
      readonly age: number;
    }[],
    lag: number,
  ): number {
    for (let day = 0; day < 30; day += 1) {
      const now = later(NOW, days(day));
      const generated = instant(now - hours(lag));
      const slots = keys
        .filter(({ created }) => created <= generated)
        .map(({ created, isActive, toggled, age }) => ({
          isActive,
          changedAt: toggled === null || toggled > age ? created : instant(Math.max(created, ago(toggled))),
        }));
      const reported = listed.createDate > generated ? null : { userName: "user", arn, slots };
      if (isExactDay({ arn }, now) || sift(listed, null, reported, POLICY, now) === null) return day;
    }
    return 30;
  }
});
