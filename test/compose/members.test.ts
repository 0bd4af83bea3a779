import { describe, expect, it } from "vitest";
import { findMembers } from "../../src/compose/members.ts";
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
