import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "rolldown";
import { temporaryFolder } from "./cli.ts";

/** As Lambda calls a function. */
export type Handler = (event: unknown, context: { getRemainingTimeInMillis(): number }) => Promise<unknown>;

/** A function of `src/lambda` in one file with all that it needs, as it is deployed, loaded into this process. */
export async function bundledHandler(name: string): Promise<Handler> {
  const file = join(temporaryFolder(), "index.mjs");
  await build({
    input: fileURLToPath(new URL(`../../src/lambda/${name}.ts`, import.meta.url)),
    platform: "node",
    resolve: { mainFields: ["module", "main"] },
    output: { file, format: "esm", codeSplitting: false },
    logLevel: "silent",
  });
  const loaded: unknown = await import(pathToFileURL(file).href);
  if (typeof loaded !== "object" || loaded === null || !("handler" in loaded) || typeof loaded.handler !== "function")
    throw new Error(`${name} has no handler`);
  return loaded.handler as Handler; // just looked at
}
