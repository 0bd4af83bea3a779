import type { ReportedSlot, ReportedUser } from "../core/sift.ts";
import { instant, type Instant } from "../core/time.ts";

/** Columns that are read, by the names that AWS gives them. */
const COLUMNS = [
  "user",
  "arn",
  "access_key_1_active",
  "access_key_1_last_rotated",
  "access_key_2_active",
  "access_key_2_last_rotated",
] as const;

/**
 * The users of an IAM credential report, by ARN; null where the text is no such report. A row that cannot be read whole is left out,
 * and so is a user that stands there twice: whoever is missing is read exactly.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
 */
export function readCredentialReport(text: string): ReadonlyMap<string, ReportedUser> | null {
  const [header, ...rows] = recordsOf(text);
  if (header === undefined) return null;
  const places = COLUMNS.map((name) => header.indexOf(name));
  if (places.some((place) => place < 0)) return null;
  const users = new Map<string, ReportedUser>();
  const doubled = new Set<string>();
  for (const row of rows) {
    const user = row.length === header.length ? userOf(places.map((place) => row[place] ?? "")) : null;
    if (user === null) continue;
    if (users.has(user.arn)) doubled.add(user.arn);
    users.set(user.arn, user);
  }
  for (const arn of doubled) users.delete(arn);
  return users;
}

function userOf([userName = "", arn = "", ...rest]: readonly string[]): ReportedUser | null {
  const [firstActive = "", firstChanged = "", secondActive = "", secondChanged = ""] = rest;
  const slots = [slotOf(firstActive, firstChanged), slotOf(secondActive, secondChanged)];
  if (userName === "" || !arn.endsWith(`/${userName}`) || slots.includes("unreadable")) return null;
  return { userName, arn, slots: slots.filter((slot) => slot !== null && slot !== "unreadable") };
}

/** Null = an empty slot. */
function slotOf(active: string, changed: string): ReportedSlot | null | "unreadable" {
  if (active === "false" && changed === "N/A") return null;
  const changedAt = momentOf(changed);
  if (changedAt === null || (active !== "true" && active !== "false")) return "unreadable";
  return { isActive: active === "true", changedAt };
}

/** AWS writes `2026-11-20T09:26:00+00:00`, and has written `Z`. */
function momentOf(text: string): Instant | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|\+00:00)$/.test(text)) return null;
  const parsed = Date.parse(text);
  return Number.isFinite(parsed) && parsed >= 0 ? instant(parsed) : null;
}

/** The records of a CSV text: fields may stand in quotes, for names and paths of IAM may hold commas and quotes. */
function recordsOf(text: string): readonly (readonly string[])[] {
  const records: string[][] = [];
  let fields: string[] = [];
  const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n][^,\r\n]*|))(,|\r?\n|$)/y;
  while (FIELD.lastIndex < text.length) {
    const begin = FIELD.lastIndex;
    const found = FIELD.exec(text);
    if (found === null) {
      // A broken line tells nothing; the next may be whole again.
      const end = text.indexOf("\n", begin);
      fields = [];
      FIELD.lastIndex = end < 0 ? text.length : end + 1;
      continue;
    }
    const [, quoted, plain = "", end] = found;
    fields.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ",") continue;
    records.push(fields);
    fields = [];
  }
  return records;
}
