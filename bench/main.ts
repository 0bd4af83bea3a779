import { startFaultProxy } from "../test/support/fault-proxy.ts";
import { motoMissing, startMoto } from "../test/support/moto.ts";
import { benchAccounts } from "./accounts.ts";
import { benchCalls } from "./calls.ts";
import { benchLimited } from "./limited.ts";
import { benchStartup } from "./startup.ts";
import { benchWall } from "./wall.ts";

/** What a call to AWS takes at the proxy, on top of what the emulator needs. */
const LATENCY_MS = 20;

process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";

console.log("Absolute times on a shared machine are noise: compare within one run, and look at calls and ratios.\n");
await benchStartup();
await benchAccounts(
  process.argv.includes("--quick")
    ? [[10, 1000]]
    : [
        [10, 1000],
        [100, 1000],
      ],
);
if (motoMissing === null) {
  const moto = await startMoto();
  const proxy = await startFaultProxy(moto.url);
  proxy.latencyMs = LATENCY_MS;
  await benchCalls(moto, proxy);
  await benchLimited(moto, proxy, process.argv.includes("--quick") ? [100] : [100, 1000]);
  await benchWall(moto, proxy, process.argv.includes("--quick") ? [20, 100] : [20, 100, 1000]);
  await proxy.stop();
  await moto.stop();
} else {
  console.log(motoMissing);
}
