import { plain } from "../../report/table.ts";
import type { SecretStream } from "../hand-out.ts";
import type { Head, Result, Rotation, Summary, Tail } from "./results.ts";

/** The script's report for people, printed at the end. It shows no secret: those went to the destinations. */
export class TextResult implements Result {
  readonly #stream: SecretStream;
  readonly #rotations: Rotation[] = [];
  #head: Head | null = null;

  constructor(stream: SecretStream) {
    this.#stream = stream;
  }

  check = (): Promise<void> => this.#stream.check();

  async open(head: Head): Promise<void> {
    this.#head = head;
  }

  async add(rotation: Rotation): Promise<void> {
    this.#rotations.push(rotation);
  }

  close({ errors, summary }: Tail): Promise<void> {
    const details = this.#rotations.flatMap(detailsOf);
    const lines = [
      ...(summary === null || this.#head === null ? [] : summaryLines(this.#head, summary)),
      ...(details.length === 0 ? [] : ["", "=== Rotation Details ===", ...details]),
      ...errors.map((message) => `ERROR: ${plain(message)}`),
    ];
    return this.#stream.append(`${lines.join("\n")}\n`);
  }
}

const summaryLines = (head: Head, summary: Summary): readonly string[] => [
  "",
  "=== IAM Key Rotation Summary ===",
  `Execution Time: ${head.execution_time}`,
  `Dry Run: ${head.dry_run ? "True" : "False"}`,
  `Days Threshold: ${head.days_threshold}`,
  `Total Keys Processed: ${summary.total_keys_processed}`,
  `Successful Rotations: ${summary.successful_rotations}`,
  `Failed Rotations: ${summary.failed_rotations}`,
  `Cleanup Operations: ${summary.cleanup_operations}`,
];

function detailsOf({ username, old_key_id, new_key_id, success, error }: Rotation): readonly string[] {
  const status = success ? "SUCCESS" : "FAILED";
  const line = `User: ${plain(username)}, Old Key: ${old_key_id ?? "None"}, New Key: ${new_key_id ?? "None"}, Status: ${status}`;
  return error === null ? [line] : [line, `  Error: ${plain(error)}`];
}
