import type { UserDecision } from "../core/decision.ts";
import type { Observation, Reading } from "../core/observation.ts";
import { formatInstant } from "../core/time.ts";
import { plain } from "./table.ts";

/** What was read of one user, and what was decided, in one line: for `--verbose`. What nobody asked for is left out. */
export function seenLine(seen: Observation, { standing, code, sentence }: UserDecision): string {
  const { keys, record, lastUse, hasPassword, destinations, escrow } = seen;
  const found = [
    ...told("keys", keys, (all) => all.map((key) => `${key.accessKeyId} ${key.status}`).join(" ") || "none"),
    ...told("record", record, (text) => text ?? "none"),
    ...[...lastUse].flatMap(([id, reading]) =>
      told(`last use of ${id}`, reading, (use) =>
        use === null ? "never" : `${formatInstant(use.at)} ${use.service} ${use.region}`,
      ),
    ),
    ...destinations.flatMap(({ label, served, past }) => [
      ...told(`${label} serves`, served, ({ accessKeyId }) => accessKeyId ?? "no key"),
      ...told(
        `${label} keeps`,
        past,
        ({ pending, history }) => [pending, ...history].filter(Boolean).join(" ") || "none",
      ),
    ]),
    ...told("escrow", escrow, (ids) => ids.join(" ") || "none"),
    ...told("password", hasPassword, (has) => (has ? "yes" : "no")),
  ];
  return plain(`${seen.user.userName}: ${found.join("; ")}; decided: ${standing} ${code} (${sentence})`);
}

function told<T>(what: string, reading: Reading<T>, words: (value: T) => string): readonly string[] {
  switch (reading.kind) {
    case "unread":
      return [];
    case "known":
      return [`${what} ${words(reading.value)}`];
    case "denied":
      return [`${what} denied (${reading.action})`];
    case "failed":
      return [`${what} not read (${reading.action}: ${reading.message})`];
    case "unusable":
      return [`${what} unusable (${reading.message})`];
  }
}
