// Removes the folders named on the command line. In place of rm -rf, so that the build runs on Windows too.
import { rmSync } from "node:fs";

for (const folder of process.argv.slice(2)) rmSync(folder, { recursive: true, force: true });
