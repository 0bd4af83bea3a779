import { access, constants, readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type AccessKeyId, isAccessKeyId, type KeyPair, type User } from "../../core/access-key.ts";
import { InvalidInput } from "../../core/invalid-input.ts";
import type { KeyReport } from "../../core/result.ts";
import { Secret } from "../../core/secret.ts";
import { checkReplaceable, isErrno, lookAt, replaceFile } from "../../host/atomic-file.ts";
import { withFileLock } from "../../host/file-lock.ts";
import { CallError } from "../../ports.ts";
import { type DropInIo, SecretStream } from "../hand-out.ts";
import { badOutfile } from "./command-line.ts";

/** Where the new keys go, user by user: `{"<user>": {"AccessKeyId": "…", "SecretAccessKey": "…"}}`, indented by 2. */
export interface Results {
  /** Such as `stdout`. */
  readonly label: string;
  /** Throws `CallError` where a key would not be taken now. */
  check(): Promise<void>;
  /** Called once, before anything is changed: throws `CallError` where nothing can be handed out. */
  begin(users: readonly User[]): Promise<void>;
  /** Resolves when the key has left this process, or is on disk. Throws `CallError`, see `handOut`. */
  give(user: User, pair: KeyPair): Promise<void>;
  /** Whether the key of this user was taken, or may have been. */
  hasGiven(user: User): boolean;
  /** A user of this run who got no new key. `keys` = those that it has, as far as they are known. */
  passOver(user: User, keys: readonly KeyReport[]): void;
  /** Completes the document, whatever became of the run. */
  end(): Promise<void>;
}

/** Throws `InvalidInput` where nobody would get the results: found out before any key is touched. */
export async function openResults(io: DropInIo, outfile: string | null): Promise<Results> {
  if (outfile === null) {
    if (io.isDiscarded)
      throw new InvalidInput(
        "standard output is closed, or the null device: every new key would be lost",
        "redirect it to a file or a pipe, or name a file with -o",
      );
    return new StreamedResults(io);
  }
  const results = new FileResults(outfile);
  await results.checkName();
  return results;
}

/** Standard output: begun before the first user, so that a closed pipe is noticed before anything is changed. */
class StreamedResults implements Results {
  readonly label = "stdout";
  readonly check: () => Promise<void>;
  readonly #stream: SecretStream;
  readonly #given = new Set<string>();

  constructor({ write }: DropInIo) {
    this.#stream = new SecretStream(write, this.label);
    this.check = this.#stream.check;
  }

  begin(): Promise<void> {
    return this.#stream.append("{");
  }

  async give({ userName }: User, pair: KeyPair): Promise<void> {
    const before = this.#given.size === 0 ? "\n" : ",\n";
    await this.#stream.append(`${before}${entry(userName, pair)}`, [pair.secretAccessKey]);
    this.#given.add(userName);
  }

  hasGiven = ({ userName }: User): boolean => this.#given.has(userName);

  passOver(): void {}

  async end(): Promise<void> {
    await this.#stream.append(this.#given.size === 0 ? "}\n" : "\n}\n");
  }
}

/**
 * A file, replaced as a whole after each user, mode 0600. Users of this run whose entry in the file is of their newest Active key
 * keep it until they get another: their secret may be nowhere else. It is read again each time, for another run may have put a
 * key there meanwhile.
 */
class FileResults implements Results {
  readonly label: string;
  readonly #typed: string;
  readonly #place: string;
  #users: readonly User[] = [];
  /** What stood there before this run. */
  #former: ReadonlyMap<string, KeyPair> = new Map();
  /** Former keys that are not the newest of their user any more. */
  readonly #outdated = new Set<AccessKeyId>();
  readonly #given = new Map<string, KeyPair>();

  constructor(outfile: string) {
    this.label = `file ${outfile}`;
    this.#typed = outfile;
    this.#place = resolve(outfile);
  }

