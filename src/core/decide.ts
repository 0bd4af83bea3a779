import type { UserDecision, Verdict } from "./decision.ts";
import { Facts, Gap, LEASE, type Terms } from "./facts.ts";
import { describeKeys } from "./key-decisions.ts";
import type { Fact, Observation, Reading } from "./observation.ts";
import { afterCreating, afterDelivered, afterDelivering } from "./recorded.ts";
import { age, formatInstant, type Instant, later, roundDuration } from "./time.ts";
import { withoutRecord } from "./unrecorded.ts";
import { isOpen, nextOpening, windowWords } from "./window.ts";
import { blocked, still, waiting } from "./verdicts.ts";

/*
 * The life of a key, and what moves it on. Every arrow is one turn: observe, decide, perform, record.
 *
 *      CreateAccessKey          secret safe,             every destination
 *      after an intent          signs in                 has it, recorded
 *   ──────────► created ──────────────────► delivering ──────────────────► CURRENT
 *                  │ died, stored nowhere,       │ died: delivered again        │ older than rotateAfter:
 *                  │ used by nobody              └────────►(resume)             │ a successor is created,
 *                  ▼                                                            │ delivered, recorded
 *               removed (orphan)                                                ▼
 *                                                                          PREDECESSOR ◄──┐ a person
 *               deleted ◄───────────── Inactive ◄───────────────────────────────┘         │ made it Active
 *                        kept as long            gate open: successor used by others,     │ again
 *                        as delete says          predecessor quiet, not served            │
 *                                                └────────────────────────────────────────┘
 *
 * What a person does in between (an Inactive key, an older value written back, a key more) is reported and stands.
 */

/**
 * Decides what to do for one user. Pure: the same observation, terms and moment give the same decision. The first row of the
 * table that fits wins. A fact that was denied, or whose reading failed, ends in waiting; one that was never read is a
 * mistake of the caller, who asks {@link missingFacts} first: then it throws.
 */
export function decide(seen: Observation, terms: Terms, now: Instant): UserDecision {
  const verdict = withGaps(seen, terms, now);
  if (verdict instanceof Gap) throw verdict;
  return { userName: seen.user.userName, ...verdict, keys: describeKeys(seen, terms, now, verdict) };
}

/** The facts that must be read before {@link decide} can answer; empty where it can. */
export function missingFacts(seen: Observation, terms: Terms, now: Instant): readonly Fact[] {
  const verdict = withGaps(seen, terms, now);
  return verdict instanceof Gap ? verdict.facts : [];
}

/**
 * Since when another turn may be at work on this user: the date of an open record or of a key, younger than the lease, whose
 * runner is not proved dead. Null where none is, and where nobody could read it.
 */
export function atWorkSince(seen: Observation, terms: Terms, now: Instant): Instant | null {
  try {
    return new Facts(seen, terms, now).youngest();
  } catch (gap) {
    if (!(gap instanceof Gap)) throw gap;
    return null;
  }
}

function denied({ action, resource, byOrganization }: Extract<Reading<unknown>, { kind: "denied" }>): Verdict {
  const sentence = `${action} on ${resource} is denied`;
  return byOrganization === true
    ? blocked("scp-denied", `${sentence} by a policy of the organization`, null, {
        what: "whoever manages the organization has to except keyturn's role from that policy, or the account is left out",
        at: null,
      })
    : blocked("read-denied", sentence, ["policy"]);
}

function withGaps(seen: Observation, terms: Terms, now: Instant): Verdict | Gap {
  try {
    return judge(new Facts(seen, terms, now));
  } catch (gap) {
    if (!(gap instanceof Gap)) throw gap;
    switch (gap.reading.kind) {
      case "unread":
        return gap;
      case "denied":
        return denied(gap.reading);
      case "unusable":
        return blocked("destination-unusable", gap.reading.message, null, {
          what: gap.reading.hint ?? "put it right there, or give another target",
          at: null,
        });
      case "failed":
        return still("unknown", "read-failed", `${gap.reading.action} failed: ${gap.reading.message}`, {
          what: "the next run asks again",
          at: null,
        });
    }
  }
}

function judge(facts: Facts): Verdict {
  const verdict = leftAlone(facts) ?? contradicted(facts) ?? table(certain(facts));
  if (verdict.standing !== "act" && verdict.standing !== "blocked") return verdict;
  if (facts.terms.policy.humans === "exclude" && !facts.terms.asked && facts.hasPassword()) {
    return {
      ...still("left-alone", "human", `${facts.userName} has a console password`),
      command: ["rotate", facts.userName],
    };
  }
  return ownKey(facts, verdict) ?? homeless(facts, verdict) ?? outsideWindow(facts, verdict) ?? verdict;
}

/** Rules that met in this user contradict each other, or a tag of the user goes too far: nobody else is kept from their turn by that. */
function contradicted({ terms: { doubt } }: Facts): Verdict | null {
  if (doubt === null || doubt.kind !== "unusable") return null;
  const isTag = doubt.isTag === true;
  const what = doubt.hint ?? (isTag ? "correct the tag" : "let only one of these rules fit the user");
  return blocked(isTag ? "tag-unusable" : "settings-contradict", doubt.message, null, { what, at: null });
}

