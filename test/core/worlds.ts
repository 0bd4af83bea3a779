import * as fc from "fast-check";
import { type AccessKey, type AccessKeyId, accessKeyId as idFrom, type LastUse } from "../../src/core/access-key.ts";
import type { Terms } from "../../src/core/facts.ts";
import {
  type DestinationObservation,
  known,
  type Observation,
  type Reading,
  unread,
} from "../../src/core/observation.ts";
import { type DeactivateRule, type DeleteRule, type Policy, presets } from "../../src/core/policy.ts";
import { printRecord, type RotationRecord } from "../../src/core/record.ts";
import { days, hours, type Instant, instant } from "../../src/core/time.ts";
import type { Case } from "./builders.ts";
import { parseWindow } from "../../src/core/window.ts";

/*
 * Random worlds. Chance alone would hardly ever meet the rows that need several things to fit, so names come from a small
 * pool, moments cluster where the protocol's waits end, and a record is often dated as its key is.
 */

export const WORLD_NOW = instant(Date.UTC(2026, 5, 15, 12));

/** Ordinary ids; two that end alike, so that their shortened names are ambiguous; the shortest and the longest that AWS allows. */
export const POOL: readonly AccessKeyId[] = [
  "AKIAAAAAAAAAAAAAAA01",
  "AKIAAAAAAAAAAAAAAA02",
  "AKIAAAAAAAAAAAAAAA03",
  "AKIAAAAAAAAAAAAAAA04",
  "AKIAAAAAAAAAAAAAAA05",
  "AKIABBBBTWINTWINTWIN",
  "AKIACCCCTWINTWINTWIN",
  "SHORTSHORTSHORT1",
  "L".repeat(124) + "ONG1",
  "AKIAAAAAAAAAAAAAAA06",
].map(idFrom);

/** Keys that destinations may serve and that the user never has. */
const STRANGERS: readonly AccessKeyId[] = ["AKIASTRANGERSTRANG01", "AKIASTRANGERSTRANG02"].map(idFrom);

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;

/** How long before now, with the seconds round every date that the protocol knows. */
const span = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 130 }).map((count) => count * DAY) },
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 7, 10, 14, 30, 60, 90).map((count) => count * DAY + 4 * HOUR) },
  { weight: 1, arbitrary: fc.integer({ min: -5 * 60, max: 10 * 60 }).map((count) => count * SECOND) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 400 * 24 * 3600 }).map((count) => count * SECOND) },
);
const moment: fc.Arbitrary<Instant> = span.map((before) => instant(WORLD_NOW - before));

const near = (at: Instant): fc.Arbitrary<Instant> =>
  fc.integer({ min: -70, max: 3 * 3600 }).map((count) => instant(at + count * SECOND));

const status = fc.constantFrom<AccessKey["status"]>(
  "Active",
  "Active",
  "Active",
  "Active",
  "Inactive",
  "Inactive",
  "Unknown",
);

const keys: fc.Arbitrary<readonly AccessKey[]> = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 3 }) },
      { weight: 1, arbitrary: fc.integer({ min: 4, max: 8 }) },
    ),
    fc.shuffledSubarray([...POOL], { minLength: 8 }),
    fc.array(fc.tuple(status, moment), { minLength: 8, maxLength: 8 }),
  )
  .map(([count, ids, facts]) =>
    ids.slice(0, count).map((accessKeyId, index): AccessKey => {
      const [each, createDate] = facts[index] ?? ["Active", WORLD_NOW];
      return { accessKeyId, status: each, createDate };
    }),
  );

/** Names of keys, mostly of those that are there, whole or shortened. */
const refs = (present: readonly AccessKey[]): fc.Arbitrary<string[]> => {
  const ids = [...present.map((key) => key.accessKeyId), ...(present.length < 2 ? POOL.slice(0, 2) : [])];
  const ref = fc
    .tuple(fc.constantFrom(...ids, ...ids, ...POOL), fc.integer({ min: 0, max: 4 }))
    .map(([id, short]) => (short === 0 ? `.${id.slice(-12)}` : id));
  return fc.uniqueArray(ref, { maxLength: 3 });
};

