import { explore, type Findings, replay } from "./explore.ts";
import { setupNamed, setups } from "./setups.ts";

/*
 * npm run model -- [--setup REGEX] [--disturbances N] [--depth RUNS] [--minutes N for each setup] [--only REGEX of disturbances]
 * npm run model -- --setup NAME --replay 'STORY'
 */

function valueOf(flag: string, fallback: string): string {
  const at = process.argv.indexOf(flag);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
}

function numberOf(flag: string, fallback: number): number {
  const number = Number(valueOf(flag, String(fallback)));
  if (!Number.isFinite(number) || number < 0) throw new Error(`${flag}: not a number`);
  return number;
}

const listed = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([name, count]) => `${name} ${count}`).join(", ");

function show(found: Findings): void {
  const { setup, states, resting, schedules, depth, patience, milliseconds, cut, violation } = found;
  process.stdout.write(
    `${setup}: ${states} states in runs, ${resting} between, ${schedules} schedules, depth ${depth}, at most ${patience} undisturbed runs, ` +
      `${(milliseconds / 1000).toFixed(1)} s${cut ? ", CUT SHORT" : ""}\n  ends: ${listed(found.ends)}\n` +
      (found.open.size > 0 ? `  open cases met: ${listed(found.open)}\n` : "") +
      (violation === null ? "" : `  VIOLATION ${violation.why}\n  ${violation.story}\n`),
  );
}

const wanted = valueOf("--setup", "");
const story = valueOf("--replay", "");
if (story !== "") {
  process.stdout.write(`${(await replay(setupNamed(wanted), story)).join("\n")}\n`);
} else {
  const only = valueOf("--only", "");
  for (const setup of setups.filter(({ name }) => new RegExp(wanted).test(name))) {
    const found = await explore(setup, {
      disturbances: numberOf("--disturbances", 1),
      depth: numberOf("--depth", 60),
      deadline: Date.now() + numberOf("--minutes", 5) * 60_000,
      only: only === "" ? null : new RegExp(only),
    });
    show(found);
    if (found.violation !== null) process.exitCode = 1;
  }
}
