import { describe, expect, it } from "vitest";
import { type Policy, presets } from "../../src/core/policy.ts";
import { parseRecord } from "../../src/core/record.ts";
import { type Duration, milliseconds } from "../../src/core/time.ts";
import { CallError } from "../../src/ports.ts";
import { Mailroom } from "../support/mailroom.ts";
import { days, hours, minutes, Rig } from "../support/rig.ts";

const noAnswer = () => new CallError("unknown", "SendEmail", "memory", "TimeoutError", "no answer in time");
const deleting = (after: Duration): Policy => ({
  ...presets.expiring,
  rotateAfter: days(85),
  delete: { when: "after", after, quiet: milliseconds(0) },
});

/** One user with an owner and a due key, and a name for each of its keys: `old`, `new`. */
function office(policy: Policy, keys: Parameters<Rig["user"]>[1] = [{ ageDays: 100, usedDaysAgo: 5 }]) {
  const rig = new Rig(policy);
  const { ids, destination } = rig.user("ci-bot", keys, {}, { served: true });
  rig.account.tags("ci-bot").set("IKR:EMAIL", "ci@example.com");
  const room = new Mailroom(rig).keepDays();
  const name = (id: string) => (id === ids[0] ? "old" : "new");
  const pass = async (span: Duration, every: Duration = hours(6), consumer: () => void = () => undefined) => {
    for (const end = rig.later(span); rig.clock.now() < end;) {
      rig.skip(every);
      consumer();
      await room.run();
    }
  };
  return { rig, room, pass, name, destination, old: ids[0], told: () => room.told(name) };
}

