import { lstatSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { Config } from "../config/load.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Io } from "./io.ts";

/** What is looked for in the working folder. */
const USUAL = ["keyturn.yaml", "keyturn.yml"];

/**
 * The configuration that `--config` names, or `KEYTURN_CONFIG`, or the one in the working folder, of which it is said that it
 * holds; null where there is none. Throws {@link InvalidInput}.
 */
export async function findConfig(io: Pick<Io, "err">, wanted: string | undefined): Promise<Config | null> {
  const named = wanted ?? process.env["KEYTURN_CONFIG"];
  if (named === "none") return null;
  if (named !== undefined && named !== "") return loadConfig(named);
  const usual = USUAL.find(isThere);
  if (usual === undefined) return null;
  await checkOwn(usual);
  io.err(`config: ${usual} (--config none leaves it out)`);
  return loadConfig(usual);
}

/** Also where it cannot be read, or is a link to nowhere: nobody's exemptions are to be passed over in silence. */
function isThere(name: string): boolean {
  try {
    lstatSync(name);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

/** A file that lies about in a shared folder is not taken for one's own. */
async function checkOwn(name: string): Promise<void> {
  const owner = await stat(name).then(
    ({ uid }) => uid,
    () => null,
  );
  const me = process.getuid?.();
  if (owner === null || me === undefined || owner === me || owner === 0) return;
  throw new InvalidInput(
    `${name} in this folder belongs to another user, and says where secrets go`,
    `name it, where it is meant: --config ${name}; or leave it out: --config none`,
  );
}

/** Reads one file. Throws {@link InvalidInput}. YAML and schema are loaded only where there is a file to read. */
export async function loadConfig(file: string): Promise<Config> {
  try {
    const { mode } = await stat(file);
    if (process.platform !== "win32" && (mode & 0o002) !== 0)
      throw new InvalidInput(`${file} can be written by everybody, and says where secrets go`, `chmod o-w ${file}`);
    const { readConfig } = await import("../config/load.ts");
    return readConfig(await readFile(file, "utf8"), file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new InvalidInput(
      `the configuration ${file} cannot be read (${String(error.code)})`,
      "name another with --config, or none",
    );
  }
}
