import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../test/support/cli.ts";
import { answerFor } from "./account.ts";
import { measure } from "./process.ts";
import { inSeconds, megabytes, show } from "./table.ts";

/** Of a hundred users so many are due, and read exactly. */
const DUE_PERCENT = 1;

/** Many users over many accounts, with `plan --all-accounts`: a heap that does not grow with the number of users. */
export async function benchAccounts(sizes: readonly (readonly [accounts: number, users: number])[]): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const [accounts, users] of sizes) {
    for (const format of ["ndjson", "json"]) {
      const { code, stderr, stdout, granted, ms, heap, rss } = await measure(
        ["plan", "--all-accounts", "--format", format],
        answerFor({ users, duePercent: DUE_PERCENT }),
        { cwd: folderFor(accounts) },
      );
      if (code !== 0) throw new Error(stderr.slice(-500));
      const lines = stdout.split("\n").length - 1;
      rows.push([accounts, accounts * users, format, granted, inSeconds(ms), lines, megabytes(heap), megabytes(rss)]);
    }
  }
  show(
    `plan --all-accounts, ${DUE_PERCENT}% of the users due, against a server that answers at once (budget: a heap under 200 MB for 100,000 users as ndjson)`,
    ["ACCOUNTS", "USERS", "FORMAT", "CALLS", "WALL", "LINES", "LARGEST HEAP", "LARGEST RSS"],
    rows,
  );
}

function folderFor(accounts: number): string {
  const folder = temporaryFolder();
  const list = Array.from({ length: accounts }, (_, index) => `{ id: "${100_000_000_000 + index}" }`).join(", ");
  const config = `defaults: { deliver: "ssm:/keys/{user}" }\naccounts: { role: Member, list: [${list}] }\n`;
  writeFileSync(join(folder, "keyturn.yaml"), config);
  return folder;
}
