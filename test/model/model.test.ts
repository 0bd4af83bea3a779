import { describe, expect, it } from "vitest";
import { LAST_USE_LAG } from "../../src/core/facts.ts";
import { explore, type Findings } from "./explore.ts";
import { replay } from "./replay.ts";
import { layouts, setupNamed, setups } from "./setups.ts";
import type { Sabotage } from "./calls.ts";
import { SCOPE } from "../support/scope.ts";

/** `npm run proof` has time for every interleaving of two runs under more policies than the tests have. */
const SELECTED: readonly (readonly [string, RegExp | null])[] =
  SCOPE === "tests"
    ? [
        ["safe/readable", /^(start|late)$/],
        ["safe/write-only", /^do:/],
      ]
    : [
        ["safe/readable", null],
        ["safe/write-only", null],
        ["safe/mixed+escrow", null],
        ["threshold/write-only", null],
        ["two-key/staged", null],
      ];

const bounds = { disturbances: 1, depth: 40, cpuSeconds: null, states: null, surely: 0, only: null };

/** Nothing is violated, everything was seen. Where not: the story, call by call. */
async function expectSound(name: string, findings: Findings): Promise<void> {
  const { violation } = findings;
  const told = violation === null ? [] : await replay(setupNamed(name), violation.story);
  expect([violation?.why ?? "", ...told].join("\n")).toBe("");
  expect(findings.cut).toBe(false);
  expect(findings.ends.get("goal")).toBeGreaterThan(0);
}

describe("every story with one disturbance (a crash, a lost or late answer, a second run at any step, a person) is sound", () => {
  it.each<readonly [string, RegExp | null]>([
    ...SELECTED,
    // The interleavings of two runs are much the same under every policy; what persons do is not.
    ["superseded/staged", /^do:/],
    ["expiring/mixed", /^do:/],
    ["secrets-manager/forgetful", /^do:/],
    ["threshold/readable late-use", /^(do|used):/],
    ["two-key/readable window", /^do:/],
  ])("with %s", async (name, only) => {
    const findings = await explore(setupNamed(name), { ...bounds, only });
    await expectSound(name, findings);
    expect(findings.states).toBeGreaterThan(100);
    expect(findings.complete).toBe(1);
  });
});

describe("a crash, a call without an answer, or a delivery that is turned down, at any step", () => {
  it.each(Object.keys(layouts))("under every policy comes right, with %s", async (layout) => {
    for (const setup of setups.filter(({ name }) => name.endsWith(`/${layout}`))) {
      const findings = await explore(setup, { ...bounds, only: /!(die|unsent|lost|refused)$/ });
      await expectSound(setup.name, findings);
      expect(findings.patience).toBeLessThanOrEqual(11);
    }
  });
});

describe("the model finds an engine that", () => {
  it.each<[string, Sabotage, string, RegExp]>([
    ["takes its intent for its own without reading it again", "no-settling", "safe/readable", /^start$/],
    ["overlooks the lease of another run", "no-lease", "safe/readable", /^start$/],
    ["deactivates before anything was delivered", "no-delivery", "threshold/readable", /^never$/],
    ["serves a key that never signed in", "no-verification", "safe/readable", /^never$/],
    ["counts its own use of the new key", "own-use-counts", "superseded/readable", /^(soon|a!pause)$/],
    ["takes the only Active key away", "phantom-key", "two-key/readable", /^do:/],
    [
      "takes a delivery that was turned down for one that took place",
      "no-refusal",
      "threshold/write-only",
      /!refused$/,
    ],
    ["touches consumers outside their window", "no-window", "threshold/readable window", /^never$/],
  ])("%s", async (_, sabotage, name, only) => {
    const { violation } = await explore(setupNamed(name), { ...bounds, only }, sabotage);
    expect(violation?.why ?? "sees nothing").not.toBe("sees nothing");
    const told = await replay(setupNamed(name), violation?.story ?? "", sabotage);
    expect(told.length).toBeGreaterThan(5);
  });

  it("counts with less delay than IAM has in showing a use", async () => {
    const slow = { ...setupNamed("safe/readable late-use"), useLag: 2 * LAST_USE_LAG };
    const { violation } = await explore(slow, { ...bounds, disturbances: 2, only: /^(used|soon)/ });
    expect(violation?.why).toContain("a consumer still uses it");
  });
});
