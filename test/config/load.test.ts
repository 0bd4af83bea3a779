import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/load.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { settingsFor } from "../../src/core/rulebook.ts";
import { days, hours } from "../../src/core/time.ts";

const FULL = `# The keys of our pipelines.
version: 1
accounts: [012345678901, "111122223333"]
region: eu-west-1
select: { path: /ci }
escrow: ssm
settle: 20s
runEvery: PT6H
audit: none
limits:
  maxRotations: 5
  refuseAbove: 20%
  failOn: failed
defaults:
  policy:
    preset: safe
    rotateAfter: 60d
    oldKey:
      deactivate: { when: idle, for: 3d }
      delete: { after: 14d }
  deliver: ssm:/keys/{user}
  window: mon-fri 09:00-17:00 Europe/Berlin
rules:
  - match: { name: [vendor-*, "*-partner"] }
    policy: { rotateAfter: 80d, humans: include }
    deliver: ["secretsmanager:prod/{user}", "file:./out/{user}.json"]
    window: any
  - match: { tag: { team: payments } }
    policy: threshold
    window: { notBefore: 2026-12-01, days: [sat, sun], hours: 22:00-04:00, timeZone: UTC }
exempt:
  - { name: break-glass-*, reason: kept in the safe }
`;

const user = (userName: string) => ({ userName, path: "/ci/", arn: `arn:aws:iam::111122223333:user/ci/${userName}` });

