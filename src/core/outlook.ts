import type { AccessKey, AccessKeyId, LastUse } from "./access-key.ts";
import { Facts, Gap, type Terms } from "./facts.ts";
import { retirementGate, stopsAt } from "./gates.ts";
import type { Observation } from "./observation.ts";
import { named } from "./record.ts";
import type { Instant } from "./time.ts";
import { nextOpening } from "./window.ts";

/** What lies ahead of one Active predecessor. */
export interface Outlook {
  readonly accessKeyId: AccessKeyId;
  readonly successor: AccessKeyId;
  /** When time alone stops it; null where it waits for somebody, and where that moment has passed. */
  readonly stopsAt: Instant | null;
  /** It would go, but is in use for longer than the policy finds normal. */
  readonly inUse: { readonly lastUse: LastUse | null } | null;
}

/**
 * What lies ahead of each Active predecessor whose successor was delivered, and is served everywhere that can be read. Empty
 * where that is not known.
 */
export function outlook(seen: Observation, terms: Terms, now: Instant): readonly Outlook[] {
  try {
    const facts = new Facts(seen, terms, now);
    const { record } = facts;
    if (record.phase !== "delivered" || isLeftAlone(facts, record.hold)) return [];
    const [successor] = named([record.new], facts.keys);
    if (successor?.status !== "Active") return [];
    if (facts.served().some(({ accessKeyId: id }) => id !== successor.accessKeyId)) return [];
    return named(record.old, facts.keys)
      .filter((key) => key !== successor && key.status === "Active")
      .map((predecessor) => lookAhead(facts, { successor, predecessor, since: record.at }));
  } catch (gap) {
    if (gap instanceof Gap) return [];
    throw gap;
  }
}

/** Nothing happens to this user by itself, so that nobody need be warned. */
function isLeftAlone({ terms, seen, now }: Facts, hold: Instant | "open" | null): boolean {
  const { exempt, doubt, policy } = terms;
  if (exempt !== null || doubt !== null || hold === "open" || (hold !== null && now < hold)) return true;
  return policy.humans === "exclude" && seen.hasPassword.kind === "known" && seen.hasPassword.value;
}

function lookAhead(
  facts: Facts,
  handover: { readonly successor: AccessKey; readonly predecessor: AccessKey; readonly since: Instant },
): Outlook {
  const { successor, predecessor } = handover;
  const gate = retirementGate(facts, handover);
  const at = stopsAt(facts, handover);
  const { window } = facts.terms;
  const opens = at === null || window === null ? at : (nextOpening(window, at) ?? at);
  return {
    accessKeyId: predecessor.accessKeyId,
    successor: successor.accessKeyId,
    stopsAt: opens !== null && opens > facts.now ? opens : null,
    inUse:
      !gate.open && gate.overdue && gate.code === "predecessor-in-use" ? { lastUse: facts.lastUse(predecessor) } : null,
  };
}