describe("an owner", () => {
  it("hears of the new key, of each mark before the old one stops, and of its end, once each", async () => {
    const { room, pass, told } = office(deleting(days(20)));
    await room.run();
    await pass(days(25));
    expect(told()).toEqual([
      "2026-01-05 created new until 2026-01-25",
      "2026-01-11 stops-working old at 2026-01-25",
      "2026-01-18 stops-working old at 2026-01-25",
      "2026-01-24 stops-working old at 2026-01-25",
      "2026-01-25 deleted old",
    ]);
    expect(room.sent.at(-1)).toMatchObject({ owner: { address: "ci@example.com" }, user: { userName: "ci-bot" } });
  });

  it("is not warned of what the notice of the new key has just said", async () => {
    const { room, pass, told } = office(deleting(days(5)));
    await room.run();
    await pass(days(7));
    expect(told()).toEqual([
      "2026-01-05 created new until 2026-01-10",
      "2026-01-09 stops-working old at 2026-01-10",
      "2026-01-10 deleted old",
    ]);
  });

  it("is warned of the nearest mark alone by a run that comes late", async () => {
    const { rig, room, told } = office(deleting(days(30)));
    await room.run();
    rig.skip(days(24));
    await room.run();
    await room.run();
    expect(told().slice(1)).toEqual(["2026-01-29 stops-working old at 2026-02-04"]);
  });

  it("hears of a deactivation, and of a deletion after it", async () => {
    const { room, pass, told } = office({
      ...presets.safe,
      deactivate: { when: "after", after: days(3) },
      delete: { when: "after", after: days(4), quiet: milliseconds(0) },
    });
    await room.run();
    await pass(days(9));
    expect(told()).toEqual([
      "2026-01-05 created new until 2026-01-08",
      "2026-01-07 stops-working old at 2026-01-08",
      "2026-01-08 deactivated old",
      "2026-01-12 deleted old",
    ]);
  });

  it("hears in the same run of a key that was switched off in it", async () => {
    const { room, told } = office(presets.threshold);
    await room.run();
    expect(told()).toEqual(["2026-01-05 created new", "2026-01-05 deactivated old"]);
    await room.run();
    expect(told()).toHaveLength(2);
  });

  it("is reminded of a key that is still in use once a day, from the day on that the policy says", async () => {
    const { rig, room, pass, old, told, destination } = office(presets.safe);
    await room.run();
    const useBoth = () => {
      if (old !== undefined) rig.account.use(old, "s3", "eu-west-1");
      const { accessKeyId } = destination.current ?? {};
      if (accessKeyId !== undefined) rig.account.use(accessKeyId, "s3", "eu-west-1");
    };
    await pass(days(17), hours(1), useBoth);
    expect(told().slice(1)).toEqual([
      "2026-01-19 still-in-use old",
      "2026-01-20 still-in-use old",
      "2026-01-21 still-in-use old",
      "2026-01-22 still-in-use old",
    ]);
    expect(room.sent.at(-1)?.notice).toMatchObject({ service: "s3" });
  });

  it("is reminded every day by a daily schedule that is now and then some minutes early", async () => {
    const { rig, room, old, told, destination } = office(presets.safe);
    await room.run();
    rig.skip(days(15));
    for (let day = 0; day < 4; day += 1) {
      rig.skip(milliseconds(days(1) - minutes(day)));
      if (old !== undefined) rig.account.use(old, "s3", "eu-west-1");
      if (destination.current !== null) rig.account.use(destination.current.accessKeyId, "s3", "eu-west-1");
      await room.run();
    }
    expect(told().slice(1)).toHaveLength(4);
  });

  it("whose key a delivery tells of hears of it from there alone, but hears of its end", async () => {
    const { room, pass, told } = office(deleting(days(5)));
    room.deliveryTells = true;
    await room.run();
    await pass(days(7));
    expect(told().map((line) => line.slice(11))).toEqual(["stops-working old at 2026-01-10", "deleted old"]);
  });

  it("hears of a key that somebody else deleted", async () => {
    const { rig, room, told, old } = office(deleting(days(20)));
    await room.run();
    if (old !== undefined) await rig.account.iam.deleteAccessKey("ci-bot", old);
    rig.skip(hours(6));
    await room.run();
    expect(told().at(-1)).toBe("2026-01-05 deleted old");
  });

  it("who is met for the first time is not told what has been so for long", async () => {
    const { rig, room, told } = office(deleting(days(20)));
    const { notifier } = room;
    room.notifier = null;
    await room.run();
    rig.skip(days(17));
    room.notifier = notifier;
    await room.run();
    expect(told()).toEqual(["2026-01-22 stops-working old at 2026-01-25"]);
  });

  it("is not warned of a moment that will not come: a hold", async () => {
    const { rig, room, pass, told } = office(deleting(days(5)));
    await room.run();
    rig.account.tags("ci-bot").set("keyturn:rotation", `${rig.record("ci-bot")} hold=open`);
    await pass(days(7));
    expect(parseRecord(rig.record("ci-bot"))).toMatchObject({ phase: "delivered", hold: "open" });
    expect(told()).toHaveLength(1);
  });

  it("without a tag is not told, nor remembered", async () => {
    const { rig, room, pass } = office(deleting(days(5)));
    rig.account.tags("ci-bot").delete("IKR:EMAIL");
    await pass(days(7));
    expect([room.sent, room.ledger.calls]).toEqual([[], []]);
  });

  it("is told nothing by a look", async () => {
    const { room } = office(deleting(days(5)));
    await room.run({ limits: { maxRotations: 10, refuseAbovePercent: null, planned: null, onlyLook: true } });
    expect([room.sent, room.ledger.calls]).toEqual([[], []]);
  });
});

