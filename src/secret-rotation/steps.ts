import type { AccessKeyId } from "../core/access-key.ts";
import { KEYS_PER_USER } from "../core/access-key.ts";
import type { UserDecision } from "../core/decision.ts";
import { TURN } from "../core/facts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { isOpen, parseRecord } from "../core/record.ts";
import { age, later, milliseconds, minutes, seconds } from "../core/time.ts";
import { describeSecret, versionWith } from "../aws/secrets.ts";
import type { UserDocument } from "../documents/json.ts";
import { begin, finish, resume, verify } from "../engine/rotate.ts";
import { Slots } from "../engine/slots.ts";
import { type RotationParts, takeTurn, type TurnReport } from "../engine/take-turn.ts";
import { asTurnEnd, Turn, type TurnEnd } from "../engine/turn.ts";
import type { Subject, World } from "../engine/world.ts";
import type { RotationEvent } from "./event.ts";
import { type Host, type Invocation, isOfRotation, openInvocation, worldOf } from "./host.ts";
import { findUser, openSecret, subjectOf } from "./subject.ts";
import { readVersion } from "./values.ts";

/*
 * The four calls by which Secrets Manager rotates a secret, as one rotation of the protocol:
 *
 *   createSecret   intent, settle, CreateAccessKey, the pair into the version of this rotation (AWSPENDING)
 *   setSecret      nothing: IAM knows the key already
 *   testSecret     the new key signs in as that very user, and reads an object where one is named
 *   finishSecret   AWSCURRENT moves to the version; the record says delivered
 *
 * After a failure the service calls all of them again, with the same token. So each one looks at what is there, and does what is
 * missing: a version that holds a key is never given another, and one that is current already only has its record completed.
 * What becomes of the old key is the cleanup's.
 */

/** The least time in which a step can come to an end: settling, verifying, and a few calls. */
const SHORTEST = seconds(45);

/** Turns of one call: what makes room, what completes an earlier rotation, and the wait for somebody else's turn come before its own. */
const TURNS = 6;

interface Rotation {
  readonly host: Host;
  readonly event: RotationEvent;
  /** Whether consumers get the version of this rotation already. */
  readonly isCurrent: boolean;
  /** What the version of this rotation holds; null = nothing yet. */
  readonly held: UserDocument | null;
  readonly subject: Subject;
  readonly world: World;
  readonly invocation: Invocation;
}

/** Performs one step. Answers with what was done, in words. Throws {@link InvalidInput}, or `CallError`. */
export async function performStep(host: Host, event: RotationEvent): Promise<string> {
  mustHaveTime(host);
  const rotation = await openRotation(host, event);
  switch (event.step) {
    case "createSecret":
      return rotation.isCurrent ? complete(rotation) : create(rotation);
    case "setSecret":
      return "IAM knows the key: nothing is to be set";
    case "testSecret":
      return rotation.isCurrent ? alreadyCurrent(rotation) : test(rotation);
    case "finishSecret":
      return complete(rotation);
  }
}

function mustHaveTime({ remaining }: Host): void {
  if (remaining() < SHORTEST)
    throw new InvalidInput(
      `less than ${SHORTEST / 1000} s are left for this step`,
      "set the function's time limit to 15 minutes",
    );
}

