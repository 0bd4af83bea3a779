import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Why this process could not append to the file; null where it could, as far as can be told without touching it. A file that is
 * missing may be made in its folder, and where `makesFolders`, below the nearest folder that exists.
 */
export async function whatPreventsWriting(file: string, makesFolders: boolean): Promise<string | null> {
  const place = resolve(file);
  const found = await kindOf(place);
  if (found === "folder") return "it is a folder";
  if (found !== null) return mayUse(place, constants.W_OK);
  let folder = dirname(place);
  for (let kind = await kindOf(folder); kind !== "folder"; kind = await kindOf(folder)) {
    if (kind !== null) return `${folder} is not a folder`;
    if (!makesFolders) return `there is no folder ${folder}`;
    folder = dirname(folder);
  }
  return mayUse(folder, constants.W_OK | constants.X_OK);
}

const kindOf = (place: string): Promise<"folder" | "file" | null> =>
  stat(place).then(
    (found) => (found.isDirectory() ? "folder" : "file"),
    () => null,
  );

const mayUse = (place: string, how: number): Promise<string | null> =>
  access(place, how).then(
    () => null,
    (error: NodeJS.ErrnoException) => `${place} is not writable for this process (${error.code ?? "Error"})`,
  );
