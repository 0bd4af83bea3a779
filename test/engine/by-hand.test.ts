import { describe, expect, it } from "vitest";
import type { AccessKeyId } from "../../src/core/access-key.ts";
import { Secret } from "../../src/core/secret.ts";
import { adopt, byHand, type Deed, hold, predecessorIn, release, retire, rollback } from "../../src/engine/by-hand.ts";
import { observeServed } from "../../src/engine/observe.ts";
import type { Turn } from "../../src/engine/turn.ts";
import type { Observation } from "../../src/core/observation.ts";
import { days, hours, minutes, Rig } from "../support/rig.ts";

/** What a person does to `ci-bot`, with nobody else at work. */
async function by<T>(rig: Rig, deed: (turn: Turn, seen: Observation) => Promise<T>): Promise<Deed<T>> {
  const [subject] = rig.subjects();
  if (subject === undefined) throw new Error("no user");
  return byHand(rig.world, subject, "test", deed);
}

async function done<T>(deed: Promise<Deed<T>>): Promise<T> {
  const result = await deed;
  if (result.kind !== "done") throw new Error(result.sentence);
  return result.value;
}

/** A rotation that is over: OLD was made Inactive by a run, NEW is served. */
async function retired(): Promise<{ rig: Rig; old: AccessKeyId; fresh: AccessKeyId }> {
  const rig = new Rig();
  const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
  await rig.run();
  await rig.pass(days(9), hours(6), () => {
    const { current } = destination;
    if (current !== null) rig.account.use(current.accessKeyId, "s3", "eu-west-1");
  });
  const [old] = ids;
  const fresh = destination.current?.accessKeyId;
  if (old === undefined || fresh === undefined) throw new Error("nothing rotated");
  expect(rig.statuses("ci-bot")).toBe("Inactive Active");
  return { rig, old, fresh };
}

describe("a hold", () => {
  it("keeps runs away until its date, and no longer", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }]);
    await done(by(rig, (turn, seen) => hold(turn, seen, rig.later(days(14)))));
    rig.skip(days(13));
    expect((await rig.runFor("ci-bot")).code).toBe("on-hold");
    rig.skip(days(2));
    expect((await rig.runFor("ci-bot")).code).toBe("due");
  });

  it("keeps what the record says of a rotation, and gives it back", async () => {
    const { rig, old, fresh } = await retired();
    const before = rig.record("ci-bot");
    await done(by(rig, (turn, seen) => hold(turn, seen, "open")));
    expect(rig.record("ci-bot")).toBe(`${before} hold=open`);
    await rig.pass(days(60));
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
    expect(await done(by(rig, release))).toBe(true);
    expect(rig.record("ci-bot")).toBe(before);
    await rig.run();
    expect(rig.account.keys("ci-bot").map((key) => key.accessKeyId)).toEqual([fresh]);
    expect(old).not.toBe(fresh);
  });

  it("that says nothing else ends, too, without removing the record", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }]);
    expect(await done(by(rig, release))).toBe(false);
    await done(by(rig, (turn, seen) => hold(turn, seen, "open")));
    expect((await rig.runFor("ci-bot")).code).toBe("on-hold");
    expect(await done(by(rig, release))).toBe(true);
    expect(rig.record("ci-bot")).toMatch(/^v1 held /);
    expect((await rig.runFor("ci-bot")).code).toBe("due");
  });

  it("is not said to stand where another run overwrote it", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }]);
    const result = await by(rig, async (turn, seen) => {
      const before = rig.account.intercept;
      rig.account.intercept = async (action, resource, effect) => {
        const answer = effect();
        if (action === "iam:TagUser") {
          rig.account.intercept = before;
          await rig.run();
        }
        return answer;
      };
      await hold(turn, seen, "open");
    });
    // The other run began after the hold was written, so it saw it, and left it alone.
    expect(result.kind).toBe("done");
    const raced = await by(rig, async (turn, seen) => {
      rig.account.tags("ci-bot").set("keyturn:rotation", "");
      const write = rig.account.intercept;
      rig.account.intercept = async (action, resource, effect) => {
        const answer = effect();
        if (action === "iam:TagUser")
          rig.account.tags("ci-bot").set("keyturn:rotation", "v1 creating at=2026-01-05T08:00:00Z n=x known=");
        rig.account.intercept = write;
        return answer;
      };
      await hold(turn, seen, "open");
    });
    expect(raced).toMatchObject({ kind: "failed", sentence: expect.stringContaining("at the same time") });
  });

  it("waits for a run that may be at work, and never overwrites a record that it does not understand", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }]);
    await rig.run();
    const busy = await by(rig, (turn, seen) => hold(turn, seen, "open"));
    expect(busy).toMatchObject({ kind: "stopped", sentence: expect.stringContaining("another run may be at work") });
    rig.skip(minutes(10));
    rig.account.tags("ci-bot").set("keyturn:rotation", "v9 something new");
    const odd = await by(rig, (turn, seen) => hold(turn, seen, "open"));
    expect(odd).toMatchObject({ kind: "failed", sentence: expect.stringContaining("understands") });
    expect(rig.record("ci-bot")).toBe("v9 something new");
  });

  it("survives a key that a person retires meanwhile", async () => {
    const rig = new Rig();
    const { ids } = rig.user("ci-bot", [{ ageDays: 120 }, { ageDays: 50 }]);
    const [old] = ids;
    await done(by(rig, (turn, seen) => hold(turn, seen, "open")));
    await done(by(rig, (turn, seen) => retire(turn, seen, old ?? ("" as AccessKeyId), false)));
    expect(rig.record("ci-bot")).toMatch(/hold=open$/);
  });
});

