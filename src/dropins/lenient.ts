import type { AccessKeyId } from "../core/access-key.ts";
import { RECORD_TAG } from "../core/record.ts";
import type { Parts } from "../compose.ts";
import { CallError, type Iam, type RecordStore } from "../ports.ts";

/** What goes without a permission that only keyturn asks for, and what to grant. */
const COSTS: Readonly<Record<string, string>> = {
  "iam:TagUser": `the record of each rotation is kept in memory: a second run at the same time is not noticed, and a crash is not healed by the next run; grant iam:TagUser with the condition aws:TagKeys = ${RECORD_TAG}`,
  "iam:ListUserTags":
    "what earlier runs recorded is not seen: another run at work is not noticed, and a crash is not healed by the next run; grant iam:ListUserTags",
  "iam:GetAccessKeyLastUsed":
    "nobody can tell whether a key is in use: each counts as never used, so one that is in use may be retired; grant iam:GetAccessKeyLastUsed",
  "iam:GetLoginProfile":
    "people are not told from machines: no user counts as having a console password; grant iam:GetLoginProfile",
  "iam:GetUser": "a user that is named is looked for among all users; grant iam:GetUser",
};

/**
 * The same parts for a drop-in, whose users granted what the tool before it asked for, and no more. Where AWS *denies* a
 * question that only keyturn asks, it is answered as that tool would have assumed, and `warn` is told once per action what
 * that costs. A question that *failed* stays failed: the user waits.
 */
export function lenient(parts: Parts, warn: (message: string) => void): Parts {
  const warned = new Set<string>();
  const excuse = <T>(error: unknown, instead: T): T => {
    if (!isDenied(error)) throw error;
    const { action } = error;
    if (!warned.has(action)) warn(`${action} is denied: ${COSTS[action] ?? "it goes on without"}`);
    warned.add(action);
    return instead;
  };
  /** Users whose tags must not be read: their record is only in memory. */
  const unseen = new Set<string>();
  return {
    ...parts,
    iam: lenientIam(parts.iam, excuse, unseen),
    records: lenientRecords(parts.records, excuse, unseen),
  };
}

/** Answers `instead` where the error is a denial, after a warning; throws the error where it is none. */
type Excuse = <T>(error: unknown, instead: T) => T;

const isDenied = (error: unknown): error is CallError => error instanceof CallError && error.kind === "denied";

function lenientIam(iam: Iam, excuse: Excuse, unseen: Set<string>): Iam {
  /** AWS denies the last use of a key that it does not know, too. Only for a listed key that means that the permission lacks. */
  const listed = new Set<AccessKeyId>();
  return {
    ...iam,
    getUser: async (userName) => {
      try {
        return await iam.getUser(userName);
      } catch (error) {
        excuse(error, null);
        return (await iam.listUsers("/")).find((user) => user.userName === userName) ?? null;
      }
    },
    listAccessKeys: async (userName) => {
      const keys = await iam.listAccessKeys(userName);
      for (const key of keys ?? []) listed.add(key.accessKeyId);
      return keys;
    },
    listTags: async (userName) => {
      try {
        return await iam.listTags(userName);
      } catch (error) {
        const none = excuse(error, new Map<string, string>());
        unseen.add(userName);
        return none;
      }
    },
    lastUse: async (id) => {
      try {
        return await iam.lastUse(id);
      } catch (error) {
        if (!listed.has(id)) throw error;
        return excuse(error, { userName: null, use: null });
      }
    },
    hasPassword: async (userName) => {
      try {
        return await iam.hasPassword(userName);
      } catch (error) {
        return excuse(error, false);
      }
    },
  };
}

/**
 * A record that could not be written, or cannot be read back, is remembered for this run. It is believed as long as the one that
 * AWS shows is the one that it was to replace: a newer one is another run's, and stands.
 */
function lenientRecords(records: RecordStore, excuse: Excuse, unseen: Set<string>): RecordStore {
  const shown = new Map<string, string | null>();
  const remembered = new Map<string, { readonly record: string; readonly over: string | null }>();
  const readShown = async (...[userName, tags]: Parameters<RecordStore["read"]>): Promise<string | null> => {
    if (unseen.has(userName)) return null;
    try {
      return await records.read(userName, tags);
    } catch (error) {
      const none = excuse(error, null);
      unseen.add(userName);
      return none;
    }
  };
  return {
    read: async (userName, tags) => {
      const text = await readShown(userName, tags);
      const own = remembered.get(userName);
      if (own !== undefined && own.over === text) return own.record;
      shown.set(userName, text);
      return text;
    },
    write: async (userName, record) => {
      try {
        await records.write(userName, record);
        if (!unseen.has(userName)) return;
      } catch (error) {
        excuse(error, null);
      }
      const over = remembered.get(userName)?.over ?? shown.get(userName) ?? null;
      remembered.set(userName, { record, over });
    },
  };
}
