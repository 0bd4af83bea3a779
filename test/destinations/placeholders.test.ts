import { relative, resolve, sep } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { User } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { decodeSegment, encodeSegment, literalPrefix, parseTarget } from "../../src/core/target.ts";
import { awsProfile } from "../../src/destinations/aws-profile.ts";
import { file } from "../../src/destinations/file.ts";
import type { DestinationKind } from "../../src/destinations/kind.ts";
import { secretsmanager } from "../../src/destinations/secretsmanager.ts";
import { ssm } from "../../src/destinations/ssm.ts";
import type { Destination } from "../../src/ports.ts";
import { userNamed } from "./contract.ts";
import { openHost } from "./host.ts";

const host = await openHost();

/** What each store allows in one segment of a name, as its documentation says. */
const STORES: readonly { readonly kind: DestinationKind; readonly root: string; readonly alphabet: RegExp }[] = [
  { kind: file, root: "/srv/keys", alphabet: /[A-Za-z0-9_.+=,@-]/ },
  { kind: ssm, root: "/keys", alphabet: /[A-Za-z0-9_.-]/ },
  { kind: awsProfile, root: "keys", alphabet: /[A-Za-z0-9_.@+:%-]/ },
  { kind: secretsmanager, root: "keys", alphabet: /[A-Za-z0-9_+=.@-]/ },
];

const alphabetOf = (characters: string) => fc.constantFrom(...characters);
const ASCII = Array.from({ length: 0x7e - 0x21 + 1 }, (_, index) => String.fromCharCode(0x21 + index)).join("");
/** IAM's, with those characters more often that the encoding itself uses. */
const NAME_CHARACTERS = `${ASCII.replaceAll(/[^A-Za-z0-9_+=,.@-]/g, "")}${"_x.2E5F".repeat(3)}`;

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html */
const userNames = fc
  .oneof(
    fc.string({ unit: alphabetOf(NAME_CHARACTERS), minLength: 1, maxLength: 12 }),
    fc.constantFrom("..", ".", "...", "_x2E_", "_x_", "_x", "x_x2B_", "a+b", "ci,bot", "_x5F_x2E_", "-rf", "~"),
  )
  .filter((name) => /^[\w+=,.@-]+$/.test(name));
const pathText = fc.string({ unit: alphabetOf(`${ASCII}${"/._x".repeat(6)}`), maxLength: 12 });
const paths = fc.oneof(
  pathText.map((text) => (text === "" ? "/" : `/${text}/`)),
  fc.constantFrom(
    "/",
    "//",
    "///",
    "/../../",
    "/./",
    "/_x2E_/",
    "/_x_/",
    "/a//b/",
    "/{user}/",
    "/{account}/",
    "/$&/$1/",
  ),
);
const users = fc.tuple(userNames, paths).map(([userName, path]) => userNamed(userName, path));

const opened = new Map<string, (user: User, owner: null) => Destination>();

/** The name of the user's target in the store; null where the store says that it cannot hold it. */
function nameFor(kind: DestinationKind, template: string, user: User): string | null {
  const text = `${kind.kind}:${template}`;
  const open = opened.get(text) ?? kind.parse(parseTarget(text)).open(host);
  opened.set(text, open);
  try {
    return open(user, null)
      .label.slice(kind.kind.length + 1)
      .replace(/\?file=.*$/s, "");
  } catch (error) {
    if (error instanceof InvalidInput) return null;
    throw error;
  }
}

