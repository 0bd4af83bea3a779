import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { awsProfile } from "../../src/destinations/aws-profile.ts";
import { asTheSdkReads } from "../support/aws-readers.ts";
import { temporaryFolder } from "../support/cli.ts";
import {
  destinationContract,
  errorOf,
  everyTurn,
  expectNoSecret,
  freshPair,
  freshUser,
  secretIn,
  seenOf,
  userNamed,
} from "./contract.ts";
import { CALLER, openHost } from "./host.ts";
import { clock, openProfile, profileBench } from "./profile-bench.ts";

const folder = realpathSync(temporaryFolder());
const ownFolder = () => mkdtempSync(join(folder, "own-"));
const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8);

destinationContract(
  "an AWS profile",
  {
    readable: true,
    remembers: true,
    stages: false,
    hasDocument: true,
    failures: ["what was served cannot be written down"],
  },
  () => profileBench(folder),
);

/** A credentials file with this text. */
function credentials(text: string, mode = 0o600): string {
  const path = join(ownFolder(), "credentials");
  writeFileSync(path, text, { mode });
  return path;
}

const ci = userNamed("ci");
const at = (path: string, name = "ci") => openProfile(`${name}?file=${path}`, ci);

/** What check, read and delivery say, which all refuse and leave the folder as it was. */
async function refusalOf(path: string, name = "ci"): Promise<{ message: string; hint: string | null }> {
  const files = () => readdirSync(join(path, "..")).map((each) => [each, lstatSync(join(path, "..", each)).ino]);
  const before = files();
  const said: { message: string; hint: string | null }[] = [];
  const destination = at(path, name);
  for (const work of [() => destination.check(), () => destination.deliver(freshPair())]) {
    const error = await errorOf(work);
    if (!(error instanceof InvalidInput)) throw error;
    said.push({ message: error.message, hint: error.hint });
  }
  expect(said[1]).toEqual(said[0]);
  expect(files()).toEqual(before);
  return said[0] ?? { message: "", hint: null };
}

const OLD = "[ci]\naws_access_key_id = AKIAOLDOLDOLDOLDOLD1\naws_secret_access_key = old\n";

