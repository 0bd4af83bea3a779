import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { contactFor, parseLedgerEntry, printLedgerEntry } from "../../src/core/owner-ledger.ts";
import { BadTag, optsIn, type OwnerRules, readOwnerTags } from "../../src/core/owner-tags.ts";
import { presets } from "../../src/core/policy.ts";
import { type Layer, type Rulebook, rulebookOf, settingsFor } from "../../src/core/rulebook.ts";
import { type Duration, days, hours, instant } from "../../src/core/time.ts";
import { RULES } from "../support/mailroom.ts";

const DOMAINS = ["example.com", "*.example.org"];
const RECIPIENT = `age1${"q0".repeat(29)}`;
const read = (tags: Record<string, string>, domains: readonly string[] | null = DOMAINS) =>
  readOwnerTags(new Map(Object.entries(tags)), domains);
const wrong = (tags: Record<string, string>) => read(tags).mistakes.map(({ message }) => message);

describe("the tags of an owner", () => {
  it.each<[string, Record<string, string>]>([
    [
      "as the older tool has them",
      { "IKR:EMAIL": "ci@example.com", "IKR:ROTATE_AFTER_DAYS": "60", "IKR:DELETE_AFTER_DAYS": "7" },
    ],
    ["in any case", { "ikr:Email": "ci@Example.COM", "Ikr:rotate_After_days": "60", "iKr:delete_after_days": "07" }],
    [
      "under keyturn's name",
      { "keyturn:email": "ci@example.com", "keyturn:rotate-after-days": "60", "KEYTURN:DELETE-AFTER_DAYS": " 7 " },
    ],
    [
      "said twice the same",
      {
        "keyturn:email": "ci@example.com",
        "IKR:EMAIL": "ci@example.com",
        "ikr:rotate-after-days": "60",
        "IKR:ROTATE_AFTER_DAYS": "60",
        "ikr:delete_after_days": "7",
      },
    ],
  ])("are read %s", (_, tags) => {
    expect(read(tags)).toMatchObject({
      address: "ci@example.com",
      rotateAfter: { span: days(60) },
      deleteAfter: { span: days(7) },
      mistakes: [],
      notes: [],
    });
  });

  it("join instructions with a space, in the order of their numbers", () => {
    const tags = {
      "IKR:INSTRUCTION_10": "third",
      "ikr:instruction_2": " second ",
      "keyturn:instruction-0": "first",
      "IKR:INSTRUCTION_3": "",
    };
    expect(read(tags).instruction).toBe("first second third");
  });

  it("pass over an instruction whose suffix is no number, and say so", () => {
    const { instruction, mistakes, notes } = read({
      "IKR:INSTRUCTION_x": "a",
      "IKR:INSTRUCTION": "b",
      "IKR:INSTRUCTION_1": "c",
      "IKR:INSTRUCTION_99999": "d",
    });
    expect([instruction, mistakes]).toEqual(["c", []]);
    expect(notes).toEqual([
      "tag IKR:INSTRUCTION is ignored: instructions are numbered from 0 to 9999",
      "tag IKR:INSTRUCTION_99999 is ignored: instructions are numbered from 0 to 9999",
      "tag IKR:INSTRUCTION_x is ignored: instructions are numbered from 0 to 9999",
    ]);
  });

  it("are told from other tags, and from the record", () => {
    const { notes, address } = read({
      "keyturn:rotation": "v1 …",
      team: "x",
      "x:IKR:EMAIL": "ci@example.com",
      "keyturn:emial": "ci@example.com",
      "IKR:COLOUR": "red",
    });
    expect(address).toBeNull();
    expect(notes).toEqual([
      "tag IKR:COLOUR is ignored: keyturn knows no such tag",
      "tag keyturn:emial is ignored: did somebody mean email?",
    ]);
  });

  it("name a recipient", () => {
    expect(read({ "keyturn:age": RECIPIENT }).recipient).toBe(RECIPIENT);
    expect(wrong({ "IKR:AGE": "AGE-SECRET-KEY-1QQQQ" })).toEqual([
      'tag IKR:AGE: "AGE-SECRET-KEY-1QQQQ" is not an age recipient',
    ]);
  });

  it.each<[string, Record<string, string>, string]>([
    ["two addresses", { "IKR:EMAIL": "a@example.com,b@example.com" }, "is not one mail address"],
    ["two addresses with a space", { "IKR:EMAIL": "a@example.com b@example.com" }, "is not one mail address"],
    ["a name beside it", { "IKR:EMAIL": "Ann <a@example.com>" }, "is not one mail address"],
    ["a header more", { "IKR:EMAIL": "a@example.com\r\nBcc: b@evil.test" }, "is not one mail address"],
    ["no address", { "IKR:EMAIL": "" }, "is not one mail address"],
    ["two at signs", { "IKR:EMAIL": "a@evil.test@example.com" }, "is not one mail address"],
    ["another domain", { "IKR:EMAIL": "a@evil.test" }, "evil.test is not a domain that mail may go to"],
    ["a domain that ends like an allowed one", { "IKR:EMAIL": "a@evilexample.com" }, "is not a domain"],
    ["a domain that begins like an allowed one", { "IKR:EMAIL": "a@example.com.evil.test" }, "is not a domain"],
    ["a domain below one that allows none below", { "IKR:EMAIL": "a@b.example.com" }, "is not a domain"],
    ["a domain that only looks the same", { "IKR:EMAIL": "a@exаmple.com" }, "is not one mail address"],
    ["days that are none", { "IKR:ROTATE_AFTER_DAYS": "soon" }, '"soon" is not a whole number of days'],
    ["half a day", { "IKR:ROTATE_AFTER_DAYS": "1.5" }, "is not a whole number"],
    ["less than none", { "IKR:ROTATE_AFTER_DAYS": "-1" }, "is not a whole number"],
    ["another notation", { "IKR:ROTATE_AFTER_DAYS": "1e3" }, "is not a whole number"],
    ["digits of another script", { "IKR:ROTATE_AFTER_DAYS": "٦٠" }, "is not a whole number"],
    ["more than a hundred years", { "IKR:DELETE_AFTER_DAYS": "36501" }, "is not a whole number"],
    ["a number as long as a tag", { "IKR:DELETE_AFTER_DAYS": "9".repeat(256) }, "is not a whole number"],
    [
      "two answers",
      { "IKR:EMAIL": "a@example.com", "keyturn:email": "b@example.com" },
      "the tags IKR:EMAIL and keyturn:email say different things",
    ],
    [
      "two answers with one prefix",
      { "ikr:rotate-after-days": "60", "IKR:ROTATE_AFTER_DAYS": "61" },
      "say different things",
    ],
    ["two instructions of one number", { "ikr:instruction_1": "a", "ikr:instruction_01": "b" }, "say different things"],
  ])("are a mistake where they say %s", (_, tags, message) => {
    const { mistakes } = read(tags);
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toBeInstanceOf(BadTag);
    expect(mistakes[0]?.message).toContain(message);
    expect(mistakes[0]?.message.length).toBeLessThan(200);
  });

  it("take any domain only where that is written out, and none where mail goes nowhere", () => {
    expect(read({ "IKR:EMAIL": "a@b.example.org" }).address).toBe("a@b.example.org");
    expect(read({ "IKR:EMAIL": "a@evil.test" }, ["*"]).address).toBe("a@evil.test");
    expect(read({ "IKR:EMAIL": "a@evil.test" }, []).mistakes).toHaveLength(1);
    expect(read({ "IKR:EMAIL": "not an address" }, null).mistakes).toHaveLength(1);
  });

  it("opt in by an address, right or wrong", () => {
    expect(["IKR:EMAIL", "ikr:email", "Keyturn:Email"].every((tag) => optsIn(new Map([[tag, "x"]])))).toBe(true);
    expect(["EMAIL", "IKR:EMAILS", "keyturn:rotation"].some((tag) => optsIn(new Map([[tag, "x"]])))).toBe(false);
  });

  it("never throw, and name only one address of an allowed domain, whatever they say", () => {
    const word = fc.constantFrom(
      "EMAIL",
      "rotate_after_days",
      "DELETE-AFTER-DAYS",
      "INSTRUCTION_1",
      "instruction_",
      "age",
      "rotation",
      "",
    );
    const key = fc.oneof(
      fc.tuple(fc.constantFrom("IKR:", "keyturn:", "ikr"), word).map((parts) => parts.join("")),
      fc.string(),
    );
    const value = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .tuple(fc.string({ maxLength: 5 }), fc.constantFrom("example.com", "A.example.org", "evil.test"))
        .map((parts) => parts.join("@")),
      fc.constantFrom("60", RECIPIENT, "a@example.com"),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 6 }), (pairs) => {
        const { address, mistakes, rotateAfter } = readOwnerTags(new Map(pairs), DOMAINS);
        if (address !== null) expect(address).toMatch(/^[^\s@,;<>]+@(example\.com|[a-z0-9.-]+\.example\.org)$/);
        expect(mistakes.every((each) => each instanceof BadTag)).toBe(true);
        if (rotateAfter !== null) expect(rotateAfter.span % days(1)).toBe(0);
      }),
    );
  });
});

