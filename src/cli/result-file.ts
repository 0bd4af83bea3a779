import { dirname, resolve } from "node:path";
import { InvalidInput } from "../core/invalid-input.ts";
import { lookAt, replaceFile } from "../host/atomic-file.ts";

/** Writes a result as a whole, mode 0600 where the file is new. Throws {@link InvalidInput}. */
export async function writeResult(file: string, text: string): Promise<void> {
  const place = resolve(file);
  try {
    const found = await lookAt(place);
    if (found !== null && !found.isFile()) throw new InvalidInput(`${file} is not a file`);
    await replaceFile(place, `${text}\n`, found);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new InvalidInput(
      `${file} cannot be written (${String(error.code)})`,
      `does ${dirname(place)} exist, and is it yours?`,
    );
  }
}

/** Throws {@link InvalidInput} where {@link writeResult} would: found out before a run, not after it. */
export async function checkResultFile(file: string): Promise<void> {
  const folder = await lookAt(dirname(resolve(file))).catch(() => null);
  if (folder === null || !(folder.isDirectory() || folder.isSymbolicLink()))
    throw new InvalidInput(
      `${file} cannot be written: its folder does not exist`,
      `mkdir -p ${dirname(resolve(file))}`,
    );
  const found = await lookAt(resolve(file));
  if (found !== null && !found.isFile()) throw new InvalidInput(`${file} is not a file`);
}
