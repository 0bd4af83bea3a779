import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MAIN, temporaryFolder } from "../test/support/cli.ts";
import { packFunctions, unpackFunction } from "../test/support/function-bundle.ts";
import { callerEnvironment } from "../test/support/in-process.ts";
import { inKilobytes, median, show } from "./table.ts";

const ROUNDS = 15;

/** As scripts/package.mjs makes them. */
const FUNCTIONS = ["creator", "destructor", "rotate-secret", "cleanup-secrets", "tester"];

/** Something to start: Node's arguments, and whether it is over with the first call rather than when it ends. */
interface Start {
  readonly args: readonly string[];
  readonly untilCall?: true;
}

/** The command line, and the functions of the Lambda packages, beside bare Node. */
export async function benchStartup(): Promise<void> {
  await benchCommands();
  await benchFunctions();
}

async function benchCommands(): Promise<void> {
  const starts: Readonly<Record<string, Start>> = {
    "node -e 0": { args: ["-e", "0"] },
    "keyturn --version": { args: [MAIN, "--version"] },
    "keyturn --help": { args: [MAIN, "--help"] },
    "keyturn scan, to its first call": { args: [MAIN, "scan"], untilCall: true },
  };
  const { times, first } = await timed(starts);
  show(
    `Start of the command line, median of ${ROUNDS} (budget: --help under 1.5 x bare Node)`,
    ["COMMAND", "WALL", "TO BARE NODE", "MODULES", "THEIR SIZE"],
    Object.entries(starts).map(([name, { args }]) => {
      const { count, bytes } = loaded(args);
      return [name, ...timeOf(times, name, first), count, inKilobytes(bytes)];
    }),
  );
}

async function benchFunctions(): Promise<void> {
  if (spawnSync("python3", ["--version"]).status !== 0) return console.log("packages are unpacked with Python 3\n");
  const packages = packFunctions(...FUNCTIONS);
  const empty = join(temporaryFolder(), "index.mjs");
  writeFileSync(empty, "export const handler = () => null;\n");
  const files = new Map(FUNCTIONS.map((name) => [name, unpackFunction(join(packages, `${name}.zip`))]));
  const entries = new Map([["an empty module", empty], ...files]);
  const starts = Object.fromEntries([...entries].map(([name, file]) => [name, { args: importing(file) }]));
  const { times, first } = await timed(starts);
  show(
    `Start of a function: a process that loads it, median of ${ROUNDS} (budget: 450 kB loaded at a cold start)`,
    ["FUNCTION", "WALL", "TO AN EMPTY MODULE", "MODULES", "THEIR SIZE", "PACKAGE"],
    [...entries].map(([name, file]) => {
      const { count, bytes } = loaded(importing(file));
      const zip = join(packages, `${name}.zip`);
      return [
        name,
        ...timeOf(times, name, first),
        count,
        inKilobytes(bytes),
        existsSync(zip) ? inKilobytes(statSync(zip).size) : "",
      ];
    }),
  );
}

const importing = (file: string): readonly string[] => [
  "--input-type=module",
  "-e",
  `await import(${JSON.stringify(pathToFileURL(file).href)})`,
];

function timeOf(times: ReadonlyMap<string, readonly number[]>, name: string, first: string): readonly string[] {
  const [own, bare] = [median(times.get(name) ?? []), median(times.get(first) ?? [])];
  return [`${Math.round(own)} ms`, `${(own / bare).toFixed(2)} x`];
}

/** Starts each in turn, so that all meet the same machine. `first` = the name that the others are compared with. */
async function timed(starts: Readonly<Record<string, Start>>) {
  const times = new Map(Object.keys(starts).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round += 1)
    for (const [name, start] of Object.entries(starts))
      times.get(name)?.push(await (start.untilCall === true ? untilCall(start.args) : untilEnd(start.args)));
  const [first = ""] = times.keys();
  return { times, first };
}

async function untilEnd(args: readonly string[]): Promise<number> {
  const began = performance.now();
  spawnSync(process.execPath, args, { stdio: "ignore", env: environment("http://127.0.0.1:9") });
  return performance.now() - began;
}

/** Until a server of its own is called, which answers nothing. */
function untilCall(args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer(() => {
      const took = performance.now() - began;
      child.kill();
      server.closeAllConnections();
      server.close(() => resolve(took));
    });
    let began = 0;
    let child: ReturnType<typeof spawn>;
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo; // a server on a port has such an address
      began = performance.now();
      child = spawn(process.execPath, args, { stdio: "ignore", env: environment(`http://127.0.0.1:${port}`) });
      child.once("error", reject);
    });
  });
}

const environment = (endpoint: string) => ({
  ...callerEnvironment(endpoint),
  PATH: process.env["PATH"] ?? "",
  HOME: temporaryFolder(),
});

/**
 * The files that a program has loaded by its end, as V8 tells where it is asked for coverage; Node's own modules do not count. Of what
 * calls AWS nothing answers, so that it ends with its first call.
 */
function loaded(args: readonly string[]): { readonly count: number; readonly bytes: number } {
  const folder = temporaryFolder();
  const env = { ...environment("http://127.0.0.1:9"), AWS_MAX_ATTEMPTS: "1", NODE_V8_COVERAGE: folder };
  spawnSync(process.execPath, args, { stdio: "ignore", env });
  const urls = readdirSync(folder).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), "utf8")) as {
      result: readonly { readonly url: string }[]; // as V8 writes it
    };
    return result.map(({ url }) => url);
  });
  const files = [...new Set(urls)]
    .filter((url) => url.startsWith("file:"))
    .map((url) => fileURLToPath(url))
    .filter((file) => existsSync(file));
  return { count: files.length, bytes: files.reduce((sum, file) => sum + statSync(file).size, 0) };
}
