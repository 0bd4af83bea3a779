import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { accessKeyId } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { Secret } from "../../src/core/secret.ts";
import { parseTarget } from "../../src/core/target.ts";
import { awsProfile } from "../../src/destinations/aws-profile.ts";
import { file } from "../../src/destinations/file.ts";
import type { DestinationKind } from "../../src/destinations/kind.ts";
import { secretsmanager } from "../../src/destinations/secretsmanager.ts";
import { ssm } from "../../src/destinations/ssm.ts";
import { stdout } from "../../src/destinations/stdout.ts";
import { temporaryFolder } from "../support/cli.ts";
import { userNamed } from "./contract.ts";
import { openFile } from "./file-bench.ts";
import { CALLER, openHost } from "./host.ts";
import { openProfile } from "./profile-bench.ts";

const KINDS: readonly DestinationKind[] = [awsProfile, file, secretsmanager, ssm, stdout];
const EXAMPLE = {
  accessKeyId: accessKeyId("AKIAIOSFODNN7EXAMPLE"),
  secretAccessKey: new Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
};

const pageOf = (kind: string) =>
  readFileSync(fileURLToPath(new URL(`../../docs/destinations/${kind}.md`, import.meta.url)), "utf8");
/** The first fenced block in this language. */
const blockIn = (page: string, language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(page)?.[1];

describe.each(KINDS)("the page of $kind", (kind) => {
  const page = pageOf(kind.kind);

  it("has only examples that can be typed", async () => {
    const targets = [...page.matchAll(/--deliver (?:'([^']+)'|(\S+))/g)].map(
      ([, quoted, bare]) => quoted ?? bare ?? "",
    );
    const host = await openHost();
    expect(targets.length).toBeGreaterThan(1);
    for (const target of targets.filter((text) => text.startsWith(kind.kind)))
      expect(() => kind.parse(parseTarget(target)).open(host)(userNamed("ci-bot", "/ci/"), null)).not.toThrow();
  });

  it("names every option, and no other", () => {
    const named = [...page.matchAll(/^\| `([\w.]+)` +\|/gm)]
      .map(([, name = ""]) => name)
      .filter((name) => !name.startsWith("AWS"));
    const fields = kind === awsProfile ? [] : ["field.NAME", "sesRegion"];
    expect(named.toSorted()).toEqual([...optionsOf(kind), ...fields].toSorted());
  });

  it("names every permission", () => {
    const name = kind.kind === "stdout" ? "" : ":/k";
    const statements = kind.parse(parseTarget(`${kind.kind}${name}`)).permissions(CALLER, "eu-west-1");
    const actions = statements.flatMap((statement) => statement.actions);
    const named = [...page.matchAll(/`((?:ssm|secretsmanager):[A-Z]\w+)`/g)].map(([, action = ""]) => action);
    expect([...new Set(named)].toSorted()).toEqual(actions.toSorted());
  });
});

describe("the example on the page of", () => {
  it("file is what is written", async () => {
    const folder = temporaryFolder();
    for (const [name, language] of [
      ["key.json", "json"],
      ["key.env", "dotenv"],
    ] as const) {
      await openFile(`${folder}/${name}`, userNamed("ci-bot")).deliver(EXAMPLE);
      expect(readFileSync(`${folder}/${name}`, "utf8")).toBe(blockIn(pageOf("file"), language));
    }
  });

  it("aws-profile is what is written", async () => {
    const path = `${temporaryFolder()}/credentials`;
    await openProfile(`{user}?file=${path}`, userNamed("ci-bot")).deliver(EXAMPLE);
    expect(readFileSync(path, "utf8")).toBe(blockIn(pageOf("aws-profile"), "ini"));
  });

  it("stdout is what is printed", async () => {
    const host = await openHost();
    await stdout.parse(parseTarget("stdout")).open(host)(userNamed("ci-bot"), null).deliver(EXAMPLE);
    expect(`${host.lines.join("\n")}\n`).toBe(blockIn(pageOf("stdout"), "text"));
  });
});

/** The options of a kind but those for fields, as it tells them to whoever gives a wrong one. */
function optionsOf(kind: DestinationKind): readonly string[] {
  try {
    kind.parse(parseTarget(`${kind.kind}:${kind.kind === "stdout" ? "" : "/k"}?wrong=1`));
  } catch (error) {
    if (error instanceof InvalidInput) return error.hint?.replace("it has: ", "").split(", ") ?? [];
    throw error;
  }
  throw new Error(`${kind.kind} takes any option`);
}
