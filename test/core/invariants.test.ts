import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AccessKey, type AccessKeyId, byAge, type LastUse } from "../../src/core/access-key.ts";
import { decide, missingFacts } from "../../src/core/decide.ts";
import { type Action, keysOf, sameAction, type UserDecision } from "../../src/core/decision.ts";
import { LEASE } from "../../src/core/facts.ts";
import {
  type DestinationObservation,
  known,
  type Observation,
  type Reading,
  unread,
} from "../../src/core/observation.ts";
import { FUTURE_KEY, leadsOn, project, stepsAhead, STEPS_PER_RUN } from "../../src/core/project.ts";
import { reasons } from "../../src/core/reasons.ts";
import { parseRecord, refersTo } from "../../src/core/record.ts";
import { instant, later } from "../../src/core/time.ts";
import {
  type Case,
  creating,
  daysAgo,
  delivered,
  id,
  judge,
  NOW,
  retiring,
  type UserTold,
  userWith,
} from "./builders.ts";
import { anyCase, WORLD_NOW } from "./worlds.ts";

/*
 * What must hold for every user in every state, whatever anybody wrote into the tag. The questions asked here are answered
 * from the world itself, never by the code under test.
 */

const keysIn = ({ seen }: Case): readonly AccessKey[] => (seen.keys.kind === "known" ? seen.keys.value : []);
const keyIn = (world: Case, wanted: AccessKeyId) => keysIn(world).find((key) => key.accessKeyId === wanted);
const activeIn = (world: Case) => keysIn(world).filter((key) => key.status === "Active");

/** Some readable destination serves the key, or would not say what it serves. */
const maybeServed = ({ seen }: Case, wanted: AccessKeyId): boolean =>
  seen.destinations.some(
    ({ readable, served }) => readable && (served.kind !== "known" || served.value.accessKeyId === wanted),
  );

const recordIn = ({ seen }: Case) => parseRecord(seen.record.kind === "known" ? seen.record.value : null);

/** Somebody else than our own check has used the key, or nobody would say. */
function maybeUsedByOthers(world: Case, wanted: AccessKeyId): boolean {
  const use = world.seen.lastUse.get(wanted);
  if (use?.kind !== "known") return true;
  if (use.value === null) return false;
  const record = recordIn(world);
  const ours = world.terms.ownServices.includes(use.value.service);
  return !ours || !("at" in record) || use.value.at > later(record.at, LEASE);
}

/** A key that a person may have made Inactive: neither our own retirement nor the policy for such keys covers it. */
function standsInactive(world: Case, wanted: AccessKeyId): boolean {
  const key = keyIn(world, wanted);
  if (key?.status !== "Inactive") return false;
  const record = recordIn(world);
  const [first] = record.phase === "retiring" ? record.old : [];
  if (first !== undefined && refersTo(first, wanted)) return false;
  const rule = world.terms.policy.inactiveKeys;
  const use = world.seen.lastUse.get(wanted);
  if (rule === "report" || use?.kind !== "known") return true;
  return Math.max(key.createDate, use.value?.at ?? 0) + rule.deleteAfter > WORLD_NOW;
}

const removes = (
  action: Action | null,
): action is Extract<Action, { kind: "deactivate" | "delete" | "remove-orphan" }> =>
  action?.kind === "deactivate" || action?.kind === "delete" || action?.kind === "remove-orphan";

/* Every property is tried on the same worlds, other ones each time. Where one fails, fast-check finds the smallest that does. */
const seed = Math.floor(Math.random() * 2 ** 31);
const worlds = fc.sample(anyCase, { numRuns: 4_000, seed });
const decisions = new Map<Case, UserDecision>();

function decisionFor(world: Case): UserDecision {
  const decision = decisions.get(world) ?? judge(world, WORLD_NOW).decision;
  decisions.set(world, decision);
  return decision;
}

