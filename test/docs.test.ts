import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { reasonsPage } from "../src/report/explain.ts";
import { keyturn } from "./support/cli.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const read = (name: string) => readFileSync(join(ROOT, name), "utf8");
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

describe("the documentation", () => {
  it("has a page of reasons that is made from the texts of keyturn explain", () => {
    const page = join(ROOT, "docs/reasons.md");
    if (process.env["KEYTURN_WRITE_DOCS"] === "1") writeFileSync(page, reasonsPage());
    expect(read("docs/reasons.md"), "KEYTURN_WRITE_DOCS=1 npx vitest run test/docs.test.ts writes it anew").toBe(
      reasonsPage(),
    );
  });

  it("has no link into nowhere", () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)].flatMap(([, target = ""]) =>
        /^https?:/.test(target) || existsSync(join(ROOT, dirname(page), target)) ? [] : [`${page}: ${target}`],
      ),
    );
    expect(broken).toEqual([]);
  });

  it("shows only commands and flags that exist", { timeout: 120_000 }, async () => {
    const typed = pages.flatMap((page) =>
      [...read(page).matchAll(/(?:^|`)(?:\$ )?(keyturn [a-z][^`#\n]*)/gm)].map(([, command]) => ({
        page,
        words: (command ?? "").trim().split(/\s+/).slice(1),
      })),
    );
    expect(typed.length).toBeGreaterThan(10);
    const helps = new Map<string, string>();
    for (const { page, words } of typed) {
      const name = words.slice(0, ["audit", "config", "secret"].includes(words[0] ?? "") ? 2 : 1).join(" ");
      if (!helps.has(name)) helps.set(name, (await keyturn([...name.split(" "), "--help"])).stdout);
      const help = helps.get(name) ?? "";
      expect(help, `${page}: keyturn ${words.join(" ")}`).toContain("Usage: keyturn");
      for (const flag of words.filter((word) => /^--[a-z]/.test(word)))
        expect(help, `${page}: keyturn ${words.join(" ")}`).toContain(flag.replace(/[=,;:.]+.*$/, ""));
    }
  });
});