describe("a notifier that fails", () => {
  it("stops no rotation; the report says so, and the next run tells", async () => {
    const { rig, room, told } = office(deleting(days(5)));
    room.before = () => {
      throw noAnswer();
    };
    const [first] = await room.run();
    expect(first).toMatchObject({ outcome: "changed", notices: [{ kind: "created", result: "failed" }] });
    expect(first?.notices?.[0]?.sentence).toContain("no answer to SendEmail on memory");
    room.before = () => undefined;
    rig.skip(hours(6));
    const [second] = await room.run();
    expect(second?.notices).toEqual([
      { kind: "created", accessKeyId: expect.any(String), result: "sent", sentence: "" },
    ]);
    expect(told()).toEqual(["2026-01-05 created new until 2026-01-10"]);
  });

  it("does not keep a key that goes by time alone", async () => {
    const { rig, room, pass } = office(deleting(days(5)));
    room.before = () => {
      throw noAnswer();
    };
    await room.run();
    await pass(days(7));
    expect(rig.account.keys("ci-bot")).toHaveLength(1);
  });

  it("is left in peace for the rest of the run after three calls without an answer", async () => {
    const { rig, room } = office(deleting(days(5)));
    for (let index = 0; index < 6; index += 1) {
      rig.user(`user-${index}`, [{ ageDays: 100 }], {}, { served: true });
      rig.account.tags(`user-${index}`).set("keyturn:email", "ops@example.com");
    }
    let calls = 0;
    room.before = () => {
      calls += 1;
      throw noAnswer();
    };
    const reports = await room.run();
    expect(reports.every((each) => each.outcome === "changed")).toBe(true);
    // Those that are under way at one time may all have begun before the third fails.
    expect(calls).toBeGreaterThanOrEqual(3);
    expect(calls).toBeLessThanOrEqual(7);
    rig.skip(hours(6));
    expect((await room.run()).flatMap(({ notices = [] }) => notices)).toHaveLength(7);
  });
});

describe("a ledger that fails", () => {
  it("keeps its user from a turn before a key is made, and nobody else", async () => {
    const { rig, room } = office(deleting(days(5)));
    rig.user("other", [{ ageDays: 100 }], {}, { served: true });
    room.ledger.fail = (call) => {
      if (call === "write") throw new CallError("denied", "ssm:PutParameter", "/keyturn/owners", "AccessDenied", "no");
    };
    const reports = await room.run();
    expect(reports.map(({ userName, outcome, code }) => `${userName} ${outcome} ${code}`)).toEqual([
      "ci-bot blocked read-denied",
      "other changed due",
    ]);
    expect(rig.account.keys("ci-bot")).toHaveLength(1);
  });

  it("after a mail has it sent once more, and says so", async () => {
    const { rig, room, told } = office(deleting(days(5)));
    room.after = () => {
      room.ledger.fail = () => {
        throw noAnswer();
      };
    };
    const [report] = await room.run();
    expect(report?.outcome).toBe("changed");
    expect(report?.notes?.[0]).toContain("telling the owner: no answer");
    room.ledger.fail = () => undefined;
    room.after = () => undefined;
    room.keepDays();
    rig.skip(hours(6));
    await room.run();
    expect(told()).toEqual(["2026-01-05 created new until 2026-01-10"]);
    expect(room.sent).toHaveLength(2);
  });
});

describe("a run that dies at a mail", () => {
  const whole = ["created", "stops-working", "stops-working", "deactivated", "deleted"];
  const policy: Policy = {
    ...presets.safe,
    deactivate: { when: "after", after: days(10) },
    delete: { when: "after", after: days(4), quiet: milliseconds(0) },
  };
  const dies = () => {
    throw new Error("killed");
  };

  it.each(whole.flatMap((kind, index) => [`before ${kind} ${index}`, `after ${kind} ${index}`]))(
    "%s: nothing is lost, and at most that one comes twice",
    async (label) => {
      const [when, , index] = label.split(" ");
      const { rig, room } = office(policy);
      let mails = 0;
      const trap = () => {
        mails += 1;
        if (mails === Number(index) + 1) dies();
      };
      room.before = when === "before" ? trap : () => undefined;
      room.after = when === "after" ? trap : () => undefined;
      let deaths = 0;
      for (let time = 0; time < 16 * 4; time += 1) {
        await room.run().catch(() => (deaths += 1));
        rig.skip(hours(6));
      }
      expect(deaths).toBe(1);
      expect(room.sent.map(({ notice }) => notice.kind)).toEqual(
        when === "before" ? whole : whole.toSpliced(Number(index), 0, whole[Number(index)] ?? ""),
      );
    },
  );
});

