import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readConfig } from "../../src/config/load.ts";
import { jsonSchema } from "../../src/config/schema.ts";
import { presetNames } from "../../src/core/policy.ts";
import { settingsFor } from "../../src/core/rulebook.ts";
import { preset } from "../../src/core/policy.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SCHEMA = join(ROOT, "keyturn.schema.json");
const recipes = readdirSync(join(ROOT, "recipes")).toSorted();

const schema = jsonSchema("keyturn.schema.json");
const accepts = new Ajv({ allowUnionTypes: true, strict: true, strictTypes: false }).compile(schema);

describe("the published JSON Schema", () => {
  it("is the one that keyturn reads by", () => {
    const text = `${JSON.stringify(schema, null, 2)}\n`;
    if (process.env["KEYTURN_WRITE_DOCS"] === "1") writeFileSync(SCHEMA, text);
    expect(JSON.parse(readFileSync(SCHEMA, "utf8"))).toEqual(JSON.parse(text));
  });

  it.each(recipes)("accepts recipes/%s, as keyturn does", (name) => {
    const text = readFileSync(join(ROOT, "recipes", name), "utf8");
    expect(accepts(parse(text)), JSON.stringify(accepts.errors)).toBe(true);
    expect(() => readConfig(text, name)).not.toThrow();
  });

  it.each([
    "defaults: { delivery: x }",
    "defaults: { policy: saef }",
    "rules: [{ policy: safe }]",
    "exempt: [{ name: x }]",
    "limits: { maxRotation: 3 }",
    "accounts: [abc]",
    "version: 2",
    "defaults: { policy: { oldKey: { deactivate: { when: idel } } } }",
  ])("refuses %s, as keyturn does", (text) => {
    expect(accepts(parse(text))).toBe(false);
    expect(() => readConfig(text, "f")).toThrow(/./);
  });

  it.each([
    "version: 1",
    'accounts: ["012345678901"]',
    "accounts: 111122223333",
    "settle: 0",
    "limits: { refuseAbove: 20, maxRotations: 3 }",
  ])("accepts %s, as keyturn does", (text) => {
    expect(accepts(parse(text)), JSON.stringify(accepts.errors)).toBe(true);
    expect(() => readConfig(text, "f")).not.toThrow();
  });
});

describe("the recipes", () => {
  it("are one for each preset, which they spell out and do not change", () => {
    expect(recipes).toEqual(presetNames.map((name) => `${name}.yaml`).toSorted());
    for (const name of presetNames) {
      const { rulebook } = readConfig(readFileSync(join(ROOT, "recipes", `${name}.yaml`), "utf8"), name);
      const user = { userName: "ci-bot", path: "/ci/", arn: "arn:aws:iam::111122223333:user/ci/ci-bot" };
      expect(settingsFor(rulebook, user, null).policy, name).toEqual(preset(name));
    }
  });
});
