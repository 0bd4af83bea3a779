import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { STSClient } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { file } from "../../src/destinations/file.ts";
import { sesSmtpPassword } from "../../src/documents/fields.ts";
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
import { clock, dotenvFormat, fileBench, jsonFormat, listing, openFile } from "./file-bench.ts";
import { CALLER } from "./host.ts";

const folder = temporaryFolder();
const ownFolder = () => mkdtempSync(join(folder, "own-"));
const traits = {
  readable: true,
  remembers: true,
  stages: false,
  hasDocument: true,
  failures: ["the file before cannot be kept"],
};

for (const format of [jsonFormat, dotenvFormat]) {
  const bench = fileBench(folder, format);
  destinationContract(`a ${format.extension} file`, traits, () => bench);
}

const permissionsOf = (path: string) => `0${(statSync(path).mode & 0o777).toString(8)}`;

describe("a file", () => {
  it("needs no AWS permission, can be read back, and is no stream", () => {
    expect(file.parse(parseTarget("file:x.json")).permissions(CALLER, "eu-west-1")).toEqual([]);
    expect({ readable: file.readable, isStream: file.isStream }).toEqual({ readable: true, isStream: false });
  });

  it("is made with mode 0600, and so is the file before it", async () => {
    const [own, user] = [ownFolder(), userNamed("ci-bot")];
    await openFile(`${own}/{user}.json`, user).deliver(freshPair());
    await openFile(`${own}/{user}.json`, user).deliver(freshPair());
    expect(readdirSync(own)).toEqual(["ci-bot.json", "ci-bot.json.previous"]);
    expect(readdirSync(own).map((name) => permissionsOf(join(own, name)))).toEqual(["0600", "0600"]);
  });

  it("bears the date of AWS's clock, not of this machine's", async () => {
    const path = join(ownFolder(), "key.json");
    await openFile(path, freshUser()).deliver(freshPair());
    expect(statSync(path).mtimeMs).toBe(clock.now());
  });

  it("keeps the file before as NAME.previous, which holds the older key", async () => {
    const [path, user, first, second] = [join(ownFolder(), "key.json"), freshUser(), freshPair(), freshPair()];
    await openFile(path, user).deliver(first);
    const before = readFileSync(path, "utf8");
    await openFile(path, user).deliver(second);
    expect(readFileSync(`${path}.previous`, "utf8")).toBe(before);
    expect(JSON.parse(before)).toMatchObject({ AccessKeyId: first.accessKeyId });
  });

  it("keeps no file before with backup=no, and then remembers nothing", async () => {
    const [own, user] = [ownFolder(), freshUser()];
    for (const pair of [freshPair(), freshPair()]) await openFile(`${own}/key.json?backup=no`, user).deliver(pair);
    expect(readdirSync(own)).toEqual(["key.json"]);
    expect((await openFile(`${own}/key.json?backup=no`, user).readPast?.())?.history).toEqual([]);
  });

  it.each(["this is not JSON", "[]", '"text"', "null", "12", '{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"'])(
    "that holds %s is refused, quoted nowhere, and left as it is",
    async (content) => {
      const own = ownFolder();
      writeFileSync(join(own, "key.json"), content, { mode: 0o600 });
      const before = await listing(own);
      const destination = openFile(`${own}/key.json`, freshUser());
      for (const work of [
        () => destination.check(),
        async () => destination.read?.(),
        () => destination.deliver(freshPair()),
      ]) {
        const error = await errorOf(work);
        expect(error).toBeInstanceOf(InvalidInput);
        expect(error).toMatchObject({ message: expect.stringContaining("holds") });
        if (content.length > 4) expectNoSecret(error, content);
      }
      expect(await listing(own)).toEqual(before);
    },
  );

  it("that is not UTF-8 is refused: what is not understood could not be kept", async () => {
    const own = ownFolder();
    for (const name of ["key.json", "key.env"]) {
      const bytes = Buffer.concat([Buffer.from("# caf\u00e9\n", "latin1"), Buffer.from("A=1\n")]);
      writeFileSync(join(own, name), bytes, { mode: 0o600 });
      const error = await errorOf(() => openFile(join(own, name), freshUser()).deliver(freshPair()));
      expect(error).toMatchObject({ name: "InvalidInput", message: expect.stringContaining("UTF-8") });
      expect(readFileSync(join(own, name)).equals(bytes)).toBe(true);
    }
  });

  it.each(["", " \n", "{}"])("that is empty (%j) becomes a whole document", async (content) => {
    const [path, pair] = [join(ownFolder(), "key.json"), freshPair()];
    writeFileSync(path, content, { mode: 0o600 });
    await openFile(path, freshUser()).check();
    await openFile(path, freshUser()).deliver(pair);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      Version: 1,
      AccessKeyId: pair.accessKeyId,
      SecretAccessKey: pair.secretAccessKey.reveal(),
    });
  });

  it("adds no Version to a document of somebody's own", async () => {
    const path = join(ownFolder(), "key.json");
    writeFileSync(path, '{"bucket":"reports"}', { mode: 0o600 });
    await openFile(path, freshUser()).deliver(freshPair());
    expect(Object.keys(JSON.parse(readFileSync(path, "utf8")) as object)).toEqual([
      "bucket",
      "AccessKeyId",
      "SecretAccessKey",
    ]);
  });

  it("is what the AWS SDK takes from credential_process", async () => {
    const [own, pair] = [ownFolder(), freshPair()];
    await openFile(`${own}/key.json`, freshUser()).deliver(freshPair());
    await openFile(`${own}/key.json`, freshUser()).deliver(pair);
    const config = join(own, "config");
    writeFileSync(config, `[profile rotated]\nregion = eu-west-1\ncredential_process = cat ${own}/key.json\n`);
    process.env["AWS_CONFIG_FILE"] = config;
    try {
      const { credentials } = new STSClient({ profile: "rotated" }).config;
      expect(await credentials()).toMatchObject(seenOf(pair));
    } finally {
      delete process.env["AWS_CONFIG_FILE"];
    }
  });

  it("has the fields that the target names", async () => {
    const [path, user, pair] = [join(ownFolder(), "key.json"), userNamed("mailer"), freshPair()];
    const target = `${path}?field.user=userName&field.id=accessKeyId&field.pass=sesSmtpPassword&sesRegion=eu-central-1`;
    await openFile(target, user).deliver(pair);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      user: "mailer",
      id: pair.accessKeyId,
      pass: sesSmtpPassword(pair.secretAccessKey.reveal(), "eu-central-1"),
    });
    expect((await openFile(target, user).read?.())?.accessKeyId).toBe(pair.accessKeyId);
    expect(await secretIn(openFile(target, user), pair.accessKeyId)).toBeNull();
  });

  it.each([".env", "app.env", ".env.production", ".envrc"])("named %s is dotenv", async (name) => {
    const own = ownFolder();
    await openFile(`${own}/${name}`, freshUser()).deliver(freshPair());
    expect(readFileSync(join(own, name), "utf8")).toMatch(/^AWS_ACCESS_KEY_ID=/);
  });

  it("takes the format that the target names, whatever the file is called", async () => {
    const own = ownFolder();
    await openFile(`${own}/credentials?format=dotenv`, freshUser()).deliver(freshPair());
    expect(readFileSync(join(own, "credentials"), "utf8")).toMatch(
      /^AWS_ACCESS_KEY_ID=AKIA\w+\nAWS_SECRET_ACCESS_KEY=/,
    );
    await openFile(`${own}/.env?format=json`, freshUser()).deliver(freshPair());
    expect(JSON.parse(readFileSync(join(own, ".env"), "utf8"))).toMatchObject({ Version: 1 });
  });

  it("whose file before holds something else still tells what it serves", async () => {
    const [path, pair] = [join(ownFolder(), "key.json"), freshPair()];
    await openFile(path, freshUser()).deliver(pair);
    writeFileSync(`${path}.previous`, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\n", { mode: 0o600 });
    expect(await openFile(path, freshUser()).readPast?.()).toEqual({ pending: null, history: [] });
    expect((await openFile(path, freshUser()).read?.())?.accessKeyId).toBe(pair.accessKeyId);
  });

  it("is not one user's key and another's file before", async () => {
    const own = ownFolder();
    const [bot, hostile] = [userNamed("bot"), userNamed("bot.previous")];
    await openFile(`${own}/{user}`, bot).deliver(freshPair());
    expect(() => openFile(`${own}/{user}`, hostile)).toThrow(InvalidInput);
    await openFile(`${own}/{user}?backup=no`, hostile).check();
    await openFile(`${own}/{user}.json`, hostile).deliver(freshPair());
  });

  it("may be told by a tilde, which is the home folder", async () => {
    const [own, home] = [ownFolder(), process.env["HOME"]];
    process.env["HOME"] = own;
    try {
      await openFile("~/{user}.json", userNamed("ci-bot")).deliver(freshPair());
    } finally {
      process.env["HOME"] = home;
    }
    expect(readdirSync(own)).toEqual(["ci-bot.json"]);
  });

  it("whose name has no room for .previous blocks its user before anything is done", () => {
    const longest = `${folder}/${"n".repeat(241)}`;
    expect(() => openFile(`${longest}.json`, freshUser())).not.toThrow();
    expect(() => openFile(`${longest}n.json`, freshUser())).toThrow("longer than files can have");
  });

  it("with a name as long as it may be can be delivered to", async () => {
    const path = join(ownFolder(), `${"n".repeat(241)}.json`);
    for (const pair of [freshPair(), freshPair()]) await openFile(path, freshUser()).deliver(pair);
    expect(statSync(`${path}.previous`).isFile()).toBe(true);
  });

  it("whose name ends where a path of no folders begins is refused for that user", async () => {
    const own = ownFolder();
    expect(() => openFile(`${own}/{path}`, userNamed("rooted"))).toThrow(InvalidInput);
    await openFile(`${own}/{path}`, userNamed("pathed", "/team/")).check();
  });

  it.each([
    ["file:", "names no file"],
    ["file:keys/", "names no file"],
    ["file:k.json?format=yaml", "there is no format yaml"],
    ["file:k.json?backup=maybe", "backup is yes or no"],
    ["file:k.json?followSymlinks=1", "followSymlinks is yes or no"],
    ["file:k.json?mode=0644", "file has no option mode"],
    ["file:k.json?field.a=accessKeyID", '"accessKeyID" is nothing that a field can hold'],
    ["file:k.json?field.a=accessKeyId", "no field holds a secret"],
    ["file:k.json?field.b=secretAccessKey", "no field holds the accessKeyId"],
    ["file:k.json?field.=accessKeyId&field.b=secretAccessKey", "a field has no name"],
    ["file:k.json?field.a=accessKeyId&field.b=sesSmtpPassword", "made for one region"],
    ["file:.env?field.a-b=accessKeyId&field.b=secretAccessKey", "cannot be the name of a variable"],
    ["file:.env?field.a%0Ab=accessKeyId&field.b=secretAccessKey", "cannot be the name of a variable"],
    ["file:.env?field.1a=accessKeyId&field.b=secretAccessKey", "cannot be the name of a variable"],
  ])("%s is refused, by its own name", (text, message) => {
    const parse = () => file.parse(parseTarget(text));
    expect(parse).toThrow(InvalidInput);
    expect(parse).toThrow(message);
    expect(parse).toThrow(text);
  });

  it("is never seen half written by a reader who reads all the time", async () => {
    const [path, user] = [join(ownFolder(), "key.json"), freshUser()];
    const destination = openFile(path, user);
    await destination.deliver(freshPair());
    const ids = new Set<unknown>();
    const wrong: string[] = [];
    const end = everyTurn(() => {
      const text = readFileSync(path, "utf8");
      const [, id, secret] =
        /^\{\n {2}"Version": 1,\n {2}"AccessKeyId": "(\w{20})",\n {2}"SecretAccessKey": "([^"]{40})"\n\}\n$/.exec(
          text,
        ) ?? [];
      if (id === undefined || secret?.endsWith(id.slice(-5)) !== true) wrong.push(text);
      else ids.add(id);
    });
    for (let times = 0; times < 60; times += 1) await destination.deliver(freshPair());
    end();
    expect(wrong).toEqual([]);
    expect(ids.size).toBeGreaterThan(10);
  });

  it("is served again by the next run where a run died before the new file took its place", async () => {
    const [own, user, first, second] = [ownFolder(), freshUser(), freshPair(), freshPair()];
    const path = join(own, "key.json");
    await openFile(path, user).deliver(first);
    // What a kill leaves: the file before is kept already, and the new one lies beside the old one.
    await writeFile(`${path}.previous`, readFileSync(path), { mode: 0o600 });
    await writeFile(join(own, ".key.json.0123456789ab.tmp"), '{"Version": 1, "AccessKe', { mode: 0o600 });
    expect((await openFile(path, user).read?.())?.accessKeyId).toBe(first.accessKeyId);
    await openFile(path, user).deliver(second);
    expect((await openFile(path, user).readPast?.())?.history).toEqual([first.accessKeyId]);
    expect((await openFile(path, user).read?.())?.accessKeyId).toBe(second.accessKeyId);
  });

  it("takes away what killed runs left of it an hour ago, and nothing else", async () => {
    const [own, long] = [ownFolder(), new Date(Date.now() - 3_700_000)];
    const names = {
      old: ".key.json.0123456789ab.tmp",
      oldBefore: ".key.json.previous.0123456789ab.tmp",
      fresh: ".key.json.ba9876543210.tmp",
      others: [".other.json.0123456789ab.tmp", ".key.json.bak.tmp", ".key.json.0123456789ab.tmp.txt", "key.json.tmp"],
    };
    for (const name of [names.old, names.oldBefore, names.fresh, ...names.others]) {
      writeFileSync(join(own, name), "a secret");
      if (name !== names.fresh) utimesSync(join(own, name), long, long);
    }
    for (const pair of [freshPair(), freshPair()]) await openFile(`${own}/key.json`, freshUser()).deliver(pair);
    expect(readdirSync(own).toSorted()).toEqual(
      [names.fresh, ...names.others, "key.json", "key.json.previous"].toSorted(),
    );
  });

  it("reads its own first value again after a person has rolled it back", async () => {
    const [path, user, first, second] = [join(ownFolder(), "key.json"), freshUser(), freshPair(), freshPair()];
    for (const pair of [first, second]) await openFile(path, user).deliver(pair);
    writeFileSync(path, readFileSync(`${path}.previous`));
    await chmod(path, 0o600);
    expect((await openFile(path, user).read?.())?.accessKeyId).toBe(first.accessKeyId);
    chmodSync(path, 0o400);
    await openFile(path, user).deliver(second);
    expect(permissionsOf(path)).toBe("0400");
  });
});
