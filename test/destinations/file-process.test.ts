import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../support/cli.ts";
import { expectNoSecret, freshPair, freshUser } from "./contract.ts";
import { listing, openFile } from "./file-bench.ts";

const NOBODY = 65534;
const folder = temporaryFolder();
chmodSync(folder, 0o755);

function ownFolder(mode = 0o700): string {
  const own = mkdtempSync(join(folder, "own-"));
  chmodSync(own, mode);
  return own;
}

/** A folder of a user that is not root. */
function nobodysFolder(): string {
  const own = ownFolder();
  chownSync(own, NOBODY, NOBODY);
  return own;
}

/** A file of root's with a key in it. */
async function keyFile(own: string, mode = 0o600): Promise<string> {
  const path = join(own, "key.json");
  await openFile(path, freshUser()).deliver(freshPair());
  chmodSync(path, mode);
  return path;
}

const BUILT = fileURLToPath(new URL("../../dist", import.meta.url));
const CHILD = fileURLToPath(new URL("./file-child.mjs", import.meta.url));
const isBuilt = existsSync(join(BUILT, "destinations/file.js"));
const isRoot = process.geteuid?.() === 0;
const cannot = isRoot
  ? isBuilt
    ? ""
    : " (SKIPPED: npm run build was not run)"
  : " (SKIPPED: only root can become another user)";

