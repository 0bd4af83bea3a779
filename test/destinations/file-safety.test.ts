import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { CallError } from "../../src/ports.ts";
import { temporaryFolder } from "../support/cli.ts";
import { errorOf, everyTurn, freshPair, freshUser, userNamed } from "./contract.ts";
import { listing, openFile } from "./file-bench.ts";

const folder = realpathSync(temporaryFolder());
const ownFolder = (mode = 0o700) => {
  const own = mkdtempSync(join(folder, "own-"));
  chmodSync(own, mode);
  return own;
};

/** A file with a key in it. */
async function keyFile(own = ownFolder(), mode = 0o600): Promise<string> {
  const path = join(own, "key.json");
  await openFile(path, freshUser()).deliver(freshPair());
  chmodSync(path, mode);
  return path;
}

const modeOf = (path: string) => `0${(lstatSync(path).mode & 0o777).toString(8).padStart(3, "0")}`;

/** What check and delivery say, which both refuse and leave the folder as it was. */
async function refusalOf(text: string, own: string): Promise<unknown> {
  const before = await listing(own);
  const said: unknown[] = [];
  for (const work of ["check", "deliver"] as const) {
    const error = await errorOf(() => openFile(text, userNamed("ci-bot"))[work](freshPair()));
    if (!(error instanceof InvalidInput)) throw error;
    said.push({ message: error.message, hint: error.hint });
  }
  expect(said[1]).toEqual(said[0]);
  expect(await listing(own)).toEqual(before);
  return said[0];
}

const refused = (place: string, finding: string, hint: string | null) => ({
  message: `file:${place}: ${finding}`,
  hint,
});

const isRoot = process.geteuid?.() === 0;
const notRoot = isRoot ? "" : " (SKIPPED: only root can give files away)";

describe("who can read a file", () => {
  it.each(["0644", "0604", "0664", "0666"])("one of mode %s is refused, and so is reading it", async (mode) => {
    const path = await keyFile(ownFolder(), Number.parseInt(mode, 8));
    expect(await refusalOf(path, join(path, ".."))).toEqual(
      refused(path, `${path} can be read by everybody`, `chmod 600 ${path}`),
    );
    expect(await errorOf(async () => openFile(path, freshUser()).read?.())).toBeInstanceOf(InvalidInput);
  });

  it.each(["0660", "0650", "0700", "0602", "0641"])("one of mode %s is wider than 0640 and refused", async (mode) => {
    const path = await keyFile(ownFolder(), Number.parseInt(mode, 8));
    expect(await refusalOf(path, join(path, ".."))).toEqual(
      refused(path, `${path} has mode ${mode}`, `chmod 600 ${path}`),
    );
  });

  it.each(["0640", "0600", "0400", "0440"])(
    "one of mode %s keeps it, and the file before has no wider one",
    async (mode) => {
      const path = await keyFile(ownFolder(), Number.parseInt(mode, 8));
      await openFile(path, freshUser()).deliver(freshPair());
      expect([modeOf(path), modeOf(`${path}.previous`)]).toEqual([mode, mode]);
    },
  );

  it("a file before that was wider is narrowed", async () => {
    const path = await keyFile();
    writeFileSync(`${path}.previous`, "{}", { mode: 0o666 });
    chmodSync(`${path}.previous`, 0o666);
    await openFile(path, freshUser()).deliver(freshPair());
    expect(modeOf(`${path}.previous`)).toBe("0600");
  });

  it.skipIf(!isRoot)(`owner and group stay what they were${notRoot}`, async () => {
    const path = await keyFile(ownFolder(), 0o640);
    chownSync(path, 4211, 4212);
    await openFile(path, freshUser()).deliver(freshPair());
    for (const each of [path, `${path}.previous`]) {
      const { uid, gid } = lstatSync(each);
      expect({ uid, gid, mode: modeOf(each) }).toEqual({ uid: 4211, gid: 4212, mode: "0640" });
    }
  });

  it.skipIf(!isRoot)(`nobody else can read any of its files for a moment, whatever the umask${notRoot}`, async () => {
    const path = await keyFile(ownFolder(), 0o640);
    chownSync(path, 4211, 4212);
    const own = join(path, "..");
    const umask = process.umask(0);
    const seen = new Set<string>();
    const wide = new Set<string>();
    const watch = () => {
      for (const name of readdirSync(own)) {
        const found = lstatSync(join(own, name), { throwIfNoEntry: false });
        if (found === undefined) continue;
        const shape = name.replace(/\.[0-9a-f]{12}\./, ".*.");
        seen.add(shape);
        const grouped = (found.mode & 0o070) !== 0;
        if ((found.mode & 0o007) !== 0 || (found.mode & 0o110) !== 0 || (grouped && found.gid !== 4212))
          wide.add(`${shape} ${found.mode.toString(8)} ${found.gid}`);
      }
    };
    const end = everyTurn(watch);
    try {
      for (let times = 0; times < 40; times += 1) await openFile(path, freshUser()).deliver(freshPair());
    } finally {
      end();
      process.umask(umask);
    }
    expect([...wide]).toEqual([]);
    expect([...seen].toSorted()).toEqual([
      ".key.json.*.tmp",
      ".key.json.previous.*.tmp",
      "key.json",
      "key.json.previous",
    ]);
  });

  it("a hard link to the file keeps the old key: the file is replaced, not written into", async () => {
    const path = await keyFile();
    linkSync(path, `${path}.link`);
    const before = readFileSync(path, "utf8");
    await openFile(path, freshUser()).deliver(freshPair());
    expect(readFileSync(`${path}.link`, "utf8")).toBe(before);
  });
});

