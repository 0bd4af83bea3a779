import { describe, expect, it } from "vitest";
import { type Config, readConfig } from "../../src/config/load.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";

const read = (text: string): Config => readConfig(text, "f");

function refusal(text: string): InvalidInput {
  try {
    read(text);
  } catch (error) {
    if (error instanceof InvalidInput) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("accounts in keyturn.yaml", () => {
  it.each([
    ["one id", "accounts: 111122223333", ["111122223333"]],
    ["a list of ids", "accounts: ['012345678901', 111122223333]", ["012345678901", "111122223333"]],
  ])("stay a guard where they are %s", (_, text, ids) => {
    expect(read(text)).toMatchObject({ accounts: ids, fleet: null });
  });

  it("are worked in where each has a role, and are the only ones that the file is for", () => {
    const { accounts, fleet } = read(`
defaults: { deliver: "ssm:/keys/{user}" }
accounts:
  - { id: "111122223333", role: KeyturnMember, externalId: turn-1 }
  - id: "444455556666"
    role: arn:aws:iam::444455556666:role/service/keys
    policy: { rotateAfter: 30d }
    select: { path: /ci/ }
    exempt: [{ name: root-*, reason: kept }]
    limits: { maxRotations: 2, refuseAbove: 10% }
`);
    expect(accounts).toEqual(["111122223333", "444455556666"]);
    expect(fleet?.listed).toEqual(accounts);
    expect(fleet?.overrides.get("111122223333")).toMatchObject({
      role: "KeyturnMember",
      externalId: "turn-1",
      layer: null,
    });
    const own = fleet?.overrides.get("444455556666");
    expect(own).toMatchObject({ maxRotations: 2, refuseAbove: 10, select: { path: ["/ci/"] } });
    expect(own?.layer?.origins.get("policy.rotateAfter")).toBe("f:7:15");
    expect(own?.exemptions).toMatchObject([{ reason: "kept", origin: "f:9:14" }]);
  });

  it("share what stands beside their list", () => {
    const { fleet } = read(
      'accounts: { role: Member, central: { account: "999988887777", role: Keeper }, limits: { parallel: 2 }, list: [{ id: "111122223333" }] }',
    );
    expect(fleet).toMatchObject({
      listed: ["111122223333"],
      role: "Member",
      central: { account: "999988887777", role: { role: "Keeper", externalId: null } },
      limits: { parallel: 2, maxRotations: null },
    });
  });

  it("may be those of an organization", () => {
    const { accounts, fleet } = read(`
organization:
  role: KeyturnMember
  listAs: arn:aws:iam::999988887777:role/Lister
  include: { ou: [ou-abcd-11112222, r-abcd], tag: { keyturn: "yes" } }
  exclude: { id: "222233334444" }
  central: "999988887777"
  sessionPolicy: derived
  sourceIdentity: run
  limits: { parallel: 8, maxRotations: 50 }
  overrides: { "111122223333": { deliver: "ssm:/own/{account}/{user}" } }
`);
    expect(accounts).toBeNull();
    expect(fleet).toMatchObject({
      listed: null,
      include: { id: null, ou: ["ou-abcd-11112222", "r-abcd"] },
      exclude: { id: ["222233334444"], ou: null, tag: null },
      central: { account: "999988887777", role: null },
      sessionPolicy: "derived",
      sourceIdentity: "run",
      limits: { parallel: 8, maxRotations: 50 },
    });
    expect(fleet?.overrides.get("111122223333")?.layer?.deliver).toEqual(["ssm:/own/{account}/{user}"]);
  });

  it.each([
    [
      "one id twice",
      "accounts: [{ id: 111122223333, role: A }, { id: 111122223333, role: B }]",
      "f:1:49: accounts[1].id: account 111122223333 is named twice",
    ],
    ["an account without a role", "accounts: [{ id: 111122223333 }]", "accounts[0]: no role is named for this account"],
    [
      "an account of a list without a role",
      "accounts: { list: [{ id: 111122223333 }] }",
      "accounts.list[0]: no role is named",
    ],
    ["an id that is none", "accounts: [{ id: 1111, role: A }]", 'accounts[0].id: "1111" is not an account id'],
    [
      "a role in another account",
      "accounts: [{ id: 111122223333, role: 'arn:aws:iam::444455556666:role/A' }]",
      "accounts[0].role: this role is in another account",
    ],
    [
      "such a role of an override",
      "organization: { role: A, overrides: { 111122223333: { role: 'arn:aws:iam::444455556666:role/A' } } }",
      "organization.overrides.111122223333.role: this role is in another account",
    ],
    [
      "an override for no account",
      "organization: { role: A, overrides: { prod: { select: { path: /ci/ } } } }",
      "prod",
    ],
    ["ids and maps in one list", "accounts: [111122223333, { id: 444455556666, role: A }]", "accounts"],
    [
      "two ways at once",
      "accounts: [{ id: 111122223333, role: A }]\norganization: { role: A }",
      "the same thing in two ways",
    ],
    [
      "an organization without a role",
      "organization: { include: { id: 111122223333 } }",
      "organization.role: this is missing",
    ],
    [
      "a unit that is none",
      "organization: { role: A, exclude: { ou: Sandbox } }",
      '"Sandbox" is not the id of an organizational unit',
    ],
    ["a selection that selects nothing", "organization: { role: A, include: {} }", "say which: id, ou or tag"],
    ["a role that is none", 'organization: { role: "a b" }', "is neither the name nor the ARN"],
    ["no accounts at a time", "organization: { role: A, limits: { parallel: 0 } }", "organization.limits.parallel"],
    [
      "an unknown key in an override",
      "organization: { role: A, overrides: { 111122223333: { polcy: safe } } }",
      "there is no polcy here",
    ],
    [
      "a policy of one account that contradicts the defaults",
      "defaults: { policy: { oldKey: { deactivate: never, delete: never } } }\norganization: { role: A, overrides: { 111122223333: { policy: { maxAge: 30d } } } }",
      "f:2:",
    ],
  ])("are refused: %s", (_, text, message) => {
    expect(refusal(text).message).toContain(message);
  });

  it("may be ids beside an organization: whose credentials may be used", () => {
    expect(read("accounts: 999988887777\norganization: { role: A }")).toMatchObject({
      accounts: ["999988887777"],
      fleet: { listed: null },
    });
  });
});
