import { describe, expect, it } from "vitest";
import { decide, missingFacts } from "../../src/core/decide.ts";
import type { Action, Standing } from "../../src/core/decision.ts";
import { known } from "../../src/core/observation.ts";
import { type DeactivateRule, type DeleteRule, presets } from "../../src/core/policy.ts";
import { type ReasonCode, reasons } from "../../src/core/reasons.ts";
import { days, hours, type Instant, instant, later, milliseconds, minutes, seconds } from "../../src/core/time.ts";
import { parseWindow } from "../../src/core/window.ts";
import { explanations } from "../../src/report/explanations.ts";
import {
  ago,
  creating,
  daysAgo,
  delivered,
  delivering,
  type DestinationTold,
  held,
  id,
  judge,
  justInsideLease,
  justOutsideLease,
  type KeyTold,
  lease,
  NOW,
  retiring,
  type UserTold,
  userWith,
} from "./builders.ts";

interface Expected {
  readonly standing: Standing;
  readonly code: ReasonCode;
  readonly action?: Action;
  readonly command?: string;
  /** The date of the next step; null = it has none. */
  readonly at?: Instant | null;
}

interface Row {
  /** Of the table in the protocol; a word for what stands around the table. */
  readonly row: string;
  readonly says: string;
  readonly user: UserTold;
  readonly expected: Expected;
}

const old = (told: Partial<KeyTold> = {}): KeyTold => ({ name: "OLD", ageDays: 120, ...told });
const fresh = (told: Partial<KeyTold> = {}): KeyTold => ({ name: "NEW", ageDays: 1, ...told });
const orphan = (told: Partial<KeyTold> = {}): KeyTold =>
  fresh({ created: later(daysAgo(1), seconds(20)), usedDaysAgo: null, ...told });
const serves = (name: string | null, told: DestinationTold = {}): DestinationTold => ({ serves: name, ...told });

const act = (code: ReasonCode, action: Action): Expected => ({ standing: "act", code, action });
const blocked = (code: ReasonCode, command?: string): Expected => ({
  standing: "blocked",
  code,
  ...(command === undefined ? {} : { command }),
});
const settled = (code: ReasonCode): Expected => ({ standing: "settled", code });
const waits = (code: ReasonCode, at?: Instant | null): Expected => ({
  standing: "waiting",
  code,
  ...(at === undefined ? {} : { at }),
});
const rotates = (code: ReasonCode, ...beside: readonly string[]): Expected =>
  act(code, { kind: "rotate", known: beside.map(id) });
const replacesOrphan = (name: string): Expected =>
  act("orphan-alone", { kind: "rotate", known: [id(name)], orphan: id(name) });
const resumes = (name: string, ...beside: readonly string[]): Expected =>
  act("unfinished", { kind: "resume", key: id(name), known: beside.map(id) });
const marks = (code: ReasonCode, name: string, ...before: readonly string[]): Expected =>
  act(code, { kind: "mark-delivered", key: id(name), old: before.map(id) });
const removesOrphan = (name: string): Expected => act("orphan", { kind: "remove-orphan", key: id(name) });
const clears = (name: string): Expected => act("leftover-escrow", { kind: "clear-escrow", key: id(name) });
const deactivates = (code: ReasonCode, name: string, successor: string, ...others: readonly string[]): Expected =>
  act(code, { kind: "deactivate", key: id(name), successor: id(successor), others: others.map(id) });
const deletes = (code: ReasonCode, name: string): Expected => act(code, { kind: "delete", key: id(name) });

/** OLD was replaced by NEW ten days ago; NEW is served and in use, OLD was quiet since. */
const takenOver = (told: UserTold = {}): UserTold => ({
  keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 10 })],
  record: delivered("NEW", ["OLD"], { at: daysAgo(10) }),
  destinations: [serves("NEW", { writtenDaysAgo: 10, history: ["OLD"] })],
  ...told,
});

/** OLD was made Inactive by us so many days ago. */
const retired = (count: number, told: UserTold = {}): UserTold => ({
  keys: [old({ status: "Inactive", usedDaysAgo: 60 }), fresh({ ageDays: 60 })],
  record: retiring("NEW", ["OLD"], { at: daysAgo(count) }),
  destinations: [serves("NEW")],
  ...told,
});

const two: UserTold = { keys: [old(), fresh({ ageDays: 50 })], destinations: [serves(null)] };

