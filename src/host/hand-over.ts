import type { Secret } from "../core/secret.ts";
import { CallError } from "../ports.ts";
import { WriteFailed } from "./write-all.ts";

/**
 * Writes a text that carries secrets to where somebody reads it at once. A failure is `refused` only where nobody can have
 * got hold of a whole secret; a line of which the secret has left may have been read, so that is `unknown`.
 * `where` such as `stdout`. Throws {@link CallError}, never the writer's own error: that may hold the text.
 */
export async function handOver(
  write: (text: string) => Promise<void>,
  text: string,
  secrets: readonly Secret[],
  where: string,
): Promise<void> {
  try {
    await write(text);
  } catch (error) {
    if (!(error instanceof WriteFailed))
      throw new CallError("unknown", "write", where, codeOf(error), "it is not known how much was written");
    const left = Buffer.from(text, "utf8").subarray(0, error.written).toString("utf8");
    const isOut = secrets.some((secret) => left.includes(secret.reveal()));
    if (isOut) throw new CallError("unknown", "write", where, error.code, "the secret had left when writing failed");
    throw new CallError("refused", "write", where, error.code, "it is closed or full");
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "Error";
