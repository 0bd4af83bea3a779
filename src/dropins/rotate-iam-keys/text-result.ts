import { plain } from "../../report/table.ts";
import type { Head, Rotation, Summary } from "./results.ts";

/** S4's report for people. It shows no secret. `errors` = what went wrong besides rotations that failed. */
export function textResult(
  head: Head,
  rotations: readonly Rotation[],
  errors: readonly string[],
  summary: Summary,
): string {
  return [
    "",
    "=== IAM Key Rotation Summary ===",
    `Execution Time: ${head.execution_time}`,
    `Dry Run: ${head.dry_run ? "True" : "False"}`,
    `Days Threshold: ${head.days_threshold}`,
    `Total Keys Processed: ${summary.total_keys_processed}`,
    `Successful Rotations: ${summary.successful_rotations}`,
    `Failed Rotations: ${summary.failed_rotations}`,
    `Cleanup Operations: ${summary.cleanup_operations}`,
    ...(rotations.length === 0 ? [] : ["", "=== Rotation Details ===", ...rotations.flatMap(detailsOf)]),
    ...errors.map(errorLine),
    "",
  ].join("\n");
}

/** What S4 prints in place of a report when an error ended the run. */
export const errorLine = (message: string): string => `ERROR: ${plain(message)}`;

function detailsOf({ username, old_key_id, new_key_id, success, error }: Rotation): readonly string[] {
  const status = success ? "SUCCESS" : "FAILED";
  const line = `User: ${plain(username)}, Old Key: ${old_key_id}, New Key: ${new_key_id ?? "None"}, Status: ${status}`;
  return error === null ? [line] : [line, `  Error: ${plain(error)}`];
}
