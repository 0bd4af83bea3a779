import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AccessKey, type AccessKeyId, accessKeyId } from "../../src/core/access-key.ts";
import {
  isOpen,
  mentions,
  named,
  parseRecord,
  printRecord,
  refersTo,
  type RotationRecord,
  TAG_ALPHABET,
  TAG_VALUE_LIMIT,
} from "../../src/core/record.ts";
import { type Instant, instant } from "../../src/core/time.ts";

const WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abcdefghijklmnopqrstuvwxyz0189_";

const keyId = (minLength: number, maxLength: number): fc.Arbitrary<AccessKeyId> =>
  fc.string({ unit: fc.constantFrom(...WORD), minLength, maxLength }).map(accessKeyId);

/** Mostly such as AWS makes today; some of any length that AWS allows. */
const anyKeyId = fc.oneof({ weight: 3, arbitrary: keyId(20, 20) }, { weight: 1, arbitrary: keyId(16, 128) });
const someKeyIds = (minLength: number) => fc.uniqueArray(anyKeyId, { minLength, maxLength: 4 });
const nonce = fc.string({ unit: fc.constantFrom(...WORD), minLength: 1, maxLength: 20 });
const moment: fc.Arbitrary<Instant> = fc
  .integer({ min: 0, max: 253_402_300_799 })
  .map((count) => instant(count * 1_000));
const hold = fc.oneof(fc.constant(null), fc.constant("open" as const), moment);
const common = { at: moment, nonce, hold };

const phases = {
  creating: fc.oneof(
    fc.record({ phase: fc.constant("creating" as const), ...common, known: someKeyIds(0) }),
    fc.record({ phase: fc.constant("creating" as const), ...common, known: someKeyIds(1), orphan: anyKeyId }),
  ),
  delivering: fc.record({ phase: fc.constant("delivering" as const), ...common, new: anyKeyId, known: someKeyIds(0) }),
  delivered: fc.record({ phase: fc.constant("delivered" as const), ...common, new: anyKeyId, old: someKeyIds(0) }),
  retiring: fc.record({
    phase: fc.constant("retiring" as const),
    ...common,
    new: fc.option(anyKeyId, { nil: null }),
    old: someKeyIds(1),
  }),
  held: fc.record({
    phase: fc.constant("held" as const),
    ...common,
    hold: fc.oneof(fc.constant("open" as const), moment),
  }),
} satisfies Record<string, fc.Arbitrary<RotationRecord>>;
const phaseNames = Object.keys(phases) as (keyof typeof phases)[]; // Object.keys forgets the names
const anyRecord: fc.Arbitrary<RotationRecord> = fc.oneof(...Object.values(phases));

const ending = (id: string) => `.${id.slice(-12)}`;

/** Every key named by the last twelve characters of its id, as records do that would be too long. */
function shortened(record: RotationRecord): RotationRecord {
  return {
    ...record,
    ...("new" in record && record.new !== null ? { new: ending(record.new) } : {}),
    ...("known" in record ? { known: record.known.map(ending) } : {}),
    ...("old" in record ? { old: record.old.map(ending) } : {}),
  };
}

const endings = (record: RotationRecord): readonly string[] => {
  const short = shortened(record);
  return [...("known" in short ? short.known : []), ...("old" in short ? short.old : [])];
};

/** Shortened names that would double: such keys do not occur, and their record would not be read. */
const isDistinct = (record: RotationRecord): boolean => new Set(endings(record)).size === endings(record).length;

