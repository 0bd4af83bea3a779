import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadSharedConfigFiles } from "@smithy/core/config";
import { temporaryFolder } from "./cli.ts";

/** A credentials file as one of AWS's tools reads it: values by name in lower case, by section. Null = the tool refuses the file. */
export type Read = Readonly<Record<string, Readonly<Record<string, string>>>> | null;

const PYTHON = `
import json, sys
from botocore.configloader import raw_config_parse
from botocore.exceptions import ConfigParseError
def read(path):
    try:
        return raw_config_parse(path)
    except ConfigParseError:
        return None
print(json.dumps([read(path) for path in json.load(sys.stdin)]))
`;

/** Why nothing is asked of the CLI's own reader; null where it is there. */
export const botocoreMissing: string | null =
  spawnSync("python3", ["-c", "import botocore"], { timeout: 60_000 }).status === 0 ? null : "SKIPPED: no botocore";

/** What the AWS CLI makes of these files: its own reader, in one process for all. */
export function asTheCliReads(texts: readonly string[]): readonly Read[] {
  const folder = temporaryFolder();
  const paths = texts.map((text, index) => {
    const path = join(folder, String(index));
    writeFileSync(path, text);
    return path;
  });
  const { stdout, stderr } = spawnSync("python3", ["-c", PYTHON], {
    input: JSON.stringify(paths),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Read[];
}

/** What the AWS SDK for JavaScript makes of a file. */
export async function asTheSdkReads(text: string): Promise<Read> {
  const filepath = join(temporaryFolder(), "credentials");
  writeFileSync(filepath, text);
  const { credentialsFile } = await loadSharedConfigFiles({ filepath, configFilepath: "/dev/null", ignoreCache: true });
  const sections = Object.entries(credentialsFile).map(([name, values]) => [
    name,
    Object.fromEntries(Object.entries(values).map(([key, value]) => [key.toLowerCase(), value ?? ""])),
  ]);
  return Object.fromEntries(sections) as Read;
}