describe("keyturn.yaml", () => {
  const config = readConfig(FULL, "keyturn.yaml");

  it("says what holds for the whole run, zeros in front of account ids included", () => {
    expect(config).toMatchObject({
      accounts: ["012345678901", "111122223333"],
      region: "eu-west-1",
      select: { path: ["/ci/"], name: null, tag: null },
      escrow: "ssm",
      settle: 20_000,
      audit: "none",
      maxRotations: 5,
      refuseAbove: 20,
      failOn: "failed",
    });
    expect(config.rulebook.runEvery).toBe(hours(6));
    expect(config.origins.get("maxRotations")).toBe("keyturn.yaml:11:3");
  });

  it("lays rules over the defaults, the last one that fits on top, and says where each value stands", () => {
    const { policy, deliver, window, exempt, origins } = settingsFor(config.rulebook, user("vendor-x"), new Map());
    expect(policy).toMatchObject({
      rotateAfter: days(80),
      humans: "include",
      deactivate: { when: "idle", for: days(3), remindAfter: days(14), atLatest: "never" },
      delete: { when: "after", after: days(14) },
      unusedKeys: "report",
    });
    expect([deliver, window, exempt]).toEqual([["secretsmanager:prod/{user}", "file:./out/{user}.json"], null, null]);
    expect(origins.get("policy.rotateAfter")).toBe("keyturn.yaml:25:15");
    expect(origins.get("policy.deactivate")).toBe("keyturn.yaml:19:7");
    expect(origins.get("policy.unusedKeys")).toBe("preset safe, keyturn.yaml:16:5");
    expect(origins.get("deliver")).toBe("keyturn.yaml:26:5");
  });

  it("starts anew from a preset that a later rule names", () => {
    const { policy, window } = settingsFor(config.rulebook, user("vendor-x"), new Map([["Team", "payments"]]));
    expect(policy).toMatchObject({ rotateAfter: days(90), deactivate: { when: "delivered" } });
    expect(window).toMatchObject({ days: [6, 0], hours: { from: 1320, to: 240 } });
  });

  it("exempts by name in any case", () => {
    expect(settingsFor(config.rulebook, user("Break-Glass-1"), null).exempt).toBe("kept in the safe");
  });

  it("may be empty", () => {
    expect(settingsFor(readConfig("# nothing yet\n", "f").rulebook, user("a"), null).deliver).toEqual([]);
  });

  it.each<[string, string, string, string | null]>([
    [
      "a key that does not exist",
      "defaults:\n  delivery: x\n",
      "f:2:3: defaults.delivery: there is no delivery here",
      "did you mean deliver?",
    ],
    ["a key that is nothing like any", "qqq: 1\n", "f:1:1: qqq: there is no qqq here", "there are: version, accounts"],
    [
      "a key in the wrong place",
      "defaults:\n  policy: {deactivate: idle}\n",
      "f:2:12: defaults.policy.deactivate: there is no deactivate here",
      "there are: preset",
    ],
    ["a number without unit", "settle: 15\n", 'f:1:9: settle: "15" is not a duration', "add a unit: 15d"],
    [
      "months",
      "defaults:\n  policy: { rotateAfter: 3 months }\n",
      'f:2:26: defaults.policy.rotateAfter: "3 months" is not a duration',
      "write days",
    ],
    [
      "bounds that leave nothing",
      "owners: { rotateAfter: { atLeast: 9d, atMost: 8d } }\n",
      "f:1:24: owners.rotateAfter: atLeast is more than atMost",
      null,
    ],
    [
      "a preset that does not exist",
      "defaults:\n  policy: saef\n",
      'f:2:11: defaults.policy: "saef" is none of safe',
      "did you mean safe?",
    ],
    [
      "a target without kind",
      "defaults:\n  deliver: /keys/{user}\n",
      'f:2:12: defaults.deliver: "/keys/{user}" is not KIND:TARGET',
      "for example",
    ],
    [
      "a placeholder that does not exist",
      'defaults:\n  deliver: ["ssm:/a/{user}", "ssm:/b/{name}"]\n',
      "f:2:30: defaults.deliver[1]: {name} in ssm:/b/{name} is not a placeholder",
      "{user}",
    ],
    [
      "an account id with a digit too few",
      "accounts: [1234]\n",
      'f:1:12: accounts[0]: "1234" is not an account id',
      "twelve digits",
    ],
    ["a rule for nobody", "rules:\n  - policy: safe\n", "f:2:5: rules[0].match: this is missing", null],
    [
      "a match without anything",
      "rules:\n  - match: {}\n    policy: safe\n",
      "f:2:12: rules[0].match: say for whom: path, name or tag",
      null,
    ],
    ["an exemption for nobody", "exempt:\n  - reason: x\n", "f:2:5: exempt[0]: say for whom", null],
    ["an exemption without reason", "exempt:\n  - name: x\n", "f:2:5: exempt[0].reason: this is missing", null],
    ["a path without slash", "select: { path: ci }\n", 'f:1:17: select.path: "ci" is not an IAM path', "/ci"],
    ["a list in place of a map", "defaults: [1]\n", "f:1:11: defaults: this should be a map", null],
    ["text in place of a map", "just words\n", "f:1:1: this is not a configuration", "it is a map"],
    ["a key that stands twice", "settle: 1s\nsettle: 2s\n", "f:2:1: Map keys must be unique", "it must be YAML"],
    ["a tab for indentation", "defaults:\n\tpolicy: safe\n", "f:2:1: Tabs are not allowed", "it must be YAML"],
    [
      "braces without quotes in a list",
      "defaults: { deliver: [ssm:/a/{user}] }\n",
      "f:1:30: Missing , or :",
      "text with braces needs quotes",
    ],
    ["an open quote", 'region: "eu\n', "f:2:1: Missing closing", "it must be YAML"],
    [
      "rotateAfter and maxAge",
      "defaults:\n  policy: { rotateAfter: 60d, maxAge: 90d }\n",
      "f:2:39: defaults.policy.maxAge: rotateAfter and maxAge say the same thing",
      null,
    ],
    [
      "a limit that no key can keep",
      "defaults:\n  policy: { maxAge: 2d }\n",
      "f:2:11: the policy here: no key can stay below 2d",
      "raise the limit",
    ],
    [
      "a policy that contradicts itself",
      "rules:\n  - match: { name: a }\n    policy: { oldKey: { deactivate: never, delete: { after: 5m } } }\n",
      "f:3:13: the policy here: the old key would be deleted within an hour",
      "raise delete.after",
    ],
    [
      "a window without time zone",
      "defaults:\n  window: { hours: 09:00-17:00 }\n",
      "f:2:11: defaults.window: days and hours need a timeZone",
      null,
    ],
    [
      "a day that does not exist",
      "defaults:\n  window: { days: mon-fry, timeZone: UTC }\n",
      'f:2:19: defaults.window.days: "mon-fry" is not a day',
      "mon-fri",
    ],
    [
      "a percentage over a hundred",
      "limits: { refuseAbove: 150% }\n",
      'f:1:24: limits.refuseAbove: "150%" is not a share',
      null,
    ],
    ["another version", "version: 2\n", 'f:1:10: version: "2" is none of 1', null],
    ["an empty value", "region:\n", "f:1:8: region: this is empty", null],
    [
      "a way to deactivate that does not exist",
      "defaults: { policy: { oldKey: { deactivate: idel } } }\n",
      'f:1:45: defaults.policy.oldKey.deactivate: "idel" is none of delivered',
      "did you mean idle?",
    ],
  ])("refuses %s, and says where", (_, text, message, hint) => {
    const error = refusal(text);
    expect(error.message).toContain(message);
    if (hint === null) expect(error.hint).toBeNull();
    else expect(error.hint).toContain(hint);
  });

  it("names everything that is wrong at once", () => {
    expect(refusal("settle: 15\nregion:\nlimits: { maxRotation: 3 }\n").message.split("\n")).toEqual([
      'f:1:9: settle: "15" is not a duration (add a unit: 15d for days, 15h for hours)',
      "f:2:8: region: this is empty",
      "f:3:11: limits.maxRotation: there is no maxRotation here (did you mean maxRotations?)",
    ]);
  });

  it("does not blow up on aliases of aliases", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[..."bcdefghij"].map((letter, index) => `${letter}: &${letter} [${Array.from({ length: 10 }, () => `*${"abcdefghij"[index]}`).join(",")}]`).join("\n")}\n`;
    expect(refusal(bomb)).toBeInstanceOf(InvalidInput);
  });
});

function refusal(text: string): InvalidInput {
  try {
    readConfig(text, "f");
  } catch (error) {
    if (error instanceof InvalidInput) return error;
    throw error;
  }
  throw new Error("it was accepted");
}
