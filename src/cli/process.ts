import { unexpectedWords } from "../report/unexpected.ts";

/**
 * Runs a program as this process: its exit code becomes the process's. `err` prints a line on standard error.
 * The default handlers print error objects with everything that hangs on them, replies of AWS included.
 */
export async function runProcess(
  main: (argv: readonly string[]) => Promise<number>,
  err: (text: string) => void,
): Promise<void> {
  // The SDK warns users about a Node version that this package pins on their behalf.
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      err(`error: unexpected: ${unexpectedWords(error)}`);
      err("hint: this is a bug, please report it; the next run goes on safely");
      process.exit(70);
    });
  }
  process.exitCode = await main(process.argv.slice(2));
}
