// Plays the crash rig and the model beyond what the tests have time for: `npm run proof`, or `npm run proof -- --quick`.
import { spawnSync } from "node:child_process";

const scope = process.argv.includes("--quick") ? "quick" : "all";
const { status } = spawnSync("npx", ["vitest", "run", "test/integration/crash.test.ts", "test/model"], {
  stdio: "inherit",
  env: { ...process.env, KEYTURN_PROOF: scope },
});
process.exit(status ?? 1);
