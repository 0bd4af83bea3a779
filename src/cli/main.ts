#!/usr/bin/env node
import { processIo } from "./io.ts";
import { main } from "./program.ts";

// The SDK warns users about a Node version that this package pins on their behalf.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";

const io = processIo();

// The default handlers print error objects with everything that hangs on them, replies of AWS included.
for (const event of ["uncaughtException", "unhandledRejection"] as const) {
  process.on(event, (error: unknown) => {
    io.err(`error: unexpected: ${error instanceof Error ? error.name : "unknown"}`);
    io.err("hint: this is a bug, please report it; the next run goes on safely");
    process.exit(70);
  });
}

process.exitCode = await main(process.argv.slice(2), io);
