import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/cli.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const bin = (name: string) => join(ROOT, "node_modules", ".bin", name);

describe("the package", { timeout: 120_000 }, () => {
  let folder: string;
  let tarball: string;
  beforeAll(() => {
    folder = temporaryFolder();
    // The build is there already; running it again would pull it from under the tests beside this one.
    execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: ROOT, stdio: "pipe" });
    tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "none");
  });

  it("installs into an empty folder and runs there", () => {
    const home = join(folder, "empty");
    mkdirSync(home);
    writeFileSync(join(home, "package.json"), "{}");
    execFileSync("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], {
      cwd: home,
      stdio: "pipe",
    });
    const program = (name: string, ...args: string[]) =>
      execFileSync(join(home, "node_modules", ".bin", name), args, { cwd: home, encoding: "utf8" });
    const run = (...args: string[]) => program("keyturn", ...args);
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
    expect(run("--version").trim()).toBe(version);
    expect(program("iam-credential-rotation", "--version")).toBe(`iam-credential-rotation, version ${version}\n`);
    expect(program("rotate-iam-keys", "--version").trim()).toBe(version);
    expect(run("demo", "--days", "2")).toContain("This account is simulated");
    writeFileSync(
      join(home, "use.mjs"),
      'import { decide, presets, Session } from "keyturn"; console.log(typeof decide, presets.safe.rotateAfter / 86400000, typeof Session);',
    );
    expect(execFileSync(process.execPath, ["use.mjs"], { cwd: home, encoding: "utf8" }).trim()).toBe(
      "function 90 function",
    );
  });

  it("has nothing in it that its users do not need", () => {
    const files = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n");
    expect(
      files.filter(
        (name) =>
          !/^package\/(dist\/.*\.(js|d\.ts)|docs\/.*|recipes\/.*|terraform\/modules\/.*|cloudformation\/.*\.yaml|keyturn\.schema\.json|README\.md|LICENSE|package\.json)$/.test(
            name,
          ),
      ),
    ).toEqual([]);
  });

  it("is what package managers and compilers expect of an ESM package", () => {
    const passes =
      (tool: string, ...args: string[]) =>
      () =>
        execFileSync(bin(tool), args, { cwd: ROOT, stdio: "pipe" });
    expect(passes("publint", "--strict", tarball)).not.toThrow();
    expect(passes("attw", tarball, "--profile", "esm-only")).not.toThrow();
  });
});
