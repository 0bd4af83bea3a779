import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { openAccess } from "../../src/aws/clients.ts";
import { AwsClock } from "../../src/aws/clock.ts";
import { openObjects } from "../../src/aws/objects.ts";
import { openQueue } from "../../src/aws/queue.ts";
import { CallError } from "../../src/ports.ts";
import { type Call, type Fault, type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { callerEnvironment } from "../support/in-process.ts";

interface Batch {
  readonly Entries: readonly { readonly Id: string; readonly MessageBody: string; readonly DelaySeconds?: number }[];
}

describe("queue and bucket over the wire", () => {
  let proxy: FaultProxy;
  beforeAll(async () => {
    // Nothing is behind it: it answers by itself.
    proxy = await startFaultProxy("http://127.0.0.1:9");
    for (const [name, value] of Object.entries(callerEnvironment(proxy.url))) vi.stubEnv(name, value);
  });
  beforeEach(() => proxy.reset());
  afterAll(async () => {
    vi.unstubAllEnvs();
    await proxy.stop();
  });

  const access = async () => {
    const clock = new AwsClock();
    clock.sleep = () => Promise.resolve();
    return openAccess(null, null, clock);
  };
  const queue = async () => openQueue(await access(), `${proxy.url}/111122223333/work`);
  const batches = () => proxy.calls.map(({ body }) => JSON.parse(body) as Batch);
  /** Takes all messages but those that `refuses` names. */
  const taking =
    (refuses: (text: string, call: Call) => boolean) =>
    (call: Call): Fault => {
      const { Entries } = JSON.parse(call.body) as Batch;
      const failed = Entries.filter(({ MessageBody }) => refuses(MessageBody, call));
      const Successful = Entries.filter((each) => !failed.includes(each)).map(({ Id, MessageBody }) => ({
        Id,
        MessageId: "m",
        // The SDK compares it with what it has sent.
        MD5OfMessageBody: createHash("md5").update(MessageBody).digest("hex"),
      }));
      const Failed = failed.map(({ Id }) => ({ Id, Code: "InternalError", SenderFault: false }));
      return { kind: "reply", status: 200, body: JSON.stringify({ Successful, Failed }) };
    };
  const texts = Array.from({ length: 23 }, (_, index) => `text ${index}`);

  it("sends ten at a time, each once", async () => {
    proxy.before = taking(() => false);
    expect(await (await queue()).send(texts)).toEqual([]);
    expect(batches().map(({ Entries }) => Entries.length)).toEqual([10, 10, 3]);
    expect(batches().flatMap(({ Entries }) => Entries.map(({ MessageBody }) => MessageBody))).toEqual(texts);
  });

  it("sends what was not taken again, a few times, and says what was never taken", async () => {
    const stubborn = "text 12";
    proxy.before = taking((text, { number }) => text === stubborn || (text === "text 3" && number === 1));
    const unsent = await (await queue()).send(texts);
    expect(unsent).toEqual([{ text: stubborn, why: "InternalError" }]);
    const sent = batches().flatMap(({ Entries }) => Entries.map(({ MessageBody }) => MessageBody));
    expect(sent.filter((text) => text === "text 3")).toHaveLength(2);
    expect(sent.filter((text) => text === stubborn)).toHaveLength(4);
    expect(sent.filter((text) => text === "text 22")).toHaveLength(1);
  });

  it("stops at once where it may not send", async () => {
    proxy.before = () => ({ kind: "error", status: 403, code: "AccessDenied" });
    await expect((await queue()).send(texts)).rejects.toMatchObject({ kind: "denied", action: "sqs:SendMessage" });
    expect(proxy.calls).toHaveLength(1);
  });

  it("tells an object that is not there, or was written meanwhile, from one that may not be read", async () => {
    const store = openObjects(await access(), "keyturn-results", "prod/", "111122223333");
    const answers = (status: number, code: string) => {
      proxy.before = () => ({
        kind: "reply",
        status,
        body: `<Error><Code>${code}</Code><Message>no</Message></Error>`,
      });
    };
    answers(404, "NoSuchKey");
    expect(await store.read("latest.json")).toBeNull();
    answers(412, "PreconditionFailed");
    expect(await store.write("latest.json", "{}", null)).toBe(false);
    answers(409, "ConditionalRequestConflict");
    expect(await store.write("latest.json", "{}", "etag")).toBe(false);
    answers(403, "AccessDenied");
    await expect(store.read("latest.json")).rejects.toBeInstanceOf(CallError);
    answers(404, "NoSuchBucket");
    await expect(store.read("latest.json")).rejects.toMatchObject({ code: "NoSuchBucket" });
    expect(new Set(proxy.calls.map(({ path }) => path))).toEqual(new Set(["/keyturn-results/prod/latest.json"]));
  });
});