describe("a record", () => {
  it.each(phaseNames)("that is %s is read back as it was printed, with whole ids or with shortened ones", (phase) => {
    fc.assert(
      fc.property((phases[phase] as fc.Arbitrary<RotationRecord>).filter(isDistinct), (record) => {
        const text = printRecord(record);
        const whole = parseRecord(text);
        expect(text.length).toBeLessThanOrEqual(TAG_VALUE_LIMIT);
        expect(text).toMatch(TAG_ALPHABET);
        expect([record, shortened(record)]).toContainEqual(whole);
        expect(printRecord(whole as RotationRecord)).toBe(text); // it is one: it was just compared
      }),
      { numRuns: 120 },
    );
  });

  it("is written as the protocol says", () => {
    const at = instant(Date.UTC(2026, 0, 5, 8));
    const [a, b] = [accessKeyId("AKIAIOSFODNN7EXAMPLE"), accessKeyId("AKIAI44QH8DHBEXAMPLE")];
    const told = { at, nonce: "r1_1", hold: null };
    expect(printRecord({ phase: "creating", ...told, known: [a, b] })).toBe(
      "v1 creating at=2026-01-05T08:00:00Z n=r1_1 known=AKIAIOSFODNN7EXAMPLE+AKIAI44QH8DHBEXAMPLE",
    );
    expect(printRecord({ phase: "creating", ...told, known: [] })).toBe(
      "v1 creating at=2026-01-05T08:00:00Z n=r1_1 known=",
    );
    expect(printRecord({ phase: "delivering", ...told, new: b, known: [a] })).toBe(
      "v1 delivering at=2026-01-05T08:00:00Z n=r1_1 new=AKIAI44QH8DHBEXAMPLE known=AKIAIOSFODNN7EXAMPLE",
    );
    expect(printRecord({ phase: "delivered", ...told, new: b, old: [a] })).toBe(
      "v1 delivered at=2026-01-05T08:00:00Z n=r1_1 new=AKIAI44QH8DHBEXAMPLE old=AKIAIOSFODNN7EXAMPLE",
    );
    expect(printRecord({ phase: "retiring", ...told, new: null, old: [a], hold: "open" })).toBe(
      "v1 retiring at=2026-01-05T08:00:00Z n=r1_1 old=AKIAIOSFODNN7EXAMPLE hold=open",
    );
    expect(printRecord({ phase: "held", ...told, hold: at })).toBe(
      "v1 held at=2026-01-05T08:00:00Z n=r1_1 hold=2026-01-05T08:00:00Z",
    );
  });

  it.each([20, 128])(
    "fits a tag in the worst case: eight keys with ids of %d characters, a hold and the longest nonce",
    (length) => {
      const ids = fc.uniqueArray(keyId(length, length), {
        minLength: 8,
        maxLength: 8,
        selector: (id) => id.slice(-12),
      });
      fc.assert(
        fc.property(
          ids,
          keyId(length, length),
          fc.string({ unit: fc.constantFrom(...WORD), minLength: 20, maxLength: 20 }),
          moment,
          (keys, id, mark, at) => {
            const worst: readonly RotationRecord[] = [
              { phase: "creating", at, nonce: mark, hold: at, known: keys },
              { phase: "delivering", at, nonce: mark, hold: at, new: id, known: keys },
              { phase: "delivered", at, nonce: mark, hold: at, new: id, old: keys },
              { phase: "retiring", at, nonce: mark, hold: at, new: id, old: keys },
            ];
            for (const record of worst) {
              const text = printRecord(record);
              expect(text.length).toBeLessThanOrEqual(256);
              expect(parseRecord(text)).toEqual(shortened(record));
            }
          },
        ),
        { numRuns: 100 },
      );
    },
  );

  it("names two keys by their whole ids", () => {
    const [a, b] = [accessKeyId("AKIAIOSFODNN7EXAMPLE"), accessKeyId("AKIAI44QH8DHBEXAMPLE")];
    const at = instant(0);
    expect(printRecord({ phase: "retiring", at, nonce: "x".repeat(20), hold: at, new: a, old: [b] })).not.toContain(
      "=.",
    );
  });

  it("of more keys than it can name is refused, not cut off", () => {
    const many = Array.from({ length: 20 }, (_, index) => accessKeyId(`AKIA${String(index).padStart(16, "0")}`));
    expect(() => printRecord({ phase: "creating", at: instant(0), nonce: "n", hold: null, known: many })).toThrow(
      RangeError,
    );
  });

  it("is open only between the intent and the delivery", () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(isOpen(record)).toBe(record.phase === "creating" || record.phase === "delivering");
      }),
    );
    expect(isOpen({ phase: "none" })).toBe(false);
  });
});

