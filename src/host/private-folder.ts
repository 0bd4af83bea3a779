import { constants } from "node:fs";
import { access, chmod, mkdir, readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, resolve } from "node:path";
import { InvalidInput } from "../core/invalid-input.ts";
import { decodeSegment, encodeSegment } from "../core/target.ts";
import { CallError } from "../ports.ts";
import { isErrno, lookAt, syncFolder } from "./atomic-file.ts";

const ALPHABET = /[A-Za-z0-9_.+=,@-]/;

/** A user name as the name of a file. */
export const asFileName = (userName: string): string => encodeSegment(userName, ALPHABET);

/** Undoes {@link asFileName}; null for a name that it does not print. */
export const fromFileName = (name: string): string | null => decodeSegment(name, ALPHABET);

/** A folder as it was typed: `~` is the home of whoever runs this. */
export const resolveFolder = (name: string): string => resolve(name.replace(/^~(?=\/)/, homedir()));

/** Makes a folder that only its owner can enter, and that would survive a power cut. `what` = its name in messages. */
export async function makePrivate(folder: string, what: string): Promise<void> {
  const first = (await mkdir(folder, { recursive: true, mode: 0o700 })) ?? `${folder}/`;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
  const found = await lookAt(folder);
  if (found === null || !found.isDirectory()) throw new InvalidInput(`the ${what} ${folder} is not a folder`);
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0) await chmod(folder, 0o700);
  await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
}

/** The names in a folder, sorted; none where it is not there. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return []; // nothing there, or a file of somebody else's
    throw error;
  }
}

/** Does something with files; what the file system answers becomes a {@link CallError} of this action. */
export async function guarded<T>(action: string, label: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && "code" in error && typeof error.code === "string" && !(error instanceof CallError)) {
      throw new CallError("refused", action, label, error.code, `the file system answered ${error.code}`);
    }
    throw error;
  }
}
