import { startFaultProxy } from "../test/support/fault-proxy.ts";
import { motoMissing, startMoto } from "../test/support/moto.ts";
import { benchAccounts } from "./accounts.ts";
import { benchCalls } from "./calls.ts";
import { BACKLOG, benchLarge, cellsFor } from "./large.ts";
import { benchStartup } from "./startup.ts";

/*
 * npm run bench [-- SECTION…] [-- --quick | --full]
 * Sections: startup, accounts, calls, large; and backlog, which takes 20 minutes and runs only where it is named.
 */

process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";

const size = process.argv.includes("--full") ? "full" : process.argv.includes("--quick") ? "quick" : "some";

const SECTIONS: Readonly<Record<string, () => Promise<void>>> = {
  startup: benchStartup,
  accounts: () =>
    benchAccounts(
      size === "quick"
        ? [[10, 1000]]
        : [
            [10, 1000],
            [100, 1000],
          ],
    ),
  calls: benchTurns,
  large: () => benchLarge(cellsFor(size)),
  backlog: () => benchLarge(BACKLOG),
};

async function benchTurns(): Promise<void> {
  if (motoMissing !== null) return console.log(motoMissing);
  const moto = await startMoto();
  const proxy = await startFaultProxy(moto.url);
  await benchCalls(moto, proxy);
  await proxy.stop();
  await moto.stop();
}

const named = process.argv.slice(2).filter((each) => !each.startsWith("--"));
const unknown = named.find((each) => SECTIONS[each] === undefined);
if (unknown !== undefined) throw new Error(`there is no ${unknown}: ${Object.keys(SECTIONS).join(", ")}`);
console.log("Absolute times on a shared machine are noise: compare within one run, and look at calls and ratios.\n");
for (const [name, run] of Object.entries(SECTIONS))
  if (named.length === 0 ? name !== "backlog" : named.includes(name)) await run();
