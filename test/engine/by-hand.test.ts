import { describe, expect, it } from "vitest";
import type { AccessKeyId } from "../../src/core/access-key.ts";
import { Secret } from "../../src/core/secret.ts";
import { adopt, byHand, type Deed, hold, predecessorIn, release, retire, rollback } from "../../src/engine/by-hand.ts";
import { observeServed } from "../../src/engine/observe.ts";
import type { Turn } from "../../src/engine/turn.ts";
import { CallError } from "../../src/ports.ts";
import type { Observation } from "../../src/core/observation.ts";
import { CallCounter, Crash } from "../support/crash.ts";
import { days, hours, minutes, Rig, seconds } from "../support/rig.ts";

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
    await done(by(rig, (turn, seen) => retire(turn, seen, old ?? ("" as AccessKeyId), false, "Active")));
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

  it("waits for the delivery of another key, of which nothing else may hold the secret", async () => {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], {}, { served: true });
    const [old] = ids;
    if (old === undefined) throw new Error("no key");
    const { accessKeyId, secretAccessKey } = rig.account.addKey("ci-bot", { createDate: rig.ago(hours(1)) });
    await destination.deliver({ accessKeyId, secretAccessKey });
    rig.account
      .tags("ci-bot")
      .set("keyturn:rotation", `v1 delivering at=2026-01-01T00:00:00Z n=x new=${accessKeyId} known=${old}`);
    const refused = await by(rig, (turn, seen) => rollback(turn, seen, old));
    expect(refused).toMatchObject({ kind: "failed", sentence: `the delivery of ${accessKeyId} is unfinished` });
    expect((await destination.read?.())?.accessKeyId).toBe(accessKeyId);
    await rig.runFor("ci-bot");
    await rig.pass(minutes(10));
    expect(await done(by(rig, (turn, seen) => rollback(turn, seen, old)))).toMatchObject([
      { result: "serves it again" },
    ]);
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

  it("keeps a hold that somebody set before, and is no way round one that is set meanwhile", async () => {
    const { rig, pair } = unexplained();
    await done(by(rig, (turn, seen) => hold(turn, seen, "open")));
    await done(by(rig, (turn, seen) => adopt(turn, seen, pair.accessKeyId, pair.secretAccessKey, [])));
    expect(rig.record("ci-bot")).toMatch(/^v1 delivered .* hold=open$/);
    const other = unexplained();
    other.destination.intercept = async (action, _label, effect) => {
      if (action === "deliver") other.rig.account.tags("ci-bot").set("keyturn:rotation", HELD);
      return effect();
    };
    const { accessKeyId: id, secretAccessKey } = other.pair;
    const raced = await by(other.rig, (turn, seen) => adopt(turn, seen, id, secretAccessKey, []));
    expect(raced).toMatchObject({ kind: "failed", sentence: expect.stringContaining("at the same time") });
    expect(other.rig.record("ci-bot")).toBe(HELD);
  });

  it("writes to no target that could not be read, and for nobody of whom it is not known what holds", async () => {
    const { rig, pair, destination } = unexplained();
    const { accessKeyId: id, secretAccessKey } = pair;
    destination.intercept = async (action, _label, effect) => {
      if (action === "read") throw new CallError("unknown", "read", "memory", "Throttled", "too often");
      return effect();
    };
    const blind = await by(rig, (turn, seen) => adopt(turn, seen, id, secretAccessKey, []));
    expect(blind).toMatchObject({ kind: "failed", sentence: "what memory:ci-bot serves could not be read" });
    expect(destination.current).toBeNull();
    const [subject] = rig.subjects();
    if (subject === undefined) throw new Error("no user");
    const doubt = { kind: "failed", action: "iam:ListUserTags", message: "Throttled" } as const;
    const unsure = { ...subject, terms: { ...subject.terms, doubt } };
    const asked = byHand(rig.world, unsure, "test", (turn, seen) => adopt(turn, seen, id, secretAccessKey, []));
    expect(await asked).toMatchObject({ kind: "failed", sentence: expect.stringContaining("iam:ListUserTags failed") });
    expect([destination.current, rig.record("ci-bot")]).toEqual([null, null]);
  });

  it("does not take the place of a key whose delivery a run will finish", async () => {
    const { rig, old, pair } = unexplained();
    const id = pair.accessKeyId;
    rig.account
      .tags("ci-bot")
      .set("keyturn:rotation", `v1 delivering at=2026-01-01T00:00:00Z n=x new=${id} known=${old}`);
    const refused = await by(rig, (turn, seen) => adopt(turn, seen, old, pair.secretAccessKey, []));
    expect(refused).toMatchObject({ kind: "failed", sentence: `the delivery of ${id} is unfinished` });
    expect((await by(rig, (turn, seen) => adopt(turn, seen, id, pair.secretAccessKey, []))).kind).toBe("done");
  });

  it("says that a secret is mistyped where AWS says that the signature does not match", async () => {
    const rig = new Rig();
    const { ids } = rig.user("ci-bot", [{ ageDays: 20 }], {}, { served: true });
    const [id] = ids;
    if (id === undefined) throw new Error("no key");
    const [subject] = rig.subjects();
    if (subject === undefined) throw new Error("no user");
    const verifier = {
      ...rig.world.verifier,
      signIn: () => Promise.reject(new CallError("denied", "sts:GetCallerIdentity", id, "SignatureDoesNotMatch", "no")),
    };
    const refused = await byHand({ ...rig.world, verifier }, subject, "test", (turn, seen) =>
      adopt(turn, seen, id, new Secret("mistyped"), []),
    );
    expect(refused).toMatchObject({ kind: "failed", sentence: `${id} does not sign in with this secret` });
  });
});

