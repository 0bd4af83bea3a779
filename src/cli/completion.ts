import type { Argument, Command, Option } from "commander";
import type {
  CompletionCommand,
  CompletionFlag,
  CompletionModel,
  CompletionValues,
} from "../report/completion/model.ts";
import type { Io } from "./io.ts";
import { oneOf } from "./options.ts";

const shells = {
  bash: async () => (await import("../report/completion/bash.ts")).bashScript,
  zsh: async () => (await import("../report/completion/zsh.ts")).zshScript,
  fish: async () => (await import("../report/completion/fish.ts")).fishScript,
  powershell: async () => (await import("../report/completion/powershell.ts")).powershellScript,
} as const;

type Shell = keyof typeof shells;

const shellNames = Object.keys(shells) as readonly Shell[]; // Object.keys forgets the names

/** `keyturn completion SHELL`: a script that completes commands, flags and their values. `whole` = the program with every command loaded. */
export function addCompletion(program: Command, io: Io, whole: () => Promise<Command>): void {
  program
    .command("completion")
    .argument("<shell>", shellNames.join(", "), oneOf(...shellNames))
    .description(
      "Prints a script that lets a shell complete commands, flags and their values. The script holds all it knows: a key press starts no program and calls nothing. Print it anew after an update.",
    )
    .addHelpText(
      "after",
      `
Examples:
  keyturn completion bash > ~/.local/share/bash-completion/completions/keyturn
  keyturn completion zsh > ~/.zfunc/_keyturn
  keyturn completion fish > ~/.config/fish/completions/keyturn.fish
  keyturn completion powershell >> $PROFILE

For this shell alone:
  source <(keyturn completion bash)
  source <(keyturn completion zsh)
  keyturn completion fish | source
  keyturn completion powershell | Out-String | Invoke-Expression`,
    )
    .action(async (shell: Shell) => {
      const [script, model] = await Promise.all([shells[shell](), modelOf(await whole())]);
      io.out(script(model));
    });
}

async function modelOf(program: Command): Promise<CompletionModel> {
  const { targetWords } = await import("../compose.ts");
  const { deliver, escrow } = await targetWords();
  const targets: Targets = { "--deliver": deliver, "--escrow": ["none", ...escrow] };
  const commands = commandsBelow(program, "", targets);
  const fallback = "scan";
  const root = commands.find((each) => each.path === fallback);
  const own: CompletionCommand = {
    path: "",
    summary: "",
    flags: [...flagsOf(program, targets), ...(root?.flags ?? [])].filter(
      (flag, index, all) => all.findIndex((each) => each.names.join() === flag.names.join()) === index,
    ),
    values: null,
  };
  return { commands: [own, ...commands], fallback };
}

/** Values of flags that their readers do not tell. */
type Targets = Readonly<Record<string, readonly string[]>>;

const commandsBelow = (parent: Command, path: string, targets: Targets): readonly CompletionCommand[] =>
  parent.commands.flatMap((command) => {
    const own = `${path} ${command.name()}`.trim();
    const [argument] = command.registeredArguments;
    return [
      {
        path: own,
        summary: command.summary() === "" ? command.description() : command.summary(),
        flags: flagsOf(command, targets),
        values: argument === undefined ? null : valuesOf(argument, argument.name()),
      },
      ...commandsBelow(command, own, targets),
    ];
  });

const flagsOf = (command: Command, targets: Targets): readonly CompletionFlag[] =>
  command
    .createHelp()
    .visibleOptions(command)
    .map((option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined),
      summary: option.description,
      values:
        option.required || option.optional ? (targets[option.long ?? ""] ?? valuesOf(option, option.flags)) : null,
    }));

/** What a flag's reader says that it takes; else what its placeholder says. */
function valuesOf(taker: Option | Argument, placeholder: string): CompletionValues {
  const { values } = (taker.parseArg ?? {}) as { readonly values?: readonly string[] }; // as `choices` made it, or any other function
  if (values !== undefined) return values;
  if (/\b(file|plan)\b/.test(placeholder)) return "file";
  return /\bfolder\b/.test(placeholder) ? "folder" : "anything";
}
