import { type AccessKey, type AccessKeyId, type KeyPair } from "../core/access-key.ts";
import { atWorkSince } from "../core/decide.ts";
import { LEASE } from "../core/facts.ts";
import type { Observation } from "../core/observation.ts";
import { isOpen, mentions, named, parseRecord, printRecord, refersTo, type RotationRecord } from "../core/record.ts";
import type { Secret } from "../core/secret.ts";
import { age, type Instant, later, roundDuration } from "../core/time.ts";
import { CallError, type Destination } from "../ports.ts";
import { observeServed } from "./observe.ts";
import { checkDestinations, deliverAndReadBack, verify } from "./rotate.ts";
import { Slots } from "./slots.ts";
import { asTurnEnd, orEndTurn, type Outcome, PERMISSIONS_HINT, Turn, TurnEnd } from "./turn.ts";
import type { Subject, World } from "./world.ts";

/*
 * What a person does to one user, whatever the policy says. Each is a turn of its own, with what it saw read just before; the
 * record remembers it, so that runs go on from there.
 */

/** What came of it. */
export type Deed<T> = { readonly kind: "done"; readonly value: T } | Exclude<Outcome, { kind: "done" }>;

/** Takes one turn for a person. It gives way to a run that may be at work on the user. */
export function byHand<T>(
  world: World,
  subject: Subject,
  what: string,
  deed: (turn: Turn, seen: Observation) => Promise<T>,
): Promise<Deed<T>> {
  return new Slots(1, world.clock).use(async (slot): Promise<Deed<T>> => {
    const journal = orEndTurn(world.journal, "make room, look with keyturn status, and do it again");
    const turn = new Turn({ ...world, journal }, subject, slot);
    try {
      mustBeCertain(turn);
      const seen = await observeServed(world, subject, true);
      if (seen.keys.kind !== "known") throw new TurnEnd("failed", `the keys of ${turn.userName} could not be read`);
      const since = atWorkSince(seen, subject.terms, world.clock.now());
      if (since !== null) {
        throw new TurnEnd(
          "stopped",
          `another run may be at work on ${turn.userName}: something changed ${roundDuration(age(since, world.clock.now()))} ago; try again in a few minutes`,
        );
      }
      return { kind: "done", value: await deed(turn, seen) };
    } catch (error) {
      const { outcome } = asTurnEnd(what, error);
      const isDenied = outcome.kind === "failed" && outcome.hint === PERMISSIONS_HINT;
      return isDenied
        ? { ...outcome, hint: "keyturn policy --by-hand prints the permissions that are needed" }
        : outcome;
    }
  });
}

/** Where rules go by tags, and the tags could not be read, nobody knows which targets are this user's. */
function mustBeCertain({ subject: { user, terms } }: Turn): void {
  const { doubt } = terms;
  if (doubt === null) return;
  const why =
    doubt.kind === "denied"
      ? `${doubt.action} on ${doubt.resource} is denied`
      : doubt.kind === "failed"
        ? `${doubt.action} failed: ${doubt.message}`
        : doubt.message;
  throw new TurnEnd(
    "failed",
    `it is not known what holds for ${user.userName}: ${why}`,
    "put that right, or leave the configuration out: --config none",
  );
}

/**
 * Retires the key that a person named: an Active one is made Inactive (or deleted, where `deleteNow`), an Inactive one is
 * deleted, though it be served or the only one. `shown` = its status when the person agreed: a key that changed since is left
 * alone. An unfinished rotation stays on record, or nothing would finish it; the key then counts as made Inactive by a person.
 */