describe("a key that a person retires", () => {
  it("is left alone where it is not what it was when it was shown", async () => {
    const rig = new Rig();
    const { ids } = rig.user("ci-bot", [{ ageDays: 120, status: "Inactive" }, { ageDays: 50 }]);
    const [old] = ids;
    const changed = await by(rig, (turn, seen) => retire(turn, seen, old ?? ("" as AccessKeyId), false, "Active"));
    expect(changed).toMatchObject({
      kind: "stopped",
      sentence: `${old} is Inactive now, and was Active when it was shown`,
    });
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
  });

  it("stays what it was where AWS turns that down: what explains the keys is still on record", async () => {
    const { rig, fresh } = await retired();
    await done(by(rig, (turn, seen) => rollback(turn, seen, rig.account.keys("ci-bot")[0]?.accessKeyId ?? fresh)));
    await done(by(rig, release));
    const before = rig.record("ci-bot");
    rig.account.intercept = async (action, resource, effect) => {
      if (action !== "iam:UpdateAccessKey") return effect();
      throw new CallError("refused", action, resource, "Throttling", "Rate exceeded");
    };
    expect((await by(rig, (turn, seen) => retire(turn, seen, fresh, false, "Active"))).kind).toBe("failed");
    expect([rig.statuses("ci-bot"), rig.record("ci-bot")]).toEqual(["Active Active", before]);
  });

  it("does not cost the secret of a successor whose delivery is unfinished", async () => {
    const rig = new Rig(undefined, { useEscrow: true });
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 120 }], { readable: false });
    const [old] = ids;
    destination.intercept = async (action, label, effect) => {
      if (action === "deliver") throw new CallError("unknown", action, label, "TimeoutError", "no answer in time");
      return effect();
    };
    await rig.run();
    destination.intercept = async (_action, _label, effect) => effect();
    const [, fresh] = rig.account.keys("ci-bot");
    expect([rig.record("ci-bot")?.slice(0, 13), await rig.escrow.list()]).toMatchObject(["v1 delivering", [{}]]);
    rig.skip(minutes(10));
    await done(by(rig, (turn, seen) => retire(turn, seen, old ?? ("" as AccessKeyId), false, "Active")));
    await rig.run();
    expect(destination.current?.accessKeyId).toBe(fresh?.accessKeyId);
    expect([rig.statuses("ci-bot"), await rig.escrow.list()]).toEqual(["Inactive Active", []]);
  });
});

describe("what a person does to one user", () => {
  it("ends where the user's keys cannot be read, or reading took so long that another run may be over", async () => {
    const rig = new Rig();
    rig.user("ci-bot", [{ ageDays: 120 }]);
    rig.account.intercept = async (action, resource, effect) => {
      if (action === "iam:ListAccessKeys") throw new CallError("unknown", action, resource, "Throttling", "too often");
      return effect();
    };
    const blind = await by(rig, (turn, seen) => hold(turn, seen, "open"));
    expect(blind).toMatchObject({ kind: "failed", sentence: "the keys of ci-bot could not be read" });
    rig.account.intercept = async (action, _resource, effect) => {
      if (action === "iam:ListUserTags") rig.skip(seconds(20));
      return effect();
    };
    const slow = await by(rig, (turn, seen) => hold(turn, seen, "open"));
    expect(slow).toMatchObject({ kind: "stopped", sentence: expect.stringContaining("took longer than 15s") });
    expect(rig.record("ci-bot")).toBeNull();
  });

  it("ends with words where it cannot be written down, before a key is touched", async () => {
    const { rig, old } = await retired();
    const [subject] = rig.subjects();
    if (subject === undefined) throw new Error("no user");
    const journal = () => {
      throw new Error("ENOSPC: no space left on device");
    };
    const unwritten = byHand({ ...rig.world, journal }, subject, "test", (turn, seen) =>
      retire(turn, seen, old, true, "Inactive"),
    );
    expect(await unwritten).toMatchObject({ kind: "failed", sentence: expect.stringContaining("ENOSPC") });
    expect(rig.statuses("ci-bot")).toBe("Inactive Active");
  });

  it("says that the user is on hold where a rollback ends half way", async () => {
    const { rig, old } = await retired();
    rig.account.intercept = async (action, resource, effect) => {
      if (action === "iam:UpdateAccessKey") throw new CallError("denied", action, resource, "AccessDenied", "no");
      return effect();
    };
    const half = await by(rig, (turn, seen) => rollback(turn, seen, old));
    expect(half).toMatchObject({ kind: "failed", hint: expect.stringContaining("ci-bot is on hold") });
  });
});