function recordOver(present: readonly AccessKey[]): fc.Arbitrary<RotationRecord> {
  const births = present.map((key) => key.createDate);
  const at =
    births.length === 0
      ? moment
      : fc.oneof(
          moment,
          fc
            .constantFrom(...births)
            .chain((birth) => fc.integer({ min: -3 * 3600, max: 70 }).map((count) => instant(birth + count * SECOND))),
          fc
            .constantFrom(...births)
            .chain((birth) => fc.integer({ min: -70, max: 5 }).map((count) => instant(birth + count * SECOND))),
        );
  const hold = fc.oneof(
    { weight: 40, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant("open" as const) },
    { weight: 1, arbitrary: moment },
  );
  return fc
    .record({
      at,
      hold,
      names: refs(present),
      others: refs(present),
      phase: fc.constantFrom("creating", "delivering", "delivered", "delivered", "retiring", "retiring", "held"),
    })
    .map(({ at: date, hold: until, names, others, phase }): RotationRecord => {
      const common = { at: date, nonce: "r1_1", hold: until };
      const [first = "AKIAAAAAAAAAAAAAAA01"] = names;
      const rest = others.length === 0 ? names.slice(1) : others;
      switch (phase) {
        case "creating":
          return { phase, ...common, known: rest };
        case "delivering":
          return { phase, ...common, new: first, known: rest };
        case "delivered":
          return { phase, ...common, new: first, old: rest };
        case "retiring":
          return { phase, ...common, new: names.length === 0 ? null : first, old: rest.length === 0 ? [first] : rest };
        case "held":
          return { phase: "held", ...common, hold: until ?? "open" };
      }
    });
}

const recordText = (present: readonly AccessKey[]): fc.Arbitrary<string | null> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(null) },
    { weight: 12, arbitrary: recordOver(present).map(printRecord) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "",
        "hello",
        "v2 creating at=2026-01-01T00:00:00Z",
        "v1 delivered",
        "v1 creating at=2026-01-01T00:00:00Z n=x known=",
      ),
    },
  );

const lastUse = (key: AccessKey): fc.Arbitrary<LastUse | null> =>
  fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    {
      weight: 5,
      arbitrary: fc
        .record({ at: fc.oneof(moment, near(key.createDate)), service: fc.constantFrom("s3", "sts", "iam") })
        .map(({ at, service }) => ({ at, service, region: "eu-west-1" })),
    },
  );

/** A reading that is no answer. */
export const unanswered = fc.constantFrom<Exclude<Reading<never>, { kind: "known" | "unread" }>>(
  { kind: "denied", action: "iam:Anything", resource: "user/ci-bot" },
  { kind: "failed", action: "iam:Anything", message: "Throttling" },
  { kind: "unusable", message: "the target is no parameter", hint: null },
);

/** Mostly an answer. */
const reading = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Reading<T>> =>
  fc.oneof(
    { weight: 60, arbitrary: value.map((each): Reading<T> => known(each)) },
    { weight: 1, arbitrary: unanswered },
  );

function destinationOver(present: readonly AccessKey[]): fc.Arbitrary<DestinationObservation> {
  const own = present.length === 0 ? POOL.slice(0, 2) : present.map((key) => key.accessKeyId);
  const id = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...own) },
    { weight: 1, arbitrary: fc.constantFrom(...POOL) },
    { weight: 1, arbitrary: fc.constantFrom(...STRANGERS) },
    { weight: 2, arbitrary: fc.constant(null) },
  );
  const served = reading(fc.record({ accessKeyId: id, writtenAt: fc.option(moment) }));
  const past = reading(
    fc.record({
      pending: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: id }),
      history: fc.array(fc.constantFrom(...own, ...POOL), { maxLength: 2 }),
    }),
  );
  return fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        label: fc.constantFrom("memory:a", "memory:b"),
        readable: fc.constant(true),
        served,
        past,
      }),
    },
    { weight: 1, arbitrary: fc.constant({ label: "memory:out", readable: false, served: unread, past: unread }) },
  );
}

const deactivate: fc.Arbitrary<DeactivateRule> = fc.oneof(
  fc.record({
    when: fc.constant("idle" as const),
    for: fc.constantFrom(days(0), days(1), days(7)),
    remindAfter: fc.constantFrom(days(1), days(14)),
    atLatest: fc.constantFrom("never" as const, days(30), days(60)),
  }),
  fc.constant({ when: "superseded" as const, remindAfter: days(14) }),
  fc.constantFrom(days(0), days(5)).map((after) => ({ when: "after" as const, after })),
  fc.constant({ when: "delivered" as const }),
  fc.constant({ when: "never" as const }),
);

