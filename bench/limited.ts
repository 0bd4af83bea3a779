import { keyturn, temporaryFolder } from "../test/support/cli.ts";
import type { FaultProxy } from "../test/support/fault-proxy.ts";
import type { Moto } from "../test/support/moto.ts";
import { show } from "./table.ts";

/** What the proxy grants: as IAM does, a bucket that fills at a steady rate. */
const RATE = 20;
const BURST = 40;

/** A backlog of rotations where AWS grants no more than 20 requests a second, with a burst of 40. */
export async function benchLimited(moto: Moto, proxy: FaultProxy, sizes: readonly number[]): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const users of sizes) {
    await moto.reset();
    await moto.seed(
      Array.from({ length: users }, (_, index) => ({
        name: `user-${index}`,
        keys: [{ ageDays: 100, usedDaysAgo: 1 }],
      })),
    );
    const bucket = limit(proxy);
    const args = ["run", "--all-users", "--deliver", "ssm:/keys/{user}", "--settle", "2s"];
    const more = ["--max-rotations", "100000", "--yes", "--format", "json"];
    const { code, stdout, stderr } = await keyturn([...args, ...more], { endpoint: proxy.url, cwd: temporaryFolder() });
    proxy.before = () => ({ kind: "pass" });
    const { granted, refused, seconds, couldHave } = bucket();
    const summary = code === 0 || code === 3 ? failures(stdout) : `exit ${code}: ${stderr.slice(-300)}`;
    rows.push([
      users,
      granted,
      refused,
      `${seconds.toFixed(0)} s`,
      `${((100 * granted) / couldHave).toFixed(0)}%`,
      summary,
    ]);
  }
  show(
    `A backlog under a limit of ${RATE} requests/s, burst ${BURST} (goal: at least 90% of what was granted is used, no user fails)`,
    ["ROTATIONS", "GRANTED", "REFUSED", "WALL", "OF THE RATE", "FAILED USERS"],
    rows,
  );
}

/** Limits the proxy from its first call on. The answer tells what it saw between the first call and the last. */
function limit(proxy: FaultProxy) {
  let tokens = BURST;
  let first: number | null = null;
  let last = 0;
  let [granted, refused] = [0, 0];
  proxy.before = () => {
    const now = performance.now() / 1000;
    tokens = Math.min(BURST, tokens + (first === null ? 0 : now - last) * RATE);
    first ??= now;
    last = now;
    if (tokens < 1) {
      refused += 1;
      return { kind: "error", status: 400, code: "Throttling" };
    }
    tokens -= 1;
    granted += 1;
    return { kind: "pass" };
  };
  return () => {
    const seconds = last - (first ?? last);
    return { granted, refused, seconds, couldHave: BURST + seconds * RATE };
  };
}

function failures(stdout: string): number {
  const { users } = JSON.parse(stdout) as { users: readonly { outcome: string }[] }; // keyturn's own document
  return users.filter(({ outcome }) => outcome === "failed" || outcome === "blocked").length;
}