describe("where a file is", () => {
  it("a missing folder is refused with the command that makes it", async () => {
    const own = ownFolder();
    const missing = join(own, "keys");
    expect(await refusalOf(`${missing}/k.json`, own)).toEqual(
      refused(`${missing}/k.json`, `the folder ${missing} does not exist`, `mkdir -p -m 700 ${missing}`),
    );
  });

  it("a folder that is a file is refused", async () => {
    const own = ownFolder();
    writeFileSync(join(own, "keys"), "");
    expect(await refusalOf(`${own}/keys/k.json`, own)).toEqual(
      refused(`${own}/keys/k.json`, `${own}/keys is not a folder`, null),
    );
  });

  it("a file that is a folder is refused", async () => {
    const own = ownFolder();
    mkdirSync(join(own, "k.json"));
    expect(await refusalOf(`${own}/k.json`, own)).toEqual(
      refused(`${own}/k.json`, `${own}/k.json is not a file`, null),
    );
  });

  it("a folder where everybody may rename files is refused, unless its sticky bit is set", async () => {
    const own = ownFolder(0o777);
    expect(await refusalOf(`${own}/k.json`, own)).toEqual(
      refused(`${own}/k.json`, `everybody may rename files in ${own}`, `chmod o-w ${own}`),
    );
    chmodSync(own, 0o1777);
    await openFile(`${own}/k.json`, freshUser()).deliver(freshPair());
  });

  it("a symbolic link is refused, and what it leads to stays", async () => {
    const [own, path] = [ownFolder(), await keyFile()];
    symlinkSync(path, join(own, "k.json"));
    const before = readFileSync(path, "utf8");
    expect(await refusalOf(`${own}/k.json`, own)).toEqual(
      refused(
        `${own}/k.json`,
        `${own}/k.json is a symbolic link`,
        `name the file itself, ${path}, or add ?followSymlinks=yes`,
      ),
    );
    expect(await errorOf(async () => openFile(`${own}/k.json`, freshUser()).read?.())).toBeInstanceOf(InvalidInput);
    expect(readFileSync(path, "utf8")).toBe(before);
  });

  it("a symbolic link is followed with followSymlinks=yes: it stays a link, and its target is replaced", async () => {
    const [own, path, pair] = [ownFolder(), await keyFile(), freshPair()];
    symlinkSync(path, join(own, "k.json"));
    await openFile(`${own}/k.json?followSymlinks=yes`, freshUser()).deliver(pair);
    expect(lstatSync(join(own, "k.json")).isSymbolicLink()).toBe(true);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ AccessKeyId: pair.accessKeyId });
    expect(readdirSync(own)).toEqual(["k.json"]);
  });

  it("a symbolic link that leads nowhere is refused even then", async () => {
    const own = ownFolder();
    symlinkSync(join(own, "gone"), join(own, "k.json"));
    expect(await refusalOf(`${own}/k.json?followSymlinks=yes`, own)).toEqual(
      refused(`${own}/k.json`, `${own}/k.json is a symbolic link`, "it leads nowhere"),
    );
  });

  it("a symbolic link in place of the file before is replaced, not followed", async () => {
    const [path, other] = [await keyFile(), await keyFile()];
    symlinkSync(other, `${path}.previous`);
    const before = readFileSync(other, "utf8");
    await openFile(path, freshUser()).deliver(freshPair());
    expect(readFileSync(other, "utf8")).toBe(before);
    expect(lstatSync(`${path}.previous`).isFile()).toBe(true);
  });

  it("a folder that is a symbolic link is refused below the literal part of the target", async () => {
    const [own, elsewhere] = [ownFolder(), ownFolder()];
    symlinkSync(elsewhere, join(own, "team"));
    const user = userNamed("ci-bot", "/team/");
    const text = `${own}/{path}/{user}.json`;
    for (const work of ["check", "deliver"] as const) {
      const error = await errorOf(() => openFile(text, user)[work](freshPair()));
      expect(error).toBeInstanceOf(InvalidInput);
      expect(error).toMatchObject({
        message: expect.stringContaining(`a symbolic link on the way below ${own}`),
        hint: "remove it, or add ?followSymlinks=yes",
      });
    }
    expect(readdirSync(elsewhere)).toEqual([]);
    await openFile(`${text}?followSymlinks=yes`, user).deliver(freshPair());
    expect(readdirSync(elsewhere)).toEqual(["ci-bot.json"]);
  });

  it("a folder that is a symbolic link may stand in the literal part: whoever wrote the target chose it", async () => {
    const [own, elsewhere] = [ownFolder(), ownFolder()];
    symlinkSync(elsewhere, join(own, "keys"));
    await openFile(`${own}/keys/{user}.json`, userNamed("ci-bot")).deliver(freshPair());
    expect(readdirSync(elsewhere)).toEqual(["ci-bot.json"]);
  });
});

describe("a delivery that cannot be made", () => {
  it("leaves the old file, and nothing else, where the file before cannot be kept", async () => {
    const path = await keyFile();
    mkdirSync(join(`${path}.previous`, "full"), { recursive: true });
    const before = await listing(join(path, ".."));
    const error = await errorOf(() => openFile(path, freshUser()).deliver(freshPair()));
    expect(error).toBeInstanceOf(CallError);
    expect(error).toMatchObject({ kind: "refused", code: expect.stringMatching(/^E/) });
    expect(await listing(join(path, ".."))).toEqual(before);
  });
});
