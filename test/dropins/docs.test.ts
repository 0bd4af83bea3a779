import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, describe, it } from "vitest";
import { MAIN, temporaryFolder } from "../support/cli.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (name: string) => readFileSync(join(ROOT, name), "utf8");

/** What a page shows to be typed, line by line: of one chapter (`## TITLE`), or of all. */
function commandsOf(page: string, chapter: string | null): readonly string[] {
  const text = read(page);
  const from = chapter === null ? 0 : text.indexOf(`\n## ${chapter}\n`);
  const end = chapter === null ? -1 : text.indexOf("\n## ", from + 1);
  const part = text.slice(from, end < 0 ? undefined : end);
  return [...part.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block = ""]) => block.trim().split("\n"));
}

const PAGES = [
  ...commandsOf("docs/migrating.md", "iam-credential-rotation"),
  ...commandsOf("docs/two-key-timing.md", null),
];

describe.skipIf(motoMissing !== null)(`the pages about the two-key tool ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto.stop());

  it("show at least one command line each", () => {
    expect(PAGES.filter((line) => line.includes("iam-credential-rotation")).length).toBeGreaterThan(2);
    expect(PAGES.filter((line) => line.startsWith("keyturn ")).length).toBeGreaterThan(2);
  });

  it.each(PAGES)("%s works as it stands", async (line) => {
    await moto.reset();
    await moto.seed([
      {
        name: "ci-bot",
        path: "/ci/",
        keys: [
          { ageDays: 90, usedDaysAgo: 40 },
          { ageDays: 50, usedDaysAgo: 2 },
        ],
      },
    ]);
    const home = temporaryFolder();
    mkdirSync(join(home, "bin"));
    const programs = {
      keyturn: MAIN,
      "iam-credential-rotation": join(ROOT, "dist/dropins/iam-credential-rotation/main.js"),
    };
    for (const [name, main] of Object.entries(programs)) {
      writeFileSync(join(home, "bin", name), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`);
      chmodSync(join(home, "bin", name), 0o755);
    }
    // Nobody else rotates here, so IAM need not be given its fifteen seconds.
    await promisify(execFile)("sh", ["-c", line.startsWith("keyturn run ") ? `${line} --settle 0s` : line], {
      cwd: home,
      env: {
        PATH: `${join(home, "bin")}:${process.env["PATH"] ?? ""}`,
        HOME: home,
        TMPDIR: tmpdir(),
        AWS_ENDPOINT_URL: moto.url,
        AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
        AWS_SECRET_ACCESS_KEY: "test",
        AWS_REGION: "eu-west-1",
      },
    });
    const keys = await moto.keys();
    const isPlan = line.startsWith("keyturn plan");
    expect(keys.some((key) => Date.now() - Date.parse(key.createDate) < 60_000)).toBe(!isPlan);
    if (line.includes("new-keys.json"))
      expect(Object.keys(JSON.parse(readFileSync(join(home, "new-keys.json"), "utf8")) as object)).toEqual(["ci-bot"]);
  });
});
