import { spawnSync } from "node:child_process";
import { MAIN } from "../test/support/cli.ts";
import { median, show } from "./table.ts";

const ROUNDS = 15;

/** `keyturn --help` beside bare Node, in turns, so that both meet the same machine. */
export async function benchStartup(): Promise<void> {
  const commands = {
    "node -e 0": ["-e", "0"],
    "keyturn --help": [MAIN, "--help"],
    "keyturn --version": [MAIN, "--version"],
  };
  const times = new Map(Object.keys(commands).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, args] of Object.entries(commands)) {
      const began = performance.now();
      spawnSync(process.execPath, args, { stdio: "ignore" });
      times.get(name)?.push(performance.now() - began);
    }
  }
  const bare = median(times.get("node -e 0") ?? []);
  const rows = [...times].map(([name, all]) => [
    name,
    `${Math.round(median(all))} ms`,
    `${(median(all) / bare).toFixed(2)} x`,
  ]);
  show("Startup, median of 15 (budget: --help under 1.5 x bare Node)", ["COMMAND", "WALL", "TO BARE NODE"], rows);
}
