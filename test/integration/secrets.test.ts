import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openAccess } from "../../src/aws/clients.ts";
import { AwsClock } from "../../src/aws/clock.ts";
import { openIam } from "../../src/aws/iam.ts";
import { main, wholeProgram } from "../../src/cli/program.ts";
import { main as iamCredentialRotation } from "../../src/dropins/iam-credential-rotation/program.ts";
import { main as rotateIamKeys } from "../../src/dropins/rotate-iam-keys/program.ts";
import { CallError } from "../../src/ports.ts";
import { allOf, canary, tells } from "../support/canary.ts";
import { type CliOptions, keyturn, MAIN } from "../support/cli.ts";
import { emulated } from "../support/emulated.ts";
import { type Call, type Fault } from "../support/fault-proxy.ts";
import { callerEnvironment, keyturnHere, typed } from "../support/in-process.ts";
import { motoMissing } from "../support/moto.ts";

/** A second between two questions to a new key is a thousand times what the emulator takes: in this process nobody sleeps longer. */
vi.mock(import("node:timers/promises"), async (original) => {
  const timers = await original();
  const setTimeout: typeof timers.setTimeout = (span, ...rest) => timers.setTimeout(Math.min(span ?? 0, 20), ...rest);
  return { ...timers, setTimeout };
});

/** Below it stand the folders of these tests; each test takes the place of the system's temporary folder. */
const SYSTEM = mkdtempSync(join(tmpdir(), "keyturn-test-"));
const PRELOADED = fileURLToPath(new URL("../support/throw-reply.mjs", import.meta.url));
const dropIn = (name: string) => fileURLToPath(new URL(`../../dist/dropins/${name}/main.js`, import.meta.url));

const NOW = ["--settle", "0s", "--yes"];

/** The secret of whoever runs keyturn is a secret, too. */
const CALLER = { AWS_SECRET_ACCESS_KEY: canary(99_999) };

/** The call, and the field of its body, by which a store is handed a secret. */
const HANDS_IN: Readonly<Record<string, string>> = {
  "ssm:PutParameter": "Value",
  "secretsmanager:PutSecretValue": "SecretString",
  "secretsmanager:CreateSecret": "SecretString",
};

const userIn = ({ body }: Call): string => new URLSearchParams(body).get("UserName") ?? "";

/** The body of a call without what it is there to hand in. */
function withoutDelivery({ action, body }: Call): string {
  const field = HANDS_IN[action];
  return field === undefined ? body : JSON.stringify({ ...(JSON.parse(body) as object), [field]: "" });
}

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);

