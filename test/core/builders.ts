import { type AccessKey, type AccessKeyId, accessKeyId, type LastUse } from "../../src/core/access-key.ts";
import { decide, missingFacts } from "../../src/core/decide.ts";
import type { UserDecision } from "../../src/core/decision.ts";
import type { Terms } from "../../src/core/facts.ts";
import {
  type DestinationObservation,
  type Fact,
  known,
  type Observation,
  type Reading,
  unread,
} from "../../src/core/observation.ts";
import { type Policy, presets } from "../../src/core/policy.ts";
import { type Creating, printRecord, type RotationRecord } from "../../src/core/record.ts";
import { type Duration, type Instant, instant, minutes, seconds } from "../../src/core/time.ts";

/*
 * What a user looks like, in the words of a test: keys have short names, times are told from now. Everything that is not
 * said is harmless: keys are Active and in use, one destination serves the first of them, no record, no escrow, no password.
 */

export const NOW = instant(Date.UTC(2026, 5, 15, 12));

/** The key id behind a short name: `AKIA00000000000000OLD`. The names stand last, where shortened ids have them too. */
export const id = (name: string): AccessKeyId => accessKeyId(`AKIA${name.toUpperCase().padStart(16, "0")}`);

/** The moment so long before now. */
export const ago = (span: Duration): Instant => instant(NOW - span);
export const daysAgo = (count: number): Instant => instant(NOW - Math.round(count * 86_400_000));

export interface KeyTold {
  readonly name: string;
  readonly ageDays?: number;
  readonly created?: Instant;
  readonly status?: AccessKey["status"];
  /** Null = never. */
  readonly usedDaysAgo?: number | null;
  readonly used?: Instant;
  readonly service?: string;
  /** In place of the last use. */
  readonly lastUse?: Reading<LastUse | null>;
}

export interface DestinationTold {
  readonly serves?: string | null;
  readonly writtenDaysAgo?: number | null;
  readonly written?: Instant;
  readonly pending?: string | null;
  readonly history?: readonly string[];
  /** In place of what it serves. */
  readonly served?: DestinationObservation["served"];
  /** In place of what it holds besides. */
  readonly past?: DestinationObservation["past"];
  /** Runs take their credentials from here. */
  readonly suppliesSigner?: boolean;
}

export interface UserTold {
  readonly userName?: string;
  /** Of the only key, named OLD, where `keys` is not given. */
  readonly ageDays?: number;
  readonly keys?: readonly KeyTold[];
  readonly record?: string | RotationRecord | null;
  readonly destinations?: readonly (DestinationTold | "write-only")[];
  readonly escrow?: readonly string[];
  readonly hasPassword?: boolean;
  readonly owners?: Readonly<Record<string, string | null>>;
  readonly ownerDead?: boolean;
  readonly signedBy?: string;
  readonly policy?: Partial<Policy>;
  readonly preset?: Policy;
  readonly terms?: Partial<Terms>;
  /** In place of what was told of the same reading. */
  readonly readings?: Partial<Pick<Observation, "keys" | "record" | "escrow" | "hasPassword" | "owners">>;
}

/** A user about whom everything is known, and the terms. */
export interface Case {
  readonly seen: Observation;
  readonly terms: Terms;
}

const told = (at: Instant, service = "s3"): LastUse => ({ at, service, region: "eu-west-1" });

function lastUseOf({ usedDaysAgo = 0.1, used, service, lastUse }: KeyTold): Reading<LastUse | null> {
  if (lastUse !== undefined) return lastUse;
  if (used !== undefined) return known(told(used, service));
  return known(usedDaysAgo === null ? null : told(daysAgo(usedDaysAgo), service));
}

function destinationOf(
  destination: DestinationTold | "write-only",
  index: number,
  first: KeyTold | undefined,
): DestinationObservation {
  if (destination === "write-only")
    return { label: `memory:write-only-${index}`, readable: false, served: unread, past: unread };
  const { serves = first?.name ?? null, writtenDaysAgo, written, pending = null, history = [] } = destination;
  const writtenAt = written ?? (typeof writtenDaysAgo === "number" ? daysAgo(writtenDaysAgo) : null);
  return {
    label: `memory:${index}`,
    readable: true,
    suppliesSigner: destination.suppliesSigner ?? false,
    served: destination.served ?? known({ accessKeyId: serves === null ? null : id(serves), writtenAt }),
    past: destination.past ?? known({ pending: pending === null ? null : id(pending), history: history.map(id) }),
  };
}

