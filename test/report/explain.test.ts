import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/load.ts";
import { reasons } from "../../src/core/reasons.ts";
import { reasonCodes, reasonJson, reasonsPage, reasonsText, reasonText } from "../../src/report/explain.ts";
import { explanations, type SettingName, settingWords } from "../../src/report/explanations.ts";

const plainly = (_: string, text: string) => text;
/** Each setting in a configuration, by the name under which it is explained. */
const samples: Readonly<Record<SettingName, string>> = {
  rotateAfter: "defaults: { policy: { rotateAfter: 90d } }",
  "oldKey.deactivate": "defaults: { policy: { oldKey: { deactivate: superseded } } }",
  "oldKey.deactivate.for": "defaults: { policy: { oldKey: { deactivate: { when: idle, for: 7d } } } }",
  "oldKey.deactivate.remindAfter":
    "defaults: { policy: { oldKey: { deactivate: { when: superseded, remindAfter: 14d } } } }",
  "oldKey.deactivate.atLatest": "defaults: { policy: { oldKey: { deactivate: { when: idle, atLatest: 60d } } } }",
  "oldKey.deactivate.after": "defaults: { policy: { oldKey: { deactivate: { after: 5d } } } }",
  "oldKey.delete": "defaults: { policy: { oldKey: { delete: never } } }",
  "oldKey.delete.after": "defaults: { policy: { oldKey: { delete: { after: 30d } } } }",
  "oldKey.delete.overlap": "defaults: { policy: { oldKey: { delete: { at: next-rotation, overlap: 1d } } } }",
  "oldKey.delete.quiet": "defaults: { policy: { oldKey: { delete: { after: 30d, quiet: 1d } } } }",
  usersWithoutKey: "defaults: { policy: { usersWithoutKey: create } }",
  unexplainedKeys: "defaults: { policy: { unexplainedKeys: delete-oldest } }",
  inactiveKeys: "defaults: { policy: { inactiveKeys: { deleteAfter: 30d } } }",
  unusedKeys: "defaults: { policy: { unusedKeys: rotate } }",
  unusedAfter: "defaults: { policy: { unusedAfter: 90d } }",
  humans: "defaults: { policy: { humans: include } }",
  exempt: "exempt: [{ name: break-glass-*, reason: emergencies }]",
  window: "defaults: { window: mon-fri 09:00-17:00 UTC }",
};

const everything = Object.values(explanations);

describe("the explanations of reason codes", () => {
  it("are there for every code, and for no other", () => {
    expect(Object.keys(explanations)).toEqual(Object.keys(reasons));
  });

  it.each(reasonCodes)("%s: says why, what comes next, and what a person can do, in whole sentences", (code) => {
    const { why, next, person } = explanations[code];
    for (const text of [why, next, person]) expect(text).toMatch(/^[A-Z`].*[.]$/s);
    for (const text of [why, next]) expect(text, "the meaning is not said twice").not.toBe(reasons[code]);
  });

  it("give a command wherever a person has to do something", () => {
    const mute = reasonCodes.filter(
      (code) => explanations[code].group === "blocked" && explanations[code].commands.length === 0,
    );
    expect(mute).toEqual([]);
  });

  it.each(Object.entries(samples))("name the setting %s as the configuration does", (_, text) => {
    expect(() => readConfig(text, "keyturn.yaml")).not.toThrow();
  });

  it("leave no setting unexplained that some reason names, and explain none that no reason names", () => {
    const named = new Set<SettingName>(everything.flatMap(({ settings }) => settings));
    expect(Object.keys(settingWords).toSorted()).toEqual([...named].toSorted());
  });
});

describe("what keyturn explain shows", () => {
  it("lists every code with its meaning on one line", () => {
    const lines = reasonsText(plainly).split("\n");
    for (const [code, meaning] of Object.entries(reasons))
      expect(lines.filter((line) => line.trim().startsWith(`${code} `) && line.endsWith(meaning))).toHaveLength(1);
  });

  it("tells one code in full, in lines that fit a terminal, without the marks of the page", () => {
    for (const code of reasonCodes) {
      const text = reasonText(code, plainly);
      expect(text).toContain(code);
      expect(text).not.toContain("`");
      const prose = text.split("\n").filter((line) => !/ {2,}#| {3,}\S|^ {2}[\w.]+ {2}/.test(line));
      expect(prose.filter((line) => line.length > 100)).toEqual([]);
    }
    expect(reasonText("predecessor-in-use", plainly)).toMatchInlineSnapshot(`
      "predecessor-in-use  (waiting, or blocked once it takes too long)

      The old key is still used.

      Why keyturn does that
        A key that somebody uses is not switched off: it must have been quiet for as long as the policy
        says, with IAM's lag of four hours on top.

      What happens next, by itself
        Each use starts the wait anew. Until remindAfter the user waits, from then on it is blocked
        aloud; only atLatest ends the wait by itself.

      What you can do
        Find the consumer that is left, by the service and region that the report names, and let it read
        the new key.

        keyturn status USER      # who uses which key, what comes next, and when
        keyturn retire USER ID   # switches the old key off all the same: whoever uses it is refused

      What changes it, in the policy
        SETTING                        WHAT IT SAYS
        oldKey.deactivate              what opens the gate of the old key: idle, superseded, delivered, never, or a time after the delivery
        oldKey.deactivate.for          with idle: how long the old key must have been quiet; IAM's lag of four hours comes on top
        oldKey.deactivate.remindAfter  how long after the delivery a gate that stays shut blocks the user aloud
        oldKey.deactivate.atLatest     with idle: how long after the delivery the old key is deactivated although it is used; never in every preset
        oldKey.delete.quiet            how long an Active key must have been out of use before it is deleted"
    `);
  });

  it("has the same in a document, and in the page", () => {
    const page = reasonsPage();
    for (const code of reasonCodes) {
      const { meaning, why, next, person } = reasonJson(code);
      expect(page).toContain(`### \`${code}\`\n\n${meaning}\n`);
      for (const text of [why, next, person]) expect(page).toContain(text);
    }
    expect(page.match(/^### /gm)).toHaveLength(reasonCodes.length);
  });
});
