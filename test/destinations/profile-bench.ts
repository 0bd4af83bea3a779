import { lstat, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { User } from "../../src/core/access-key.ts";
import { parseTarget } from "../../src/core/target.ts";
import { minutes } from "../../src/core/time.ts";
import { awsProfile } from "../../src/destinations/aws-profile.ts";
import type { Host } from "../../src/destinations/kind.ts";
import type { Destination } from "../../src/ports.ts";
import { asTheSdkReads } from "../support/aws-readers.ts";
import type { Bench } from "./contract.ts";
import { HandClock, openHost } from "./host.ts";

export const clock = new HandClock();
const host: Host = await openHost(clock);

/** The destination behind `aws-profile:TEXT`. */
export const openProfile = (text: string, user: User): Destination =>
  awsProfile.parse(parseTarget(`aws-profile:${text}`)).open(host)(user, null);

/** A bench whose users share one file in `folder`, which others keep their profiles in, too. */
export function profileBench(folder: string): Bench {
  const path = join(folder, "credentials");
  const sectionOf = async ({ userName }: User) =>
    (await asTheSdkReads(await readFile(path, "utf8").catch(() => "")))?.[userName] ?? null;
  return {
    open: (user) => openProfile(`{user}?file=${path}`, user),
    consume: async (user) => {
      const section = await sectionOf(user);
      if (section === null) return null;
      return {
        accessKeyId: section["aws_access_key_id"] ?? null,
        secretAccessKey: section["aws_secret_access_key"] ?? null,
      };
    },
    stored: async (user) => {
      const notes = await readFile(`${path}.keyturn.json`, "utf8").catch(() => '{"profiles":[]}');
      const { profiles } = JSON.parse(notes) as { profiles: { profile: string }[] };
      return [await sectionOf(user), profiles.find(({ profile }) => profile === user.userName)];
    },
    passAMinute: () => clock.sleep(minutes(1)),
    document: {
      put: async (user, fields) => {
        const lines = Object.entries(fields).map(([name, value]) => `${name} = ${value}\n`);
        await writeFile(path, `[${user.userName}]\n${lines.join("")}`, { mode: 0o600 });
      },
      get: async (user) => (await sectionOf(user)) ?? {},
    },
    fail: async (_, failure) => {
      // A folder stands where it is written down which keys were served.
      const obstacle = `${path}.keyturn.json`;
      if (failure === null) {
        if ((await lstat(obstacle)).isDirectory()) await rm(obstacle, { recursive: true });
        return;
      }
      await rm(obstacle, { force: true });
      await mkdir(join(obstacle, "full"), { recursive: true });
    },
  };
}