const rows: readonly Row[] = [
  /* 1: a turn may be at work */
  {
    row: "1",
    says: "waits while an intent is younger than the lease",
    user: { ageDays: 120, record: creating(["OLD"], { at: justInsideLease }) },
    expected: waits("turn-in-progress", later(justInsideLease, lease)),
  },
  {
    row: "1",
    says: "waits while a resumed delivery is younger than the lease",
    user: { keys: [old(), orphan()], record: delivering("NEW", ["OLD"], { at: justInsideLease }), escrow: ["NEW"] },
    expected: waits("turn-in-progress"),
  },
  {
    row: "1",
    says: "waits while a delivery was recorded within the lease",
    user: { ...takenOver(), record: delivered("NEW", ["OLD"], { at: justInsideLease }), preset: presets.threshold },
    expected: waits("turn-in-progress"),
  },
  {
    row: "1",
    says: "waits while a retirement was recorded within the lease",
    user: retired(1, {
      record: retiring("NEW", ["OLD"], { at: justInsideLease }),
      policy: { delete: { when: "after", after: days(0), quiet: days(0) } },
    }),
    expected: waits("turn-in-progress"),
  },
  {
    row: "1",
    says: "waits for a young key that no record calls delivered",
    user: { keys: [old(), fresh({ created: justInsideLease })] },
    expected: waits("turn-in-progress", later(justInsideLease, lease)),
  },
  {
    row: "1",
    says: "waits for a young key beside the one that the record calls delivered",
    user: takenOver({
      keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 10 }), { name: "THIRD", created: justInsideLease }],
    }),
    expected: waits("turn-in-progress"),
  },
  {
    row: "1",
    says: "waits for a young key although the runner that wrote an older record is dead",
    user: {
      keys: [old(), fresh({ created: justInsideLease })],
      record: creating(["OLD"], { at: daysAgo(1) }),
      ownerDead: true,
    },
    expected: waits("turn-in-progress"),
  },
  {
    row: "1",
    says: "waits for a key dated in the future by a clock that runs ahead",
    user: { keys: [old(), fresh({ created: later(NOW, minutes(2)) })] },
    expected: waits("turn-in-progress"),
  },
  {
    row: "1",
    says: "goes on at the very end of the lease",
    user: { ageDays: 120, record: creating(["OLD"], { at: justOutsideLease }) },
    expected: rotates("due", "OLD"),
  },
  {
    row: "1",
    says: "does not wait for a runner that is proved dead, nor for the key that it made",
    user: {
      keys: [old(), fresh({ created: later(ago(minutes(2)), seconds(20)), usedDaysAgo: null })],
      record: creating(["OLD"], { at: ago(minutes(2)) }),
      ownerDead: true,
      escrow: ["NEW"],
    },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "1",
    says: "does not wait because of a hold that ended within the lease",
    user: { ageDays: 120, record: { ...held(ago(seconds(10))), at: ago(minutes(1)) } },
    expected: rotates("due", "OLD"),
  },

  /* 2 to 6: an intent whose turn is over */
  {
    row: "2",
    says: "resumes the key of an expired intent whose secret is in the escrow",
    user: { keys: [old(), orphan()], record: creating(["OLD"]), escrow: ["NEW"] },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "2",
    says: "resumes the key of an expired intent that waits in a pending version",
    user: { keys: [old(), orphan()], record: creating(["OLD"]), destinations: [serves("OLD", { pending: "NEW" })] },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "2",
    says: "resumes the key of an expired intent that one of two destinations serves already",
    user: { keys: [old(), orphan()], record: creating(["OLD"]), destinations: [serves("OLD"), serves("NEW")] },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "2",
    says: "resumes the newest of two keys of expired intents",
    user: {
      keys: [old(), orphan(), { ...orphan({ name: "NEWER" }), created: later(daysAgo(1), seconds(40)) }],
      record: creating(["OLD"]),
      escrow: ["NEW", "NEWER"],
    },
    expected: resumes("NEWER", "OLD"),
  },
  {
    row: "3",
    says: "reports a key of an expired intent that a destination served before: somebody rolled it back",
    user: { keys: [old(), orphan()], record: creating(["OLD"]), destinations: [serves("OLD", { history: ["NEW"] })] },
    expected: blocked("rolled-back", "retire ci-bot NEW"),
  },
  {
    row: "4",
    says: "removes an orphan: made in the window of the intent, unused, stored nowhere",
    user: { keys: [old(), orphan()], record: creating(["OLD"]) },
    expected: removesOrphan("NEW"),
  },
  {
    row: "4",
    says: "removes an orphan of an intent that another run overwrote, which is a little older than that run's own",
    user: { keys: [old(), orphan({ created: ago(milliseconds(86_400_000 + 29_000)) })], record: creating(["OLD"]) },
    expected: removesOrphan("NEW"),
  },
  {
    row: "4",
    says: "removes an orphan that only our own check has used",
    user: {
      keys: [old(), orphan({ used: later(daysAgo(1), seconds(60)), service: "sts" })],
      record: creating(["OLD"]),
    },
    expected: removesOrphan("NEW"),
  },
  {
    row: "5",
    says: "rotates where the orphan is the only key at all",
    user: { keys: [orphan()], record: creating([]), destinations: [serves(null)] },
    expected: replacesOrphan("NEW"),
  },
  {
    row: "5",
    says: "goes on where the run that was to replace such an orphan died before it made a key",
    user: { keys: [orphan()], record: { ...creating(["NEW"]), orphan: id("NEW") }, destinations: [serves(null)] },
    expected: replacesOrphan("NEW"),
  },
  {
    row: "5",
    says: "believes nobody who calls a key an orphan that is served",
    user: {
      keys: [old({ ageDays: 10 })],
      record: { ...creating(["OLD"]), orphan: id("OLD") },
      destinations: [serves("OLD")],
    },
    expected: settled("young"),
  },
  {
    row: "5",
    says: "believes nobody who calls a key an orphan that is in use",
    user: {
      keys: [old({ ageDays: 10, usedDaysAgo: 0.5 })],
      record: { ...creating(["OLD"]), orphan: id("OLD") },
      destinations: [serves(null)],
    },
    expected: settled("young"),
  },
  {
    row: "5",
    says: "never makes a third key where the orphan is the only Active one of two",
    user: { keys: [old({ status: "Inactive" }), orphan()], record: creating(["OLD"]), destinations: [serves("OLD")] },
    expected: blocked("no-free-slot", "retire ci-bot OLD"),
  },
  {
    row: "6",
    says: "leaves a key alone that came later than the window of the intent: a person may have made it",
    user: { keys: [old(), orphan({ created: later(daysAgo(1), seconds(66)) })], record: creating(["OLD"]) },
    expected: blocked("unexplained"),
  },
  {
    row: "6",
    says: "leaves a key alone that came before the intent",
    user: { keys: [old(), orphan({ created: ago(milliseconds(86_400_000 + 31_000)) })], record: creating(["OLD"]) },
    expected: blocked("unexplained"),
  },
  {
    row: "6",
    says: "leaves a key of an expired intent alone that somebody else used",
    user: { keys: [old(), orphan({ usedDaysAgo: 0.5 })], record: creating(["OLD"]) },
    expected: blocked("unexplained"),
  },
  {
    row: "6",
    says: "leaves a key alone that signed in to sts after the lease: that was not our check",
    user: {
      keys: [old(), orphan({ used: later(daysAgo(1), seconds(241)), service: "sts" })],
      record: creating(["OLD"]),
    },
    expected: blocked("unexplained"),
  },
  {
    row: "6",
    says: "touches neither of two keys that came after the intent",
    user: { keys: [old(), orphan(), orphan({ name: "THIRD" })], record: creating(["OLD"]) },
    expected: blocked("unexplained"),
  },
  {
    row: "6",
    says: "leaves an Inactive key alone that came after the intent",
    user: { keys: [old({ ageDays: 10 }), orphan({ status: "Inactive" })], record: creating(["OLD"]) },
    expected: settled("inactive-not-ours"),
  },
  {
    row: "6",
    says: "forgets an intent that made nothing",
    user: { ageDays: 120, record: creating(["OLD"]) },
    expected: rotates("due", "OLD"),
  },

  /* 7 to 13: a delivery whose turn is over */
  {
    row: "7",
    says: "forgets a delivery whose key is gone",
    user: { ageDays: 120, record: delivering("NEW", ["OLD"]) },
    expected: rotates("due", "OLD"),
  },
  {
    row: "8",
    says: "reports a half-delivered key that a person made Inactive",
    user: { keys: [old(), orphan({ status: "Inactive" })], record: delivering("NEW", ["OLD"]), escrow: ["NEW"] },
    expected: blocked("successor-inactive", "retire ci-bot NEW"),
  },
  {
    row: "9",
    says: "resumes a delivery from the escrow",
    user: {
      keys: [old(), orphan()],
      record: delivering("NEW", ["OLD"]),
      escrow: ["NEW"],
      destinations: ["write-only"],
    },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "9",
    says: "resumes a delivery from a readable destination that has it",
    user: { keys: [old(), orphan()], record: delivering("NEW", ["OLD"]), destinations: [serves("NEW"), "write-only"] },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "10",
    says: "reports a half-delivered key that a destination served before",
    user: {
      keys: [old(), orphan()],
      record: delivering("NEW", ["OLD"]),
      destinations: [serves("OLD", { history: ["NEW"] }), "write-only"],
    },
    expected: blocked("rolled-back"),
  },
  {
    row: "11",
    says: "removes a half-delivered key that no destination can have got, however long ago it was made",
    user: { keys: [old(), orphan({ created: daysAgo(40) })], record: delivering("NEW", ["OLD"]) },
    expected: removesOrphan("NEW"),
  },
  {
    row: "11",
    says: "rotates where such a key is the only one",
    user: { keys: [orphan()], record: delivering("NEW", []), destinations: [serves(null)] },
    expected: replacesOrphan("NEW"),
  },
  {
    row: "11",
    says: "leaves such a key alone when somebody else used it",
    user: { keys: [old(), orphan({ usedDaysAgo: 0.5 })], record: delivering("NEW", ["OLD"]) },
    expected: blocked("unexplained"),
  },
  {
    row: "12",
    says: "records a delivery as done when the key is in use and there is only one place it can have come from",
    user: {
      keys: [old(), orphan({ usedDaysAgo: 0.5 })],
      record: delivering("NEW", ["OLD"]),
      destinations: ["write-only"],
    },
    expected: marks("arrived", "NEW", "OLD"),
  },
  {
    row: "13",
    says: "reports a key that may have been handed out, and never deletes it",
    user: { keys: [old(), orphan()], record: delivering("NEW", ["OLD"]), destinations: ["write-only"] },
    expected: blocked("maybe-delivered", "retire ci-bot NEW --delete"),
  },
  {
    row: "13",
    says: "takes our own check for no proof that a delivery arrived",
    user: {
      keys: [old(), orphan({ used: later(daysAgo(1), seconds(60)), service: "sts" })],
      record: delivering("NEW", ["OLD"]),
      destinations: ["write-only"],
    },
    expected: blocked("maybe-delivered"),
  },
  {
    row: "13",
    says: "takes use for no proof that the second of two deliveries arrived",
    user: {
      keys: [old(), orphan({ usedDaysAgo: 0.5 })],
      record: delivering("NEW", ["OLD"]),
      destinations: ["write-only", "write-only"],
    },
    expected: blocked("maybe-delivered"),
  },
  {
    row: "13",
    says: "takes use for no proof where a readable destination has not got the key",
    user: {
      keys: [old(), orphan({ usedDaysAgo: 0.5 })],
      record: delivering("NEW", ["OLD"]),
      destinations: [serves("OLD"), "write-only"],
    },
    expected: blocked("maybe-delivered"),
  },

  /* 14 to 19a: a delivery on record */
  {
    row: "14",
    says: "clears the copy of a delivered key in the escrow when its predecessors are gone",
    user: { keys: [fresh()], record: delivered("NEW", ["OLD"]), escrow: ["NEW"] },
    expected: clears("NEW"),
  },
  {
    row: "14",
    says: "clears the copy of a delivered key that is itself gone",
    user: { keys: [old()], record: delivered("NEW", ["OLD"]), escrow: ["NEW"] },
    expected: clears("NEW"),
  },
  {
    row: "14",
    says: "goes on as without a record when the delivered key is gone",
    user: { keys: [old()], record: delivered("NEW", ["OLD"]) },
    expected: rotates("due", "OLD"),
  },
  {
    row: "14",
    says: "goes on as without a record when the retired key is gone",
    user: { keys: [fresh({ ageDays: 95 })], record: retiring("NEW", ["OLD"], { at: daysAgo(40) }) },
    expected: rotates("due", "NEW"),
  },
  {
    row: "15",
    says: "reports a delivered key that a person made Inactive",
    user: takenOver({ keys: [old(), fresh({ status: "Inactive" })] }),
    expected: blocked("successor-inactive", "retire ci-bot NEW"),
  },
  {
    row: "15",
    says: "reports an Inactive successor of a retired key and deletes nothing",
    user: retired(40, { keys: [old({ status: "Inactive" }), fresh({ status: "Inactive" })] }),
    expected: blocked("successor-inactive"),
  },
  {
    row: "16",
    says: "reports a destination that serves the predecessor again",
    user: takenOver({ destinations: [serves("OLD", { history: ["NEW"] })] }),
    expected: blocked("rolled-back", "retire ci-bot NEW"),
  },
  {
    row: "16",
    says: "reports one of two destinations that serves the predecessor again",
    user: takenOver({ destinations: [serves("NEW"), serves("OLD")] }),
    expected: blocked("rolled-back"),
  },
  {
    row: "16",
    says: "reports a destination that serves the retired key again and does not delete it",
    user: retired(40, { destinations: [serves("OLD")] }),
    expected: blocked("rolled-back"),
  },
  {
    row: "16",
    says: "reports a destination that serves a key of nobody known",
    user: takenOver({ destinations: [serves("STRANGER")] }),
    expected: blocked("destination-changed", "rotate ci-bot"),
  },
  {
    row: "16",
    says: "reports a destination that is empty now",
    user: takenOver({ destinations: [serves("NEW"), serves(null)] }),
    expected: blocked("destination-changed"),
  },
  {
    row: "17",
    says: "clears the copy of a delivered key before anything else goes on",
    user: takenOver({ escrow: ["NEW"] }),
    expected: clears("NEW"),
  },
  {
    row: "17",
    says: "leaves the copy alone while a destination does not serve the key",
    user: takenOver({ escrow: ["NEW"], destinations: [serves("OLD")] }),
    expected: blocked("rolled-back"),
  },
  {
    row: "18",
    says: "takes a retirement back when the retired key is Active: abandoned, or a person wants it",
    user: retired(3, { keys: [old(), fresh({ ageDays: 60 })] }),
    expected: marks("reactivated", "NEW", "OLD"),
  },
  {
    row: "18",
    says: "turns to the next predecessor when the retired one is deleted",
    user: retired(40, {
      keys: [{ name: "OTHER", ageDays: 200 }, fresh({ ageDays: 60 })],
      record: retiring("NEW", ["OLD", "OTHER"], { at: daysAgo(40) }),
    }),
    expected: marks("reactivated", "NEW", "OTHER"),
  },
  {
    row: "18a",
    says: "deactivates the predecessor when the gate is open",
    user: takenOver(),
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    row: "18a",
    says: "deactivates the oldest predecessor and keeps the others in mind",
    user: takenOver({
      keys: [{ name: "OTHER", ageDays: 200, usedDaysAgo: 20 }, old({ usedDaysAgo: 10 }), fresh({ ageDays: 10 })],
      record: delivered("NEW", ["OLD", "OTHER"], { at: daysAgo(10) }),
    }),
    expected: deactivates("superseded", "OLD", "NEW", "OTHER"),
  },
  {
    row: "18a",
    says: "deletes the predecessor outright where the policy never deactivates",
    user: takenOver({ preset: presets.expiring }),
    expected: deletes("expired", "OLD"),
  },
  {
    row: "18a",
    says: "goes on although a key stands beside that the record does not name",
    user: takenOver({ keys: [old({ usedDaysAgo: 10 }), { name: "THIRD", ageDays: 300 }, fresh({ ageDays: 10 })] }),
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    row: "18b",
    says: "waits while the successor is unused, and is not overdue",
    user: takenOver({ keys: [old(), fresh({ ageDays: 10, usedDaysAgo: null })] }),
    expected: waits("successor-unused", null),
  },
  {
    row: "18b",
    says: "reports a successor that nobody uses for longer than the policy finds normal",
    user: takenOver({
      keys: [old(), fresh({ ageDays: 14, usedDaysAgo: null })],
      record: delivered("NEW", ["OLD"], { at: daysAgo(14) }),
    }),
    expected: blocked("successor-unused", "retire ci-bot OLD"),
  },
  {
    row: "18b",
    says: "waits while the predecessor is in use, and says until when",
    user: takenOver({ keys: [old({ usedDaysAgo: 2 }), fresh({ ageDays: 10 })] }),
    expected: waits("predecessor-in-use", later(daysAgo(2), hours(7 * 24 + 4))),
  },
  {
    row: "18b",
    says: "reports a predecessor that is in use for longer than the policy finds normal",
    user: takenOver({
      keys: [old({ usedDaysAgo: 2 }), fresh({ ageDays: 14 })],
      record: delivered("NEW", ["OLD"], { at: daysAgo(14) }),
    }),
    expected: blocked("predecessor-in-use", "retire ci-bot OLD"),
  },
  {
    row: "19",
    says: "deletes the key that we made Inactive when its retention is over",
    user: retired(30),
    expected: deletes("retention-over", "OLD"),
  },
  {
    row: "19",
    says: "keeps it until the very end of its retention",
    user: retired(1, { record: retiring("NEW", ["OLD"], { at: later(daysAgo(30), seconds(1)) }) }),
    expected: waits("retention", later(NOW, seconds(1))),
  },
  {
    row: "19",
    says: "deletes a key without successor that a person retired",
    user: retired(30, { record: retiring(null, ["OLD"], { at: daysAgo(30) }) }),
    expected: deletes("retention-over", "OLD"),
  },
  {
    row: "19",
    says: "does not delete a key without successor that a destination serves",
    user: retired(30, { record: retiring(null, ["OLD"], { at: daysAgo(30) }), destinations: [serves("OLD")] }),
    expected: blocked("rolled-back"),
  },
  {
    row: "19a",
    says: "keeps a predecessor that a person made Inactive, however long ago",
    user: takenOver({ keys: [old({ status: "Inactive", usedDaysAgo: 100 }), fresh({ ageDays: 10 })] }),
    expected: { ...settled("inactive-not-ours"), command: "retire ci-bot OLD" },
  },

  /* 20 to 26: no record */
  {
    row: "20",
    says: "resumes a key in the escrow without any record",
    user: { keys: [old(), fresh({ usedDaysAgo: null })], escrow: ["NEW"] },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "20",
    says: "resumes a pending key without any record",
    user: { keys: [old(), fresh({ usedDaysAgo: null })], destinations: [serves("OLD", { pending: "NEW" })] },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "20",
    says: "resumes the newest of several keys in the escrow, with all older ones as its predecessors",
    user: {
      keys: [old(), { name: "MIDDLE", ageDays: 5, usedDaysAgo: null }, fresh({ usedDaysAgo: null })],
      escrow: ["NEW", "MIDDLE"],
    },
    expected: resumes("NEW", "OLD", "MIDDLE"),
  },
  {
    row: "20",
    says: "leaves a key in the escrow alone that is older than the served one",
    user: { keys: [old(), fresh({ ageDays: 50 })], destinations: [serves("NEW")], escrow: ["OLD"] },
    expected: blocked("unexplained"),
  },
  {
    row: "20",
    says: "takes no notice of a pending stage on the one key that is served everywhere",
    user: { ageDays: 10, destinations: [serves("OLD", { pending: "OLD" })] },
    expected: settled("young"),
  },
  {
    row: "20",
    says: "leaves an Inactive key in the escrow alone",
    user: { keys: [old({ ageDays: 10 }), fresh({ status: "Inactive" })], escrow: ["NEW"] },
    expected: settled("inactive-not-ours"),
  },
  {
    row: "21",
    says: "skips a user without any key",
    user: { keys: [] },
    expected: settled("no-keys"),
  },
  {
    row: "21",
    says: "makes a first key where the policy says so",
    user: { keys: [], policy: { usersWithoutKey: "create" } },
    expected: rotates("first-key"),
  },
  {
    row: "21",
    says: "makes a first key where a person asks for one",
    user: { keys: [], terms: { asked: true } },
    expected: rotates("asked"),
  },
  {
    row: "22",
    says: "leaves a user alone whose only key is Inactive",
    user: { keys: [old({ status: "Inactive" })] },
    expected: { ...settled("only-key-inactive"), command: "retire ci-bot OLD" },
  },
  {
    row: "22",
    says: "leaves a user alone whose keys are all Inactive, although a rotation is asked for",
    user: { keys: [old({ status: "Inactive" }), fresh({ status: "Inactive" })], terms: { asked: true } },
    expected: settled("only-key-inactive"),
  },
  {
    row: "23",
    says: "rotates a key on the day that it is due",
    user: { ageDays: 90 },
    expected: rotates("due", "OLD"),
  },
  {
    row: "23",
    says: "rotates where a destination serves a key that we made and that is gone",
    user: { keys: [fresh()], record: delivered("OLD", ["NEW"]), destinations: [serves("OLD")] },
    expected: rotates("served-key-gone", "NEW", "OLD"),
  },
  {
    row: "24",
    says: "does nothing the second before a key is due",
    user: { keys: [old({ created: later(daysAgo(90), seconds(1)) })] },
    expected: settled("young"),
  },
  {
    row: "25",
    says: "records a delivery again that a destination's history proves",
    user: { keys: [old(), fresh({ ageDays: 50 })], destinations: [serves("NEW", { history: ["OLD"] })] },
    expected: marks("served-before", "NEW", "OLD"),
  },
  {
    row: "25",
    says: "delivers again where another destination cannot be read back: nothing tells whether it got the key",
    user: {
      keys: [old(), fresh({ ageDays: 50 })],
      destinations: [serves("NEW", { history: ["OLD"] }), "write-only"],
    },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "25",
    says: "proves nothing by a history of a key that is newer than the served one",
    user: { keys: [old(), fresh({ ageDays: 50 })], destinations: [serves("OLD", { history: ["NEW"] })] },
    expected: blocked("unexplained"),
  },
  {
    row: "25",
    says: "proves nothing while two destinations serve different keys",
    user: { keys: [old(), fresh({ ageDays: 50 })], destinations: [serves("NEW", { history: ["OLD"] }), serves("OLD")] },
    expected: blocked("unexplained"),
  },
  {
    row: "25",
    says: "proves nothing by a key that is served while the other is merely older",
    user: { keys: [old(), fresh({ ageDays: 50 })], destinations: [serves("NEW")] },
    expected: blocked("unexplained"),
  },
  {
    row: "25",
    says: "proves nothing by the history of an Inactive key",
    user: {
      keys: [old({ status: "Inactive" }), { name: "MIDDLE", ageDays: 100 }, fresh({ ageDays: 50 })],
      destinations: [serves("NEW", { history: ["OLD"] })],
    },
    expected: blocked("unexplained"),
  },
  {
    row: "26",
    says: "reports two Active keys that nothing explains",
    user: two,
    expected: blocked("unexplained", "retire ci-bot OLD"),
  },
  {
    row: "26",
    says: "does not call for a person while neither of two unexplained keys is due",
    user: {
      keys: [
        { name: "A", ageDays: 10 },
        { name: "B", ageDays: 5 },
      ],
    },
    expected: { ...settled("unexplained"), at: later(daysAgo(10), days(90)) },
  },
  {
    row: "26",
    says: "reports eight keys that a broken quota let come into being",
    user: { keys: [..."ABCDEFGH"].map((name) => ({ name, ageDays: 100 })), destinations: [serves(null)] },
    expected: blocked("unexplained"),
  },

  /* Around the table. */
  {
    row: "before",
    says: "touches nobody of whom it could not be read whether an exemption holds",
    user: { ageDays: 120, terms: { doubt: { kind: "failed", action: "iam:ListUserTags", message: "Throttling" } } },
    expected: { standing: "unknown", code: "read-failed" },
  },
  {
    row: "before",
    says: "touches nobody of whom it may not be read whether an exemption holds",
    user: {
      ageDays: 120,
      terms: { doubt: { kind: "denied", action: "iam:ListUserTags", resource: "user/ci-bot" } },
    },
    expected: { standing: "blocked", code: "read-denied" },
  },
  {
    row: "before",
    says: "leaves an exempt user alone",
    user: { ageDays: 120, terms: { exempt: "tagged keyturn:exempt" } },
    expected: { standing: "left-alone", code: "exempt" },
  },
  {
    row: "before",
    says: "leaves a user of Amazon Bedrock alone, in any case, although a rotation is asked for",
    user: { userName: "bedrockapikey-x1", keys: [], policy: { usersWithoutKey: "create" }, terms: { asked: true } },
    expected: { standing: "left-alone", code: "bedrock-user" },
  },
  {
    row: "before",
    says: "leaves a user on hold alone until somebody resumes it",
    user: { ageDays: 120, record: held("open") },
    expected: { standing: "left-alone", code: "on-hold", command: "resume ci-bot" },
  },
  {
    row: "before",
    says: "leaves a user on hold alone until the hold ends",
    user: takenOver({ record: delivered("NEW", ["OLD"], { at: daysAgo(10), hold: later(NOW, hours(1)) }) }),
    expected: { standing: "left-alone", code: "on-hold", at: later(NOW, hours(1)), command: "resume ci-bot" },
  },
  {
    row: "before",
    says: "goes on when the hold has ended",
    user: takenOver({ record: delivered("NEW", ["OLD"], { at: daysAgo(10), hold: NOW }) }),
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    row: "before",
    says: "leaves a person with a console password alone",
    user: { ageDays: 120, hasPassword: true },
    expected: { standing: "left-alone", code: "human", command: "rotate ci-bot" },
  },
  {
    row: "before",
    says: "does not call for a person because of a person's own two keys",
    user: { ...two, hasPassword: true },
    expected: { standing: "left-alone", code: "human" },
  },
  {
    row: "before",
    says: "rotates a person's key where the person asks for it",
    user: { ageDays: 120, hasPassword: true, terms: { asked: true } },
    expected: rotates("asked", "OLD"),
  },
  {
    row: "before",
    says: "rotates a person's key where the policy includes people",
    user: { ageDays: 120, hasPassword: true, policy: { humans: "include" } },
    expected: rotates("due", "OLD"),
  },
  {
    row: "before",
    says: "does not ask for a password where nothing is to be done",
    user: {
      ageDays: 10,
      readings: { hasPassword: { kind: "failed", action: "iam:GetLoginProfile", message: "Throttling" } },
    },
    expected: settled("young"),
  },
  {
    row: "before",
    says: "does not rotate the user whose key signs this run",
    user: { ageDays: 120, signedBy: "OLD" },
    expected: blocked("own-key"),
  },
  {
    row: "before",
    says: "rotates that user where later runs find the new key in the place of the one that signs",
    user: { ageDays: 120, signedBy: "OLD", destinations: [{}, { suppliesSigner: true }] },
    expected: rotates("due", "OLD"),
  },
  {
    row: "before",
    says: "does not rotate that user where runs are signed from a place that serves another key",
    user: { ageDays: 120, signedBy: "OLD", destinations: [{}, { suppliesSigner: true, serves: null }] },
    expected: blocked("own-key"),
  },
  {
    row: "before",
    says: "does not rotate that user where the place that runs are signed from cannot be read",
    user: {
      ageDays: 120,
      signedBy: "OLD",
      destinations: [{ suppliesSigner: true, served: { kind: "failed", action: "file", message: "EIO" } }],
    },
    expected: { standing: "unknown", code: "read-failed" },
  },
  {
    row: "before",
    says: "finishes the delivery of the very key that signs this run: its profile was switched over already",
    user: {
      keys: [old(), orphan()],
      record: creating(["OLD"]),
      signedBy: "NEW",
      destinations: [serves("NEW", { suppliesSigner: true })],
    },
    expected: resumes("NEW", "OLD"),
  },
  {
    row: "before",
    says: "clears the copy of the key that signs this run",
    user: takenOver({ escrow: ["NEW"], signedBy: "NEW" }),
    expected: clears("NEW"),
  },
  {
    row: "before",
    says: "does not retire the key that signs this run, wherever it is served",
    user: takenOver({ signedBy: "OLD", destinations: [{ serves: "NEW", suppliesSigner: true, writtenDaysAgo: 20 }] }),
    expected: blocked("own-key"),
  },
  {
    row: "before",
    says: "does not retire the key that signs this run",
    user: takenOver({ signedBy: "OLD" }),
    expected: blocked("own-key"),
  },
  {
    row: "before",
    says: "retires the predecessor of the key that signs this run",
    user: takenOver({ signedBy: "NEW" }),
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    row: "before",
    says: "is not stopped by a signing key that is not this user's",
    user: { ageDays: 120, signedBy: "STRANGER" },
    expected: rotates("due", "OLD"),
  },
  {
    row: "before",
    says: "makes no key where no destination is given",
    user: { ageDays: 120, destinations: [] },
    expected: blocked("no-destination", "run --user ci-bot --deliver KIND:TARGET"),
  },
  {
    row: "before",
    says: "retires no key where no destination is given: nobody looked where it is served",
    user: takenOver({ destinations: [] }),
    expected: blocked("no-destination"),
  },
  {
    row: "before",
    says: "removes no orphan where no destination is given: it may be served at one",
    user: { keys: [old(), orphan()], record: creating(["OLD"]), destinations: [] },
    expected: blocked("no-destination"),
  },
  {
    row: "before",
    says: "removes no half-delivered key where no destination is given: it may have been mailed",
    user: { keys: [old(), orphan()], record: delivering("NEW", ["OLD"]), destinations: [] },
    expected: blocked("no-destination"),
  },
  {
    row: "before",
    says: "clears an escrow entry without any destination: what it takes is on record",
    user: takenOver({ destinations: [], escrow: ["NEW"] }),
    expected: clears("NEW"),
  },
  {
    row: "before",
    says: "tells a report what is due where no destination is given",
    user: { ageDays: 120, destinations: [], terms: { needsDestination: false } },
    expected: rotates("due", "OLD"),
  },
  {
    row: "before",
    says: "understands no record of a later version, and waits",
    user: { ageDays: 120, record: "v2 creating whatever" },
    expected: blocked("record-unreadable", "status ci-bot"),
  },
  {
    row: "before",
    says: "understands no garbage, and waits",
    user: { ageDays: 120, record: "hello" },
    expected: blocked("record-unreadable", "status ci-bot"),
  },
  {
    row: "before",
    says: "believes no record from the future",
    user: { ageDays: 120, record: delivered("NEW", ["OLD"], { at: later(NOW, seconds(4 * 60 + 1)) }) },
    expected: blocked("record-unreadable"),
  },
  {
    row: "before",
    says: "takes a record that a clock ahead dated for one of now",
    user: { ageDays: 120, record: creating(["OLD"], { at: later(NOW, seconds(30)) }) },
    expected: waits("turn-in-progress"),
  },
  {
    row: "before",
    says: "is blocked where the keys may not be listed",
    user: { readings: { keys: { kind: "denied", action: "iam:ListAccessKeys", resource: "user/ci-bot" } } },
    expected: blocked("read-denied", "policy"),
  },
  {
    row: "before",
    says: "is blocked with a reason of its own where the organization denies it: no permission in the account would help",
    user: {
      readings: {
        keys: { kind: "denied", action: "iam:ListAccessKeys", resource: "user/ci-bot", byOrganization: true },
      },
    },
    expected: blocked("scp-denied"),
  },
  {
    row: "before",
    says: "is blocked where a last use that it needs may not be read",
    user: takenOver({
      keys: [
        old(),
        fresh({ lastUse: { kind: "denied", action: "iam:GetAccessKeyLastUsed", resource: "user/ci-bot" } }),
      ],
    }),
    expected: blocked("read-denied"),
  },
  {
    row: "before",
    says: "waits where the record could not be read",
    user: { ageDays: 120, readings: { record: { kind: "failed", action: "iam:ListUserTags", message: "Throttling" } } },
    expected: { standing: "unknown", code: "read-failed" },
  },
  {
    row: "before",
    says: "waits where a destination did not answer",
    user: takenOver({
      destinations: [serves("NEW"), { served: { kind: "failed", action: "ssm:GetParameter", message: "timed out" } }],
    }),
    expected: { standing: "unknown", code: "read-failed" },
  },
  {
    row: "before",
    says: "waits where the escrow did not answer",
    user: {
      ageDays: 120,
      readings: { escrow: { kind: "failed", action: "ssm:GetParametersByPath", message: "timed out" } },
    },
    expected: { standing: "unknown", code: "read-failed" },
  },
  {
    row: "before",
    says: "waits where nobody can tell whether the user has a password",
    user: {
      ageDays: 120,
      readings: { hasPassword: { kind: "failed", action: "iam:GetLoginProfile", message: "Throttling" } },
    },
    expected: { standing: "unknown", code: "read-failed" },
  },
  {
    row: "before",
    says: "is blocked by a target that holds what must not be overwritten",
    user: {
      ageDays: 120,
      destinations: [
        { served: { kind: "unusable", message: "ssm:/keys/ci-bot is no SecureString", hint: "make it one" } },
      ],
    },
    expected: blocked("destination-unusable"),
  },
  {
    row: "before",
    says: "is blocked by rules that contradict each other",
    user: { ageDays: 120, terms: { doubt: { kind: "unusable", message: "the policy of ci-bot: …", hint: null } } },
    expected: blocked("settings-contradict"),
  },
  {
    row: "before",
    says: "is blocked by a tag of the user that cannot be heeded",
    user: {
      ageDays: 120,
      terms: { doubt: { kind: "unusable", message: "tag IKR:EMAIL: …", hint: null, isTag: true } },
    },
    expected: blocked("tag-unusable"),
  },
];

