import { findTag } from "../core/access-key.ts";
import { RECORD_TAG } from "../core/record.ts";
import type { Iam, RecordStore } from "../ports.ts";

/** Records in the users' own tags. They go where the user goes, and need no other service. */
export const recordsInTags = (iam: Iam): RecordStore => ({
  read: async (userName, tags) => findTag(tags ?? (await iam.listTags(userName)) ?? new Map(), RECORD_TAG),
  write: (userName, record) => iam.tagUser(userName, RECORD_TAG, record),
});