  async checkName(): Promise<void> {
    if (this.#typed.includes("\0")) throw badOutfile("a file name has no NUL");
    try {
      const found = await lookAt(this.#place);
      if (found?.isSymbolicLink() === true) throw badOutfile(`${this.#typed} is a symbolic link; name the file itself`);
      if (found !== null && !found.isFile()) throw badOutfile(`${this.#typed} is not a file`);
      // It is replaced by a rename, which asks nobody; but what stands in it may be the only place that has a secret.
      if (found !== null) await access(this.#place, constants.R_OK | constants.W_OK);
      await checkReplaceable(this.#place);
      await access(dirname(this.#place), constants.R_OK); // to lock the file, and to bring it to disk
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      throw badOutfile(
        `${this.#typed} cannot be written (${String(error.code)}); does ${dirname(this.#place)} exist, and is it yours?`,
      );
    }
  }

  check = async (): Promise<void> => {
    try {
      await checkReplaceable(this.#place);
    } catch (error) {
      throw new CallError("refused", "write", this.label, codeOf(error), "it cannot be written any more");
    }
  };

  async begin(users: readonly User[]): Promise<void> {
    this.#users = users;
    this.#former = entriesOf(await textOf(this.#place));
  }

  async give({ userName }: User, pair: KeyPair): Promise<void> {
    this.#given.set(userName, pair);
    try {
      await this.#write();
    } catch (error) {
      // A file that may have the key must not lose it when it is written for the next user.
      if (!(error instanceof CallError && error.kind === "unknown")) this.#given.delete(userName);
      throw error;
    }
  }

  hasGiven = ({ userName }: User): boolean => this.#given.has(userName);

  passOver({ userName }: User, keys: readonly KeyReport[]): void {
    const newest = keys.findLast((key) => key.status === "Active")?.accessKeyId;
    const former = this.#former.get(userName)?.accessKeyId;
    if (newest !== undefined && former !== undefined && former !== newest) this.#outdated.add(former);
  }

  async end(): Promise<void> {
    if (this.#given.size > 0) await this.#write();
  }

  async #write(): Promise<void> {
    let text: string | null = null;
    try {
      await withFileLock(this.#place, async ({ mustBeHeld }) => {
        const there = await textOf(this.#place);
        text = this.#text(entriesOf(there));
        if (text !== there) await replaceFile(this.#place, text, null, null, async () => mustBeHeld());
      });
    } catch (error) {
      const isThere = await textOf(this.#place).then(
        (there) => there === text,
        () => true,
      );
      // The file is replaced by a rename: either the old one stands there untouched, or the new one does.
      throw new CallError(isThere ? "unknown" : "refused", "write", this.label, codeOf(error), "it cannot be written");
    }
  }

  /** No newline at the end, as ever. */
  #text(there: ReadonlyMap<string, KeyPair>): string {
    const entries = this.#users.flatMap(({ userName }) => {
      const pair = this.#given.get(userName) ?? there.get(userName);
      return pair === undefined || this.#outdated.has(pair.accessKeyId) ? [] : [entry(userName, pair)];
    });
    return entries.length === 0 ? "{}" : `{\n${entries.join(",\n")}\n}`;
  }
}

/** What stands in a file; nothing where there is none. */
async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}

/** One user's lines of the document, without what stands around them. */
function entry(userName: string, { accessKeyId, secretAccessKey }: KeyPair): string {
  const keys = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey.reveal() };
  return JSON.stringify({ [userName]: keys }, null, 2).slice(2, -2);
}

/** The keys in a file that an earlier run wrote; none where it holds anything else, which is then overwritten, as ever. */
function entriesOf(text: string): ReadonlyMap<string, KeyPair> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return new Map();
  }
  if (typeof parsed !== "object" || parsed === null) return new Map();
  return new Map(
    Object.entries(parsed).flatMap(([userName, value]: [string, unknown]) => {
      const pair = pairFrom(value);
      return pair === null ? [] : [[userName, pair] as const];
    }),
  );
}

function pairFrom(value: unknown): KeyPair | null {
  if (typeof value !== "object" || value === null) return null;
  const { AccessKeyId: id, SecretAccessKey: secret } = value as Partial<Record<string, unknown>>; // any object may be looked into
  if (typeof id !== "string" || !isAccessKeyId(id) || typeof secret !== "string" || secret === "") return null;
  return { accessKeyId: id satisfies AccessKeyId, secretAccessKey: new Secret(secret) };
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "Error";