/** A command with the short names of keys. */
const named = (command: readonly string[] | null): string | null =>
  command?.join(" ").replaceAll(/AKIA0+/g, "") ?? null;

/** What the decision says of all that is expected of it. */
function answer(user: UserTold, { command, at }: Expected): Expected {
  const { decision } = judge(userWith(user));
  return {
    standing: decision.standing,
    code: decision.code,
    ...(decision.action === null ? {} : { action: decision.action }),
    ...(command === undefined ? {} : { command: named(decision.command) ?? "none" }),
    ...(at === undefined ? {} : { at: decision.next?.at ?? null }),
  };
}

/** With the title first, for a table of tests. */
const titled = <T extends { readonly says: string; readonly row?: string }>(
  all: readonly T[],
): readonly [string, T][] =>
  all.map((each) => [each.row === undefined ? each.says : `row ${each.row}: ${each.says}`, each]);

describe("the decision table", () => {
  it.each(titled(rows))("%s", (_, { user, expected }) => {
    expect(answer(user, expected)).toEqual(expected);
  });

  it("has a test for every row", () => {
    const numbers = [...Array.from({ length: 26 }, (_, index) => String(index + 1)), "18a", "18b", "19a"];
    expect(numbers.filter((number) => !rows.some(({ row }) => row === number))).toEqual([]);
  });
});

