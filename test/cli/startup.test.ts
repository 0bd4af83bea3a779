import { readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = fileURLToPath(new URL("../../src/", import.meta.url));
const SLOW = /^(@aws-sdk|@smithy|@clack|zod|yaml)\b/;

const textOf = (file: string) => readFileSync(join(SRC, file), "utf8");

/** What loads together with a file: its imports that are neither types alone nor made later. */
const staticImports = (file: string): readonly string[] =>
  [...textOf(file).matchAll(/^(?:import|export) (?!type )[^;]*?"([^"]+)";$/gm)].map(([, specifier = ""]) =>
    specifier.startsWith(".") ? relative(SRC, normalize(join(SRC, dirname(file), specifier))) : specifier,
  );

/** Every file and package that loads together with these files. */
function closure(files: readonly string[]): ReadonlySet<string> {
  const reached = new Set(files);
  for (const file of reached) if (file.endsWith(".ts")) for (const each of staticImports(file)) reached.add(each);
  return reached;
}

/** The files that `program.ts` loads for one command each, whose `--help` they print. */
const commandFiles = [...textOf("cli/program.ts").matchAll(/import\("\.\/([\w-]+\.ts)"\)/g)].map(
  ([, name]) => `cli/${name}`,
);

describe("asking for help", () => {
  it("loads no client of AWS, nor anything else that is slow to load", () => {
    const reached = closure(["cli/main.ts"]);
    expect(reached).toContain("commander");
    expect(reached).toContain("cli/program.ts");
    expect([...reached].filter((each) => SLOW.test(each))).toEqual([]);
  });

  it.each(commandFiles)("of the command in %s loads none either", (file) => {
    expect([...closure([file])].filter((each) => SLOW.test(each))).toEqual([]);
  });

  it("would be seen to load one", () => {
    expect(commandFiles.length).toBeGreaterThan(10);
    expect([...closure(["compose.ts"])].some((each) => SLOW.test(each))).toBe(true);
  });
});

describe("what every command loads that calls AWS", () => {
  it("has the clients of IAM and STS in it, and of no service that only some destinations need", () => {
    const clients = [...closure(["compose.ts"])].filter((each) => each.startsWith("@aws-sdk/"));
    expect(clients.toSorted()).toEqual(["@aws-sdk/client-iam", "@aws-sdk/client-sts"]);
  });
});
