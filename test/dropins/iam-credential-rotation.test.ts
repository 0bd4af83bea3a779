import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DropInIo } from "../../src/dropins/hand-out.ts";
import { main } from "../../src/dropins/iam-credential-rotation/program.ts";
import { WriteFailed } from "../../src/host/write-all.ts";
import { type CliOptions, keyturn, temporaryFolder } from "../support/cli.ts";
import { emulated } from "../support/emulated.ts";
import { type Call, type Fault } from "../support/fault-proxy.ts";
import { motoMissing, type SeededKey, type UserSeed } from "../support/moto.ts";

const BUILT = fileURLToPath(new URL("../../dist/dropins/iam-credential-rotation/main.js", import.meta.url));
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** The permissions that the tool before asked for. */
const ITS_ACTIONS = [
  "sts:GetCallerIdentity",
  "iam:ListUsers",
  "iam:ListAccessKeys",
  "iam:CreateAccessKey",
  "iam:DeleteAccessKey",
];

const denied: Fault = { kind: "error", status: 403, code: "AccessDenied" };

type Handed = Readonly<Record<string, { readonly AccessKeyId: string; readonly SecretAccessKey: string }>>;

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program in this process. `onWrite` sees each text before it counts as written, and may refuse it. */
async function run(
  args: readonly string[],
  {
    env = {},
    onWrite = () => undefined,
    isDiscarded = false,
  }: { env?: Record<string, string>; onWrite?: (text: string) => void; isDiscarded?: boolean } = {},
): Promise<Ran> {
  let [stdout, stderr] = ["", ""];
  const io: DropInIo = {
    write: async (text) => {
      onWrite(text);
      stdout += text;
    },
    isDiscarded,
    err: (line) => (stderr += `${line}\n`),
  };
  const code = await main(args, io, env);
  return { code, stdout, stderr };
}

const usage = (error: string) =>
  `Usage: iam-credential-rotation [OPTIONS] PATH\nTry 'iam-credential-rotation --help' for help.\n\nError: ${error}\n`;

describe("the command line of iam-credential-rotation", () => {
  it.each([[[]], [["--help"]], [["ci", "--help"]], [["--help", "a", "b", "c"]]])(
    "prints its help for %j, exit 0",
    async (args) => {
      const { code, stdout, stderr } = await run(args);
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^Usage: iam-credential-rotation \[OPTIONS\] PATH\n\n {2}\w/);
      expect(stdout).toMatch(
        /\nOptions:\n {2}-o, --outfile TEXT {2}Write results to TEXT file\n {2}--version {11}Show the version and exit\.\n {2}--help {14}Show this message and exit\.\n$/,
      );
    },
  );

  it("prints its version as click does", async () => {
    expect(await run(["--version"])).toEqual({
      code: 0,
      stdout: `iam-credential-rotation, version ${version}\n`,
      stderr: "",
    });
  });

  it.each([
    [["-o", "x.json"], usage("Missing argument 'PATH'.")],
    [["ci", "prod"], usage("Got unexpected extra argument (prod)")],
    [["ci", "prod", "dev"], usage("Got unexpected extra arguments (prod dev)")],
    [["--", "ci", "-x"], usage("Got unexpected extra argument (-x)")],
    [["--dry-run", "ci"], usage("No such option: --dry-run")],
    [["--out", "x", "ci"], usage("No such option: --out Did you mean --outfile?")],
    [["-h"], usage("No such option: -h")],
    [["ci", "-o"], "Error: Option '-o' requires an argument.\n"],
    [["ci", "--outfile"], "Error: Option '--outfile' requires an argument.\n"],
    [["--help=1"], "Error: Option '--help' does not take a value.\n"],
    [["c"], usage("Invalid value for 'PATH': invalid PATH for IAM Users")],
    [[""], usage("Invalid value for 'PATH': invalid PATH for IAM Users")],
    [["x".repeat(65)], usage("Invalid value for 'PATH': invalid PATH for IAM Users")],
    [["ünï"], usage("Invalid value for 'PATH': invalid PATH for IAM Users")],
    [["ci bots"], usage("Invalid value for 'PATH': invalid PATH for IAM Users")],
    [["//"], usage("Invalid value for 'PATH': invalid PATH for IAM Users")],
    [
      ["-o", "", "ci"],
      usage("Invalid value for '-o' / '--outfile': Invalid outfile filename: the value must not be empty"),
    ],
  ])("refuses %j with click's words and exit 2", async (args, stderr) => {
    expect(await run(args)).toEqual({ code: 2, stdout: "", stderr });
  });

  it.each(["KEYTURN_OVERLAP", "KEYTURN_SETTLE"])("refuses a %s that is no duration, naming it", async (name) => {
    const { code, stderr } = await run(["ci"], { env: { [name]: "soon" } });
    expect(code).toBe(2);
    expect(stderr).toContain(`Error: ${name}: "soon" is not a duration\nhint: `);
  });

  it("without credentials says so with exit 2, where there was a traceback", async () => {
    const { code, stdout, stderr } = await keyturn(["ci"], { main: BUILT });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("Error: Invalid AWS credentials: no AWS credentials were found");
    expect(stderr).not.toContain("--profile"); // it has no such flag
  });
});

