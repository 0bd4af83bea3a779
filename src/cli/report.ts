import type { Command } from "commander";
import type { Io } from "./io.ts";
import {
  account,
  type LimitFlags,
  type OutputFlags,
  type SettingFlags,
  withFailOn,
  withLines,
  withProfile,
} from "./options.ts";

/** What is typed behind `keyturn report`. */
export type ReportFlags = Pick<SettingFlags, "profile" | "region"> &
  Pick<LimitFlags, "failOn"> &
  Pick<OutputFlags, "format"> & { run?: string; bucketOwner?: string; report?: string };

/** `keyturn report s3://BUCKET/PREFIX`: what a distributed run came to. */
export function addReport(program: Command, io: Io, exit: (code: number) => void): void {
  withFailOn(withLines(withProfile(program.command("report"))))
    .argument("<place>", "where the workers keep their results: s3://BUCKET/PREFIX")
    .option("--run <id>", "this run (default: the one that began last)")
    .option("--report <file>", "write the result document here as well")
    .optionsGroup("AWS:")
    .option("--bucket-owner <id>", "the account that the bucket belongs to (default: the caller's own)", account)
    .description(
      "Puts together what the workers of a distributed run have written down, as the one report of run --all-accounts, with the same exit codes. Accounts that no worker has reported yet are told as interrupted, and while there are any it ends with 130. Changes nothing.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn report s3://keyturn-results/prod\n  keyturn report s3://keyturn-results --run 8476a536-e9f4-11e8-9739-2dfe598c3fcd --format ndjson\n  keyturn report s3://keyturn-results/prod --format json --report result.json --fail-on failed",
    )
    .action(async (place: string, flags: ReportFlags) => {
      const { reportRun } = await import("./report-run.ts");
      exit(await reportRun(io, place, flags));
    });
}
