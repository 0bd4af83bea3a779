import type { Policy } from "../../src/core/policy.ts";
import type { UserReport } from "../../src/core/result.ts";
import { usableUntil } from "./monitor.ts";
import { consume } from "./people.ts";
import { clone, disturb, type ModelKey, type State } from "./state.ts";
import { plus, type Story } from "./story.ts";

/* What is between two runs: time, and consumers. */

export const SOON = 30_000;
export const NEXT = 5 * 60_000;
/** Long enough for IAM to show a use that hid behind our own, and much too short for any gate. */
export const WHILE = 2 * 3_600_000;
const LONG = 8 * 86_400_000;
/** A state between runs, and how it came about. */
export interface Rest {
  readonly state: State;
  readonly story: Story;
  readonly runs: number;
  /** How many gaps have gone by in which nothing changed but ages; three stands for more. */
  readonly idle: number;
  /** Milliseconds since the run before. */
  readonly gap: number;
}

export interface End {
  readonly state: State;
  readonly report: UserReport | null;
  readonly story: Story;
  readonly runs: number;
}

/** Where the next run begins. Consumers that keep to the rules read and use what they are served, in the middle of the gap. */
export function restAfter({ state: ended, story, runs }: End, gap: number): Rest {
  const state = clone(ended);
  state.now += Math.min(gap / 2, 3_600_000);
  for (const { serves } of state.stores) if (serves !== null) consume(state, serves);
  state.now = ended.now + gap;
  return { state, story: plus(story, "/"), runs, idle: 0, gap };
}

/** When the next run comes: soon after a change, else when the report says that something can happen, else after a while, then a week. */
export function gapAfter({ state, report }: Pick<End, "state" | "report">, before: number): number {
  if (report === null || report.outcome === "changed" || report.outcome === "failed") return NEXT;
  const at = report.next?.at ?? null;
  if (at === null) return before < WHILE ? WHILE : LONG;
  return Math.max(NEXT, at - state.now + 1_000);
}

/** `used:0`: the first key is used, by somebody who was served it before. */
export const usable = (policy: Policy, state: State, gap: number): readonly string[] =>
  state.keys.flatMap((key, index) =>
    key.status === "Active" && latestUse(policy, state, gap, key) !== null ? [`used:${index}`] : [],
  );

/** The last second of a gap in which a consumer may still use a key that it is not served any more; null where it may not. */
function latestUse(policy: Policy, state: State, gap: number, key: ModelKey): number | null {
  const until = usableUntil(state, policy, key) ?? 0;
  const at = Math.min(until, state.now + gap) - 1_000;
  return at > state.now && !state.stores.some(({ serves }) => serves === key.id) ? at : null;
}

/** The next rest where this came between: `soon`, or what {@link usable} offers. */
export function disturbedRest(policy: Policy, end: End, gap: number, word: string): Rest {
  if (word === "soon") return restAfter(end, SOON);
  const rest = restAfter(end, gap);
  const [, index = ""] = word.split(":");
  const key = end.state.keys[Number(index)];
  const at = key === undefined ? null : latestUse(policy, end.state, gap, key);
  if (key === undefined || at === null) throw new Error(`nobody may do ${word}`);
  const { now } = rest.state;
  rest.state.now = at;
  consume(rest.state, key.id);
  rest.state.now = now;
  disturb(rest.state, "used");
  return rest;
}