export async function retire(
  turn: Turn,
  seen: Observation,
  id: AccessKeyId,
  deleteNow: boolean,
  shown: AccessKey["status"],
): Promise<"deactivated" | "deleted"> {
  const reason = "a person named this key";
  const { status } = keyOf(turn, seen, id);
  if (seen.signedBy === id)
    throw new TurnEnd("failed", `${id} signs this very run`, "use another identity, such as a role");
  if (status !== shown) throw new TurnEnd("stopped", `${id} is ${status} now, and was ${shown} when it was shown`);
  if (status !== "Active" || deleteNow) {
    await turn.step("delete", [id], reason, () => turn.world.iam.deleteAccessKey(turn.userName, id));
    return "deleted";
  }
  const record = recordIn(seen);
  if (record.phase === "none" || !isOpen(record) || unfinishedIn(record, seen).includes(id)) {
    const isSuccessor = (key: AccessKey) =>
      key.accessKeyId !== id && refersTo(successorIn(record) ?? "", key.accessKeyId);
    const successor = keysIn(seen).find(isSuccessor)?.accessKeyId ?? null;
    await turn.record({ phase: "retiring", new: successor, old: [id] }, holdIn(record));
  }
  const deactivated = () => turn.world.iam.deactivate(turn.userName, id);
  await turn.stepOr("deactivate", [id], reason, deactivated, () => writeBack(turn, record));
  return "deactivated";
}

/** What did not come about is not on record, so that it goes on explaining the keys. Failing that, the first failure is told. */
async function writeBack(turn: Turn, record: Readable): Promise<void> {
  if (!("at" in record)) return;
  await turn.writeRecord(`record-${record.phase}`, record).catch((error: unknown) => {
    if (!(error instanceof TurnEnd)) throw error;
  });
}

/**
 * Nobody but a person touches the user until then, or until {@link release}. Answers with the record as it stands now. Throws
 * where another run wrote at the same time.
 */
export async function hold(turn: Turn, seen: Observation, until: Instant | "open"): Promise<string> {
  const record = recordIn(seen);
  const held = "at" in record ? record : { phase: "held" as const, at: turn.world.clock.now(), nonce: turn.nonce };
  return writeAndSettle(turn, "hold", { ...held, hold: until });
}

/** Ends a hold. Answers whether there was one. */
export async function release(turn: Turn, seen: Observation): Promise<boolean> {
  const record = recordIn(seen);
  const now = turn.world.clock.now();
  if (!("at" in record) || record.hold === null || (record.hold !== "open" && record.hold <= now)) return false;
  // A record that holds and says nothing else is not removed: a slow removal could wipe what another run writes.
  const ended = record.phase === "held" ? now : null;
  await writeAndSettle(turn, "release", { ...record, hold: ended });
  return true;
}

/** What became of one destination in a rollback. */
export interface RolledBack {
  readonly label: string;
  readonly result: "serves it again" | "served it already" | "cannot be rolled back";
}

/**
 * Brings a predecessor back: on hold first, so that no run undoes it; then Active again, proved to sign in where some
 * destination still has its secret, and served again wherever one has. The successor stays as it is.
 */
export async function rollback(turn: Turn, seen: Observation, id: AccessKeyId): Promise<readonly RolledBack[]> {
  const { status } = keyOf(turn, seen, id);
  // Without an escrow, what a rollback writes over may be the only copy of the other key's secret.
  if (turn.world.escrow === null) refuseUnfinished(seen, id);
  await hold(turn, seen, "open");
  try {
    if (status !== "Active")
      await turn.step("activate", [id], "a person rolls back", () => turn.world.iam.activate(turn.userName, id));
    return await serveAgain(turn, seen, id);
  } catch (error) {
    const { userName } = turn;
    // What holds now must be said: no run goes on from here.
    throw new TurnEnd(
      "failed",
      asTurnEnd("rollback", error).message,
      `${userName} is on hold: put that right and roll back again, or keyturn resume ${userName}`,
    );
  }
}

/** Every destination that still has the secret serves the key. It must sign in before the first one does. */
async function serveAgain(turn: Turn, seen: Observation, id: AccessKeyId): Promise<readonly RolledBack[]> {
  const results: RolledBack[] = [];
  let proved = false;
  for (const [index, destination] of turn.subject.destinations.entries()) {
    const { label } = destination;
    if (servedBy(seen, index) === id) {
      results.push({ label, result: "served it already" });
      continue;
    }
    const secretAccessKey = (await destination.recall?.(id)) ?? null;
    if (secretAccessKey === null) {
      results.push({ label, result: "cannot be rolled back" });
      continue;
    }
    const pair = { accessKeyId: id, secretAccessKey };
    if (!proved) await verify(turn, pair);
    proved = true;
    await turn.step("deliver", [id], label, () => deliverAndReadBack(destination, pair));
    results.push({ label, result: "serves it again" });
  }
  return results;
}