describe.skipIf(motoMissing !== null)(`no secret leaves by a side door ${motoMissing ?? ""}`, () => {
  const { moto, proxy } = emulated();
  let home: string;
  let temporary: string;
  /** Every secret that AWS handed out has the form of a canary. So many it were. */
  let handedOut: number;
  const plant = (_: Call, body: string): string =>
    body.replaceAll(/<SecretAccessKey>[^<]*</g, () => `<SecretAccessKey>${canary((handedOut += 1))}<`);

  beforeEach(() => {
    [home, temporary] = [mkdtempSync(join(SYSTEM, "home-")), mkdtempSync(join(SYSTEM, "tmp-"))];
    for (const folder of ["keys", ".aws"]) mkdirSync(join(home, folder), { mode: 0o700 });
    vi.stubEnv("TMPDIR", temporary);
    handedOut = 0;
    proxy.rewrite = plant;
  });
  afterEach(() => vi.unstubAllEnvs());
  afterAll(() => rmSync(SYSTEM, { recursive: true, force: true }));

  const here = (args: readonly string[]) => keyturnHere(args, { endpoint: proxy.url, cwd: home, env: CALLER });
  const there = (args: readonly string[], { env = {}, ...more }: CliOptions = {}) =>
    keyturn(args, { endpoint: proxy.url, cwd: home, env: { ...CALLER, TMPDIR: temporary, ...env }, ...more });
  const old = (name: string, path = "/") => ({ name, path, keys: [{ ageDays: 200, usedDaysAgo: 1 }] });

  /** What a command said, by what was typed. */
  const said: [where: string, text: string][] = [];
  beforeEach(() => said.splice(0));
  const note = (where: string, ...texts: readonly string[]) => void said.push([where, texts.join("\n")]);

  /** Everywhere that a secret may be: where the user asked for it. All else that a run leaves behind is searched. */
  const mayHold = (path: string): boolean =>
    path.startsWith(join(home, "keys")) || path.startsWith(join(home, ".aws")) || path.includes("escrow");

  /** The places in which a secret turned up that are not meant for any. */
  function leaks(): readonly string[] {
    const files = [...filesIn(home).filter((path) => !mayHold(path)), ...filesIn(temporary)];
    const places = [
      ...said,
      ...files.map((path) => [path, `${path} ${readFileSync(path, "latin1")}`] as const),
      ...proxy.calls.map((call) => [`sent: ${call.action}`, withoutDelivery(call)] as const),
    ];
    return places.filter(([, text]) => tells(text)).map(([where]) => where);
  }

  /** The secret was really there to leak: a place that asked for it has it. */
  const isDelivered = (): boolean =>
    proxy.calls.some((call) => HANDS_IN[call.action] !== undefined && tells(call.body)) ||
    filesIn(home).some((path) => mayHold(path) && tells(readFileSync(path, "utf8")));

  /** Commands that were typed below, over all targets. */
  const typedVerbs = new Set<string>();

  it.each([
    ["file:./keys/{user}.json", "ssm"],
    ["file:./keys/{user}.env", "file"],
    ["aws-profile:{user}?file=./.aws/credentials", "ssm"],
    ["ssm:/keys/{user}", "file"],
    ["ssm:/keys/{user}?split=yes", "ssm"],
    ["secretsmanager:prod/{user}", "ssm"],
    ["stdout", "file"],
  ])("through every command, with %s and escrow in %s", async (target, escrow) => {
    await moto.seed([old("ci-bot")]);
    const file = join(home, "keyturn.yaml");
    writeFileSync(file, `defaults: { deliver: "${target}" }\nescrow: ${escrow}\n`, { mode: 0o600 });
    let time = 0;
    const go = async (verb: string, ...args: string[]) => {
      typedVerbs.add(verb);
      const { stdout, stderr, code } = await here([verb, ...args]);
      // What was asked for on standard output stands there, in lines of its own.
      const asked = (line: string) => target === "stdout" && /^\{"\w+":.*"secretAccessKey":/i.test(line);
      note(
        [verb, ...args].join(" "),
        stdout
          .split("\n")
          .filter((line) => !asked(line))
          .join("\n"),
        stderr,
      );
      await moto.shift((time += 600));
      return { code, stdout };
    };
    const keys = async () => (await moto.keys()).map(({ accessKeyId }) => accessKeyId);
    await go("config", "check");
    await go("config", "show", "ci-bot");
    await go("policy");
    await go("doctor", "--all-users", "--verbose");
    await go("scan", "--verbose");
    await go("plan", "--all-users", "--out", join(home, "plan.json"), "--verbose");
    await go("hold", "ci-bot", "--verbose", ...NOW);
    await go("resume", "ci-bot", "--verbose", ...NOW);
    const [first = ""] = await keys();
    const ran = await go("run", "--all-users", "--verbose", "--report", join(home, "report.json"), ...NOW);
    expect(ran.code).toBe(0);
    const second = (await keys()).find((id) => id !== first) ?? "";
    await go("status", "ci-bot", "--format", "json");
    await go("adopt", "ci-bot", "--key", second, "--verbose", "--format", "json", ...NOW);
    await go("rollback", "ci-bot", "--key", first, "--verbose", ...NOW);
    await go("resume", "ci-bot", ...NOW);
    await go("retire", "ci-bot", second, "--delete", "--verbose", ...NOW);
    const rotated = await go("rotate", "ci-bot", "--verbose", "--format", "json", ...NOW);
    expect([rotated.code, handedOut]).toEqual([0, 2]);
    await go("status", "ci-bot");
    await go("audit", "verify", join(home, "state", "keyturn", "audit.jsonl"));
    await go("explain", "orphan");
    await go("completion", "bash");
    expect(leaks()).toEqual([]);
    expect(target === "stdout" ? tells(`${ran.stdout}${rotated.stdout}`) : isDelivered()).toBe(true);
  });

  it("through the commands for owners, for secrets that are rotated elsewhere, and for Terraform", async () => {
    await moto.seed([old("ci-bot"), old("applied")]);
    const go = async (args: readonly string[], env: Readonly<Record<string, string>> = {}, isAskedFor = false) => {
      typedVerbs.add(args[0] ?? "");
      const { stdout, stderr, code } = await keyturnHere(args, {
        endpoint: proxy.url,
        cwd: home,
        env: { ...CALLER, ...env },
      });
      note(args.join(" "), isAskedFor ? "" : stdout, stderr);
      return { code, stdout };
    };
    const place = {
      endpoint: proxy.url,
      region: "eu-west-1",
      credentials: { accessKeyId: "ASIATEST", secretAccessKey: "x" },
    };
    const keyOf = async (name: string) =>
      (await moto.keys()).find(({ userName }) => userName === name)?.accessKeyId ?? "";
    const first = await keyOf("ci-bot");
    await new SecretsManagerClient(place).send(
      new CreateSecretCommand({
        Name: "rotated",
        SecretString: JSON.stringify({ UserName: "ci-bot", Key: first, Secret: canary(70_001), Other: canary(70_002) }),
      }),
    );
    for (const verb of ["versions", "rotate", "delete-keys", "reset"])
      await go([
        "secret",
        verb,
        "rotated",
        "--verbose",
        ...(verb === "versions" || verb === "rotate" ? [] : ["--yes"]),
      ]);

    writeFileSync(join(home, "tags.json"), JSON.stringify({ "ci-bot": { "IKR:EMAIL": "ci@example.com" } }));
    expect((await go(["tag", "tags.json", "--yes", "--verbose"])).code).toBe(0);

    // Neither what is sealed nor what opens it is quoted, where it is not what it should be.
    mkdirSync(join(home, "keys", "mail"));
    for (const [name, text] of [
      ["key", canary(70_003)],
      ["text", canary(70_004)],
    ] as const)
      writeFileSync(join(home, "keys", "mail", name), text);
    expect((await go(["decrypt", "--key-file", "keys/mail/key", "--in", "keys/mail/text"])).code).toBe(2);
    expect((await go(["decrypt", "--identity", "keys/mail/key", "--in", "keys/mail/text"])).code).toBe(2);

    // Who may write where workers keep their results is not always one of ours.
    const s3 = new S3Client({ ...place, endpoint: moto.url, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: "results" }));
    const run = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
    for (const [name, text] of [
      ["latest.json", JSON.stringify({ run })],
      [`runs/${run}/plan.json`, `{"schema":"${canary(70_006)}`],
    ] as const)
      await s3.send(new PutObjectCommand({ Bucket: "results", Key: name, Body: text }));
    expect((await go(["report", "s3://results"])).code).toBe(2);

    const handed = await keyOf("applied");
    const applied = {
      iam_user: "applied",
      access_key_id: handed,
      secret_key: canary(70_005),
      region: "eu-west-1",
      KEYTURN_SETTLE: "0s",
    };
    await go(["apply-step"], applied, true);
    await go(["apply-step", "--quiet"], applied);
    await go(["apply-step", "--before-destroy"], applied);
    expect(leaks()).toEqual([]);
  });

  const io = {
    out: () => undefined,
    err: (text: string) => note("an error", text),
    print: async () => undefined,
    isInteractive: false,
    isLive: false,
    paint: (_: unknown, text: string) => text,
  };

  it("of an error that nobody foresaw, when it comes up to the command line", async () => {
    const out = () => {
      throw Object.assign(new Error(canary(1), { cause: canary(1) }), { name: canary(1), $response: canary(1) });
    };
    expect(await main(["explain", "orphan"], { ...io, out })).toBe(70);
    expect(said.map(([, text]) => text)).toEqual([
      expect.stringMatching(/^error: unexpected: Error/),
      expect.stringContaining("this is a bug"),
    ]);
    expect(leaks()).toEqual([]);
  });

  it("the lives above typed every command there is", async () => {
    const program = await wholeProgram(io);
    const missing = program.commands.map((command) => command.name()).filter((name) => !typedVerbs.has(name));
    // The demo has secrets of its own making; its own tests search for them.
    expect(missing).toEqual(["demo"]);
  });

  /** Answers to CreateAccessKey that nobody can use, by the user whose key it is. */
  const GARBLED: Readonly<Record<string, (body: string) => string>> = {
    "cut-short": (body) => body.slice(0, body.indexOf("</SecretAccessKey>")),
    "no-xml": (body) => body.replace(/^<[^>]*>/, "{"),
    "no-key-id": (body) => body.replace(/<AccessKeyId>[^<]*<\/AccessKeyId>/, ""),
    "of-another": (body) => body.replace(/<UserName>[^<]*<\/UserName>/, "<UserName>mallory</UserName>"),
    "an-entity": (body) => body.replace("<AccessKeyId>", `<AccessKeyId a="${canary(0)}">&${canary(0)};`),
    "a-tag-of-it": (body) => body.replace("<SecretAccessKey>", "<SecretAccessKey><"),
    "a-date-of-it": (body) => body.replace(/<CreateDate>[^<]*/, `<CreateDate>${canary(1)}`),
    "a-page": (body) => `<html>${body.slice(0, -3)}`,
  };
  const REFUSED: Readonly<Record<string, Fault>> = {
    "cut-off": { kind: "cut", before: "</SecretAccessKey>" },
    "a-500": { kind: "reply", status: 500, body: `<X><SecretAccessKey>${canary(1)}</SecretAccessKey></X>` },
    "a-400": { kind: "reply", status: 400, body: `<X><SecretAccessKey>${canary(1)}</SecretAccessKey></X>` },
    "a-503-of-json": { kind: "reply", status: 503, body: `{"SecretAccessKey": "${canary(1)}` },
  };
  function garble(): void {
    const begun = new Set<string>();
    const isFirst = (call: Call) =>
      call.action === "iam:CreateAccessKey" && !begun.has(userIn(call)) && begun.add(userIn(call)).size > 0;
    let first: Call | null = null;
    proxy.before = (call) => {
      first = isFirst(call) ? call : first;
      return (first === call && REFUSED[userIn(call)]) || { kind: "pass" };
    };
    const garbled = new Set<string>();
    proxy.rewrite = (call, body) => {
      const planted = plant(call, body);
      const garbling = call.action === "iam:CreateAccessKey" ? GARBLED[userIn(call)] : undefined;
      if (garbling === undefined || garbled.has(userIn(call))) return planted;
      garbled.add(userIn(call));
      return garbling(planted);
    };
  }

  it("when the reply of CreateAccessKey is cut, malformed or no reply: one attempt each, and the next run heals", async () => {
    const names = [...Object.keys(GARBLED), ...Object.keys(REFUSED)];
    await moto.seed(names.map((name) => old(name)));
    garble();
    const deliver = ["--deliver", "file:./keys/{user}.json", "--max-rotations", "100"];
    const RUN = ["run", "--all-users", ...NOW, "--verbose", ...deliver];
    const first = await here([...RUN, "--format", "json"]);
    note("the first run", first.stdout, first.stderr);
    const { users } = JSON.parse(first.stdout) as { users: readonly { userName: string; outcome: string }[] };
    expect(users.map(({ userName, outcome }) => [userName, outcome])).toEqual(
      names.toSorted().map((name) => [name, "failed"]),
    );
    expect(proxy.counts()["iam:CreateAccessKey"]).toBe(names.length);
    expect(first.stdout.match(/no answer to iam:CreateAccessKey/g)?.length).toBeGreaterThanOrEqual(names.length - 1);
    await moto.shift(600);
    const second = await here(RUN);
    note("the second run", second.stdout, second.stderr);
    expect([second.code, second.stderr.match(/: deliver done/g)?.length]).toEqual([0, names.length]);
    const served = names.map((name) => JSON.parse(readFileSync(join(home, "keys", `${name}.json`), "utf8")) as Served);
    const keys = (await moto.keys()).map((key) => key.accessKeyId);
    expect(keys).toHaveLength(2 * names.length);
    expect(keys).toEqual(expect.arrayContaining(served.map(({ AccessKeyId }) => AccessKeyId)));
    expect(leaks()).toEqual([]);
    expect(isDelivered()).toBe(true);
  });

  it("in what the adapter of IAM throws and answers, however it is printed", async () => {
    const names = [...Object.keys(GARBLED), ...Object.keys(REFUSED)];
    await moto.seed([...names, "fine"].map((name) => ({ name })));
    garble();
    for (const [name, value] of Object.entries({ ...callerEnvironment(proxy.url), ...CALLER })) vi.stubEnv(name, value);
    const iam = openIam(await openAccess(null, "eu-west-1", new AwsClock()));
    for (const name of names) {
      const error: unknown = await iam.createAccessKey(name).catch((thrown: unknown) => thrown);
      expect(error, name).toBeInstanceOf(CallError);
      note(name, allOf(error));
      expect(Object.getOwnPropertyNames(error).toSorted()).toEqual(
        ["action", "code", "kind", "message", "name", "resource", "stack"], // neither a cause nor a response
      );
    }
    const pair = await iam.createAccessKey("fine");
    note("a pair", allOf(pair), allOf(new Error("x", { cause: pair })), String(pair.secretAccessKey));
    expect(tells(pair.secretAccessKey.reveal())).toBe(true);
    expect(leaks()).toEqual([]);
  });

  it("when deliveries fail and AWS quotes the request, and where what is served cannot be read", async () => {
    const rules = {
      "quoted-ssm": "ssm:/keys/{user}",
      "quoted-split": "ssm:/keys/{user}?split=yes",
      "quoted-secret": "secretsmanager:prod/{user}",
      "gone-folder": "file:./keys/gone/{user}.json",
      "broken-json": "file:./keys/{user}.json",
      "broken-env": "file:./keys/{user}.env",
      "broken-profile": "aws-profile:{user}?file=./.aws/broken",
      "broken-ssm": "ssm:/keys/{user}",
      "broken-secret": "secretsmanager:prod/{user}",
    };
    const lines = Object.entries(rules).map(([name, to]) => `  - { match: { name: "${name}" }, deliver: "${to}" }`);
    writeFileSync(join(home, "keyturn.yaml"), `rules:\n${lines.join("\n")}\n`, { mode: 0o600 });
    mkdirSync(join(home, "keys", "gone"), { mode: 0o700 });
    const broken = `{ "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "${canary(1)}" oops`;
    const place = (...names: readonly string[]) => join(home, ...names);
    writeFileSync(place("keys", "broken-json.json"), broken, { mode: 0o600 });
    writeFileSync(place("keys", "broken-env.env"), `AWS_SECRET_ACCESS_KEY="${canary(1)}\n\0`, { mode: 0o600 });
    writeFileSync(place(".aws", "broken"), `[broken-profile\naws_secret_access_key ${canary(1)}\n[x`, { mode: 0o600 });
    const direct = {
      endpoint: moto.url,
      region: "eu-west-1",
      credentials: { accessKeyId: "ASIA", secretAccessKey: "x" },
    };
    await new SSMClient(direct).send(
      new PutParameterCommand({ Name: "/keys/broken-ssm", Value: broken, Type: "SecureString" }),
    );
    await new SecretsManagerClient(direct).send(
      new CreateSecretCommand({ Name: "prod/broken-secret", SecretString: broken }),
    );
    await moto.seed(Object.keys(rules).map((name) => old(name)));
    const refused = new Set<string>();
    proxy.before = (call) => {
      if (call.action === "iam:CreateAccessKey" && userIn(call) === "gone-folder")
        rmSync(join(home, "keys", "gone"), { recursive: true });
      if (!/PutParameter|PutSecretValue|CreateSecret/.test(call.action)) return { kind: "pass" };
      refused.add(call.action);
      const message = `Value '${call.body}' failed to satisfy constraint`;
      return { kind: "reply", status: 400, body: JSON.stringify({ __type: "ValidationException", message }) };
    };
    const RUN = ["run", "--all-users", ...NOW, "--verbose"];
    for (const more of [[], ["--escrow", "ssm", "--format", "json"]]) {
      const { code, stdout, stderr } = await here([...RUN, ...more]);
      note(`run ${more.join(" ")}`, stdout, stderr);
      expect(code).toBe(1);
      expect(stdout).toContain("ValidationException");
      await moto.shift(600);
    }
    expect([...refused].some((action) => action.startsWith("secretsmanager:"))).toBe(true);
    for (const verb of [["scan"], ["status", "broken-json"], ["status", "broken-profile"], ["doctor", "--all-users"]]) {
      const { stdout, stderr } = await here([...verb, "--verbose"]);
      note(verb.join(" "), stdout, stderr);
    }
    expect(leaks()).toEqual([]);
    expect(handedOut).toBeGreaterThanOrEqual(4);
    expect(isDelivered()).toBe(true);
  });

  it("of credentials that come from elsewhere, where what comes cannot be read", async () => {
    const [json, bare] = [`{"Version": 1, "SecretAccessKey": "${canary(1)}" oops`, canary(1)];
    const xml = `<AssumeRoleResponse><AssumeRoleResult><Credentials><SecretAccessKey><${canary(1)}</Secret`;
    for (const [name, text] of Object.entries({ json, bare })) writeFileSync(join(home, "keys", name), text);
    const config = {
      garbled: `credential_process = cat ${home}/keys/json`,
      bare: `credential_process = cat ${home}/keys/bare`,
      failing: `credential_process = sh -c "cat ${home}/keys/json >&2; exit 3" --token ${canary(3)}`,
      container: "role_arn = arn:aws:iam::123456789012:role/x\ncredential_source = EcsContainer",
      role: "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = base",
      base: `aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = ${canary(2)}`,
    };
    const sections = Object.entries(config).map(([name, text]) => `[profile ${name}]\n${text}\n`);
    writeFileSync(join(home, ".aws", "config"), sections.join(""), { mode: 0o600 });
    for (const profile of ["garbled", "bare", "failing", "container", "role"]) {
      proxy.before = () => ({ kind: "reply", status: 200, body: profile === "role" ? xml : bare });
      const { code, out, err } = await typed(["scan", "--profile", profile, "--verbose"], proxy.url, {
        HOME: home,
        AWS_ACCESS_KEY_ID: null,
        AWS_SECRET_ACCESS_KEY: null,
        ...(profile === "container" ? { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${proxy.url}/credentials` } : {}),
      });
      note(profile, out, err);
      expect([code, out], err).toEqual([2, ""]);
      expect(err).toContain(`the profile "${profile}" gives no AWS credentials (`);
    }
    expect(leaks()).toEqual([]);
  });

  it("of the programs in place of older tools, but where those print it themselves", async () => {
    await moto.seed([old("a", "/ci/"), old("no-xml", "/ci/"), old("b", "/other/")]);
    garble();
    for (const [name, value] of Object.entries({ ...callerEnvironment(proxy.url), ...CALLER })) vi.stubEnv(name, value);
    const results: string[] = [];
    const streams = (where: string) => ({
      write: async (text: string) => void results.push(text),
      isDiscarded: false,
      err: (line: string) => note(where, line),
    });
    const env = { KEYTURN_SETTLE: "0s" };
    await iamCredentialRotation(["ci"], streams("iam-credential-rotation"), env);
    await moto.shift(600);
    const place = { env, folder: home };
    await rotateIamKeys(["--output-format", "json"], streams("rotate-iam-keys"), place);
    const printed = results.splice(0).join("");
    await moto.seed([old("late")]);
    const deliver = ["--deliver", `file:${home}/keys/{user}.json`, "--days-threshold", "1"];
    await rotateIamKeys(deliver, streams("rotate-iam-keys --deliver"), place);
    note("its text", results.join(""));
    expect(filesIn(home).some((path) => path.endsWith("iam_key_rotation.log"))).toBe(true);
    expect([tells(printed), isDelivered(), handedOut >= 4]).toEqual([true, true, true]);
    expect(leaks()).toEqual([]);
  });

  /** What others on this machine can see of a process while it works. Those who may read its memory need no canary. */
  function watch(pid: number): void {
    const proc = `/proc/${pid}`;
    for (const name of ["cmdline", "environ", "comm"]) {
      // The caller's own secret came in by the environment, and stays where it was put.
      note(`/proc/PID/${name}`, readFileSync(join(proc, name), "utf8").replaceAll(CALLER.AWS_SECRET_ACCESS_KEY, ""));
    }
    const children = readdirSync(join(proc, "task"))
      .map((thread) => join(proc, "task", thread, "children"))
      .map((path) => (existsSync(path) ? readFileSync(path, "utf8").trim() : ""))
      .join("");
    note("its children", children === "" ? "" : canary(0)); // it has none, and needs none
    for (const path of filesIn(temporary)) note(path, readFileSync(path, "latin1"));
  }

  it.skipIf(!existsSync("/proc/self/cmdline"))(
    `of a process that others look at, with everything that Node and the SDK can be made to print ${existsSync("/proc/self/cmdline") ? "" : "(SKIPPED: no /proc)"}`,
    async () => {
      const [key] = await moto.seed([old("ci-bot", "/ci/"), old("adopted")]);
      expect(key).toBeDefined();
      const pids: number[] = [];
      let looks = 0;
      proxy.before = ({ action, body }) => {
        // The last call of a rotation, and of an adoption: the secret is in the process, and in the stores.
        if (action === "iam:TagUser" && body.includes("delivered")) {
          looks += 1;
          for (const pid of pids) watch(pid);
        }
        return { kind: "pass" };
      };
      const env = { NODE_DEBUG: "http,https,net,tls,stream,fs", DEBUG: "*", NODE_OPTIONS: "--trace-warnings" };
      const look = { env, onStart: ({ pid }: { pid?: number | undefined }) => void pids.push(pid ?? 0) };
      const RUN = ["run", "--path", "/ci/", ...NOW, "--verbose", "--escrow", "file", "--deliver", "ssm:/keys/{user}"];
      const ran = await there(RUN, look);
      pids.length = 0;
      const adopted = (await moto.keys()).find(({ userName }) => userName === "adopted");
      const input = JSON.stringify({ AccessKey: { AccessKeyId: adopted?.accessKeyId, SecretAccessKey: canary(7) } });
      const ADOPT = ["adopt", "adopted", "--stdin", ...NOW, "--verbose", "--deliver", "ssm:/keys/{user}"];
      const took = await there(ADOPT, { ...look, input });
      for (const { stdout, stderr } of [ran, took]) note("its output", stdout, stderr);
      expect([ran.code, took.code, looks]).toEqual([0, 0, 2]);
      expect(ran.stderr).toMatch(/^HTTP \d+:/m);
      expect(leaks()).toEqual([]);
      expect(proxy.calls.filter((call) => call.action === "ssm:PutParameter" && tells(call.body))).toHaveLength(2);
    },
  );

  it("when an error that nobody catches carries the reply of CreateAccessKey, and the next run heals", async () => {
    const programs: readonly (readonly [string, string, string, readonly string[]])[] = [
      // The first has no path: it works on all users that there are.
      ["d", dropIn("rotate-iam-keys"), "rejection", ["--output-format", "json"]],
      ["a", MAIN, "exception", ["run", "--path", "/a/", ...NOW, "--verbose", "--deliver", "file:./keys/{user}.json"]],
      ["b", MAIN, "rejection", ["run", "--path", "/b/", ...NOW, "--deliver", "file:./keys/{user}.json"]],
      ["c0", dropIn("iam-credential-rotation"), "exception", ["c0"]],
    ];
    for (const [name, program, THROWS, args] of programs) {
      await moto.seed([old(name, `/${name}/`)]);
      const env = { NODE_OPTIONS: `--import=${PRELOADED}`, THROWS, KEYTURN_SETTLE: "0s", NODE_DEBUG: "http" };
      const { code, stdout, stderr } = await there(args, { main: program, env });
      note(`${name}: ${THROWS}`, stdout, stderr);
      expect([code, stderr], name).toEqual([
        70,
        expect.stringMatching(/^error: unexpected: Error\nhint: this is a bug/m),
      ]);
    }
    expect(handedOut).toBe(programs.length);
    const { code } = await here(["run", "--path", "/a/", ...NOW, "--deliver", "file:./keys/{user}.json"]);
    expect([code, isDelivered()]).toEqual([0, true]);
    expect(leaks()).toEqual([]);
  });
});

interface Served {
  readonly AccessKeyId: string;
}
