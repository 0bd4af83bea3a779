import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { keyturn, temporaryFolder } from "../test/support/cli.ts";
import { type Answerer, startFaultProxy } from "../test/support/fault-proxy.ts";
import type { Limit } from "../test/support/bucket.ts";
import { type Counted, count } from "./limit.ts";

/**
 * Tells at its end how large its heap and its resident set have been. It looks itself, every 20 ms: what the system calls the
 * largest resident set begins with that of the process that started it.
 */
const WATCH = `let heap=0,rss=0;const look=()=>{const now=process.memoryUsage();heap=Math.max(heap,now.heapUsed);rss=Math.max(rss,now.rss)};setInterval(look,20).unref();process.on("exit",()=>{look();console.error("heap "+heap+" rss "+rss)});`;

/** What a program came to, and what it took. */
export interface Measured extends Counted {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From its start to its end. */
  readonly ms: number;
  /** Bytes: the most that its heap held, what waits to be collected counted in; and its largest resident set. */
  readonly heap: number;
  readonly rss: number;
  /** The lines on standard error, with the milliseconds since its start. */
  readonly told: readonly { readonly at: number; readonly line: string }[];
}

export interface Setting {
  readonly limit?: Limit | null;
  /** Milliseconds that each call takes. */
  readonly latency?: number;
  readonly cwd?: string;
  /** Another program than keyturn: its file. */
  readonly main?: string;
}

/** Runs keyturn, or another program, as a process of its own against a server in this one. Its output goes to a file. */
export async function measure(args: readonly string[], answerer: Answerer, setting: Setting = {}): Promise<Measured> {
  const { limit = null, latency = 0, cwd = temporaryFolder(), main } = setting;
  const proxy = await startFaultProxy(answerer);
  proxy.latencyMs = latency;
  const counted = count(proxy, limit);
  const stdout = join(temporaryFolder(), "out");
  const out = openSync(stdout, "w");
  const told: { at: number; line: string }[] = [];
  const began = performance.now();
  const { code, stderr } = await keyturn(args, {
    endpoint: proxy.url,
    cwd,
    stdout: out,
    env: {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(WATCH)}`,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    },
    ...(main === undefined ? {} : { main }),
    onStart: (child) =>
      child.stderr?.on("data", (data: Buffer) => {
        const at = performance.now() - began;
        for (const line of data.toString().trimEnd().split("\n")) told.push({ at, line });
      }),
  });
  const ms = performance.now() - began;
  closeSync(out);
  await proxy.stop();
  const [, heap = "0", rss = "0"] = /heap (\d+) rss (\d+)/.exec(stderr) ?? [];
  return {
    ...counted(),
    code,
    stdout: readFileSync(stdout, "utf8"),
    stderr,
    ms,
    heap: Number(heap),
    rss: Number(rss),
    told,
  };
}

/** Makes one file of a program in this folder, as its author would ship it: no compiler is measured along with it. */
export async function bundled(name: string): Promise<string> {
  const file = join(temporaryFolder(), `${name}.mjs`);
  const build = await rolldown({
    input: fileURLToPath(new URL(`./${name}.ts`, import.meta.url)),
    platform: "node",
    resolve: { mainFields: ["module", "main"] },
  });
  await build.write({ file, format: "esm", codeSplitting: false });
  await build.close();
  return file;
}
