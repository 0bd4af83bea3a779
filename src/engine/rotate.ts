import type { AccessKeyId, KeyPair } from "../core/access-key.ts";
import type { Beginning } from "../core/decision.ts";
import { CREATE_WINDOW } from "../core/facts.ts";
import { mentions, parseRecord, refersTo } from "../core/record.ts";
import type { Secret } from "../core/secret.ts";
import { age, formatDuration, type Instant, minutes, seconds } from "../core/time.ts";
import { CallError, type Destination } from "../ports.ts";
import { CALL_LIMIT, type Turn, TurnEnd } from "./turn.ts";

/** How long IAM may take to make a new key known everywhere. */
const PROPAGATION = minutes(2);

/**
 * Makes a successor and hands it out. The numbers are those of the protocol. A turn that ends on the way leaves both keys
 * Active and the record unfinished: the next run resumes from where the secret is safe, or removes the orphan.
 */
export async function rotate(turn: Turn, before: Beginning, readAt: number): Promise<AccessKeyId> {
  const pair = await createAndKeep(turn, before, readAt); //         1 to 7
  await verify(turn, pair); //                                            8
  await retreatUnlessMine(turn, pair.accessKeyId); //                     9
  await handOut(turn, pair, before.known); //                       10 to 14
  return pair.accessKeyId;
}

/** The first part of a rotation: a new key whose secret lies where no consumer reads it yet. */
async function createAndKeep(turn: Turn, { known, orphan }: Beginning, readAt: number): Promise<KeyPair> {
  await checkDestinations(turn); //                                       1, 2
  const lost = orphan === undefined ? {} : { orphan };
  const intended = await declare(turn, { phase: "creating", known, ...lost }, readAt); // 3
  await turn.settle(); //                                                 4
  await mustBeMine(turn, known); //                                       5
  const pair = await create(turn, intended); //                           6
  await keepSafe(turn, pair); //                                          7
  return pair;
}

/**
 * As {@link rotate}, up to where the secret lies in a pending version: for a store that calls for the rest itself. What
 * {@link finish} or {@link resume} does later begins with the same look at the record.
 */
export async function begin(turn: Turn, before: Beginning, readAt: number): Promise<AccessKeyId> {
  const { accessKeyId } = await createAndKeep(turn, before, readAt);
  await retreatUnlessMine(turn, accessKeyId);
  return accessKeyId;
}

/**
 * Finishes what {@link begin} began, where its intent stands still and is younger than the lease: then nobody else may have begun
 * anything, and nothing need be declared anew.
 */
export async function finish(turn: Turn, id: AccessKeyId, known: readonly AccessKeyId[]): Promise<void> {
  const secretAccessKey = await findSecret(turn, id);
  if (secretAccessKey === null) throw new TurnEnd("stopped", `the secret of ${id} is gone from where it was`);
  const pair = { accessKeyId: id, secretAccessKey };
  await verify(turn, pair);
  await handOut(turn, pair, known);
}

/** Finishes the delivery of a key whose secret an earlier turn left somewhere safe. */
export async function resume(
  turn: Turn,
  id: AccessKeyId,
  known: readonly AccessKeyId[],
  readAt: number,
): Promise<void> {
  await checkDestinations(turn);
  const secretAccessKey = await findSecret(turn, id);
  if (secretAccessKey === null) throw new TurnEnd("stopped", `the secret of ${id} is gone from where it was`);
  const pair = { accessKeyId: id, secretAccessKey };
  await declare(turn, { phase: "delivering", new: id, known }, readAt);
  await turn.settle();
  const keys = await turn.world.iam.listAccessKeys(turn.userName);
  const active = keys?.some((key) => key.accessKeyId === id && key.status === "Active") ?? false;
  if (!active || !(await isMine(turn))) throw new TurnEnd("stopped", `${id} changed, or another run took over`);
  await verify(turn, pair);
  await handOut(turn, pair, known, true);
}

/** Throws where a delivery would be refused, as far as that can be told without writing. */
export async function checkDestinations({ subject, world }: Turn): Promise<void> {
  for (const destination of subject.destinations) await destination.check();
  await world.escrow?.check();
}