type Property = (world: Case, decision: UserDecision) => void;

function holds(property: Property, count = worlds.length): void {
  try {
    for (const world of worlds.slice(0, count)) property(world, decisionFor(world));
  } catch (error) {
    fc.assert(
      fc.property(anyCase, (world) => property(world, judge(world, WORLD_NOW).decision)),
      { seed, numRuns: count },
    );
    throw error;
  }
}

describe("the random worlds", () => {
  it("reach every kind of action, so that what is said of actions is not said of nothing", () => {
    const kinds = [
      "rotate",
      "resume",
      "remove-orphan",
      "mark-delivered",
      "clear-escrow",
      "deactivate",
      "delete",
    ] as const;
    const counts = Object.fromEntries(
      kinds.map((kind) => [kind, worlds.filter((world) => decisionFor(world).action?.kind === kind).length]),
    );
    const few = kinds.filter((kind) => (counts[kind] ?? 0) < (kind === "clear-escrow" ? 1 : 25));
    expect({ few, counts }).toEqual({ few: [], counts });
  });

  it("reach nearly every reason", () => {
    const seen = new Set<string>(worlds.map((world) => decisionFor(world).code));
    expect(Object.keys(reasons).filter((code) => !seen.has(code)).length).toBeLessThan(7);
  });
});

