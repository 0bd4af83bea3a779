import { describe, expect, it } from "vitest";
import { unexpectedWords } from "../../src/report/unexpected.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/** An error whose stack was noted in these places, as V8 prints them. */
function thrownAt(error: Error, ...places: readonly string[]): Error {
  error.stack = [`${error.name}: ${error.message}`, ...places.map((place) => `    at ${place}`)].join("\n");
  return error;
}

describe("an error that nobody foresaw", () => {
  it("is told by its name and by where in the package it was thrown, innermost first, four places at most", () => {
    const places = [
      "JSON.parse (<anonymous>)",
      "openStore (file:///opt/lib/node_modules/keyturn/dist/destinations/ssm.js:247:30)",
      "parse (file:///opt/lib/node_modules/keyturn/node_modules/yaml/dist/index.js:1:1)",
      "async file:///opt/lib/node_modules/keyturn/dist/engine/rotate.js:12:3",
      "process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
      ...[1, 2, 3].map((line) => `async run (file:///opt/keyturn/dist/cli/run.js:${line}:1)`),
    ];
    expect(unexpectedWords(thrownAt(new TypeError("x is not a function"), ...places))).toBe(
      "TypeError (at destinations/ssm.js:247, engine/rotate.js:12, cli/run.js:1, cli/run.js:2)",
    );
  });

  it("keeps to itself what it says, what caused it, and what hangs on it", () => {
    const told = [
      new Error(SECRET, { cause: new Error(SECRET) }),
      Object.assign(new SyntaxError(`Unexpected token '<', "${SECRET}"`), { $response: { body: SECRET } }),
      // A message can look like a stack, and a name can come out of a reply.
      thrownAt(new Error(`x\n    at file:///dist/${SECRET}.js:1:1`), "file:///opt/keyturn/dist/cli/run.js:1:1"),
      Object.assign(new Error("x"), { name: SECRET }),
      Object.assign(new Error("x"), { name: SECRET.replaceAll(/\W|\d/g, "") }),
      SECRET,
      { message: SECRET },
      null,
    ].map(unexpectedWords);
    expect(told.join("\n")).not.toMatch(/wJalr|EXAMPLEKEY/);
    expect(told[2]).toBe("Error (at cli/run.js:1)");
    expect(told.slice(5)).toEqual(["unknown", "unknown", "unknown"]);
  });

  it("is told where its stack is gone, or is no text", () => {
    const bare = new RangeError("x");
    delete (bare as { stack?: string }).stack;
    expect(unexpectedWords(bare)).toBe("RangeError");
    expect(unexpectedWords(Object.assign(new RangeError("x"), { stack: 7 }))).toBe("RangeError");
  });
});
