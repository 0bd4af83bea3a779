import type { Io } from "../../src/cli/io.ts";
import { main } from "../../src/cli/program.ts";
import { temporaryFolder } from "./cli.ts";

export interface InProcessResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** The environment of a caller whose AWS is at this address. */
export const callerEnvironment = (url: string): Readonly<Record<string, string>> => ({
  AWS_ENDPOINT_URL: url,
  AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_REGION: "eu-west-1",
});

/** Runs one command line in this process: for what a process of its own would not prove better. */
export async function inProcess(...args: readonly string[]): Promise<InProcessResult> {
  const lines = { out: [] as string[], err: [] as string[] };
  const io: Io = {
    out: (text) => void lines.out.push(text),
    err: (text) => void lines.err.push(text),
    print: async (text) => void lines.out.push(text),
    isInteractive: false,
    isLive: false,
    paint: (_, text) => text,
  };
  const code = await main(args, io);
  return { code, out: lines.out.join("\n"), err: lines.err.join("\n") };
}

/**
 * The same with AWS at this address, in an environment of its own: a home that is empty, and no variable of AWS, Node's TLS or a
 * proxy but these. One that is null is not set.
 */
export async function inProcessAt(
  url: string,
  env: Readonly<Record<string, string | null>>,
  ...args: readonly string[]
): Promise<InProcessResult> {
  const before = { ...process.env };
  const home = temporaryFolder();
  for (const name of Object.keys(process.env))
    if (/^(AWS_|NODE_TLS|https?_proxy|all_proxy)/i.test(name)) delete process.env[name];
  Object.assign(process.env, { HOME: home, XDG_STATE_HOME: `${home}/state`, AWS_EC2_METADATA_DISABLED: "true" });
  for (const [name, value] of Object.entries({ ...callerEnvironment(url), ...env })) {
    if (value === null) delete process.env[name];
    else process.env[name] = value;
  }
  try {
    return await inProcess(...args);
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  }
}