describe("whatever the state of a user,", () => {
  it("a decision is reached, by asking at most 20 times, and it explains itself", () => {
    holds((world, decision) => {
      const { standing, action, code, sentence, next, command, keys } = decision;
      expect(Object.hasOwn(reasons, code)).toBe(true);
      for (const text of [sentence, next?.what ?? "", ...keys.flatMap((key) => [key.sentence, key.next?.what ?? ""])])
        expect(text).not.toMatch(/undefined|null|NaN|\[object/);
      expect(sentence.length).toBeGreaterThan(10);
      expect(standing === "act").toBe(action !== null);
      if (standing === "blocked") expect(command ?? next).not.toBeNull();
      expect(keys.map((key) => key.accessKeyId)).toEqual(byAge(keysIn(world)).map((key) => key.accessKeyId));
    });
  });

  it("no served key is ever deactivated, deleted or removed", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (removes(action)) expect(maybeServed(world, action.key)).toBe(false);
    });
  });

  it("the only Active key is never deactivated, deleted or removed", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (removes(action))
        expect(
          activeIn(world).filter((key) => key.accessKeyId !== action.key).length > 0 ||
            keyIn(world, action.key)?.status === "Inactive",
        ).toBe(true);
    });
  });

  it("only an Active key is deactivated, and only in favour of another Active one", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (action?.kind !== "deactivate") return;
      expect(keyIn(world, action.key)?.status).toBe("Active");
      expect(keyIn(world, action.successor)?.status).toBe("Active");
      expect(action.successor).not.toBe(action.key);
      expect(action.others).not.toContain(action.key);
      expect(action.others).not.toContain(action.successor);
    });
  });

  it("a key of unknown status is never touched", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (action === null || action.kind === "rotate" || action.kind === "clear-escrow") return;
      expect(keyIn(world, action.key)?.status).not.toBe("Unknown");
    });
  });

  it("a key that a person made Inactive is never deleted, unless the policy says so", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (removes(action)) expect(standsInactive(world, action.key)).toBe(false);
    });
  });

  it("an orphan is unused by others, and removed only under an expired intent that may have made it", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (action?.kind !== "remove-orphan") return;
      const record = recordIn(world);
      expect(["creating", "delivering"]).toContain(record.phase);
      expect(maybeUsedByOthers(world, action.key)).toBe(false);
      if (!world.seen.ownerDead && "at" in record) expect(WORLD_NOW - record.at).toBeGreaterThanOrEqual(LEASE);
      if (record.phase === "creating") expect(record.known.some((ref) => refersTo(ref, action.key))).toBe(false);
      if (record.phase === "delivering") expect(refersTo(record.new, action.key)).toBe(true);
    });
  });

  it("what the escrow or a pending version holds is never removed as an orphan", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (action?.kind !== "remove-orphan") return;
      const { escrow, destinations } = world.seen;
      expect(escrow.kind === "known" && !escrow.value.includes(action.key)).toBe(true);
      for (const { readable, past } of destinations)
        if (readable)
          expect(
            past.kind === "known" && past.value.pending !== action.key && !past.value.history.includes(action.key),
          ).toBe(true);
    });
  });

  it("no third key is ever made", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (action?.kind === "rotate") expect(keysIn(world).length).toBeLessThan(2);
    });
  });

  it("a rotation knows every key that is there", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (action?.kind === "rotate")
        expect(action.known).toEqual(expect.arrayContaining(keysIn(world).map((key) => key.accessKeyId)));
    });
  });

  it("every key that an action names is there, but for served ones that are gone and leftovers in the escrow", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (action === null || action.kind === "rotate" || action.kind === "clear-escrow") return;
      for (const each of keysOf(action)) expect(keyIn(world, each)).toBeDefined();
      expect(new Set(keysOf(action)).size).toBe(keysOf(action).length);
    });
  });

  it("nothing happens to who is exempt, on hold or made by Bedrock, nor unasked to a person", () => {
    expect.hasAssertions();
    holds((world, { action, standing }) => {
      const record = recordIn(world);
      const onHold = "hold" in record && record.hold !== null && (record.hold === "open" || record.hold > WORLD_NOW);
      const { userName } = world.seen.user;
      const password = world.seen.hasPassword;
      const person =
        world.terms.policy.humans === "exclude" &&
        !world.terms.asked &&
        !(password.kind === "known" && !password.value);
      if (world.terms.exempt !== null || onHold || /^bedrockapikey-/i.test(userName) || person)
        expect(action).toBeNull();
      if (world.terms.exempt !== null && world.seen.record.kind === "known") expect(standing).toBe("left-alone");
    });
  });

  it("nothing happens while a turn may be at work", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      const record = recordIn(world);
      const open =
        record.phase !== "none" && record.phase !== "held" && "at" in record && record.at > WORLD_NOW - LEASE;
      const spoken = record.phase === "delivered" || record.phase === "retiring" ? record.new : null;
      const young = keysIn(world).some(
        (key) => key.createDate > WORLD_NOW - LEASE && !(spoken !== null && refersTo(spoken, key.accessKeyId)),
      );
      if (!world.seen.ownerDead && (open || young)) expect(action).toBeNull();
    });
  });

  it("nothing happens because of a record that is not understood", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      const { phase } = recordIn(world);
      if (phase === "garbage" || phase === "later-version") expect(action).toBeNull();
    });
  });

  it("a run does not retire the key that signs it, nor rotate its user unless later runs find the successor", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      const { signedBy } = world.seen;
      if (signedBy === null || keyIn(world, signedBy) === undefined) return;
      const switches = world.seen.destinations.some(
        ({ suppliesSigner, served }) =>
          suppliesSigner === true && served.kind === "known" && served.value.accessKeyId === signedBy,
      );
      if (!switches) expect(action?.kind).not.toBe("rotate");
      if (removes(action)) expect(action.key).not.toBe(signedBy);
    });
  });

  it("nothing is made, delivered or retired where no destination is known", () => {
    expect.hasAssertions();
    holds(({ seen, terms }, { action }) => {
      if (terms.needsDestination && seen.destinations.length === 0)
        expect([undefined, "clear-escrow"]).toContain(action?.kind);
    });
  });

  it("no key is made or delivered while a target serves a key of another user", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      const another = world.seen.destinations.some(({ readable, served }) => {
        const each = readable && served.kind === "known" ? served.value.accessKeyId : null;
        const owner = each === null || keyIn(world, each) !== undefined ? undefined : world.seen.owners.get(each);
        return owner?.kind === "known" && owner.value === "other-bot";
      });
      if (another) expect(["rotate", "resume"]).not.toContain(action?.kind);
    });
  });
});

