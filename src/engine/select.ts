import { findTag, type User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Clock, Iam } from "../ports.ts";
import { Slots } from "./slots.ts";

/** Which users a run is about. What is given intersects; nothing given is everybody. */
export interface Selectors {
  /** Such as `/ci/`; null = any. */
  readonly path: string | null;
  readonly users: readonly string[];
  readonly tags: readonly { readonly key: string; readonly value: string }[];
  /** No user at all is an answer, not a mistake. */
  readonly allowEmpty: boolean;
}

/** The users that fit, sorted by name. Throws {@link InvalidInput} for a user that does not exist, and where none fits. */
export async function selectUsers(
  iam: Iam,
  clock: Clock,
  selectors: Selectors,
  parallel: number,
): Promise<readonly User[]> {
  const candidates =
    selectors.users.length === 0 ? await iam.listUsers(selectors.path ?? "/") : await findUsers(iam, selectors.users);
  const onPath = candidates.filter((user) => user.path.startsWith(selectors.path ?? "/"));
  const slots = new Slots(parallel, clock);
  const fits = await Promise.all(onPath.map((user) => slots.use(() => hasTags(iam, user, selectors))));
  const users = onPath.filter((_, index) => fits[index]).toSorted((a, b) => (a.userName < b.userName ? -1 : 1));
  if (users.length === 0 && !selectors.allowEmpty) {
    throw new InvalidInput(
      `no IAM user fits ${describe(selectors)}`,
      "keyturn scan lists all users; --allow-empty accepts none, for schedulers",
    );
  }
  return users;
}

async function findUsers(iam: Iam, names: readonly string[]): Promise<readonly User[]> {
  const found = await Promise.all([...new Set(names)].map(async (name) => ({ name, user: await iam.getUser(name) })));
  const missing = found.filter(({ user }) => user === null).map(({ name }) => name);
  if (missing.length > 0)
    throw new InvalidInput(
      `there is no IAM user ${missing.join(", ")}`,
      "keyturn scan lists the users; is this the right account?",
    );
  return found.flatMap(({ user }) => (user === null ? [] : [user]));
}

async function hasTags(iam: Iam, { userName }: User, { tags }: Selectors): Promise<boolean> {
  if (tags.length === 0) return true;
  const own = (await iam.listTags(userName)) ?? new Map<string, string>();
  return tags.every(({ key, value }) => findTag(own, key) === value);
}

function describe({ path, users, tags }: Selectors): string {
  const parts = [
    ...(path === null ? [] : [`--path ${path}`]),
    ...users.map((user) => `--user ${user}`),
    ...tags.map(({ key, value }) => `--tag ${key}=${value}`),
  ];
  return parts.length === 0 ? "this account: it has none" : parts.join(" ");
}
