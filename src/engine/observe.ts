import type { AccessKeyId, Tags } from "../core/access-key.ts";
import { missingFacts } from "../core/decide.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import {
  type DestinationObservation,
  type Fact,
  known,
  type Observation,
  type Past,
  type Reading,
  type Served,
  unread,
} from "../core/observation.ts";
import { parseRecord } from "../core/record.ts";
import { CallError, type Destination } from "../ports.ts";
import type { Subject, World } from "./world.ts";

/** What is known of a user before its observation begins, from a listing of many. */
export interface Foreknowledge {
  readonly tags?: Tags;
  readonly escrow?: Reading<readonly AccessKeyId[]>;
  /** A password does not come and go within a run. */
  readonly hasPassword?: Reading<boolean>;
}

/**
 * Reads of one user what a decision needs, and no more: keys and record first, then whatever the decision table asks for.
 * A reading that fails is part of the observation. Throws only on programming errors.
 */
export async function observe(world: World, subject: Subject, before: Foreknowledge = {}): Promise<Observation> {
  let seen = await firstLook(world, subject, before);
  for (;;) {
    const missing = missingFacts(seen, subject.terms, world.clock.now());
    if (missing.length === 0) return seen;
    seen = await learnAll(world, subject, seen, missing);
  }
}

/** As {@link observe}, and the last use of every key, what is served, and whether there is a password: for people. */
export async function observeEverything(
  world: World,
  subject: Subject,
  before: Foreknowledge = {},
): Promise<Observation> {
  const seen = await observe(world, subject, before);
  const keys = seen.keys.kind === "known" ? seen.keys.value : [];
  const wanted: Fact[] = keys
    .filter(({ accessKeyId }) => !seen.lastUse.has(accessKeyId))
    .map(({ accessKeyId }) => ({ kind: "last-use", accessKeyId }));
  // Where the policy takes people like everybody else, nobody need be allowed to ask who is one.
  if (seen.hasPassword.kind === "unread" && subject.terms.policy.humans === "exclude")
    wanted.push({ kind: "password" });
  if (seen.destinations.some(({ served }) => served.kind === "unread")) wanted.push({ kind: "served" });
  return learnAll(world, subject, seen, wanted);
}

/** Keys, record, and what the destinations serve (and hold besides, where `past`), whether or not a decision asks for it. */
export async function observeServed(world: World, subject: Subject, past = false): Promise<Observation> {
  const wanted: Fact[] = past ? [{ kind: "served" }, { kind: "past" }] : [{ kind: "served" }];
  return learnAll(world, subject, await firstLook(world, subject, {}), wanted);
}

async function firstLook(
  { iam, records, clock, liveness, caller }: World,
  subject: Subject,
  before: Foreknowledge,
): Promise<Observation> {
  const { userName } = subject.user;
  const at = clock.now();
  const readTags = async (): Promise<Reading<Tags>> =>
    before.tags === undefined ? ask(async () => orEmpty(await iam.listTags(userName))) : known(before.tags);
  const [keys, tags] = await Promise.all([ask(async () => (await iam.listAccessKeys(userName)) ?? []), readTags()]);
  const record = tags.kind === "known" ? await ask(() => records.read(userName, tags.value)) : tags;
  const parsed = parseRecord(record.kind === "known" ? record.value : null);
  return {
    user: subject.user,
    at,
    tags,
    keys,
    record,
    lastUse: new Map(),
    hasPassword: before.hasPassword ?? unread,
    destinations: subject.destinations.map(unreadDestination),
    escrow: before.escrow ?? unread,
    owners: new Map(),
    ownerDead: "nonce" in parsed && (await liveness.isDead(parsed.nonce)),
    signedBy: caller.userName === userName ? caller.accessKeyId : null,
  };
}

const orEmpty = (tags: Tags | null): Tags => tags ?? new Map();

const unreadDestination = (destination: Destination): DestinationObservation => ({
  label: destination.label,
  readable: destination.read !== undefined,
  suppliesSigner: destination.suppliesSigner === true,
  served: unread,
  past: unread,
});

/** What one answer adds to an observation. */
type Lesson = (seen: Observation) => Observation;

async function learnAll(
  world: World,
  subject: Subject,
  seen: Observation,
  facts: readonly Fact[],
): Promise<Observation> {
  const lessons = await Promise.all(facts.map((fact) => learn(world, subject, fact)));
  return lessons.reduce((sum, lesson) => lesson(sum), seen);
}

async function learn(world: World, subject: Subject, fact: Fact): Promise<Lesson> {
  const { userName } = subject.user;
  switch (fact.kind) {
    case "last-use": {
      const use = await ask(async () => (await world.iam.lastUse(fact.accessKeyId)).use);
      return (seen) => ({ ...seen, lastUse: new Map([...seen.lastUse, [fact.accessKeyId, use]]) });
    }
    case "owner": {
      const answer = await ask(async () => (await world.iam.lastUse(fact.accessKeyId)).userName);
      // AWS denies the question for a key that it does not know, so a denial tells no more than "not one of ours".
      const owner: Reading<string | null> = answer.kind === "denied" ? known(null) : answer;
      return (seen) => ({ ...seen, owners: new Map([...seen.owners, [fact.accessKeyId, owner]]) });
    }
    case "password": {
      const hasPassword = await ask(() => world.iam.hasPassword(userName));
      return (seen) => ({ ...seen, hasPassword });
    }
    case "escrow": {
      const escrow = await readEscrow(world, userName);
      return (seen) => ({ ...seen, escrow });
    }
    case "served": {
      const served = await Promise.all(subject.destinations.map(readServedOf));
      return (seen) => ({
        ...seen,
        destinations: seen.destinations.map((each, index) => ({ ...each, served: served[index] ?? unread })),
      });
    }
    case "past": {
      const past = await Promise.all(subject.destinations.map(readPastOf));
      return (seen) => ({
        ...seen,
        destinations: seen.destinations.map((each, index) => ({ ...each, past: past[index] ?? unread })),
      });
    }
  }
}

async function readEscrow({ escrow }: World, userName: string): Promise<Reading<readonly AccessKeyId[]>> {
  if (escrow === null) return known([]);
  return ask(async () => (await escrow.list(userName)).map((entry) => entry.accessKeyId));
}

async function readServedOf(destination: Destination): Promise<Reading<Served>> {
  const read = destination.read?.bind(destination);
  return read === undefined ? unread : ask(read);
}

async function readPastOf(destination: Destination): Promise<Reading<Past>> {
  const readPast = destination.readPast?.bind(destination);
  return readPast === undefined ? known({ pending: null, history: [] }) : ask(readPast);
}

/** A question that AWS refused to answer. */
export const deniedReading = ({ action, resource, byOrganization }: CallError): Reading<never> => ({
  kind: "denied",
  action,
  resource,
  ...(byOrganization ? { byOrganization } : {}),
});

/** Turns the outcome of a question into a reading. Errors that are neither a call's nor the input's are bugs and go on. */
export async function ask<T>(question: () => Promise<T>): Promise<Reading<T>> {
  try {
    return known(await question());
  } catch (error) {
    if (error instanceof InvalidInput) return { kind: "unusable", message: error.message, hint: error.hint };
    if (!(error instanceof CallError)) throw error;
    if (error.kind === "denied") return deniedReading(error);
    return { kind: "failed", action: error.action, message: `${error.code}: ${error.message}` };
  }
}
