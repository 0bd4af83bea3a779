import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PutParameterCommand } from "@aws-sdk/client-ssm";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Owner } from "../../src/core/owner.ts";
import { createFile } from "../../src/host/atomic-file.ts";
import type { SealedPair } from "../../src/ports.ts";
import { openAge } from "../../src/seal/age.ts";
import { openFernet } from "../../src/seal/fernet.ts";
import { newFernetKey } from "../../src/seal/fernet-token.ts";
import { freshPair, freshUser } from "../destinations/contract.ts";
import { type AwsHost, startAws, whySkipped } from "../destinations/host.ts";
import { temporaryFolder } from "../support/cli.ts";
import { keyturnHere, speak, typed, withInput } from "../support/in-process.ts";
import { motoMissing } from "../support/moto.ts";

const OWNER: Owner = { address: "owner@example.com", instruction: "", recipient: null };

const mailOf = ({ accessKeyId, secretAccessKey, howToOpen }: SealedPair) =>
  `Access Key: ${accessKeyId}\r\nSecret Access Key: ${secretAccessKey}\r\n\r\n${howToOpen}\r\n`;

/** A file of this text in a folder of its own. */
function fileOf(text: string): string {
  const file = join(temporaryFolder(), "file");
  writeFileSync(file, text);
  return file;
}

describe.skipIf(motoMissing !== null)(`keyturn decrypt, with a key in Parameter Store${whySkipped}`, () => {
  let aws: AwsHost;
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws?.stop());

  it("opens what its mail says, with the words of the mail, from a pipe or a file", async () => {
    const [user, first, second] = [freshUser(), freshPair(), freshPair()];
    const sealer = openFernet(aws.host.access, { prefix: "/ikr/secret/iam", kmsKeyId: null, region: null });
    const mails = [await sealer.seal(user, OWNER, first), await sealer.seal(user, OWNER, second)].map(mailOf);
    const [mail = "", later = ""] = mails;
    const [, command = ""] = /With keyturn: keyturn (decrypt .*?) reads/.exec(mail) ?? [];
    const piped = await withInput(mail, () => typed(command.split(" "), aws.proxy.url));
    expect(piped).toEqual({ code: 0, err: "", out: `${first.accessKeyId}\n${first.secretAccessKey.reveal()}` });

    const options = ["--user", user.userName, "--in", fileOf(later), "--format", "json"];
    const json = await typed(["decrypt", "--version", "2", ...options], aws.proxy.url);
    expect(JSON.parse(json.out)).toEqual({
      schema: "keyturn/decrypt/v1",
      AccessKeyId: second.accessKeyId,
      SecretAccessKey: second.secretAccessKey.reveal(),
    });
    expect((await typed(["decrypt", ...options], aws.proxy.url)).out).toBe(json.out);

    const wrong = await typed(["decrypt", "--version", "1", ...options], aws.proxy.url);
    expect(wrong).toMatchObject({ code: 2, out: "" });
    expect(wrong.err).toMatch(/^error: Fernet text 1 does not open with this key\nhint: .*version/);
  });

  it("says what is missing: the version, the permission, the region, the key", async () => {
    const Name = "/ikr/secret/iam/somebody";
    await aws.ssm.send(new PutParameterCommand({ Name, Type: "SecureString", Value: "hunter2" }));
    const decrypt = (...words: readonly string[]) =>
      typed(["decrypt", "--in", fileOf("gAAAAA"), ...words], aws.proxy.url, { AWS_CONFIG_FILE: "/dev/null" });
    expect((await decrypt("--user", "somebody", "--version", "7")).err).toContain(
      `there is no SSM parameter ${Name}:7 (ParameterVersionNotFound)`,
    );
    expect((await decrypt("--parameter", "/nobody:1")).err).toContain("there is no SSM parameter /nobody:1");
    const odd = await decrypt("--parameter", Name);
    expect(odd).toMatchObject({ code: 2, out: "" });
    expect(odd.err).toContain(`the SSM parameter ${Name} holds no Fernet key`);
    expect(odd.err).not.toContain("hunter2");
    aws.proxy.before = () => ({ kind: "error", status: 400, code: "AccessDeniedException" });
    expect((await decrypt("--parameter", Name)).err).toMatch(/you may not read .*\nhint: ssm:GetParameter/);
    aws.proxy.reset();
    expect((await decrypt("--parameter", "a b")).err).toContain('"a b" is not a parameter and its version');
  });
});

describe("keyturn decrypt, without AWS", () => {
  const sealed = async () => {
    const [identity, pair] = [await generateIdentity(), freshPair()];
    const owner = { ...OWNER, recipient: await identityToRecipient(identity) };
    return { identity, pair, mail: mailOf(await openAge({ recipientsFrom: null }).seal(freshUser(), owner, pair)) };
  };

  it("opens age with an identity file, into a new file that nobody else can read", async () => {
    const { identity, pair, mail } = await sealed();
    const words = ["decrypt", "--identity", fileOf(`# me\n${identity}\n`), "--in", fileOf(mail)];
    const out = join(temporaryFolder(), "key.txt");
    expect(await keyturnHere([...words, "--out", out])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: `written to ${out}\n`,
    });
    expect(readFileSync(out, "utf8")).toBe(`${pair.accessKeyId}\n${pair.secretAccessKey.reveal()}\n`);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    writeFileSync(out, "kept");
    const again = await keyturnHere([...words, "--out", out]);
    expect(again).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("exists already") });
    expect(readFileSync(out, "utf8")).toBe("kept");
    const early = await keyturnHere(["decrypt", "--identity", "/nowhere/key", "--out", out]);
    expect(early.stderr).toContain("exists already"); // found out before anything is read
    await expect(createFile(out, "text")).rejects.toMatchObject({ code: "EEXIST" });
    expect(readFileSync(out, "utf8")).toBe("kept");
    const nowhere = await keyturnHere([...words, "--out", "/nowhere/key.txt"]);
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be written (ENOENT)") });
  });

  it("takes a Fernet key from a file, or from standard input where the text comes from a file", async () => {
    const key = newFernetKey().reveal();
    const text = fileOf("Key: gAAAAA");
    const [fromFile, fromPipe] = [
      await speak(["decrypt", "--key-file", fileOf(`${key}\n`), "--in", text]),
      await withInput(`${key}\n`, () => speak(["decrypt", "--in", text])),
    ];
    for (const { code, err } of [fromFile, fromPipe])
      expect([code, err]).toEqual([2, expect.stringContaining("Fernet text 1 is cut")]);
    const wrong = await speak(["decrypt", "--key-file", fileOf("hunter2"), "--in", text]);
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringMatching(/file is not a Fernet key\nhint: it has 44/)]);
    expect(wrong.err).not.toContain("hunter2");
  });

  it.each<[readonly string[], string]>([
    [[], "what opens it? no key is named"],
    [["--user", "a", "--identity", "b"], "--user and --identity name different keys"],
    [["--version", "3"], "--version goes with --user"],
    [["--identity", "/nowhere/key"], "/nowhere/key cannot be read (ENOENT)"],
    [["--key-file", "/tmp"], "/tmp cannot be read (EISDIR)"],
    [["--user", "a", "--version", "0"], "is not a whole number from 1"],
    [["gAAAAA"], "too many arguments"],
  ])("refuses %j", async (words, message) => {
    const { code, out, err } = await speak(["decrypt", ...words]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(message);
    expect(existsSync("key.txt")).toBe(false);
  });
});
