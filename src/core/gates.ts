import type { AccessKey } from "./access-key.ts";
import { type Facts, LAST_USE_LAG, LEASE } from "./facts.ts";
import type { Policy } from "./policy.ts";
import type { ReasonCode } from "./reasons.ts";
import {
  age,
  days,
  type Duration,
  formatDay,
  formatDuration,
  type Instant,
  later,
  latest,
  milliseconds,
  roundDuration,
} from "./time.ts";

/** Whether a predecessor may go. A shut gate says why, and from when on it can open (null = that depends on somebody else). */
export type Gate =
  | { readonly open: true; readonly code: ReasonCode; readonly sentence: string }
  | {
      readonly open: false;
      readonly code: ReasonCode;
      readonly sentence: string;
      readonly at: Instant | null;
      /** A person must be told: it waits for somebody, longer than the policy finds normal. */
      readonly overdue: boolean;
    };

interface Handover {
  /** The new key, delivered at `since`. */
  readonly successor: AccessKey;
  readonly predecessor: AccessKey;
  readonly since: Instant;
}

/** How long a key that is Active again, and in use, is left alone where the policy would switch it off at once. */
const REACTIVATED = days(7);

/** May an Active predecessor be deactivated, or deleted where the policy never deactivates? */
export function retirementGate(facts: Facts, handover: Handover): Gate {
  const rule = facts.terms.policy.deactivate;
  const { successor, predecessor, since } = handover;
  switch (rule.when) {
    case "delivered": {
      // The turn that made the key recorded its delivery. A record written by a later one was written anew, because the old key was
      // Active again. Somebody may want it back; or our own attempt failed: then consumers who look again only when they are
      // refused use it for good.
      if (since > later(successor.createDate, LEASE)) {
        const use = facts.lastUse(predecessor);
        const patience = later(since, REACTIVATED);
        const shown = later(since, LAST_USE_LAG);
        if (use !== null && use.at > since && facts.now < patience)
          return inUse(facts, predecessor, patience, facts.now);
        if (facts.now < shown) return inUse(facts, predecessor, shown, shown); // a use since then may not be shown yet
      }
      return opened("superseded", `${successor.accessKeyId} was delivered and signs in`);
    }
    case "after":
      return afterGate(facts, handover, rule.after, "superseded");
    case "never":
      return deletionGate(facts, handover);
    case "superseded": {
      const remind = later(since, rule.remindAfter);
      const use = facts.usedByOthers(successor);
      const old = facts.lastUse(predecessor);
      if (use === null || use.at <= since) return unusedYet(facts, successor, since, remind);
      const quietFrom = later(quietSince(facts, handover), LAST_USE_LAG);
      if (old !== null && old.at >= use.at) return inUse(facts, predecessor, null, remind);
      if (facts.now < quietFrom) return inUse(facts, predecessor, quietFrom, remind);
      return opened("superseded", `${successor.accessKeyId} was used after ${predecessor.accessKeyId}`);
    }
    case "idle": {
      const remind = later(since, rule.remindAfter);
      const lastDate = rule.atLatest === "never" ? null : later(deliveredSince(facts, handover), rule.atLatest);
      if (rule.atLatest !== "never" && lastDate !== null && facts.now >= lastDate) {
        return opened(
          "at-latest",
          `${predecessor.accessKeyId} has had ${roundDuration(rule.atLatest)} since the delivery`,
        );
      }
      const use = facts.usedByOthers(successor);
      if (use === null || use.at <= since) return unusedYet(facts, successor, since, remind, lastDate);
      const quietFrom = later(quietSince(facts, handover), milliseconds(rule.for + LAST_USE_LAG));
      if (facts.now < quietFrom) {
        const next = lastDate !== null && lastDate < quietFrom ? lastDate : quietFrom;
        return inUse(facts, predecessor, next, remind);
      }
      return opened(
        "superseded",
        `${successor.accessKeyId} is in use and ${predecessor.accessKeyId} has been quiet for ${roundDuration(rule.for)}`,
      );
    }
  }
}

/**
 * The moment from which on time alone stops an Active predecessor, whoever still uses it. Null where the policy waits for
 * consumers, keeps old keys, or stops them at once.
 */
export function stopsAt(facts: Facts, handover: Handover): Instant | null {
  const { deactivate, delete: remove } = facts.terms.policy;
  switch (deactivate.when) {
    case "after":
      return later(deliveredSince(facts, handover), deactivate.after);
    case "idle":
      return deactivate.atLatest === "never" ? null : later(deliveredSince(facts, handover), deactivate.atLatest);
    case "superseded":
    case "delivered":
      return null;
    case "never":
      if (remove.when === "never") return null;
      return remove.when === "after"
        ? later(deliveredSince(facts, handover), remove.after)
        : latest(later(deliveredSince(facts, handover), remove.overlap), facts.dueAt(handover.successor));
  }
}