/** Writes what this turn means to do. What it rests on was read at `readAt` (monotonic): a slow run must not overwrite a newer one's record. */
async function declare(turn: Turn, meant: Parameters<Turn["record"]>[0], readAt: number): Promise<Instant> {
  const { clock, settle } = turn.world;
  const tooSlow = () => settle > 0 && clock.monotonic() - readAt > settle;
  if (tooSlow())
    throw new TurnEnd("stopped", `reading took longer than ${formatDuration(settle)}; nothing was changed`);
  const at = await turn.record(meant);
  if (tooSlow()) {
    if (meant.phase === "creating") await ownNothing(turn, meant.known);
    throw new TurnEnd("stopped", `declaring took longer than ${formatDuration(settle)}; nothing else was changed`);
  }
  return at;
}

/**
 * An intent that arrived late may have wiped the record of a run that rotated meanwhile. Beside a key of which it says nothing, it
 * would make that key, which may be delivered, look like an orphan of ours: so it is written anew, and names the key as known.
 */
async function ownNothing(turn: Turn, known: readonly string[]): Promise<void> {
  turn.guard();
  const keys = (await turn.world.iam.listAccessKeys(turn.userName)) ?? [];
  const others = keys.map((key) => key.accessKeyId).filter((id) => !mentions(known, id));
  if (others.length > 0) await turn.record({ phase: "creating", known: [...known, ...others] });
}

async function isMine(turn: Turn): Promise<boolean> {
  const record = parseRecord(await turn.readRecord());
  return "nonce" in record && record.nonce === turn.nonce;
}

/** The lock: after IAM has settled the intent must still be ours, and no key may have come. */
async function mustBeMine(turn: Turn, known: readonly AccessKeyId[]): Promise<void> {
  const [mine, keys] = await Promise.all([isMine(turn), turn.world.iam.listAccessKeys(turn.userName)]);
  if (!mine) throw new TurnEnd("stopped", "another run took over before anything was created");
  if (keys === null) throw new TurnEnd("stopped", "the user is gone");
  if (!keys.every((key) => mentions(known, key.accessKeyId)))
    throw new TurnEnd("stopped", "somebody else made a key at the same time");
}

async function create(turn: Turn, intended: Instant): Promise<KeyPair> {
  if (age(intended, turn.world.clock.now()) + CALL_LIMIT > CREATE_WINDOW) {
    throw new TurnEnd("stopped", "too much time went by since the intent; nothing was created");
  }
  return turn.step("create", [], "after its intent", () => turn.world.iam.createAccessKey(turn.userName));
}

/** Where no consumer reads it yet: in each pending version, and in the escrow. Neither may exist: then a crash costs this key. */
async function keepSafe(turn: Turn, pair: KeyPair): Promise<void> {
  const { accessKeyId: id } = pair;
  const { escrow } = turn.world;
  if (escrow !== null) await turn.step("escrow", [id], escrow.label, () => escrow.put(turn.userName, pair));
  for (const destination of turn.subject.destinations) {
    if (destination.stage !== undefined)
      await turn.step("stage", [id], destination.label, async () => destination.stage?.(pair));
  }
}

/**
 * The key must sign in as this very user, twice in a row a second apart: a fresh key may be known here and unknown there.
 * No answer is unknown, not failed, and is asked again while there is time.
 */
export async function verify(turn: Turn, pair: KeyPair): Promise<void> {
  const { user } = turn.subject;
  const { clock, verifier } = turn.world;
  const began = clock.monotonic();
  await turn.step("verify", [pair.accessKeyId], `signs in as ${user.arn}`, async () => {
    for (let inARow = 0, tries = 0; inARow < 2; tries += 1) {
      if (clock.monotonic() - began > PROPAGATION) {
        throw new TurnEnd(
          "failed",
          `${pair.accessKeyId} did not sign in within ${formatDuration(PROPAGATION)}`,
          "both keys are untouched; the next run goes on",
        );
      }
      if (tries > 0) await turn.pause(seconds(inARow > 0 ? 1 : Math.min(tries, 5)));
      turn.guard();
      const arn = await verifier.signIn(pair).catch(unanswered);
      if (arn !== null && arn !== user.arn)
        throw new TurnEnd("failed", `${pair.accessKeyId} signs in as ${arn}, not as ${user.arn}`);
      inARow = arn === null ? 0 : inARow + 1;
    }
  });
}

function unanswered(error: unknown): null {
  if (error instanceof CallError && error.kind === "unknown") return null;
  throw error;
}

