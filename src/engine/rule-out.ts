import type { AccessKeyId } from "../core/access-key.ts";
import type { UserDecision } from "../core/decision.ts";
import { type Observation, type Reading, unread } from "../core/observation.ts";
import { EXACT_WITHIN_DAYS, type RuledOut, sift } from "../core/sift.ts";
import { age, formatDuration, type Instant, roundDuration } from "../core/time.ts";
import type { Finding } from "./limits.ts";
import type { Subject } from "./world.ts";

/**
 * What is found of a user that a listing of the whole account rules out, without a call of its own; null where the user has to be
 * read exactly: also where a person asked for it, where it is not known what holds for it, and where the escrow holds a secret of it.
 */
export function ruleOut(subject: Subject, escrow: Reading<readonly AccessKeyId[]>, now: Instant): Finding | null {
  const { listed, terms, user } = subject;
  if (listed === undefined || terms.asked || terms.doubt !== null) return null;
  if (escrow.kind === "known" && escrow.value.length > 0) return null;
  const why = sift(listed, listed.record, listed.reported, terms.policy, now);
  if (why === null) return null;
  const decision: UserDecision = {
    userName: user.userName,
    standing: "settled",
    action: null,
    code: why,
    sentence: sentenceFor(why, subject, now),
    next: null,
    command: null,
    keys: [],
  };
  return { subject, seen: nothingSeen(subject, now), decision, ruledOut: why };
}

function sentenceFor(why: RuledOut, { user, listed, terms }: Subject, now: Instant): string {
  const [slot] = listed?.reported?.slots ?? [];
  switch (why) {
    case "no-keys":
      return `${user.userName} has no access key`;
    case "young-user":
      return `${user.userName} is ${listed?.createDate === null || listed === undefined ? "" : roundDuration(age(listed.createDate, now))} old, and keys may be ${formatDuration(terms.policy.rotateAfter)}`;
    case "looks-young":
      return `its key was created, or switched on, ${slot === undefined ? "" : roundDuration(age(slot.changedAt, now))} ago; it is read exactly once in ${EXACT_WITHIN_DAYS} days`;
  }
}

const nothingSeen = ({ user }: Subject, at: Instant): Observation => ({
  user,
  at,
  tags: unread,
  keys: unread,
  record: unread,
  lastUse: new Map(),
  hasPassword: unread,
  destinations: [],
  escrow: unread,
  owners: new Map(),
  ownerDead: false,
  signedBy: null,
});
