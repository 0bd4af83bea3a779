import type { AccessKey, AccessKeyId } from "./access-key.ts";
import type { Terms } from "./facts.ts";
import type { Observation } from "./observation.ts";
import type { Outlook } from "./outlook.ts";
import { outlook } from "./outlook.ts";
import type { Notice } from "./owner.ts";
import type { KeyNews, LedgerEntry } from "./owner-ledger.ts";
import { isOpen, mentions, named, parseRecord, refersTo } from "./record.ts";
import { age, type Duration, hours, type Instant } from "./time.ts";

/*
 * What an owner is to be told follows from what there is and from what the ledger says they know, never from what a run did: a
 * notice that was not sent is sent by the next run, and whatever else removed a key, its owner hears of it.
 */

/** One thing that the owner is to know. */
export interface News {
  /** Null: nothing is said; it is only remembered. */
  readonly notice: Notice | null;
  /** What the ledger says once they know. */
  readonly known: (entry: LedgerEntry) => LedgerEntry;
}

/** What news depends on besides what was seen. */
export interface NewsSetting {
  readonly terms: Terms;
  readonly now: Instant;
  readonly warnBefore: readonly Duration[];
  /** A delivery tells of the new key itself. */
  readonly deliveryTells: boolean;
  /** Keys that are gone stay in the ledger until what opened mails about them is tidied away. */
  readonly keepsGone: boolean;
}

/** A day, less what a schedule may be early by. */
const REMIND_EVERY = hours(23);

/** The ledger's entry for an owner who is met for the first time: what there is now is no news, except a key on its way. */
export function meet(entry: LedgerEntry, seen: Observation): LedgerEntry {
  if (entry.keys !== null || seen.keys.kind !== "known" || seen.record.kind !== "known") return entry;
  const record = parseRecord(seen.record.value);
  const settled = seen.keys.value.filter((key) => !isOpen(record) || mentions(record.known, key.accessKeyId));
  return { ...entry, keys: new Map(settled.map((key) => [key.accessKeyId, believed(key)])) };
}

const believed = ({ status }: AccessKey): KeyNews => ({
  status: status === "Inactive" ? "Inactive" : "Active",
  warned: [],
  reminded: null,
});

/** What the owner does not know yet, in the order in which they should hear it. Empty where too little could be read. */
export function newsFor({ keys: told }: LedgerEntry, seen: Observation, setting: NewsSetting): readonly News[] {
  if (told === null || seen.keys.kind !== "known" || seen.record.kind !== "known") return [];
  const keys = seen.keys.value;
  const record = parseRecord(seen.record.value);
  const handover = record.phase === "delivered" || record.phase === "retiring" ? record : null;
  const successor = handover?.new === null || handover === null ? null : (named([handover.new], keys)[0] ?? null);
  const ahead = outlook(seen, setting.terms, setting.now);
  const old = handover === null ? [] : named(handover.old, keys);
  const isNew = successor !== null && !told.has(successor.accessKeyId);
  const retired = handover?.phase === "retiring" ? handover.old[0] : undefined;
  return [
    ...old.filter((key) => !told.has(key.accessKeyId) && key !== successor).map((key) => met(key, retired)),
    ...(isNew ? [created(successor, old, ahead, setting)] : []),
    ...keys.flatMap((key) => changed(key, statusIn(told, old, key, retired), successor, retired)),
    ...[...told].flatMap(([id, { status }]) =>
      status === "gone" || keys.some((key) => key.accessKeyId === id) ? [] : [deleted(id, successor, setting)],
    ),
    // The notice of a new key says when its predecessors stop: nobody is warned in the same breath.
    ...(isNew ? [] : ahead.flatMap((each) => warning(each, told.get(each.accessKeyId), setting))),
    ...ahead.flatMap((each) => reminder(each, told.get(each.accessKeyId), setting.now)),
  ];
}

/** Keys of which the owner knows that they are gone, while what opened mails about them is not tidied away. */
export const goneIn = ({ keys }: LedgerEntry): readonly AccessKeyId[] =>
  [...(keys ?? [])].flatMap(([id, { status }]) => (status === "gone" ? [id] : []));

/** The entry without this key. */
export function forget(entry: LedgerEntry, id: AccessKeyId): LedgerEntry {
  return { ...entry, keys: new Map([...(entry.keys ?? [])].filter(([each]) => each !== id)) };
}

const learn = (id: AccessKeyId, change: (before: KeyNews) => KeyNews): News["known"] => {
  const blank: KeyNews = { status: "Active", warned: [], reminded: null };
  return (entry) => {
    const keys = entry.keys ?? new Map<AccessKeyId, KeyNews>();
    return { ...entry, keys: new Map([...keys, [id, change(keys.get(id) ?? blank)]]) };
  };
};

