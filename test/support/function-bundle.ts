import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { temporaryFolder } from "./cli.ts";

/** As Lambda calls a function. */
export type Handler = (event: unknown, context: { getRemainingTimeInMillis(): number }) => Promise<unknown>;

const PACK = fileURLToPath(new URL("../../scripts/package.mjs", import.meta.url));

/** Makes the packages of these functions as `npm run package` does. Answers with the folder that they are in. */
export function packFunctions(...names: readonly string[]): string {
  const folder = temporaryFolder();
  execFileSync(process.execPath, [PACK, folder, ...names]);
  return folder;
}

/** Unpacks a package, as Lambda does. The emulator, without which no function runs here, comes with a Python. */
export function unpackFunction(zip: string): string {
  const folder = temporaryFolder();
  execFileSync("python3", ["-m", "zipfile", "-e", zip, folder]);
  return join(folder, "index.mjs");
}

/** A function of its package, as it is deployed, loaded into this process. */
export async function packagedHandler(name: string): Promise<Handler> {
  const loaded: unknown = await import(
    /* @vite-ignore */ pathToFileURL(unpackFunction(join(packFunctions(name), `${name}.zip`))).href
  );
  if (typeof loaded !== "object" || loaded === null || !("handler" in loaded) || typeof loaded.handler !== "function")
    throw new Error(`${name} has no handler`);
  return loaded.handler as Handler; // just looked at
}
