import type { AccessKey, AccessKeyId } from "./access-key.ts";
import { decide, missingFacts } from "./decide.ts";
import type { Action, UserDecision } from "./decision.ts";
import type { Terms } from "./facts.ts";
import { known, type Observation } from "./observation.ts";
import { printRecord, type RotationRecord } from "./record.ts";
import type { Instant } from "./time.ts";

/** Stands for a key that does not exist yet. */
export const FUTURE_KEY = "FUTUREACCESSKEY0" as AccessKeyId; // of valid form, and no id of AWS's

/**
 * A step that only makes room, or only tidies up, is followed at once by the next; this bounds how often. One that writes the
 * record is not: as long as the record is younger than the lease, every run waits, the one that wrote it too.
 */
export const STEPS_PER_RUN = 3;
const LEADS_ON: readonly Action["kind"][] = ["delete", "remove-orphan", "clear-escrow"];

/** The steps that one run takes for a user, as far as they can be told beforehand: the decision's own, and what it leads on to. */
export function stepsAhead(seen: Observation, terms: Terms, decision: UserDecision, now: Instant): readonly Action[] {
  const steps: Action[] = [];
  let [state, { action }]: [Observation, { action: Action | null }] = [seen, decision];
  while (action !== null && steps.length < STEPS_PER_RUN) {
    steps.push(action);
    const next = after(state, terms, action, now);
    if (next === "unknown") break;
    state = project(state, action, now, FUTURE_KEY);
    action = next;
  }
  return steps;
}

/** Whether the same run goes on with a further step after this one, or has to look to find out. */
export const leadsOn = (seen: Observation, terms: Terms, action: Action, now: Instant): boolean =>
  after(seen, terms, action, now) !== null;

function after(seen: Observation, terms: Terms, action: Action, now: Instant): Action | null | "unknown" {
  if (!LEADS_ON.includes(action.kind)) return null;
  const state = project(seen, action, now, FUTURE_KEY);
  return missingFacts(state, terms, now).length > 0 ? "unknown" : decide(state, terms, now).action;
}

/**
 * What the next run would see once `action` was performed at `now`: for plans and reports, which tell what comes after.
 * `created` = the id of the key that a rotation made, or a stand-in for it.
 */
export function project(seen: Observation, action: Action, now: Instant, created: AccessKeyId): Observation {
  const common = { at: now, nonce: "projected", hold: null };
  switch (action.kind) {
    case "rotate": {
      const key: AccessKey = { accessKeyId: created, status: "Active", createDate: now };
      const grown = { ...seen, keys: known([...keysOf(seen), key]) };
      return served(
        withRecord(grown, { phase: "delivered", ...common, new: created, old: action.known }),
        created,
        now,
      );
    }
    case "resume":
      return served(
        withRecord(seen, { phase: "delivered", ...common, new: action.key, old: action.known }),
        action.key,
        now,
      );
    case "mark-delivered":
      return withRecord(seen, { phase: "delivered", ...common, new: action.key, old: action.old });
    case "clear-escrow":
      return {
        ...seen,
        escrow: seen.escrow.kind === "known" ? known(seen.escrow.value.filter((id) => id !== action.key)) : seen.escrow,
      };
    case "deactivate": {
      const keys = keysOf(seen).map((key): AccessKey =>
        key.accessKeyId === action.key ? { ...key, status: "Inactive" } : key,
      );
      return withRecord(
        { ...seen, keys: known(keys) },
        { phase: "retiring", ...common, new: action.successor, old: [action.key, ...action.others] },
      );
    }
    case "delete":
    case "remove-orphan":
      return { ...seen, keys: known(keysOf(seen).filter((key) => key.accessKeyId !== action.key)) };
  }
}

const keysOf = (seen: Observation): readonly AccessKey[] => (seen.keys.kind === "known" ? seen.keys.value : []);

const withRecord = (seen: Observation, record: RotationRecord): Observation => ({
  ...seen,
  record: known(printRecord(record)),
  ownerDead: true,
});

function served(seen: Observation, id: AccessKeyId, now: Instant): Observation {
  const destinations = seen.destinations.map((each) => {
    if (!each.readable) return each;
    const before =
      each.served.kind === "known" && each.served.value.accessKeyId !== null ? [each.served.value.accessKeyId] : [];
    return {
      ...each,
      served: known({ accessKeyId: id, writtenAt: now }),
      past: known({ pending: null, history: before }),
    };
  });
  return { ...seen, destinations, lastUse: new Map([...seen.lastUse, [id, known(null)]]), escrow: known([]) };
}
