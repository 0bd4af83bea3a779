import { readFile, stat } from "node:fs/promises";
import { InvalidInput } from "../core/invalid-input.ts";
import { EXIT, Exit } from "./exit.ts";

/** Keys, mails and lists of tags are shorter. */
const LARGEST = 1_000_000;

/** A file that somebody named, as text. Throws {@link InvalidInput}. */
export async function readInput(file: string): Promise<string> {
  try {
    const found = await stat(file);
    if (found.isFile() && found.size > LARGEST) throw new InvalidInput(`${file} is larger than it can be (1 MB)`);
    return await readFile(file, "utf8");
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw new InvalidInput(
      `${file} cannot be read (${String(error.code)})`,
      "name a file that exists, and is yours to read",
    );
  }
}

/** All that comes on standard input, as text. `largest` in bytes. Throws {@link Exit}. */
export async function readStandardInput(largest = LARGEST): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Without an encoding, a stream gives buffers.
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largest) throw new Exit(EXIT.usage, "standard input holds more than it can: nothing was changed");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