/** Where another run overwrote our intent, our own key, which nobody has got, makes way. */
async function retreatUnlessMine(turn: Turn, id: AccessKeyId): Promise<void> {
  if (await isMine(turn)) return;
  const { iam, escrow } = turn.world;
  await turn.step("retreat", [id], "another run took over", () => iam.deleteAccessKey(turn.userName, id));
  for (const destination of turn.subject.destinations) await destination.unstage?.(id);
  await escrow?.clear(turn.userName, id);
  throw new TurnEnd("stopped", "another run took over; the key that was just made is gone again");
}

async function findSecret({ world, subject, userName }: Turn, id: AccessKeyId): Promise<Secret | null> {
  const safe = await world.escrow?.take(userName, id);
  if (safe !== undefined && safe !== null) return safe;
  for (const destination of subject.destinations) {
    const held = await destination.readSecret?.(id);
    if (held !== undefined && held !== null) return held;
  }
  return null;
}

/**
 * Serves the key everywhere, readable destinations first, so that one that cannot be read back has something to be resumed
 * from. Only then is it recorded as delivered, and only then is its copy in the escrow cleared.
 */
async function handOut(turn: Turn, pair: KeyPair, known: readonly AccessKeyId[], announced = false): Promise<void> {
  const { accessKeyId: id } = pair;
  const { destinations } = turn.subject;
  const writeOnly = destinations.filter((each) => each.read === undefined);
  for (const destination of destinations.filter((each) => each.read !== undefined)) {
    await turn.step("deliver", [id], destination.label, () => deliverAndReadBack(destination, pair));
  }
  if (writeOnly.length > 0 && !announced) await turn.record({ phase: "delivering", new: id, known });
  const { escrow } = turn.world;
  // What another place holds, or an earlier turn may have handed out, is finished by a later run, never taken back.
  let isElsewhere = announced || escrow !== null || writeOnly.length < destinations.length;
  for (const destination of writeOnly) {
    if (isElsewhere) await turn.step("deliver", [id], destination.label, () => destination.deliver(pair));
    else await deliverOrWithdraw(turn, destination, pair);
    isElsewhere = true;
  }
  if (announced) await stopWhereOvertaken(turn, id);
  await turn.record({ phase: "delivered", new: id, old: known });
  if (escrow !== null) await turn.step("clear-escrow", [id], escrow.label, () => escrow.clear(turn.userName, id));
}

/**
 * Two runs that resume the same key a moment apart may both take the record for theirs, and both deliver. One that was slow must
 * not write that over what the other has done since, such as the retirement of the predecessor.
 */
async function stopWhereOvertaken(turn: Turn, id: AccessKeyId): Promise<void> {
  const record = parseRecord(await turn.readRecord());
  const isOther = "nonce" in record && record.nonce !== turn.nonce;
  if (isOther && "new" in record && refersTo(record.new ?? "", id))
    throw new TurnEnd("stopped", `another run has delivered ${id} as well, and goes on from there`);
}

/**
 * The only place that the key was to go to turned it down, and says for certain that nobody has got it: the key, which is of no
 * use to anybody, makes way. Where nothing is certain (`unknown`) it stays, and the next run reports it.
 */
async function deliverOrWithdraw(turn: Turn, destination: Destination, pair: KeyPair): Promise<void> {
  const { accessKeyId: id } = pair;
  await turn.stepOr(
    "deliver",
    [id],
    destination.label,
    () => destination.deliver(pair),
    async ({ message }) => {
      await turn.step("withdraw", [id], message, () => turn.world.iam.deleteAccessKey(turn.userName, id));
      throw new TurnEnd(
        "failed",
        `${message}; ${id}, which nobody got, is deleted again`,
        "the keys from before are untouched; run again when it can be written to",
      );
    },
  );
}

/** Counts as delivered only once the destination says that it serves the key. */
export async function deliverAndReadBack(destination: Destination, pair: KeyPair): Promise<void> {
  await destination.deliver(pair);
  const served = await destination.read?.();
  if (served?.accessKeyId !== pair.accessKeyId) {
    throw new TurnEnd(
      "failed",
      `${destination.label} serves ${served?.accessKeyId ?? "no key"} after ${pair.accessKeyId} was delivered to it`,
    );
  }
}
