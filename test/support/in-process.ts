import { Readable } from "node:stream";
import { main } from "../../src/cli/program.ts";
import { type CliOptions, type CliResult, temporaryFolder } from "./cli.ts";

interface Typed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What every command of a test finds in its environment besides what the test sets; other variables of AWS and Node are taken away. */
export const callerEnvironment = (endpoint: string): Readonly<Record<string, string>> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_REGION: "eu-west-1",
  AWS_EC2_METADATA_DISABLED: "true",
});

/** Types a command line in this very process and its environment. */
export async function speak(args: readonly string[]): Promise<Typed> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await main(args, {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    print: async (line) => void out.push(line),
    isInteractive: false,
    isLive: false,
    paint: (_, text) => text,
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

/** Types a command line in this very process: for what a process of its own would prove no better. A variable that is null is not set. */
export async function typed(
  args: readonly string[],
  endpoint: string,
  env: Readonly<Record<string, string | null>> = {},
): Promise<Typed> {
  const before = { ...process.env };
  const home = temporaryFolder();
  for (const name of Object.keys(process.env))
    if (/^(AWS_|NODE_TLS|https?_proxy|all_proxy)/i.test(name)) delete process.env[name];
  Object.assign(process.env, { HOME: home, XDG_STATE_HOME: `${home}/state` }, callerEnvironment(endpoint));
  for (const [name, value] of Object.entries(env)) {
    if (value === null) delete process.env[name];
    else process.env[name] = value;
  }
  try {
    return await speak(args);
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
}

/** As the process of `keyturn`, in this process: what a process of its own proves is proved elsewhere, and costs half a second each time. */
export async function keyturnHere(
  args: readonly string[],
  { endpoint, env = {}, cwd = temporaryFolder() }: Pick<CliOptions, "endpoint" | "env" | "cwd"> = {},
): Promise<CliResult> {
  const before = process.cwd();
  process.chdir(cwd);
  try {
    const own = { HOME: cwd, XDG_STATE_HOME: `${cwd}/state`, ...env };
    const none = Object.fromEntries(Object.keys(callerEnvironment("")).map((name) => [name, null]));
    const { code, out, err } = await typed(args, endpoint ?? "", endpoint === undefined ? { ...none, ...own } : own);
    const lines = (text: string) => (text === "" ? "" : `${text}\n`);
    return { code, signal: null, stdout: lines(out), stderr: lines(err) };
  } finally {
    process.chdir(before);
  }
}

/** Runs something while a text waits on standard input. */
export async function withInput<T>(text: string, work: () => Promise<T>): Promise<T> {
  const before = Object.getOwnPropertyDescriptor(process, "stdin");
  Object.defineProperty(process, "stdin", { value: Readable.from([Buffer.from(text)]), configurable: true });
  try {
    return await work();
  } finally {
    if (before !== undefined) Object.defineProperty(process, "stdin", before);
  }
}
