import type { Parts } from "../../compose.ts";
import { type AccessKeyId, KEYS_PER_USER } from "../../core/access-key.ts";
import { CallError, type Iam } from "../../ports.ts";

/**
 * The same parts, where a key that makes room for the next one is deleted only when as much as can be known says that the next
 * one is possible. IAM has no third slot, so the older key must go before its place is taken; what would make the creation fail
 * is found out before that.
 *
 * A user's own key may be rotated, as ever: the run is signed with the key that is current, which stays. It is never deleted.
 */
export function makingRoomWithCare(parts: Parts): Parts {
  const { iam, caller } = parts;
  const slotsTaken = new Map<string, number>();
  const made = new Set<AccessKeyId>();
  return {
    ...parts,
    caller: { ...caller, accessKeyId: null },
    iam: {
      ...iam,
      listAccessKeys: async (userName) => {
        const keys = await iam.listAccessKeys(userName);
        slotsTaken.set(userName, keys?.length ?? 0);
        return keys;
      },
      createAccessKey: async (userName) => {
        const pair = await iam.createAccessKey(userName);
        made.add(pair.accessKeyId);
        return pair;
      },
      deleteAccessKey: async (userName, id) => {
        if (id === caller.accessKeyId)
          throw new CallError("refused", "iam:DeleteAccessKey", `user/${userName}`, "OwnKey", `${id} signs this run`);
        // What this run made itself, and takes back, makes room for nothing.
        const makesRoom = !made.has(id) && (slotsTaken.get(userName) ?? 0) >= KEYS_PER_USER;
        if (makesRoom) await proveCreatable(iam, userName);
        await iam.deleteAccessKey(userName, id);
      },
    },
  };
}

/**
 * Asks for a key where there is no room for one. `LimitExceeded` is the good answer: permission, user and service are there, and
 * only room is missing. Any other error is the one that the creation would have met after the deletion.
 */
async function proveCreatable(iam: Iam, userName: string): Promise<void> {
  let id: AccessKeyId;
  try {
    ({ accessKeyId: id } = await iam.createAccessKey(userName));
  } catch (error) {
    if (error instanceof CallError && error.code.startsWith("LimitExceeded")) return;
    throw error;
  }
  // Somebody freed a slot in this very second. No intent stands behind this key and nobody has it: it goes, and the turn ends.
  await iam.deleteAccessKey(userName, id);
  throw new CallError(
    "refused",
    "iam:DeleteAccessKey",
    `user/${userName}`,
    "SlotFree",
    "a slot came free meanwhile, so nothing needs to be deleted",
  );
}