const never = { when: "never" } as const satisfies DeactivateRule;
const idle = { when: "idle", for: days(7), remindAfter: days(14), atLatest: "never" } as const satisfies DeactivateRule;
const superseded = { when: "superseded", remindAfter: days(14) } as const satisfies DeactivateRule;
const nextRotation = { when: "next-rotation", overlap: days(2), quiet: days(1) } as const satisfies DeleteRule;
const afterFive = { when: "after", after: days(5), quiet: days(1) } as const satisfies DeleteRule;

interface Gated {
  readonly says: string;
  readonly user: UserTold;
  readonly expected: Expected;
}

/** NEW was delivered so many days ago. */
const handover = (
  deliveredDays: number,
  told: { old?: Partial<KeyTold>; new?: Partial<KeyTold>; written?: number } = {},
) => ({
  keys: [old({ usedDaysAgo: deliveredDays, ...told.old }), fresh({ ageDays: deliveredDays, ...told.new })],
  record: delivered("NEW", ["OLD"], { at: daysAgo(deliveredDays) }),
  destinations: [serves("NEW", { writtenDaysAgo: told.written ?? deliveredDays })],
});

const lag = 4 / 24;

const gates: readonly Gated[] = [
  /* idle */
  {
    says: "idle: opens when the predecessor was quiet for the time of the policy and IAM's lag",
    user: { ...handover(7 + lag), policy: { deactivate: idle } },
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    says: "idle: stays shut within IAM's lag",
    user: { ...handover(7 + lag - 0.01), policy: { deactivate: idle } },
    expected: waits("predecessor-in-use", later(daysAgo(7 + lag - 0.01), hours(7 * 24 + 4))),
  },
  {
    says: "idle: waits as long where the predecessor was never used at all",
    user: { ...handover(7, { old: { usedDaysAgo: null } }), policy: { deactivate: idle } },
    expected: waits("predecessor-in-use", later(daysAgo(7), hours(7 * 24 + 4))),
  },
  {
    says: "idle: a write to a destination starts the wait anew",
    user: { ...handover(30, { written: 2 }), policy: { deactivate: { ...idle, remindAfter: days(60) } } },
    expected: waits("predecessor-in-use", later(daysAgo(2), hours(7 * 24 + 4))),
  },
  {
    says: "idle: the latest write of any destination counts",
    user: {
      ...handover(10),
      destinations: [serves("NEW", { writtenDaysAgo: 10 }), serves("NEW", { writtenDaysAgo: 1 })],
    },
    expected: waits("predecessor-in-use", later(daysAgo(1), hours(7 * 24 + 4))),
  },
  {
    says: "idle: a use of the successor from before its delivery proves nothing",
    user: { ...handover(10, { new: { ageDays: 12, usedDaysAgo: 11 } }) },
    expected: waits("successor-unused", null),
  },
  {
    says: "idle: our own check of the successor proves nothing",
    user: { ...handover(10, { new: { used: later(daysAgo(10), seconds(240)), service: "sts" } }) },
    expected: waits("successor-unused", null),
  },
  {
    says: "idle: a consumer's sts call after the lease proves that the successor is used",
    user: { ...handover(10, { new: { used: later(daysAgo(10), seconds(241)), service: "sts" } }) },
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    says: "idle: any other service within the lease proves it too",
    user: { ...handover(10, { new: { used: later(daysAgo(10), seconds(1)) } }) },
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    says: "idle: our own check of the predecessor counts as a use of it",
    user: { ...handover(10, { old: { usedDaysAgo: 1, service: "sts" } }) },
    expected: waits("predecessor-in-use"),
  },
  {
    says: "idle: is not overdue the second before remindAfter",
    user: {
      ...handover(1, { new: { usedDaysAgo: null, ageDays: 14 } }),
      record: delivered("NEW", ["OLD"], { at: later(daysAgo(14), seconds(1)) }),
    },
    expected: waits("successor-unused"),
  },
  {
    says: "idle: opens at the latest date of the policy although the predecessor is in use",
    user: { ...handover(60, { old: { usedDaysAgo: 0.1 } }), policy: { deactivate: { ...idle, atLatest: days(60) } } },
    expected: deactivates("at-latest", "OLD", "NEW"),
  },
  {
    says: "idle: counts the latest date anew where somebody served the old key again for a while",
    user: {
      ...handover(60, { old: { usedDaysAgo: 0.1 } }),
      destinations: [{ serves: "NEW", writtenDaysAgo: 1, history: ["OLD"] }],
      policy: { deactivate: { ...idle, atLatest: days(60) } },
    },
    expected: {
      ...blocked("predecessor-in-use", "retire ci-bot OLD"),
      at: later(later(daysAgo(0.1), days(7)), hours(4)),
    },
  },
  {
    says: "idle: never deactivates a served key, not even at the latest date",
    user: { ...handover(60), destinations: [serves("OLD")], policy: { deactivate: { ...idle, atLatest: days(60) } } },
    expected: blocked("rolled-back"),
  },
  {
    says: "idle: reminds until the latest date comes",
    user: { ...handover(59, { old: { usedDaysAgo: 0.1 } }), policy: { deactivate: { ...idle, atLatest: days(60) } } },
    expected: { ...blocked("predecessor-in-use", "retire ci-bot OLD"), at: later(daysAgo(59), days(60)) },
  },

  /* superseded */
  {
    says: "superseded: opens when the successor was used later than the predecessor, and IAM's lag is over",
    user: {
      ...handover(3, { old: { usedDaysAgo: 1 }, new: { usedDaysAgo: 0.5 } }),
      policy: { deactivate: superseded },
    },
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    says: "superseded: opens where the predecessor was never used",
    user: {
      ...handover(3, { old: { usedDaysAgo: null }, new: { usedDaysAgo: 0.5 } }),
      policy: { deactivate: superseded },
    },
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    says: "superseded: stays shut within IAM's lag after the predecessor's last use",
    user: {
      ...handover(3, { old: { usedDaysAgo: lag - 0.01 }, new: { usedDaysAgo: 0.01 } }),
      policy: { deactivate: superseded },
    },
    expected: waits("predecessor-in-use", later(daysAgo(lag - 0.01), hours(4))),
  },
  {
    says: "superseded: stays shut within IAM's lag after a write to a destination",
    user: { ...handover(3, { new: { usedDaysAgo: 0.5 }, written: 0.1 }), policy: { deactivate: superseded } },
    expected: waits("predecessor-in-use", later(daysAgo(0.1), hours(4))),
  },
  {
    says: "superseded: stays shut while the predecessor was used later",
    user: {
      ...handover(3, { old: { usedDaysAgo: 0.5 }, new: { usedDaysAgo: 1 } }),
      policy: { deactivate: superseded },
    },
    expected: waits("predecessor-in-use", null),
  },
  {
    says: "superseded: stays shut where both were used in the same moment",
    user: {
      ...handover(3, { old: { usedDaysAgo: 0.5 }, new: { usedDaysAgo: 0.5 } }),
      policy: { deactivate: superseded },
    },
    expected: waits("predecessor-in-use", null),
  },
  {
    says: "superseded: stays shut while nobody but us used the successor",
    user: {
      ...handover(3, { new: { used: later(daysAgo(3), seconds(20)), service: "sts" } }),
      policy: { deactivate: superseded },
    },
    expected: waits("successor-unused", null),
  },
  {
    says: "superseded: reports what is overdue",
    user: {
      ...handover(14, { old: { usedDaysAgo: 0.5 }, new: { usedDaysAgo: 1 } }),
      policy: { deactivate: superseded },
    },
    expected: blocked("predecessor-in-use"),
  },

  /* after */
  {
    says: "after: opens when the time is over, whoever uses what",
    user: {
      ...handover(5, { old: { usedDaysAgo: 0.1 }, new: { usedDaysAgo: null } }),
      policy: { deactivate: { when: "after", after: days(5) } },
    },
    expected: deactivates("superseded", "OLD", "NEW"),
  },
  {
    says: "after: stays shut until then",
    user: { ...handover(4.9), policy: { deactivate: { when: "after", after: days(5) } } },
    expected: waits("overlap", later(daysAgo(4.9), days(5))),
  },
  {
    says: "after: a write to a destination starts the wait anew",
    user: { ...handover(30, { written: 1 }), policy: { deactivate: { when: "after", after: days(5) } } },
    expected: waits("overlap", later(daysAgo(1), days(5))),
  },

  /* delivered */
  {
    says: "delivered: opens at once",
    user: {
      ...handover(0.01, { old: { usedDaysAgo: 0 }, new: { usedDaysAgo: null } }),
      policy: { deactivate: { when: "delivered" } },
    },
    expected: deactivates("superseded", "OLD", "NEW"),
  },

  {
    says: "delivered: leaves a key alone that a person made Active again and that somebody uses since",
    user: {
      keys: [old({ usedDaysAgo: 1 }), fresh({ ageDays: 30 })],
      record: delivered("NEW", ["OLD"], { at: daysAgo(2) }),
      destinations: [serves("NEW", { writtenDaysAgo: 30 })],
      policy: { deactivate: { when: "delivered" } },
    },
    expected: { standing: "blocked", code: "predecessor-in-use" },
  },
  {
    says: "delivered: leaves a key alone that a person made Active again within the hour, until IAM would show who uses it",
    user: {
      keys: [old({ usedDaysAgo: 1 }), fresh({ ageDays: 0.11 })],
      record: delivered("NEW", ["OLD"], { at: daysAgo(0.1) }),
      destinations: [serves("NEW", { writtenDaysAgo: 0.11 })],
      policy: { deactivate: { when: "delivered" } },
    },
    expected: waits("predecessor-in-use", later(daysAgo(0.1), hours(4))),
  },
  {
    says: "delivered: goes on after a week, for who looks again only when refused uses it until then",
    user: {
      keys: [old({ usedDaysAgo: 0 }), fresh({ ageDays: 30 })],
      record: delivered("NEW", ["OLD"], { at: daysAgo(7) }),
      destinations: [serves("NEW", { writtenDaysAgo: 30 })],
      policy: { deactivate: { when: "delivered" } },
    },
    expected: deactivates("superseded", "OLD", "NEW"),
  },

  /* never: deleted while Active */
  {
    says: "expired: deletes when the time is over and the predecessor was quiet",
    user: { ...handover(5, { old: { usedDaysAgo: 2 } }), policy: { deactivate: never, delete: afterFive } },
    expected: deletes("expired", "OLD"),
  },
  {
    says: "expired: keeps the predecessor until its time is over",
    user: { ...handover(4.5, { old: { usedDaysAgo: 4 } }), policy: { deactivate: never, delete: afterFive } },
    expected: waits("overlap", later(daysAgo(4.5), days(5))),
  },
  {
    says: "expired: does not delete a key in use, and says so at once",
    user: { ...handover(6, { old: { usedDaysAgo: 1 } }), policy: { deactivate: never, delete: afterFive } },
    expected: {
      ...blocked("predecessor-in-use", "retire ci-bot OLD"),
      at: later(daysAgo(1), hours(28)),
    },
  },
  {
    says: "expired: waits without a word for a person where the key was used only while it had its time",
    user: { ...handover(5.5, { old: { usedDaysAgo: 0.7 } }), policy: { deactivate: never, delete: afterFive } },
    expected: waits("predecessor-in-use", later(daysAgo(0.7), hours(28))),
  },
  {
    says: "next-rotation: makes room when the successor is due",
    user: { ...handover(90, { old: { usedDaysAgo: 80 } }), policy: { deactivate: never, delete: nextRotation } },
    expected: deletes("makes-room", "OLD"),
  },
  {
    says: "next-rotation: keeps the predecessor until the successor is due",
    user: { ...handover(89, { old: { usedDaysAgo: 80 } }), policy: { deactivate: never, delete: nextRotation } },
    expected: waits("overlap", later(daysAgo(89), days(90))),
  },
  {
    says: "next-rotation: a late delivery does not shorten the overlap",
    user: {
      ...handover(1, { new: { ageDays: 95, usedDaysAgo: 0 }, old: { ageDays: 200, usedDaysAgo: 90 } }),
      policy: { deactivate: never, delete: nextRotation },
    },
    expected: waits("overlap", later(daysAgo(1), days(2))),
  },
  {
    says: "next-rotation: does not delete a key in use",
    user: { ...handover(95, { old: { usedDaysAgo: 1 } }), policy: { deactivate: never, delete: nextRotation } },
    expected: blocked("no-free-slot", "retire ci-bot OLD"),
  },
  {
    says: "next-rotation: asked for a rotation, makes room at once but for the overlap",
    user: {
      ...handover(3, { old: { usedDaysAgo: 2 } }),
      policy: { deactivate: never, delete: nextRotation },
      terms: { asked: true },
    },
    expected: deletes("makes-room", "OLD"),
  },
  {
    says: "never at all: waits for ever, with the command for who wants it gone",
    user: { ...handover(30), policy: { deactivate: never, delete: never } },
    expected: { ...waits("overlap", null), command: "retire ci-bot OLD" },
  },

  /* retention */
  {
    says: "retention: a policy that never deletes keeps what it deactivated",
    user: retired(400, { keys: [old({ status: "Inactive" }), fresh({ ageDays: 60 })], policy: { delete: never } }),
    expected: { ...waits("retention", null), command: "retire ci-bot OLD" },
  },
  {
    says: "retention: next-rotation keeps it until the successor is due",
    user: retired(10, { policy: { delete: nextRotation } }),
    expected: waits("retention", later(daysAgo(60), days(90))),
  },
  {
    says: "retention: next-rotation makes room when the successor is due",
    user: retired(10, {
      keys: [old({ status: "Inactive" }), fresh({ ageDays: 90 })],
      policy: { delete: nextRotation },
    }),
    expected: deletes("retention-over", "OLD"),
  },
  {
    says: "retention: a successor that is due waits for the retention with its date, unblocked",
    user: retired(10, { keys: [old({ status: "Inactive" }), fresh({ ageDays: 95 })] }),
    expected: waits("retention", later(daysAgo(10), days(30))),
  },

  /* no free slot */
  {
    says: "no free slot: says aloud that a due successor waits for a consumer",
    user: {
      ...handover(95, { new: { usedDaysAgo: null } }),
      policy: { deactivate: { ...idle, remindAfter: days(200) } },
    },
    expected: blocked("no-free-slot"),
  },
  {
    says: "no free slot: says so where a person's Inactive key fills it",
    user: { keys: [old({ status: "Inactive" }), fresh({ ageDays: 95 })], destinations: [serves("NEW")] },
    expected: blocked("no-free-slot", "retire ci-bot OLD"),
  },
  {
    says: "no free slot: says so where the predecessor was made Inactive by a person",
    user: { ...handover(95, { old: { status: "Inactive" } }) },
    expected: blocked("no-free-slot", "retire ci-bot OLD"),
  },
  {
    says: "no free slot: says what to do where a key of unknown status fills it",
    user: { keys: [old({ status: "Unknown" }), fresh({ ageDays: 95 })], destinations: [serves("NEW")] },
    expected: blocked("no-free-slot"),
  },

  /* status */
  {
    says: "status: a user whose only key has a status that nobody knows is left as it is",
    user: { keys: [old({ status: "Unknown" })] },
    expected: settled("status-unknown"),
  },
  {
    says: "status: a user with one Inactive key and one of unknown status is left as it is, whatever the policy deletes",
    user: {
      keys: [old({ status: "Inactive" }), fresh({ status: "Unknown" })],
      policy: { inactiveKeys: { deleteAfter: days(1) } },
    },
    expected: settled("status-unknown"),
  },
  {
    says: "status: a predecessor of unknown status is not touched",
    user: { ...handover(30, { old: { status: "Unknown" } }) },
    expected: settled("young"),
  },
  {
    says: "status: a retired key of unknown status is not touched",
    user: retired(40, { keys: [old({ status: "Unknown" }), fresh({ ageDays: 60 })] }),
    expected: settled("young"),
  },
  {
    says: "status: a successor of unknown status counts as one that a person changed",
    user: takenOver({ keys: [old(), fresh({ status: "Unknown" })] }),
    expected: blocked("successor-inactive"),
  },
];

