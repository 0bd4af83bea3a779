import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { temporaryFolder } from "../support/cli.ts";

const FOLDER = fileURLToPath(new URL("../../integrations/itential/", import.meta.url));
const read = (name: string) => readFileSync(join(FOLDER, name), "utf8");

const python = ["python3", "python"].find((each) => spawnSync(each, ["--version"]).status === 0);
const missing = python === undefined ? "SKIPPED: no Python" : null;

interface Property {
  readonly type: string;
  readonly default: unknown;
  readonly description: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}
type Properties = Readonly<Record<string, Property>>;

const schema = JSON.parse(read("decorator.schema.json")) as { readonly properties: Properties };
const config = JSON.parse(read("iag_config.json")) as {
  readonly service_config: {
    readonly execution: { readonly timeout: number };
    readonly parameters: Readonly<Record<string, Property & { readonly min?: number; readonly max?: number }>>;
  };
};

describe("the definitions for Itential's gateway", () => {
  it("have the script's parameters, types, defaults and limits", () => {
    expect(Object.entries(schema.properties).map(([name, { type, default: value }]) => [name, type, value])).toEqual([
      ["days_threshold", "integer", 90],
      ["dry_run", "boolean", false],
      ["aws_profile", "string", ""],
      ["aws_region", "string", "us-east-1"],
      ["target_user", "string", ""],
      ["cleanup_inactive", "boolean", false],
      ["output_format", "string", "json"],
    ]);
    expect(schema.properties["days_threshold"]).toMatchObject({ minimum: 1, maximum: 365 });
    expect(config.service_config.execution.timeout).toBe(300);
  });

  it("say the same in every file", () => {
    const services = parse(read("services.yml")) as {
      readonly decorators: readonly { readonly name: string; readonly schema: unknown }[];
      readonly repositories: readonly { readonly name: string }[];
      readonly services: readonly Readonly<Record<string, unknown>>[];
    };
    expect(services.decorators[0]?.schema).toEqual(schema);
    const { parameters } = config.service_config;
    for (const [name, { min, max, ...rest }] of Object.entries(parameters)) {
      expect(schema.properties[name]).toMatchObject(rest);
      expect([schema.properties[name]?.minimum, schema.properties[name]?.maximum]).toEqual([min, max]);
    }
    expect(Object.keys(parameters)).toEqual(Object.keys(schema.properties));
    expect(services.services[0]).toMatchObject({
      type: "python-script",
      filename: "rotate_iam_keys.py",
      "working-directory": "integrations/itential",
      repository: services.repositories[0]?.name,
      decorator: services.decorators[0]?.name,
    });
    for (const { parameters: used } of (
      JSON.parse(read("workflow.json")) as { workflow: { tasks: readonly { parameters: object }[] } }
    ).workflow.tasks)
      expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(used)));
  });
});

describe.skipIf(missing !== null)(`what the gateway runs ${missing ?? ""}`, () => {
  const SHOW = `"${process.execPath}" -e "console.log(JSON.stringify(process.argv.slice(1)))" --`;
  const run = (args: readonly string[], command = SHOW) => {
    const { status, stdout, stderr } = spawnSync(python ?? "python3", [join(FOLDER, "rotate_iam_keys.py"), ...args], {
      encoding: "utf8",
      cwd: temporaryFolder(),
      env: { PATH: "/usr/bin:/bin", ROTATE_IAM_KEYS: command },
    });
    return { status, stderr, words: status === 0 ? (JSON.parse(stdout) as readonly string[]) : [] };
  };

  it.each([
    [[], ["--output-format", "json"]],
    [
      [
        "--days_threshold=60",
        "--dry_run",
        "--aws_profile=production",
        "--aws_region=us-west-2",
        "--target_user=john.doe",
      ],
      [
        "--days-threshold=60",
        "--dry-run",
        "--profile=production",
        "--region=us-west-2",
        "--user=john.doe",
        "--output-format",
        "json",
      ],
    ],
    [
      ["--dry_run=true", "--cleanup_inactive=False", "--output_format=text"],
      ["--dry-run", "--output-format=text"],
    ],
    [
      ["--aws_profile=", "--target_user=", "--days_threshold="],
      ["--output-format", "json"],
    ],
    [["--target_user=a b; $(c)"], ["--user=a b; $(c)", "--output-format", "json"]],
    [
      ["--days-threshold", "60", "--output-format", "text"],
      ["--days-threshold", "60", "--output-format", "text"],
    ],
  ])("passes %j on as %j", (args, words) => {
    expect(run(args)).toEqual({ status: 0, stderr: "", words });
  });

  it.each([
    [["--days_threshold=366"], "no whole number from 1 to 365: '366'"],
    [["--days_threshold=0"], "no whole number from 1 to 365"],
    [["--days_threshold=1e2"], "no whole number from 1 to 365"],
    [["--days_threshold"], "days_threshold has no value"],
    [["--dry_run=maybe"], "dry_run is neither true nor false: 'maybe'"],
  ])("refuses %j with exit 2 and a next step", (args, message) => {
    const { status, stderr } = run(args);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr).toContain("hint: ");
  });

  it("refuses a number without end, and a command whose quotes do not close, without a traceback", () => {
    const endless = run([`--days_threshold=${"9".repeat(5000)}`]);
    expect([endless.status, endless.stderr]).toEqual([2, expect.stringContaining("no whole number from 1 to 365")]);
    const open = run([], "node '/opt/main.js");
    expect([open.status, open.stderr]).toEqual([2, expect.stringMatching(/^error: ROTATE_IAM_KEYS is no command/)]);
    const blank = run([], "  ");
    expect([blank.status, blank.stderr]).toEqual([2, expect.stringMatching(/^error: rotate-iam-keys cannot be run/)]);
  });

  it("says what is missing where rotate-iam-keys is not installed", () => {
    const { status, stderr } = run([], "/nowhere/rotate-iam-keys");
    expect([status, stderr]).toEqual([2, expect.stringContaining("hint: install keyturn on the gateway")]);
  });
});
