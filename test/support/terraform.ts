import { execFile, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MAIN, temporaryFolder } from "./cli.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The oldest that the modules promise to work with. */
const PROVIDER = `terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}
`;

/** How the tests' configurations reach the emulator: credentials and address come from the environment. */
const MOTO_PROVIDER = `provider "aws" {
  region                  = "eu-central-1"
  max_retries             = 2
  skip_metadata_api_check = true
  s3_use_path_style       = true
}
`;

/** The built keyturn, as a command line for a shell. */
export const KEYTURN = `'${process.execPath}' '${MAIN}'`;

interface Found {
  /** Why the tests that need it are skipped; null where they run. */
  readonly missing: string | null;
  /** The configuration of the command line that is set for every run of it. */
  readonly config: string;
  /** Where providers are kept for all stacks. */
  readonly cache: string;
}

/**
 * Looks for Terraform and, as `TF_CLI_CONFIG_FILE` and the registry have it, for the provider: once for all tests of a file. From
 * then on the provider is run from where it was found, without a lock: Terraform would take a second to hash it at every command.
 */
function find(): Found {
  const cache = process.env["TF_PLUGIN_CACHE_DIR"] ?? join(tmpdir(), "keyturn-terraform-plugins");
  const missing = (what: string): Found => ({ missing: `SKIPPED: no ${what}`, config: "", cache });
  if (spawnSync("terraform", ["version"], { timeout: 60_000 }).status !== 0) return missing("terraform");
  const folder = mkdtempSync(join(tmpdir(), "keyturn-terraform-"));
  writeFileSync(join(folder, "main.tf"), PROVIDER);
  mkdirSync(cache, { recursive: true });
  const init = spawnSync("terraform", ["init", "-no-color"], {
    cwd: folder,
    timeout: 300_000,
    env: { ...process.env, TF_PLUGIN_CACHE_DIR: cache },
  });
  const installed = join(folder, ".terraform/providers/registry.terraform.io/hashicorp/aws");
  if (init.status !== 0 || !existsSync(installed)) return missing("hashicorp/aws for terraform");
  const [version = ""] = readdirSync(installed);
  const [platform = ""] = readdirSync(join(installed, version));
  const config = join(folder, "terraform.tfrc");
  const binaries = JSON.stringify(join(installed, version, platform));
  writeFileSync(config, `provider_installation {\n  dev_overrides { "hashicorp/aws" = ${binaries} }\n  direct {}\n}\n`);
  return { missing: null, config, cache };
}

const found = find();

/** Why the tests that need Terraform are skipped; null where they run. `TERRAFORM_REQUIRED=1` makes a skip a failure. */
export const terraformMissing: string | null = found.missing;
if (terraformMissing !== null && process.env["TERRAFORM_REQUIRED"] === "1")
  throw new Error(`TERRAFORM_REQUIRED=1, but ${terraformMissing}`);

/** For a {@link Stack} whose provider is installed by its own `init`, locked and checked, as with everybody who has no overrides. */
export const plainConfig: Readonly<Record<string, string>> = {
  TF_CLI_CONFIG_FILE: process.env["TF_CLI_CONFIG_FILE"] ?? "",
  TF_PLUGIN_CACHE_DIR: found.cache,
};

/** What Terraform would change. Data that is read later is no change. */
export interface Change {
  readonly address: string;
  /** Such as `create`, `update`, `delete+create`. */
  readonly actions: string;
}

export interface Ran {
  readonly code: number;
  /** Standard output and standard error. */
  readonly out: string;
}

/** One configuration in a folder of its own, with the modules of the package in `./modules`, against an emulator. */
export class Stack {
  readonly #root = temporaryFolder();
  /** Where the configuration is, and what Terraform keeps. */
  readonly folder: string;
  readonly #env: Readonly<Record<string, string>>;
  /** Everything that any command said. */
  said = "";

