import { realpathSync, type Stats } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { configFile, credentialsFile, signingProfile } from "../aws/profiles.ts";
import type { AccessKeyId, KeyPair, User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { checkOptions, checkPlaceholders, expandName, readSwitch, type Target } from "../core/target.ts";
import { instant } from "../core/time.ts";
import {
  checkProfileName,
  elsewhere,
  lookUpInConfig,
  type ProfileInConfig,
  readProfile,
  writeProfile,
} from "../documents/credentials-file.ts";
import type { KeyInDocument } from "../documents/json.ts";
import {
  printHistory,
  type ProfileHistory,
  readHistory,
  remember,
  type ServedKey,
} from "../documents/profile-history.ts";
import { lookAt, replaceFile, syncFolder } from "../host/atomic-file.ts";
import { type FileLock, withFileLock } from "../host/file-lock.ts";
import {
  checkFile,
  checkFolder,
  checkOwner,
  expandHome,
  filesystem,
  LONGEST_NAME,
  PATH_ALPHABET,
  pathOf,
  type Place,
  readBytes,
  readText,
} from "../host/guarded-file.ts";
import { CallError, type Clock, type Destination } from "../ports.ts";
import type { DestinationKind, Host } from "./kind.ts";

/** What every AWS tool takes in the name of a profile, and what stands in a path between slashes. */
const PROFILE_ALPHABET = /[A-Za-z0-9_.@+:%-]/;
/** What the name of the file that remembers which keys were served ends in. */
const HISTORY = ".keyturn.json";
/** How often a delivery begins anew because a program that knows no lock has written to the file. */
const TRIES = 5;

interface Settings {
  readonly profile: string;
  /** A template; null = where AWS's tools look. */
  readonly file: string | null;
  readonly followSymlinks: boolean;
}

/**
 * One profile of the credentials file that the AWS CLI and SDKs read. Only the two values of its section change. Users may
 * share the file: whoever writes has a lock, and the file is replaced as a whole. Beside it, `NAME.keyturn.json` remembers
 * which keys were served, by id.
 */
export const awsProfile: DestinationKind = {
  kind: "aws-profile",
  readable: true,
  isStream: false,
  onThisHost: true,
  parse: (target) => {
    const settings = readSettings(target);
    return { permissions: () => [], open: (host) => (user) => openProfile(settings, user, host) };
  },
};

function readSettings(target: Target): Settings {
  const { name, options, text } = target;
  checkOptions(target, ["file", "followSymlinks"]);
  if (name === "") throw new InvalidInput(`${text} names no profile`, "for example aws-profile:{user}");
  const typed = options.get("file");
  const file = typed === undefined ? null : expandHome(typed);
  if (file !== null) {
    checkPlaceholders(file, text);
    if (file === "" || file.endsWith("/"))
      throw new InvalidInput(`${text}: file names no file`, "for example ?file=~/.aws/credentials");
  }
  return { profile: name, file, followSymlinks: readSwitch(target, "followSymlinks", false) };
}

/** One profile of one file. */
interface Profile extends Place {
  readonly profile: string;
  /** The `config` file that AWS's tools read beside it. */
  readonly config: string;
}

function openProfile({ profile: template, file, followSymlinks }: Settings, user: User, host: Host): Destination {
  const expand = (text: string, alphabet: RegExp) => expandName(text, user, host.caller.account, alphabet);
  const profile = expand(template, PROFILE_ALPHABET);
  const asked = resolve(file === null ? credentialsFile() : expand(file, PATH_ALPHABET));
  const label = `aws-profile:${profile}?file=${asked}`;
  checkProfileName(profile, label);
  if (Buffer.byteLength(basename(asked)) > LONGEST_NAME - HISTORY.length)
    throw new InvalidInput(`${label}: the name of the file is longer than files can have`);
  const config = file === null ? configFile() : join(dirname(asked), "config");
  const place = { label, asked, template: file ?? asked, followSymlinks, profile, config };
  return {
    label,
    suppliesSigner: signingProfile(host.access) === profile && isSameFile(asked, credentialsFile()),
    check: () =>
      filesystem(label, async () => {
        await checkWritable(place);
      }),
    read: () =>
      filesystem(label, async () => {
        const { found, key, path } = await look(place);
        if (found === null || key.accessKeyId === null) return { accessKeyId: null, writtenAt: null };
        const [last] = await servedBy(place, path);
        const known = last?.accessKeyId === key.accessKeyId ? last.since : modified(found);
        return { accessKeyId: key.accessKeyId, writtenAt: known };
      }),
    readPast: () =>
      filesystem(label, async () => {
        const { key, path } = await look(place);
        const before = (await servedBy(place, path)).map((each) => each.accessKeyId);
        return { pending: null, history: before.filter((id) => id !== key.accessKeyId) };
      }),
    readSecret: (id) =>
      filesystem(label, async () => {
        const { key } = await look(place);
        return key.accessKeyId === id ? key.secretAccessKey : null;
      }),
    deliver: (pair) => filesystem(label, () => deliver(place, pair, host.clock)),
  };
}

function isSameFile(one: string, other: string): boolean {
  if (one === resolve(other)) return true;
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}

const modified = (found: Stats) => instant(Math.max(0, Math.floor(found.mtimeMs)));

/**
 * The key that runs with this profile sign with. Throws `InvalidInput` where that is no long-lived key of the profile's own in the
 * credentials file: then there is nothing here to be rotated.
 */
export function signingKeyOf(profile: string): Promise<AccessKeyId> {
  const label = "--self";
  checkProfileName(profile, label);
  const asked = credentialsFile();
  const place = { label, asked, template: asked, followSymlinks: true, profile, config: configFile() };
  return filesystem(label, async () => {
    const configured = await readConfig(place);
    if (configured !== null && configured.sourceProfile !== null && configured.sourceProfile !== profile) {
      throw new InvalidInput(
        `${label}: the profile ${profile} has no key of its own: it takes the one of ${configured.sourceProfile} (source_profile in ${place.config})`,
        `keyturn rotate --self --profile ${configured.sourceProfile}`,
      );
    }
    const { key, found } = await look(place);
    if (key.accessKeyId !== null) return key.accessKeyId;
    throw new InvalidInput(
      found === null
        ? `${label}: there is no credentials file ${asked}`
        : `${label}: no key of a profile ${profile} is in ${asked}`,
      "name a profile that holds a long-lived access key: aws configure list-profiles lists them all",
    );
  });
}

interface Look {
  readonly path: string;
  readonly found: Stats | null;
  readonly text: string | null;
  readonly key: KeyInDocument;
}

/** The profile as it is. Throws `InvalidInput` where AWS's tools, or only some of them, would not take a key from it. */
async function look(place: Profile): Promise<Look> {
  const { label, profile, config } = place;
  const path = await pathOf(place);
  const found = await checkFile(place, path);
  const text = await readText(path, label);
  const key = readProfile(text ?? "", profile, label);
  const configured = await readConfig(place);
  if (configured !== null && configured.obstacle !== null)
    throw elsewhere(profile, `${configured.obstacle} of ${config}`, label);
  if (configured?.holdsKey === true && key.accessKeyId === null) {
    throw new InvalidInput(
      `${label}: the key of the profile ${profile} stands in ${config}, not in the credentials file`,
      `move its aws_access_key_id and aws_secret_access_key to [${profile}] in ${place.asked}`,
    );
  }
  return { path, found, text, key };
}

async function readConfig({ config, profile, label }: Profile): Promise<ProfileInConfig | null> {
  const bytes = await readBytes(config, label);
  return bytes === null ? null : lookUpInConfig(bytes.toString(), profile);
}

/** As {@link look}, where everything that would be in the way of a write is refused, too. */
async function checkWritable(place: Profile): Promise<Look> {
  const folder = dirname(await pathOf(place));
  await checkFolder(place, (await lookAt(folder)) === null ? dirname(folder) : folder);
  const now = await look(place);
  if (now.found !== null) checkOwner(place, now.found, now.path);
  return now;
}

const servedBy = async (place: Profile, path: string): Promise<readonly ServedKey[]> =>
  (await readNotes(place, path)).get(place.profile) ?? [];

/** Notes that cannot be read are none: they are a help, and a file in their place must not keep anybody from the key. */
const readNotes = async ({ label }: Profile, path: string): Promise<ProfileHistory> =>
  readHistory(
    await readBytes(`${path}${HISTORY}`, label).then(
      (bytes) => bytes?.toString() ?? null,
      () => null,
    ),
  );

async function deliver(place: Profile, pair: KeyPair, clock: Clock): Promise<void> {
  const { path } = await checkWritable(place);
  if ((await mkdir(dirname(path), { recursive: true, mode: 0o700 })) !== undefined)
    await syncFolder(dirname(dirname(path)));
  await withFileLock(path, async (lock) => {
    for (let tries = 1; !(await replaceOnce(place, pair, clock, lock)); tries += 1) {
      if (tries === TRIES)
        throw new CallError(
          "refused",
          "write",
          place.label,
          "Changed",
          "another program writes to the file all the time",
        );
    }
  });
}

/** False where another program, which knows no lock, changed the file in between: nothing was written then. */
async function replaceOnce(place: Profile, pair: KeyPair, clock: Clock, lock: FileLock): Promise<boolean> {
  const { label, profile } = place;
  const { path, found, text, key } = await checkWritable(place);
  const next = writeProfile(text ?? "", profile, pair, label);
  // Before the key goes, it is on file which one it was; what is served since is written once it is true.
  const [last] = await servedBy(place, path);
  if (found !== null && key.accessKeyId !== null && last?.accessKeyId !== key.accessKeyId)
    await note(place, path, { accessKeyId: key.accessKeyId, since: modified(found) }, found);
  try {
    await replaceFile(path, next, found, clock.now(), async () => {
      lock.mustBeHeld();
      if ((await readText(path, label)) !== text) throw new Changed();
    });
  } catch (error) {
    if (error instanceof Changed) return false;
    throw error;
  }
  await note(place, path, { accessKeyId: pair.accessKeyId, since: clock.now() }, found);
  return true;
}

class Changed extends Error {}

/** Writes down which key the profile serves, and since when. */
async function note(place: Profile, path: string, key: ServedKey, like: Stats | null): Promise<void> {
  const history = remember(await readNotes(place, path), place.profile, key);
  await replaceFile(`${path}${HISTORY}`, printHistory(history), like);
}