describe("the gates of the policy", () => {
  it.each(titled(gates))("%s", (_, { user, expected }) => {
    expect(answer(user, expected)).toEqual(expected);
  });
});

/** The test's now is a Monday at noon, UTC. */
const shut = { window: parseWindow("tue-sun 09:00-17:00 UTC") };
const open = { window: parseWindow("mon 09:00-17:00 UTC") };
const tuesday = instant(Date.UTC(2026, 5, 16, 9));

const windows: readonly Gated[] = [
  {
    says: "the window: a due key waits until it opens",
    user: { ageDays: 120, terms: shut },
    expected: waits("outside-window", tuesday),
  },
  {
    says: "the window: a due key is rotated inside",
    user: { ageDays: 120, terms: open },
    expected: rotates("due", "OLD"),
  },
  {
    says: "the window: nothing before its first day",
    user: { ageDays: 120, terms: { window: { ...open.window, notBefore: instant(Date.UTC(2026, 5, 20)) } } },
    expected: waits("outside-window", instant(Date.UTC(2026, 5, 22, 9))),
  },
  {
    says: "the window: a person who asks now gets it now",
    user: { ageDays: 3, terms: { ...shut, asked: true } },
    expected: rotates("asked", "OLD"),
  },
  {
    says: "the window: an unfinished delivery waits, too",
    user: {
      keys: [old(), orphan()],
      record: creating(["OLD"], { at: daysAgo(1) }),
      escrow: ["NEW"],
      terms: shut,
    },
    expected: waits("outside-window", tuesday),
  },
  {
    says: "the window: a predecessor is not switched off outside",
    user: { ...takenOver(), terms: shut },
    expected: waits("outside-window", tuesday),
  },
  {
    says: "the window: an Active predecessor is not deleted outside",
    user: {
      keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 50 })],
      destinations: [serves("NEW")],
      preset: presets["two-key"],
      terms: shut,
    },
    expected: waits("outside-window", tuesday),
  },
  {
    says: "the window: a key that is Inactive already is deleted at any time",
    user: { ...retired(40), terms: shut },
    expected: deletes("retention-over", "OLD"),
  },
];

