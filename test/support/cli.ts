import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The built command line, as a user runs it. */
export const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly endpoint?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** A descriptor in place of the pipe that is read from. */
  readonly stdout?: number;
  readonly uid?: number;
  /** Another program of the package than `keyturn`: its built file. */
  readonly main?: string;
  /** Sees the process as soon as it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** A folder of its own below the system's temporary one, gone when the tests of this process are over. */
export function temporaryFolder(): string {
  if (made.length === 0) process.once("exit", removeMade);
  const folder = mkdtempSync(join(tmpdir(), "keyturn-test-"));
  made.push(folder);
  return folder;
}

const made: string[] = [];

function removeMade(): void {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
}

/** Runs the built CLI as a process, in an environment of its own. */
export function keyturn(
  args: readonly string[],
  { endpoint, env = {}, cwd, input = "", stdout: descriptor, uid, main = MAIN, onStart }: CliOptions = {},
): Promise<CliResult> {
  const home = cwd ?? temporaryFolder();
  const child = spawn(process.execPath, [main, ...args], {
    cwd: home,
    stdio: ["pipe", descriptor ?? "pipe", "pipe"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      XDG_STATE_HOME: join(home, "state"),
      TMPDIR: tmpdir(),
      AWS_EC2_METADATA_DISABLED: "true",
      ...(endpoint === undefined
        ? {}
        : {
            AWS_ENDPOINT_URL: endpoint,
            AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
            AWS_SECRET_ACCESS_KEY: "test",
            AWS_REGION: "eu-west-1",
          }),
      ...env,
    },
  });
  onStart?.(child);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (data: Buffer) => (stdout += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (stderr += data.toString()));
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