describe("an AWS profile", () => {
  it("needs no AWS permission, can be read back, and is no stream", () => {
    expect(awsProfile.parse(parseTarget("aws-profile:x")).permissions(CALLER, "eu-west-1")).toEqual([]);
    expect({ readable: awsProfile.readable, isStream: awsProfile.isStream }).toEqual({
      readable: true,
      isStream: false,
    });
  });

  it("is what the AWS SDK signs with", async () => {
    const [path, pair] = [credentials("[default]\nregion = x\n"), freshPair()];
    await at(path).deliver(pair);
    process.env["AWS_SHARED_CREDENTIALS_FILE"] = path;
    try {
      expect(await new STSClient({ profile: "ci" }).config.credentials()).toMatchObject(seenOf(pair));
    } finally {
      delete process.env["AWS_SHARED_CREDENTIALS_FILE"];
    }
  });

  it("names file and profile in its label, so that two users never share one", () => {
    const path = join(folder, "credentials");
    expect(at(path).label).toBe(`aws-profile:ci?file=${path}`);
    expect(openProfile(`{user}?file=${folder}/{user}/credentials`, userNamed("a,b")).label).toBe(
      `aws-profile:a_x2C_b?file=${folder}/a,b/credentials`,
    );
  });

  it("is made with its file and folder, for nobody else to read", async () => {
    const [home, pair] = [ownFolder(), freshPair()];
    const path = join(home, ".aws", "credentials");
    await at(path).check();
    expect(existsSync(join(home, ".aws"))).toBe(false);
    await at(path).deliver(pair);
    expect([modeOf(join(home, ".aws")), modeOf(path), modeOf(`${path}.keyturn.json`)]).toEqual(["700", "600", "600"]);
    expect(readFileSync(path, "utf8")).toBe(
      `[ci]\naws_access_key_id = ${pair.accessKeyId}\naws_secret_access_key = ${pair.secretAccessKey.reveal()}\n`,
    );
    expect(readdirSync(join(home, ".aws")).toSorted()).toEqual(["credentials", "credentials.keyturn.json"]);
  });

  it("is refused where not even the folder above is there", async () => {
    const home = ownFolder();
    const error = await errorOf(() => at(join(home, "nobody", ".aws", "credentials")).check());
    expect(error).toMatchObject({
      message: expect.stringContaining(`the folder ${home}/nobody does not exist`),
      hint: `mkdir -p -m 700 ${home}/nobody`,
    });
  });

  it("keeps mode and everything else of a file", async () => {
    const [path, pair] = [credentials(`# mine\r\n[default]\r\nregion=x\r\n\r\n${OLD}[z]\n x = 1`, 0o640), freshPair()];
    const before = readFileSync(path, "utf8");
    await at(path).deliver(pair);
    expect(readFileSync(path, "utf8")).toBe(
      before
        .replace("AKIAOLDOLDOLDOLDOLD1", pair.accessKeyId)
        .replace("= old", () => `= ${pair.secretAccessKey.reveal()}`),
    );
    expect(modeOf(path)).toBe("640");
  });

  it.each([
    ["[ci]\nrole_arn = r\nsource_profile = base\n", "it has role_arn in line 2", "by source_profile"],
    ["[ci]\ncredential_process = x\n", "it has credential_process in line 2", "nothing but a key"],
    [`${OLD}[ci]\n`, "[ci] stands twice", "the AWS CLI refuses such a file"],
    ["[profile ci]\naws_access_key_id = A\n", 'says "profile"', "write it as [ci]"],
    ["[ci]\naws_access_key_id = ASIAX\n", "holds temporary credentials", "a profile of its own"],
  ])("that reads %j is refused", async (text, message, hint) => {
    const said = await refusalOf(credentials(text));
    expect(said.message).toContain(message);
    expect(said.hint).toContain(hint);
  });

  it.each([
    ["[profile ci]\nrole_arn = r\n", "role_arn in line 2 of"],
    ["[profile ci]\nsso_session = r\n", "sso_session in line 2 of"],
    ["[profile ci]\naws_access_key_id = A\naws_secret_access_key = s\n", "the key of the profile ci stands in"],
  ])("is refused where the config beside it reads %j", async (config, message) => {
    const path = credentials("[default]\n");
    writeFileSync(join(path, "..", "config"), config);
    expect((await refusalOf(path)).message).toContain(message);
  });

  it("is not disturbed by what config says of others, or of its region", async () => {
    const path = credentials(OLD);
    writeFileSync(
      join(path, "..", "config"),
      "[profile ci]\nregion = x\n[profile a]\nrole_arn = r\n[ci]\nrole_arn = r\n",
    );
    const pair = freshPair();
    await at(path).deliver(pair);
    expect((await at(path).read?.())?.accessKeyId).toBe(pair.accessKeyId);
  });

  it("that everybody can read is refused with the command that helps", async () => {
    const path = credentials(OLD);
    chmodSync(path, 0o644);
    expect(await refusalOf(path)).toEqual({
      message: `aws-profile:ci?file=${path}: ${path} can be read by everybody`,
      hint: `chmod 600 ${path}`,
    });
  });

  it("behind a symbolic link is refused with the way to it, and followed where that is asked for", async () => {
    const [real, pair] = [credentials(OLD), freshPair()];
    const link = join(ownFolder(), "credentials");
    symlinkSync(real, link);
    expect((await refusalOf(link)).hint).toBe(`name the file itself, ${real}, or add ?followSymlinks=yes`);
    await openProfile(`ci?file=${link}&followSymlinks=yes`, ci).deliver(pair);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, "utf8")).toContain(pair.accessKeyId);
  });

  it("is not found through a folder that is a symbolic link below the literal part of the target", async () => {
    const [home, elsewhere, kept] = [ownFolder(), ownFolder(), process.env["HOME"]];
    symlinkSync(elsewhere, join(home, "ci"));
    process.env["HOME"] = home;
    try {
      const error = await errorOf(() => openProfile("default?file=~/{user}/credentials", ci).deliver(freshPair()));
      expect(error).toMatchObject({ message: expect.stringContaining(`a symbolic link on the way below ${home}`) });
      await openProfile("default?file=~/{user}/credentials&followSymlinks=yes", ci).deliver(freshPair());
    } finally {
      process.env["HOME"] = kept;
    }
    expect(readdirSync(elsewhere)).toContain("credentials");
  });

  it("in a file that is not UTF-8 is refused, and the file left as it is", async () => {
    const path = credentials("");
    const bytes = Buffer.from(`# caf\u00e9\n${OLD}`, "latin1");
    writeFileSync(path, bytes);
    expect((await refusalOf(path)).message).toContain("not UTF-8");
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });

  it.each(["DEFAULT", "__proto__", "two words"])("cannot be called %j", (name) => {
    expect(() => at(join(folder, "credentials"), encodeURI(name).replaceAll("%20", " "))).toThrow(InvalidInput);
  });

  it.each([
    ["aws-profile:", "names no profile"],
    ["aws-profile:x?file=", "file names no file"],
    ["aws-profile:x?file=keys/", "file names no file"],
    ["aws-profile:x?file=keys/{name}", "{name} in aws-profile:x?file=keys/{name} is not a placeholder"],
    ["aws-profile:x?followSymlinks=1", "followSymlinks is yes or no"],
    ["aws-profile:x?region=y", "aws-profile has no option region"],
  ])("%s is refused", (text, message) => {
    const parse = () => awsProfile.parse(parseTarget(text));
    expect(parse).toThrow(InvalidInput);
    expect(parse).toThrow(message);
  });
});

