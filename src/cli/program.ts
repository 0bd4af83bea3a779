import { Command, CommanderError } from "commander";
import { InvalidInput } from "../core/invalid-input.ts";
import { unexpectedWords } from "../report/unexpected.ts";
import { EXIT, Exit } from "./exit.ts";
import type { Io } from "./io.ts";
import { version } from "./version.ts";

const MORE = `
Examples:
  keyturn demo
  keyturn scan
  keyturn doctor --path /ci/ --deliver ssm:/keys/{user}
  keyturn plan --path /ci/ --deliver ssm:/keys/{user}
  keyturn run --path /ci/ --deliver ssm:/keys/{user} --yes

Exit codes:
  0  nothing failed (waiting and deferred included)
  1  a user failed or is blocked (--fail-on failed: only failed)
  2  usage, configuration or credentials: nothing was changed
  3  refused by --refuse-above: nothing was changed
  4  plan --detailed-exitcode: there is something to do
  70 a broken invariant: a bug, please report it
  130, 143  interrupted`;

/** Adds one command, with its options, to the program. */
type AddCommand = (program: Command, io: Io, exit: (code: number) => void) => void;

/** Every command. Only the one that is typed is loaded: `--help` needs no more than these lines. */
const commands: Readonly<Record<string, { readonly summary: string; readonly load: () => Promise<AddCommand> }>> = {
  scan: {
    summary: "list users and keys: age, last use, state, what is due, what is stuck and why (the default)",
    load: async () => (await import("./scan.ts")).addScan,
  },
  plan: { summary: "show what run would do, and why", load: async () => (await import("./plan.ts")).addPlan },
  run: {
    summary: "take the next safe step for every user: the command to schedule",
    load: async () => (await import("./run.ts")).addRun,
  },
  report: {
    summary: "put together what the workers of a distributed run have done",
    load: async () => (await import("./report.ts")).addReport,
  },
  rotate: {
    summary: "make a successor now, whatever the age",
    load: async () => (await import("./rotate.ts")).addRotate,
  },
  retire: {
    summary: "deactivate a key that you name; an Inactive one is deleted",
    load: async () => (await import("./retire.ts")).addRetire,
  },
  hold: {
    summary: "leave a user alone until a date, or until resume",
    load: async () => (await import("./hold.ts")).addHold,
  },
  resume: { summary: "end a hold", load: async () => (await import("./resume.ts")).addResume },
  rollback: {
    summary: "make the old key Active and served again, and put the user on hold",
    load: async () => (await import("./rollback.ts")).addRollback,
  },
  adopt: {
    summary: "manage a key that exists already, without a rotation",
    load: async () => (await import("./adopt.ts")).addAdopt,
  },
  decrypt: {
    summary: "open an access key that came sealed in a mail",
    load: async () => (await import("./decrypt.ts")).addDecrypt,
  },
  tag: {
    summary: "tag users as a JSON file says: who owns them, and how they are rotated",
    load: async () => (await import("./tag.ts")).addTag,
  },
  secret: {
    summary:
      "look after secrets that Secrets Manager rotates by keyturn's function: rotate, versions, reset, delete-keys",
    load: async () => (await import("./secret.ts")).addSecret,
  },
  status: {
    summary: "tell one user's story so far, what happens next, and when",
    load: async () => (await import("./status.ts")).addStatus,
  },
  doctor: {
    summary: "look for what would stop a run: permissions, destinations, clock, and how to put it right",
    load: async () => (await import("./doctor.ts")).addDoctor,
  },
  explain: {
    summary: "say what a reason code means, what comes next, and what you can do",
    load: async () => (await import("./explain.ts")).addExplain,
  },
  policy: {
    summary: "print the least IAM policy for these settings",
    load: async () => (await import("./policy.ts")).addPolicy,
  },
  config: {
    summary: "check keyturn.yaml, and show what holds for a user and where it comes from",
    load: async () => (await import("./config.ts")).addConfig,
  },
  audit: { summary: "check the audit of earlier runs", load: async () => (await import("./audit.ts")).addAudit },
  completion: {
    summary: "print a script that lets bash, zsh, fish or PowerShell complete what you type",
    load: async () => {
      const { addCompletion } = await import("./completion.ts");
      return (program, io) => addCompletion(program, io, () => wholeProgram(io));
    },
  },
  "apply-step": {
    summary: "rotate at terraform apply: one user, settings from the environment, the pair in SSM parameters",
    load: async () => (await import("./apply-step.ts")).addApplyStep,
  },
  demo: {
    summary: "watch half a year in a simulated account, in seconds: no AWS, no network",
    load: async () => (await import("./demo.ts")).addDemo,
  },
};

const DEFAULT = "scan";

/** Runs one command line. Returns the exit code; never throws. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let code: number = EXIT.ok;
  const exit = (wanted: number) => {
    code = wanted;
  };
  try {
    const typed = typedCommand(argv);
    const program = await buildProgram(io, exit, (name) => name === typed);
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    return explain(error, io);
  }
}

/** Every command with all of its options: for what describes them all, such as completion scripts. */
export const wholeProgram = (io: Io): Promise<Command> =>
  buildProgram(
    io,
    () => undefined,
    () => true,
  );

async function buildProgram(
  io: Io,
  exit: (code: number) => void,
  isWanted: (name: string) => boolean,
): Promise<Command> {
  const program = new Command("keyturn")
    .usage("[command] [options]")
    .description(
      "Rotates the access keys of AWS IAM users without breaking whoever still uses the old key, and without ever losing a new secret.",
    )
    .version(version, "-V, --version", "print the version")
    // What stands behind a command is the command's own: decrypt has a --version that means something else.
    .enablePositionalOptions()
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .showHelpAfterError("hint: keyturn --help, or keyturn COMMAND --help")
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.err(text.trimEnd()) })
    .addHelpText("after", MORE)
    .exitOverride();
  for (const [name, { summary, load }] of Object.entries(commands)) {
    if (isWanted(name)) (await load())(program, io, exit);
    else program.command(name).summary(summary);
    program.commands
      .find((command) => command.name() === name)
      ?.summary(summary)
      .exitOverride();
  }
  return program;
}

/** The command that is meant: its name comes first, `help NAME` aside; flags alone mean the default one. Null = none of these. */
function typedCommand([first, second]: readonly string[]): string | null {
  if (first === undefined) return DEFAULT;
  if (["-h", "--help", "-V", "--version"].includes(first)) return null;
  if (first === "help") return second ?? null;
  if (!first.startsWith("-")) return Object.hasOwn(commands, first) ? first : null;
  return DEFAULT;
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
      kind === "denied" ? "keyturn policy prints the permissions that are needed" : "nothing was changed; try again";
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
  return complain(
    io,
    EXIT.brokenInvariant,
    `unexpected: ${unexpectedWords(error)}`,
    "this is a bug, please report it; the next run goes on safely",
  );
}

function complain(io: Io, code: number, message: string, hint: string | null): number {
  io.err(`error: ${message}`);
  if (hint !== null) io.err(`hint: ${hint}`);
  return code;
}
