import { createHash, randomBytes } from "node:crypto";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { openAccess, regionalConfig } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { openIam } from "../aws/iam.ts";
import { alsoReading, type TestObject } from "../aws/object-reader.ts";
import { assumeRole, openVerifier, whoAmI } from "../aws/sts.ts";
import { recordsInTags } from "../engine/tag-records.ts";
import type { World } from "../engine/world.ts";
import type { Caller, Clock, Iam, Journal, Liveness, Verifier } from "../ports.ts";
import type { Log } from "./log.ts";
import type { FunctionSettings } from "./settings.ts";

/** What one invocation of a function works with. Real or simulated: the steps cannot tell. */
export interface Host {
  readonly caller: Caller;
  readonly iam: Iam;
  readonly client: SecretsManagerClient;
  /** Of the client; null where nobody can tell. */
  readonly region: string | null;
  readonly clock: Clock;
  /** Asks whose a key is, and reads the object with it where one is given. */
  readonly verifierFor: (object: TestObject | null) => Verifier;
  readonly settings: FunctionSettings;
  readonly journal: Journal;
  /** Milliseconds until this invocation is ended by force. */
  readonly remaining: () => number;
  /** The nonces of turns that ended in this process: they are dead for certain. */
  readonly ended: Set<string>;
}

/** Turns that ended in this process, over all the invocations that it serves. */
const ended = new Set<string>();

/** Finds out who this function is, and at IAM takes on the role that it was given. Throws `InvalidInput` or `CallError`. */
export async function openHost(settings: FunctionSettings, remaining: () => number, log: Log): Promise<Host> {
  const access = await openAccess(null, null, new AwsClock());
  const atIam = settings.role === null ? access : await assumeRole(access, settings.role);
  const iam = openIam(atIam);
  const verifier = openVerifier(access);
  return {
    caller: await whoAmI(atIam),
    iam: {
      ...iam,
      createAccessKey: async (userName) => {
        const pair = await iam.createAccessKey(userName);
        log.hide(pair.secretAccessKey);
        return pair;
      },
    },
    client: new SecretsManagerClient(regionalConfig(access)),
    region: access.region,
    clock: access.clock,
    verifierFor: (object) => (object === null ? verifier : alsoReading(verifier, access, object)),
    settings,
    journal: log.step,
    remaining,
    ended,
  };
}

/** The world of the engine, for one invocation. */
export const worldOf = (host: Host, liveness: Liveness, verifier: Verifier): World => ({
  caller: host.caller,
  iam: host.iam,
  verifier,
  records: recordsInTags(host.iam),
  escrow: null,
  clock: host.clock,
  liveness,
  journal: host.journal,
  settle: host.settings.settle,
});

/** How the nonces of all turns of one rotation end. */
const markOf = (token: string): string => createHash("sha256").update(token).digest("hex").slice(0, 9);

/** Whether a turn of this rotation wrote a record with this nonce. */
export const isOfRotation = (nonce: string, token: string): boolean => nonce.endsWith(`_${markOf(token)}`);

/** Tells which turns are over, from what only the invocations of one function can know. */
export interface Invocation extends Liveness {
  /** The turn that was begun last is over, however it ended. */
  readonly endTurn: () => void;
}

/**
 * The turns of a rotation. One that ended in this process is dead. So is every turn of an earlier step, where this is a later one:
 * Secrets Manager goes on to the next step only when the one before has answered. Of the same step an earlier call may have died,
 * or may be at work still: that takes the lease to tell.
 */
export function openInvocation({ ended: over }: Pick<Host, "ended">, token: string, isLaterStep: boolean): Invocation {
  const begun = new Set<string>();
  return {
    nonce: () => {
      const nonce = `${randomBytes(5).toString("hex")}_${markOf(token)}`;
      begun.add(nonce);
      return nonce;
    },
    isDead: (nonce) => Promise.resolve(over.has(nonce) || (isLaterStep && isOfRotation(nonce, token))),
    endTurn: () => {
      for (const nonce of begun) over.add(nonce);
    },
  };
}