const good = "v1 delivered at=2026-01-05T08:00:16Z n=r1_1 new=AKIAIOSFODNN7EXAMPLE old=AKIAI44QH8DHBEXAMPLE";

describe("a text that is no record", () => {
  it.each([null, "", " ", "\u00A0", "\n"])("is none where it is blank: %j", (text) => {
    expect(parseRecord(text)).toEqual({ phase: "none" });
  });

  it.each(["v2", "v2 creating", "v10 whatever at=never", "v9999 x"])("is one of a later version: %j", (text) => {
    expect(parseRecord(text)).toEqual({ phase: "later-version" });
  });

  it("(the record that the following are made of is one)", () => {
    expect(parseRecord(good).phase).toBe("delivered");
  });

  it.each<[string, string]>([
    ["any text", "hello"],
    ["version nought", "v0 creating"],
    ["a version with a leading nought", "v01 creating"],
    ["a version of many digits", "v12345 creating"],
    ["a version in capitals", good.replace("v1", "V1")],
    ["no phase", "v1"],
    ["an unknown phase", good.replace("delivered", "finished")],
    ["a phase that objects have", good.replace("delivered", "constructor")],
    ["a phase that every object has", "v1 __proto__ at=2026-01-05T08:00:16Z n=r1_1"],
    ["a phase in capitals", good.replace("delivered", "DELIVERED")],
    ["an unknown field", `${good} note=hello`],
    ["a field of another phase", `${good} known=AKIAIOSFODNN7EXAMPLE`],
    ["a field twice", `${good} n=r1_1`],
    ["a field without a value", `${good} hold`],
    ["a field without a name", `${good} =open`],
    ["no date", good.replace("at=2026-01-05T08:00:16Z ", "")],
    ["a day that does not exist", good.replace("01-05", "02-30")],
    ["a date with a zone", good.replace("16Z", "16+00:00")],
    ["a date with fractions", good.replace("16Z", "16.5Z")],
    ["an empty date", good.replace("at=2026-01-05T08:00:16Z", "at=")],
    ["no nonce", good.replace("n=r1_1 ", "")],
    ["an empty nonce", good.replace("n=r1_1", "n=")],
    ["a nonce of other characters", good.replace("n=r1_1", "n=r1-1")],
    ["a nonce without end", good.replace("n=r1_1", `n=${"r".repeat(41)}`)],
    ["no new key", good.replace("new=AKIAIOSFODNN7EXAMPLE ", "")],
    ["no old keys", good.replace(" old=AKIAI44QH8DHBEXAMPLE", "")],
    ["a key id that is too short", good.replace("AKIAI44QH8DHBEXAMPLE", "AKIA")],
    ["a key id that is too long", good.replace("AKIAI44QH8DHBEXAMPLE", "A".repeat(129))],
    ["a key id of other characters", good.replace("AKIAI44QH8DHBEXAMPLE", "AKIAI44QH8DHBEXAMPL.")],
    ["a shortened id of eleven characters", good.replace("AKIAI44QH8DHBEXAMPLE", ".8DHBEXAMPLE")],
    ["a shortened id of thirteen characters", good.replace("AKIAI44QH8DHBEXAMPLE", ".QH8DHBEXAMPLE")],
    ["the same key twice", `${good}+AKIAI44QH8DHBEXAMPLE`],
    ["an empty id in a list", `${good}+`],
    ["a hold that is no date", `${good} hold=soon`],
    ["an empty hold", `${good} hold=`],
    ["a hold that holds nothing", "v1 held at=2026-01-05T08:00:16Z n=r1_1"],
    ["a retirement of nothing", "v1 retiring at=2026-01-05T08:00:16Z n=r1_1 old="],
    ["two spaces", good.replace("v1 ", "v1  ")],
    ["a space at the end", `${good} `],
    ["a space before", ` ${good}`],
    ["a line break for a space", good.replace(" n=", "\nn=")],
    ["a line break at the end", `${good}\n`],
    ["a tab for a space", good.replace(" n=", "\tn=")],
    ["a hard space for a space", good.replace(" n=", "\u00A0n=")],
    ["another letter that looks like it", good.replace("AKIAI44", "АKIAI44")],
    ["another digit that looks like it", good.replace("2026", "２026")],
  ])("is garbage: %s", (_, text) => {
    expect(parseRecord(text)).toEqual({ phase: "garbage" });
  });

  it("may be huge, or binary, and is judged all the same", () => {
    const ids = Array.from({ length: 100_000 }, (_, index) => `AKIA${String(index).padStart(16, "0")}`).join("+");
    expect(parseRecord("x".repeat(5_000_000)).phase).toBe("garbage");
    expect(parseRecord("v1 creating ".repeat(200_000)).phase).toBe("garbage");
    expect(parseRecord(`v1 creating at=2026-01-05T08:00:16Z n=r1_1 known=${ids}`).phase).toBe("creating");
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        expect(["none", "garbage", "later-version"]).toContain(parseRecord(text).phase);
      }),
    );
  });
});

