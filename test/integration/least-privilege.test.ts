import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/cli.ts";
import { emulated } from "../support/emulated.ts";
import { type Call } from "../support/fault-proxy.ts";
import { keyturnHere } from "../support/in-process.ts";
import { ACCOUNT, judge, type PolicyText, REGION, resourceOf } from "../support/iam-judge.ts";
import { motoMissing } from "../support/moto.ts";

const DAY = 86_400;

/** What every identity may ask, whatever its policies: who it is. */
const FREE = ["sts:GetCallerIdentity"];

describe.skipIf(motoMissing !== null)(`the policy that keyturn prints ${motoMissing ?? ""}`, () => {
  const { moto, proxy } = emulated();
  let home: string;
  beforeEach(async () => {
    home = temporaryFolder();
    mkdirSync(join(home, "keys"), { mode: 0o700 });
  });

  /**
   * A whole life: a first delivery that fails and is finished by the next run, retirement, and what a person does in between.
   * Answers with every call that was sent.
   */
  async function live(settings: readonly string[]): Promise<readonly Call[]> {
    const seeded = await moto.seed([{ name: "ci-bot", path: "/ci/", keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
    const go = async (...args: string[]) => {
      const { code, stderr } = await keyturnHere([...args, ...settings], { endpoint: proxy.url, cwd: home });
      const failed = proxy.calls.some((call) => isDelivery(call)) && code === 1 ? "its delivery failed" : code;
      expect([0, "its delivery failed"], `${args.join(" ")}: ${stderr}`).toContain(failed);
    };
    let refusals = 0;
    proxy.before = (call) => {
      if (!isDelivery(call) || refusals > 0) return { kind: "pass" };
      refusals += 1;
      return { kind: "error", status: 400, code: "ValidationException" };
    };
    const change = ["--settle", "0s", "--audit", "none", "--yes"];
    await go("scan", "--path", "/ci/");
    await go("run", "--path", "/ci/", ...change);
    await moto.shift(600);
    await go("run", "--path", "/ci/", ...change);
    await moto.shift(DAY);
    await go("hold", "ci-bot", ...change);
    await go("resume", "ci-bot", ...change);
    await go("status", "ci-bot");
    for (const day of [2, 12, 45]) {
      await moto.shift(day * DAY);
      for (const key of await moto.keys())
        if (key.accessKeyId !== seeded[0]?.accessKeyId) await moto.use(key.accessKeyId);
      await go("run", "--path", "/ci/", ...change);
    }
    expect((await moto.keys()).map((key) => key.accessKeyId)).not.toContain(seeded[0]?.accessKeyId);
    return proxy.calls.filter(({ action, signer }) => signer.startsWith("ASIA") && !FREE.includes(action));
  }

  it.each([
    ["file:./keys/{user}.json", []],
    ["ssm:/keys/{user}", ["--escrow", "ssm"]],
    ["ssm:/keys/{user}?split=yes", []],
    ["secretsmanager:prod/{user}", ["--escrow", "ssm"]],
  ])("lets a whole life with %s run, and nothing in it is not needed", async (target, more) => {
    const settings = ["--deliver", target, ...more];
    const printed = await keyturnHere([
      "policy",
      "--account",
      ACCOUNT,
      "--path",
      "/ci/",
      "--region",
      REGION,
      ...settings,
    ]);
    const policy = JSON.parse(printed.stdout) as PolicyText;
    const calls = await live(settings);
    const distinct = new Map(calls.map((call) => [`${call.action} ${resourceOf(call)}`, call]));
    for (const [what, call] of distinct) expect([what, await judge(policy, call)]).toEqual([what, "Allowed"]);
    const allowed = policy.Statement.flatMap(({ Action }) => Action);
    expect([...new Set(allowed)].toSorted()).toEqual([...new Set(calls.map(({ action }) => action))].toSorted());
  });

  it("does not reach beyond its users, targets and tag", async () => {
    const { stdout } = await keyturnHere([
      "policy",
      "--account",
      ACCOUNT,
      "--path",
      "/ci/",
      "--region",
      REGION,
      "--deliver",
      "ssm:/keys/{user}",
    ]);
    const policy = JSON.parse(stdout) as PolicyText;
    const forged = (action: string, body: Record<string, string>, json = false): Call => ({
      number: 0,
      path: "/",
      action,
      signer: "",
      body: json ? JSON.stringify(body) : new URLSearchParams(body).toString(),
    });
    const refused = [
      forged("iam:CreateAccessKey", { UserName: "boss", Path: "/admin/" }),
      forged("iam:DeleteAccessKey", { UserName: "boss", Path: "/admin/" }),
      forged("iam:TagUser", { UserName: "ci-bot", "Tags.member.1.Key": "role" }),
      forged("iam:AttachUserPolicy", { UserName: "ci-bot" }),
      forged("ssm:PutParameter", { Name: "/other/ci-bot" }, true),
      forged("ssm:DeleteParameter", { Name: "/keys/ci-bot" }, true),
    ];
    for (const call of refused)
      expect([call.action, await judge(policy, call)]).toEqual([call.action, "ImplicitlyDenied"]);
  });
});

/** The call by which consumers get a new key. */
const isDelivery = ({ action, body }: Call): boolean =>
  action === "secretsmanager:UpdateSecretVersionStage" || (action === "ssm:PutParameter" && body.includes("/keys/"));
