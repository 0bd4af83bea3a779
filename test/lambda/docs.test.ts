import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), "utf8");

/** What Powertools reads by itself. */
const NOT_OURS = /^POWERTOOLS_/;

it("the page names every variable of the functions, and no other; the Terraform module sets none besides", () => {
  const rows = read("docs/lambda.md").matchAll(/^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) /gm);
  const named = [...rows]
    .flatMap(([, cell = ""]) => cell.match(/[A-Z_]+/g) ?? [])
    .filter((name) => !NOT_OURS.test(name));
  const source = ["environment", "mail-environment"].map((name) => read(`src/lambda/${name}.ts`)).join("\n");
  const asked = new Set(
    [...source.matchAll(/(?:reader\.(?:read|text)\(|readNeeded\(reader, |const name = )"([A-Z_]+)"/g)].map(
      ([, name = ""]) => name,
    ),
  );
  expect(named.toSorted()).toEqual([...asked].toSorted());
  const [, set = ""] = /environment = \{ for name, value in \{(.*?)\n {2}\} :/s.exec(
    read("terraform/modules/scheduled-rotator/main.tf"),
  ) ?? [null, ""];
  const given = [...set.matchAll(/^ +([A-Z_]+) +=/gm)].map(([, name = ""]) => name);
  expect(given.length).toBeGreaterThan(10);
  expect(given.filter((name) => !asked.has(name))).toEqual([]);
});

const DISTRIBUTED = ["KEYTURN_CONFIG", "KEYTURN_QUEUE", "KEYTURN_RESULTS", "DRY_RUN"];

it("the page of the distributed run names every variable of planner and worker, and no other", () => {
  const rows = read("docs/organization.md").matchAll(/^\| `([A-Z_]+)` /gm);
  expect([...rows].map(([, name]) => name).toSorted()).toEqual(DISTRIBUTED.toSorted());
  const source = read("src/lambda/run-environment.ts");
  const asked = source.matchAll(/(?:reader\.(?:read|text)\(|readNeeded\(reader, )"([A-Z_]+)"/g);
  expect([...asked].map(([, name]) => name).toSorted()).toEqual(DISTRIBUTED.toSorted());
});
