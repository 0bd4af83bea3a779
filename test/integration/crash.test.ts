import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type CliOptions, keyturn, temporaryFolder } from "../support/cli.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { callerEnvironment, speak } from "../support/in-process.ts";
import { type Moto, motoMissing, startMoto } from "../support/moto.ts";

/** How many scenarios run side by side: most of their time is spent waiting. */
const ABREAST = 6;

const TARGETS = {
  file: "file:./keys/{user}.json",
  ssm: "ssm:/keys/{user}",
  secretsmanager: "secretsmanager:prod/{user}",
} as const;
type Kind = keyof typeof TARGETS;

describe.skipIf(motoMissing !== null)(`the built command line against AWS's emulator ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  /** What all runs that heal go through: they do so in this process, with its environment. */
  let healers: FaultProxy;
  beforeAll(async () => {
    moto = await startMoto();
    healers = await startFaultProxy(moto.url);
    for (const [name, value] of Object.entries(callerEnvironment(healers.url))) vi.stubEnv(name, value);
    vi.stubEnv("XDG_STATE_HOME", temporaryFolder());
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await healers.stop();
    await moto.stop();
  });

  /** One user of its own, with a proxy of its own, so that scenarios do not disturb each other. */
  async function scenario(kind: Kind, name: string) {
    const proxy = await startFaultProxy(moto.url);
    const home = temporaryFolder();
    mkdirSync(join(home, "keys"), { mode: 0o700 });
    const [old] = await moto.seed([{ name, keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
    if (old === undefined) throw new Error("nothing seeded");
    const args = (settle: string) => [
      "run",
      "--user",
      name,
      "--deliver",
      TARGETS[kind].replace("./keys", join(home, "keys")),
      "--settle",
      settle,
      "--yes",
      "--format",
      "json",
    ];
    return {
      proxy,
      old,
      run: (settle = "0s", onStart?: CliOptions["onStart"]) =>
        keyturn(args(settle), { endpoint: proxy.url, cwd: home, ...(onStart === undefined ? {} : { onStart }) }),
      runHere: (settle = "0s") => speak(args(settle)),
      created: () =>
        [...proxy.calls, ...healers.calls].filter(
          ({ action, body }) => action === "iam:CreateAccessKey" && new URLSearchParams(body).get("UserName") === name,
        ).length,
      served: () => servedBy(kind, name, home),
      keys: async () => (await moto.keys()).filter((key) => key.userName === name),
    };
  }

  async function servedBy(
    kind: Kind,
    name: string,
    home: string,
  ): Promise<{ AccessKeyId?: string; SecretAccessKey?: string }> {
    const text = await (kind === "file"
      ? readIfThere(join(home, "keys", `${name}.json`))
      : kind === "ssm"
        ? readParameter(`/keys/${name}`)
        : readSecret(`prod/${name}`));
    return JSON.parse(text) as Record<string, string>;
  }

  const config = () => ({
    endpoint: moto.url,
    region: "eu-west-1",
    credentials: { accessKeyId: "ASIATESTREADER000000", secretAccessKey: "test" },
  });
  const readIfThere = async (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : "{}");
  const readParameter = async (name: string) =>
    (
      await new SSMClient(config())
        .send(new GetParameterCommand({ Name: name, WithDecryption: true }))
        .catch(() => null)
    )?.Parameter?.Value ?? "{}";
  const readSecret = async (name: string) =>
    (
      await new SecretsManagerClient(config())
        .send(new GetSecretValueCommand({ SecretId: name, VersionStage: "AWSCURRENT" }))
        .catch(() => null)
    )?.SecretString ?? "{}";

  /** The end of every story: one successor, served with its secret, and the old key still there for whoever uses it. */
  async function expectHealed(scene: Awaited<ReturnType<typeof scenario>>, when: string): Promise<void> {
    const served = await scene.served();
    const keys = await scene.keys();
    expect(served.AccessKeyId, when).toBeDefined();
    expect(served.AccessKeyId, when).not.toBe(scene.old.accessKeyId);
    expect(await moto.use(served.AccessKeyId ?? "", { secretAccessKey: served.SecretAccessKey ?? "" }), when).toBe(
      true,
    );
    expect(keys.map((key) => key.accessKeyId).toSorted(), when).toEqual(
      [scene.old.accessKeyId, served.AccessKeyId].toSorted(),
    );
    expect(
      keys.every((key) => key.status === "Active"),
      when,
    ).toBe(true);
    expect(scene.created(), when).toBeLessThanOrEqual(2);
  }

  it.each(["file", "ssm", "secretsmanager"] as const)(
    "is healed by two runs after a kill -9 at any API call, with %s",
    { timeout: 120_000 },
    async (kind) => {
      const undisturbed = await scenario(kind, `${kind}-0`);
      expect((await undisturbed.run()).code).toBe(0);
      const calls = undisturbed.proxy.calls.length;
      expect(calls).toBeGreaterThan(12);
      await undisturbed.proxy.stop();

      await abreast(calls, async (index) => {
        const scene = await scenario(kind, `${kind}-${index + 1}`);
        const killed = await scene.run("0s", (child) => {
          scene.proxy.after = (call) => void (call.number === index + 1 && child.kill("SIGKILL"));
        });
        const when = `${kind}, killed after call ${index + 1} (${scene.proxy.calls[index]?.action})`;
        expect(killed.signal, when).toBe("SIGKILL");
        scene.proxy.after = () => undefined;
        for (let run = 0; run < 2; run += 1) expect((await scene.runHere()).code, when).toBe(0);
        await expectHealed(scene, when);
        await scene.proxy.stop();
      });
    },
  );

  it("makes one key where a second run starts at any step of a first", { timeout: 120_000 }, async () => {
    const undisturbed = await scenario("ssm", "alone");
    expect((await undisturbed.run()).code).toBe(0);
    const calls = undisturbed.proxy.calls.length;
    await undisturbed.proxy.stop();

    await abreast(calls, async (index) => {
      const scene = await scenario("ssm", `pair-${index + 1}`);
      const second: ReturnType<typeof speak>[] = [];
      scene.proxy.before = (call) => {
        if (call.number === index + 1 && second.length === 0) second.push(scene.runHere("2s"));
        return { kind: "pass" };
      };
      const first = await scene.run("2s");
      const other = await second[0];
      const when = `second run at call ${index + 1}`;
      expect([first.code, other?.code], when).toEqual([0, 0]);
      await expectHealed(scene, when);
      await scene.proxy.stop();
    });
  });
});

async function abreast(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, worker));
}
