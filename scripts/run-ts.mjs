// Runs a TypeScript file of this repository: node scripts/run-ts.mjs bench/main.ts
// Node 20 cannot by itself, and the tests bring the tool for it anyway.
import { runnerImport } from "vite";

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("which file?");
process.argv.splice(1, 2, file);
await runnerImport(new URL(`../${file}`, import.meta.url).pathname, { configFile: false });