const remove: fc.Arbitrary<DeleteRule> = fc.oneof(
  fc.record({
    when: fc.constant("after" as const),
    after: fc.constantFrom(hours(1), days(5), days(30)),
    quiet: fc.constantFrom(days(0), days(1)),
  }),
  fc.record({
    when: fc.constant("next-rotation" as const),
    overlap: fc.constantFrom(days(0), days(1)),
    quiet: fc.constantFrom(days(0), days(1)),
  }),
  fc.constant({ when: "never" as const }),
);

export const policy: fc.Arbitrary<Policy> = fc.oneof(
  fc.constantFrom<Policy>(...Object.values(presets)),
  fc.record({
    rotateAfter: fc.constantFrom(days(0), days(30), days(90)),
    deactivate,
    delete: remove,
    usersWithoutKey: fc.constantFrom("skip", "create"),
    unexplainedKeys: fc.constantFrom("report", "delete-oldest", "deactivate-idle"),
    inactiveKeys: fc.oneof(
      fc.constant("report" as const),
      fc.constantFrom(days(0), days(30)).map((deleteAfter) => ({ deleteAfter })),
    ),
    unusedKeys: fc.constantFrom("report", "deactivate", "rotate"),
    unusedAfter: fc.constantFrom(days(30), days(90)),
    humans: fc.constantFrom("exclude", "include"),
  }),
);

const terms: fc.Arbitrary<Terms> = fc.record({
  policy,
  exempt: fc.oneof(
    { weight: 30, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant("the tag keyturn:exempt is set") },
  ),
  window: fc.oneof(
    { weight: 5, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom(parseWindow("sun 03:00-04:00 UTC"), parseWindow("09:00-17:00 UTC")) },
  ),
  doubt: fc.oneof(
    { weight: 30, arbitrary: fc.constant(null) },
    {
      weight: 1,
      arbitrary: fc.constant({ kind: "denied" as const, action: "iam:ListUserTags", resource: "user/ci-bot" }),
    },
  ),
  asked: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  ownServices: fc.constantFrom(["sts"], ["sts"], ["sts", "s3"], []),
  needsDestination: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
});

const userName = fc.oneof(
  { weight: 60, arbitrary: fc.constant("ci-bot") },
  { weight: 1, arbitrary: fc.constant("BedrockAPIKey-x1") },
);

function observationOver(present: readonly AccessKey[]): fc.Arbitrary<Observation> {
  const ids = present.map((key) => key.accessKeyId);
  const names = ids.length === 0 ? [...POOL] : [...ids, ...ids, ...POOL];
  return fc
    .record({
      name: userName,
      record: reading(recordText(present)),
      uses: fc.tuple(...present.map((key) => reading(lastUse(key)))),
      hasPassword: reading(
        fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      ),
      destinations: fc.oneof(
        { weight: 5, arbitrary: fc.array(destinationOver(present), { minLength: 1, maxLength: 3 }) },
        { weight: 2, arbitrary: destinationOver(present).map((each) => [each, { ...each, label: "memory:twin" }]) },
        { weight: 1, arbitrary: fc.constant([]) },
      ),
      escrow: reading(
        fc.oneof(
          { weight: 6, arbitrary: fc.constant<AccessKeyId[]>([]) },
          { weight: 1, arbitrary: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }) },
        ),
      ),
      owners: fc.tuple(...STRANGERS.map(() => reading(fc.constantFrom(null, null, "ci-bot", "other-bot")))),
      ownerDead: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      signedBy: fc.oneof(
        { weight: 8, arbitrary: fc.constant(null) },
        { weight: 1, arbitrary: fc.constantFrom(...names) },
      ),
    })
    .map(({ name, uses, owners, ...rest }): Observation => ({
      ...rest,
      user: { userName: name, path: "/", arn: `arn:aws:iam::123456789012:user/${name}` },
      at: WORLD_NOW,
      tags: known(new Map()),
      keys: known(present),
      lastUse: new Map(ids.map((id, index) => [id, uses[index] ?? known(null)])),
      owners: new Map(STRANGERS.map((id, index) => [id, owners[index] ?? known(null)])),
    }));
}

const use = (when: number, service = "s3"): LastUse => ({ at: instant(when), service, region: "eu-west-1" });

