import { findTag, type Tags, type User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { type Match, matches } from "../core/match.ts";
import { CallError, type Clock, type Iam } from "../ports.ts";
import { Slots } from "./slots.ts";

/** Which users a run is about. What is given intersects; nothing given is everybody. */
export interface Selectors {
  /** Such as `/ci/`; null = any. */
  readonly path: string | null;
  readonly users: readonly string[];
  readonly tags: readonly { readonly key: string; readonly value: string }[];
  /** Such as the configuration gives; absent or null = any. */
  readonly match?: Match | null;
  /** Read every user one by one, whatever a listing of the whole account tells. */
  readonly exact?: boolean;
  /** A user that was named and is not there is no mistake: it is in another account. */
  readonly allowMissing?: boolean;
  /** No user at all is an answer, not a mistake. */
  readonly allowEmpty: boolean;
  /**
   * Hears of a user of whom it cannot be told whether it fits, because its tags could not be read: that user is left out.
   * Absent: that ends the selection.
   */
  readonly onDoubt?: (user: User, error: CallError) => void;
}

/** The users that fit, sorted by name. Throws {@link InvalidInput} for a user that does not exist, and where none fits. */
export async function selectUsers(
  iam: Iam,
  clock: Clock,
  selectors: Selectors,
  parallel: number,
): Promise<readonly User[]> {
  const [only, ...more] = selectors.match?.path ?? [];
  const below = selectors.path ?? (more.length === 0 ? only : undefined) ?? "/";
  const candidates = selectors.users.length === 0 ? await iam.listUsers(below) : await findUsers(iam, selectors);
  const onPath = candidates.filter((user) => user.path.startsWith(selectors.path ?? "/"));
  const slots = new Slots(parallel, clock);
  const fitting = await Promise.all(onPath.map((user) => slots.use(() => fits(iam, user, selectors))));
  const users = onPath.filter((_, index) => fitting[index]).toSorted((a, b) => (a.userName < b.userName ? -1 : 1));
  if (users.length === 0 && !selectors.allowEmpty) {
    throw new InvalidInput(
      `no IAM user fits ${describe(selectors)}`,
      "keyturn scan lists all users; --allow-empty accepts none, for schedulers",
    );
  }
  return users;
}

async function findUsers(iam: Iam, { users, allowMissing = false }: Selectors): Promise<readonly User[]> {
  const found = await Promise.all([...new Set(users)].map(async (name) => ({ name, user: await iam.getUser(name) })));
  const missing = found.filter(({ user }) => user === null).map(({ name }) => name);
  if (missing.length > 0 && !allowMissing)
    throw new InvalidInput(
      `there is no IAM user ${missing.join(", ")}`,
      "keyturn scan lists the users; is this the right account?",
    );
  return found.flatMap(({ user }) => (user === null ? [] : [user]));
}

async function fits(iam: Iam, user: User, { tags, match = null, onDoubt }: Selectors): Promise<boolean> {
  const asksForTags = tags.length > 0 || (match !== null && match.tag !== null);
  let own: Tags | null = null;
  try {
    if (asksForTags) own = (await iam.listTags(user.userName)) ?? new Map<string, string>();
  } catch (error) {
    if (onDoubt === undefined || !(error instanceof CallError)) throw error;
    onDoubt(user, error);
    return false;
  }
  return (
    (match === null || matches(match, user, own)) &&
    tags.every(({ key, value }) => own !== null && findTag(own, key) === value)
  );
}

function describe({ path, users, tags, match = null }: Selectors): string {
  const parts = [
    ...(match === null ? [] : ["the configuration's select"]),
    ...(path === null ? [] : [`--path ${path}`]),
    ...users.map((user) => `--user ${user}`),
    ...tags.map(({ key, value }) => `--tag ${key}=${value}`),
  ];
  return parts.length === 0 ? "this account: it has none" : parts.join(" ");
}
