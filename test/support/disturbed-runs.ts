import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { GetParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { presetNames, type PresetName } from "../../src/core/policy.ts";
import { type CliOptions, keyturn, temporaryFolder } from "./cli.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { callerEnvironment, speak } from "./in-process.ts";
import { type Moto, startMoto } from "./moto.ts";
import { SCOPE } from "./scope.ts";

/** How many scenarios run side by side: most of their time is spent waiting. */
const ABREAST = 6;

const PASS = { kind: "pass" } as const;

const TARGETS = {
  file: "file:./keys/{user}.json",
  ssm: "ssm:/keys/{user}",
  secretsmanager: "secretsmanager:prod/{user}",
} as const;
type Kind = keyof typeof TARGETS;

/** What happens at one API call of a run. */
const DISTURBANCES = {
  "is killed after it took effect": { kills: true, fault: () => PASS },
  "is killed before it is sent on": { kills: true, fault: () => ({ kind: "lose" }) },
  "gets no answer": { kills: false, fault: () => ({ kind: "lose-reply" }) },
  "gets a 503 although it took effect": {
    kills: false,
    fault: () => ({ kind: "error", status: 503, code: "ServiceUnavailable", afterEffect: true }),
  },
} as const satisfies Record<string, { kills: boolean; fault: () => Fault }>;
type Disturbance = keyof typeof DISTURBANCES;

interface Case {
  readonly kind: Kind;
  readonly preset: PresetName;
  readonly disturbance: Disturbance;
}

/**
 * `npm run proof` plays them all. `--quick`: each destination under one preset, each preset and each disturbance with one
 * destination. The tests, which are run all the time: one of them.
 */
const ALL = presetNames.flatMap((preset) =>
  (Object.keys(TARGETS) as Kind[]).flatMap((kind) =>
    (Object.keys(DISTURBANCES) as Disturbance[]).map((disturbance): Case => ({ kind, preset, disturbance })),
  ),
);
/** How many of the three are what is played everywhere else: `safe`, a file, a kill after the call. */
const usual = ({ kind, preset, disturbance }: Case): number =>
  [kind === "file", preset === "safe", disturbance === "is killed after it took effect"].filter(Boolean).length;
const LEAST_USUAL = { tests: 3, quick: 2, all: 0 } as const;
const CASES: readonly Case[] = ALL.filter((each) => usual(each) >= LEAST_USUAL[SCOPE]);

/**
 * The built command line against AWS's emulator, each user with a proxy of its own that disturbs its calls. To be called where tests are
 * described: it starts and stops what they need.
 */
export function disturbedRuns() {
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
  async function scenario(kind: Kind, name: string, preset: PresetName = "safe") {
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
      "--policy",
      preset,
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
      /** A process of its own is proved dead by its end; this one, to itself, never is. */
      heal: async () =>
        (await (SCOPE === "all" ? keyturn(args("0s"), { endpoint: proxy.url, cwd: home }) : speak(args("0s")))).code,
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

  type Scene = Awaited<ReturnType<typeof scenario>>;

  /** The end of every story: one successor, served with its secret; the old key where an undisturbed run leaves it. */
  async function expectHealed(scene: Scene, when: string, oldKey: string): Promise<void> {
    const served = await scene.served();
    const keys = await scene.keys();
    expect(served.AccessKeyId, when).toBeDefined();
    expect(served.AccessKeyId, when).not.toBe(scene.old.accessKeyId);
    expect(await moto.use(served.AccessKeyId ?? "", { secretAccessKey: served.SecretAccessKey ?? "" }), when).toBe(
      true,
    );
    expect(keys.map((key) => `${key.accessKeyId} ${key.status}`).toSorted(), when).toEqual(
      [`${scene.old.accessKeyId} ${oldKey}`, `${served.AccessKeyId} Active`].toSorted(),
    );
    expect(scene.created(), when).toBeLessThanOrEqual(2);
  }

  /** At this moment, whoever reads the destination (or, while there is nothing, has the old key) is let in. */
  async function expectWorking(scene: Scene, when: string): Promise<void> {
    const { AccessKeyId: id = scene.old.accessKeyId } = await scene.served();
    const status = (await scene.keys()).find((key) => key.accessKeyId === id)?.status;
    expect(status, when).toBe("Active");
  }

  async function play({ kind, preset, disturbance }: Case, name: string, number: number, oldKey: string) {
    const { kills, fault } = DISTURBANCES[disturbance];
    const scene = await scenario(kind, `${name}-${number}`, preset);
    let refusal: unknown = null;
    let killed: () => void = () => undefined;
    scene.proxy.before = (call) => {
      if (call.number !== number) return PASS;
      if (kills && fault().kind !== "pass") killed();
      return fault();
    };
    scene.proxy.after = async (call) => {
      if (SCOPE !== "tests") await expectWorking(scene, call.action).catch((error: unknown) => (refusal ??= error));
      if (kills && call.number === number && fault().kind === "pass") killed();
    };
    const result = await scene.run("0s", (child) => {
      killed = () => void child.kill("SIGKILL");
    });
    const when = `${kind}, ${preset}: call ${number} (${scene.proxy.calls[number - 1]?.action}) ${disturbance}`;
    if (kills) expect(result.signal, when).toBe("SIGKILL");
    if (refusal !== null) throw new Error(`${when}: the served key did not work`, { cause: refusal });
    scene.proxy.before = () => PASS;
    scene.proxy.after = () => undefined;
    for (let run = 0; run < 2; run += 1) expect(await scene.heal(), when).toBe(0);
    const old = (await scene.keys()).find(({ accessKeyId }) => accessKeyId === scene.old.accessKeyId);
    // A run that died before it switched the old key off leaves what looks like a key that a person brought back: that has hours.
    const needsHours = oldKey === "Inactive" && old?.status === "Active";
    await expectHealed(scene, when, needsHours ? "Active" : oldKey);
    if (!needsHours) await scene.proxy.stop();
    return { created: scene.created(), later: needsHours ? { scene, when } : null };
  }

  /** AWS's clock, in seconds after the real one. */
  let ahead = 0;

  const table: string[] = [];
  afterAll(() => {
    if (SCOPE !== "tests") process.stdout.write(`\n${table.join("\n")}\n`);
  });

  /** A test of each case of this scope with one of these disturbances. */
  function healsEach(...disturbances: readonly Disturbance[]): void {
    it.each(CASES.filter(({ disturbance }) => disturbances.includes(disturbance)))(
      "is healed by two runs where any API call $disturbance, with $kind under $preset",
      { timeout: 300_000 },
      async (each) => {
        const { kind, preset, disturbance } = each;
        const name = `${kind}-${preset}-${Object.keys(DISTURBANCES).indexOf(disturbance)}`;
        const undisturbed = await scenario(kind, `${name}-0`, preset);
        expect((await undisturbed.run()).code).toBe(0);
        const calls = undisturbed.proxy.calls.length;
        expect(calls).toBeGreaterThan(10);
        const oldKey = (await undisturbed.keys()).find(
          ({ accessKeyId }) => accessKeyId === undisturbed.old.accessKeyId,
        );
        await undisturbed.proxy.stop();
        const played: Awaited<ReturnType<typeof play>>[] = [];
        await abreast(calls, async (index) => {
          played.push(await play(each, name, index + 1, oldKey?.status ?? "gone"));
        });
        const unfinished = played.flatMap(({ later }) => later ?? []);
        expect(unfinished.length).toBeLessThan(calls / 4);
        if (unfinished.length > 0) await moto.shift((ahead += 5 * 3600));
        for (const { scene, when } of unfinished) {
          expect(await scene.heal(), when).toBe(0);
          await expectHealed(scene, `${when}, five hours later`, "Inactive");
          await scene.proxy.stop();
        }
        const extra = played.map(({ created }) => created - 1);
        const most = Math.max(...extra);
        table.push(
          `${kind.padEnd(15)} ${preset.padEnd(16)} ${disturbance.padEnd(36)} ${calls} calls, all healed; extra keys made: ${most} at the most`,
        );
      },
    );
  }

  return { scenario, expectHealed, healsEach };
}

/** Does so many pieces of work, several side by side. */
export async function abreast(count: number, work: (index: number) => Promise<void>): Promise<void> {
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
