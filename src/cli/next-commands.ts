import { existsSync } from "node:fs";
import type { Match } from "../core/match.ts";
import { targetsOf } from "../core/rulebook.ts";
import type { UserReport } from "../core/result.ts";
import type { Paint } from "../report/table.ts";
import { commandLine } from "../report/words.ts";
import type { Invocation } from "./session.ts";

interface Chosen {
  readonly user: readonly string[];
  readonly path?: string | undefined;
  readonly tag: readonly { key: string; value: string }[];
  readonly deliver: readonly string[];
}

/** A suggestion for who has not said yet where secrets should go. */
const SUGGESTED = ["--deliver", "file:./keys/{user}.json"];

/** What to type next: the same users and settings, a step further. */
export function nextCommands(
  reports: readonly UserReport[],
  chosen: Chosen,
  { flags, config }: Pick<Invocation, "flags" | "config">,
  paint: Paint,
): string {
  const due = reports.some((report) => report.planned.length > 0);
  if (!due && !reports.some((report) => report.outcome === "waiting")) return "";
  const missing = chosen.deliver.length === 0 && (config === null || targetsOf(config.rulebook).length === 0);
  const words = [...selectorWords(chosen, config?.select ?? null), ...(missing ? SUGGESTED : []), ...flags];
  const plan = commandLine(["plan"], words);
  const run = commandLine(["run"], words);
  const lines = [
    `\n${paint("bold", "Next")}`,
    ...(missing && !existsSync("keys") ? [`  ${paint("cyan", "mkdir -p -m 700 keys")}`] : []),
    `  ${paint("cyan", plan)}   ${paint("dim", "# what would happen, and why")}`,
    `  ${paint("cyan", run)}   ${paint("dim", "# let it happen; run it again later, or on a schedule")}`,
  ];
  if (missing) lines.push(paint("dim", "  other destinations: ssm:/keys/{user}, secretsmanager:prod/{user}, stdout"));
  return lines.join("\n");
}

function selectorWords({ user, path, tag }: Chosen, select: Match | null): readonly string[] {
  const words = [
    ...user.flatMap((name) => ["--user", name]),
    ...(path === undefined ? [] : ["--path", path]),
    ...tag.flatMap(({ key, value }) => ["--tag", `${key}=${value}`]),
  ];
  return words.length === 0 && select === null ? ["--all-users"] : words;
}