/** Checks that Secrets Manager is in the middle of this very rotation, and finds out whose it is. */
async function openRotation(host: Host, event: RotationEvent): Promise<Rotation> {
  const { client, settings } = host;
  const { secretId, token, rotationToken, step } = event;
  const label = `secretsmanager:${secretId}`;
  const secret = await describeSecret(client, secretId);
  if (secret === null) throw new InvalidInput(`${label} does not exist`);
  if (secret.RotationEnabled !== true)
    throw new InvalidInput(`the rotation of ${label} is not enabled`, `keyturn secret rotate ${secretId} enables it`);
  const stages = secret.VersionIdsToStages?.[token];
  if (stages === undefined) throw new InvalidInput(`${label} has no version ${token} to rotate to`);
  const isCurrent = stages.includes("AWSCURRENT");
  if (!isCurrent && !stages.includes("AWSPENDING"))
    throw new InvalidInput(
      `version ${token} of ${label} is not AWSPENDING: this rotation was given up`,
      `keyturn secret rotate ${secretId} begins a new one`,
    );
  const held = await readVersion(client, secretId, token, settings.fields);
  const found = await findUser(host, secretId, versionWith(secret, "AWSCURRENT"));
  const place = openSecret(host, secretId, found.user, { version: token, rotationToken });
  const invocation = openInvocation(host, token, step !== "createSecret" || isCurrent);
  return {
    host,
    event,
    isCurrent,
    held,
    subject: subjectOf(host, found, [place], true),
    world: worldOf(host, invocation, host.verifierFor(found.testObject)),
    invocation,
  };
}

const alreadyCurrent = ({ event: { token } }: Rotation): string => `version ${token} is AWSCURRENT already`;

/** A key is made once in a rotation: where the version holds one, an earlier call has made it. */
async function create(rotation: Rotation): Promise<string> {
  const { held, event } = rotation;
  if (held !== null) return `${keyIn(rotation)} waits in version ${event.token} already`;
  const made = await turnsUntil(rotation, {
    accept: mayPrecede,
    isDone: ({ action }) => action?.kind === "rotate",
    parts: { rotate: begin, resume },
  });
  const id = made?.outcome?.kind === "done" ? made.outcome.created : null;
  return `${id ?? "a key"} was made, and waits in version ${event.token}`;
}

/** A rotation takes a free slot. What frees one, or completes an earlier rotation, comes first; retiring a key is the cleanup's. */
function mayPrecede({ action }: UserDecision): boolean {
  switch (action?.kind) {
    case undefined:
    case "deactivate":
    case "clear-escrow":
      return false;
    case "rotate":
    case "delete":
    case "remove-orphan":
    case "resume":
    case "mark-delivered":
      return true;
  }
}

/** The new key must sign in, twice; and read the test object, where there is one. */
async function test(rotation: Rotation): Promise<string> {
  const { subject, world, held, host } = rotation;
  if (held === null) throw nothingHeld(rotation);
  const { accessKeyId, secretAccessKey } = held;
  // Secrets Manager tests a configuration with a copy of the current value, which holds no key before the first rotation.
  if (accessKeyId === null && secretAccessKey === null) return "no key was made yet: nothing is to be tested";
  if (accessKeyId === null || secretAccessKey === null) throw nothingHeld(rotation);
  try {
    const pair = { accessKeyId, secretAccessKey };
    await new Slots(1, host.clock).use((slot) => verify(new Turn(world, subject, slot), pair));
  } catch (error) {
    throw asInput(asTurnEnd("testSecret", error).outcome);
  }
  return `${accessKeyId} signs in as ${subject.user.arn}`;
}

const asInput = (outcome: TurnEnd["outcome"]): InvalidInput =>
  new InvalidInput(outcome.sentence, outcome.kind === "failed" ? outcome.hint : null);

/** Serves the key of this rotation from now on and records it as delivered, as far as that was not done before. */
async function complete(rotation: Rotation): Promise<string> {
  const { isCurrent, event } = rotation;
  const id = keyIn(rotation);
  const isOurs = ({ action }: UserDecision) =>
    (action?.kind === "resume" || action?.kind === "mark-delivered") && action.key === id;
  const done = await turnsUntil(rotation, {
    accept: isOurs,
    isDone: isOurs,
    parts: { rotate: begin, resume: finishOrResume(rotation) },
    isOptional: isCurrent,
  });
  return done === null ? alreadyCurrent(rotation) : `${id} is served by version ${event.token}`;
}

