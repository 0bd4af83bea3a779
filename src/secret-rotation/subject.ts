import type { TestObject } from "../aws/object-reader.ts";
import { findTag, type Tags, type User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { type OngoingRotation, openRotated } from "../destinations/secretsmanager.ts";
import type { UserDocument } from "../documents/json.ts";
import type { Subject } from "../engine/world.ts";
import type { Destination } from "../ports.ts";
import type { Host } from "./host.ts";
import { testObjectFrom } from "./settings.ts";
import { readVersion } from "./values.ts";

/** What a secret says of its user, and what is known of that user. */
export interface SecretUser {
  readonly user: User;
  /** Null where no tag is asked for. */
  readonly tags: Tags | null;
  /** What a new key must be able to read; null = nothing. */
  readonly testObject: TestObject | null;
}

/** IAM's alphabet. @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html */
const USER_NAME = /^[\w+=,.@-]{1,64}$/;

/**
 * Whose key a secret holds, from its current version. Whoever may write the secret chose that name, so the user must bear the tag
 * that says it may be rotated so. Throws {@link InvalidInput}, or `CallError`.
 */
export async function findUser(host: Host, secretId: string, version: string | null): Promise<SecretUser> {
  const { settings, client } = host;
  const label = `secretsmanager:${secretId}`;
  const field = userField(host);
  const document = version === null ? null : await readVersion(client, secretId, version, settings.fields);
  if (document === null)
    throw new InvalidInput(`${label} has no current value`, `give it one that names its user: {"${field}": "NAME"}`);
  const { userName } = document;
  if (userName === null)
    throw new InvalidInput(`${label} does not name its user`, `add "${field}": "NAME" to its value`);
  if (!USER_NAME.test(userName))
    throw new InvalidInput(`${label} names a user that IAM cannot have`, `put the user's name into "${field}"`);
  const user = await host.iam.getUser(userName);
  if (user === null)
    throw new InvalidInput(
      `${label} names the user ${userName}, which account ${host.caller.account} does not have`,
      settings.role === null ? "are the users in another account? then KEYTURN_ROLE_ARN names a role there" : null,
    );
  return { user, tags: await permittedTags(host, user, label), testObject: testObjectIn(host, document, label) };
}

const userField = ({ settings }: Host): string =>
  [...settings.fields.names].find(([, value]) => value === "userName")?.[0] ?? "UserName";

async function permittedTags({ settings, iam }: Host, { userName }: User, label: string): Promise<Tags | null> {
  const { tag } = settings;
  if (tag === null) return null;
  const tags = (await iam.listTags(userName)) ?? new Map<string, string>();
  if (findTag(tags, tag.key) === tag.value) return tags;
  throw new InvalidInput(
    `${label} names the user ${userName}, which lacks the tag ${tag.key}=${tag.value}`,
    `if its keys may be rotated so: aws iam tag-user --user-name ${userName} --tags Key=${tag.key},Value=${tag.value}`,
  );
}

/** What stands in the secret comes before what the function was given. */
function testObjectIn({ settings }: Host, { other }: UserDocument, label: string): TestObject | null {
  const { testObject } = settings;
  try {
    const own = testObjectFrom(other("TestBucket"), other("TestKey"), other("TestRegion"));
    return own ?? testObject;
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(`${label}: TestBucket, TestKey, TestRegion: ${error.message}`, error.hint);
  }
}

/** The secret as a place that keys go to; or, without a rotation, as one that is only looked at. */
export const openSecret = (
  { client, settings }: Host,
  secretId: string,
  user: User,
  rotation: OngoingRotation = { version: null, rotationToken: null },
): Destination => openRotated(client, settings.fields, user, secretId, rotation);

/** One user as the engine has it. `asked` = a successor is wanted now. */
export function subjectOf(
  { settings, verifierFor }: Host,
  { user, tags, testObject }: SecretUser,
  destinations: readonly Destination[],
  asked: boolean,
): Subject {
  return {
    user,
    terms: {
      policy: settings.policy,
      exempt: null,
      window: null,
      doubt: null,
      asked,
      ownServices: verifierFor(testObject).services,
      needsDestination: true,
    },
    destinations,
    ...(tags === null ? {} : { tags }),
  };
}