const user = { userName: "ci-bot", path: "/", arn: "arn:aws:iam::111122223333:user/ci-bot" };
const layer = (told: Partial<Layer>): Layer => ({
  match: null,
  policy: { preset: "expiring" },
  origins: new Map(),
  ...told,
});
const book = (told: Partial<OwnerRules> = {}, ...layers: readonly Layer[]): Rulebook => ({
  ...rulebookOf(layer({}), ...layers),
  owners: { ...RULES, ...told },
});
const times = (rulebook: Rulebook, tags: Record<string, string>) => {
  const { policy, origins, claim } = settingsFor(rulebook, user, new Map(Object.entries(tags)));
  const after = policy.delete.when === "after" ? policy.delete.after : null;
  const from = [origins.get("policy.rotateAfter"), origins.get("policy.delete")];
  return { rotateAfter: policy.rotateAfter, after, from, notes: claim?.notes };
};
const refusal = (rulebook: Rulebook, tags: Record<string, string>): InvalidInput => {
  try {
    times(rulebook, tags);
  } catch (error) {
    if (error instanceof BadTag) return error;
    throw error;
  }
  throw new Error("the tags were taken");
};

describe("a user's own times", () => {
  it("slow its policy down, and tell where they come from", () => {
    expect(times(book(), { "IKR:ROTATE_AFTER_DAYS": "120", "keyturn:delete-after-days": "30" })).toEqual({
      rotateAfter: days(120),
      after: days(30),
      from: ["tag IKR:ROTATE_AFTER_DAYS", "tag keyturn:delete-after-days"],
      notes: [],
    });
    const { policy } = settingsFor(book(), user, new Map([["IKR:DELETE_AFTER_DAYS", "30"]]));
    expect(policy.delete).toEqual({ ...presets.expiring.delete, after: days(30) });
  });

  it("say nothing where tags are not heeded", () => {
    const { policy, claim } = settingsFor(rulebookOf(layer({})), user, new Map([["IKR:ROTATE_AFTER_DAYS", "1"]]));
    expect([policy.rotateAfter, claim]).toEqual([days(85), null]);
  });

  it.each<[string, Partial<OwnerRules>, Record<string, string>, string]>([
    [
      "faster",
      {},
      { "IKR:ROTATE_AFTER_DAYS": "84" },
      "tag IKR:ROTATE_AFTER_DAYS says 84d, and owners.rotateAfter.atLeast allows no less than 85d",
    ],
    [
      "without end",
      {},
      { "IKR:ROTATE_AFTER_DAYS": "181" },
      "says 181d, and owners.rotateAfter.atMost allows no more than 180d",
    ],
    [
      "so that old keys go sooner",
      {},
      { "IKR:DELETE_AFTER_DAYS": "4" },
      "says 4d, and owners.deleteAfter.atLeast allows no less than 5d",
    ],
    ["at once", {}, { "IKR:DELETE_AFTER_DAYS": "0" }, "allows no less than 5d"],
    [
      "below what is allowed",
      { rotateAfter: { atLeast: days(30), atMost: null } },
      { "IKR:ROTATE_AFTER_DAYS": "29" },
      "no less than 30d",
    ],
    [
      "above what is allowed",
      { deleteAfter: { atLeast: null, atMost: days(6) } },
      { "IKR:DELETE_AFTER_DAYS": "7" },
      "no more than 6d",
    ],
  ])("do not change it %s", (_, rules, tags, message) => {
    expect(refusal(book(rules), tags).message).toContain(message);
  });

  it("go as far as the configuration allows, and the policy's own time is always right", () => {
    const faster = book({ rotateAfter: { atLeast: days(30), atMost: days(90) } });
    expect(times(faster, { "IKR:ROTATE_AFTER_DAYS": "30" }).rotateAfter).toBe(days(30));
    const slow = book({}, layer({ policy: { rotateAfter: days(400) } }));
    expect(times(slow, { "IKR:ROTATE_AFTER_DAYS": "400" }).rotateAfter).toBe(days(400));
    expect(refusal(slow, { "IKR:ROTATE_AFTER_DAYS": "399" }).hint).toContain("rotateAfter: { atLeast: 399d }");
  });

  it("do not go over what a person typed", () => {
    const typed = layer({
      policy: { rotateAfter: days(10) },
      origins: new Map([["policy.rotateAfter", "--rotate-after"]]),
    });
    const { rotateAfter, notes } = times(book({}, typed), { "IKR:ROTATE_AFTER_DAYS": "120" });
    expect([rotateAfter, notes]).toEqual([
      days(10),
      ["tag IKR:ROTATE_AFTER_DAYS is not heeded: --rotate-after was typed"],
    ]);
  });

  it("leave a promise about the age of keys standing", () => {
    const promised = book({}, layer({ policy: { maxAge: days(100) } }));
    const plain = times(promised, {}).rotateAfter;
    const kept: Duration = times(promised, { "IKR:DELETE_AFTER_DAYS": "20" }).rotateAfter;
    expect(plain - kept).toBe(days(15));
    expect(refusal(promised, { "IKR:ROTATE_AFTER_DAYS": "120" }).message).toContain(
      "policy.maxAge leaves no more than",
    );
  });

  it("are ignored, and that is said, where the policy deletes by no time", () => {
    const { notes } = times(book({}, layer({ policy: { preset: "two-key" } })), { "IKR:DELETE_AFTER_DAYS": "30" });
    expect(notes).toEqual(["tag IKR:DELETE_AFTER_DAYS is ignored: the policy does not delete old keys after a time"]);
  });

  it("are not read of a user that is exempt", () => {
    const rulebook = {
      ...book(),
      exemptions: [{ match: { path: null, name: ["ci-*"], tag: null }, reason: "kept", origin: "f:1:1" }],
    };
    expect(settingsFor(rulebook, user, new Map([["IKR:EMAIL", "nonsense"]])).exempt).toBe("kept");
  });
});