describe("a record that somebody altered", () => {
  const character = fc.oneof(
    fc.constantFrom(..." =+.-:_vVzZ0123456789AKIopencrtdliyghw"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  );
  const altered = fc
    .tuple(
      anyRecord.filter(isDistinct).map(printRecord),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      character,
      fc.constantFrom("replace", "insert", "remove"),
    )
    .map(([text, where, put, how]) => {
      const at = Math.floor(where * text.length);
      return text.slice(0, at) + (how === "remove" ? "" : put) + text.slice(how === "insert" ? at : at + 1);
    });

  it("is refused, or is a record that prints back to the very same text or to an equal record", () => {
    fc.assert(
      fc.property(altered, (text) => {
        const record = parseRecord(text);
        if (record.phase === "none" || record.phase === "garbage" || record.phase === "later-version") return;
        const again = printRecord(record as RotationRecord); // the other phases were just excluded
        expect(again === text || JSON.stringify(parseRecord(again)) === JSON.stringify(record)).toBe(true);
      }),
      { numRuns: 1_500 },
    );
  });

  it("is understood where only the order of its fields is another", () => {
    const [version, phase, ...fields] = good.split(" ");
    expect(parseRecord([version, phase, ...fields.toReversed()].join(" "))).toEqual(parseRecord(good));
  });
});

const key = (text: string): AccessKey => ({
  accessKeyId: accessKeyId(text),
  status: "Active",
  createDate: instant(0),
});

describe("a shortened id", () => {
  const [one, twin, other] = [key("AKIAONE0SAMEENDING01"), key("AKIATWO0SAMEENDING01"), key("AKIATHREEOTHERENDING")];

  it("names the key that ends so", () => {
    expect(named([".EOTHERENDING"], [one, other])).toEqual([other]);
    expect(refersTo(".EOTHERENDING", other.accessKeyId)).toBe(true);
    expect(refersTo("EOTHERENDING", other.accessKeyId)).toBe(false);
  });

  it("that fits two keys names neither, but may mean either", () => {
    expect(named([".SAMEENDING01"], [one, twin, other])).toEqual([]);
    expect(mentions([".SAMEENDING01"], one.accessKeyId)).toBe(true);
    expect(mentions([".SAMEENDING01"], twin.accessKeyId)).toBe(true);
    expect(mentions([".SAMEENDING01"], other.accessKeyId)).toBe(false);
  });

  it("does not stop a whole one from naming the same key", () => {
    expect(named([one.accessKeyId], [one, twin])).toEqual([one]);
  });

  it("names a key once, however often and however it is named", () => {
    expect(named([other.accessKeyId, ".EOTHERENDING", one.accessKeyId], [one, other])).toEqual([other, one]);
  });

  it("names nothing where the key is gone", () => {
    expect(named([".EOTHERENDING", "AKIAGONEGONEGONEGONE"], [one])).toEqual([]);
  });
});
