import { constants, type Stats } from "node:fs";
import { copyFile, type FileHandle, lstat, open, rename, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { basename, dirname, join } from "node:path";
import type { Instant } from "../core/time.ts";

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
 */
export async function replaceFile(
  path: string,
  text: string,
  like: FileOwnership | null,
  modified: Instant | null = null,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path).slice(0, 80)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    const file = await open(
      temporary,
      constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0),
      0o600,
    );
    try {
      await file.writeFile(text);
      if (like !== null) await takeOver(file, like);
      if (modified !== null) await file.utimes(modified / 1000, modified / 1000);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

async function takeOver(file: FileHandle, { mode, uid, gid }: FileOwnership): Promise<void> {
  const now = await file.stat();
  if (now.uid !== uid || now.gid !== gid) await file.chown(uid, gid);
  await file.chmod(mode & 0o777);
}

/** Keeps a copy of a file beside it, as a whole and no wider than the original. */
export async function keepCopy(path: string, copy: string, like: FileOwnership): Promise<void> {
  const temporary = `${copy}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await (await open(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)).close();
    await copyFile(path, temporary);
    const file = await open(temporary, "r+");
    try {
      await takeOver(file, like);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, copy);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A rename is on disk only once its folder is. Windows cannot open a folder, and does not need to. */
async function syncFolder(folder: string): Promise<void> {
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