/** The same world with one reading taken away, or given another value. */
interface Doubt {
  readonly what: string;
  readonly apply: (seen: Observation, to: Reading<never>) => Observation;
  /** Without it nothing may ever be taken away from a user. */
  readonly vital: boolean;
}

const swap = (seen: Observation, at: number, change: Partial<DestinationObservation>): Observation => ({
  ...seen,
  destinations: seen.destinations.map((each, index) => (index === at ? { ...each, ...change } : each)),
});

function doubtsIn({ seen }: Case): readonly Doubt[] {
  return [
    { what: "keys", vital: true, apply: (all, to) => ({ ...all, keys: to }) },
    { what: "record", vital: true, apply: (all, to) => ({ ...all, record: to }) },
    { what: "escrow", vital: false, apply: (all, to) => ({ ...all, escrow: to }) },
    { what: "password", vital: false, apply: (all, to) => ({ ...all, hasPassword: to }) },
    ...[...seen.lastUse.keys()].map((each) => ({
      what: `last use of ${each}`,
      vital: false,
      apply: (all: Observation, to: Reading<never>) => ({ ...all, lastUse: new Map([...all.lastUse, [each, to]]) }),
    })),
    ...seen.destinations.flatMap(({ readable }, index) =>
      readable
        ? [
            {
              what: `served ${index}`,
              vital: true,
              apply: (all: Observation, to: Reading<never>) => swap(all, index, { served: to }),
            },
            {
              what: `past ${index}`,
              vital: false,
              apply: (all: Observation, to: Reading<never>) => swap(all, index, { past: to }),
            },
          ]
        : [],
    ),
  ];
}

/** The action, where it takes a key away; null for anything else, also where more would have to be read first. */
function removalIn({ seen, terms }: Case): Action | null {
  if (missingFacts(seen, terms, WORLD_NOW).length > 0) return null;
  const { action } = decide(seen, terms, WORLD_NOW);
  return removes(action) ? action : null;
}

const use = (at: number, service: string): Reading<LastUse> => known({ at: instant(at), service, region: "eu-west-1" });

/** Other answers to the same question. */
function otherAnswers(world: Case, what: string): readonly Reading<unknown>[] {
  const ids = keysIn(world).map((key) => key.accessKeyId);
  if (what === "password") return [known(true), known(false)];
  if (what === "escrow") return [known([]), ...ids.map((each) => known([each]))];
  if (what.startsWith("last use"))
    return [
      known(null),
      use(WORLD_NOW, "s3"),
      use(WORLD_NOW - 8_640_000_000, "iam"),
      ...keysIn(world).map((key) => use(key.createDate, "sts")),
    ];
  return [
    known({ pending: null, history: [] }),
    ...ids.flatMap((each) => [known({ pending: each, history: [] }), known({ pending: null, history: [each] })]),
  ];
}

