import { constants, type Stats } from "node:fs";
import { access, readFile, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import type { KeyPair, User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { checkOptions, expandName, literalPrefix, type Target } from "../core/target.ts";
import { instant } from "../core/time.ts";
import { readDotenv, writeDotenv } from "../documents/dotenv.ts";
import { type Fields, isFieldOption, readFields } from "../documents/fields.ts";
import { type KeyInDocument, readJson, writeJson } from "../documents/json.ts";
import { isErrno, lookAt, replaceFile } from "../host/atomic-file.ts";
import { CallError, type Clock, type Destination } from "../ports.ts";
import type { DestinationKind } from "./kind.ts";

/** What stays as it is in a path segment; everything else is escaped. No separator of any system, nothing that a shell expands. */
const ALPHABET = /[A-Za-z0-9_.+=,@-]/;
const LONGEST_NAME = 255;
/** What the name of the file before ends in. */
const BEFORE = ".previous";
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Of a key in the form that `credential_process` reads. @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html */
const JSON_FIELDS = { AccessKeyId: "accessKeyId", SecretAccessKey: "secretAccessKey" } as const;
const JSON_CONSTANTS = { Version: 1 };
const DOTENV_FIELDS = { AWS_ACCESS_KEY_ID: "accessKeyId", AWS_SECRET_ACCESS_KEY: "secretAccessKey" } as const;

/** Wider permissions than these are refused: owner and group, and no execution. */
const WIDEST = 0o640;

interface Settings {
  readonly template: string;
  readonly format: "json" | "dotenv";
  readonly fields: Fields;
  readonly backup: boolean;
  readonly followSymlinks: boolean;
}

/**
 * A file on this machine: JSON that is a `credential_process` document, or dotenv. Replaced as a whole, synced to disk; the
 * file before it is kept as `NAME.previous`. Everything else in the file, its owner, group and mode stay.
 */
export const file: DestinationKind = {
  kind: "file",
  readable: true,
  isStream: false,
  parse: (target) => {
    const settings = readSettings(target);
    return {
      permissions: () => [],
      open:
        ({ clock, caller }) =>
        (user) =>
          openFile(settings, user, expandName(settings.template, user, caller.account, ALPHABET), clock),
    };
  },
};

function readSettings(target: Target): Settings {
  const { name, options, text } = target;
  checkOptions(target, ["format", "backup", "followSymlinks"], isFieldOption);
  if (name === "" || name.endsWith("/"))
    throw new InvalidInput(`${text} names no file`, "for example file:./keys/{user}.json");
  const format = options.get("format") ?? (/\.env$|(^|\/)\.env/.test(name) ? "dotenv" : "json");
  if (format !== "json" && format !== "dotenv")
    throw new InvalidInput(`${text}: there is no format ${format}`, "json or dotenv");
  const fields = readFields(target, format === "json" ? JSON_FIELDS : DOTENV_FIELDS);
  const odd = format === "json" ? undefined : [...fields.names.keys()].find((each) => !VARIABLE.test(each));
  if (odd !== undefined)
    throw new InvalidInput(`${text}: "${odd}" cannot be the name of a variable`, "letters, digits and _ only");
  return {
    template: name.replace(/^~(?=\/)/, () => homedir()),
    format,
    fields,
    backup: readSwitch(target, "backup", true),
    followSymlinks: readSwitch(target, "followSymlinks", false),
  };
}

function readSwitch({ options, text }: Target, name: string, otherwise: boolean): boolean {
  const value = options.get(name);
  if (value === undefined) return otherwise;
  if (value !== "yes" && value !== "no") throw new InvalidInput(`${text}: ${name} is yes or no`);
  return value === "yes";
}

function openFile(settings: Settings, user: User, name: string, clock: Clock): Destination {
  const label = `file:${name}`;
  const asked = resolve(name);
  if (name.endsWith("/")) throw new InvalidInput(`${label} names no file`, "end the target in {user}");
  if (Buffer.byteLength(basename(asked)) > LONGEST_NAME - BEFORE.length)
    throw new InvalidInput(`${label}: the name is longer than files can have`);
  if (settings.backup && asked.endsWith(BEFORE)) {
    throw new InvalidInput(
      `${label}: under a name that ends in ${BEFORE} the file before another one is kept`,
      "let the target end in something else, such as {user}.json, or add ?backup=no",
    );
  }
  const path = () => (settings.followSymlinks ? realpath(asked).catch(() => asked) : Promise.resolve(asked));
  const readAt = async (place: string) => parse(settings, await readText(place, label), label);

  return {
    label,
    check: () =>
      filesystem(label, async () => {
        await checkPlace(settings, await path(), label);
      }),
    read: () =>
      filesystem(label, async () => {
        const place = await path();
        const found = await checkFile(settings, place, label);
        const { accessKeyId } = await readAt(place);
        return {
          accessKeyId,
          writtenAt: found === null ? null : instant(Math.max(0, Math.floor(found.mtimeMs))),
        };
      }),
    readPast: () =>
      filesystem(label, async () => {
        const place = `${await path()}${BEFORE}`;
        const bytes = await readBytes(place, label);
        const id = quietly(() => parse(settings, decode(bytes, place, label), label).accessKeyId);
        return { pending: null, history: id === null ? [] : [id] };
      }),
    readSecret: (id) =>
      filesystem(label, async () => {
        const { accessKeyId, secretAccessKey } = await readAt(await path());
        return accessKeyId === id ? secretAccessKey : null;
      }),
    recall: (id) =>
      filesystem(label, async () => {
        const place = `${await path()}${BEFORE}`;
        const bytes = await readBytes(place, label);
        const before = quietly(() => parse(settings, decode(bytes, place, label), label));
        return before?.accessKeyId === id ? before.secretAccessKey : null;
      }),
    deliver: (pair) => filesystem(label, async () => write(settings, user.userName, await path(), pair, label, clock)),
  };
}

async function write(
  settings: Settings,
  userName: string,
  place: string,
  pair: KeyPair,
  label: string,
  clock: Clock,
): Promise<void> {
  const found = await checkPlace(settings, place, label);
  const before = await readText(place, label);
  const text = print(settings, before, userName, pair, label);
  const isOther = parse(settings, before, label).accessKeyId !== pair.accessKeyId;
  if (found !== null && before !== null && settings.backup && isOther)
    await replaceFile(`${place}${BEFORE}`, before, found);
  await replaceFile(place, text, found, clock.now());
}

/** Everything that would be in the way of a write. */
async function checkPlace(settings: Settings, place: string, label: string): Promise<Stats | null> {
  await checkFolder(settings, dirname(place), label);
  const found = await checkFile(settings, place, label);
  if (found !== null) {
    checkOwner(found, place, label);
    parse(settings, await readText(place, label), label);
  }
  return found;
}

async function checkFolder({ template, followSymlinks }: Settings, folder: string, label: string): Promise<void> {
  let found: Stats;
  try {
    found = await stat(folder);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new InvalidInput(`${label}: the folder ${folder} does not exist`, `mkdir -p -m 700 ${folder}`);
  }
  if (!found.isDirectory()) throw new InvalidInput(`${label}: ${folder} is not a folder`);
  if ((found.mode & 0o1002) === 0o002)
    throw new InvalidInput(`${label}: everybody may rename files in ${folder}`, `chmod o-w ${folder}`);
  if (!(await allows(folder, constants.W_OK | constants.X_OK)))
    throw new InvalidInput(`${label}: the folder ${folder} is not writable for this process`);
  if (!(await allows(folder, constants.R_OK)))
    throw new InvalidInput(`${label}: the folder ${folder} is not readable for this process, which has to sync it`);
  const prefix = resolve(dirname(`${literalPrefix(template)}x`));
  const below = relative(prefix, folder);
  if (!followSymlinks && below !== "" && (await realpath(folder)) !== join(await realpath(prefix), below)) {
    throw new InvalidInput(
      `${label}: there is a symbolic link on the way below ${prefix}`,
      "remove it, or add ?followSymlinks=yes",
    );
  }
}

const allows = (path: string, what: number): Promise<boolean> =>
  access(path, what).then(
    () => true,
    () => false,
  );

/** The file as it is, if there is one, and if keyturn will touch such a file at all. */
async function checkFile({ followSymlinks }: Settings, place: string, label: string): Promise<Stats | null> {
  const found = await lookAt(place);
  if (found === null) return null;
  if (found.isSymbolicLink()) {
    throw new InvalidInput(
      `${label}: ${place} is a symbolic link`,
      followSymlinks ? "it leads nowhere" : "name the file itself, or add ?followSymlinks=yes",
    );
  }
  if (!found.isFile()) throw new InvalidInput(`${label}: ${place} is not a file`);
  const mode = found.mode & 0o777;
  if (process.platform !== "win32" && (mode & ~WIDEST) !== 0) {
    const whose = (mode & 0o004) === 0 ? `has mode ${mode.toString(8).padStart(4, "0")}` : "can be read by everybody";
    throw new InvalidInput(`${label}: ${place} ${whose}`, `chmod 600 ${place}`);
  }
  return found;
}

/** A file that is replaced keeps its owner and group, or is not touched. */
function checkOwner(found: Stats, place: string, label: string): void {
  const me = process.geteuid?.();
  if (me === undefined || me === 0) return;
  if (found.uid !== me)
    throw new InvalidInput(
      `${label}: ${place} belongs to another user (uid ${found.uid})`,
      "run keyturn as that user, or name another file",
    );
  const groups = [process.getegid?.(), ...(process.getgroups?.() ?? [])];
  if (!groups.includes(found.gid))
    throw new InvalidInput(`${label}: ${place} belongs to a group that this process is not in (gid ${found.gid})`);
}

const readText = async (place: string, label: string): Promise<string | null> =>
  decode(await readBytes(place, label), place, label);

async function readBytes(place: string, label: string): Promise<Buffer | null> {
  try {
    return await readFile(place);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    if (isErrno(error, "EACCES")) throw new InvalidInput(`${label}: ${place} cannot be read by this process`);
    throw error;
  }
}

function decode(bytes: Buffer | null, place: string, label: string): string | null {
  if (bytes === null) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new InvalidInput(
      `${label}: ${place} holds text that is not UTF-8`,
      "keyturn could not keep what else is in it: convert it, or name another file",
    );
  }
}

/** The file before may hold anything: then it names no key. */
function quietly<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function parse({ format, fields }: Settings, text: string | null, label: string): KeyInDocument {
  if (text === null) return { accessKeyId: null, secretAccessKey: null };
  return format === "json" ? readJson(text, fields, label) : readDotenv(text, fields);
}

function print(
  { format, fields }: Settings,
  before: string | null,
  userName: string,
  pair: KeyPair,
  label: string,
): string {
  if (format === "dotenv") return writeDotenv(before, fields, userName, pair);
  const isProcessDocument =
    fields.names.get("AccessKeyId") === "accessKeyId" && fields.names.get("SecretAccessKey") === "secretAccessKey";
  return `${writeJson(before, fields, userName, pair, isProcessDocument ? JSON_CONSTANTS : {}, label)}\n`;
}

/** Errors of the file system as errors of a call: with their code, and without what was written. */
async function filesystem<T>(label: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof InvalidInput || !(error instanceof Error && "code" in error && typeof error.code === "string"))
      throw error;
    throw new CallError("refused", "write", label, error.code, `the file system answered ${error.code}`);
  }
}
