import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { User } from "../../src/core/access-key.ts";
import { policyDocument, wildcard } from "../../src/core/permissions.ts";
import { expandName, literalPrefix } from "../../src/core/target.ts";

/** What IAM makes of a `*` in a resource. */
const covers = (resource: string, name: string): boolean =>
  new RegExp(
    `^${resource.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(String.raw`\*`, ".*")}$`,
    "s",
  ).test(name);

describe("a resource with wildcards", () => {
  it.each([
    ["/keys/{user}", "/keys/*"],
    ["/keys/{path}/{user}", "/keys/*"],
    ["/{account}/keys/{user}/aws", "/*/keys/*/aws"],
    ["{path}/{user}", "*"],
    ["/keys/{path}", "/keys/*"],
    ["/keys/ci", "/keys/ci"],
  ])("stands for %s", (template, resource) => {
    expect(wildcard(template)).toBe(resource);
  });

  it("covers the name of every user, and keeps what the template says literally", () => {
    const template = fc.constantFrom(
      "/keys/{user}",
      "/keys/{path}/{user}",
      "/{account}/{path}/{user}/aws",
      "/a/{user}-{account}",
    );
    const user: fc.Arbitrary<User> = fc
      .record({
        userName: fc.string({ unit: fc.constantFrom(..."aZ0_x+=,.@-"), minLength: 1, maxLength: 12 }),
        path: fc.constantFrom("/", "/ci/", "/ci/sub/", "/../../"),
      })
      .map((each) => ({ ...each, arn: "arn:aws:iam::123456789012:user/x" }));
    fc.assert(
      fc.property(template, user, (each, who) => {
        const name = expandName(each, who, "123456789012", /[A-Za-z0-9_.-]/);
        expect(covers(wildcard(each), name)).toBe(true);
        expect(wildcard(each)).not.toContain("{");
        expect(wildcard(each)).not.toContain("**");
        if (literalPrefix(each).length > 1) expect(covers(wildcard(each), `/elsewhere${name}`)).toBe(false);
      }),
    );
  });
});

describe("a policy document", () => {
  it("is what IAM reads", () => {
    expect(
      policyDocument([
        { sid: "Look", actions: ["iam:ListUsers", "iam:GetUser"], resources: ["*"] },
        {
          sid: "Change",
          actions: ["iam:CreateAccessKey"],
          resources: ["arn:aws:iam::123456789012:user/ci/*"],
          conditions: { StringEquals: { "aws:ResourceTag/team": ["ci"] } },
        },
      ]),
    ).toEqual({
      Version: "2012-10-17",
      Statement: [
        { Sid: "Look", Effect: "Allow", Action: ["iam:GetUser", "iam:ListUsers"], Resource: ["*"] },
        {
          Sid: "Change",
          Effect: "Allow",
          Action: ["iam:CreateAccessKey"],
          Resource: ["arn:aws:iam::123456789012:user/ci/*"],
          Condition: { StringEquals: { "aws:ResourceTag/team": ["ci"] } },
        },
      ],
    });
  });

  it("has no condition where none is asked for: an empty one would be refused", () => {
    const [statement] = policyDocument([{ sid: "Look", actions: ["iam:GetUser"], resources: ["*"] }]).Statement;
    expect(Object.keys(statement ?? {})).toEqual(["Sid", "Effect", "Action", "Resource"]);
  });

  it("leaves the statements that it is made of as they were", () => {
    const actions = ["b:Second", "a:First"];
    policyDocument([{ sid: "Look", actions, resources: ["*"] }]);
    expect(actions).toEqual(["b:Second", "a:First"]);
  });
});
