import { lstatSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { type CliResult, keyturn, temporaryFolder } from "../support/cli.ts";
import { emulated } from "../support/emulated.ts";
import { keyturnHere } from "../support/in-process.ts";
import { motoMissing, type SeededKey } from "../support/moto.ts";

const DAY = 86_400;
const TARGET = "aws-profile:rotator";

describe.skipIf(motoMissing !== null)(`the key that signs the run itself ${motoMissing ?? ""}`, () => {
  const { moto, proxy } = emulated();
  let home: string;
  let file: string;
  let old: SeededKey;

  beforeEach(async () => {
    home = temporaryFolder();
    mkdirSync(join(home, ".aws"), { mode: 0o700 });
    file = join(home, ".aws", "credentials");
    const [key] = await moto.seed([{ name: "deployer", path: "/ci/", keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
    if (key === undefined) throw new Error("no key");
    old = key;
    writeFileSync(file, credentials(old.accessKeyId, old.secretAccessKey), { mode: 0o600 });
    writeFileSync(join(home, ".aws", "config"), CONFIG);
  });

  const go = (args: readonly string[]) => keyturn(args, { cwd: home, env: { AWS_ENDPOINT_URL: proxy.url } });
  /** As {@link go}, in this process. */
  const say = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CliResult> =>
    keyturnHere(args, { cwd: home, env: { AWS_ENDPOINT_URL: proxy.url, ...env } });
  const SELF = ["rotate", "--self", "--profile", "rotator", "--settle", "0s", "--yes"];
  const RUN = ["run", "--all-users", "--settle", "0s", "--yes"];
  const signers = () => [...new Set(proxy.calls.map((call) => call.signer))];
  const statuses = async () => (await moto.keys()).map((key) => `${key.accessKeyId} ${key.status}`);
  const keyInFile = () => /\[rotator\][^[]*?aws_access_key_id = (\w+)/.exec(readFileSync(file, "utf8"))?.[1] ?? "";

  /** What a command did besides talking. */
  const effectOf = ({ code, stdout }: CliResult) => ({
    code,
    stdout,
    sent: proxy.calls.map(({ action }) => action).filter((action) => action !== "sts:GetCallerIdentity"),
    file: readFileSync(file, "utf8"),
  });
  const refused = () => ({ code: 2, stdout: "", sent: [], file: credentials(old.accessKeyId, old.secretAccessKey) });

  it("is the one of the profile that the configuration names, where none is typed", async () => {
    writeFileSync(join(home, "keyturn.yaml"), "profile: rotator\n");
    const { code, stderr } = await say(["rotate", "--self", "--settle", "0s", "--yes"]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("switched over: the profile rotator signs in as")]);
    expect(keyInFile()).not.toBe(old.accessKeyId);
  });

  it("is switched over, proved, and retired by a later run that signs with the new one", async () => {
    const { code, stdout, stderr } = await go([...SELF, "--policy", "threshold", "--format", "json"]);
    const successor = keyInFile();
    expect(stderr).toContain(
      `switched over: the profile rotator signs in as arn:aws:iam::123456789012:user/ci/deployer with ${successor}`,
    );
    expect(stderr).toContain(`keyturn run --user deployer --deliver ${TARGET} --policy threshold --profile rotator`);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      users: [{ outcome: "changed", destinations: [`${TARGET}?file=${file}`] }],
    });
    expect(await statuses()).toEqual([`${old.accessKeyId} Active`, `${successor} Active`]);
    const secret = /\[rotator\][^[]*?aws_secret_access_key = (\S+)/.exec(readFileSync(file, "utf8"))?.[1] ?? "";
    expect(readFileSync(file, "utf8")).toBe(credentials(successor, secret));
    expect(stdout + stderr).not.toContain(secret);
    expect(proxy.calls.at(-1)).toMatchObject({ action: "sts:GetCallerIdentity", signer: successor });
    const audit = join(home, "state", "keyturn", "audit.jsonl");
    expect(readFileSync(audit, "utf8")).toContain('"step":"switch-over"');
    expect(readFileSync(audit, "utf8")).not.toContain(secret);
    expect((await keyturn(["audit", "verify", audit])).code).toBe(0);

    proxy.reset();
    await moto.shift(300);
    const second = await go([...RUN, "--profile", "rotator", "--policy", "threshold", "--deliver", TARGET]);
    expect([second.code, second.stderr]).toEqual([0, ""]);
    expect(await statuses()).toEqual([`${old.accessKeyId} Inactive`, `${successor} Active`]);
    await moto.shift(31 * DAY);
    const third = await go([...RUN, "--profile", "rotator", "--policy", "threshold", "--deliver", TARGET]);
    expect([third.code, third.stderr]).toEqual([0, ""]);
    expect(await statuses()).toEqual([`${successor} Active`]);
    expect(signers()).toEqual([successor]);
  });

  it("is told apart from a switch that did not take", async () => {
    proxy.after = ({ action, body }) => {
      // Somebody puts the old file back when everything is recorded.
      if (action === "iam:TagUser" && body.includes("delivered"))
        writeFileSync(file, credentials(old.accessKeyId, old.secretAccessKey));
    };
    const { code, stderr } = await say(SELF);
    expect(stderr).toContain(`error: the profile rotator signs in with ${old.accessKeyId}, not with`);
    expect(stderr).toContain("hint: both keys work");
    expect(code).toBe(1);
  });

  it("is not replaced by a look", async () => {
    const { code, stdout, stderr } = await say([...SELF, "--dry-run"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("1 due");
    expect(keyInFile()).toBe(old.accessKeyId);
  });

  it("blocks its user in ordinary runs, with the way out, and nobody else", async () => {
    await moto.seed([{ name: "other", keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
    mkdirSync(join(home, "keys"), { mode: 0o700 });
    const { code, stdout } = await say([...RUN, "--profile", "rotator", "--deliver", `file:${home}/keys/{user}.json`]);
    expect(code).toBe(1);
    expect(stdout).toContain("own-key");
    expect(stdout).toContain("keyturn rotate --self --profile NAME");
    expect((await moto.keys()).filter((key) => key.userName === "deployer")).toHaveLength(1);
    expect((await moto.keys()).filter((key) => key.userName === "other")).toHaveLength(2);
  });

  it("is switched over by an ordinary run where its destination is the very profile that signs", async () => {
    writeFileSync(file, credentials(old.accessKeyId, old.secretAccessKey).replace("[rotator]", "[deployer]"));
    const { code, stderr } = await say([...RUN, "--deliver", "aws-profile:{user}"], { AWS_PROFILE: "deployer" });
    expect(stderr).toContain("switched over: the profile deployer signs in as");
    expect(code).toBe(0);
    expect(await statuses()).toHaveLength(2);
  });

  it.each([
    [
      ["--profile", "sso"],
      "does not get its credentials from a key in the credentials file: it has sso_session in line 2",
      "nothing but a key",
    ],
    [["--profile", "role"], "takes the one of rotator (source_profile in", "keyturn rotate --self --profile rotator"],
    [["--profile", "in-config"], "the key of the profile in-config stands in", "move its aws_access_key_id"],
    [["--profile", "nobody"], "no key of a profile nobody is in", "aws configure list-profiles"],
    [["--profile", "temporary"], "holds temporary credentials", "a profile of its own"],
    [
      ["--profile", "rotator", "alice"],
      "the profile rotator holds a key of deployer, not of alice",
      "leave the user out",
    ],
    [["--profile", "two words"], '"two words" cannot be the name of a profile', "no spaces"],
  ])("is not looked for where it is not: %j", async (args, message, hint) => {
    const said = await say(["rotate", "--self", "--yes", ...args]);
    expect(said.stderr).toContain(message);
    expect(said.stderr).toContain(hint);
    expect(effectOf(said)).toEqual(refused());
  });

  it("is in one file: a target for the same profile elsewhere is refused", async () => {
    const said = await say([...SELF, "--deliver", `${TARGET}?file=${home}/other`]);
    expect(said.stderr).toContain(
      `${TARGET}?file=${home}/other is not the credentials file that this run is signed from`,
    );
    expect(said.stderr).toContain("leave that --deliver out");
    expect(effectOf(said)).toEqual({ ...refused(), sent: ["iam:GetUser"] });
  });

  it("is found behind a symbolic link, which is followed where that is asked for", async () => {
    const real = join(home, "real");
    renameSync(file, real);
    symlinkSync(real, file);
    const said = await say(SELF);
    expect(said.code).toBe(2);
    expect(said.stderr).toContain(`hint: name the file itself, ${real}, or add ?followSymlinks=yes`);
    // A key in the environment counts for less than a profile that is named.
    const env = { AWS_ACCESS_KEY_ID: "AKIAENVIRONMENT00000", AWS_SECRET_ACCESS_KEY: "x" };
    const followed = await say([...SELF, "--deliver", `${TARGET}?followSymlinks=yes`], env);
    expect(followed.stderr).toContain("switched over");
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
  });

  it("cannot be switched over in the environment", async () => {
    const env = { AWS_ACCESS_KEY_ID: old.accessKeyId, AWS_SECRET_ACCESS_KEY: old.secretAccessKey };
    const said = await say(["rotate", "--self", "--yes"], env);
    expect(said.stderr).toContain("the credentials come from the environment");
    expect(said.stderr).toContain("hint: --profile NAME");
    expect(effectOf(said)).toEqual(refused());
  });

  it("must be asked for: a rotation of nobody is refused", async () => {
    const said = await say(["rotate", "--yes"]);
    expect(said.stderr).toContain("whose key? this command needs a user");
    expect(said.stderr).toContain("--self --profile NAME");
    expect(effectOf(said)).toEqual(refused());
  });
});

const CONFIG = `[profile sso]
sso_session = corp
[profile role]
role_arn = arn:aws:iam::123456789012:role/x
source_profile = rotator
[profile in-config]
aws_access_key_id = AKIAINCONFIGINCONFIG
aws_secret_access_key = x
[profile rotator]
region = eu-west-1
`;

const credentials = (id: string, secret: string) => `# shared by the build
[default]
aws_access_key_id=AKIADEFAULTDEFAULT01
aws_secret_access_key=canary/default

[rotator]
aws_access_key_id = ${id}
aws_secret_access_key = ${secret}
# keep this
[temporary]
aws_access_key_id = ASIATEMPORARY0000000
aws_session_token = t`;