const policies: readonly Gated[] = [
  /* unexplained keys */
  {
    says: "unexplained keys: deletes the older one where the policy says so and it was quiet",
    user: {
      keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 50 })],
      destinations: [serves("NEW")],
      preset: presets["two-key"],
    },
    expected: deletes("oldest-unexplained", "OLD"),
  },
  {
    says: "unexplained keys: does not delete the older one while it is in use",
    user: {
      keys: [old({ usedDaysAgo: 1 }), fresh({ ageDays: 50 })],
      destinations: [serves("NEW")],
      preset: presets["two-key"],
    },
    expected: blocked("predecessor-in-use", "retire ci-bot OLD"),
  },
  {
    says: "unexplained keys: does not delete the older one while the newer one is not due",
    user: {
      keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 50 })],
      destinations: [serves("NEW")],
      preset: presets["two-key"],
      policy: { rotateAfter: days(60) },
    },
    expected: blocked("unexplained"),
  },
  {
    says: "unexplained keys: never deletes the older one where it is served",
    user: {
      keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 50 })],
      destinations: [serves("OLD")],
      preset: presets["two-key"],
    },
    expected: blocked("unexplained", "retire ci-bot NEW"),
  },
  {
    says: "unexplained keys: deactivates the one that nobody uses any more where the policy says so",
    user: {
      keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 50 })],
      destinations: [serves("NEW")],
      preset: presets.superseded,
    },
    expected: deactivates("idle-unexplained", "OLD", "NEW"),
  },
  {
    says: "unexplained keys: first gives the newer one to a destination that may still serve the other, and cannot be read back",
    user: {
      keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 50 })],
      destinations: [serves("NEW"), "write-only"],
      preset: presets.superseded,
    },
    expected: resumes("NEW", "OLD"),
  },
  {
    says: "unexplained keys: leaves both where the newer one is unused",
    user: {
      keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 50, usedDaysAgo: null })],
      destinations: [serves("NEW")],
      preset: presets.superseded,
    },
    expected: blocked("unexplained"),
  },
  {
    says: "unexplained keys: takes an sts call in the first hour of a key for our own, the record being gone",
    user: {
      keys: [old({ usedDaysAgo: 60 }), fresh({ ageDays: 50, used: later(daysAgo(50), hours(1)), service: "sts" })],
      destinations: [serves("NEW")],
      preset: presets.superseded,
    },
    expected: blocked("unexplained"),
  },
  {
    says: "unexplained keys: takes an sts call after the first hour for somebody else's",
    user: {
      keys: [old({ usedDaysAgo: 60 }), fresh({ ageDays: 50, used: later(daysAgo(50), seconds(3601)), service: "sts" })],
      destinations: [serves("NEW")],
      preset: presets.superseded,
    },
    expected: deactivates("idle-unexplained", "OLD", "NEW"),
  },
  {
    says: "unexplained keys: points at the one that was not used for longer, where none is served",
    user: { keys: [old({ usedDaysAgo: 1 }), fresh({ ageDays: 50, usedDaysAgo: 30 })], destinations: [serves(null)] },
    expected: blocked("unexplained", "retire ci-bot NEW"),
  },
  {
    says: "unexplained keys: points at the one that is not served, however much it is used",
    user: { keys: [old({ usedDaysAgo: 0 }), fresh({ ageDays: 50, usedDaysAgo: 30 })], destinations: [serves("NEW")] },
    expected: blocked("unexplained", "retire ci-bot OLD"),
  },

  /* unused keys */
  {
    says: "unused keys: reports a due key that nobody used",
    user: { keys: [old({ usedDaysAgo: null })] },
    expected: blocked("unused-key", "retire ci-bot OLD"),
  },
  {
    says: "unused keys: reports a due key that nobody used for long",
    user: { keys: [old({ usedDaysAgo: 90 })] },
    expected: blocked("unused-key"),
  },
  {
    says: "unused keys: rotates a due key that was used the day before that",
    user: { keys: [old({ usedDaysAgo: 89 })] },
    expected: rotates("due", "OLD"),
  },
  {
    says: "unused keys: gives a key that is due young its time to be used",
    user: { keys: [old({ ageDays: 40, usedDaysAgo: null })], policy: { rotateAfter: days(30) } },
    expected: rotates("due", "OLD"),
  },
  {
    says: "unused keys: rotates them where the policy says so",
    user: { keys: [old({ usedDaysAgo: null })], policy: { unusedKeys: "rotate" } },
    expected: rotates("due", "OLD"),
  },
  {
    says: "unused keys: rotates them where a person asks for it",
    user: { keys: [old({ usedDaysAgo: null })], terms: { asked: true } },
    expected: rotates("asked", "OLD"),
  },
  {
    says: "unused keys: never deactivates the only Active key of a user",
    user: { keys: [old({ usedDaysAgo: null })], policy: { unusedKeys: "deactivate" } },
    expected: blocked("unused-key"),
  },
  {
    says: "unused keys: deactivates a second one where the policy says so",
    user: {
      keys: [old({ usedDaysAgo: null }), fresh({ ageDays: 100 })],
      destinations: [serves("NEW")],
      policy: { unusedKeys: "deactivate" },
    },
    expected: deactivates("unused-extra", "OLD", "NEW"),
  },
  {
    says: "unused keys: deactivates no second one that a destination serves",
    user: {
      keys: [old({ usedDaysAgo: null }), fresh({ ageDays: 100 })],
      destinations: [serves("OLD")],
      policy: { unusedKeys: "deactivate" },
    },
    expected: blocked("unexplained"),
  },
  {
    says: "unused keys: deactivates no second one while nobody uses the first either",
    user: {
      keys: [old({ usedDaysAgo: null }), fresh({ ageDays: 100, usedDaysAgo: null })],
      destinations: [serves("NEW")],
      policy: { unusedKeys: "deactivate" },
    },
    expected: blocked("unexplained"),
  },

  /* inactive keys */
  {
    says: "inactive keys: deletes one that shows no sign of life for the time of the policy",
    user: {
      keys: [old({ status: "Inactive", usedDaysAgo: 30.2 }), fresh({ ageDays: 10 })],
      destinations: [serves("NEW")],
      policy: { inactiveKeys: { deleteAfter: days(30) } },
    },
    expected: deletes("inactive-expired", "OLD"),
  },
  {
    says: "inactive keys: counts in how late IAM shows a use",
    user: {
      keys: [old({ status: "Inactive", usedDaysAgo: 30.1 }), fresh({ ageDays: 10 })],
      destinations: [serves("NEW")],
      policy: { inactiveKeys: { deleteAfter: days(30) } },
    },
    expected: settled("inactive-not-ours"),
  },
  {
    says: "inactive keys: keeps one that was used later than that",
    user: {
      keys: [old({ status: "Inactive", usedDaysAgo: 29 }), fresh({ ageDays: 10 })],
      destinations: [serves("NEW")],
      policy: { inactiveKeys: { deleteAfter: days(30) } },
    },
    expected: settled("inactive-not-ours"),
  },
  {
    says: "inactive keys: keeps one that was created later than that and never used",
    user: {
      keys: [old({ ageDays: 29, status: "Inactive", usedDaysAgo: null }), fresh({ ageDays: 10 })],
      destinations: [serves("NEW")],
      policy: { inactiveKeys: { deleteAfter: days(30) } },
    },
    expected: settled("inactive-not-ours"),
  },
  {
    says: "inactive keys: never deletes one that a destination serves",
    user: {
      keys: [old({ status: "Inactive", usedDaysAgo: 90 }), fresh({ ageDays: 10 })],
      destinations: [serves("OLD")],
      policy: { inactiveKeys: { deleteAfter: days(30) } },
    },
    expected: settled("inactive-not-ours"),
  },
  {
    says: "inactive keys: makes room for a due successor by deleting one whose time is over",
    user: {
      keys: [old({ status: "Inactive", usedDaysAgo: 30.2 }), fresh({ ageDays: 95 })],
      destinations: [serves("NEW")],
      policy: { inactiveKeys: { deleteAfter: days(30) } },
    },
    expected: deletes("inactive-expired", "OLD"),
  },
  {
    says: "inactive keys: deletes the only key of a user where its time is over",
    user: {
      keys: [old({ status: "Inactive", usedDaysAgo: 40 })],
      destinations: [serves(null)],
      policy: { inactiveKeys: { deleteAfter: days(30) } },
    },
    expected: deletes("inactive-expired", "OLD"),
  },
  {
    says: "inactive keys: deletes a predecessor that a person made Inactive, where its time is over",
    user: {
      ...handover(60, { old: { status: "Inactive", usedDaysAgo: 60 } }),
      policy: { inactiveKeys: { deleteAfter: days(30) } },
    },
    expected: deletes("inactive-expired", "OLD"),
  },

  {
    says: "inactive keys, only replaced ones: deletes one whose successor has stood for the time of the policy",
    user: {
      keys: [old({ status: "Inactive", usedDaysAgo: 90 }), fresh({ ageDays: 30 })],
      destinations: [serves("NEW")],
      policy: { inactiveKeys: { deleteAfter: days(30), onlyReplaced: true } },
    },
    expected: deletes("inactive-expired", "OLD"),
  },
  {
    says: "inactive keys, only replaced ones: keeps one that was replaced later than that, however old it is",
    user: {
      keys: [old({ status: "Inactive", usedDaysAgo: 90 }), fresh({ ageDays: 29 })],
      destinations: [serves("NEW")],
      policy: { inactiveKeys: { deleteAfter: days(30), onlyReplaced: true } },
    },
    expected: settled("inactive-not-ours"),
  },
  {
    says: "inactive keys, only replaced ones: keeps the only key of a user",
    user: {
      keys: [old({ status: "Inactive", usedDaysAgo: 400 })],
      destinations: [serves(null)],
      policy: { inactiveKeys: { deleteAfter: days(30), onlyReplaced: true } },
    },
    expected: settled("only-key-inactive"),
  },
  {
    says: "inactive keys, only replaced ones: keeps the newest key although it fills the slot",
    user: {
      keys: [old({ usedDaysAgo: 1 }), fresh({ ageDays: 100, status: "Inactive", usedDaysAgo: null })],
      destinations: [serves("OLD")],
      policy: { inactiveKeys: { deleteAfter: days(30), onlyReplaced: true } },
    },
    expected: blocked("no-free-slot"),
  },
  {
    says: "inactive keys, only replaced ones: keeps a predecessor for the time of the policy since its handover was recorded",
    user: {
      ...handover(29, { old: { status: "Inactive", usedDaysAgo: 90 }, new: { ageDays: 60 } }),
      policy: { inactiveKeys: { deleteAfter: days(30), onlyReplaced: true } },
    },
    expected: settled("inactive-not-ours"),
  },

  /* whose key a target serves */
  {
    says: "served strangers: refuses a target that serves a key of another user",
    user: { ageDays: 120, destinations: [serves("STRANGER")], owners: { STRANGER: "other-bot" } },
    expected: blocked("target-of-another-user"),
  },
  {
    says: "served strangers: refuses it for a user without any key too",
    user: {
      keys: [],
      destinations: [serves("STRANGER")],
      owners: { STRANGER: "other-bot" },
      policy: { usersWithoutKey: "create" },
    },
    expected: blocked("target-of-another-user"),
  },
  {
    says: "served strangers: refuses it although a person asks for the rotation",
    user: {
      ageDays: 120,
      destinations: [serves("STRANGER")],
      owners: { STRANGER: "other-bot" },
      terms: { asked: true },
    },
    expected: blocked("target-of-another-user"),
  },
  {
    says: "served strangers: refuses it wherever among the destinations it stands, although a person asks",
    user: {
      ageDays: 120,
      destinations: [serves("GONE"), serves("STRANGER")],
      owners: { GONE: null, STRANGER: "other-bot" },
      terms: { asked: true },
    },
    expected: blocked("target-of-another-user"),
  },
  {
    says: "served strangers: refuses it although a hostile record calls the stranger this user's own",
    user: {
      ageDays: 120,
      record: retiring("OLD", ["STRANGER"], { at: daysAgo(40) }),
      destinations: [serves("STRANGER")],
      owners: { STRANGER: "other-bot" },
    },
    expected: blocked("target-of-another-user"),
  },
  {
    says: "served strangers: refuses it although an orphan is the only key",
    user: {
      keys: [orphan()],
      record: creating([]),
      destinations: [serves("STRANGER")],
      owners: { STRANGER: "other-bot" },
    },
    expected: blocked("target-of-another-user"),
  },
  {
    says: "served strangers: resumes no delivery to it",
    user: {
      keys: [old(), orphan()],
      record: creating(["OLD"]),
      escrow: ["NEW"],
      destinations: [serves("OLD"), serves("STRANGER")],
      owners: { STRANGER: "other-bot" },
    },
    expected: blocked("target-of-another-user"),
  },
  {
    says: "served strangers: resumes a delivery to a target that serves a key that is gone",
    user: {
      keys: [old(), orphan()],
      record: creating(["OLD"]),
      escrow: ["NEW"],
      destinations: [serves("GONE")],
      owners: { GONE: null },
    },
    expected: resumes("NEW", "OLD"),
  },
  {
    says: "served strangers: does not overwrite a key of which nobody knows whose it is",
    user: { ageDays: 10, destinations: [serves("STRANGER")], owners: { STRANGER: null } },
    expected: blocked("target-serves-unknown-key", "rotate ci-bot"),
  },
  {
    says: "served strangers: overwrites it where a person asks for the rotation",
    user: { ageDays: 10, destinations: [serves("STRANGER")], owners: { STRANGER: null }, terms: { asked: true } },
    expected: rotates("served-key-gone", "OLD", "STRANGER"),
  },
  {
    says: "served strangers: waits where nobody answers whose it is",
    user: {
      ageDays: 120,
      destinations: [serves("STRANGER")],
      readings: {
        owners: new Map([
          [id("STRANGER"), { kind: "failed", action: "iam:GetAccessKeyLastUsed", message: "Throttling" }],
        ]),
      },
    },
    expected: { standing: "unknown", code: "read-failed" },
  },
  {
    says: "served strangers: replaces a served key that the record knows as this user's",
    user: { ageDays: 10, record: retiring("OLD", ["GONE"], { at: daysAgo(40) }), destinations: [serves("GONE")] },
    expected: rotates("served-key-gone", "OLD", "GONE"),
  },

  /* asked rotations */
  {
    says: "asked: rotates a key that is not due",
    user: { ageDays: 1, terms: { asked: true } },
    expected: rotates("asked", "OLD"),
  },
  {
    says: "asked: waits for a turn that may be at work",
    user: { keys: [fresh({ created: justInsideLease })], terms: { asked: true } },
    expected: waits("turn-in-progress"),
  },
  {
    says: "asked: says which command frees the slot that the rotation needs",
    user: { ...handover(3), terms: { asked: true } },
    expected: { ...waits("predecessor-in-use"), command: "retire ci-bot OLD" },
  },
  {
    says: "asked: says aloud that the slot depends on a consumer",
    user: { ...handover(3, { new: { usedDaysAgo: null } }), terms: { asked: true } },
    expected: blocked("no-free-slot"),
  },
  {
    says: "asked: does not touch either of two keys when a destination was rolled back",
    user: takenOver({ destinations: [serves("OLD", { history: ["NEW"] })], terms: { asked: true } }),
    expected: blocked("unexplained"),
  },

  /* hostile records */
  {
    says: "hostile records: a key that is named as its own predecessor is not retired",
    user: { keys: [old({ usedDaysAgo: 20 })], record: delivered("OLD", ["OLD"], { at: daysAgo(30) }) },
    expected: rotates("due", "OLD"),
  },
  {
    says: "hostile records: a served key that is named as its own predecessor is not retired beside another",
    user: {
      keys: [{ name: "OTHER", ageDays: 5 }, old({ usedDaysAgo: 20 })],
      destinations: [serves("OLD")],
      record: delivered("OLD", ["OLD"], { at: daysAgo(30) }),
      preset: presets.threshold,
    },
    expected: blocked("unexplained"),
  },
  {
    says: "hostile records: the served key is not retired in favour of another",
    user: {
      keys: [old(), fresh({ ageDays: 30 })],
      record: delivered("NEW", ["OLD"], { at: daysAgo(30) }),
      destinations: [serves("OLD")],
      preset: presets.threshold,
    },
    expected: blocked("rolled-back"),
  },
  {
    says: "hostile records: an Active key that is named as retired is not deleted",
    user: {
      keys: [old(), fresh({ ageDays: 30 })],
      record: retiring("NEW", ["OLD"], { at: daysAgo(3000) }),
      destinations: [serves("NEW")],
    },
    expected: marks("reactivated", "NEW", "OLD"),
  },
  {
    says: "hostile records: the only Active key is no orphan",
    user: { keys: [old({ status: "Inactive" }), orphan()], record: creating(["OLD"]), destinations: [serves(null)] },
    expected: blocked("no-free-slot"),
  },
  {
    says: "hostile records: a name that fits two keys names neither as the new one",
    user: {
      keys: [
        { name: "OLD", ageDays: 120, usedDaysAgo: 20 },
        { name: "1AAAAAAAAAAAA", ageDays: 100 },
        { name: "2AAAAAAAAAAAA", ageDays: 90 },
      ],
      record: `v1 delivered at=2026-05-01T00:00:00Z n=x new=.AAAAAAAAAAAA old=${id("OLD")}`,
      destinations: ["write-only"],
      preset: presets.threshold,
    },
    expected: blocked("unexplained"),
  },
];

