import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { verifyAudit } from "../../src/compose.ts";
import { temporaryFolder } from "../support/cli.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { keyturnHere } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

const EMAIL = "jane+keys@example.com";

describe.skipIf(motoMissing !== null)(`keyturn tag ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  let proxy: FaultProxy;
  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
    await moto.seed([
      { name: "jane", tags: { Team: "blue", "IKR:EMAIL": "old@example.com" } },
      { name: "joe" },
      { name: "full", tags: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`t${index}`, "x"])) },
    ]);
  });
  afterAll(async () => {
    await proxy?.stop();
    await moto?.stop();
  });
  afterEach(() => proxy.reset());

  /** Types the command in a folder that holds the file. */
  async function tag(tags: unknown, ...words: readonly string[]) {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, "tags.json"), typeof tags === "string" ? tags : JSON.stringify(tags));
    const result = await keyturnHere(["tag", "tags.json", ...words], { endpoint: proxy.url, cwd });
    return { ...result, cwd };
  }

  const taggings = () => proxy.calls.filter(({ action }) => action === "iam:TagUser");

  it("shows what would change, asks, and then tags each user in one call", async () => {
    const wanted = { jane: { "IKR:EMAIL": EMAIL, Team: "blue", "IKR:INSTRUCTION_0": "Zürich" }, joe: { Team: "red" } };
    const dry = await tag(wanted, "--dry-run");
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    const lines = dry.stdout.split("\n").map((line) => line.replaceAll(/ +/g, " "));
    expect(lines.slice(0, 5)).toEqual([
      "user tag what value",
      `jane IKR:EMAIL change old@example.com → ${EMAIL}`,
      "jane IKR:INSTRUCTION_0 set Zürich",
      "joe Team set red",
      "1 tag as wanted already",
    ]);
    const asked = await tag(wanted);
    expect(asked).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("add --yes") });
    expect(asked.stderr).toContain(EMAIL);
    expect(taggings()).toEqual([]);

    const done = await tag(wanted, "--yes", "--audit", "audit.jsonl", "--format", "json");
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(done.stdout)).toMatchObject({
      schema: "keyturn/tag/v1",
      account: "123456789012",
      dryRun: false,
      users: [
        { userName: "jane", result: "tagged", changes: [{ kind: "change" }, { kind: "same" }, { kind: "set" }] },
        { userName: "joe", result: "tagged", changes: [{ key: "Team", value: "red", kind: "set", before: null }] },
      ],
    });
    const sent = taggings().map(({ body }) =>
      [...new URLSearchParams(body)].filter(([name]) => name.startsWith("Tags")),
    );
    expect(sent.toSorted((a, b) => b.length - a.length)).toEqual([
      [
        ["Tags.member.1.Key", "IKR:EMAIL"],
        ["Tags.member.1.Value", EMAIL],
        ["Tags.member.2.Key", "IKR:INSTRUCTION_0"],
        ["Tags.member.2.Value", "Zürich"],
      ],
      [
        ["Tags.member.1.Key", "Team"],
        ["Tags.member.1.Value", "red"],
      ],
    ]);
    const audit = readFileSync(join(done.cwd, "audit.jsonl"), "utf8");
    expect(verifyAudit(audit)).toMatchObject({ broken: null, runs: [{ complete: true }] });
    expect(audit).toContain('"step":"tag","outcome":"done","reason":"change IKR:EMAIL, set IKR:INSTRUCTION_0"');
    expect(audit).not.toContain(EMAIL);

    proxy.calls.length = 0;
    expect(await tag(wanted)).toMatchObject({ code: 0, stdout: "4 tags as wanted already\n" });
    expect(taggings()).toEqual([]);
  });

  it.each<[unknown, string]>([
    [{ joe: { "aws:x": "1" } }, "tags.json:1:9: the tag"],
    [{ joe: { a: "1" }, nobody: { a: "1" }, gone: { a: "1" } }, "there is no IAM user nobody, gone"],
    [{ joe: { a: "1" }, full: { a: "1" } }, "full would have 51 tags, and 50 are allowed"],
  ])("tags nobody where one of them cannot be: %j", async (wanted, message) => {
    const { code, stdout, stderr } = await tag(wanted, "--yes");
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
    expect(taggings()).toEqual([]);
  });

  it("asks AWS nothing about a file that is wrong, and tags nobody of another account", async () => {
    expect((await tag("[]", "--yes")).code).toBe(2);
    expect(proxy.calls).toEqual([]);
    const { code, stderr } = await tag({ joe: { a: "1" } }, "--yes", "--account", "999999999999");
    expect([code, stderr]).toEqual([2, expect.stringContaining("this is account 123456789012")]);
    expect(proxy.counts()).toEqual({ "sts:GetCallerIdentity": 1 });
  });

  it("goes on with the others where one fails, and exits with 1", async () => {
    proxy.before = ({ action, body }) =>
      action === "iam:TagUser" && body.includes("jane")
        ? { kind: "error", status: 403, code: "AccessDenied" }
        : { kind: "pass" };
    const { code, stdout } = await tag({ jane: { a: "1" }, joe: { a: "1" } }, "--yes");
    expect(code).toBe(1);
    const lines = stdout.split("\n").map((line) => line.replaceAll(/ +/g, " "));
    expect(lines.slice(1, 3)).toEqual(["jane a failed 1", "joe a set 1"]);
    expect(stdout).toContain("jane: iam:TagUser: AccessDenied: by the fault proxy");
    proxy.reset();
    expect((await tag({ jane: { a: "1" }, joe: { a: "1" } }, "--dry-run")).stdout).toContain("1 tag as wanted already");
  });
});
