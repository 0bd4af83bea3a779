import type { KeyPair } from "../../core/access-key.ts";
import { type Fields, fillFields } from "../../documents/fields.ts";
import type { SecretStream } from "../hand-out.ts";
import type { Head, Result, Rotation, Tail } from "./results.ts";

const SECRET: Fields = { names: new Map([["new_secret_key", "secretAccessKey"]]), sesRegion: null };

/**
 * The script's JSON document, to the byte as Python prints it, except that it grows: each entry of `rotated_keys` leaves this
 * process before that user's old key is touched. What comes after them in the script's order is written at the end.
 */
export class JsonResult implements Result {
  readonly #stream: SecretStream;
  #entries = 0;

  constructor(stream: SecretStream) {
    this.#stream = stream;
  }

  check = (): Promise<void> => this.#stream.check();

  /** Writes the beginning: where nobody listens, that is found out before any key is made. */
  open(head: Head): Promise<void> {
    const beginning = python(head).slice(0, -"\n}".length);
    return this.#stream.append(`${beginning},\n  "rotated_keys": [`);
  }

  /** Adds an entry, with the secret of the new key where there is one. Resolves when it has left. */
  add(rotation: Rotation, pair: KeyPair | null): Promise<void> {
    const secret = pair === null ? {} : Object.fromEntries(fillFields(SECRET, rotation.username, pair));
    const entry = indented(python({ ...rotation, ...secret }), 4);
    const text = `${this.#entries === 0 ? "\n" : ",\n"}${entry}`;
    this.#entries += 1;
    return this.#stream.append(text, pair === null ? [] : [pair.secretAccessKey]);
  }

  /** Writes the rest. From then on the document is whole. */
  close({ cleanup_results, errors, summary }: Tail): Promise<void> {
    const rest = python({ cleanup_results, errors, summary: summary ?? {} }).slice("{".length);
    return this.#stream.append(`${this.#entries === 0 ? "" : "\n  "}],${rest}\n`);
  }
}

/** As Python's `json.dumps(value, indent=2)`: nothing but ASCII, so that a terminal or a log cannot be written to by a name. */
const python = (value: object): string =>
  JSON.stringify(value, null, 2).replaceAll(
    /[\u007F-\uFFFF]/g,
    (character) => String.raw`\u` + character.charCodeAt(0).toString(16).padStart(4, "0"),
  );

const indented = (text: string, columns: number): string => text.replaceAll(/^/gm, " ".repeat(columns));
