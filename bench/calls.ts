import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { keyturn, temporaryFolder } from "../test/support/cli.ts";
import type { FaultProxy } from "../test/support/fault-proxy.ts";
import type { Moto } from "../test/support/moto.ts";
import { show } from "./table.ts";

const DAY = 86_400;

interface Counts {
  readonly iamAndSts: number;
  readonly destination: number;
}

const isCore = (action: string): boolean => /^(iam|sts):/.test(action);

/** Calls of one turn at one user: those of a run less those of a plan, which reads the same and performs nothing. */
export async function benchCalls(moto: Moto, proxy: FaultProxy): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const target of ["file:./keys/{user}.json", "ssm:/keys/{user}", "secretsmanager:prod/{user}"]) {
    await moto.reset();
    const home = temporaryFolder();
    mkdirSync(join(home, "keys"), { mode: 0o700 });
    const [old] = await moto.seed([{ name: "ci-bot", keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
    const counted = async (...args: string[]): Promise<Counts> => {
      proxy.calls.length = 0;
      await keyturn([...args, "--user", "ci-bot", "--deliver", target, "--settle", "0s"], {
        endpoint: proxy.url,
        cwd: home,
      });
      const actions = proxy.calls.map((call) => call.action);
      return {
        iamAndSts: actions.filter(isCore).length,
        destination: actions.filter((action) => !isCore(action)).length,
      };
    };
    const turn = async () => {
      const plan = await counted("plan");
      const run = await counted("run", "--yes");
      return { plan, core: run.iamAndSts - plan.iamAndSts, destination: run.destination - plan.destination };
    };
    const row = (step: string, { plan, core, destination }: Awaited<ReturnType<typeof turn>>, budget: string) =>
      rows.push([target.split(":")[0] ?? "", step, core, destination, budget, plan.iamAndSts, plan.destination]);

    // The first rotation makes the secret too, so the second is counted: to a destination that is there.
    await counted("run", "--yes");
    await moto.shift(1 * DAY);
    for (const key of await moto.keys()) if (key.accessKeyId !== old?.accessKeyId) await moto.use(key.accessKeyId);
    await moto.shift(9 * DAY);
    row("deactivate", await turn(), "8 + 2 per destination");
    await moto.shift(40 * DAY);
    row("delete", await turn(), "4");
    for (const key of await moto.keys()) await moto.use(key.accessKeyId);
    await moto.shift(100 * DAY);
    row("create and deliver", await turn(), "12 + 4 per destination");
  }
  show(
    "Calls of one turn, beyond the inventory that every run makes of every user",
    ["DESTINATION", "TURN", "IAM+STS", "DESTINATION CALLS", "BUDGET", "INVENTORY IAM+STS", "INVENTORY DESTINATION"],
    rows,
  );
}
