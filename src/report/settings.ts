import type { Match } from "../core/match.ts";
import type { Owner } from "../core/owner.ts";
import { type Bounds, type OwnerClaim, USUAL_MOST } from "../core/owner-tags.ts";
import type { DeactivateRule, DeleteRule, Policy } from "../core/policy.ts";
import type { UserSettings } from "../core/rulebook.ts";
import { formatDuration, formatInstant, type Instant } from "../core/time.ts";
import { windowWords } from "../core/window.ts";
import { type Paint, table } from "./table.ts";

/** One setting, its value as the configuration would say it, and where it comes from. */
export interface SettingLine {
  readonly name: string;
  readonly value: string;
  readonly from: string;
}

/** What holds for one user, setting by setting. */
export function userLines({ policy, maxAge, deliver, window, exempt, origins }: UserSettings): readonly SettingLine[] {
  const line = (name: string, value: string, origin = name): SettingLine => ({
    name,
    value,
    from: origins.get(origin) ?? "default",
  });
  return [
    line("policy.rotateAfter", formatDuration(policy.rotateAfter)),
    ...(maxAge === null ? [] : [line("policy.maxAge", formatDuration(maxAge), "policy.rotateAfter")]),
    line("policy.oldKey.deactivate", deactivateWords(policy.deactivate), "policy.deactivate"),
    line("policy.oldKey.delete", deleteWords(policy.delete), "policy.delete"),
    line("policy.usersWithoutKey", policy.usersWithoutKey),
    line("policy.unexplainedKeys", policy.unexplainedKeys),
    line("policy.inactiveKeys", inactiveWords(policy.inactiveKeys)),
    line("policy.unusedKeys", policy.unusedKeys),
    line("policy.unusedAfter", formatDuration(policy.unusedAfter)),
    line("policy.humans", policy.humans),
    line("deliver", deliver.length === 0 ? "nowhere" : deliver.join(", ")),
    line("window", windowWords(window)),
    line("exempt", exempt ?? "no"),
  ];
}

/** What the tags of one user say about its owner. `owner` = who gets its keys now; `pending` = who is to get them later. */
export function ownerLines(
  claim: OwnerClaim | null,
  owner: Owner | null,
  pending: { readonly address: string; readonly from: Instant | null } | null,
): readonly SettingLine[] {
  if (claim === null) return [];
  return [
    ofTags("owner", owner?.address ?? "nobody"),
    ...(pending === null ? [] : [ofTags("owner.changesTo", `${pending.address}, ${since(pending.from)}`)]),
    ...(claim.instruction === "" ? [] : [ofTags("owner.instruction", claim.instruction)]),
    ...(claim.recipient === null ? [] : [ofTags("owner.recipient", claim.recipient)]),
    ...claim.notes.map((note) => ofTags("note", note)),
  ];
}

const ofTags = (name: string, value: string): SettingLine => ({ name, value, from: "tags of the user" });

const since = (from: Instant | null): string =>
  from === null ? "a while after the former address was told" : `not before ${formatInstant(from)}`;

/** How far tags may move a time. */
export function boundsWords({ atLeast, atMost }: Bounds, name: keyof typeof USUAL_MOST): string {
  const least = atLeast === null ? "the policy's time" : formatDuration(atLeast);
  return `from ${least} to ${formatDuration(atMost ?? USUAL_MOST[name])}`;
}

const oneOf = (values: readonly string[]): string =>
  values.length === 1 ? (values[0] ?? "") : `[${values.join(", ")}]`;

/** The settings as a table. */
export const settingsText = (lines: readonly SettingLine[], paint: Paint): string =>
  table(
    ["SETTING", "VALUE", "FROM"],
    lines.map(({ name, value, from }) => [
      { text: name },
      { text: value, style: "bold" },
      { text: from, style: "dim" },
    ]),
    paint,
  );

function deactivateWords(rule: DeactivateRule): string {
  switch (rule.when) {
    case "idle": {
      const atLatest = rule.atLatest === "never" ? "never" : formatDuration(rule.atLatest);
      return `{ when: idle, for: ${formatDuration(rule.for)}, remindAfter: ${formatDuration(rule.remindAfter)}, atLatest: ${atLatest} }`;
    }
    case "superseded":
      return `{ when: superseded, remindAfter: ${formatDuration(rule.remindAfter)} }`;
    case "after":
      return `{ after: ${formatDuration(rule.after)} }`;
    case "delivered":
    case "never":
      return rule.when;
  }
}

function deleteWords(rule: DeleteRule): string {
  switch (rule.when) {
    case "after":
      return `{ after: ${formatDuration(rule.after)}, quiet: ${formatDuration(rule.quiet)} }`;
    case "next-rotation":
      return `{ at: next-rotation, overlap: ${formatDuration(rule.overlap)}, quiet: ${formatDuration(rule.quiet)} }`;
    case "never":
      return "never";
  }
}

const inactiveWords = (rule: Policy["inactiveKeys"]): string =>
  rule === "report"
    ? rule
    : `{ deleteAfter: ${formatDuration(rule.deleteAfter)}${rule.onlyReplaced === true ? ", onlyReplaced: true" : ""} }`;

/** Whom a match names, as the configuration would say it. */
export function matchWords({ path, name, tag }: Match): string {
  const tags = tag === null ? [] : [...tag].map(([key, values]) => `${key}: ${oneOf(values)}`);
  const parts = [
    ...(path === null ? [] : [`path: ${oneOf(path)}`]),
    ...(name === null ? [] : [`name: ${oneOf(name)}`]),
    ...(tag === null ? [] : [`tag: { ${tags.join(", ")} }`]),
  ];
  return `{ ${parts.join(", ")} }`;
}