describe("the window for changes", () => {
  it.each(titled(windows))("%s", (_, { user, expected }) => {
    expect(answer(user, expected)).toEqual(expected);
  });
});

describe("the policies for what nobody made", () => {
  it.each(titled(policies))("%s", (_, { user, expected }) => {
    expect(answer(user, expected)).toEqual(expected);
  });
});

describe("what a decision says", () => {
  const all = [...rows, ...gates, ...windows, ...policies];
  const decisions = all.map((each) => ({ says: each.says, decision: judge(userWith(each.user)).decision }));

  it("every reason is the answer to some test", () => {
    // The last two are said of users that a listing of the account rules out: nobody decides about those.
    const seen = new Set<string>([...decisions.map(({ decision }) => decision.code), "looks-young", "young-user"]);
    expect(Object.keys(reasons).filter((code) => !seen.has(code))).toEqual([]);
  });

  it("is explained under the heading where it belongs: something is done, or not", () => {
    const wrong = decisions.filter(
      ({ decision: { standing, code } }) => (standing === "act") !== (explanations[code].group === "act"),
    );
    expect(wrong.map(({ decision: { standing, code } }) => `${code}: ${standing}`)).toEqual([]);
  });

  it("every reason is a sentence", () => {
    for (const sentence of Object.values(reasons)) expect(sentence).toMatch(/^[A-Z].*\.$/s);
  });

  it("whoever is blocked is told what to type or what comes next", () => {
    const mute = decisions.filter(
      ({ decision: { standing, command, next } }) => standing === "blocked" && command === null && next === null,
    );
    expect(mute.map(({ says }) => says)).toEqual([]);
  });

  it("whoever waits is told for what", () => {
    const mute = decisions.filter(({ decision: { standing, next } }) => standing === "waiting" && next === null);
    expect(mute).toEqual([]);
  });

  it("acts exactly where it says so", () => {
    const odd = decisions.filter(({ decision: { standing, action } }) => (standing === "act") !== (action !== null));
    expect(odd).toEqual([]);
  });

  it("every key of the user gets a decision of its own, oldest first", () => {
    for (const { user } of all) {
      const { seen, terms } = userWith(user);
      const { decision } = judge({ seen, terms });
      const keys = seen.keys.kind === "known" ? seen.keys.value : [];
      expect(decision.keys.map((key) => key.accessKeyId)).toEqual(
        keys
          .toSorted((a, b) => a.createDate - b.createDate || (a.accessKeyId < b.accessKeyId ? -1 : 1))
          .map((key) => key.accessKeyId),
      );
    }
  });

  it.each<[string, UserTold, Record<string, string>]>([
    ["a predecessor and its successor", takenOver(), { OLD: "predecessor", NEW: "successor" }],
    [
      "an orphan and the key beside it",
      { keys: [old(), orphan()], record: creating(["OLD"]) },
      { OLD: "unexplained", NEW: "orphan" },
    ],
    ["two that nothing explains", two, { OLD: "unexplained", NEW: "unexplained" }],
    [
      "an Inactive one and the current one",
      { keys: [old({ status: "Inactive" }), fresh()] },
      { OLD: "inactive", NEW: "current" },
    ],
  ])("calls keys what they are: %s", (_, user, roles) => {
    const { decision } = judge(userWith(user));
    expect(decision.keys.map((key) => [named([key.accessKeyId]), key.role])).toEqual(Object.entries(roles));
  });

  it("a key of unknown status is said to be kept, whatever happens to the others", () => {
    const { decision } = judge(
      userWith(
        takenOver({ keys: [old({ usedDaysAgo: 10 }), fresh({ ageDays: 10 }), { name: "ODD", status: "Unknown" }] }),
      ),
    );
    expect(decision.action?.kind).toBe("deactivate");
    expect(decision.keys.find((key) => key.accessKeyId === id("ODD"))?.code).toBe("status-unknown");
  });
});

