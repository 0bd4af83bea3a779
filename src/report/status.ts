import type { UserDecision } from "../core/decision.ts";
import type { Observation } from "../core/observation.ts";
import { parseRecord } from "../core/record.ts";
import { age, formatInstant, type Instant, roundDuration } from "../core/time.ts";
import { type DocumentHead, nextJson } from "./document.ts";
import { plain } from "./table.ts";
import { actionWords, commandLine, type Setting, whenWords } from "./words.ts";

/** One step of a user, out of an audit file. */
export interface StoryLine {
  readonly when: string;
  readonly step: string;
  readonly outcome: string;
  readonly reason: string;
  readonly keys: readonly string[];
}

export function statusText(
  seen: Observation,
  decision: UserDecision,
  story: readonly StoryLine[],
  { now, paint, flags }: Setting,
): string {
  const keys = decision.keys.flatMap((key) => {
    const found =
      seen.keys.kind === "known" ? seen.keys.value.find((each) => each.accessKeyId === key.accessKeyId) : undefined;
    const facts =
      found === undefined
        ? ""
        : `${found.status}, ${roundDuration(age(found.createDate, now))} old, ${useWords(seen, key.accessKeyId, now)}`;
    return [plain(`  ${key.accessKeyId}  ${key.role}: ${facts}`), paint("dim", `    ${plain(key.sentence)}`)];
  });
  const destinations = seen.destinations.map((each) => `  ${plain(each.label)}  ${servedWords(each)}`);
  const told = story.map(({ when, step, outcome, keys: named }) =>
    plain(`  ${when}  ${step} ${outcome}${named.length === 0 ? "" : ` ${named.join(", ")}`}`),
  );
  return [
    paint("bold", plain(`${seen.user.userName} (${seen.user.arn})`)),
    "",
    ...section("So far", [`  ${recordWords(seen, now)}`, ...told]),
    ...section("Keys", keys),
    ...section("Destinations", destinations),
    ...section("Now", [
      `  ${decision.standing}: ${decision.code}: ${plain(decision.sentence)}`,
      ...(decision.action === null ? [] : [`  the next run will ${actionWords(decision.action)}`]),
    ]),
    ...section("Next", [
      ...(decision.next === null
        ? []
        : [
            `  ${plain(decision.next.what)}${decision.next.at === null ? "" : `, not before ${whenWords(decision.next.at, now)}`}`,
          ]),
      ...(decision.command === null ? [] : [`  ${paint("cyan", plain(commandLine(decision.command, flags)))}`]),
    ]),
  ]
    .join("\n")
    .trimEnd();
}

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : [title, ...lines, ""];

function useWords(seen: Observation, id: UserDecision["keys"][number]["accessKeyId"], now: Instant): string {
  const use = seen.lastUse.get(id);
  if (use?.kind !== "known") return "last use not read";
  return use.value === null
    ? "never used"
    : `used ${roundDuration(age(use.value.at, now))} ago with ${use.value.service}`;
}

function servedWords({ readable, served }: Observation["destinations"][number]): string {
  if (!readable) return "cannot be read back";
  if (served.kind !== "known") return "could not be read";
  return served.value.accessKeyId === null ? "serves no key" : `serves ${served.value.accessKeyId}`;
}

function recordWords(seen: Observation, now: Instant): string {
  if (seen.record.kind !== "known") return "the record could not be read";
  const record = parseRecord(seen.record.value);
  const when = "at" in record ? `${formatInstant(record.at)}, ${roundDuration(age(record.at, now))} ago` : "";
  switch (record.phase) {
    case "none":
      return "no rotation by keyturn is on record";
    case "garbage":
    case "later-version":
      return "the record cannot be understood";
    case "creating":
      return `a successor was about to be created on ${when}`;
    case "delivering":
      return `${record.new} was being delivered on ${when}`;
    case "delivered":
      return `${record.new} was delivered on ${when}${record.old.length === 0 ? "" : `; it succeeds ${record.old.join(", ")}`}`;
    case "retiring":
      return `${record.old[0] ?? "a key"} was retired on ${when}${record.new === null ? "" : `; ${record.new} succeeds it`}`;
    case "held":
      return `put on hold on ${when}`;
  }
}

/** The same as one JSON document. */
export function statusDocument(
  head: DocumentHead,
  seen: Observation,
  decision: UserDecision,
  story: readonly StoryLine[],
) {
  return {
    ...head,
    startedAt: formatInstant(head.startedAt),
    endedAt: formatInstant(head.endedAt),
    userName: seen.user.userName,
    arn: seen.user.arn,
    record: seen.record.kind === "known" ? seen.record.value : null,
    standing: decision.standing,
    code: decision.code,
    sentence: decision.sentence,
    action: decision.action,
    next: nextJson(decision.next),
    command: decision.command === null ? null : commandLine(decision.command),
    keys: decision.keys.map((key) => ({ ...key, next: nextJson(key.next) })),
    destinations: seen.destinations.map(({ label, readable, served }) => ({
      label,
      readable,
      serves: served.kind === "known" ? served.value.accessKeyId : null,
    })),
    story,
  };
}