describe.each(STORES)("a placeholder in a target of $kind.kind", ({ kind, root, alphabet }) => {
  const stored = (userName: string) =>
    nameFor(kind, `${root}/{user}.k`, userNamed(userName))?.slice(root.length + 1, -".k".length);

  it("keeps every character that the store takes, and escapes every other", () => {
    for (const character of ASCII) {
      if (character === "/") continue;
      const name = nameFor(kind, `${root}/{path}/{user}`, userNamed("u", `/${character}a/`));
      const escape = `_x${character.charCodeAt(0).toString(16).toUpperCase()}_`;
      expect(name).toBe(`${root}/${alphabet.test(character) ? character : escape}a/u`);
    }
  });

  it("can be decoded, so no two names are alike", () => {
    const segments = fc.oneof(userNames, pathText, fc.string(), fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(segments, (text) => {
        const encoded = encodeSegment(text, alphabet);
        expect(decodeSegment(encoded, alphabet)).toBe(text);
        expect(encoded).not.toMatch(/^\.*$|\//);
        expect([...encoded].every((character) => alphabet.test(character))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("is in the target's name as it was encoded", () => {
    fc.assert(
      fc.property(userNames, (userName) => {
        expect(stored(userName)).toBe(encodeSegment(userName, alphabet));
      }),
    );
  });

  it.each([
    `${root}/{user}`,
    `${root}/{user}.json`,
    `${root}/x{user}`,
    `${root}/_{user}`,
    `${root}/{path}/{user}.k`,
    `${root}/{user}/{path}/k`,
    `${root}/{account}/{path}/k-{user}`,
    `${root}/{user}-{user}`,
    `${root}/{user}_x_`,
  ])("gives distinct users distinct targets below the literal part: %s", (template) => {
    const literal = literalPrefix(template);
    const inside = resolve("/top", literal.slice(0, literal.lastIndexOf("/") + 1));
    fc.assert(
      fc.property(users, users, (one, other) => {
        const [first, second] = [nameFor(kind, template, one), nameFor(kind, template, other)];
        if (one.userName !== other.userName && first !== null) expect(second).not.toBe(first);
        for (const name of [first, second].filter((each) => each !== null)) {
          expect(name.startsWith(literal)).toBe(true);
          expect(name.slice(literal.length)).not.toMatch(/(^|\/)\.{1,2}(\/|$)|\/\/|\/$|^\//);
          const way = relative(inside, resolve("/top", name));
          expect(way === "" || way.startsWith(`..${sep}`) || way === ".." || way.startsWith(sep)).toBe(false);
        }
      }),
      { numRuns: 1000, examples: HOSTILE.map(([userName, path]) => [userNamed(userName, path), userNamed("u", path)]) },
    );
  });

  it("gives users of one name and distinct paths distinct targets where the path is in it", () => {
    fc.assert(
      fc.property(userNames, pathText, pathText, (userName, one, other) => {
        fc.pre(one !== "" && other !== "" && one !== other);
        const nameAt = (text: string) => nameFor(kind, `${root}/{path}/{user}`, userNamed(userName, `/${text}/`));
        const first = nameAt(one);
        fc.pre(first !== null);
        expect(nameAt(other)).not.toBe(first);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ["/", `${root}/u`],
    ["/team/", `${root}/team/u`],
    ["/team/a b/", `${root}/team/a_x20_b/u`],
    ["/../../", `${root}/_x2E_./_x2E_./u`],
    ["/a//b/", `${root}/a/_x_/b/u`],
    ["///", `${root}/_x_/_x_/u`],
    ["/_x2E_/", `${root}/_x5F_x2E_/u`],
    ["/{user}/", `${root}/_x7B_user_x7D_/u`],
    ["/$&/", `${root}/_x24__x26_/u`],
  ])("stands for the path %s like this: %s", (path, name) => {
    expect(nameFor(kind, `${root}/{path}/{user}`, userNamed("u", path))).toBe(name);
  });
});

const HOSTILE: readonly (readonly [userName: string, path: string])[] = [
  ["..", "/"],
  [".", "/../../"],
  ["u", "//"],
  ["_x2E_.", "/_x2E_/"],
  ["...", "/.../"],
  ["u", "/%2e%2e/"],
  ["u", "/\\..\\..\\/"],
  ["u", "/~/"],
  ["u", "/C:/"],
];

describe("a target", () => {
  it.each([
    ["ssm:/keys/{name}", "{name} in ssm:/keys/{name} is not a placeholder"],
    ["ssm:/keys/{user", "a brace in ssm:/keys/{user has no partner"],
    ["ssm:/keys/x{path}/{user}", "{path} in ssm:/keys/x{path}/{user} must stand between slashes"],
    ["ssm:/keys/{path}{user}", "must stand between slashes"],
  ])("%s is refused: %s", (text, message) => {
    expect(() => parseTarget(text)).toThrow(InvalidInput);
    expect(() => parseTarget(text)).toThrow(message);
  });
});
