import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import type { Instant } from "../core/time.ts";

/** After this long a temporary file is what a killed process left. */
const ABANDONED_MS = 3_600_000;

export interface FileOwnership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What a file is, without following a symbolic link; null where there is none. */
export async function lookAt(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/**
 * Replaces a file as a whole: readers see the old text or the new, never a part, and never under wider permissions than
 * `like` (0600 where it is null). When it resolves, the text would survive a power cut. `modified` sets the file's date.
 * `confirm` is asked at the last moment: where it throws, the old text stays.
 * A process that is killed on the way leaves its temporary file; a later replacement of the same file takes it away.
 */
export async function replaceFile(
  path: string,
  text: string,
  like: FileOwnership | null,
  modified: Instant | null = null,
  confirm: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    const file = await createPrivate(temporary);
    try {
      await file.writeFile(text);
      if (like !== null) await takeOver(file, like);
      if (modified !== null) await file.utimes(modified / 1000, modified / 1000);
      await file.sync();
    } finally {
      await file.close();
    }
    await confirm();
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
  await removeTemporaries(path, ABANDONED_MS).catch(() => undefined); // the new file is there, tidy or not
}

/** Writes a file that is not there yet, mode 0600; on disk when it resolves. Rejects with `EEXIST` where there is something. */
export async function createFile(path: string, text: string): Promise<void> {
  const file = await createPrivate(path);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
}

/** As much as any result is long. */
const PROBE_BYTES = 16_384;

/** Throws where {@link replaceFile} would: writes a temporary file beside `path`, and takes it away again. */
export async function checkReplaceable(path: string): Promise<void> {
  const temporary = temporaryOf(path);
  try {
    const file = await createPrivate(temporary);
    try {
      await file.writeFile(Buffer.alloc(PROBE_BYTES));
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(temporary, { force: true });
  }
}

const temporaryOf = (path: string): string =>
  join(dirname(path), `${temporaryPrefix(path)}${randomBytes(6).toString("hex")}.tmp`);

const createPrivate = (path: string): Promise<FileHandle> =>
  open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0), 0o600);

/** Short enough for any name, whatever its characters. */
const temporaryPrefix = (path: string): string => `.${basename(path).slice(0, 50)}.`;

/** Removes what killed processes left of `path`, where it is older than this (0: all of it): it may hold a secret. */
export async function removeTemporaries(path: string, olderThanMs: number): Promise<void> {
  const prefix = temporaryPrefix(path);
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix) || !/^[0-9a-f]{12}\.tmp$/.test(name.slice(prefix.length))) continue;
    const temporary = join(dirname(path), name);
    const found = await lookAt(temporary);
    const isOld = found !== null && (olderThanMs === 0 || Date.now() - found.mtimeMs > olderThanMs);
    if (isOld) await rm(temporary, { force: true });
  }
}

async function takeOver(file: FileHandle, { mode, uid, gid }: FileOwnership): Promise<void> {
  const now = await file.stat();
  if (now.uid !== uid || now.gid !== gid) await file.chown(uid, gid);
  await file.chmod(mode & 0o777);
}

/** A rename is on disk only once its folder is. Windows cannot open a folder, and does not need to. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const isErrno = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;