describe("what is not known", () => {
  const gaps: readonly Reading<never>[] = [
    { kind: "denied", action: "iam:Anything", resource: "user/ci-bot" },
    { kind: "failed", action: "iam:Anything", message: "Throttling" },
    { kind: "unusable", message: "the target is no parameter", hint: null },
    unread,
  ];

  it("never leads to the loss of a key: keys, record and served keys are always read before", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (!removes(action)) return;
      for (const { what, vital, apply } of doubtsIn(world)) {
        for (const gap of gaps) {
          // Keys and record are read before anything is asked.
          if (!vital || (gap.kind === "unread" && (what === "keys" || what === "record"))) continue;
          expect(removalIn({ ...world, seen: apply(world.seen, gap) }), `without ${what}`).toBeNull();
        }
      }
    });
  });

  it("never leads to the loss of a key that would have been kept if it were known", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      for (const { what, apply } of doubtsIn(world)) {
        if (what === "keys" || what === "record") continue;
        const blind = removalIn({ ...world, seen: apply(world.seen, unread) });
        if (blind !== null) expect(sameAction(blind, action), `without ${what}`).toBe(true);
      }
    }, 2_000);
  });

  it("was not needed where a key is lost all the same: any other answer leads to the same", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (!removes(action)) return;
      for (const { what, vital, apply } of doubtsIn(world)) {
        if (vital || removalIn({ ...world, seen: apply(world.seen, unread) }) === null) continue;
        for (const answer of otherAnswers(world, what)) {
          const changed = removalIn({ ...world, seen: apply(world.seen, answer as Reading<never>) }); // of the type that the question has
          expect(sameAction(changed, action), `${what}: ${JSON.stringify(answer)}`).toBe(true);
        }
      }
    });
  });

  it("is asked for once: no fact is asked for again after an answer, whatever the answer", () => {
    holds((world) => {
      const asked = judge(world, WORLD_NOW).asked.map((fact) => JSON.stringify(fact));
      expect(new Set(asked).size).toBe(asked.length);
    }, 2_000);
  });
});

describe("the same state", () => {
  it("gives the same decision every time", () => {
    holds((world, decision) => {
      expect(judge(world, WORLD_NOW).decision).toEqual(decision);
    }, 2_000);
  });

  it("gives the same decision in whatever order keys, destinations and the escrow are listed", () => {
    holds((world, decision) => {
      const { keys, escrow, destinations, owners } = world.seen;
      const turned = {
        ...world.seen,
        keys: keys.kind === "known" ? known(keys.value.toReversed()) : keys,
        escrow: escrow.kind === "known" ? known(escrow.value.toReversed()) : escrow,
        destinations: destinations.toReversed(),
      };
      const other = judge({ ...world, seen: turned }, WORLD_NOW).decision;
      expect(sameAction(other.action, decision.action)).toBe(true);
      // Of several questions without an answer the first is reported.
      const answered = destinations.every(
        (each) => !each.readable || (each.served.kind === "known" && each.past.kind === "known"),
      );
      if (answered && [...owners.values()].every((owner) => owner.kind === "known"))
        expect([other.standing, other.code]).toEqual([decision.standing, decision.code]);
    }, 2_500);
  });
});

describe("the state after an action", () => {
  it("never asks for the same action again at once", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (action === null) return;
      const seen = project(world.seen, action, WORLD_NOW, FUTURE_KEY);
      for (const now of [WORLD_NOW, later(WORLD_NOW, LEASE)]) {
        const next = judge({ ...world, seen }, now).decision.action;
        if (next !== null) expect(sameAction(next, action)).toBe(false);
      }
    }, 3_500);
  });

  it("holds the invariants too: what follows at once takes no served and no only Active key away", () => {
    expect.hasAssertions();
    holds((world, { action }) => {
      if (action === null) return;
      const after = { ...world, seen: project(world.seen, action, WORLD_NOW, FUTURE_KEY) };
      const next = judge(after, WORLD_NOW).decision.action;
      if (!removes(next)) return;
      expect(maybeServed(after, next.key)).toBe(false);
      expect(
        activeIn(after).some((key) => key.accessKeyId !== next.key) || keyIn(after, next.key)?.status === "Inactive",
      ).toBe(true);
    }, 2_500);
  });

  it("comes to rest: no user is busy for ever without anything new from outside", () => {
    holds((world, decision) => {
      let [seen, action] = [world.seen, decision.action];
      for (let step = 0; action !== null; step += 1) {
        expect(step).toBeLessThan(30);
        if (action.kind === "rotate") return;
        seen = project(seen, action, WORLD_NOW, FUTURE_KEY);
        ({ action } = judge({ ...world, seen }, WORLD_NOW).decision);
      }
    }, 2_000);
  });

  it("tells the steps of one run: at most three, the first as decided, a rotation only as the last", () => {
    holds((world, decision) => {
      const { seen } = judge(world, WORLD_NOW);
      const steps = stepsAhead(seen, world.terms, decision, WORLD_NOW);
      expect(steps.length).toBeLessThanOrEqual(STEPS_PER_RUN);
      expect(sameAction(steps[0] ?? null, decision.action)).toBe(true);
      expect(steps.slice(0, -1).map((step) => step.kind)).not.toContain("rotate");
      for (const step of steps.slice(0, -1)) expect(["delete", "remove-orphan", "clear-escrow"]).toContain(step.kind);
    }, 2_500);
  });
});

