import { type AccountDocument, countUsers, type UserDocument } from "../report/accounts.ts";

/**
 * What became of an account in one run in which several workers had a part, one after another or side by side: a user whom one of
 * them changed stays changed, with all of its steps; of all others the later one knows more.
 */
export function mergeAccounts(earlier: AccountDocument | null, later: AccountDocument): AccountDocument {
  if (earlier === null) return later;
  const before = new Map(earlier.users.map((user) => [user.userName, user]));
  const now = new Set(later.users.map(({ userName }) => userName));
  // A worker that could not enter the account has seen nobody.
  const sawNobody = later.outcome !== "done" && later.users.length === 0;
  const kept = earlier.users.filter((user) => !now.has(user.userName) && (sawNobody || user.steps.length > 0));
  const users = [...kept, ...later.users.map((user) => mergeUsers(before.get(user.userName), user))];
  const { summary: _, stuck: __, users: ___, ...report } = later;
  return countUsers(
    { ...report, caller: later.caller ?? earlier.caller, notes: [...new Set([...earlier.notes, ...later.notes])] },
    users.toSorted((a, b) => (a.userName < b.userName ? -1 : 1)),
  );
}

/** Keys stand as they were found first, and steps in the order in which they were taken. */
function mergeUsers(earlier: UserDocument | undefined, later: UserDocument): UserDocument {
  if (earlier === undefined || earlier.steps.length === 0) return later;
  const steps = [...earlier.steps, ...later.steps];
  // Another worker that was there at the same time may have seen, or tried, less than this one has done.
  if (earlier.outcome === "changed" && later.outcome !== "changed") return { ...earlier, steps };
  const { keys, planned } = earlier;
  return { ...later, readExactly: true, keys, planned, steps };
}

/** The users whom earlier workers of the run have changed: they are done. */
export const changedIn = (report: AccountDocument | null): ReadonlySet<string> =>
  new Set((report?.users ?? []).filter(({ outcome }) => outcome === "changed").map(({ userName }) => userName));
