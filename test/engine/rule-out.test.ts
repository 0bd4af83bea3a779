import { describe, expect, it } from "vitest";
import { type AccessKeyId, accessKeyId } from "../../src/core/access-key.ts";
import { known, type Reading } from "../../src/core/observation.ts";
import { ruleOut } from "../../src/engine/rule-out.ts";
import type { Subject } from "../../src/engine/world.ts";
import { days, instant } from "../../src/core/time.ts";
import { Rig, START } from "../support/rig.ts";

/** A user whose only key looks young, by the report. */
function listed(terms: Partial<Subject["terms"]> = {}, record: string | null | undefined = null): Subject {
  const rig = new Rig();
  rig.user("ci-bot", [{ ageDays: 10 }]);
  const [subject] = rig.subjects();
  if (subject === undefined) throw new Error("the rig has a user");
  const { userName, arn } = subject.user;
  const slots = [{ isActive: true, changedAt: instant(START - days(10)) }];
  const told = { createDate: instant(START - days(900)), reported: { userName, arn, slots }, record };
  return { ...subject, terms: { ...subject.terms, ...terms }, listed: told };
}

const NOTHING: Reading<readonly AccessKeyId[]> = known([]);

describe("a user that a listing rules out", () => {
  it("is settled, without anything known of its keys", () => {
    const found = ruleOut(listed(), NOTHING, START);
    expect(found).toMatchObject({ ruledOut: "looks-young", decision: { standing: "settled", action: null } });
    expect(found?.seen.keys.kind).toBe("unread");
    expect(found?.decision.sentence).toContain("10d ago; it is read exactly once in 7 days");
  });

  it.each<[string, Subject, typeof NOTHING]>([
    ["a hold stands in its record", listed({}, "v1 held at=2026-01-01T00:00:00Z n=x hold=open"), NOTHING],
    ["a person asks for it", listed({ asked: true }), NOTHING],
    ["nobody knows what holds for it", listed({ doubt: { kind: "unusable", message: "no", hint: null } }), NOTHING],
    ["the escrow holds a secret of it", listed(), known([accessKeyId("AKIAIOSFODNN7EXAMPLE")])],
  ])("is read exactly all the same where %s", (_, subject, escrow) => {
    expect(ruleOut(subject, escrow, START)).toBeNull();
  });
});