const stepsOf = (told: UserTold): readonly string[] => {
  const world = userWith(told);
  const { decision } = judge(world);
  return stepsAhead(world.seen, world.terms, decision, NOW).map((step) => step.kind);
};

describe("the steps ahead", () => {
  const orphaned = {
    keys: [
      { name: "OLD", ageDays: 120 },
      { name: "NEW", created: later(daysAgo(1), LEASE), usedDaysAgo: null },
    ],
    record: creating(["OLD"], { at: later(daysAgo(1), LEASE) }),
  };

  it("of an orphan in the way of a rotation are its removal, then the rotation", () => {
    expect(stepsOf(orphaned)).toEqual(["remove-orphan", "rotate"]);
  });

  it("of a leftover in the escrow are its removal, then whatever the record says", () => {
    expect(
      stepsOf({
        keys: [
          { name: "OLD", ageDays: 120, usedDaysAgo: 40 },
          { name: "NEW", ageDays: 60 },
        ],
        record: delivered("NEW", ["OLD"], { at: daysAgo(60) }),
        destinations: [{ serves: "NEW" }],
        escrow: ["NEW"],
      }),
    ).toEqual(["clear-escrow", "deactivate"]);
  });

  it("end with a step that writes the record: until that is older than the lease, every run waits", () => {
    const told = {
      keys: [
        { name: "OLD", ageDays: 120, usedDaysAgo: 40 },
        { name: "NEW", ageDays: 60 },
      ],
      destinations: [{ serves: "NEW", history: ["OLD"] }],
      policy: { deactivate: { when: "delivered" } as const },
    };
    expect(stepsOf(told)).toEqual(["mark-delivered"]);
    const { seen, terms } = userWith(told);
    const action: Action = { kind: "mark-delivered", key: id("NEW"), old: [id("OLD")] };
    expect(leadsOn(seen, terms, action, NOW)).toBe(false);
    const written = { ...project(seen, action, NOW, FUTURE_KEY), ownerDead: false };
    expect(judge({ seen: written, terms }).decision.code).toBe("turn-in-progress");
  });

  it("of somebody of whom nothing is to be done are none", () => {
    expect(stepsOf({ ageDays: 10 })).toEqual([]);
  });

  it("stop where the next one rests on what nobody has read", () => {
    const world = userWith(orphaned);
    const { decision, seen } = judge(world);
    const blind = { ...seen, destinations: seen.destinations.map((each) => ({ ...each, past: unread })) };
    expect(stepsAhead(blind, world.terms, decision, NOW).map((step) => step.kind)).toEqual(["remove-orphan"]);
    expect(leadsOn(blind, world.terms, { kind: "remove-orphan", key: id("NEW") }, NOW)).toBe(true);
  });
});