describe.skipIf(cannot !== "")(`a process that is not root${cannot}`, () => {
  /** A copy that every user of this machine can read. */
  const program = join(folder, "program");

  beforeAll(() => {
    for (const part of ["core", "documents", "host", "destinations"])
      cpSync(join(BUILT, part), join(program, part), { recursive: true });
    copyFileSync(join(BUILT, "ports.js"), join(program, "ports.js"));
    copyFileSync(CHILD, join(program, "child.mjs"));
    writeFileSync(join(program, "package.json"), '{"type":"module"}');
  });

  const argumentsFor = (target: string, work: string) => {
    const { accessKeyId, secretAccessKey } = freshPair();
    const order = { target, userName: "ci-bot", accessKeyId, work, secretAccessKey: secretAccessKey.reveal() };
    return { order, list: [process.execPath, join(program, "child.mjs"), program, JSON.stringify(order)] };
  };

  function run(
    path: string,
    work: "check" | "deliver" | "read",
    { gid = NOBODY, limit = "" } = {},
  ): Readonly<Record<string, unknown>> {
    const { order, list } = argumentsFor(`file:${path}`, work);
    const { stdout, stderr } = spawnSync("sh", ["-c", `${limit} exec "$@"`, "sh", ...list], {
      cwd: "/",
      uid: NOBODY,
      gid,
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(stderr).toBe("");
    expectNoSecret(stdout, order.secretAccessKey);
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  function start(target: string, work: string): ChildProcess {
    const [command = "", ...list] = argumentsFor(target, work).list;
    return spawn(command, list, { cwd: "/", uid: NOBODY, gid: NOBODY, stdio: "ignore" });
  }

  it("delivers to a file of its own", async () => {
    const own = nobodysFolder();
    expect(run(`${own}/{user}.json`, "check")).toEqual({ name: "done" });
    expect(run(`${own}/{user}.json`, "deliver")).toEqual({ name: "done" });
    expect(run(`${own}/{user}.json`, "deliver")).toEqual({ name: "done" });
    expect(readdirSync(own)).toEqual(["ci-bot.json", "ci-bot.json.previous"]);
    expect(lstatSync(join(own, "ci-bot.json"))).toMatchObject({ uid: NOBODY });
  });

  it.each(["check", "deliver"] as const)("is refused another user's file: %s", async (work) => {
    const own = nobodysFolder();
    const path = await keyFile(own, 0o640);
    chownSync(path, 4211, NOBODY);
    const before = await listing(own);
    expect(run(path, work)).toMatchObject({
      name: "InvalidInput",
      message: `file:${path}: ${path} belongs to another user (uid 4211)`,
      hint: "run keyturn as that user, or name another file",
    });
    expect(await listing(own)).toEqual(before);
  });

  it("is refused a file of a group that it is not in, which it could not give back", async () => {
    const own = nobodysFolder();
    const path = await keyFile(own, 0o640);
    chownSync(path, NOBODY, 4212);
    expect(run(path, "deliver")).toMatchObject({
      name: "InvalidInput",
      message: expect.stringContaining("belongs to a group that this process is not in (gid 4212)"),
    });
    expect(run(path, "deliver", { gid: 4212 })).toEqual({ name: "done" });
    expect(lstatSync(path)).toMatchObject({ uid: NOBODY, gid: 4212 });
  });

  it.each(["check", "deliver"] as const)("is refused a folder that it cannot write to: %s", async (work) => {
    const own = ownFolder(0o755);
    expect(run(`${own}/k.json`, work)).toMatchObject({
      name: "InvalidInput",
      message: `file:${own}/k.json: the folder ${own} is not writable for this process`,
    });
    expect(readdirSync(own)).toEqual([]);
  });

  it("is refused a folder that it could not sync", () => {
    const own = nobodysFolder();
    chmodSync(own, 0o300);
    expect(run(`${own}/k.json`, "deliver")).toMatchObject({
      name: "InvalidInput",
      message: `file:${own}/k.json: the folder ${own} is not readable for this process, which has to sync it`,
    });
    expect(readdirSync(own)).toEqual([]);
  });

  it("is told where it cannot even look", async () => {
    const own = ownFolder();
    expect(run(`${own}/k.json`, "check")).toMatchObject({ name: "InvalidInput" });
    expect(run(`${own}/k.json`, "read")).toMatchObject({ name: "CallError", kind: "refused", code: "EACCES" });
  });

  it("is told that it cannot read a file", async () => {
    const own = nobodysFolder();
    const path = await keyFile(own);
    expect(run(path, "read")).toMatchObject({
      name: "InvalidInput",
      message: `file:${path}: ${path} cannot be read by this process`,
    });
  });

  it.each([
    ["a new file", 0],
    ["an existing file", 1],
  ])("a disk that takes no more bytes leaves %s as it was, and no temporary file", async (_, deliveries) => {
    const own = nobodysFolder();
    if (deliveries > 0) expect(run(`${own}/k.json`, "deliver")).toEqual({ name: "done" });
    const before = await listing(own);
    expect(run(`${own}/k.json`, "deliver", { limit: "ulimit -f 0;" })).toMatchObject({
      name: "CallError",
      kind: "refused",
      code: "EFBIG",
    });
    expect(await listing(own)).toEqual(before);
  });

  it("killed at any time leaves the old file or the new one, never a part, and the next delivery works", async () => {
    const own = nobodysFolder();
    const path = join(own, "k.json");
    expect(run(path, "deliver")).toEqual({ name: "done" });
    for (let times = 0; times < 5; times += 1) {
      const { ino } = lstatSync(path);
      const child = start(`file:${path}`, "deliver for ever");
      while (child.exitCode === null && lstatSync(path).ino === ino)
        await new Promise((resolve) => setTimeout(resolve, 1));
      await new Promise((resolve) => setTimeout(resolve, 3 * times));
      expect(child.exitCode).toBeNull();
      child.kill("SIGKILL");
      await once(child, "exit");
      for (const each of [path, `${path}.previous`].filter((name) => existsSync(name)))
        expect(JSON.parse(readFileSync(each, "utf8"))).toMatchObject({
          Version: 1,
          SecretAccessKey: expect.stringMatching(/^.{40}$/),
        });
      expect(lstatSync(path).mode & 0o777).toBe(0o600);
    }
    expect(run(path, "deliver")).toEqual({ name: "done" });
  });
});
