import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { file } from "../../src/escrow/file.ts";
import { CallError, type Escrow } from "../../src/ports.ts";
import { errorOf, expectNoSecret, freshPair } from "../destinations/contract.ts";
import { ACCOUNT, CALLER, openHost } from "../destinations/host.ts";
import { temporaryFolder } from "../support/cli.ts";
import { escrowContract, EXAMPLE_ID } from "./contract.ts";

const root = temporaryFolder();
const { access } = await openHost();
const open = (folder: string, account = ACCOUNT): Escrow =>
  file.parse(parseTarget(`file:${folder}`)).open(access, { ...CALLER, account });
const ownFolder = () => mkdtempSync(join(root, "own-"));
const modeOf = (path: string) => (lstatSync(path).mode & 0o777).toString(8);

const shared = ownFolder();
escrowContract("a folder as escrow", () => ({ open: (account) => open(shared, account) }));

describe("a folder as escrow", () => {
  it("needs no AWS permission", () => {
    expect(file.parse(parseTarget("file")).permissions(CALLER, "eu-west-1")).toEqual([]);
  });

  it("has files of mode 0600 in folders of mode 0700, whatever the umask", async () => {
    const [own, pair, umask] = [join(ownFolder(), "deep", "escrow"), freshPair(), process.umask(0)];
    try {
      await open(own).put("..", pair);
    } finally {
      process.umask(umask);
    }
    const user = join(own, ACCOUNT, "_x2E_.");
    expect([join(own, ".."), own, join(own, ACCOUNT), user].map(modeOf)).toEqual(Array(4).fill("700"));
    expect(readdirSync(user)).toEqual([pair.accessKeyId]);
    expect(modeOf(join(user, pair.accessKeyId))).toBe("600");
    expect(readFileSync(join(user, pair.accessKeyId), "utf8")).toBe(pair.secretAccessKey.reveal());
  });

  it("narrows a folder that others could enter", async () => {
    const own = ownFolder();
    mkdirSync(join(own, ACCOUNT));
    chmodSync(join(own, ACCOUNT), 0o755);
    await open(own).check();
    expect(modeOf(join(own, ACCOUNT))).toBe("700");
  });

  it("passes over whatever else lies in its folders", async () => {
    const [own, pair] = [ownFolder(), freshPair()];
    await open(own).put("ci-bot", pair);
    const account = join(own, ACCOUNT);
    writeFileSync(join(account, ".DS_Store"), "");
    mkdirSync(join(account, "_xZZ_"));
    writeFileSync(join(account, "_xZZ_", EXAMPLE_ID), "x");
    writeFileSync(join(account, "ci-bot", "notes.txt"), "x");
    writeFileSync(join(account, "ci-bot", `.${EXAMPLE_ID}.0123456789ab.tmp`), "half a sec");
    expect(await open(own).list()).toEqual([{ userName: "ci-bot", accessKeyId: pair.accessKeyId }]);
  });

  it("takes with an entry what a killed run left of it", async () => {
    const [own, pair] = [ownFolder(), freshPair()];
    await open(own).put("ci-bot", pair);
    const user = join(own, ACCOUNT, "ci-bot");
    const left = join(user, `.${pair.accessKeyId}.0123456789ab.tmp`);
    writeFileSync(left, pair.secretAccessKey.reveal());
    const later = new Date(Date.now() + 60_000);
    utimesSync(left, later, later); // this machine's clock is not the one that dates files
    writeFileSync(join(user, `.${EXAMPLE_ID}.0123456789ab.tmp`), "another's");
    await open(own).clear("ci-bot", pair.accessKeyId);
    expect(readdirSync(user)).toEqual([`.${EXAMPLE_ID}.0123456789ab.tmp`]);
  });

  it("is refused where the folder is a link or a file", async () => {
    const [own, elsewhere] = [ownFolder(), ownFolder()];
    symlinkSync(elsewhere, join(own, ACCOUNT));
    for (const work of [() => open(own).check(), () => open(own).put("ci-bot", freshPair())]) {
      const error = await errorOf(work);
      expect(error).toBeInstanceOf(InvalidInput);
      expect(error).toMatchObject({ message: `the escrow ${join(own, ACCOUNT)} is not a folder` });
    }
    expect(readdirSync(elsewhere)).toEqual([]);
    writeFileSync(join(own, "file"), "");
    expect(await errorOf(() => open(join(own, "file")).check())).toMatchObject({ kind: "refused", code: "ENOTDIR" });
  });

  it("does not take a secret from what is not a file", async () => {
    const [own, pair] = [ownFolder(), freshPair()];
    mkdirSync(join(own, ACCOUNT, "ci-bot"), { recursive: true });
    writeFileSync(join(own, "elsewhere"), "a secret of somebody else");
    symlinkSync(join(own, "elsewhere"), join(own, ACCOUNT, "ci-bot", pair.accessKeyId));
    expect(await open(own).take("ci-bot", pair.accessKeyId)).toBeNull();
  });

  it("tells by an error without the secret that it cannot be written", async () => {
    const [own, pair] = [ownFolder(), freshPair()];
    mkdirSync(join(own, ACCOUNT), { recursive: true });
    writeFileSync(join(own, ACCOUNT, "ci-bot"), "");
    const error = await errorOf(() => open(own).put("ci-bot", pair));
    expect(error).toBeInstanceOf(CallError);
    expect(error).toMatchObject({ kind: "refused", action: "escrow", resource: `file:${own}`, code: "EEXIST" });
    expectNoSecret(error, pair.secretAccessKey.reveal());
  });

  it("is in the state folder where the target names none, and in the home folder behind a tilde", async () => {
    const [own, before] = [ownFolder(), { ...process.env }];
    try {
      process.env["XDG_STATE_HOME"] = join(own, "state");
      await file.parse(parseTarget("file")).open(access, CALLER).check();
      process.env["HOME"] = own;
      await open("~/escrow").check();
    } finally {
      for (const name of ["XDG_STATE_HOME", "HOME"]) {
        const value = before[name];
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
    expect(readdirSync(join(own, "state", "keyturn", "escrow"))).toEqual([ACCOUNT]);
    expect(readdirSync(join(own, "escrow"))).toEqual([ACCOUNT]);
  });

  it("has no options", () => {
    expect(() => file.parse(parseTarget("file:x?region=eu-west-1"))).toThrow("file has no option region");
  });

  const BUILT = fileURLToPath(new URL("../../dist", import.meta.url));
  const cannot =
    process.geteuid?.() !== 0
      ? " (SKIPPED: only root can give folders away)"
      : existsSync(join(BUILT, "escrow/file.js"))
        ? ""
        : " (SKIPPED: npm run build was not run)";

  it.skipIf(cannot !== "")(`says before a key is made that its folder is read-only${cannot}`, () => {
    const own = ownFolder();
    chmodSync(root, 0o755);
    mkdirSync(join(own, ACCOUNT));
    for (const each of [own, join(own, ACCOUNT)]) {
      chownSync(each, 65534, 65534);
      chmodSync(each, 0o500);
    }
    const script = `
      const [, folder] = process.argv;
      const { file } = await import(${JSON.stringify(`file://${BUILT}/escrow/file.js`)});
      const { parseTarget } = await import(${JSON.stringify(`file://${BUILT}/core/target.js`)});
      process.setgid(65534);
      process.setuid(65534);
      const escrow = file.parse(parseTarget("file:" + folder)).open(null, { account: "${ACCOUNT}" });
      await escrow.check().then(() => console.log("fine"), ({ kind, code }) => console.log(kind, code));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script, own], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(stderr).toBe("");
    expect(stdout).toBe("refused EACCES\n");
  });
});
