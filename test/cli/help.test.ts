import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import type { Io } from "../../src/cli/io.ts";
import { main, wholeProgram } from "../../src/cli/program.ts";
import { explanations } from "../../src/report/explanations.ts";

const silent: Io = {
  out: () => undefined,
  err: () => undefined,
  print: () => Promise.resolve(),
  isInteractive: false,
  isLive: false,
  paint: (_, text) => text,
};

/** Every command with the words that lead to it; keyturn itself leads. */
const commandsOf = (
  command: Command,
  path: readonly string[] = [],
): readonly (readonly [readonly string[], Command])[] => [
  [path, command],
  ...command.commands.flatMap((each) => commandsOf(each, [...path, each.name()])),
];

const commands = commandsOf(await wholeProgram(silent));

/** What `--help` prints, as a user gets it: with nothing loaded but this command. */
async function helpOf(path: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const code = await main([...path, "--help"], { ...silent, out: (text) => lines.push(text) });
  expect(code).toBe(0);
  return lines.join("\n");
}

/** The commands below "Examples:", without what a shell makes of them: redirections, and a second command behind `&&`. */
const examplesIn = (help: string): readonly (readonly string[])[] =>
  (/\nExamples:\n((?: {2}.*(?:\n|$))+)/.exec(help)?.[1] ?? "")
    .split("\n")
    .flatMap((line) => line.split("&&"))
    .map((line) => line.replace(/ (>|>>|<|\|) .*/, "").trim())
    .filter((line) => line !== "")
    .map((line) => line.split(/\s+/));

describe.each(commands.map(([path, command]) => [["keyturn", ...path].join(" "), path, command] as const))(
  "%s --help",
  (name, path, command) => {
    it("says what it does in whole sentences, and what each argument and flag is", async () => {
      const help = await helpOf(path);
      expect(help.startsWith(`Usage: ${name}`)).toBe(true);
      expect(command.description()).toMatch(/^[A-Z].{20,}\.$/s);
      const mute = [...command.options, ...command.registeredArguments].filter((each) => each.description === "");
      expect(mute).toEqual([]);
      for (const { long } of command.options)
        expect(help).toContain(`  ${long === "--version" && path.length === 0 ? "-V, " : ""}${long ?? ""}`);
      expect(help).not.toContain("default: []");
    });

    it("shows examples of itself that can be typed", async () => {
      const examples = examplesIn(await helpOf(path));
      expect(examples.length).toBeGreaterThan(0);
      const isOwn = ([program, ...words]: readonly string[]) =>
        program === "keyturn" && (name === "keyturn scan" || path.every((word, index) => word === words[index]));
      expect(examples.some(isOwn)).toBe(true);
      for (const [program, ...words] of examples) {
        expect(program).toBe("keyturn");
        expect([...words, await parses(words)]).toEqual([...words, "yes"]);
      }
    });
  },
);

/** Whether a command takes these words: every flag exists, every value can be read, no argument is missing. */
async function parses(words: readonly string[]): Promise<string> {
  const program = await wholeProgram(silent);
  let ran = "nothing";
  for (const [path, command] of commandsOf(program)) {
    if (path.length > 0 && command.commands.length === 0)
      command.action(() => {
        ran = "yes";
      });
  }
  try {
    await program.parseAsync(words, { from: "user" });
    return ran;
  } catch (error) {
    return error instanceof Error ? error.message : "no";
  }
}

it("what the explanations of reasons say to type can be typed", async () => {
  const typed = Object.values(explanations).flatMap((each) => each.commands.map(([command]) => command.split(/\s+/)));
  const names = commands.map(([path]) => path.join(" "));
  expect(typed.length).toBeGreaterThan(30);
  for (const [program, ...words] of typed) {
    const name = words[0] ?? "";
    expect([program, names.includes(name)]).toEqual(["keyturn", true]);
    expect([...words, await parses(words)]).toEqual([...words, "yes"]);
  }
});

it("an example with a mistake would be found", async () => {
  expect(await parses(["run", "--all-userz"])).toContain("--all-userz");
  expect(await parses(["run", "--policy", "saef"])).toContain("none of");
  expect(await parses(["retire", "ci-bot"])).toContain("access-key-id");
});

it("lists every command with a summary that is no sentence of its own", async () => {
  const help = await helpOf([]);
  for (const [path, command] of commands.filter(([words]) => words.length === 1)) {
    expect(help).toMatch(new RegExp(`^  ${path[0]} .*\\w{3}`, "m"));
    expect(command.summary()).toMatch(/^[a-z].*[^.]$/);
  }
  expect(help).toContain("Exit codes:");
});
