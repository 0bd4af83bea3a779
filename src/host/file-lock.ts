import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { open, readdir, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { CallError } from "../ports.ts";
import { lookAt } from "./atomic-file.ts";

/*
 * Node has no lock that the kernel takes back when a process dies, and the usual substitute, one lock file that is removed
 * when it looks stale, lets two processes in: what one of them judged stale may be another's fresh lock by the time it is
 * removed. Here nobody ever removes a file that might be somebody else's lock. Each contender has a file with a name of its
 * own, and whoever has put its file down and then sees no other living one has the lock: of two, at least the later sees the
 * earlier. What a dead process left is told by its name, and never used again, so anybody may take it away at any time.
 */

/** Whoever has had the lock for longer gives up; a change of a file takes milliseconds. */
const LONGEST_HOLD_MS = 10_000;
/** A lock file that is older was abandoned, whoever left it. */
const ABANDONED_MS = 20_000;
/** Longer than a lock can be abandoned for, and shorter than any call may take. */
const LONGEST_WAIT_MS = 25_000;

/** The lock as its holder sees it. */
export interface FileLock {
  /** Throws `CallError` where the lock was held for so long that others may take it for abandoned. Ask before what must not be done twice. */
  readonly mustBeHeld: () => void;
}

/** Users of this process who wait for the same file: they need not look at the disk for each other. */
const queues = new Map<string, Promise<unknown>>();

/**
 * Does this work on a file while no other keyturn, in this process or another one on any host that sees the folder, does work
 * on it. Throws `CallError` where others keep it for longer than 25 seconds.
 */
export async function withFileLock<T>(path: string, work: (lock: FileLock) => Promise<T>): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve();
  const mine = before.then(() => lockAndWork(path, work));
  const settled = mine.catch(() => undefined);
  queues.set(path, settled);
  try {
    return await mine;
  } finally {
    if (queues.get(path) === settled) queues.delete(path);
  }
}

async function lockAndWork<T>(path: string, work: (lock: FileLock) => Promise<T>): Promise<T> {
  const contender = new Contender(path);
  const since = await contender.acquire();
  try {
    return await work({
      mustBeHeld: () => {
        if (performance.now() - since > LONGEST_HOLD_MS)
          throw new CallError("refused", "lock", path, "LockLost", "the disk was too slow for the lock to be kept");
      },
    });
  } finally {
    await contender.release();
  }
}

class Contender {
  readonly #path: string;
  readonly #prefix: string;
  /** Earlier ones go first. */
  readonly #name: string;

  constructor(path: string) {
    this.#path = path;
    this.#prefix = `.${basename(path).slice(0, 50)}.`;
    const arrived = Date.now().toString(36).padStart(9, "0");
    this.#name = `${this.#prefix}${arrived}-${randomBytes(4).toString("hex")}-${PLACE}-${process.pid}.lock`;
  }

  /** Resolves with the moment (monotonic) since which the lock is held. */
  async acquire(): Promise<number> {
    const began = performance.now();
    for (;;) {
      const since = performance.now();
      await this.#putDown();
      const rivals = await this.#rivals(since);
      if (rivals.length === 0) return since;
      // The first in line keeps its file, so that the others see it and step back; it never passes one that is inside.
      if (rivals.some((name) => name < this.#name)) await this.release();
      if (performance.now() - began > LONGEST_WAIT_MS) {
        await this.release();
        throw new CallError(
          "refused",
          "lock",
          this.#path,
          "Locked",
          "other processes are writing to the file all the time",
        );
      }
      await wait(10 + Math.random() * 30);
    }
  }

  release(): Promise<void> {
    return rm(join(dirname(this.#path), this.#name), { force: true });
  }

  /** Anew each time: what counts as abandoned is told by the age of the file. */
  async #putDown(): Promise<void> {
    await this.release();
    await (await open(join(dirname(this.#path), this.#name), "wx", 0o600)).close();
  }

  /** Files of other contenders that may be alive; those of dead ones are removed. `since` = when ours was put down. */
  async #rivals(since: number): Promise<readonly string[]> {
    const folder = dirname(this.#path);
    const rivals: string[] = [];
    for (const name of await readdir(folder)) {
      const [, place, pid] =
        /^[0-9a-z]{9}-[0-9a-f]{8}-([0-9a-f]{8})-(\d+)\.lock$/.exec(name.slice(this.#prefix.length)) ?? [];
      if (place === undefined || pid === undefined || !name.startsWith(this.#prefix) || name === this.#name) continue;
      const dead = (place === PLACE && !isRunning(Number(pid))) || (await this.#isAbandoned(join(folder, name), since));
      // It does not count any more, whether or not this process may remove it.
      if (dead) await rm(join(folder, name), { force: true }).catch(() => undefined);
      else rivals.push(name);
    }
    return rivals;
  }

  /** Both dates are the disk's own: hosts that share it need not agree about the time. */
  async #isAbandoned(path: string, since: number): Promise<boolean> {
    const [theirs, ours] = [await lookAt(path), await lookAt(join(dirname(this.#path), this.#name))];
    if (theirs === null || ours === null) return false;
    return ours.mtimeMs + (performance.now() - since) - theirs.mtimeMs > ABANDONED_MS;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/** Where a process id means the same process: this boot of this kernel and this name space of processes. */
const PLACE = createHash("sha256")
  .update([hostname(), textOf("/proc/sys/kernel/random/boot_id"), linkOf("/proc/self/ns/pid")].join(" "))
  .digest("hex")
  .slice(0, 8);

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