describe("an entry of the ledger", () => {
  const now = instant(Date.UTC(2026, 0, 5));
  const claim = read({ "IKR:EMAIL": "ci@example.com" });

  it.each<[string, string]>([
    ["nothing", ""],
    ["no object", "[]"],
    ["another version", '{"v":2,"address":"a@example.com","pending":null,"keys":null}'],
    ["no address", '{"v":1,"address":"a","pending":null,"keys":null}'],
    [
      "a date that is none",
      '{"v":1,"address":"a@example.com","pending":{"address":"b@example.com","announced":"soon"},"keys":null}',
    ],
    ["a key that is none", '{"v":1,"address":"a@example.com","pending":null,"keys":[{"id":"x"}]}'],
    [
      "a warning that is none",
      '{"v":1,"address":"a@example.com","pending":null,"keys":[{"id":"AKIAIOSFODNN7EXAMPLE","status":"Active","warned":[1],"reminded":null}]}',
    ],
  ])("is never guessed at: %s", (_, text) => {
    expect(() => parseLedgerEntry(text)).toThrow(InvalidInput);
    expect(() => contactFor(claim, text, RULES, now)).toThrow(InvalidInput);
  });

  it("is read back as it was written, and is never longer than a store takes", () => {
    const address = `${"a".repeat(64)}@${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.com`;
    const keys = new Map(
      Array.from({ length: 20 }, (_, index) => [
        `AKIA${String(index).padStart(16, "0")}` as never, // of IAM's form by construction
        { status: "gone" as const, warned: [days(14), days(7), hours(36)], reminded: now },
      ]),
    );
    const entry = { address, pending: { address, announced: now }, keys };
    expect(parseLedgerEntry(printLedgerEntry(entry))).toEqual(entry);
    expect(printLedgerEntry(entry).length).toBeLessThan(4000);
  });
});