describe("a rollback", () => {
  it("makes the old key Active and served again, and stands until it is resumed", async () => {
    const { rig, old, fresh } = await retired();
    const [destination] = rig.destinations.get("ci-bot") ?? [];
    const [subject] = rig.subjects();
    if (subject === undefined || destination === undefined) throw new Error("no user");
    expect(predecessorIn(await observeServed(rig.world, subject, true))).toBe(old);
    expect(await done(by(rig, (turn, seen) => rollback(turn, seen, old)))).toEqual([
      { label: "memory:ci-bot", result: "serves it again" },
    ]);
    expect(rig.statuses("ci-bot")).toBe("Active Active");
    expect((await destination.read?.())?.accessKeyId).toBe(old);
    await rig.pass(days(40));
    expect(rig.statuses("ci-bot")).toBe("Active Active");
    await done(by(rig, release));
    const after = await rig.runFor("ci-bot");
    expect([after.outcome, after.code, after.command]).toEqual(["blocked", "rolled-back", ["retire", "ci-bot", fresh]]);
    expect(rig.statuses("ci-bot")).toBe("Active Active");
  });

  it("says where a destination cannot be rolled back", async () => {
    const rig = new Rig();
    const { ids } = rig.user("ci-bot", [{ ageDays: 120 }], { remembers: false }, { served: true });
    await rig.run();
    rig.skip(minutes(10));
    const [old] = ids;
    expect(await done(by(rig, (turn, seen) => rollback(turn, seen, old ?? ("" as AccessKeyId))))).toEqual([
      { label: "memory:ci-bot", result: "cannot be rolled back" },
    ]);
    expect((await rig.runFor("ci-bot")).code).toBe("on-hold");
  });

  it("stops before it touches a key where the hold could not be kept", async () => {
    const { rig, old } = await retired();
    const before = rig.account.intercept;
    rig.account.intercept = async (action, resource, effect) => {
      const answer = await before(action, resource, effect);
      if (action === "iam:TagUser")
        rig.account
          .tags("ci-bot")
          .set("keyturn:rotation", "v1 held at=2026-01-05T08:00:00Z n=x hold=2026-01-06T08:00:00Z");
      return answer;
    };
    expect((await by(rig, (turn, seen) => rollback(turn, seen, old))).kind).toBe("failed");
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
  });
});

