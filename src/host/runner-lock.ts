import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Liveness } from "../ports.ts";

const DAY_MS = 86_400_000;

/**
 * Proof of death by a local socket: each process that rotates listens on one, named after its runner, and the kernel stops
 * listening when the process dies, however it dies. A socket file that nobody answers to is a dead runner; no file at all
 * proves nothing (it may have run elsewhere). The folder is named after this boot of this kernel, so that a shared disk does
 * not make another machine's socket look dead.
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
        listen(join(folder, `${runner}.sock`));
      }
      return `${runner}_${randomText(6)}`;
    },
    isDead: async (nonce) => {
      const owner = /^([a-z0-9]{10})_/.exec(nonce)?.[1];
      if (folder === null || owner === undefined || owner === runner) return false;
      return refuses(join(folder, `${owner}.sock`));
    },
  };
}

function listen(path: string): void {
  const server = createServer((socket) => socket.destroy());
  server.on("error", () => undefined); // without a socket nobody can prove this runner dead: they wait out the lease
  server.listen(path).unref();
  process.once("exit", () => rmSync(path, { force: true }));
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

/** True only where there is a socket and nobody listens on it. */
function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (dead: boolean) => {
      socket.destroy();
      resolve(dead);
    };
    socket.setTimeout(2_000, () => answer(false));
    socket.once("connect", () => answer(false));
    socket.once("error", (error: NodeJS.ErrnoException) => answer(error.code === "ECONNREFUSED"));
  });
}

/** Sockets of runners that died long ago prove nothing that anybody still asks. */
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