/** What the gate waits for besides time, as the end of a sentence; empty where time alone opens it. */
export function retirementTerms({ deactivate, delete: remove }: Policy, { accessKeyId: id }: AccessKey): string {
  switch (deactivate.when) {
    case "idle":
      return ` once ${id} is in use and the old key was quiet for ${formatDuration(deactivate.for)}`;
    case "superseded":
      return ` once ${id} was used after it`;
    case "after":
    case "delivered":
      return "";
    case "never":
      return remove.when === "next-rotation" ? ` when ${id} is itself replaced` : "";
  }
}

/** May a predecessor that the policy never deactivates be deleted while it is Active? */
function deletionGate(facts: Facts, handover: Handover): Gate {
  const rule = facts.terms.policy.delete;
  const { successor, predecessor } = handover;
  if (rule.when === "never") return shut("overlap", "the policy keeps old keys", null, false);
  const gate =
    rule.when === "after"
      ? afterGate(facts, handover, rule.after, "expired")
      : afterGate(facts, handover, rule.overlap, "makes-room");
  if (!gate.open) return gate;
  if (rule.when === "next-rotation" && !facts.isDue(successor)) {
    return shut("overlap", `it stays until ${successor.accessKeyId} is itself due`, facts.dueAt(successor), false);
  }
  const use = facts.lastUse(predecessor);
  const quietFrom = use === null ? facts.now : later(use.at, milliseconds(rule.quiet + LAST_USE_LAG));
  if (use === null || facts.now >= quietFrom) return gate;
  // Whoever used it while it had its time may have switched since; whoever used it after that is said aloud.
  const timeIsOver = later(deliveredSince(facts, handover), rule.when === "after" ? rule.after : rule.overlap);
  return inUse(facts, predecessor, quietFrom, use.at >= timeIsOver ? facts.now : quietFrom);
}

/** May a predecessor that we made Inactive at `since` be deleted? */
export function retentionGate(facts: Facts, successor: AccessKey | null, predecessor: AccessKey, since: Instant): Gate {
  const rule = facts.terms.policy.delete;
  if (rule.when === "never") return shut("retention", "the policy never deletes", null, false);
  const from = later(since, rule.when === "after" ? rule.after : rule.overlap);
  if (facts.now < from)
    return shut("retention", `${predecessor.accessKeyId} has been Inactive since ${formatDay(since)}`, from, false);
  if (rule.when === "next-rotation" && successor !== null && !facts.isDue(successor)) {
    return shut("retention", `it stays until ${successor.accessKeyId} is due`, facts.dueAt(successor), false);
  }
  return opened("retention-over", `${predecessor.accessKeyId} has been Inactive since ${formatDay(since)}`);
}

/** The latest event that starts the waiting anew: the delivery, and any later write to a readable destination. */
const deliveredSince = (facts: Facts, { since }: Handover): Instant => latest(since, facts.lastWrite());

const quietSince = (facts: Facts, handover: Handover): Instant =>
  latest(deliveredSince(facts, handover), facts.lastUse(handover.predecessor)?.at ?? null);

function afterGate(facts: Facts, handover: Handover, span: Duration, code: ReasonCode): Gate {
  const from = later(deliveredSince(facts, handover), span);
  const { accessKeyId: id } = handover.successor;
  if (facts.now < from)
    return shut("overlap", `${id} was delivered ${roundDuration(age(handover.since, facts.now))} ago`, from, false);
  return opened(code, `${id} was delivered ${roundDuration(age(handover.since, facts.now))} ago`);
}

const opened = (code: ReasonCode, sentence: string): Gate => ({ open: true, code, sentence });

const shut = (code: ReasonCode, sentence: string, at: Instant | null, overdue: boolean): Gate => ({
  open: false,
  code,
  sentence,
  at,
  overdue,
});

/** `at` = when the gate opens all the same; null where it does not. */
function unusedYet(
  facts: Facts,
  successor: AccessKey,
  since: Instant,
  remind: Instant,
  at: Instant | null = null,
): Gate {
  const sentence = `nobody but keyturn has used ${successor.accessKeyId} since it was delivered on ${formatDay(since)}`;
  return shut("successor-unused", sentence, at, facts.now >= remind);
}

function inUse(facts: Facts, predecessor: AccessKey, at: Instant | null, remind: Instant): Gate {
  const use = facts.lastUse(predecessor);
  const sentence =
    use === null
      ? `${predecessor.accessKeyId} must stay quiet for a while first`
      : `${predecessor.accessKeyId} was last used ${formatDay(use.at)} with ${use.service} in ${use.region}`;
  return shut("predecessor-in-use", sentence, at, facts.now >= remind);
}