/** The key that a rollback brings back: the one that the record names as replaced, or that a destination served before. */
export function predecessorIn(seen: Observation): AccessKeyId | null {
  const keys = keysIn(seen);
  const record = recordIn(seen);
  const recorded = "old" in record ? named(record.old, keys) : [];
  const before = seen.destinations.flatMap(({ past }) => (past.kind === "known" ? past.value.history : []));
  const served = seen.destinations.map((_, index) => servedBy(seen, index));
  const candidates = [...recorded.map((key) => key.accessKeyId), ...before];
  return (
    candidates.find((id) => !served.includes(id) && keys.some((key) => key.accessKeyId === id)) ??
    recorded[0]?.accessKeyId ??
    null
  );
}

/**
 * Makes a key that is there already the one that is served and managed: it must sign in as this very user, goes to every
 * destination that does not serve it yet, and is recorded as delivered, in place of `replaces`. No key is made. A passing hold
 * keeps runs away meanwhile: should this process die, nothing that it leaves names any key as replaced. A hold that somebody set
 * before stays.
 */
export async function adopt(
  turn: Turn,
  seen: Observation,
  id: AccessKeyId,
  given: Secret | null,
  replaces: readonly AccessKeyId[],
): Promise<readonly string[]> {
  const { status } = keyOf(turn, seen, id);
  for (const other of replaces) keyOf(turn, seen, other);
  if (status !== "Active") throw new TurnEnd("failed", `${id} is ${status}`, "make it Active first, or rotate");
  refuseUnfinished(seen, id);
  refuseStrangers(turn, seen);
  await checkDestinations(turn);
  const secretAccessKey = given ?? (await heldBy(turn, id));
  if (secretAccessKey === null)
    throw new TurnEnd("failed", `no destination holds the secret of ${id}`, "hand it in on standard input");
  const pair: KeyPair = { accessKeyId: id, secretAccessKey };
  await proveOnce(turn, pair);
  const now = turn.world.clock.now();
  const passing = later(now, LEASE);
  const found = holdIn(recordIn(seen));
  const before = found !== null && found !== "open" && found <= now ? null : found;
  const kept = await hold(turn, seen, before === "open" || (before !== null && before > passing) ? before : passing);
  const targets = turn.subject.destinations.filter((_, index) => servedBy(seen, index) !== id);
  for (const destination of targets) await turn.step("deliver", [id], destination.label, () => give(destination, pair));
  if ((await turn.readRecord()) !== kept) throw wroteMeanwhile(turn);
  await turn.record({ phase: "delivered", new: id, old: replaces }, before);
  return targets.map(({ label }) => label);
}

const give = (destination: Destination, pair: KeyPair): Promise<void> =>
  destination.read === undefined ? destination.deliver(pair) : deliverAndReadBack(destination, pair);

/** A key of long standing signs in at once or never: a mistyped secret need not be tried for two minutes. */
async function proveOnce(turn: Turn, pair: KeyPair): Promise<void> {
  const { arn } = turn.subject.user;
  const answer = await turn.world.verifier.signIn(pair).catch(nullIfMismatch);
  if (answer === arn) return;
  throw new TurnEnd(
    "failed",
    answer === null
      ? `${pair.accessKeyId} does not sign in with this secret`
      : `${pair.accessKeyId} signs in as ${answer}, not as ${arn}`,
    "nothing was changed; is it the secret of this key?",
  );
}

/** AWS knows the key, and it was made with another secret. */
function nullIfMismatch(error: unknown): null {
  if (error instanceof CallError && error.code.startsWith("SignatureDoesNotMatch")) return null;
  throw error;
}

async function heldBy({ subject }: Turn, id: AccessKeyId): Promise<Secret | null> {
  for (const destination of subject.destinations) {
    const secret = await destination.readSecret?.(id);
    if (secret !== undefined && secret !== null) return secret;
  }
  return null;
}

