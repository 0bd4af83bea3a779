import { lstat, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { User } from "../../src/core/access-key.ts";
import { parseTarget } from "../../src/core/target.ts";
import { minutes } from "../../src/core/time.ts";
import { file } from "../../src/destinations/file.ts";
import type { Host } from "../../src/destinations/kind.ts";
import type { Destination } from "../../src/ports.ts";
import type { Bench, Seen } from "./contract.ts";
import { HandClock, openHost } from "./host.ts";

export const clock = new HandClock();
export const host: Host = await openHost(clock);

/** The destination behind `file:TEXT`. */
export const openFile = (text: string, user: User): Destination =>
  file.parse(parseTarget(`file:${text}`)).open(host)(user, null);

/** How one format is read and written by others. */
export interface Format {
  readonly extension: string;
  readonly parse: (text: string) => Readonly<Record<string, unknown>>;
  readonly print: (fields: Readonly<Record<string, string>>) => string;
  /** Names of the fields of id and secret. */
  readonly names: readonly [id: string, secret: string];
}

export const jsonFormat: Format = {
  extension: "json",
  parse: (text) => JSON.parse(text) as Record<string, unknown>,
  print: (fields) => JSON.stringify(fields),
  names: ["AccessKeyId", "SecretAccessKey"],
};

export const dotenvFormat: Format = {
  extension: "env",
  parse: (text) =>
    Object.fromEntries(text.split("\n").flatMap((line) => [/^([A-Z_]\w*)=(.*)$/i.exec(line)?.slice(1, 3) ?? []])),
  print: (fields) => Object.entries(fields).reduce((text, [name, value]) => `${text}${name}=${value}\n`, ""),
  names: ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
};

const textIn = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** Every file of a folder with what could change about it, by name. */
export async function listing(folder: string, prefix = ""): Promise<unknown> {
  const names = (await readdir(folder)).filter((name) => name.includes(prefix)).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const { mode, uid, gid, mtimeMs, ino } = await lstat(path);
      const text = await readFile(path, "utf8").catch(() => null);
      return { name, text, mode, uid, gid, mtimeMs, ino };
    }),
  );
}

/** A bench whose users have a file each in `folder`. */
export function fileBench(folder: string, { extension, parse, print, names: [id, secret] }: Format): Bench {
  const pathOf = ({ userName }: User) => join(folder, `${userName}.${extension}`);
  const read = async (user: User) => {
    const text = await readFile(pathOf(user), "utf8").catch(() => null);
    return text === null ? null : parse(text);
  };
  return {
    open: (user) => openFile(`${folder}/{user}.${extension}`, user),
    consume: async (user): Promise<Seen | null> => {
      const document = await read(user);
      return document === null
        ? null
        : { accessKeyId: textIn(document[id]), secretAccessKey: textIn(document[secret]) };
    },
    stored: (user) => listing(dirname(pathOf(user)), basename(pathOf(user))),
    passAMinute: () => clock.sleep(minutes(1)),
    document: {
      put: (user, fields) => writeFile(pathOf(user), print(fields), { mode: 0o600 }),
      get: async (user) => (await read(user)) ?? {},
    },
    fail: async (user, failure) => {
      // A folder stands where the file before is to be kept.
      const obstacle = `${pathOf(user)}.previous`;
      await rm(obstacle, { recursive: true, force: true });
      if (failure !== null) await mkdir(join(obstacle, "full"), { recursive: true });
    },
  };
}
