import { type AccessKeyId, byAge } from "../core/access-key.ts";
import { decide, missingFacts } from "../core/decide.ts";
import type { UserDecision } from "../core/decision.ts";
import { LEASE, type Terms } from "../core/facts.ts";
import type { Observation } from "../core/observation.ts";
import { FUTURE_KEY, project, stepsAhead } from "../core/project.ts";
import type { KeyReport, StepReport, UserOutcome, UserReport } from "../core/result.ts";
import { type Instant, later } from "../core/time.ts";
import type { Chosen, Finding } from "./limits.ts";
import type { TurnReport } from "./take-turn.ts";

/** A user of whom this run changed nothing. */
export function reportFinding(finding: Finding, outcome: UserOutcome, now: Instant): UserReport {
  const { subject, seen, decision } = finding;
  const { code, sentence, next, command } = decision;
  return {
    ...frame(finding),
    outcome,
    code,
    sentence,
    next,
    command,
    planned: stepsAhead(seen, subject.terms, decision, now),
    steps: [],
  };
}

export function outcomeUntouched(finding: Finding, chosen: Chosen | null): UserOutcome {
  if (chosen?.deferred.includes(finding) === true) return "deferred";
  if (chosen?.unplanned.includes(finding) === true) return "not-in-plan";
  const { standing } = finding.decision;
  if (standing === "unknown") return "failed";
  return standing === "act" ? "due" : standing;
}

/** A user at whom turns were taken: what was done, and what the next run will find. */
export function reportTurns(finding: Finding, turns: readonly TurnReport[], now: Instant): UserReport {
  const { terms } = finding.subject;
  const last = turns.at(-1);
  const planned = stepsAhead(finding.seen, terms, finding.decision, now);
  const steps = turns.flatMap(({ decision, outcome }): readonly StepReport[] => {
    if (outcome === null || decision.action === null) return [];
    if (outcome.kind === "done")
      return [
        {
          action: outcome.action,
          result: "done",
          created: outcome.created,
          sentence: decision.sentence,
          hint: null,
        },
      ];
    const hint = outcome.kind === "failed" ? outcome.hint : null;
    return [{ action: decision.action, result: outcome.kind, created: null, sentence: outcome.sentence, hint }];
  });
  const base = { ...frame(finding), planned, steps };
  if (last === undefined || last.outcome === null) {
    const decision = last?.decision ?? finding.decision;
    return {
      ...base,
      ...words(decision),
      outcome: outcomeUntouched({ ...finding, decision }, null),
      sentence: `it changed meanwhile: ${decision.sentence}`,
    };
  }
  if (last.outcome.kind !== "done") {
    const failed = last.outcome.kind === "failed";
    const hint = last.outcome.kind === "failed" ? last.outcome.hint : null;
    const code = (last.outcome.kind === "failed" ? last.outcome.code : undefined) ?? last.decision.code;
    const next = { what: hint ?? "the next run looks again", at: null };
    return {
      ...base,
      outcome: failed ? "failed" : "waiting",
      code,
      sentence: last.outcome.sentence,
      next,
      command: null,
    };
  }
  const { action, created } = last.outcome;
  const after = foresee(project(last.seen, action, now, created ?? FUTURE_KEY), terms, now);
  const { code, sentence } = last.decision;
  return {
    ...base,
    outcome: "changed",
    code,
    sentence,
    next: after?.next ?? last.decision.next,
    command: after?.command ?? null,
  };
}

/** How a user stands after its turns, as far as this run knows. */
export function stateAfter({ seen: found, subject }: Finding, turns: readonly TurnReport[]): Observation {
  const last = turns.at(-1);
  if (last?.outcome?.kind !== "done") return last?.seen ?? found;
  const { seen } = last;
  const { action, created } = last.outcome;
  const state = project(seen, action, seen.at, created ?? FUTURE_KEY);
  if (subject.terms.policy.deactivate.when !== "delivered") return state;
  if (action.kind !== "rotate" && action.kind !== "resume") return state;
  // This policy switches a predecessor off in the turn that delivers.
  const isActive = (id: AccessKeyId) =>
    seen.keys.kind === "known" && seen.keys.value.some((key) => key.accessKeyId === id && key.status === "Active");
  const [key, ...others] = action.known.filter((id) => id !== seen.signedBy && isActive(id));
  const successor = action.kind === "rotate" ? created : action.key;
  return key === undefined || successor === null
    ? state
    : project(state, { kind: "deactivate", key, successor, others }, seen.at, successor);
}

const words = ({ code, next, command }: UserDecision) => ({ code, next, command });

function frame({ subject, seen, decision, ruledOut }: Finding) {
  const keys = byAge(seen.keys.kind === "known" ? seen.keys.value : []).map((key): KeyReport => {
    const judged = decision.keys.find((each) => each.accessKeyId === key.accessKeyId);
    const reading = seen.lastUse.get(key.accessKeyId);
    const { role, code, sentence, next } = judged ?? {
      role: "unexplained",
      code: decision.code,
      sentence: decision.sentence,
      next: null,
    };
    return {
      ...key,
      role,
      code,
      sentence,
      next,
      lastUse: reading?.kind === "known" ? reading.value : "unread",
    };
  });
  return {
    userName: subject.user.userName,
    path: subject.user.path,
    keys,
    destinations: subject.destinations.map((each) => each.label),
    ...(ruledOut === undefined ? {} : { ruledOut }),
    ...(subject.notes === undefined || subject.notes.length === 0 ? {} : { notes: subject.notes }),
  };
}

/** What the first run after the lease will decide; null where that takes facts that nobody has read. */
function foresee(seen: Observation, terms: Terms, now: Instant): UserDecision | null {
  const then = later(now, LEASE);
  return missingFacts(seen, terms, then).length > 0 ? null : decide(seen, terms, then);
}