describe("an adoption", () => {
  /** Two Active keys that nothing explains; the consumer uses the second. */
  function unexplained() {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 200, usedDaysAgo: 40 }]);
    const pair = rig.account.addKey("ci-bot", { createDate: rig.ago(days(20)) });
    const [old] = ids;
    if (old === undefined) throw new Error("no key");
    return { rig, old, pair, destination };
  }

  it("delivers a key that exists, and lets runs retire what it replaced", async () => {
    const { rig, old, pair, destination } = unexplained();
    expect((await rig.runFor("ci-bot")).code).toBe("unexplained");
    const { accessKeyId: id, secretAccessKey } = pair;
    expect(await done(by(rig, (turn, seen) => adopt(turn, seen, id, secretAccessKey, [old])))).toEqual([
      "memory:ci-bot",
    ]);
    expect(destination.current?.accessKeyId).toBe(id);
    expect(rig.account.keys("ci-bot")).toHaveLength(2);
    await rig.pass(days(9), hours(6), () => void rig.account.use(id, "s3", "eu-west-1"));
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
  });

  it("replaces nothing that nobody named", async () => {
    const { rig, pair } = unexplained();
    await done(by(rig, (turn, seen) => adopt(turn, seen, pair.accessKeyId, pair.secretAccessKey, [])));
    await rig.pass(days(60), hours(6), () => void rig.account.use(pair.accessKeyId, "s3", "eu-west-1"));
    expect(rig.statuses("ci-bot")).toBe("Active Active");
  });

  it("takes the secret from the destination that serves it, and writes nothing there", async () => {
    const { rig, pair, destination } = unexplained();
    destination.put(pair);
    const writtenAt = (await destination.read?.())?.writtenAt;
    rig.skip(days(1));
    expect(await done(by(rig, (turn, seen) => adopt(turn, seen, pair.accessKeyId, null, [])))).toEqual([]);
    expect((await destination.read?.())?.writtenAt).toBe(writtenAt);
    expect(rig.record("ci-bot")).toContain(`delivered`);
  });

  it("refuses a wrong secret, another user's key, and an Inactive one, and changes nothing", async () => {
    const { rig, old, pair } = unexplained();
    rig.account.addUser("other");
    const stranger = rig.account.addKey("other");
    const wrong = await by(rig, (turn, seen) => adopt(turn, seen, pair.accessKeyId, new Secret("x".repeat(40)), []));
    expect(wrong).toMatchObject({
      kind: "failed",
      sentence: expect.stringContaining("does not sign in with this secret"),
    });
    const foreign = await by(rig, (turn, seen) =>
      adopt(turn, seen, stranger.accessKeyId, stranger.secretAccessKey, []),
    );
    expect(foreign).toMatchObject({ kind: "failed", sentence: `ci-bot has no key ${stranger.accessKeyId}` });
    rig.account.setStatus(old, "Inactive");
    expect(await by(rig, (turn, seen) => adopt(turn, seen, old, new Secret("x"), []))).toMatchObject({
      kind: "failed",
    });
    expect(rig.record("ci-bot")).toBeNull();
    expect(rig.steps.filter((step) => step.outcome === "done")).toEqual([]);
  });

  it("that dies at any call makes no key deletable", async () => {
    for (let call = 1; call < 40; call += 1) {
      const { rig, old, pair } = unexplained();
      let count = 0;
      rig.account.intercept = async (_action, _resource, effect) => {
        count += 1;
        if (count === call) throw new Error("killed");
        return effect();
      };
      const died = await by(rig, (turn, seen) => adopt(turn, seen, pair.accessKeyId, pair.secretAccessKey, [])).then(
        () => false,
        () => true,
      );
      rig.account.intercept = async (_action, _resource, effect) => effect();
      await rig.pass(days(2));
      expect(
        rig.account.keys("ci-bot").map((key) => `${key.accessKeyId} ${key.status}`),
        `call ${call}`,
      ).toEqual([`${old} Active`, `${pair.accessKeyId} Active`]);
      if (!died) return;
    }
    throw new Error("it never ended");
  });
});