const kinds = (user: UserTold) => judge(userWith(user)).asked.map((fact) => fact.kind);

describe("what a decision asks for", () => {
  it("asks nothing of an exempt user besides keys and record", () => {
    expect(kinds({ ageDays: 120, terms: { exempt: "by tag" } })).toEqual([]);
  });

  it("asks no last use of a young key", () => {
    expect(kinds({ ageDays: 10 })).not.toContain("last-use");
  });

  it("asks for a password only before something would be done", () => {
    expect(kinds({ ageDays: 10 })).not.toContain("password");
    expect(kinds({ ageDays: 120 })).toContain("password");
  });

  it("asks whose key a target serves only where it is none of the user's", () => {
    expect(kinds({ ageDays: 120 })).not.toContain("owner");
    expect(kinds({ ageDays: 120, destinations: [serves("STRANGER")] })).toContain("owner");
  });

  it("asks nothing of a destination that cannot be read back", () => {
    const { seen } = judge(userWith({ ageDays: 120, destinations: ["write-only"] }));
    expect(seen.destinations[0]?.served.kind).toBe("unread");
  });

  it("throws where it is asked to decide before it was told", () => {
    const { seen, terms } = userWith({ ageDays: 120, readings: { escrow: { kind: "unread" } } });
    expect(missingFacts(seen, terms, NOW)).toEqual([{ kind: "escrow" }]);
    expect(() => decide(seen, terms, NOW)).toThrow("escrow");
  });

  it("names the permission that is missing", () => {
    const { decision } = judge(
      userWith({
        ageDays: 120,
        readings: { hasPassword: { kind: "denied", action: "iam:GetLoginProfile", resource: "user/ci-bot" } },
      }),
    );
    expect(decision.sentence).toBe("iam:GetLoginProfile on user/ci-bot is denied");
    expect(decision.command).toEqual(["policy"]);
  });

  it("hands on what a target that cannot be used says, and what it hints", () => {
    const message = "ssm:/keys/ci-bot is no SecureString";
    const unusable = (hint: string | null) =>
      judge(userWith({ ageDays: 120, destinations: [{ served: { kind: "unusable", message, hint } }] })).decision;
    expect(unusable("make it one")).toMatchObject({ sentence: message, next: { what: "make it one", at: null } });
    expect(unusable(null).next).not.toBeNull();
  });

  it("knows an empty escrow for an answer", () => {
    expect(judge(userWith({ ageDays: 120, readings: { escrow: known([]) } })).decision.code).toBe("due");
  });
});
