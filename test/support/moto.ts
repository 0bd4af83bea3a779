import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const LAUNCHER = fileURLToPath(new URL("./moto_launcher.py", import.meta.url));

export interface SeededKey {
  readonly userName: string;
  readonly accessKeyId: string;
  readonly status: string;
  readonly createDate: string;
  readonly lastUse: { readonly at: string; readonly service: string } | null;
  readonly secretAccessKey: string;
}

export interface UserSeed {
  readonly name: string;
  readonly path?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly password?: boolean;
  /** Of the user; it is never younger than its keys. */
  readonly ageDays?: number;
  readonly keys?: readonly {
    readonly ageDays: number;
    readonly status?: string;
    readonly usedDaysAgo?: number | null;
    readonly service?: string;
  }[];
}

export interface SesMail {
  readonly from: string;
  readonly to: Readonly<Record<string, readonly string[]>>;
  readonly subject: string;
  readonly body: string;
}

/** A running emulator of AWS. */
export interface Moto {
  readonly url: string;
  /** In the account of the runner, or in another one. */
  seed(users: readonly UserSeed[], account?: string): Promise<readonly SeededKey[]>;
  keys(): Promise<readonly Omit<SeededKey, "secretAccessKey">[]>;
  /** The mails that SES took; of the body it keeps one part. */
  mails(): Promise<readonly SesMail[]>;
  /** A consumer signs with this key now. False = refused. */
  use(accessKeyId: string, options?: { service?: string; secretAccessKey?: string }): Promise<boolean>;
  setStatus(accessKeyId: string, status: string): Promise<void>;
  /** From now on the key is that old, by AWS's clock. */
  setAge(accessKeyId: string, ageDays: number): Promise<void>;
  /** Shifts AWS's clock to this long after the real one. */
  shift(seconds: number): Promise<void>;
  pageSize(size: number): Promise<void>;
  /** `RotateSecret` calls this address with the event of each step, and begins anew after a failure, so many times in all. */
  bridge(url: string, tries: number): Promise<void>;
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const python = ["python3", "python"].find(
  (each) => spawnSync(each, ["-c", "import moto.server, flask"], { timeout: 60_000 }).status === 0,
);

/** Why the tests that need the emulator are skipped; null where they run. `MOTO_REQUIRED=1` makes a skip a failure. */
export const motoMissing: string | null = python === undefined ? "SKIPPED: no Python with moto[server]" : null;
if (motoMissing !== null && process.env["MOTO_REQUIRED"] === "1")
  throw new Error(`MOTO_REQUIRED=1, but ${motoMissing}`);

/** Starts the emulator on a free port of the loopback interface. It dies with this process. */
export async function startMoto(): Promise<Moto> {
  const child = spawn(python ?? "python3", [LAUNCHER], { stdio: ["pipe", "pipe", "pipe"] });
  let complaints = "";
  child.stderr.on("data", (data: Buffer) => {
    complaints = `${complaints}${data.toString()}`.slice(-5000);
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const { url } = await new Promise<{ url: string }>((resolve, reject) => {
    let text = "";
    child.stdout.on("data", (data: Buffer) => {
      text += data.toString();
      if (text.includes("\n")) resolve(JSON.parse(text) as { url: string });
    });
    child.once("exit", (code) => reject(new Error(`moto ended with ${code}: ${complaints}`)));
  });
  const post = async <T>(route: string, body: unknown = {}): Promise<T> => {
    const response = await fetch(`${url}/__test/${route}`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${route}: ${await response.text()}`);
    return (await response.json()) as T;
  };
  return {
    url,
    seed: async (users, account) => (await post<{ keys: SeededKey[] }>("seed", { users, account })).keys,
    keys: async () => (await post<{ keys: SeededKey[] }>("keys")).keys,
    mails: async () => (await post<{ mails: SesMail[] }>("mails")).mails,
    use: async (accessKeyId, options = {}) => (await post<{ ok: boolean }>("use", { accessKeyId, ...options })).ok,
    setStatus: async (accessKeyId, status) => post("key", { accessKeyId, status }),
    setAge: async (accessKeyId, ageDays) => post("key", { accessKeyId, ageDays }),
    shift: async (offsetSeconds) => post("clock", { offsetSeconds }),
    pageSize: async (size) => post("page-size", { size }),
    bridge: async (address, tries) => post("bridge", { url: address, tries }),
    reset: async () => post("reset"),
    stop: async () => {
      child.stdin.end();
      child.kill("SIGTERM");
      await exited;
    },
  };
}