/** While the intent of this rotation stands and is young, nobody else may have begun anything; else it is declared anew. */
function finishOrResume({ event, host }: Rotation): RotationParts["resume"] {
  return async (turn: Turn, id: AccessKeyId, known: readonly AccessKeyId[], readAt: number) => {
    const record = parseRecord(await turn.readRecord());
    const stands =
      isOpen(record) && isOfRotation(record.nonce, event.token) && age(record.at, host.clock.now()) < minutes(2);
    await (stands ? finish(turn, id, known) : resume(turn, id, known, readAt));
  };
}

interface Wanted {
  readonly accept: (decision: UserDecision) => boolean;
  /** This was the last one. */
  readonly isDone: (decision: UserDecision) => boolean;
  readonly parts: RotationParts;
  /** Where there is nothing to do, nothing is wrong. */
  readonly isOptional?: boolean;
}

/**
 * Takes one turn after the other until the one that is wanted is done. Where somebody else may be at work it waits for the end of
 * their lease, if this invocation lasts that long. Null = there was nothing to do. Throws {@link InvalidInput} with what is in the way.
 */
async function turnsUntil(rotation: Rotation, wanted: Wanted): Promise<TurnReport | null> {
  for (let turns = 0; turns < TURNS; turns += 1) {
    const report = await oneTurn(rotation, wanted);
    const { decision, outcome } = report;
    if (outcome?.kind === "done") {
      if (wanted.isDone(decision)) return report;
    } else if (outcome !== null) {
      throw asInput(outcome);
    } else if (!(await waited(rotation, decision))) {
      if (wanted.isOptional === true && decision.code !== "turn-in-progress") return null;
      throw inTheWay(rotation, decision);
    }
  }
  throw new InvalidInput(`the keys of ${rotation.subject.user.userName} change too often`, "the next call goes on");
}

async function oneTurn({ world, subject, host, invocation }: Rotation, { accept, parts }: Wanted): Promise<TurnReport> {
  try {
    return await new Slots(1, host.clock).use((slot) => takeTurn(world, subject, slot, {}, accept, parts));
  } finally {
    invocation.endTurn();
  }
}

/** Waits for the end of a turn that may be at work, where its end is near enough. */
async function waited({ host }: Rotation, { code, next }: UserDecision): Promise<boolean> {
  if (code !== "turn-in-progress" || next === null || next.at === null) return false;
  const span = later(next.at, seconds(1)) - host.clock.now();
  if (span + TURN > host.remaining()) return false;
  await host.clock.sleep(milliseconds(Math.max(span, 0)));
  return true;
}

function inTheWay({ subject }: Rotation, { code, sentence, command, next, keys, action }: UserDecision): InvalidInput {
  const { userName } = subject.user;
  const hint =
    code === "turn-in-progress"
      ? "Secrets Manager calls again; where it does not: a time limit of 15 minutes lets this function wait by itself"
      : (next?.what ?? (command === null ? null : `keyturn ${command.join(" ")}`));
  if (keys.length < KEYS_PER_USER) return new InvalidInput(`${userName} cannot be rotated: ${sentence}`, hint);
  const ids = keys.map(({ accessKeyId, role }) => `${accessKeyId} (${role})`).join(" and ");
  const whatNow = action === null ? hint : `the cleanup function retires what may go; or keyturn retire ${userName} ID`;
  return new InvalidInput(
    `user ${userName} already has ${keys.length} access keys, ${ids}: cannot rotate: ${sentence}`,
    whatNow,
  );
}

function keyIn(rotation: Rotation): AccessKeyId {
  const id = rotation.held?.accessKeyId ?? null;
  if (id === null) throw nothingHeld(rotation);
  return id;
}

function nothingHeld({ event: { token, secretId } }: Rotation): InvalidInput {
  return new InvalidInput(
    `version ${token} of secretsmanager:${secretId} holds no key`,
    `keyturn secret rotate ${secretId} --abandon begins anew`,
  );
}