describe("what an AWS profile served before", () => {
  it("is remembered by id, and nobody's secret with it", async () => {
    const [path, first, second] = [
      credentials(`${OLD}[other]\naws_secret_access_key = canary/other\n`),
      freshPair(),
      freshPair(),
    ];
    await at(path).deliver(first);
    await at(path).deliver(second);
    const notes = readFileSync(`${path}.keyturn.json`, "utf8");
    expectNoSecret(notes, "canary/other", first.secretAccessKey.reveal(), second.secretAccessKey.reveal());
    expect((await at(path).readPast?.())?.history).toEqual([first.accessKeyId, "AKIAOLDOLDOLDOLDOLD1"]);
    expect(readdirSync(join(path, ".."))).toEqual(["credentials", "credentials.keyturn.json"]);
  });

  it("names the newer key after a person has put the older one back", async () => {
    const [path, pair] = [credentials(OLD), freshPair()];
    await at(path).deliver(pair);
    writeFileSync(path, OLD);
    expect((await at(path).read?.())?.accessKeyId).toBe("AKIAOLDOLDOLDOLDOLD1");
    expect((await at(path).readPast?.())?.history).toEqual([pair.accessKeyId]);
  });

  it("does not name a key that a run died with before it was served", async () => {
    const [path, pair] = [credentials(OLD), freshPair()];
    await at(path).deliver(pair);
    const notes = readFileSync(`${path}.keyturn.json`, "utf8");
    writeFileSync(path, OLD);
    // As it stands between the note of the old key and the new file.
    writeFileSync(`${path}.keyturn.json`, notes.replace(pair.accessKeyId, "AKIAOLDOLDOLDOLDOLD1"));
    expect((await at(path).readPast?.())?.history).not.toContain(pair.accessKeyId);
  });

  it("is known even where a run died between the new file and its note", async () => {
    const [path, pair] = [credentials(OLD), freshPair()];
    await at(path).deliver(pair);
    const notes = JSON.parse(readFileSync(`${path}.keyturn.json`, "utf8")) as { profiles: { served: unknown[] }[] };
    notes.profiles[0]?.served.shift();
    writeFileSync(`${path}.keyturn.json`, JSON.stringify(notes));
    expect((await at(path).read?.())?.accessKeyId).toBe(pair.accessKeyId);
    expect((await at(path).readPast?.())?.history).toEqual(["AKIAOLDOLDOLDOLDOLD1"]);
  });

  it("dates a key by its own delivery, whoever writes other profiles of the file", async () => {
    const [path, pair] = [credentials(OLD), freshPair()];
    await at(path).deliver(pair);
    const delivered = clock.now();
    utimesSync(path, new Date(), new Date());
    expect((await at(path).read?.())?.writtenAt).toBe(delivered);
    writeFileSync(path, OLD);
    utimesSync(path, 1_900_000_000, 1_900_000_000);
    expect((await at(path).read?.())?.writtenAt).toBe(1_900_000_000_000);
  });

  it.each([
    "",
    "not JSON",
    "[]",
    '{"profiles":7}',
    '{"profiles":[{"profile":"ci","served":[{"accessKeyId":"<","since":1}]}]}',
  ])("is nothing where the notes read %j", async (text) => {
    const path = credentials(OLD);
    writeFileSync(`${path}.keyturn.json`, text, { mode: 0o600 });
    expect(await at(path).readPast?.()).toEqual({ pending: null, history: [] });
    await at(path).deliver(freshPair());
    expect((await at(path).readPast?.())?.history).toEqual(["AKIAOLDOLDOLDOLDOLD1"]);
  });
});

async function supplies(text: string, profile: string | null): Promise<boolean> {
  const host = await openHost(clock);
  const { suppliesSigner } = awsProfile
    .parse(parseTarget(`aws-profile:${text}`))
    .open({ ...host, access: { ...host.access, profile } })(ci, null);
  return suppliesSigner === true;
}

