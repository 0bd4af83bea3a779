import { Command, CommanderError } from "commander";
import { InvalidInput } from "../core/invalid-input.ts";
import { addAudit } from "./audit.ts";
import { EXIT, Exit } from "./exit.ts";
import type { Io } from "./io.ts";
import { addPlan } from "./plan.ts";
import { addPolicy } from "./policy.ts";
import { addRetire } from "./retire.ts";
import { addRotate } from "./rotate.ts";
import { addRun } from "./run.ts";
import { addScan } from "./scan.ts";
import { addStatus } from "./status.ts";
import { version } from "./version.ts";

const EXITS = `
Exit codes:
  0  nothing failed (waiting and deferred included)
  1  a user failed or is blocked (--fail-on failed: only failed)
  2  usage, configuration or credentials: nothing was changed
  3  refused by --refuse-above: nothing was changed
  4  plan --detailed-exitcode: there is something to do
  70 a broken invariant: a bug, please report it
  130, 143  interrupted`;

/** Runs one command line. Returns the exit code; never throws. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.ok;
  const exit = (wanted: number) => {
    code = wanted;
  };
  const program = new Command("keyturn")
    .description(
      "Rotates the access keys of AWS IAM users without breaking whoever still uses the old key, and without ever losing a new secret.",
    )
    .version(version, "-V, --version")
    .helpOption("-h, --help")
    .showHelpAfterError("hint: keyturn --help, or keyturn COMMAND --help")
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
    })
    .addHelpText("after", EXITS)
    .exitOverride();
  addScan(program, io, exit);
  addPlan(program, io, exit);
  addRun(program, io, exit);
  addRotate(program, io, exit);
  addRetire(program, io, exit);
  addStatus(program, io, exit);
  addPolicy(program, io);
  addAudit(program, io, exit);
  for (const command of program.commands) command.exitOverride();
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    return explain(error, io);
  }
}

/** Says what went wrong and what to do next, and never prints an error object: that may hold a reply of AWS. */
async function explain(error: unknown, io: Io): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof InvalidInput) return complain(io, EXIT.usage, error.message, error.hint);
  if (error instanceof Exit) return complain(io, error.code, error.message, error.hint);
  const [{ CallError }, { BrokenInvariant }] = await Promise.all([import("../ports.ts"), import("../compose.ts")]);
  if (error instanceof CallError) {
    const { action, resource, code, kind } = error;
    const hint =
      kind === "denied"
        ? "keyturn policy prints the permissions that are needed"
        : "nothing was changed; try again, or add --verbose";
    return complain(
      io,
      EXIT.usage,
      `${action} on ${resource} ${kind === "denied" ? "is denied" : `failed: ${code}`}: ${error.message}`,
      hint,
    );
  }
  if (error instanceof BrokenInvariant) {
    return complain(
      io,
      EXIT.brokenInvariant,
      `broken invariant: ${error.message}`,
      "the run stopped before it did any harm; this is a bug, please report it",
    );
  }
  const where = error instanceof Error ? `${error.name}: ${error.message}` : "unknown";
  return complain(
    io,
    EXIT.brokenInvariant,
    `unexpected: ${where}`,
    "this is a bug, please report it; the next run goes on safely",
  );
}

function complain(io: Io, code: number, message: string, hint: string | null): number {
  io.err(`error: ${message}`);
  if (hint !== null) io.err(`hint: ${hint}`);
  return code;
}
