import type { KeyPair, User } from "../core/access-key.ts";
import type { Secret } from "../core/secret.ts";
import type { Parts } from "../compose.ts";
import { handOver } from "../host/hand-over.ts";
import { isDiscarded } from "../host/null-device.ts";
import { writeAll } from "../host/write-all.ts";
import { CallError, type Destination } from "../ports.ts";

/** The world outside as a drop-in sees it. */
export interface DropInIo {
  /** Results, and nothing else; resolves when the operating system has them. Throws `WriteFailed`. */
  readonly write: (text: string) => Promise<void>;
  /** Results reach nobody: standard output is the null device, or was closed from the start. */
  readonly isDiscarded: boolean;
  /** A line of everything that is not a result. */
  readonly err: (line: string) => void;
}

/** This process's own streams. */
export function processDropInIo(): DropInIo {
  // A reader of messages that goes away ends the messages, not the run.
  process.stderr.on("error", () => undefined);
  return {
    write: (text) => writeAll(1, text),
    isDiscarded: isDiscarded(1),
    err: (line) => void process.stderr.write(`${line}\n`),
  };
}

/**
 * A destination that hands each user's pair to `give`, which resolves when the pair has left this process (or is on disk), and
 * throws a {@link CallError} where it could not: `unknown` where somebody may have got it, any other kind where for certain
 * nobody has. Then the new key is deleted again. `check` throws where a pair would not be taken now.
 */
export const handOut = (
  label: string,
  check: Destination["check"],
  give: (user: User, pair: KeyPair) => Promise<void>,
): Parts["destinations"][number] => ({
  isStream: true,
  open: (user) => ({ label, check, deliver: (pair) => give(user, pair) }),
});

/**
 * A document that grows on a stream. Texts come out in the order of {@link SecretStream.append}, each as a whole; after one that
 * failed nothing more is written, for what stands there is not whole any more.
 */
export class SecretStream {
  readonly #write: DropInIo["write"];
  readonly #where: string;
  #last: Promise<void> = Promise.resolve();
  #broken: CallError | null = null;

  /** `where` such as `stdout`, for messages. */
  constructor(write: DropInIo["write"], where: string) {
    this.#write = write;
    this.#where = where;
  }

  /** Throws {@link CallError} where an earlier text could not be written. */
  check = async (): Promise<void> => {
    if (this.#broken !== null)
      throw new CallError("refused", "write", this.#where, this.#broken.code, "it is closed or full");
  };

  /** Resolves when the text has left this process. `secrets` = what it carries. Throws {@link CallError}, as `handOver` does. */
  append(text: string, secrets: readonly Secret[] = []): Promise<void> {
    const turn = this.#last.then(async () => {
      await this.check();
      try {
        await handOver(this.#write, text, secrets, this.#where);
      } catch (error) {
        if (error instanceof CallError) this.#broken = error;
        throw error;
      }
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