describe("the profile that signs", () => {
  const kept = { ...process.env };
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
  });
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name];
    Object.assign(process.env, kept);
  });

  it("is told by name and file", async () => {
    const path = credentials(OLD);
    process.env["AWS_SHARED_CREDENTIALS_FILE"] = path;
    expect(await supplies("ci", "ci")).toBe(true);
    expect(await supplies(`{user}?file=${path}`, "ci")).toBe(true);
    expect(await supplies("ci", "other")).toBe(false);
    expect(await supplies(`ci?file=${folder}/other`, "ci")).toBe(false);
    expect(await supplies("default", null)).toBe(true);
    const link = join(ownFolder(), "credentials");
    symlinkSync(path, link);
    expect(await supplies(`ci?file=${link}`, "ci")).toBe(true);
  });

  it("is none where the environment holds a key, unless a profile is named", async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: "AKIAX", AWS_SECRET_ACCESS_KEY: "x" });
    expect(await supplies("default", null)).toBe(false);
    expect(await supplies("ci", "ci")).toBe(true);
    process.env["AWS_PROFILE"] = "ci";
    expect(await supplies("ci", null)).toBe(true);
  });
});

const BUILT = fileURLToPath(new URL("../../dist", import.meta.url));
const CHILD = fileURLToPath(new URL("./profile-child.mjs", import.meta.url));
const isBuilt = existsSync(join(BUILT, "destinations/aws-profile.js"));

const start = (file: string, name: string, count: number): ChildProcess =>
  spawn(process.execPath, [CHILD, BUILT, JSON.stringify({ file, name, count })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
const profilesOf = async (path: string) => Object.keys((await asTheSdkReads(readFileSync(path, "utf8"))) ?? {});

describe("a file that many write to at once", () => {
  it("loses nobody's key, of one process", async () => {
    const path = credentials(OLD);
    const users = Array.from({ length: 20 }, () => freshUser());
    const pairs = users.map(() => freshPair());
    await Promise.all(
      users.map((user, index) => openProfile(`{user}?file=${path}`, user).deliver(pairs[index] ?? freshPair())),
    );
    for (const [index, user] of users.entries()) {
      const destination = openProfile(`{user}?file=${path}`, user);
      expect(await secretIn(destination, pairs[index]?.accessKeyId ?? freshPair().accessKeyId)).not.toBeNull();
    }
    expect(readdirSync(join(path, "..")).toSorted()).toEqual(["credentials", "credentials.keyturn.json"]);
  });

  it.skipIf(!isBuilt)(
    `loses nobody's key, of several processes${isBuilt ? "" : " (SKIPPED: npm run build was not run)"}`,
    async () => {
      const path = credentials(OLD);
      const children = ["a", "b", "c"].map((name) => start(path, name, 20));
      expect(await Promise.all(children.map(async (child) => (await once(child, "exit"))[0]))).toEqual([0, 0, 0]);
      expect(await profilesOf(path)).toHaveLength(61);
      expect(readdirSync(join(path, "..")).toSorted()).toEqual(["credentials", "credentials.keyturn.json"]);
    },
  );

  it.skipIf(!isBuilt)(
    `is not kept by a process that was killed${isBuilt ? "" : " (SKIPPED: npm run build was not run)"}`,
    async () => {
      const path = credentials(OLD);
      const own = join(path, "..");
      const locks = () => readdirSync(own).filter((name) => name.endsWith(".lock"));
      const child = start(path, "a", 1_000_000);
      while ((await profilesOf(path)).length < 5 || locks().length === 0)
        await new Promise((resolve) => setTimeout(resolve, 1));
      child.kill("SIGKILL");
      await once(child, "exit");
      const began = performance.now();
      await at(path).deliver(freshPair());
      expect(performance.now() - began).toBeLessThan(5_000);
      expect(locks()).toEqual([]);
    },
  );

  it("waits for a lock that may be alive elsewhere, and takes away what is too old to be", async () => {
    const path = credentials(OLD);
    const lock = join(path, "..", ".credentials.000000001-01234567-89abcdef-1.lock");
    writeFileSync(lock, "");
    utimesSync(lock, new Date(Date.now() - 19_700), new Date(Date.now() - 19_700));
    const began = performance.now();
    await at(path).deliver(freshPair());
    expect(performance.now() - began).toBeGreaterThan(200);
    expect(existsSync(lock)).toBe(false);
  });

  it("is written to again where a program that knows no lock was faster", async () => {
    const [path, pair] = [credentials(OLD), freshPair()];
    const own = join(path, "..");
    const written: string[] = [];
    const end = everyTurn(() => {
      const isBeingWritten = readdirSync(own).some((name) => /^\.credentials\.[0-9a-f]{12}\.tmp$/.test(name));
      if (!isBeingWritten || written.length > 0) return;
      written.push(path);
      writeFileSync(path, `${OLD}[hasty]\nregion = x\n`);
    });
    for (let tries = 0; tries < 50 && written.length === 0; tries += 1) await at(path).deliver(pair);
    end();
    expect(written).toEqual([path]);
    await at(path).deliver(pair);
    expect(await profilesOf(path)).toEqual(["ci", "hasty"]);
  });
});
