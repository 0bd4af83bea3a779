import { constants, type Stats } from "node:fs";
import { access, readFile, readlink, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { InvalidInput } from "../core/invalid-input.ts";
import { literalPrefix } from "../core/target.ts";
import { CallError } from "../ports.ts";
import { isErrno, lookAt } from "./atomic-file.ts";

/*
 * What must be true of a file that holds secrets before keyturn reads or replaces it. Every destination that is a file asks
 * here, so that all of them refuse the same things in the same words.
 */

/** What stays as it is in a path segment; everything else is escaped. No separator of any system, nothing that a shell expands. */
export const PATH_ALPHABET = /[A-Za-z0-9_.+=,@-]/;

/** Bytes in the name of a file. */
export const LONGEST_NAME = 255;

/** A leading `~/` is the home folder. */
export const expandHome = (path: string): string => path.replace(/^~(?=\/)/, () => homedir());

/** Wider permissions than these are refused: owner and group, and no execution. */
const WIDEST = 0o640;

/** A file that somebody named, and how it may be reached. */
export interface Place {
  /** Begins every message. */
  readonly label: string;
  /** The path as it was asked for, made absolute. */
  readonly asked: string;
  /** What was typed, with its placeholders: below its literal part no symbolic link is followed. */
  readonly template: string;
  readonly followSymlinks: boolean;
}

/** The path that is read and replaced: where a symbolic link leads to, if links are followed. */
export const pathOf = ({ asked, followSymlinks }: Place): Promise<string> =>
  followSymlinks ? realpath(asked).catch(() => asked) : Promise.resolve(asked);

/** The folder as it must be for a file in it to be replaced safely. Throws {@link InvalidInput} with the command that helps. */
export async function checkFolder({ template, followSymlinks, label }: Place, folder: string): Promise<void> {
  let found: Stats;
  try {
    found = await stat(folder);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new InvalidInput(`${label}: the folder ${folder} does not exist`, `mkdir -p -m 700 ${folder}`);
  }
  if (!found.isDirectory()) throw new InvalidInput(`${label}: ${folder} is not a folder`);
  if ((found.mode & 0o1002) === 0o002)
    throw new InvalidInput(`${label}: everybody may rename files in ${folder}`, `chmod o-w ${folder}`);
  if (!(await allows(folder, constants.W_OK | constants.X_OK)))
    throw new InvalidInput(`${label}: the folder ${folder} is not writable for this process`);
  if (!(await allows(folder, constants.R_OK)))
    throw new InvalidInput(`${label}: the folder ${folder} is not readable for this process, which has to sync it`);
  const prefix = resolve(dirname(`${literalPrefix(template)}x`));
  const below = relative(prefix, folder);
  const isBelow = below !== "" && !below.startsWith("..");
  if (!followSymlinks && isBelow && (await realpath(folder)) !== join(await realpath(prefix), below)) {
    throw new InvalidInput(
      `${label}: there is a symbolic link on the way below ${prefix}`,
      "remove it, or add ?followSymlinks=yes",
    );
  }
}

const allows = (path: string, what: number): Promise<boolean> =>
  access(path, what).then(
    () => true,
    () => false,
  );

/** The file as it is, if there is one, and if keyturn will touch such a file at all. Throws {@link InvalidInput}. */
export async function checkFile({ label, followSymlinks }: Place, path: string): Promise<Stats | null> {
  const found = await lookAt(path);
  if (found === null) return null;
  if (found.isSymbolicLink()) {
    const target = resolve(dirname(path), await readlink(path));
    throw new InvalidInput(
      `${label}: ${path} is a symbolic link`,
      followSymlinks ? "it leads nowhere" : `name the file itself, ${target}, or add ?followSymlinks=yes`,
    );
  }
  if (!found.isFile()) throw new InvalidInput(`${label}: ${path} is not a file`);
  const mode = found.mode & 0o777;
  if (process.platform !== "win32" && (mode & ~WIDEST) !== 0) {
    const whose = (mode & 0o004) === 0 ? `has mode ${mode.toString(8).padStart(4, "0")}` : "can be read by everybody";
    throw new InvalidInput(`${label}: ${path} ${whose}`, `chmod 600 ${path}`);
  }
  return found;
}

/** A file that is replaced keeps its owner and group, or is not touched. Throws {@link InvalidInput}. */
export function checkOwner({ label }: Place, found: Stats, path: string): void {
  const me = process.geteuid?.();
  if (me === undefined || me === 0) return;
  if (found.uid !== me)
    throw new InvalidInput(
      `${label}: ${path} belongs to another user (uid ${found.uid})`,
      "run keyturn as that user, or name another file",
    );
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  if (!groups.includes(found.gid))
    throw new InvalidInput(`${label}: ${path} belongs to a group that this process is not in (gid ${found.gid})`);
}

/** The text of a file, null where there is none. Throws {@link InvalidInput} where it cannot be read, or is not UTF-8. */
export const readText = async (path: string, label: string): Promise<string | null> =>
  decode(await readBytes(path, label), path, label);

/** As {@link readText}, before it is known to be text. */
export async function readBytes(path: string, label: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    if (isErrno(error, "EACCES")) throw new InvalidInput(`${label}: ${path} cannot be read by this process`);
    throw error;
  }
}

/** UTF-8 or nothing: bytes that are not understood could not be written back as they were. A byte order mark stays in the text. */
export function decode(bytes: Buffer | null, path: string, label: string): string | null {
  if (bytes === null) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InvalidInput(
      `${label}: ${path} holds text that is not UTF-8`,
      "keyturn could not keep what else is in it: convert it, or name another file",
    );
  }
}

/** Errors of the file system as errors of a call: with their code, and without what was written. */
export async function filesystem<T>(label: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InvalidInput || error instanceof CallError) throw error;
    if (!(error instanceof Error && "code" in error && typeof error.code === "string")) throw error;
    throw new CallError("refused", "write", label, error.code, `the file system answered ${error.code}`);
  }
}