/** A predecessor that a person made since the owner was met. One that was retired was Active before. */
const met = (key: AccessKey, retired: string | undefined): News => ({
  notice: null,
  known: learn(key.accessKeyId, () => ({ ...believed(key), status: statusBefore(key, retired) })),
});

const statusBefore = (key: AccessKey, retired: string | undefined): KeyNews["status"] =>
  retired !== undefined && refersTo(retired, key.accessKeyId) ? "Active" : believed(key).status;

/** What the owner believes of a key once they have {@link met} it; null where they do not know it. */
function statusIn(
  told: ReadonlyMap<AccessKeyId, KeyNews>,
  old: readonly AccessKey[],
  key: AccessKey,
  retired: string | undefined,
): KeyNews["status"] | null {
  return told.get(key.accessKeyId)?.status ?? (old.includes(key) ? statusBefore(key, retired) : null);
}

/** Marks that have passed when the notice goes out need no warning of their own. */
function created(
  { accessKeyId }: AccessKey,
  old: readonly AccessKey[],
  ahead: readonly Outlook[],
  { now, warnBefore, deliveryTells }: NewsSetting,
): News {
  const predecessors = old.filter((key) => key.status === "Active").map((key) => key.accessKeyId);
  const ends = ahead.flatMap((each) => (each.stopsAt === null ? [] : [each.stopsAt])).toSorted((a, b) => a - b);
  const steps = [
    learn(accessKeyId, (before) => ({ ...before, status: "Active" })),
    ...ahead.map((each) =>
      learn(each.accessKeyId, (before) => ({
        ...before,
        warned: together(before.warned, passed(each.stopsAt, warnBefore, now)),
      })),
    ),
  ];
  return {
    notice: deliveryTells ? null : { kind: "created", accessKeyId, predecessors, until: ends[0] ?? null },
    known: (entry) => steps.reduce((sum, step) => step(sum), entry),
  };
}

/** A key that the owner believes to be in another state. Only what keyturn did is told; what a person did, that person knows. */
function changed(
  key: AccessKey,
  before: KeyNews["status"] | null,
  successor: AccessKey | null,
  retired: string | undefined,
): readonly News[] {
  const { accessKeyId, status } = key;
  if (before === null || status === "Unknown" || status === before) return [];
  const known = learn(accessKeyId, (news) => ({ ...news, status }));
  const isOurs = status === "Inactive" && retired !== undefined && refersTo(retired, accessKeyId);
  if (!isOurs || successor === null) return [{ notice: null, known }];
  return [{ notice: { kind: "deactivated", accessKeyId, successor: successor.accessKeyId }, known }];
}

const deleted = (id: AccessKeyId, successor: AccessKey | null, { keepsGone }: NewsSetting): News => ({
  notice: { kind: "deleted", accessKeyId: id, successor: successor?.accessKeyId ?? null },
  known: keepsGone ? learn(id, (before) => ({ ...before, status: "gone" })) : (entry) => forget(entry, id),
});

/** A run that comes late warns of the nearest mark only. */
function warning(
  { accessKeyId, successor, stopsAt: at }: Outlook,
  told: KeyNews | undefined,
  { now, warnBefore }: NewsSetting,
): readonly News[] {
  const marks = passed(at, warnBefore, now);
  const [nearest] = marks.toSorted((a, b) => a - b);
  if (at === null || told === undefined || nearest === undefined || told.warned.includes(nearest)) return [];
  const known = learn(accessKeyId, (before) => ({ ...before, warned: together(before.warned, marks) }));
  return [{ notice: { kind: "stops-working", accessKeyId, successor, at }, known }];
}

function reminder(
  { accessKeyId, successor, inUse }: Outlook,
  told: KeyNews | undefined,
  now: Instant,
): readonly News[] {
  if (inUse === null || told === undefined) return [];
  if (told.reminded !== null && age(told.reminded, now) < REMIND_EVERY) return [];
  const { service = null, at: lastUsed = null } = inUse.lastUse ?? {};
  return [
    {
      notice: { kind: "still-in-use", accessKeyId, successor, service, lastUsed },
      known: learn(accessKeyId, (before) => ({ ...before, reminded: now })),
    },
  ];
}

const passed = (at: Instant | null, marks: readonly Duration[], now: Instant): readonly Duration[] =>
  at === null ? [] : marks.filter((mark) => now >= at - mark);

const together = (a: readonly Duration[], b: readonly Duration[]): readonly Duration[] => [...new Set([...a, ...b])];
