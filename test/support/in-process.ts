import type { Io } from "../../src/cli/io.ts";
import { main } from "../../src/cli/program.ts";

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
