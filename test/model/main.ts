import { explore, type Findings, replay } from "./explore.ts";
import { setupNamed, setups } from "./setups.ts";

const value = (flag: string, fallback: string): string => {
  const at = process.argv.indexOf(flag);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
};
const only = value("--setup", "");
const disturbances = Number(value("--disturbances", "1"));
const depth = Number(value("--depth", "40"));
const minutes = Number(value("--minutes", "10"));
const choices = value("--only", "");

function show(f: Findings): void {
  console.log(
    `${f.setup}: ${f.states} states, ${f.resting} resting, ${f.schedules} schedules, depth ${f.depth}, patience ${f.patience}, ${f.milliseconds} ms${f.cut ? " CUT" : ""} ends ${JSON.stringify([...f.ends])} open ${JSON.stringify([...f.open])}`,
  );
  if (f.violation !== null) console.log(`  VIOLATION ${f.violation.why}\n  ${f.violation.story}`);
}
const story = value("--replay", "");
if (story !== "") console.log((await replay(setupNamed(only), story)).join("\n"));
else for (const setup of setups.filter(({ name }) => new RegExp(only).test(name))) {
  show(await explore(setup, { disturbances, depth, deadline: Date.now() + minutes * 60_000, only: choices === "" ? null : new RegExp(choices) }));
}