  /**
   * `env` comes on top of what every command finds: the emulator's address, credentials, and keyturn without waiting. `example` = the
   * configuration is this example, with the modules where it looks for them.
   */
  constructor(endpoint: string, env: Readonly<Record<string, string>> = {}, example: string | null = null) {
    this.folder = example === null ? this.#root : join(this.#root, "examples", example);
    if (example !== null) cpSync(join(ROOT, "examples", example), this.folder, { recursive: true });
    const modules = example === null ? "modules" : "terraform/modules";
    cpSync(join(ROOT, "terraform/modules"), join(this.#root, modules), { recursive: true });
    this.#env = {
      PATH: process.env["PATH"] ?? "",
      HOME: this.#root,
      TMPDIR: tmpdir(),
      TF_CLI_CONFIG_FILE: found.config,
      TF_IN_AUTOMATION: "1",
      TF_CLI_ARGS: "-no-color",
      CHECKPOINT_DISABLE: "1",
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_EC2_METADATA_DISABLED: "true",
      KEYTURN_SETTLE: "0s",
      ...env,
    };
  }

  /** Replaces the configuration, and fetches its modules. */
  async write(main: string): Promise<void> {
    writeFileSync(join(this.folder, "main.tf"), `${PROVIDER}${MOTO_PROVIDER}${main}`);
    await this.must("get");
  }

  /** Has the example reach the emulator, and fetches its modules. */
  async overrideProvider(): Promise<void> {
    writeFileSync(join(this.folder, "override.tf"), MOTO_PROVIDER.replace(/^ *region .*\n/m, ""));
    await this.must("get");
  }

  /** Runs one command to its end. */
  run(command: string, ...args: readonly string[]): Promise<Ran> {
    return new Promise((resolve) => {
      execFile(
        "terraform",
        [command, ...args],
        { cwd: this.folder, env: this.#env, timeout: 240_000, maxBuffer: 64_000_000 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
          this.said += `${stdout}${stderr}`;
          resolve({ code, out: `${stdout}${stderr}` });
        },
      );
    });
  }

  /** As {@link Stack.run}; throws with all that was said where the command fails. */
  async must(command: string, ...args: readonly string[]): Promise<string> {
    const { code, out } = await this.run(command, ...args);
    if (code !== 0) throw new Error(`terraform ${command} ended with ${code}:\n${out}`);
    return out;
  }

  apply = (...args: readonly string[]): Promise<Ran> => this.run("apply", "-auto-approve", "-input=false", ...args);

  destroy = (...args: readonly string[]): Promise<Ran> => this.run("destroy", "-auto-approve", "-input=false", ...args);

  /** What a plan would change, in the order of addresses; `file` keeps the plan. Empty also means that the exit code was 0, outputs included. */
  async plan(file = "plan.out", ...args: readonly string[]): Promise<readonly Change[]> {
    const { code, out } = await this.run("plan", "-input=false", "-detailed-exitcode", `-out=${file}`, ...args);
    if (code === 1) throw new Error(`terraform plan failed:\n${out}`);
    if (code === 0) return [];
    const changes = [
      ...out.matchAll(/^ {2}# (\S+) (?:\(deposed \S+\) )?(?:will be|must be|is tainted, so must be) (.+)$/gm),
    ];
    const listed = changes.flatMap(([, address = "", words = ""]) => {
      const actions = ACTIONS.find(([pattern]) => pattern.test(words))?.[1] ?? words;
      return actions === "read" ? [] : [{ address, actions }];
    });
    return listed.length > 0 ? listed : [{ address: "(outputs)", actions: "update" }];
  }

  /** Everything that Terraform keeps in the folder, as text: states, their backups, and what is in the plans, which are archives. */
  kept(): string {
    return readdirSync(this.folder)
      .filter((name) => /\.tfstate|\.backup|\.json$/.test(name) || name.endsWith(".out"))
      .map((name) => {
        const path = join(this.folder, name);
        return name.endsWith(".out") ? unpack(path) : readFileSync(path, "latin1");
      })
      .join("\n");
  }

  state(): string {
    return readFileSync(join(this.folder, "terraform.tfstate"), "utf8");
  }

  /** The outputs of the configuration, sensitive ones too. */
  outputs(): Readonly<Record<string, unknown>> {
    const document = JSON.parse(this.state()) as { outputs: Record<string, { value: unknown }> };
    return Object.fromEntries(Object.entries(document.outputs).map(([name, { value }]) => [name, value]));
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

const UNPACK = `import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
for name in archive.namelist(): sys.stdout.buffer.write(archive.read(name))`;

/** The members of a zip archive, one behind the other. The emulator, without which there is no stack, comes with a Python. */
function unpack(path: string): string {
  const { status, stdout } = spawnSync("python3", ["-c", UNPACK, path], { encoding: "latin1", maxBuffer: 64_000_000 });
  if (status !== 0 || stdout === "") throw new Error(`${path} could not be unpacked`);
  return stdout;
}

const ACTIONS: readonly (readonly [RegExp, string])[] = [
  [/^created/, "create"],
  [/^replaced/, "replace"],
  [/^updated/, "update"],
  [/^destroyed/, "delete"],
  [/^read during apply/, "read"],
];
