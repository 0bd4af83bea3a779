import { describe, expect, it } from "vitest";
import { findMember, findMembers } from "../../src/compose/members.ts";
import { CallError, type Organization } from "../../src/ports.ts";
import { VirtualClock } from "../../src/simulation/virtual-clock.ts";
import { NOW } from "../core/builders.ts";

const organization = (told: Partial<Organization> = {}): Organization => ({
  accounts: async () => [
    { account: "222233334444", name: "", state: "ACTIVE" },
    { account: "111122223333", name: "prod", state: "ACTIVE" },
    { account: "333344445555", name: "old", state: "SUSPENDED" },
  ],
  accountsBelow: async () => [],
  account: () => Promise.reject(new Error("nobody asked for one account")),
  unitsAbove: () => Promise.reject(new Error("nobody asked for units")),
  tagsOf: () => Promise.reject(new Error("nobody asked for tags")),
  ...told,
});

const anywhere = { include: null, exclude: null, overrides: new Map() };
const clock = new VirtualClock(NOW);
const denied = (action: string, code = "AccessDeniedException") =>
  new CallError(code.startsWith("AccessDenied") ? "denied" : "refused", action, "*", code, "no");

describe("the members of an organization", () => {
  it("come sorted, with a name where there is one, and nothing is asked that the selection does not need", async () => {
    const unasked = () => Promise.reject(new Error("nobody asked"));
    const { members, left } = await findMembers(organization({ accountsBelow: unasked }), anywhere, clock);
    expect(members).toEqual([
      { account: "111122223333", name: "prod" },
      { account: "222233334444", name: null },
    ]);
    expect(left.map(({ account }) => account)).toEqual(["333344445555"]);
  });

  it("are asked for their tags where the selection goes by them", async () => {
    const tagsOf = async (account: string) => new Map([["stage", account.startsWith("1") ? "prod" : "dev"]]);
    const include = { id: null, ou: null, tag: new Map([["stage", ["prod"]]]) };
    const { members } = await findMembers(organization({ tagsOf }), { ...anywhere, include }, clock);
    expect(members.map(({ account }) => account)).toEqual(["111122223333"]);
  });

  it.each([
    [
      "no right to list them",
      denied("organizations:ListAccounts"),
      /ListAccounts is denied/,
      /delegated administrator/,
    ],
    ["no organization", denied("x", "AWSOrganizationsNotInUseException"), /belongs to no organization/, /accounts:/],
    ["no answer", denied("organizations:ListAccounts", "Boom"), /failed: Boom/, /nothing was changed/],
  ])("are refused as a whole, with the way on: %s", async (_, error, message, hint) => {
    const found = await findMembers(organization({ accounts: () => Promise.reject(error) }), anywhere, clock).catch(
      (thrown: unknown) => thrown,
    );
    expect(found).toMatchObject({ name: "InvalidInput" });
    expect(found).toMatchObject({ message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
  });

  it("are not guessed where the tags of one cannot be read: an exclusion must not fail open", async () => {
    const exclude = { id: null, ou: null, tag: new Map([["keyturn", ["never"]]]) };
    const tagsOf = () => Promise.reject(denied("organizations:ListTagsForResource"));
    await expect(findMembers(organization({ tagsOf }), { ...anywhere, exclude }, clock)).rejects.toThrow(
      /ListTagsForResource is denied/,
    );
  });
});

describe("one account of an organization", () => {
  const UNIT = "ou-abcd-11112222";
  const accounts = [
    { account: "111122223333", name: "prod", state: "ACTIVE" },
    { account: "222233334444", name: "", state: "ACTIVE" },
    { account: "333344445555", name: "old", state: "SUSPENDED" },
    { account: "444455556666", name: "play", state: "ACTIVE" },
  ];
  const whole = organization({
    accounts: async () => accounts,
    accountsBelow: async () => ["444455556666"],
    account: async (id) => accounts.find(({ account }) => account === id) ?? null,
    unitsAbove: async (account) => (account === "444455556666" ? ["ou-abcd-99998888", UNIT, "r-abcd"] : ["r-abcd"]),
    tagsOf: async (account) => new Map([["stage", account.startsWith("1") ? "prod" : "dev"]]),
  });
  const nothing = { id: null, ou: null, tag: null };
  const override = { "999999999999": {} } as never; // only its ids are looked at

  it.each([
    ["anywhere", anywhere],
    ["outside a unit", { ...anywhere, exclude: { ...nothing, ou: [UNIT] } }],
    ["in a unit alone", { ...anywhere, include: { ...nothing, ou: [UNIT] } }],
    ["by a tag", { ...anywhere, include: { ...nothing, tag: new Map([["stage", ["prod"]]]) } }],
    [
      "by id, with one that is not there",
      { ...anywhere, include: { ...nothing, id: ["111122223333", "555566667777"] } },
    ],
    ["with an override of none", { ...anywhere, overrides: new Map(Object.entries(override)) }],
  ])("is chosen as among all of them: %s", async (_, fleet) => {
    const { members, left } = await findMembers(whole, fleet, clock);
    for (const each of [...members, ...left]) expect(await findMember(whole, fleet, each.account)).toEqual(each);
  });

  it("that the organization does not have is in none, whether or not the settings name it", async () => {
    expect(await findMember(whole, anywhere, "999999999999")).toMatchObject({ code: "not-in-organization" });
  });

  it("is not guessed: a passing failure is told apart from a refusal", async () => {
    const failing = (error: Error) => organization({ account: () => Promise.reject(error) });
    const asked = (error: Error) =>
      findMember(failing(error), anywhere, "111122223333").catch((thrown: unknown) => thrown);
    expect(await asked(denied("organizations:DescribeAccount"))).toMatchObject({ name: "InvalidInput" });
    expect(await asked(denied("organizations:DescribeAccount", "TooManyRequestsException"))).toBeInstanceOf(CallError);
  });
});