describe.skipIf(motoMissing !== null)(`iam-credential-rotation against AWS's emulator ${motoMissing ?? ""}`, () => {
  const { moto, proxy } = emulated({ keep: true });
  /** Scenarios run side by side, each with users of its own: a fault is looked up by the user that a call names. */
  const faults = new Map<string, (call: Call) => Fault | null>();
  const calls: { readonly userName: string; readonly action: string }[] = [];
  const lastUseDenied = new Set<string>();
  const secrets = new Set<string>();
  let everythingSaid = "";
  const before = { ...process.env };

  beforeAll(async () => {
    proxy.before = (call) => {
      const body = new URLSearchParams(call.body);
      const userName = body.get("UserName") ?? "";
      if (lastUseDenied.has(body.get("AccessKeyId") ?? "") && call.action === "iam:GetAccessKeyLastUsed") return denied;
      calls.push({ userName, action: call.action });
      return faults.get(userName)?.(call) ?? { kind: "pass" };
    };
    proxy.overhear = (body) => {
      for (const [, secret = ""] of body.matchAll(/<SecretAccessKey>([^<]+)</g)) secrets.add(secret);
    };
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: proxy.url,
      AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: "eu-west-1",
    });
  });
  afterAll(async () => {
    process.env = before;
  });

  const rotate = async (...[args, options]: Parameters<typeof run>): Promise<Ran & { readonly handed: Handed }> => {
    const ran = await run(args, options);
    everythingSaid += ran.stderr;
    return { ...ran, handed: ran.stdout === "" ? {} : (JSON.parse(ran.stdout) as Handed) };
  };
  const built = (args: readonly string[], options: CliOptions = {}) =>
    keyturn(args, { endpoint: proxy.url, main: BUILT, ...options });
  const keysOf = async (userName: string) => (await moto.keys()).filter((key) => key.userName === userName);
  const idsOf = async (userName: string) => (await keysOf(userName)).map((key) => key.accessKeyId);
  const callsAbout = (userName: string) =>
    calls.filter((each) => each.userName === userName).map((each) => each.action);
  const old = (ageDays: number, usedDaysAgo: number | null = ageDays / 2) => ({ ageDays, usedDaysAgo });
  /** Users on a path of their own; answers with the ids of each one's keys, oldest first. */
  const seed = async (path: string, users: readonly UserSeed[]): Promise<readonly (readonly string[])[]> => {
    const seeded = await moto.seed(users.map((user) => ({ path: `/${path}/`, ...user })));
    const own = (name: string, keys: readonly SeededKey[]) =>
      keys.filter((key) => key.userName === name).map((key) => key.accessKeyId);
    return users.map(({ name }) => own(name, seeded));
  };

  describe.concurrent("reproduces:", () => {
    it("everybody on the path gets a key, whatever the age; the key before stays, the one before that goes", async () => {
      const [none, one, two, below, beside] = await seed("all", [
        { name: "all-none" },
        { name: "all-one", keys: [old(2)] },
        { name: "all-two", keys: [old(30), old(15)] },
        { name: "all-sub", path: "/all/sub/", keys: [old(9)] },
        { name: "all-other", path: "/allies/", keys: [old(99)] },
      ]);
      const { code, stdout, stderr, handed } = await rotate(["all"]);
      expect([code, stderr]).toEqual([0, ""]);
      // The document as the tool before printed it, to the byte, in AWS's order.
      expect(Object.keys(handed)).toEqual(["all-none", "all-one", "all-sub", "all-two"]);
      expect(stdout).toBe(`${JSON.stringify(handed, null, 2)}\n`);
      for (const [userName, { AccessKeyId, SecretAccessKey }] of Object.entries(handed)) {
        expect(Object.keys(handed[userName] ?? {})).toEqual(["AccessKeyId", "SecretAccessKey"]);
        expect(await moto.use(AccessKeyId, { secretAccessKey: SecretAccessKey })).toBe(true);
      }
      const fresh = (name: string) => handed[name]?.AccessKeyId ?? "none";
      expect(none).toEqual([]);
      expect(await idsOf("all-none")).toEqual([fresh("all-none")]);
      expect(await idsOf("all-one")).toEqual([one?.[0], fresh("all-one")]);
      expect(await idsOf("all-two")).toEqual([two?.[1], fresh("all-two")]);
      expect(await idsOf("all-sub")).toEqual([below?.[0], fresh("all-sub")]);
      expect(await idsOf("all-other")).toEqual(beside);
    });

    it("21 users are too many, also where the 21st is on a later page: nothing is touched", async () => {
      await seed(
        "crowd",
        Array.from({ length: 121 }, (_, index) => ({ name: `crowd-${index}`, keys: [old(30)] })),
      );
      expect(await rotate(["crowd"])).toMatchObject({
        code: 2,
        stdout: "",
        stderr: usage("Invalid value: Error: Found 121 IAM Users. This is more than the max allowed of 20."),
      });
      expect((await moto.keys()).filter((key) => key.userName.startsWith("crowd-"))).toHaveLength(121);
    });

    it("a path without users is an error", async () => {
      expect(await rotate(["no-one"])).toMatchObject({
        code: 2,
        stdout: "",
        stderr: usage("No IAM Users found on PATH"),
      });
    });

    it("with -o the file has the document, without a newline at its end, and stdout nothing", async () => {
      const home = temporaryFolder();
      await seed("filed", [{ name: "filed-a" }, { name: "filed-b", keys: [old(30)] }]);
      mkdirSync(join(home, "deep"));
      const file = join(home, "deep", "new keys.json");
      writeFileSync(file, "what stood there before", { mode: 0o644 });
      expect(await rotate(["filed", "--outfile", file])).toMatchObject({ code: 0, stdout: "", stderr: "" });
      const text = readFileSync(file, "utf8");
      const handed = JSON.parse(text) as Handed;
      expect(text).toBe(JSON.stringify(handed, null, 2));
      expect(Object.keys(handed)).toEqual(["filed-a", "filed-b"]);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(readdirSync(join(home, "deep"))).toEqual(["new keys.json"]);
    });
  });

  describe.concurrent("does not have the bugs:", () => {
    it("1: throttled at the third user, the first two have handed out their keys, and the document is whole", async () => {
      const ids = await seed(
        "slow",
        ["a", "b", "c"].map((name) => ({ name: `slow-${name}`, keys: [old(30), old(15)] })),
      );
      faults.set("slow-c", ({ action }) =>
        action === "iam:CreateAccessKey" ? { kind: "error", status: 400, code: "Throttling" } : null,
      );
      const { code, stderr, handed } = await rotate(["slow"]);
      expect(code).toBe(1);
      expect(Object.keys(handed)).toEqual(["slow-a", "slow-b"]);
      expect(stderr).toContain("slow-c: no new key: ");
      expect(stderr).toContain("2 of 3 users got a new key");
      expect(await idsOf("slow-c")).toEqual(ids[2]);
    });

    it("1: each key is handed out before the next user is begun", async () => {
      await seed("each", [
        { name: "each-a", keys: [old(30)] },
        { name: "each-b", keys: [old(30)] },
      ]);
      const begun: boolean[] = [];
      await rotate(["each"], {
        onWrite: (text) => {
          if (text.includes("AccessKeyId")) begun.push(callsAbout("each-b").length > 0);
        },
      });
      expect(begun).toEqual([false, true]);
    });

    it("2: an Inactive newest key does not cost the Active one", async () => {
      const [ids] = await seed("status", [
        { name: "status-a", keys: [old(30, 1), { ...old(15, 10), status: "Inactive" }] },
      ]);
      const { code, handed } = await rotate(["status"]);
      expect(code).toBe(0);
      expect(await idsOf("status-a")).toEqual([ids?.[0], handed["status-a"]?.AccessKeyId]);
    });

    it("2: an Inactive older key makes room, as ever", async () => {
      const [ids] = await seed("status2", [
        { name: "status2-a", keys: [{ ...old(30, 20), status: "Inactive" }, old(15, 1)] },
      ]);
      const { code, handed } = await rotate(["status2"]);
      expect(code).toBe(0);
      expect(await idsOf("status2-a")).toEqual([ids?.[1], handed["status2-a"]?.AccessKeyId]);
    });

    it("2: a user that somebody switched off gets no new key, and the others go on", async () => {
      const [ids] = await seed("off", [
        {
          name: "off-a",
          keys: [
            { ...old(30), status: "Inactive" },
            { ...old(15), status: "Inactive" },
          ],
        },
        { name: "off-b" },
      ]);
      const { code, stderr, handed } = await rotate(["off"]);
      expect(code).toBe(1);
      expect(stderr).toContain("off-a: every key of the user is Inactive");
      expect(Object.keys(handed)).toEqual(["off-b"]);
      expect(await idsOf("off-a")).toEqual(ids);
    });

    it("4: a file that cannot be written is found out before anything is touched", async () => {
      const home = temporaryFolder();
      await seed("unwritable", [{ name: "unwritable-a", keys: [old(30)] }]);
      symlinkSync(join(home, "elsewhere.json"), join(home, "link.json"));
      mkdirSync(join(home, "folder"));
      for (const [name, finding] of [
        ["missing/x.json", "ENOENT"],
        ["folder", "is not a file"],
        ["link.json", "is a symbolic link; name the file itself"],
        ["nul\0.json", "has no NUL"],
        [`${"x".repeat(300)}.json`, "ENAMETOOLONG"],
      ] as const) {
        const { code, stdout, stderr } = await rotate(["unwritable", "-o", join(home, name)]);
        expect([code, stdout], name).toEqual([2, ""]);
        expect(stderr).toContain("Error: Invalid value for '-o' / '--outfile': Invalid outfile filename: ");
        expect(stderr).toContain(finding);
      }
      expect(callsAbout("unwritable-a")).toEqual([]);
    });

    it("4: a file that must not be read is not replaced: it may be the only place that has a secret", async () => {
      const folder = temporaryFolder();
      const file = join(folder, "keys.json");
      await seed("unreadable", [{ name: "unreadable-a", keys: [old(30)] }]);
      writeFileSync(file, "{}", { mode: 0o000 });
      const uid = 65_534;
      const isRoot = process.geteuid?.() === 0; // root may read everything
      if (isRoot) chownSync(folder, uid, uid);
      const { code, stderr } = await built(["unreadable", "-o", file], { cwd: folder, ...(isRoot ? { uid } : {}) });
      expect([code, stderr]).toEqual([2, expect.stringContaining("keys.json cannot be written (EACCES)")]);
      expect(callsAbout("unreadable-a")).toEqual([]);
    });

    it("4: a file keeps the entry of a user who is not rotated, where it is still the newest key", async () => {
      const file = join(temporaryFolder(), "keys.json");
      const [, used] = await seed("kept", [
        { name: "kept-a", keys: [old(30)] },
        { name: "kept-b", keys: [old(30, 0.1), old(15)] },
        { name: "kept-c", keys: [old(30, 0.1), old(15)] },
      ]);
      const entry = (AccessKeyId: string | undefined) => ({ AccessKeyId, SecretAccessKey: "s".repeat(40) });
      writeFileSync(
        file,
        JSON.stringify({
          "kept-b": entry(used?.[1]),
          "kept-c": entry("AKIAOLDEROLDEROLDER1"),
          "not-on-the-path": entry("AKIAOLDEROLDEROLDER2"),
        }),
      );
      const { code } = await rotate(["kept", "-o", file]);
      expect(code).toBe(1);
      const now = JSON.parse(readFileSync(file, "utf8")) as Handed;
      expect(Object.keys(now)).toEqual(["kept-a", "kept-b"]);
      expect(now["kept-b"]).toEqual(entry(used?.[1]));
    });

    it("4: a file stays as it was where nobody got a key", async () => {
      const file = join(temporaryFolder(), "keys.json");
      await seed("nobody", [{ name: "nobody-a", keys: [old(30, 0.1), old(15)] }]);
      writeFileSync(file, "something else");
      expect((await rotate(["nobody", "-o", file])).code).toBe(1);
      expect(readFileSync(file, "utf8")).toBe("something else");
    });

    it("5: /ci/ is a path, too", async () => {
      await seed("slashed", [{ name: "slashed-a" }]);
      expect(Object.keys((await rotate(["/slashed/"])).handed)).toEqual(["slashed-a"]);
    });

    it("6: a key in use is not deleted, whatever its age; the others go on", async () => {
      const [ids] = await seed("used", [{ name: "used-a", keys: [old(30, 0.2), old(15)] }, { name: "used-b" }]);
      const { code, stderr, handed } = await rotate(["used"]);
      expect(code).toBe(1);
      expect(stderr).toContain(`used-a: no new key: ${ids?.[0]} was last used`);
      expect(stderr).toContain(`hint: keyturn retire used-a ${ids?.[0]}`);
      expect(Object.keys(handed)).toEqual(["used-b"]);
      expect(await idsOf("used-a")).toEqual(ids);
    });

    it("6: a question that failed is no answer: the user waits, the others go on", async () => {
      const [ids] = await seed("fails", [{ name: "fails-a", keys: [old(30), old(15)] }, { name: "fails-b" }]);
      faults.set("fails-a", ({ action }) =>
        action === "iam:ListUserTags" ? { kind: "error", status: 400, code: "ValidationError" } : null,
      );
      const { code, stderr, handed } = await rotate(["fails"]);
      expect(code).toBe(1);
      expect(stderr).toContain("fails-a: no new key: iam:ListUserTags failed");
      expect(Object.keys(handed)).toEqual(["fails-b"]);
      expect(await idsOf("fails-a")).toEqual(ids);
    });

    it.each([
      ["AccessDenied", 403],
      ["ServiceFailure", 500],
      ["Throttling", 400],
    ])("7: where no key can be created (%s), none is deleted", async (code, status) => {
      const name = `creates-${code}`;
      const [ids] = await seed(name, [{ name, keys: [old(30), old(15)] }]);
      faults.set(name, ({ action }) => (action === "iam:CreateAccessKey" ? { kind: "error", status, code } : null));
      const ran = await rotate([name]);
      expect(ran).toMatchObject({ code: 1, stdout: "{}\n" });
      expect(ran.stderr).toContain("iam:CreateAccessKey");
      expect(await idsOf(name)).toEqual(ids);
      expect(callsAbout(name)).not.toContain("iam:DeleteAccessKey");
    });

    it("7: a slot that came free meanwhile costs no key", async () => {
      const [ids] = await seed("freed", [{ name: "freed-a", keys: [old(30), old(15)] }]);
      faults.set("freed-a", ({ action }) =>
        action === "iam:CreateAccessKey"
          ? {
              kind: "reply",
              status: 200,
              body: "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><UserName>freed-a</UserName><AccessKeyId>AKIANOBODYHASTHISKEY</AccessKeyId><SecretAccessKey>not-a-real-secret</SecretAccessKey><Status>Active</Status></AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>",
            }
          : null,
      );
      const { code, stdout } = await rotate(["freed"]);
      expect([code, stdout]).toEqual([1, "{}\n"]);
      expect(await idsOf("freed-a")).toEqual(ids);
    });
  });

  describe.concurrent("is safe where it was not:", () => {
    it("a second run right after a first one does not delete the key that consumers still have", async () => {
      const [ids] = await seed("twice", [{ name: "twice-a", keys: [old(30)] }]);
      const first = await built(["twice"]);
      const second = await built(["twice"]);
      expect([first.code, second.code, second.stdout]).toEqual([0, 1, "{}\n"]);
      const [fresh] = Object.values(JSON.parse(first.stdout) as Handed);
      expect(second.stderr).toContain(`twice-a: no new key: ${fresh?.AccessKeyId} was delivered `);
      expect(await idsOf("twice-a")).toEqual([ids?.[0], fresh?.AccessKeyId]);
      // If the first run's keys were lost, the message names the way out, and the key in use stays.
      const [, wayOut = ""] = /^hint: if nobody has AKIA\w+, run again after: keyturn (.*)$/m.exec(second.stderr) ?? [];
      const freed = await keyturn([...wayOut.split(" "), "--yes"], { endpoint: proxy.url });
      expect(freed.code, freed.stderr).toBe(0);
      const third = await built(["twice"]);
      expect(Object.keys(JSON.parse(third.stdout) as Handed), third.stderr).toEqual(["twice-a"]);
      expect(await idsOf("twice-a")).toContain(ids?.[0]);
    });

    it("nor does it where the record could not be written", async () => {
      const name = "again-a";
      const [ids] = await seed("again", [
        {
          name,
          keys: [
            { ageDays: 30, usedDaysAgo: null },
            { ageDays: 0.5, usedDaysAgo: null },
          ],
        },
      ]);
      faults.set(name, ({ action }) => (ITS_ACTIONS.includes(action) ? null : denied));
      const { code, stderr } = await rotate(["again"]);
      expect(code).toBe(1);
      expect(stderr).toContain("was delivered 12h ago");
      expect(await idsOf(name)).toEqual(ids);
    });

    it("KEYTURN_OVERLAP shortens the time that both keys stand", async () => {
      const [ids] = await seed("hasty", [
        {
          name: "hasty-a",
          keys: [
            { ageDays: 30, usedDaysAgo: 0.5 },
            { ageDays: 0.5, usedDaysAgo: null },
          ],
        },
      ]);
      const { code, handed } = await rotate(["hasty"], { env: { KEYTURN_OVERLAP: "6h" } });
      expect(code).toBe(0);
      expect(await idsOf("hasty-a")).toEqual([ids?.[1], handed["hasty-a"]?.AccessKeyId]);
    });

    it("a run that is signed with the newest key of a user on the path rotates that user", async () => {
      const [ids] = await seed("self", [{ name: "self-a", keys: [old(30, 20), old(15, 1)] }]);
      const { code, stdout } = await built(["self"], {
        env: { AWS_ACCESS_KEY_ID: ids?.[1] ?? "", AWS_SECRET_ACCESS_KEY: "test" },
      });
      expect(code).toBe(0);
      expect(await idsOf("self-a")).toEqual([ids?.[1], (JSON.parse(stdout) as Handed)["self-a"]?.AccessKeyId]);
    });

    it("the key that signs the run is never deleted, not even where nobody may ask whether it is in use", async () => {
      const [ids] = await seed("signer", [{ name: "signer-a", keys: [old(30), old(15)] }]);
      lastUseDenied.add(ids?.[0] ?? "");
      const { code, stdout, stderr } = await built(["signer"], {
        env: { AWS_ACCESS_KEY_ID: ids?.[0] ?? "", AWS_SECRET_ACCESS_KEY: "test" },
      });
      expect([code, stdout]).toEqual([1, "{}\n"]);
      expect(stderr).toContain(`${ids?.[0]} signs this run`);
      expect(await idsOf("signer-a")).toEqual(ids);
    });

    it("stdout that is closed from the start: nothing is touched", async () => {
      await seed("closed", [{ name: "closed-a", keys: [old(30)] }]);
      const { code, stderr } = await rotate(["closed"], {
        onWrite: () => {
          throw new WriteFailed("EPIPE", 0);
        },
      });
      expect(code).toBe(1);
      expect(stderr).toContain("write on stdout failed: EPIPE");
      expect(callsAbout("closed-a")).toEqual([]);
    });

    it("stdout that is the null device: nothing is touched, for every secret would be lost; with -o it does not matter", async () => {
      await seed("nowhere", [{ name: "nowhere-a", keys: [old(30)] }]);
      const refused = await rotate(["nowhere"], { isDiscarded: true });
      expect([refused.code, refused.stdout]).toEqual([2, ""]);
      expect(refused.stderr).toContain("Error: standard output is closed, or the null device: every new key would be");
      expect(callsAbout("nowhere-a")).toEqual([]);
      const file = join(temporaryFolder(), "keys.json");
      expect((await rotate(["nowhere", "-o", file], { isDiscarded: true })).code).toBe(0);
      expect(Object.keys(JSON.parse(readFileSync(file, "utf8")) as Handed)).toEqual(["nowhere-a"]);
    });

    it("stdout that closes on the way: the key is taken back, its LAST stays, users after it are not touched", async () => {
      const ids = await seed(
        "closes",
        ["a", "b", "c"].map((name) => ({ name: `closes-${name}`, keys: [old(30)] })),
      );
      const { code, stderr } = await run(["closes"], {
        onWrite: (text) => {
          if (text.includes("closes-b")) throw new WriteFailed("EPIPE", 20);
        },
      });
      expect(code).toBe(1);
      expect(stderr).toMatch(/closes-b: no new key: .*EPIPE.*which nobody got, is deleted again/);
      expect(stderr).toContain("1 of 3 users got a new key");
      expect(await idsOf("closes-a")).toHaveLength(2);
      expect(await idsOf("closes-b")).toEqual(ids[1]);
      expect(callsAbout("closes-c")).toEqual([]);
    });

    it("a secret that had left when stdout closed stays: somebody may have read it", async () => {
      await seed("left", [{ name: "left-a", keys: [old(30)] }]);
      const { code, stderr } = await run(["left"], {
        onWrite: (text) => {
          if (text.includes("left-a")) throw new WriteFailed("ENOSPC", text.length - 1);
        },
      });
      expect(code).toBe(1);
      expect(stderr).toContain("left-a: no new key: ");
      expect(await idsOf("left-a")).toHaveLength(2);
    });

    it.each(["stdout", "file"])(
      "a key that was handed out to %s stays handed out, whatever fails after that",
      async (to) => {
        const path = `after-${to}`;
        const [name, file] = [`${path}-a`, join(temporaryFolder(), "keys.json")];
        await seed(path, [{ name, keys: [old(30)] }, { name: `${path}-b` }]);
        let records = 0;
        // The third record says that the key was delivered.
        faults.set(name, ({ action }) => {
          if (action === "iam:TagUser") records += 1;
          return records === 3 ? { kind: "error", status: 400, code: "ValidationError" } : null;
        });
        const { code, stderr, stdout } = await rotate(to === "file" ? [path, "-o", file] : [path]);
        const handed = JSON.parse(to === "file" ? readFileSync(file, "utf8") : stdout) as Handed;
        expect(code).toBe(1);
        expect(stderr).toContain(`${name}: its new key is handed out, but: record-delivered: `);
        expect(stderr).toContain("2 of 2 users got a new key");
        expect(Object.keys(handed)).toEqual([name, `${path}-b`]);
        expect(await idsOf(name)).toContain(handed[name]?.AccessKeyId);
      },
    );

    it("a file in a folder that must not be read is refused: it could be neither locked nor brought to disk", async () => {
      const folder = temporaryFolder();
      await seed("unsure", [{ name: "unsure-a", keys: [old(30)] }]);
      const uid = 65_534;
      const isRoot = process.geteuid?.() === 0; // root may read everything
      if (isRoot) chownSync(folder, uid, uid);
      chmodSync(folder, 0o300);
      const { code, stderr } = await built(["unsure", "-o", join(folder, "keys.json")], {
        ...(isRoot ? { uid } : {}),
        env: { HOME: folder },
      });
      chmodSync(folder, 0o700);
      expect([code, stderr]).toEqual([2, expect.stringContaining("keys.json cannot be written (EACCES)")]);
      expect(callsAbout("unsure-a")).toEqual([]);
    });

    it("a reply that is lost costs nobody a key, and stdout stays whole", async () => {
      const [ids] = await seed("lost", [
        { name: "lost-a", keys: [old(30)] },
        { name: "lost-b", keys: [old(30)] },
      ]);
      faults.set("lost-a", ({ action }) => (action === "iam:CreateAccessKey" ? { kind: "lose-reply" } : null));
      const { code, stdout, stderr } = await built(["lost"]);
      expect(code).toBe(1);
      expect(stderr).toContain("it may have taken effect");
      expect(Object.keys(JSON.parse(stdout) as Handed)).toEqual(["lost-b"]);
      expect((await idsOf("lost-a"))[0]).toBe(ids?.[0]);
      // The same host knows that the run is over, so the next one need not wait for the lease: the orphan is replaced.
      faults.delete("lost-a");
      const next = await built(["lost"]);
      expect(Object.keys(JSON.parse(next.stdout) as Handed)).toEqual(["lost-a"]);
      expect(await idsOf("lost-a")).toHaveLength(2);
    });
  });

  describe("with no more permissions than before", () => {
    it("does what the tool before did, and says once per action what is missing and what it costs", async () => {
      const [ids] = await seed("poor", [
        { name: "poor-a", keys: [old(30, 0.1), old(15)] },
        { name: "poor-b", keys: [old(30)] },
      ]);
      const deny = ({ action }: Call): Fault | null => (ITS_ACTIONS.includes(action) ? null : denied);
      for (const name of ["", "poor-a", "poor-b"]) faults.set(name, deny);
      const { code, stderr, handed } = await rotate(["poor"]);
      faults.delete("");
      expect(code).toBe(0);
      expect(Object.keys(handed)).toEqual(["poor-a", "poor-b"]);
      expect(await idsOf("poor-a")).toEqual([ids?.[1], handed["poor-a"]?.AccessKeyId]);
      const warnings = stderr.trim().split("\n");
      expect(warnings.map((line) => line.slice(0, line.indexOf(" is denied"))).toSorted()).toEqual([
        "warning: iam:GetAccessKeyLastUsed",
        "warning: iam:ListUserTags",
        "warning: iam:TagUser",
      ]);
      for (const line of warnings) expect(line).toMatch(/; grant iam:/);
    });
  });

  describe("as a process", () => {
    it("runs as its page shows, into a pipe and into a file", async () => {
      const home = temporaryFolder();
      await seed("page", [{ name: "page-a", keys: [old(30)] }]);
      // boto3 looks at the environment before a profile; the SDK for JavaScript does not, unless it is told.
      const { code, stdout, stderr } = await built(["page"], { cwd: home, env: { AWS_PROFILE: "nobody" } });
      expect([code, stderr]).toEqual([0, ""]);
      expect(stdout).toBe(`${JSON.stringify(JSON.parse(stdout), null, 2)}\n`);
      await seed("page2", [{ name: "page2-a", keys: [old(30)] }]);
      const filed = await built(["-o", "results.json", "page2"], { cwd: home });
      expect(filed).toMatchObject({ code: 0, stdout: "", stderr: "" });
      expect(Object.keys(JSON.parse(readFileSync(join(home, "results.json"), "utf8")) as Handed)).toEqual(["page2-a"]);
    });

    it("interrupted, finishes the user in progress and closes the document; killed, has handed out what was done", async () => {
      await seed(
        "signal",
        ["a", "b", "c"].map((name) => ({ name: `signal-${name}`, keys: [old(30), old(15)] })),
      );
      await seed(
        "kill",
        ["a", "b"].map((name) => ({ name: `kill-${name}`, keys: [old(30), old(15)] })),
      );
      const stopAt = (path: string, user: string, signal: NodeJS.Signals) =>
        built([path], {
          onStart: (child) =>
            faults.set(user, ({ action }) => {
              // Between the deletion and the creation, where it would hurt most.
              if (action === "iam:DeleteAccessKey") child.kill(signal);
              return null;
            }),
        });
      const [interrupted, killed] = await Promise.all([
        stopAt("signal", "signal-b", "SIGINT"),
        stopAt("kill", "kill-b", "SIGKILL"),
      ]);
      expect(interrupted.code).toBe(130);
      expect(Object.keys(JSON.parse(interrupted.stdout) as Handed)).toEqual(["signal-a", "signal-b"]);
      expect(interrupted.stderr).toContain("2 of 3 users got a new key");
      expect(await idsOf("signal-b")).toHaveLength(2);
      const handed = JSON.parse(`${killed.stdout}}`) as Handed;
      expect(Object.keys(handed)).toEqual(["kill-a"]);
      const { AccessKeyId, SecretAccessKey } = handed["kill-a"] ?? { AccessKeyId: "", SecretAccessKey: "" };
      expect(await moto.use(AccessKeyId, { secretAccessKey: SecretAccessKey })).toBe(true);
    });

    it.each([
      ["> /dev/full", 1],
      [">&-", 2],
    ])("into %s touches nothing", async (target, code) => {
      const path = `exit-${code}`;
      await seed(path, [{ name: `${path}-a`, keys: [old(30)] }]);
      const script = join(temporaryFolder(), "full.sh");
      writeFileSync(script, `exec "${process.execPath}" "${BUILT}" ${path} ${target}\n`);
      chmodSync(script, 0o755);
      const { promisify } = await import("node:util");
      const { execFile } = await import("node:child_process");
      const error: unknown = await promisify(execFile)("sh", [script], { env: process.env }).catch((e: unknown) => e);
      expect(error).toMatchObject({ code });
      expect(callsAbout(`${path}-a`)).toEqual([]);
    });
  });

  it("said no secret on standard error in all of this", () => {
    expect(secrets.size).toBeGreaterThan(10);
    for (const secret of secrets) expect(everythingSaid.includes(secret)).toBe(false);
  });
});
