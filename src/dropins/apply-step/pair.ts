import type { Parameters } from "../../compose.ts";
import type { AccessKey, AccessKeyId, KeyPair, User } from "../../core/access-key.ts";
import { InvalidInput } from "../../core/invalid-input.ts";
import { CallError, type Destination, type Verifier } from "../../ports.ts";

/** One user's parameters, and what is needed to tell whether what stands in them fits. */
export interface Place {
  readonly user: User;
  readonly destination: Destination;
  readonly parameters: Parameters;
  /** The parameter that holds the secret, such as `/ci-bot/iam-secret`. */
  readonly secretName: string;
  readonly verifier: Verifier;
}

/** Id and secret as they stand in the parameters; null where there is no id, or where nothing says that the secret belongs to it. */
export async function pairIn({ destination }: Place): Promise<KeyPair | null> {
  const id = (await destination.read?.())?.accessKeyId ?? null;
  const secretAccessKey = id === null ? null : ((await destination.readSecret?.(id)) ?? null);
  return id === null || secretAccessKey === null ? null : { accessKeyId: id, secretAccessKey };
}

/**
 * Takes over what the script before, Terraform, or whoever hands a pair in (`given`) put there: once it is proved to sign in as
 * this very user it is written as a pair. Where the secret belongs to another of the user's keys than the id beside it, because a
 * run of the script died between its two writes, that key is served instead: nobody could sign in before. What keyturn wrote
 * itself is not touched, and never is anything replaced by what was handed in. Answers with a sentence where something changed.
 */
export async function takeOver(
  place: Place,
  keys: readonly AccessKey[],
  given: KeyPair | null,
): Promise<string | null> {
  const { destination } = place;
  const id = (await destination.read?.())?.accessKeyId ?? null;
  const pending = (await destination.readPast?.())?.pending ?? null;
  // A delivery that died half-way is finished by the run itself.
  if (pending !== null) return null;
  if (id === null) return given === null ? null : takeGiven(place, given);
  if ((await destination.readSecret?.(id)) !== null) return null;
  return proveThere(place, id, keys, given);
}

async function takeGiven(place: Place, given: KeyPair): Promise<string> {
  if (!(await fits(place, given)))
    throw new InvalidInput(
      `${given.accessKeyId} does not sign in as ${place.user.userName} with the secret that was handed in`,
      "is it Active, and the secret its own?",
    );
  await place.destination.deliver(given);
  return `${given.accessKeyId}, which was handed in, signs in and stands in ${place.destination.label}`;
}

async function proveThere(
  place: Place,
  id: AccessKeyId,
  keys: readonly AccessKey[],
  given: KeyPair | null,
): Promise<string | null> {
  const { destination, parameters, secretName } = place;
  const secret = await parameters.readSecure(secretName);
  const others = keys.filter((key) => key.status === "Active" && key.accessKeyId !== id).map((key) => key.accessKeyId);
  // A key that was switched off proves nothing, and takes nothing to be served again.
  const candidates = keys.some((key) => key.accessKeyId === id && key.status === "Active") ? [id, ...others] : others;
  for (const accessKeyId of secret === null ? [] : candidates) {
    if (secret === null || !(await fits(place, { accessKeyId, secretAccessKey: secret }))) continue;
    await destination.deliver({ accessKeyId, secretAccessKey: secret });
    return accessKeyId === id
      ? `${id} signs in with the secret in ${secretName}, and is kept as a pair from now on`
      : `the secret in ${secretName} belongs to ${accessKeyId}, not to ${id} beside it: ${accessKeyId} is served again`;
  }
  return given?.accessKeyId === id ? takeGiven(place, given) : null;
}

/** Whether the key signs in as this very user. Another secret than its own is no answer to wait for. */
async function fits({ verifier, user }: Place, pair: KeyPair): Promise<boolean> {
  try {
    return (await verifier.signIn(pair)) === user.arn;
  } catch (error) {
    if (error instanceof CallError && error.code.startsWith("SignatureDoesNotMatch")) return false;
    throw error;
  }
}
