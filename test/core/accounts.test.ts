import { describe, expect, it } from "vitest";
import {
  type AccountMatch,
  chooseAccounts,
  type FoundAccount,
  parseExternalId,
  parseRole,
  parseUnit,
  roleArn,
} from "../../src/core/accounts.ts";

const accountWith = (told: Partial<FoundAccount> = {}): FoundAccount => ({
  account: "111122223333",
  name: "prod",
  state: "ACTIVE",
  units: [],
  tags: new Map(),
  ...told,
});

const by = (told: Partial<AccountMatch>): AccountMatch => ({ id: null, ou: null, tag: null, ...told });

const tagged = (key: string, ...patterns: readonly string[]) => by({ tag: new Map([[key, patterns]]) });

/** What becomes of one account. */
function judge(account: FoundAccount, selection: { include?: AccountMatch; exclude?: AccountMatch } = {}): string {
  const fleet = { include: null, exclude: null, overrides: new Map(), ...selection };
  const { members, left } = chooseAccounts([account], fleet);
  return members.length > 0 ? "member" : left.map(({ code, sentence }) => `${code}: ${sentence}`).join();
}

describe("of the accounts of an organization", () => {
  it("every Active one is meant where nothing is said", () => {
    expect(judge(accountWith())).toBe("member");
  });

  it.each(["SUSPENDED", "PENDING_CLOSURE", "CLOSED", "PENDING_ACTIVATION", "unknown", "active"])(
    "one that is %s is left out",
    (state) => expect(judge(accountWith({ state }))).toBe(`not-active: AWS Organizations says that it is ${state}`),
  );

  it.each([
    ["by its id", by({ id: ["111122223333"] })],
    ["by a unit that it is below", by({ ou: ["ou-abcd-11112222"] })],
    ["by a tag, in any case", tagged("STAGE", "prod-*")],
  ])("is meant or left out %s", (_, match) => {
    const account = accountWith({ units: ["ou-abcd-11112222"], tags: new Map([["Stage", "Prod-eu"]]) });
    const other = accountWith({ account: "444455556666" });
    expect(judge(account, { include: match })).toBe("member");
    expect(judge(other, { include: { ...match, ...(match.id === null ? {} : { id: ["111122223333"] }) } })).toContain(
      "not-included",
    );
    expect(judge(account, { exclude: match })).toContain("excluded");
    expect(judge(other, { exclude: match })).toBe("member");
  });

  it("one must fit all that is included, and is left out by any way to be excluded", () => {
    const both = { ...tagged("stage", "prod"), id: ["111122223333"] };
    expect(judge(accountWith(), { include: both })).toBe("not-included: the settings include others by the tag stage");
    expect(judge(accountWith(), { exclude: both })).toBe("excluded: the settings exclude it by id");
  });

  it("an exclusion wins over an inclusion", () => {
    const match = by({ id: ["111122223333"] });
    expect(judge(accountWith(), { include: match, exclude: match })).toContain("excluded");
  });

  it("one that is named and is not there is told: a mistyped id must not pass in silence", () => {
    const { members, left } = chooseAccounts([accountWith()], {
      include: by({ id: ["111122223333", "999999999999"] }),
      exclude: null,
      overrides: new Map([["888888888888", EMPTY]]),
    });
    expect(members.map(({ account }) => account)).toEqual(["111122223333"]);
    expect(left.map(({ account, code }) => `${account} ${code}`)).toEqual([
      "888888888888 not-in-organization",
      "999999999999 not-in-organization",
    ]);
  });
});

const EMPTY = {
  path: [],
  role: null,
  externalId: null,
  layer: null,
  select: null,
  escrow: null,
  exemptions: [],
  maxRotations: null,
  refuseAbove: null,
};

describe("roles and ids of many accounts", () => {
  it("a name, with its path, becomes the ARN of each account; an ARN stays what it is", () => {
    expect(roleArn(parseRole("/service/Keys"), "111122223333", "aws-us-gov")).toBe(
      "arn:aws-us-gov:iam::111122223333:role/service/Keys",
    );
    const arn = "arn:aws:iam::444455556666:role/Keys";
    expect(roleArn(parseRole(arn), "111122223333", "aws")).toBe(arn);
  });

  it.each(["", "a b", "role/../x\n", "arn:aws:iam::1:role/x", "arn:aws:iam::111122223333:user/x", "*", "a//b"])(
    "%j is no role",
    (text) => expect(() => parseRole(text)).toThrow(/neither the name nor the ARN/),
  );

  it.each(["Sandbox", "ou-abcd", "ou-ABCD-11112222", "r-", "ou-abcd-11112222\n"])("%j is no unit", (text) =>
    expect(() => parseUnit(text)).toThrow(/not the id of an organizational unit/),
  );

  it.each(["", "x", "a b", "x".repeat(1225)])("an external id is refused without being told: %#", (text) => {
    expect(() => parseExternalId(text)).toThrow(/this is not an external id/);
  });
});