/** Another key is on its way: a run would finish its delivery, and so take the place of this one. */
function refuseUnfinished(seen: Observation, id: AccessKeyId): void {
  const record = recordIn(seen);
  const other = record.phase === "none" ? undefined : unfinishedIn(record, seen).find((each) => each !== id);
  if (other === undefined) return;
  const { userName } = seen.user;
  throw new TurnEnd(
    "failed",
    `the delivery of ${other} is unfinished`,
    `keyturn run --user ${userName} finishes it; where it is not wanted: keyturn retire ${userName} ${other} --delete`,
  );
}

/** A target that serves a key which is not this user's may be somebody else's; so may one that could not be read. */
function refuseStrangers(turn: Turn, seen: Observation): void {
  const own = keysIn(seen).map((key) => key.accessKeyId);
  for (const [index, { label, readable, served: reading }] of seen.destinations.entries()) {
    if (readable && reading.kind !== "known")
      throw new TurnEnd("failed", `what ${label} serves could not be read`, "nothing was changed; try again");
    const served = servedBy(seen, index);
    if (served !== null && !own.includes(served) && !mentions(refsIn(recordIn(seen)), served))
      throw new TurnEnd(
        "failed",
        `${label} serves ${served}, which is not a key of ${turn.userName}`,
        "give the user a target of its own, or rotate it: that replaces what is there",
      );
  }
}

async function writeAndSettle(turn: Turn, step: string, record: RotationRecord): Promise<string> {
  turn.mustBeFresh();
  const text = printRecord(record);
  await turn.writeRecord(step, record);
  await turn.settle();
  if ((await turn.readRecord()) !== text) throw wroteMeanwhile(turn);
  return text;
}

const wroteMeanwhile = ({ userName }: Turn) =>
  new TurnEnd(
    "failed",
    `another run wrote the record of ${userName} at the same time`,
    "try again in a few minutes, when it is over",
  );

type Readable = RotationRecord | { readonly phase: "none" };

/** The record, where there is one. Throws where it is not one that this keyturn understands: it is not overwritten. */
function recordIn(seen: Observation): Readable {
  if (seen.record.kind !== "known")
    throw new TurnEnd("failed", `the record of ${seen.user.userName} could not be read`);
  const record = parseRecord(seen.record.value);
  if ("at" in record || record.phase === "none") return record;
  throw new TurnEnd(
    "failed",
    `the record of ${seen.user.userName} is not one that this keyturn understands`,
    "keyturn status tells more",
  );
}

const holdIn = (record: Readable): RotationRecord["hold"] => ("hold" in record ? record.hold : null);

/** The keys whose delivery an unfinished turn left behind, as far as they are there still. */
function unfinishedIn(record: RotationRecord, seen: Observation): readonly AccessKeyId[] {
  if (!isOpen(record)) return [];
  const isUnfinished = (id: AccessKeyId) =>
    record.phase === "creating" ? !mentions(record.known, id) : refersTo(record.new, id);
  return keysIn(seen)
    .map((key) => key.accessKeyId)
    .filter(isUnfinished);
}

const successorIn = (record: Readable): string | null => ("new" in record ? record.new : null);

const refsIn = (record: Readable): readonly string[] => [
  ...("new" in record && record.new !== null ? [record.new] : []),
  ...("old" in record ? record.old : []),
  ...("known" in record ? record.known : []),
];

const keysIn = (seen: Observation): readonly AccessKey[] => (seen.keys.kind === "known" ? seen.keys.value : []);

function keyOf(turn: Turn, seen: Observation, id: AccessKeyId): AccessKey {
  if (seen.keys.kind !== "known") throw new TurnEnd("failed", `the keys of ${turn.userName} could not be read`);
  const key = seen.keys.value.find((each) => each.accessKeyId === id);
  if (key === undefined) throw new TurnEnd("failed", `${turn.userName} has no key ${id}`);
  return key;
}

function servedBy(seen: Observation, index: number): AccessKeyId | null {
  const served = seen.destinations[index]?.served;
  return served?.kind === "known" ? served.value.accessKeyId : null;
}
