// The searches, beyond what the tests have time for: `npm run proof`, or `npm run proof -- --quick`, which is part of CI.
import { spawnSync } from "node:child_process";

/**
 * The crash rig, every story of the model, months in a simulated account, and the lives of keys: each policy's, one that is
 * mailed, a month of hourly runs, a neglected account put in order.
 */
const SEARCHES = [
  "test/integration/crash.test.ts",
  "test/integration/lost-replies.test.ts",
  "test/integration/life.test.ts",
  "test/integration/mailed-keys.test.ts",
  "test/integration/never-switches.test.ts",
  "test/integration/whole-account.test.ts",
  "test/model",
  "test/simulation",
];

const words = process.argv.slice(2);
const unknown = words.find((word) => word !== "--quick");
if (unknown !== undefined) {
  console.error(`error: ${unknown} is no option of npm run proof\nhint: npm run proof -- --quick, or none`);
  process.exit(2);
}
const { status } = spawnSync("npx", ["vitest", "run", ...SEARCHES], {
  stdio: "inherit",
  env: { ...process.env, KEYTURN_PROOF: words.length > 0 ? "quick" : "all" },
});
process.exit(status ?? 1);