const HELD = "v1 held at=2026-01-05T08:00:00Z n=x hold=open";

/** Each deed, the world that it is done in, and what must be true once it was done again, or died half way and was done again. */
const deeds: Readonly<
  Record<
    string,
    () => Promise<{ rig: Rig; deed: (turn: Turn, seen: Observation) => Promise<unknown>; end: () => Promise<void> }>
  >
> = {
  hold: async () => {
    const { rig } = await retired();
    const end = async () => expect((await rig.runFor("ci-bot")).code).toBe("on-hold");
    return { rig, deed: (turn, seen) => hold(turn, seen, "open"), end };
  },
  release: async () => {
    const { rig } = await retired();
    await done(by(rig, (turn, seen) => hold(turn, seen, "open")));
    const end = async () => expect((await rig.runFor("ci-bot")).code).not.toBe("on-hold");
    return { rig, deed: release, end };
  },
  retire: async () => {
    const { rig, fresh } = await retired();
    const deed = (turn: Turn, seen: Observation) => retire(turn, seen, fresh, false, "Active");
    const end = async () => expect(rig.statuses("ci-bot")).toBe("Inactive Inactive");
    return { rig, deed, end };
  },
  rollback: async () => {
    const { rig, old } = await retired();
    const [destination] = rig.destinations.get("ci-bot") ?? [];
    const end = async () => {
      expect((await destination?.read?.())?.accessKeyId).toBe(old);
      expect([rig.statuses("ci-bot"), (await rig.runFor("ci-bot")).code]).toEqual(["Active Active", "on-hold"]);
    };
    return { rig, deed: (turn, seen) => rollback(turn, seen, old), end };
  },
  adopt: async () => {
    const rig = new Rig();
    const { ids, destination } = rig.user("ci-bot", [{ ageDays: 200 }], {}, { served: true });
    const { accessKeyId, secretAccessKey } = rig.account.addKey("ci-bot", { createDate: rig.ago(days(20)) });
    const end = async () => {
      expect(destination.current?.accessKeyId).toBe(accessKeyId);
      expect(rig.record("ci-bot")).toMatch(/^v1 delivered [^=]+=.* old=\w+$/);
    };
    return { rig, deed: (turn, seen) => adopt(turn, seen, accessKeyId, secretAccessKey, ids), end };
  },
};

describe.each(Object.entries(deeds))("%s", (name, prepare) => {
  it.each(["before", "after"] as const)(
    "that dies %s any call takes no working key, and can be done again",
    async (when) => {
      for (let call = 1; ; call += 1) {
        const { rig, deed, end } = await prepare();
        const active = rig.account.keys("ci-bot").filter((key) => key.status === "Active").length;
        const counter = new CallCounter(rig);
        counter.dieAt = { call, when };
        const died = await by(rig, deed).then(
          () => null,
          (error: unknown) => {
            if (error instanceof Crash) return `call ${call}, ${error.message}`;
            throw error;
          },
        );
        counter.dieAt = null;
        rig.skip(minutes(5));
        if (died !== null) {
          await rig.run();
          const left = rig.account.keys("ci-bot").filter((key) => key.status === "Active").length;
          expect(left, died).toBeGreaterThanOrEqual(name === "retire" ? active - 1 : active);
          rig.skip(minutes(5));
          const again = await by(rig, deed);
          if (again.kind === "stopped") expect(again.sentence, died).toContain("when it was shown");
          else expect(again.kind, died).toBe("done");
        }
        await end();
        if (died === null) {
          expect(call).toBeGreaterThan(4);
          return;
        }
      }
    },
  );
});
