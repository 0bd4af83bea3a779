import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { IAMClient, TagUserCommand } from "@aws-sdk/client-iam";
import { beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/cli.ts";
import { emulated } from "../support/emulated.ts";
import { keyturnHere, typed } from "../support/in-process.ts";
import { motoMissing } from "../support/moto.ts";

const RECIPES = fileURLToPath(new URL("../../recipes/", import.meta.url));
const OLD = [{ ageDays: 200, usedDaysAgo: 0.5 }];

describe.skipIf(motoMissing !== null)(`the configuration, against AWS's emulator ${motoMissing ?? ""}`, () => {
  const { moto, proxy } = emulated();
  let home: string;
  beforeEach(async () => {
    home = temporaryFolder();
    mkdirSync(join(home, "keys"), { mode: 0o700 });
  });

  const go = (...args: string[]) => typed(args, proxy.url);
  const write = (text: string) => {
    const file = join(home, "keyturn.yaml");
    writeFileSync(file, text.replaceAll("HOME", home), { mode: 0o600 });
    return file;
  };
  const run = (file: string, ...more: string[]) =>
    go("run", "--config", file, "--settle", "0s", "--audit", "none", "--yes", "--format", "json", ...more);
  const outcomes = (out: string) =>
    Object.fromEntries(
      (JSON.parse(out) as { users: { userName: string; outcome: string; code: string }[] }).users.map(
        ({ userName, outcome, code }) => [userName, `${outcome} ${code}`],
      ),
    );

  it("says for each user what holds: rules by path, name and tag, exemptions, destinations, windows", async () => {
    await moto.seed([
      { name: "ci-bot", path: "/ci/", keys: OLD },
      { name: "vendor-x", path: "/ci/", keys: OLD },
      { name: "Break-Glass", path: "/ci/", keys: OLD },
      { name: "payer", path: "/ci/", tags: { Team: "payments" }, keys: OLD },
      { name: "keeper", path: "/ci/", tags: { "keyturn:keep": "true" }, keys: OLD },
      { name: "elsewhere", path: "/web/", keys: OLD },
    ]);
    const file = write(`
select: { path: /ci/ }
defaults: { deliver: "file:HOME/keys/{user}.json" }
rules:
  - match: { name: vendor-* }
    policy: { rotateAfter: 300d }
  - match: { tag: { team: payments } }
    window: { notBefore: 2100-01-01 }
exempt:
  - { name: break-glass*, reason: kept in the safe }
  - { tag: { "keyturn:keep": "*" }, reason: its owner said so }
`);
    const { code, out } = await run(file);
    expect(code).toBe(0);
    expect(outcomes(out)).toEqual({
      "ci-bot": "changed due",
      "vendor-x": "settled young",
      "Break-Glass": "left-alone exempt",
      payer: "waiting outside-window",
      keeper: "left-alone exempt",
    });
    expect(readdirSync(join(home, "keys"))).toEqual(["ci-bot.json"]);
  });

  it.each([
    {
      how: "denied",
      status: 403,
      error: "AccessDenied",
      code: "blocked read-denied",
    },
    {
      how: "failed",
      status: 400,
      error: "Oddity",
      code: "failed read-failed",
    },
  ])(
    "touches nobody where an exemption goes by tags that are $how",
    { timeout: 90_000 },
    async ({ status, error, code }) => {
      await moto.seed([{ name: "ci-bot", keys: OLD }]);
      const file = write(`
defaults: { deliver: "file:HOME/keys/{user}.json" }
exempt: [{ tag: { keep: "*" }, reason: x }]
`);
      proxy.before = ({ action }) =>
        action === "iam:ListUserTags" ? { kind: "error", status, code: error } : { kind: "pass" };
      const result = await run(file, "--all-users");
      expect(outcomes(result.out)).toEqual({ "ci-bot": code });
      expect(result.code).toBe(1);
      expect((await moto.keys()).length).toBe(1);
    },
  );

  it("gives way to flags, refuses other accounts, and names the line of a mistake", async () => {
    await moto.seed([{ name: "ci-bot", path: "/ci/", keys: OLD }]);
    const file = write(`
accounts: [123456789012]
defaults:
  policy: { rotateAfter: 300d }
  deliver: "file:HOME/nowhere/{user}.json"
`);
    expect(outcomes((await run(file, "--all-users")).out)).toEqual({ "ci-bot": "settled young" });
    const overridden = await run(
      file,
      "--all-users",
      "--rotate-after",
      "90d",
      "--deliver",
      `file:${home}/keys/{user}.json`,
    );
    expect(outcomes(overridden.out)).toEqual({ "ci-bot": "changed due" });

    const elsewhere = await run(file, "--all-users", "--account", "012345678901");
    expect([elsewhere.code, elsewhere.err]).toEqual([
      2,
      expect.stringContaining("this is account 123456789012, and the settings are for 012345678901"),
    ]);
    const broken = await run(write("defaults:\n  policy: { rotateAfter: 90 }\n"), "--all-users");
    expect(broken.code).toBe(2);
    expect(broken.err).toContain(`keyturn.yaml:2:26: defaults.policy.rotateAfter: "90" is not a duration`);
  });

  it("shows what holds for a user, and where it comes from", async () => {
    await moto.seed([{ name: "vendor-x", path: "/ci/", tags: { team: "pay" }, keys: OLD }]);
    const file = write("rules:\n  - match: { tag: { team: pay } }\n    policy: { rotateAfter: 30d }\n");
    const { code, out } = await go("config", "show", "vendor-x", "--config", file);
    expect(code).toBe(0);
    expect(out).toMatch(/policy\.rotateAfter +30d +\S*keyturn\.yaml:3:15/);
  });

  it("shows every setting, and the place of each that the file or a flag says", async () => {
    const file = write(`
accounts: [123456789012]
profile: rotator
region: eu-west-3
select: { path: /ci/, tag: { team: [a, b] } }
escrow: ssm
settle: 20s
runEvery: 6h
audit: HOME/audit.jsonl
limits: { maxRotations: 3, refuseAbove: 20%, failOn: failed }
defaults:
  window: mon-thu 09:00-16:00 Europe/Berlin
exempt: [{ name: break-glass-*, reason: x }]
`);
    const { code, out } = await go(
      "config",
      "show",
      "--config",
      file,
      "--not-before",
      "2026-12-01",
      "--escrow",
      "none",
    );
    expect(code).toBe(0);
    const lines = Object.fromEntries(
      out.split("\n").map((line) => {
        const [name = "", value = "", from = ""] = line.trim().split(/ {2,}/);
        return [name, `${value} < ${from.replace(/\S*keyturn.yaml/, "")}`];
      }),
    );
    expect(lines).toMatchObject({
      accounts: "123456789012 < :2:1",
      profile: "rotator < :3:1",
      region: "eu-west-3 < :4:1",
      select: "{ path: /ci/, tag: { team: [a, b] } } < :5:1",
      escrow: "none < --escrow",
      settle: "20s < :7:1",
      runEvery: "6h < :8:1",
      audit: `${home}/audit.jsonl < :9:1`,
      "limits.maxRotations": "3 < :10:11",
      "limits.refuseAbove": "20% < :10:28",
      "limits.failOn": "failed < :10:46",
      window: "mon,tue,wed,thu 09:00-16:00 Europe/Berlin, not before 2026-12-01T00:00:00Z < :12:3, --not-before",
    });
  });

  it("says the place of a target that is wrong, and refuses what would exempt nobody", async () => {
    const wrong = await go("config", "check", write('defaults:\n  deliver: "sms:/keys/{user}"\n'));
    expect([wrong.code, wrong.err]).toEqual([
      2,
      expect.stringMatching(/keyturn\.yaml:2:3: there is no destination "sms"/),
    ]);
    const pattern = await go("config", "check", write("exempt: [{ path: /prod-*, reason: x }]\n"));
    expect([pattern.code, pattern.err]).toEqual([
      2,
      expect.stringContaining('keyturn.yaml:1:18: exempt[0].path: "/prod-*" is a pattern'),
    ]);
    const empty = await go("scan", "--exempt", "");
    expect([empty.code, empty.err]).toEqual([2, expect.stringContaining("it is empty")]);
  });

  it("keeps nobody but the user from whose tags rules contradict each other", async () => {
    await moto.seed([
      { name: "ci-bot", keys: OLD },
      { name: "odd", tags: { a: "1", b: "1" }, keys: OLD },
      { name: "kept", tags: { a: "1", b: "1", keep: "1" }, keys: OLD },
    ]);
    const file = write(`
defaults: { deliver: "file:HOME/keys/{user}.json" }
rules:
  - match: { tag: { a: "1" } }
    policy: { oldKey: { deactivate: never } }
  - match: { tag: { b: "1" } }
    policy: { oldKey: { delete: { after: 30m } } }
exempt: [{ tag: { keep: "*" }, reason: x }]
`);
    const { code, out } = await run(file, "--all-users");
    expect(outcomes(out)).toEqual({
      "ci-bot": "changed due",
      odd: "blocked settings-contradict",
      kept: "left-alone exempt",
    });
    expect(code).toBe(1);
    const shown = await go("config", "show", "odd", "--config", file);
    expect([shown.code, shown.err]).toEqual([2, expect.stringContaining("the policy of odd")]);
  });

  it("heeds the tags of owners as far as it says, and remembers addresses where tags cannot reach", async () => {
    await moto.seed([
      { name: "ci-bot", tags: { "IKR:EMAIL": "ci@example.com", "IKR:INSTRUCTION_x": "?" }, keys: OLD },
      { name: "eager", tags: { "ikr:email": "ci@example.com", "IKR:ROTATE_AFTER_DAYS": "1" }, keys: OLD },
      { name: "slow", tags: { "keyturn:email": "s@example.com", "IKR:ROTATE_AFTER_DAYS": "250" }, keys: OLD },
      { name: "nobodys", keys: OLD },
    ]);
    const file = write(`
defaults: { policy: expiring, deliver: "file:HOME/keys/{user}.json" }
owners: { only: true, ledger: ssm, rotateAfter: { atMost: 300d } }
mail: { from: keys@example.com, allowedDomains: example.com, addressChangeDelay: 2h }
`);
    const { code, out } = await run(file, "--all-users");
    expect([code, outcomes(out)]).toEqual([
      1,
      { "ci-bot": "changed due", eager: "blocked tag-unusable", slow: "settled young" },
    ]);
    expect(out).toContain("tag IKR:INSTRUCTION_x is ignored");

    const tag = { UserName: "ci-bot", Tags: [{ Key: "IKR:EMAIL", Value: "thief@example.com" }] };
    await new IAMClient({
      endpoint: moto.url,
      region: "eu-west-1",
      credentials: { accessKeyId: "ASIATEST", secretAccessKey: "x" },
    }).send(new TagUserCommand(tag));
    await run(file, "--all-users");
    const shown = (await go("config", "show", "ci-bot", "--config", file)).out;
    expect(shown).toMatch(/owner +ci@example.com +tags of the user/);
    expect(shown).toMatch(/owner.changesTo +thief@example.com, not before/);
    expect((await go("config", "show", "slow", "--config", file)).out).toMatch(
      /policy.rotateAfter +250d +tag IKR:ROTATE_AFTER_DAYS/,
    );
    const refused = await go("config", "show", "eager", "--config", file);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("allows no less than 85d")]);
    const allowed = (await go("policy", "--config", file, "--all-users")).out;
    expect(allowed).toContain(":parameter/keyturn/owners/123456789012/*");
  });

  it("is not passed over in silence where it is a link to nowhere, and names the audit of a user's story", async () => {
    await moto.seed([{ name: "ci-bot", keys: OLD }]);
    symlinkSync(join(home, "gone.yaml"), join(home, "keyturn.yml"));
    const lost = await keyturnHere(["scan"], { endpoint: moto.url, cwd: home });
    expect([lost.code, lost.stderr]).toEqual([2, expect.stringContaining("keyturn.yml cannot be read (ENOENT)")]);
    const file = write('audit: HOME/own.jsonl\ndefaults: { deliver: "file:HOME/keys/{user}.json" }\n');
    expect((await go("status", "ci-bot", "--config", file)).code).toBe(0);
    await go("run", "--config", file, "--settle", "0s", "--yes", "--all-users");
    expect((await go("status", "ci-bot", "--config", file)).out).toMatch(/record-creating/);
  });

  it("is refused by a plan that was made with another", async () => {
    await moto.seed([{ name: "ci-bot", keys: OLD }]);
    const text = 'defaults: { deliver: "file:HOME/keys/{user}.json" }\n';
    const plan = join(home, "plan.json");
    await go("plan", "--config", write(text), "--out", plan, "--all-users");
    expect((await run(write(`# a comment\n${text}`), plan, "--all-users", "--dry-run")).code).toBe(0);
    const elsewhere = await run(write(text), plan, "--all-users", "--dry-run", "--region", "eu-west-3");
    expect([elsewhere.code, elsewhere.err]).toEqual([2, expect.stringContaining("another escrow or region")]);
    const other = await run(write(`${text}exempt: [{ name: x, reason: y }]\n`), plan, "--all-users");
    expect([other.code, other.err]).toEqual([
      2,
      expect.stringContaining("was made with another policy, other destinations"),
    ]);
  });

  it.each(readdirSync(RECIPES))("recipes/%s rotates and retires", async (name) => {
    await moto.seed([
      { name: "ci-bot", path: "/ci/", keys: OLD },
      { name: "calm", path: "/ci/", keys: [{ ageDays: 3, usedDaysAgo: 0.1 }] },
    ]);
    const file = join(RECIPES, name);
    expect((await go("config", "check", file)).code).toBe(0);
    const first = await run(file, "--user", "ci-bot", "--user", "calm", "--refuse-above", "100");
    expect(first.code, first.err).toBe(0);
    const made = (await moto.keys())
      .filter((key) => key.userName === "ci-bot")
      .toSorted((a, b) => (a.createDate < b.createDate ? -1 : 1));
    expect(made).toHaveLength(2);
    const [, fresh] = made;
    for (const day of [1, 4, 9, 17]) {
      await moto.shift(day * 86_400);
      expect(await moto.use(fresh?.accessKeyId ?? "")).toBe(true);
    }
    await moto.shift(18 * 86_400);
    const later = await run(file, "--user", "ci-bot", "--refuse-above", "100");
    expect(later.code, later.err).toBe(0);
    const old = (await moto.keys()).find((key) => key.accessKeyId === made[0]?.accessKeyId);
    expect(old?.status ?? "gone").toMatch(/Inactive|gone/);
  });
});
