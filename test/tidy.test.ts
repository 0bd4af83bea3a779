import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));

/** Who may import whom. `npm:` and `node:` stand for packages and for Node's own modules. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: ["core"],
  ports: ["core"],
  report: ["core", "report"],
  documents: ["core", "documents", "node:"],
  config: ["core", "config", "npm:zod", "npm:yaml"],
  host: ["core", "ports", "host", "node:"],
  engine: ["core", "ports", "engine", "node:"],
  aws: ["core", "ports", "aws", "npm:", "node:"],
  mail: ["core", "ports", "aws", "mail", "npm:", "node:"],
  destinations: ["core", "ports", "aws", "documents", "host", "mail", "destinations/kind", "npm:", "node:"],
  notifiers: ["core", "ports", "aws", "mail", "npm:", "node:"],
  ledger: ["core", "ports", "aws", "host", "ledger/kind", "npm:", "node:"],
  escrow: ["core", "ports", "aws", "host", "escrow/kind", "npm:", "node:"],
  seal: ["core", "ports", "aws", "host", "seal", "npm:", "node:"],
  simulation: ["core", "ports", "engine", "simulation", "node:"],
  compose: [
    "compose",
    "core",
    "ports",
    "report",
    "config",
    "distributed",
    "engine",
    "aws",
    "destinations",
    "escrow",
    "seal",
    "mail",
    "notifiers",
    "ledger",
    "host",
    "documents",
    "simulation",
    "node:",
    "npm:",
  ],
  cli: [
    "cli",
    "compose",
    "core",
    "ports",
    "report",
    "config",
    "simulation",
    "host",
    "distributed",
    "secret-rotation",
    "dropins/apply-step",
    "dropins/boto3",
    "node:",
    "npm:commander",
    "npm:@clack/prompts",
  ],
  distributed: ["distributed", "core", "ports", "report", "npm:zod"],
  lambda: [
    "lambda",
    "compose",
    "distributed",
    "core",
    "ports",
    "report",
    "config",
    "aws",
    "simulation",
    "secret-rotation",
    "node:",
    "npm:",
  ],
  "secret-rotation": [
    "secret-rotation",
    "core",
    "ports",
    "engine",
    "aws",
    "destinations/secretsmanager",
    "documents",
    "node:",
    "npm:@aws-sdk/client-secrets-manager",
  ],
  dropins: [
    "dropins",
    "cli/exit",
    "cli/process",
    "cli/signals",
    "cli/version",
    "compose",
    "documents",
    "core",
    "ports",
    "report",
    "host",
    "node:",
    "npm:commander",
  ],
  index: ["compose", "core", "ports", "report", "config", "simulation"],
};

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
const textOf = (name: string) => readFileSync(join(SRC, name), "utf8");

const roomOf = (name: string) => name.split("/")[0]?.replace(/\.ts$/, "") ?? "";

function importsOf(name: string): readonly string[] {
  const found = textOf(name).matchAll(/(?:^|\n)(?:import|export)\b[^;]*?\bfrom "([^"]+)"|\bimport\("([^"]+)"\)/g);
  return [...found].map(([, fixed, lazy]) => {
    const specifier = fixed ?? lazy ?? "";
    if (specifier.startsWith("."))
      return relative(SRC, normalize(join(SRC, dirname(name), specifier))).replace(/\.ts$/, "");
    return specifier.startsWith("node:") ? specifier : `npm:${specifier}`;
  });
}

const allows = (rule: string, imported: string): boolean =>
  imported === rule || imported.startsWith(rule.endsWith(":") ? rule : `${rule}/`);

describe("the house is tidy:", () => {
  it("every folder has a rule for what it may import", () => {
    expect(files.map(roomOf).filter((room) => MAY_IMPORT[room] === undefined)).toEqual([]);
  });

  it("every file imports only what its folder may", () => {
    const wrong = files.flatMap((name) =>
      importsOf(name)
        .filter((imported) => !(MAY_IMPORT[roomOf(name)] ?? []).some((rule) => allows(rule, imported)))
        .map((imported) => `${name} imports ${imported}`),
    );
    expect(wrong).toEqual([]);
  });

  it("the rules find a wrong import", () => {
    expect(allows("core", "core/decide")).toBe(true);
    expect(allows("core", "compose")).toBe(false);
    expect(allows("npm:", "npm:zod")).toBe(true);
    expect(allows("destinations/kind", "destinations/file")).toBe(false);
  });

  it("core has no clock and no chance", () => {
    const wrong = files.filter(
      (name) =>
        roomOf(name) === "core" && /Date\.now|Math\.random|new Date\(\)|performance\.|process\./.test(textOf(name)),
    );
    expect(wrong).toEqual([]);
  });

  it("every cast says why", () => {
    const casts = files.flatMap((name) =>
      textOf(name)
        .split("\n")
        .flatMap((line, index, lines) => {
          const code = line.replace(/"[^"]*"|`[^`]*`/g, "").split("//")[0] ?? "";
          const isCast =
            /[\w)\]}"'] as (?!const\b)[\w{(]/.test(code) && !/^\s*(import|export|\*|\/\*)|^\s*type /.test(line);
          const says = line.includes("//") || (lines[index - 1] ?? "").trim().startsWith("//");
          return isCast && !says ? [`${name}:${index + 1}: ${line.trim()}`] : [];
        }),
    );
    expect(casts).toEqual([]);
  });

  it("a secret is opened only where it is put somewhere", () => {
    const openers = files.filter((name) => textOf(name).includes(".reveal()")).toSorted();
    expect(openers).toEqual([
      "aws/call.ts",
      "aws/clients.ts",
      "compose/sealing.ts",
      "destinations/email.ts",
      "destinations/secretsmanager.ts",
      "destinations/ssm.ts",
      "documents/fields.ts",
      "dropins/apply-step/apply-step.ts",
      "dropins/iam-credential-rotation/results.ts",
      "escrow/file.ts",
      "escrow/ssm.ts",
      "host/hand-over.ts",
      "mail/mail.ts",
      "mail/mailgun.ts",
      "mail/smtp.ts",
      "seal/age.ts",
      "seal/fernet-token.ts",
      "seal/fernet.ts",
      "seal/sealed-text.ts",
      "secret-rotation/values.ts",
      "simulation/account.ts",
      "simulation/stores.ts",
    ]);
  });

  it("no process is started: everybody on the machine can read its arguments, and many its environment", () => {
    expect(files.filter((name) => textOf(name).includes("node:child_process"))).toEqual([]);
  });

  it("an error is never printed as it is: a reply of AWS may hang on it", () => {
    const prints = /\bconsole\.\w+\(|(?<!\.|async )\binspect\(|\.stack\b|\$response|JSON\.stringify\((?:error|cause)\b/;
    expect(files.filter((name) => prints.test(textOf(name)))).toEqual([]);
  });

  it("nothing is left for later", () => {
    expect(files.filter((name) => /\b(TODO|FIXME|XXX|HACK)\b/.test(textOf(name)))).toEqual([]);
  });
});
