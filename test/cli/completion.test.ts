import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { main } from "../../src/cli/program.ts";
import { presetNames } from "../../src/core/policy.ts";
import { reasons } from "../../src/core/reasons.ts";
import { temporaryFolder } from "../support/cli.ts";

const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/** What the command prints. Without credentials or a network: it must need neither. */
async function print(args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await main(args, {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    print: () => Promise.reject(new Error("no line of results")),
    isInteractive: false,
    isLive: false,
    paint: (_, text) => text,
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

const has = (program: string): boolean => spawnSync(program, ["--version"], { timeout: 10_000 }).status === 0;

describe("keyturn completion", () => {
  it.each(SHELLS)("prints a script for %s that knows every command, preset and reason", async (shell) => {
    const { code, out, err } = await print(["completion", shell]);
    expect([code, err]).toEqual([0, ""]);
    for (const word of [...presetNames, ...Object.keys(reasons), "scan", "doctor", "verify", "secretsmanager:"])
      expect(out).toContain(word);
  });

  it.each([["tcsh"], ["BASH"], [""]])("knows no shell %j", async (shell) => {
    const { code, err } = await print(["completion", shell]);
    expect([code, err]).toEqual([2, expect.stringContaining("is none of bash, zsh, fish, powershell")]);
  });

  it.each([
    ["zsh", "zsh", ["-n"]],
    ["fish", "fish", ["--no-execute"]],
  ] as const)("is understood by %s, where there is one", async (shell, program, check) => {
    if (!has(program)) return;
    const script = join(temporaryFolder(), "script");
    writeFileSync(script, (await print(["completion", shell])).out);
    const { status, stderr } = spawnSync(program, [...check, script], { encoding: "utf8", timeout: 10_000 });
    expect([status, stderr]).toEqual([0, ""]);
  });
});

describe.skipIf(!has("bash"))(`bash, with the script sourced ${has("bash") ? "" : "SKIPPED: no bash"}`, () => {
  let script: string;
  let folder: string;
  beforeAll(async () => {
    folder = temporaryFolder();
    script = join(folder, "completion.bash");
    writeFileSync(script, (await print(["completion", "bash"])).out);
    writeFileSync(join(folder, "a plan.json"), "");
  });

  /** Runs lines of bash in the folder after the script was sourced, twice, in a shell that takes no unset variable and finds no program. */
  const bash = (...lines: readonly string[]) =>
    spawnSync(
      "bash",
      ["--norc", "-c", [`PATH=; set -u; source "${script}"; source "${script}"`, ...lines].join("\n")],
      {
        cwd: folder,
        encoding: "utf8",
        timeout: 10_000,
        env: { PATH: process.env["PATH"] ?? "" },
      },
    );

  /** What bash offers for the last of these words, split as bash splits them (`=` and `:` stand alone). */
  function complete(...words: readonly string[]): readonly string[] {
    const list = ["keyturn", ...words].map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
    const { status, stdout, stderr } = bash(
      `COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _keyturn; printf '%s\\n' "\${COMPREPLY[@]+"\${COMPREPLY[@]}"}"`,
    );
    expect([status, stderr]).toEqual([0, ""]);
    return stdout.split("\n").filter((line) => line !== "");
  }

  it("is asked when keyturn is typed", () => {
    expect(bash("complete -p keyturn").stdout.trim()).toBe("complete -F _keyturn keyturn");
  });

  it.each<[readonly string[], readonly string[]]>([
    [["ex"], ["explain"]],
    [["d"], ["decrypt", "doctor", "demo"]],
    [["audit", ""], ["verify"]],
    [
      ["completion", ""],
      ["bash", "zsh", "fish", "powershell"],
    ],
    [
      ["explain", "no-"],
      ["no-keys", "no-free-slot", "no-destination"],
    ],
    [
      ["run", "--policy", "s"],
      ["safe", "superseded", "secrets-manager"],
    ],
    [
      ["run", "--all-users", "--deliver", "s"],
      ["secretsmanager:", "ssm:", "stdout"],
    ],
    [["run", "--deliver", "ssm", ":"], []],
    [["run", "--deliver", "ssm", ":", "/k"], []],
    [
      ["run", "--escrow", ""],
      ["none", "file", "ssm"],
    ],
    [
      ["scan", "--format", "="],
      ["table", "json", "ndjson"],
    ],
    [["scan", "--format", "=", "j"], ["json"]],
    [["--format", "j"], ["json"]],
    [
      ["audit", "verify", "--format", ""],
      ["table", "json"],
    ],
    [
      ["plan", "--fail-on", ""],
      ["failed", "blocked"],
    ],
    [
      ["policy", "--partition", "aws-"],
      ["aws-us-gov", "aws-cn"],
    ],
    [
      ["run", "--max-"],
      ["--max-age", "--max-rotations"],
    ],
    [["rotate", "--us"], []],
    [["--all-"], ["--all-accounts", "--all-users"]],
    [["demo", "--se"], ["--seed"]],
    [["run", "a"], ["a plan.json"]],
    [["run", "--report", "a "], ["a plan.json"]],
    [["demo", "--out", "a"], []],
    [["run", "--user", "a"], []],
    [["frobnicate", ""], []],
  ])("%j: %j", (words, expected) => {
    expect(complete(...words)).toEqual(expected);
  });

  it("runs nothing that is typed", () => {
    expect(complete("run", "--user", "$(echo > pwned)", "--policy", "`echo > pwned`")).toEqual([]);
    expect(complete("; echo > pwned", "--policy", "$(echo > pwned)")).toEqual([]);
    expect(readdirSync(folder).toSorted()).toEqual(["a plan.json", "completion.bash"]);
  });
});