describe("two actions", () => {
  const [a, b, c] = [id("A"), id("B"), id("C")];
  const pairs: readonly [string, Action, Action, boolean][] = [
    [
      "are the same whatever the order of the keys beside",
      { kind: "rotate", known: [a, b] },
      { kind: "rotate", known: [b, a] },
      true,
    ],
    ["differ where one knows a key more", { kind: "rotate", known: [a] }, { kind: "rotate", known: [a, b] }, false],
    [
      "are the same whatever the order of further predecessors",
      { kind: "deactivate", key: a, successor: b, others: [c, id("D")] },
      { kind: "deactivate", key: a, successor: b, others: [id("D"), c] },
      true,
    ],
    [
      "differ where the keys change parts",
      { kind: "deactivate", key: a, successor: b, others: [] },
      { kind: "deactivate", key: b, successor: a, others: [] },
      false,
    ],
    [
      "differ where successor and other change parts",
      { kind: "deactivate", key: a, successor: b, others: [c] },
      { kind: "deactivate", key: a, successor: c, others: [b] },
      false,
    ],
    [
      "differ in what they resume",
      { kind: "resume", key: a, known: [b] },
      { kind: "resume", key: b, known: [a] },
      false,
    ],
    ["differ in kind", { kind: "delete", key: a }, { kind: "remove-orphan", key: a }, false],
  ];
  it.each(pairs)("%s", (_, one, other, same) => {
    expect(sameAction(one, other)).toBe(same);
    expect(sameAction(other, one)).toBe(same);
  });

  it("are the same as nothing only where they are nothing", () => {
    expect(sameAction(null, null)).toBe(true);
    expect(sameAction(null, { kind: "delete", key: a })).toBe(false);
    expect(sameAction({ kind: "rotate", known: [] }, null)).toBe(false);
  });
});

describe("the state after", () => {
  const world = userWith({
    keys: [
      { name: "OLD", ageDays: 120 },
      { name: "NEW", ageDays: 60 },
    ],
    record: retiring("NEW", ["OLD"]),
    destinations: [{ serves: "NEW" }, "write-only"],
  });
  const after = (action: Action) => project(world.seen, action, NOW, FUTURE_KEY);
  const keysAfter = (action: Action) => {
    const { keys } = after(action);
    return keys.kind === "known" ? keys.value.map((key) => `${key.accessKeyId} ${key.status}`) : [];
  };

  it("a rotation has one key more, which is served and on record", () => {
    const seen = after({ kind: "rotate", known: [id("OLD"), id("NEW")] });
    expect(keysAfter({ kind: "rotate", known: [] })).toEqual([
      `${id("OLD")} Active`,
      `${id("NEW")} Active`,
      `${FUTURE_KEY} Active`,
    ]);
    expect(seen.destinations[0]?.served).toEqual(known({ accessKeyId: FUTURE_KEY, writtenAt: NOW }));
    expect(seen.destinations[1]).toEqual(world.seen.destinations[1]);
    expect(parseRecord(seen.record.kind === "known" ? seen.record.value : null)).toMatchObject({
      phase: "delivered",
      new: FUTURE_KEY,
      old: [id("OLD"), id("NEW")],
    });
  });

  it("a deactivation has the key Inactive and says so in the record", () => {
    const action: Action = { kind: "deactivate", key: id("OLD"), successor: id("NEW"), others: [] };
    expect(keysAfter(action)).toEqual([`${id("OLD")} Inactive`, `${id("NEW")} Active`]);
    const { record } = after(action);
    expect(parseRecord(record.kind === "known" ? record.value : null)).toMatchObject({
      phase: "retiring",
      new: id("NEW"),
      old: [id("OLD")],
    });
  });

  it.each(["delete", "remove-orphan"] as const)("a %s has one key less, and the record as it was", (kind) => {
    const action: Action = { kind, key: id("OLD") };
    expect(keysAfter(action)).toEqual([`${id("NEW")} Active`]);
    expect(after(action).record).toEqual(world.seen.record);
  });

  it("anything leaves what was seen before as it was", () => {
    const before = structuredClone(world.seen);
    after({ kind: "rotate", known: [] });
    after({ kind: "delete", key: id("OLD") });
    expect(world.seen).toEqual(before);
  });
});
