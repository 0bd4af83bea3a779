import type { UserReport } from "../core/result.ts";
import { EXIT } from "./exit.ts";

/** Waiting, deferred and left-alone users are no failure; blocked ones are, unless `failOn` says otherwise. */
export function exitFor(reports: readonly UserReport[], failOn: "failed" | "blocked"): number {
  const bad = reports.some(({ outcome }) => outcome === "failed" || (outcome === "blocked" && failOn === "blocked"));
  return bad ? EXIT.failed : EXIT.ok;
}
