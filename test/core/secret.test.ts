import { format, inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { accessKeyId } from "../../src/core/access-key.ts";
import { Secret } from "../../src/core/secret.ts";

const CANARY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const secret = new Secret(CANARY);

/** As code that forgets what it holds would treat it. */
const mistaken = secret as unknown as { toString(): string } & number;

/** As deep as secrets lie anywhere. */
const pair = { accessKeyId: accessKeyId("AKIAIOSFODNN7EXAMPLE"), secretAccessKey: secret };
const deep = { run: { users: [{ name: "ci-bot", pairs: new Map([["new", pair]]), held: new Set([secret]) }] } };

function failure(): Error {
  const inner = Object.assign(new Error(`could not deliver ${String(secret)}`), { pair, secret });
  return new Error("the turn failed", { cause: inner });
}

const ways: readonly [string, () => unknown][] = [
  ["a template string", () => `${mistaken}`],
  ["String()", () => String(secret)],
  ["toString()", () => secret.toString()],
  ["an addition", () => `key: ${mistaken + mistaken}`],
  ["a list that is joined", () => [secret, secret].join()],
  ["JSON", () => JSON.stringify(secret)],
  ["JSON at any depth", () => JSON.stringify([pair, { ...pair }, { deep: [[pair]] }])],
  ["JSON of a map's entries", () => JSON.stringify(deep.run.users.flatMap((user) => [...user.pairs]))],
  ["inspect", () => inspect(secret)],
  ["inspect at any depth", () => inspect(deep, { depth: Infinity })],
  ["inspect with all that is hidden", () => inspect(deep, { depth: Infinity, showHidden: true, getters: true })],
  [
    "inspect without its own way to show itself",
    () => inspect(deep, { depth: Infinity, customInspect: false, showHidden: true }),
  ],
  ["format", () => format("%s %o %O %j %d", secret, secret, pair, pair, secret)],
  ["an error with its causes", () => inspect(failure(), { depth: Infinity, showHidden: true })],
  ["an error's stack and message", () => `${failure().stack}${failure().message}${(failure().cause as Error).message}`],
  [
    "a structured clone",
    () => inspect(structuredClone({ ...pair, secretAccessKey: { secret } }), { depth: Infinity, showHidden: true }),
  ],
  ["entries", () => inspect(Object.entries(secret))],
  [
    "names of properties",
    () => inspect([Object.getOwnPropertyNames(secret), Object.getOwnPropertySymbols(secret), Reflect.ownKeys(secret)]),
  ],
  ["descriptors", () => inspect(Object.getOwnPropertyDescriptors(secret), { depth: Infinity })],
  ["a copy", () => inspect([{ ...secret }, Object.assign({}, secret)], { depth: Infinity, showHidden: true })],
  [
    "a sort",
    () =>
      [secret, new Secret("other")]
        .toSorted((a, b) => String(a).localeCompare(String(b)))
        .map(String)
        .join(),
  ],
  ["a key of an object", () => Object.keys({ [mistaken]: 1 }).join()],
  ["an address", () => new URL(`https://example.com/?key=${mistaken}`).href],
];

describe("a secret", () => {
  it.each(ways)("stays closed in %s", (_, show) => {
    const shown = String(show());
    expect(shown).not.toContain(CANARY);
    expect(shown).not.toContain(CANARY.slice(0, 8));
  });

  it("is opened by reveal alone", () => {
    expect(secret.reveal()).toBe(CANARY);
    expect(Object.values(secret)).toEqual([]);
  });

  it("says that it is one where it would have been", () => {
    expect(`${mistaken}`).toBe("[secret]");
    expect(JSON.stringify(pair)).toBe('{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"[secret]"}');
    expect(inspect(pair)).toContain("secretAccessKey: [secret]");
  });

  it("cannot be taken out by a look-alike", () => {
    const lookAlike = Object.create(Secret.prototype) as Secret;
    expect(() => lookAlike.reveal()).toThrow(TypeError);
  });
});
