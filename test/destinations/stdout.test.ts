import { EventEmitter, once } from "node:events";
import { describe, expect, it } from "vitest";
import type { KeyPair } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { stdout } from "../../src/destinations/stdout.ts";
import { WriteFailed } from "../../src/host/write-all.ts";
import { CallError } from "../../src/ports.ts";
import { destinationContract, errorOf, expectNoSecret, freshPair, freshUser, seenOf, userNamed } from "./contract.ts";
import { openHost } from "./host.ts";

const host = await openHost();
const parse = (text: string) => stdout.parse(parseTarget(text));
const failing = new Set<string>();

const traits = { readable: false, remembers: false, stages: false, hasDocument: false, failures: ["a closed pipe"] };

destinationContract("stdout", traits, () => ({
  open: (user) =>
    parse("stdout").open({
      ...host,
      print: async (line) => {
        if (failing.has(user.userName))
          throw Object.assign(new Error(`cannot write ${line}`), { code: "EPIPE", line, cause: line });
        await host.print(line);
      },
    })(user, null),
  consume: async ({ userName }) => {
    const line = host.lines.findLast((each) => each.includes(`"${userName}"`));
    if (line === undefined) return null;
    const { accessKeyId, secretAccessKey } = JSON.parse(line) as Record<string, string>;
    return { accessKeyId: accessKeyId ?? null, secretAccessKey: secretAccessKey ?? null };
  },
  stored: async ({ userName }) => host.lines.filter((each) => each.includes(`"${userName}"`)),
  passAMinute: async () => undefined,
  fail: async ({ userName }, failure) => {
    if (failure === null) failing.delete(userName);
    else failing.add(userName);
  },
}));

describe("stdout", () => {
  it("cannot be read back, staged or asked for a secret", () => {
    const destination = parse("stdout").open(host)(freshUser(), null);
    expect(Object.keys(destination).toSorted()).toEqual(["check", "deliver", "label"]);
    expect({ readable: stdout.readable, isStream: stdout.isStream }).toEqual({ readable: false, isStream: true });
    expect(parse("stdout").permissions(host.caller, "eu-west-1")).toEqual([]);
  });

  it("prints one JSON object a line for one key, with the user's name", async () => {
    const own = await openHost();
    const [first, second] = [freshPair(), freshPair()];
    await parse("stdout").open(own)(userNamed("a+b=c,d@e"), null).deliver(first);
    await parse("stdout").open(own)(userNamed(".."), null).deliver(second);
    expect(own.lines.every((line) => !line.includes("\n"))).toBe(true);
    expect(own.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      { userName: "a+b=c,d@e", ...seenOf(first) },
      { userName: "..", ...seenOf(second) },
    ]);
  });

  it("prints the fields that it is asked for, and no other", async () => {
    const own = await openHost();
    const pair = freshPair();
    await parse("stdout?field.id=accessKeyId&field.key=secretAccessKey").open(own)(freshUser(), null).deliver(pair);
    expect(JSON.parse(own.lines[0] ?? "")).toEqual({ id: pair.accessKeyId, key: pair.secretAccessKey.reveal() });
  });

  it("counts as delivered only when the line has left the process", async () => {
    const stream = new EventEmitter();
    let delivered = false;
    const print = async () => void (await once(stream, "drain"));
    const delivery = parse("stdout")
      .open({ ...host, print })(freshUser(), null)
      .deliver(freshPair())
      .then(() => (delivered = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(delivered).toBe(false);
    stream.emit("drain");
    await delivery;
    expect(delivered).toBe(true);
  });

  const failWith = (rejection: (line: string) => unknown, pair: KeyPair) =>
    errorOf(() =>
      parse("stdout")
        .open({
          ...host,
          print: (line) => {
            throw rejection(line);
          },
        })(freshUser(), null)
        .deliver(pair),
    );

  it.each([0, 20, 90])("is refused where a print ends after %i bytes: no whole secret had left", async (written) => {
    const pair = freshPair();
    const error = await failWith(() => new WriteFailed("EPIPE", written), pair);
    expect(error).toMatchObject({ kind: "refused", action: "write", resource: "stdout", code: "EPIPE" });
    expectNoSecret(error, pair.secretAccessKey.reveal());
  });

  it("is unknown where only the end of the line is missing: somebody may have read the secret", async () => {
    const pair = freshPair();
    const error = await failWith((line) => new WriteFailed("ENOSPC", line.length - 1), pair);
    expect(error).toMatchObject({ kind: "unknown", action: "write", resource: "stdout", code: "ENOSPC" });
    expectNoSecret(error, pair.secretAccessKey.reveal());
  });

  it.each([
    [(line: string) => Object.assign(new Error(`write ${line}`), { code: "EPIPE", line }), "EPIPE"],
    [(line: string) => new Error(line), "Error"],
    [(line: string) => line, "Error"],
  ])("is unknown where a print fails and does not tell how far it came (%#)", async (rejection, code) => {
    const pair = freshPair();
    const error = await failWith(rejection, pair);
    expect(error).toBeInstanceOf(CallError);
    expect(error).toMatchObject({ kind: "unknown", action: "write", resource: "stdout", code });
    expectNoSecret(error, pair.secretAccessKey.reveal());
  });

  it.each([
    ["stdout:somewhere", "stdout:somewhere: stdout has no target"],
    ["stdout?format=json", "stdout?format=json: stdout has no option format"],
    ["stdout?field.id=accessKeyId", "stdout?field.id=accessKeyId: no field holds a secret"],
  ])("%s is refused", (text, message) => {
    expect(() => parse(text)).toThrow(InvalidInput);
    expect(() => parse(text)).toThrow(message);
  });
});
