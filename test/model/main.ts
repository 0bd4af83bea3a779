import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { type Bounds, explore, type Findings } from "./explore.ts";
import { replay } from "./replay.ts";
import { headline, legend, line, total } from "./figures.ts";
import { setupNamed, setups } from "./setups.ts";
import type { Setup } from "./state.ts";

/*
 * npm run model -- [--setup REGEX] [--disturbances N] [--minutes N of one core, in all] [--states N for each setup] [--surely N]
 *                  [--depth RUNS] [--only REGEX of disturbances] [--jobs PROCESSES]
 * npm run model -- --setup NAME --replay 'STORY'
 */
const { values } = parseArgs({
  args: process.argv.slice(2),
  options: {
    setup: { type: "string", default: "" },
    disturbances: { type: "string", default: "2" },
    minutes: { type: "string", default: "25" },
    states: { type: "string", default: "Infinity" },
    depth: { type: "string", default: "60" },
    surely: { type: "string", default: "1" },
    only: { type: "string", default: "" },
    jobs: { type: "string", default: String(Math.min(2, availableParallelism())) },
    replay: { type: "string" },
  },
});

function numberOf(name: "disturbances" | "minutes" | "states" | "surely" | "depth" | "jobs"): number {
  const number = Number(values[name]);
  if (Number.isNaN(number) || number < 0) throw new Error(`--${name} ${values[name]}: not a number`);
  return number;
}

/** What one process is asked to do. */
interface Task {
  readonly setup: string;
  readonly bounds: Bounds;
}

/** Explores what it is asked to, one setup after another, for as long as the process that asks lives. */
function serve(send: (found: Findings) => void): void {
  process.on("disconnect", () => process.exit());
  process.on("message", ({ setup, bounds }: Task) => {
    void explore(setupNamed(setup), bounds).then(send);
  });
}

const ask = (worker: ChildProcess, task: Task): Promise<Findings> =>
  new Promise((resolve, reject) => {
    worker.once("exit", (code) => reject(new Error(`${task.setup}: the process ended with ${code}`)));
    worker.once("message", (found: Findings) => {
      worker.removeAllListeners("exit");
      resolve(found);
    });
    worker.send(task);
  });

/** All setups, side by side; each has its share of the processor's time that is left. */
async function exploreAll(wanted: readonly Setup[], onFound: (found: Findings) => void): Promise<void> {
  const jobs = Math.max(1, numberOf("jobs"));
  const left = [...wanted];
  let cpuSeconds = numberOf("minutes") * 60;
  const work = async (): Promise<void> => {
    const worker = fork("scripts/run-ts.mjs", ["test/model/main.ts"], { serialization: "advanced" });
    for (let setup = left.shift(); setup !== undefined; setup = left.shift()) {
      const share = cpuSeconds / (left.length + 1);
      cpuSeconds -= share;
      const bounds: Bounds = {
        disturbances: numberOf("disturbances"),
        depth: numberOf("depth"),
        cpuSeconds: share,
        states: numberOf("states"),
        surely: numberOf("surely"),
        only: values.only === "" ? null : new RegExp(values.only),
      };
      const found = await ask(worker, { setup: setup.name, bounds });
      cpuSeconds += share - found.cpuMilliseconds / 1000;
      onFound(found);
    }
    worker.disconnect();
  };
  await Promise.all(Array.from({ length: Math.min(jobs, wanted.length) }, work));
}

async function main(): Promise<void> {
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  if (process.send !== undefined) return serve((found) => process.send?.(found));
  if (values.replay !== undefined) return print((await replay(setupNamed(values.setup), values.replay)).join("\n"));
  const wanted = setups.filter(({ name }) => new RegExp(values.setup).test(name));
  const all: Findings[] = [];
  print(`${legend}\n\n${headline}`);
  await exploreAll(wanted, (found) => {
    all.push(found);
    print(line(found));
    if (found.violation !== null) process.exitCode = 1;
  });
  print(total(all));
}

await main();
