import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Liveness } from "../ports.ts";

const DAY_MS = 86_400_000;

/**
 * Proof of death by a local socket: each process that rotates listens on one, named after its runner, and leaves a file that
 * says so. The kernel stops listening when the process ends, however it ends. So a runner with a file whose socket nobody
 * answers at is dead; without a file nothing is proved (it may have run elsewhere). The folder is named after this boot of this
 * kernel, so that a shared disk does not make another machine's runner look dead.
 */
export function openRunnerLock(): Liveness {
  const runner = randomText(10);
  const folder = privateFolder();
  let listening = false;
  return {
    nonce: () => {
      if (!listening && folder !== null) {
        listening = true;
        sweep(folder);
        listen(folder, runner);
      }
      return `${runner}_${randomText(6)}`;
    },
    isDead: async (nonce) => {
      const owner = /^([a-z0-9]{10})_/.exec(nonce)?.[1];
      if (folder === null || owner === undefined || owner === runner) return false;
      return existsSync(join(folder, owner)) && refuses(join(folder, `${owner}.sock`));
    },
  };
}

function listen(folder: string, runner: string): void {
  const server = createServer((socket) => socket.destroy());
  // Without socket and file nobody can prove this runner dead: they wait out the lease.
  server.on("error", () => undefined);
  server.listen(join(folder, `${runner}.sock`), () => writeFileSync(join(folder, runner), "")).unref();
}

const randomText = (length: number): string =>
  [...randomBytes(length)].map((byte) => (byte % 36).toString(36)).join("");

/** Null where no folder can be trusted to be this user's alone. */
function privateFolder(): string | null {
  if (process.platform === "win32") return null;
  const uid = process.geteuid?.() ?? 0;
  const folder = join(tmpdir(), `keyturn-${uid}-${bootId()}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    return found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0 ? folder : null;
  } catch {
    return null;
  }
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8);
  } catch {
    return "local";
  }
}

/** True only where nobody can be listening: the socket is gone, or nobody accepts at it. */
function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (dead: boolean) => {
      socket.destroy();
      resolve(dead);
    };
    socket.setTimeout(2_000, () => answer(false));
    socket.once("connect", () => answer(false));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      answer(error.code === "ECONNREFUSED" || error.code === "ENOENT"),
    );
  });
}

/** Files of runners that died long ago prove nothing that anybody still asks. */
function sweep(folder: string): void {
  try {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (Date.now() - lstatSync(path).mtimeMs > DAY_MS) rmSync(path, { force: true });
    }
  } catch {
    // Another process sweeps at the same time.
  }
}