export function userWith(user: UserTold = {}): Case {
  const { userName = "ci-bot", ageDays = 10, preset = presets.safe, record = null } = user;
  const keys = user.keys ?? [{ name: "OLD", ageDays }];
  const destinations = user.destinations ?? [{}];
  const seen: Observation = {
    user: { userName, path: "/", arn: `arn:aws:iam::123456789012:user/${userName}` },
    at: NOW,
    tags: known(new Map()),
    keys: known(
      keys.map(({ name, ageDays: age = 10, created, status = "Active" }) => ({
        accessKeyId: id(name),
        status,
        createDate: created ?? daysAgo(age),
      })),
    ),
    record: known(record === null || typeof record === "string" ? record : printRecord(record)),
    lastUse: new Map(keys.map((key) => [id(key.name), lastUseOf(key)])),
    hasPassword: known(user.hasPassword ?? false),
    destinations: destinations.map((destination, index) => destinationOf(destination, index, keys[0])),
    escrow: known((user.escrow ?? []).map(id)),
    owners: new Map(Object.entries(user.owners ?? {}).map(([name, owner]) => [id(name), known(owner)])),
    ownerDead: user.ownerDead ?? false,
    signedBy: user.signedBy === undefined ? null : id(user.signedBy),
    ...user.readings,
  };
  const terms: Terms = {
    policy: { ...preset, ...user.policy },
    exempt: null,
    window: null,
    doubt: null,
    asked: false,
    ownServices: ["sts"],
    needsDestination: true,
    ...user.terms,
  };
  return { seen, terms };
}

/* Records, dated from now. The lease is four minutes: what is not said is long over. */

interface Dated {
  readonly at?: Instant;
  readonly hold?: Instant | "open" | null;
}

const common = ({ at = daysAgo(1), hold = null }: Dated) => ({ at, nonce: "r1_1", hold });

export const creating = (names: readonly string[], dated: Dated = {}): Creating => ({
  phase: "creating",
  ...common(dated),
  known: names.map(id),
});

export const delivering = (name: string, names: readonly string[], dated: Dated = {}): RotationRecord => ({
  phase: "delivering",
  ...common(dated),
  new: id(name),
  known: names.map(id),
});

export const delivered = (name: string, names: readonly string[], dated: Dated = {}): RotationRecord => ({
  phase: "delivered",
  ...common(dated),
  new: id(name),
  old: names.map(id),
});

export const retiring = (name: string | null, names: readonly string[], dated: Dated = {}): RotationRecord => ({
  phase: "retiring",
  ...common(dated),
  new: name === null ? null : id(name),
  old: names.map(id),
});

export const held = (hold: Instant | "open"): RotationRecord => ({ phase: "held", ...common({ hold }) });

export const lease = minutes(4);
export const justInsideLease = ago(seconds(4 * 60 - 1));
export const justOutsideLease = ago(lease);

/** What came of asking for one fact after the other, as the engine does. */
export interface Judged {
  readonly decision: UserDecision;
  /** As much as was read to come to the decision. */
  readonly seen: Observation;
  readonly asked: readonly Fact[];
}

const ROUNDS = 20;

/**
 * Decides from a world in which everything has an answer, by reading keys and record first and then only what is asked for.
 * Throws where that does not come to an end, or asks twice.
 */
export function judge({ seen: world, terms }: Case, now: Instant = NOW): Judged {
  let seen = unreadAll(world);
  const asked: Fact[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const missing = missingFacts(seen, terms, now);
    if (missing.length === 0) return { decision: decide(seen, terms, now), seen, asked };
    for (const fact of missing) seen = learn(seen, world, fact);
    asked.push(...missing);
  }
  throw new Error(`still asking after ${ROUNDS} rounds: ${JSON.stringify(asked)}`);
}

/** The world before anybody asked more than keys and record. */
function unreadAll(world: Observation): Observation {
  return {
    ...world,
    lastUse: new Map(),
    hasPassword: unread,
    escrow: unread,
    owners: new Map(),
    destinations: world.destinations.map((each) => ({ ...each, served: unread, past: unread })),
  };
}

function learn(seen: Observation, world: Observation, fact: Fact): Observation {
  switch (fact.kind) {
    case "last-use":
      return {
        ...seen,
        lastUse: new Map([...seen.lastUse, [fact.accessKeyId, world.lastUse.get(fact.accessKeyId) ?? known(null)]]),
      };
    case "owner":
      return {
        ...seen,
        owners: new Map([...seen.owners, [fact.accessKeyId, world.owners.get(fact.accessKeyId) ?? known(null)]]),
      };
    case "password":
      return { ...seen, hasPassword: world.hasPassword };
    case "escrow":
      return { ...seen, escrow: world.escrow };
    case "served":
      return { ...seen, destinations: merge(seen, world, "served") };
    case "past":
      return { ...seen, destinations: merge(seen, world, "past") };
  }
}

function merge(seen: Observation, world: Observation, fact: "served" | "past"): readonly DestinationObservation[] {
  return seen.destinations.map((each, index) => ({ ...each, [fact]: world.destinations[index]?.[fact] ?? unread }));
}
