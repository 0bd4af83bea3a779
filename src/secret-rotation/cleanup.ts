import { ListSecretsCommand, type SecretListEntry } from "@aws-sdk/client-secrets-manager";
import { call } from "../aws/call.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { UserReport } from "../core/result.ts";
import { TURN } from "../core/facts.ts";
import { run } from "../engine/run.ts";
import type { Subject } from "../engine/world.ts";
import { CallError, type Destination } from "../ports.ts";
import { type Host, openInvocation, worldOf } from "./host.ts";
import { sentenceOf } from "./log.ts";
import { findUser, openSecret, type SecretUser, subjectOf } from "./subject.ts";

/** A secret of which nothing could be told. */
export interface Unreadable {
  readonly secret: string;
  readonly sentence: string;
}

export interface Cleanup {
  readonly users: readonly UserReport[];
  readonly unreadable: readonly Unreadable[];
}

/**
 * Retires the predecessors of all keys that secrets with the tag serve, and deletes those whose time is over: what the engine
 * decides for each user, except that no key is made and none is delivered here. A key that a person made Inactive stays.
 * Throws {@link InvalidInput}, or `CallError`, where the secrets could not be listed.
 */
export async function cleanUp(host: Host): Promise<Cleanup> {
  const unreadable: Unreadable[] = [];
  const users = new Map<string, { readonly found: SecretUser; readonly places: Destination[] }>();
  for (const secret of await taggedSecrets(host)) {
    const name = secret.ARN ?? secret.Name ?? "";
    try {
      const found = await findUser(host, name, versionIn(secret));
      const place = openSecret(host, name, found.user);
      const known = users.get(found.user.userName);
      // A user may be named by several secrets: a key that any of them serves is in use.
      if (known === undefined) users.set(found.user.userName, { found, places: [place] });
      else known.places.push(place);
    } catch (error) {
      if (!(error instanceof InvalidInput) && !(error instanceof CallError)) throw error;
      unreadable.push({ secret: name, sentence: sentenceOf(error) });
    }
  }
  const subjects = [...users.values()].map(({ found, places }) => subjectOf(host, found, places, false));
  return { users: await retireAndDelete(host, subjects), unreadable };
}

/** One run of the engine that makes no key. It begins no further user when the time runs out. */
async function retireAndDelete(host: Host, subjects: readonly Subject[]): Promise<readonly UserReport[]> {
  const stop = new AbortController();
  const patience = host.remaining() - TURN;
  if (patience <= 0) stop.abort();
  const timer = Number.isFinite(patience) ? setTimeout(() => stop.abort(), Math.max(patience, 0)) : undefined;
  try {
    const limits = { maxRotations: 0, refuseAbovePercent: null, planned: null, onlyLook: host.settings.dryRun };
    // Nothing is verified here.
    const world = worldOf(host, openInvocation(host, "cleanup", false), host.verifierFor(null));
    const rules = { limits, approve: () => Promise.resolve(), signal: stop.signal };
    return await run(world, subjects, rules);
  } finally {
    clearTimeout(timer);
  }
}

/** Every secret with the tag, all pages, replicas of another region aside: those are not written here. */
async function taggedSecrets({ client, settings, region }: Host): Promise<readonly SecretListEntry[]> {
  const { tag } = settings;
  const found: SecretListEntry[] = [];
  let NextToken: string | undefined;
  do {
    const input = {
      NextToken,
      // Looks for a key that begins so: what it finds is looked at more closely.
      ...(tag === null ? {} : { Filters: [{ Key: "tag-key" as const, Values: [tag.key] }] }),
    };
    const page = await call("secretsmanager:ListSecrets", "*", (options) =>
      client.send(new ListSecretsCommand(input), options),
    );
    found.push(...(page.SecretList ?? []));
    ({ NextToken } = page);
  } while (NextToken !== undefined);
  return found.filter(
    ({ Tags = [], PrimaryRegion }) =>
      (tag === null || Tags.some(({ Key, Value }) => Key === tag.key && Value === tag.value)) &&
      (PrimaryRegion === undefined || PrimaryRegion === region),
  );
}

function versionIn({ SecretVersionsToStages = {} }: SecretListEntry): string | null {
  const found = Object.entries(SecretVersionsToStages).find(([, stages]) => stages.includes("AWSCURRENT"));
  return found?.[0] ?? null;
}