/** A rotation as it goes, or as it stands after a crash: then some of what chance alone would say is put in its place. */
const story: fc.Arbitrary<Observation> = fc
  .record({
    ids: fc.shuffledSubarray([...POOL], { minLength: 3, maxLength: 3 }),
    newAge: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 100 }).map((count) => count * DAY) },
      { weight: 2, arbitrary: fc.integer({ min: 0, max: 20 }).map((count) => count * 60 * SECOND) },
    ),
    lead: fc.integer({ min: 1, max: 200 }).map((count) => count * DAY),
    third: fc.integer({ min: 0, max: 7 }),
    alone: fc.integer({ min: 0, max: 11 }),
    phase: fc.constantFrom(
      "creating",
      "delivering",
      "delivered",
      "delivered",
      "delivered",
      "retiring",
      "retiring",
      "none",
    ),
    seconds: fc.integer({ min: 0, max: 65 }),
    retiredFor: fc.integer({ min: 0, max: 70 }).map((count) => count * DAY),
    oddStatus: fc.integer({ min: 0, max: 12 }),
    writeOnly: fc.integer({ min: 0, max: 3 }),
    history: fc.boolean(),
    newUse: fc.constantFrom("never", "ours", "early", "late", "late", "late"),
    oldUse: fc.constantFrom("never", "before", "before", "before", "late"),
  })
  .chain(
    ({
      ids,
      newAge,
      lead,
      third,
      alone,
      phase,
      seconds,
      retiredFor,
      oddStatus,
      writeOnly,
      history,
      newUse,
      oldUse,
    }) => {
      const [oldId, newId, thirdId] = ids as [AccessKeyId, AccessKeyId, AccessKeyId]; // three were asked for
      const born = WORLD_NOW - newAge;
      const at = instant(
        Math.min(
          WORLD_NOW,
          phase === "creating"
            ? born - seconds * SECOND
            : phase === "retiring"
              ? Math.max(born, WORLD_NOW - retiredFor)
              : born + seconds * SECOND,
        ),
      );
      const handed = phase === "delivered" || phase === "retiring" || phase === "none";
      const oldStatus: AccessKey["status"] =
        oddStatus === 0 || (phase === "retiring" && oddStatus > 2) ? "Inactive" : "Active";
      const present: AccessKey[] = [
        ...(alone === 0 ? [] : [{ accessKeyId: oldId, status: oldStatus, createDate: instant(born - lead) }]),
        {
          accessKeyId: newId,
          status: oddStatus === 1 ? "Inactive" : oddStatus === 2 ? "Unknown" : "Active",
          createDate: instant(born),
        },
        ...(third === 0
          ? [{ accessKeyId: thirdId, status: "Active" as const, createDate: instant(born - lead + DAY / 2) }]
          : []),
      ];
      const common = { at, nonce: "r1_1", hold: null };
      const record: Record<string, string | null> = {
        creating: printRecord({ phase: "creating", ...common, known: [oldId] }),
        delivering: printRecord({ phase: "delivering", ...common, new: newId, known: [oldId] }),
        delivered: printRecord({ phase: "delivered", ...common, new: newId, old: [oldId] }),
        retiring: printRecord({ phase: "retiring", ...common, new: newId, old: [oldId] }),
        none: null,
      };
      const uses: Record<string, LastUse | null> = {
        never: null,
        ours: use(Math.min(WORLD_NOW, born + 60 * SECOND), "sts"),
        early: use(born),
        before: use(born - DAY / 3),
        late: use(WORLD_NOW - DAY / 3),
      };
      const readable: DestinationObservation = {
        label: "memory:a",
        readable: true,
        served: known({ accessKeyId: handed ? newId : oldId, writtenAt: handed ? instant(born) : null }),
        past: known({ pending: null, history: history && handed ? [oldId] : [] }),
      };
      const blind: DestinationObservation = { label: "memory:out", readable: false, served: unread, past: unread };
      const told: Partial<Observation> = {
        record: known(record[phase] ?? null),
        destinations: writeOnly === 0 ? [blind] : writeOnly === 1 ? [readable, blind] : [readable],
        lastUse: new Map([
          [oldId, known(uses[oldUse] ?? null)],
          [newId, known(uses[newUse] ?? null)],
          [thirdId, known(null)],
        ]),
        escrow: known([]),
        hasPassword: known(false),
        ownerDead: false,
        signedBy: null,
      };
      const kept = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 7, maxLength: 7 });
      return fc.tuple(observationOver(present), kept).map(([wild, chances]): Observation => {
        const parts = Object.entries(told).filter((_, index) => chances[index] !== 0);
        return { ...wild, ...Object.fromEntries(parts) };
      });
    },
  );

/** Any user in any state, with any terms. */
export const anyCase: fc.Arbitrary<Case> = fc
  .tuple(fc.oneof({ weight: 2, arbitrary: keys.chain(observationOver) }, { weight: 3, arbitrary: story }), terms)
  .map(([seen, each]) => ({ seen, terms: each }));
