import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { keyturn, temporaryFolder } from "../support/cli.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { typed } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

/** A secret in every form in which it could slip out. */
const forms = (secret: string): readonly string[] => [
  secret,
  JSON.stringify(secret).slice(1, -1),
  encodeURIComponent(secret),
  Buffer.from(secret).toString("base64").replace(/=+$/, ""),
];

const SYSTEM = tmpdir();

const CANARY = "Canary+Secret/AccessKey0123456789abcdefX";

describe.skipIf(motoMissing !== null)(`no secret leaves by a side door ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  let proxy: FaultProxy;
  let home: string;
  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
  });
  beforeEach(async () => {
    await moto.reset();
    proxy.reset();
    // What others left in the system's temporary folder is none of ours.
    vi.stubEnv("TMPDIR", mkdtempSync(join(SYSTEM, "keyturn-test-")));
    home = temporaryFolder();
    mkdirSync(join(home, "keys"), { mode: 0o700 });
    await moto.seed([{ name: "ci-bot", keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await proxy.stop();
    await moto.stop();
  });

  /** Every secret that AWS handed out, read off the wire. */
  const secrets: string[] = [];
  const overhear = () => {
    secrets.length = 0;
    proxy.overhear = (text) =>
      void secrets.push(...[...text.matchAll(/<SecretAccessKey>([^<]+)</g)].map(([, secret]) => secret ?? ""));
  };

  /** Everything that a run leaves behind for others to read: its output, its audit, its plans, tags, and temporary files. */
  async function traces(outputs: readonly string[]): Promise<string> {
    const files = (folder: string): readonly string[] =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .map((name) => join(folder, name))
        .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
    const kept = files(home).filter((path) => !path.startsWith(join(home, "keys")) && !path.includes("escrow"));
    const temporary = readdirSync(tmpdir())
      .filter((name) => /keyturn/.test(name) && !name.startsWith("keyturn-test-"))
      .map((name) => join(tmpdir(), name))
      .flatMap((path) => (statSync(path).isDirectory() ? files(path) : [path]));
    const sent = proxy.calls
      .filter((call) => !/PutParameter|PutSecretValue/.test(call.action))
      .map((call) => call.body);
    return [...outputs, ...[...kept, ...temporary].map((path) => readFileSync(path, "utf8")), ...sent].join("\n");
  }

  async function goWatched(words: readonly string[]) {
    const options = { endpoint: proxy.url, cwd: home, env: { NODE_DEBUG: "http,net,fs" } };
    const { stdout, stderr } = await keyturn(words, options);
    const isNodes = (line: string) => /^(HTTP|NET|FS|TLS) \d+:/.test(line);
    const said = stderr.split("\n").filter((line) => !isNodes(line));
    return { out: stdout, err: said.join("\n") };
  }

  function expectClean(text: string, found: readonly string[]): void {
    expect(found.length).toBeGreaterThan(0);
    for (const secret of found) for (const form of forms(secret)) expect(text).not.toContain(form);
  }

  it.each([
    "file:./keys/{user}.json",
    "file:./keys/{user}.env",
    "ssm:/keys/{user}",
    "ssm:/keys/{user}?split=yes",
    "secretsmanager:prod/{user}",
  ])(
    "through the whole life, with %s",
    async (target) => {
      overhear();
      const outputs: string[] = [];
      const place = target.replace("./keys", join(home, "keys"));
      // One target in processes that print what Node itself sends and receives; the others in this one.
      const isWatched = target === "file:./keys/{user}.json";
      const go = async (...args: string[]) => {
        const words = [...args, "--deliver", place];
        const said = isWatched ? await goWatched(words) : await typed(words, proxy.url, own);
        outputs.push(said.out, said.err);
      };
      const own = { HOME: home, XDG_STATE_HOME: join(home, "state") };
      await go("scan");
      await go("plan", "--out", join(home, "plan.json"));
      await go(
        "run",
        "--all-users",
        "--yes",
        "--settle",
        "0s",
        "--verbose",
        "--escrow",
        "ssm",
        "--report",
        join(home, "report.json"),
      );
      await moto.shift(86_400);
      await go("status", "ci-bot", "--escrow", "ssm");
      await go("rotate", "ci-bot", "--yes", "--settle", "0s", "--verbose");
      for (const key of await moto.keys()) await go("retire", "ci-bot", key.accessKeyId, "--delete", "--yes");
      await go("policy");
      expectClean(await traces(outputs), secrets);
    },
    60_000,
  );

  it.each([
    ["is cut in the middle", (body: string) => body.slice(0, body.indexOf("</SecretAccessKey>"))],
    ["is no XML at all", (body: string) => body.replace(/^<[^>]*>/, "{")],
    ["lacks the id of the key", (body: string) => body.replace(/<AccessKeyId>[^<]*<\/AccessKeyId>/, "")],
    [
      "is for another user",
      (body: string) => body.replace(/<UserName>[^<]*<\/UserName>/, "<UserName>mallory</UserName>"),
    ],
  ])(
    "when the reply of CreateAccessKey %s: one attempt, an unknown answer, and the next run heals",
    async (_, garble) => {
      overhear();
      let garbled = 0;
      proxy.rewrite = ({ action }, body) =>
        action === "iam:CreateAccessKey" && (garbled += 1) === 1 ? garble(body) : body;
      const args = [
        "run",
        "--all-users",
        "--yes",
        "--settle",
        "0s",
        "--verbose",
        "--deliver",
        "file:./keys/{user}.json",
      ];
      const first = await keyturn(args, { endpoint: proxy.url, cwd: home });
      expect(first.code).toBe(1);
      expect(first.stdout).toContain("no answer to iam:CreateAccessKey");
      expect(proxy.counts()["iam:CreateAccessKey"]).toBe(1);
      const second = await keyturn(args, { endpoint: proxy.url, cwd: home });
      expect(second.code).toBe(0);
      const served = JSON.parse(readFileSync(join(home, "keys", "ci-bot.json"), "utf8")) as { AccessKeyId: string };
      const keys = (await moto.keys()).map((key) => key.accessKeyId);
      expect(keys).toHaveLength(2);
      expect(keys).toContain(served.AccessKeyId);
      expect(secrets).toHaveLength(2);
      expectClean(await traces([first.stdout, first.stderr, second.stdout, second.stderr]), secrets);
    },
  );

  it.each(["ssm:PutParameter", "secretsmanager:PutSecretValue"])(
    "when %s fails and AWS quotes the request in its error",
    async (failing) => {
      proxy.rewrite = ({ action }, body) =>
        action === "iam:CreateAccessKey"
          ? body.replace(/<SecretAccessKey>[^<]*</, `<SecretAccessKey>${CANARY}<`)
          : body;
      proxy.before = ({ action, body }) =>
        action === failing
          ? {
              kind: "reply",
              status: 400,
              body: JSON.stringify({
                __type: "ValidationException",
                message: `Value '${body}' failed to satisfy constraint`,
              }),
            }
          : { kind: "pass" };
      const target = failing.startsWith("ssm") ? "ssm:/keys/{user}" : "secretsmanager:prod/{user}";
      const result = await keyturn(
        ["run", "--all-users", "--yes", "--settle", "0s", "--verbose", "--deliver", target],
        { endpoint: proxy.url, cwd: home },
      );
      expect(result.code).toBe(1);
      expect(result.stdout).toContain("ValidationException");
      expectClean(await traces([result.stdout, result.stderr]), [CANARY]);
    },
  );
});