/** Where it is not known what holds for the user, nothing is decided: an exemption may be among it. */
function certain(facts: Facts): Facts {
  if (facts.terms.doubt !== null) throw new Gap([], facts.terms.doubt);
  return facts;
}

function leftAlone({ terms, record, now, userName }: Facts): Verdict | null {
  if (terms.exempt !== null) return still("left-alone", "exempt", terms.exempt);
  if (/^BedrockAPIKey-/i.test(userName))
    return still("left-alone", "bedrock-user", `${userName} belongs to Amazon Bedrock`);
  if (!("hold" in record) || record.hold === null) return null;
  if (record.hold === "open")
    return {
      ...still("left-alone", "on-hold", "on hold until somebody resumes it"),
      command: ["resume", userName],
    };
  if (now >= record.hold) return null;
  const until = { what: "the hold ends", at: record.hold };
  return {
    ...still("left-alone", "on-hold", `on hold until ${formatInstant(record.hold)}`, until),
    command: ["resume", userName],
  };
}

/**
 * A run must not pull the rug from under itself: the key that signs it is never retired by it, and gets a successor only where
 * later runs find that successor in its place.
 */
function ownKey(facts: Facts, { action }: Verdict): Verdict | null {
  const { signedBy } = facts.seen;
  if (action === null || signedBy === null || !facts.keys.some((key) => key.accessKeyId === signedBy)) return null;
  const sentence = `this run is signed with ${signedBy}, a key of ${facts.userName}`;
  if (action.kind === "rotate") {
    if (facts.switchesOver()) return null;
    const what =
      "switch it over with keyturn rotate --self --profile NAME, or run with another identity, such as a role";
    return blocked("own-key", sentence, null, { what, at: null });
  }
  // To finish the delivery of the very key that signs, or its record, heals a run that died in the middle of a switch-over.
  const retires = action.kind === "deactivate" || action.kind === "delete" || action.kind === "remove-orphan";
  if (!retires || action.key !== signedBy) return null;
  return blocked("own-key", sentence, null, {
    what: "run it with the key that has taken its place, or with another identity, such as a role",
    at: null,
  });
}

/**
 * Nothing is made, retired or removed for a user of whom this run does not know where its keys are served: what looks like
 * an orphan may be in use at a destination that an earlier run was given.
 */
function homeless(facts: Facts, { action, sentence }: Verdict): Verdict | null {
  if (!facts.terms.needsDestination || facts.seen.destinations.length > 0) return null;
  if (action === null || action.kind === "clear-escrow") return null;
  return blocked("no-destination", `${sentence}, but no destination is given`, [
    "run",
    "--user",
    facts.userName,
    "--deliver",
    "KIND:TARGET",
  ]);
}

/**
 * Steps that consumers notice wait for the window, unless a person asks for them now: a new key is served, an Active one goes.
 * What only tidies up, and what deletes a key that is Inactive already, does not.
 */
function outsideWindow(facts: Facts, { action, sentence }: Verdict): Verdict | null {
  const { window, asked } = facts.terms;
  if (window === null || action === null || isOpen(window, facts.now)) return null;
  const isNoticed =
    action.kind === "rotate" || action.kind === "resume"
      ? !asked
      : (action.kind === "deactivate" || action.kind === "delete") &&
        facts.active.some((key) => key.accessKeyId === action.key);
  if (!isNoticed) return null;
  return waiting("outside-window", `${sentence}; the window is shut (${windowWords(window)})`, {
    what: "the window opens",
    at: nextOpening(window, facts.now),
  });
}

function table(facts: Facts): Verdict {
  const { record, now } = facts;
  if (record.phase === "garbage" || record.phase === "later-version") {
    const whose = record.phase === "garbage" ? "is not one that keyturn writes" : "was written by a newer keyturn";
    return unreadable(facts, `the tag keyturn:rotation ${whose}`);
  }
  if ("at" in record && record.at > now + LEASE) {
    return unreadable(facts, `the tag keyturn:rotation is dated ${formatInstant(record.at)}, in the future`);
  }
  const young = facts.youngest();
  if (young !== null) {
    const at = later(young, LEASE);
    return waiting("turn-in-progress", `something changed ${roundDuration(age(young, now))} ago`, {
      what: "the next run looks again",
      at,
    });
  }
  switch (record.phase) {
    case "creating":
      return afterCreating(facts, record) ?? withoutRecord(facts);
    case "delivering":
      return afterDelivering(facts, record) ?? withoutRecord(facts);
    case "delivered":
    case "retiring":
      return afterDelivered(facts, record) ?? withoutRecord(facts);
    case "held":
    case "none":
      return withoutRecord(facts);
  }
}

function unreadable(facts: Facts, sentence: string): Verdict {
  return blocked("record-unreadable", sentence, ["status", facts.userName], {
    what: `if nothing of it is wanted, remove it: aws iam untag-user --user-name ${facts.userName} --tag-keys keyturn:rotation`,
    at: null,
  });
}