describe("what opened a mail", () => {
  it("is tidied away once its key is gone, by a later run where it fails, and then left alone", async () => {
    const { rig, room, pass } = office(deleting(days(5)));
    const tidied: string[] = [];
    let works = false;
    room.sealer = {
      label: "seal",
      check: async () => undefined,
      seal: async () => ({ accessKeyId: "", secretAccessKey: "", howToOpen: "" }),
      tidy: async ({ userName }, existing) => {
        if (!works) throw noAnswer();
        tidied.push(`${userName} ${existing.length}`);
      },
    };
    await room.run();
    await pass(days(6));
    const [report] = await room.run();
    expect(rig.account.keys("ci-bot")).toHaveLength(1);
    expect(report?.notes?.[0]).toContain("no answer");
    works = true;
    await room.run();
    await room.run();
    expect(tidied).toEqual(["ci-bot 1"]);
    expect(room.sent.map(({ notice }) => notice.kind)).toEqual(["created", "stops-working", "deleted"]);
  });
});

describe("an address that changes", () => {
  const moved = async () => {
    const all = office(deleting(days(5)), [{ ageDays: 10 }]);
    await all.room.run();
    const tags = all.rig.account.tags("ci-bot");
    tags.set("IKR:EMAIL", "new@example.com");
    return { ...all, tags, owner: () => all.room.ownerOf("ci-bot")?.address };
  };

  it("is announced to the former once, who stays in force until the delay is over", async () => {
    const { rig, room, owner } = await moved();
    await room.run();
    await room.run();
    expect(room.sent).toMatchObject([
      { owner: { address: "ci@example.com" }, notice: { kind: "address-changed", address: "new@example.com" } },
    ]);
    rig.skip(hours(23));
    expect(owner()).toBe("ci@example.com");
    rig.skip(hours(2));
    expect(owner()).toBe("new@example.com");
    await room.run();
    expect(room.ledger.texts.get("ci-bot")).toContain('"address":"new@example.com","pending":null');
    expect(room.sent).toHaveLength(1);
  });

  it("is forgotten where it does not last", async () => {
    const { rig, room, tags, owner } = await moved();
    await room.run();
    tags.set("IKR:EMAIL", "ci@example.com");
    await room.run();
    tags.set("IKR:EMAIL", "new@example.com");
    rig.skip(hours(25));
    expect(owner()).toBe("ci@example.com");
    await room.run();
    expect(room.sent).toHaveLength(2);
  });

  it("is forgotten where the tag goes away in between, and the former address is not", async () => {
    const { rig, room, tags, owner } = await moved();
    await room.run();
    tags.delete("IKR:EMAIL");
    await room.run();
    expect(owner()).toBeUndefined();
    tags.set("IKR:EMAIL", "new@example.com");
    rig.skip(hours(25));
    expect(owner()).toBe("ci@example.com");
  });

  it("does not begin to wait before the former was told, unless the former takes no mail", async () => {
    const { rig, room, owner } = await moved();
    room.before = () => {
      throw noAnswer();
    };
    await room.run();
    rig.skip(days(3));
    expect(owner()).toBe("ci@example.com");
    room.before = () => {
      throw new CallError("refused", "SendEmail", "memory", "MessageRejected", "no such mailbox");
    };
    await room.run();
    rig.skip(hours(25));
    expect(owner()).toBe("new@example.com");
  });

  it("takes effect at once where the configuration no longer allows the former", async () => {
    const { room, owner } = await moved();
    room.rules = { ...room.rules, allowedDomains: ["example.org"] };
    expect(owner()).toBeUndefined();
    room.rules = { ...room.rules, allowedDomains: ["*"] };
    expect(owner()).toBe("ci@example.com");
  });
});
