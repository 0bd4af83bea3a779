import type { Stats } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { KeyPair, User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { checkOptions, expandName, readSwitch, type Target } from "../core/target.ts";
import { instant } from "../core/time.ts";
import { readDotenv, writeDotenv } from "../documents/dotenv.ts";
import { type Fields, isFieldOption, readFields } from "../documents/fields.ts";
import { type KeyInDocument, readJson, writeJson } from "../documents/json.ts";
import { replaceFile } from "../host/atomic-file.ts";
import {
  checkFile,
  checkFolder,
  checkOwner,
  decode,
  expandHome,
  filesystem,
  LONGEST_NAME,
  PATH_ALPHABET,
  pathOf,
  type Place,
  readBytes,
  readText,
} from "../host/guarded-file.ts";
import type { Clock, Destination } from "../ports.ts";
import type { DestinationKind } from "./kind.ts";

/** What the name of the file before ends in. */
const BEFORE = ".previous";
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Of a key in the form that `credential_process` reads. @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html */
const JSON_FIELDS = { AccessKeyId: "accessKeyId", SecretAccessKey: "secretAccessKey" } as const;
const JSON_CONSTANTS = { Version: 1 };
const DOTENV_FIELDS = { AWS_ACCESS_KEY_ID: "accessKeyId", AWS_SECRET_ACCESS_KEY: "secretAccessKey" } as const;

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
  onThisHost: true,
  parse: (target) => {
    const settings = readSettings(target);
    return {
      permissions: () => [],
      open:
        ({ clock, caller }) =>
        (user) =>
          openFile(settings, user, expandName(settings.template, user, caller.account, PATH_ALPHABET), clock),
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
    template: expandHome(name),
    format,
    fields,
    backup: readSwitch(target, "backup", true),
    followSymlinks: readSwitch(target, "followSymlinks", false),
  };
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
  const place: Place = { label, asked, template: settings.template, followSymlinks: settings.followSymlinks };
  const readAt = async (path: string) => parse(settings, await readText(path, label), label);

  return {
    label,
    check: () =>
      filesystem(label, async () => {
        await checkPlace(settings, place);
      }),
    read: () =>
      filesystem(label, async () => {
        const path = await pathOf(place);
        const found = await checkFile(place, path);
        const { accessKeyId } = await readAt(path);
        return {
          accessKeyId,
          writtenAt: found === null ? null : instant(Math.max(0, Math.floor(found.mtimeMs))),
        };
      }),
    readPast: () =>
      filesystem(label, async () => {
        const path = `${await pathOf(place)}${BEFORE}`;
        const bytes = await readBytes(path, label);
        const id = quietly(() => parse(settings, decode(bytes, path, label), label).accessKeyId);
        return { pending: null, history: id === null ? [] : [id] };
      }),
    readSecret: (id) =>
      filesystem(label, async () => {
        const { accessKeyId, secretAccessKey } = await readAt(await pathOf(place));
        return accessKeyId === id ? secretAccessKey : null;
      }),
    recall: (id) =>
      filesystem(label, async () => {
        const path = `${await pathOf(place)}${BEFORE}`;
        const bytes = await readBytes(path, label);
        const before = quietly(() => parse(settings, decode(bytes, path, label), label));
        return before?.accessKeyId === id ? before.secretAccessKey : null;
      }),
    deliver: (pair) => filesystem(label, () => write(settings, user.userName, place, pair, clock)),
  };
}

async function write(settings: Settings, userName: string, place: Place, pair: KeyPair, clock: Clock): Promise<void> {
  const { label } = place;
  const { path, found } = await checkPlace(settings, place);
  const before = await readText(path, label);
  const text = print(settings, before, userName, pair, label);
  const isOther = parse(settings, before, label).accessKeyId !== pair.accessKeyId;
  if (found !== null && before !== null && settings.backup && isOther)
    await replaceFile(`${path}${BEFORE}`, before, found);
  await replaceFile(path, text, found, clock.now());
}

/** Everything that would be in the way of a write. */
async function checkPlace(
  settings: Settings,
  place: Place,
): Promise<{ readonly path: string; readonly found: Stats | null }> {
  const path = await pathOf(place);
  await checkFolder(place, dirname(path));
  const found = await checkFile(place, path);
  if (found !== null) {
    checkOwner(place, found, path);
    parse(settings, await readText(path, place.label), place.label);
  }
  return { path, found };
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
