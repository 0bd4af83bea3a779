import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { main } from "../../src/dropins/rotate-iam-keys/program.ts";
import { WriteFailed } from "../../src/host/write-all.ts";
import { temporaryFolder } from "../support/cli.ts";
import { emulated } from "../support/emulated.ts";
import { type Call } from "../support/fault-proxy.ts";
import { motoMissing } from "../support/moto.ts";

/** A second between two questions to a new key is a thousand times what the emulator takes: in this process nobody sleeps longer. */
const pace = vi.hoisted(() => ({ longestMs: 20 }));
vi.mock(import("node:timers/promises"), async (original) => {
  const timers = await original();
  const setTimeout: typeof timers.setTimeout = (span, ...rest) =>
    timers.setTimeout(Math.min(span ?? 0, pace.longestMs), ...rest);
  return { ...timers, setTimeout };
});

const BIN = fileURLToPath(new URL("../../dist/dropins/rotate-iam-keys/main.js", import.meta.url));
const DAY = 86_400;

/** What the users' page of the script lists, and the question that needs no permission. */
const PAGE_PERMISSIONS = [
  "iam:ListUsers",
  "iam:ListAccessKeys",
  "iam:CreateAccessKey",
  "iam:UpdateAccessKey",
  "iam:DeleteAccessKey",
  "iam:GetAccountSummary",
  "sts:GetCallerIdentity",
];

interface Document {
  readonly execution_time: string;
  readonly dry_run: boolean;
  readonly days_threshold: number;
  readonly rotated_keys: readonly {
    readonly username: string;
    readonly old_key_id: string;
    readonly new_key_id: string | null;
    readonly success: boolean;
    readonly error: string | null;
    readonly dry_run: boolean;
    readonly new_secret_key?: string;
  }[];
  readonly cleanup_results: readonly {
    readonly username: string;
    readonly deleted_keys: readonly string[];
    readonly success: boolean;
    readonly error: string | null;
    readonly dry_run: boolean;
  }[];
  readonly errors: readonly string[];
  readonly summary: Readonly<Record<string, number>>;
}

const user = (name: string, ...keys: readonly { ageDays: number; status?: string; usedDaysAgo?: number }[]) => ({
  name,
  keys,
});

const refuse =
  (action: string) =>
  (call: Call): { kind: "pass" } | { kind: "error"; status: number; code: string } =>
    call.action === action ? { kind: "error", status: 403, code: "AccessDenied" } : { kind: "pass" };

const userIn = (call: Call) => new URLSearchParams(call.body).get("UserName");

async function killed(child: ChildProcess | null): Promise<void> {
  if (child === null) throw new Error("nothing runs");
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

/** An output that breaks when the secret comes, after so many bytes of its entry. */
const breakAtSecret = (written: number) => (text: string) => {
  if (text.includes("new_secret_key")) throw new WriteFailed("ENOSPC", written);
};

const outcome = ({ username, success }: { username: string; success: boolean }) => [username, success];

describe.skipIf(motoMissing !== null)(`rotate-iam-keys against AWS's emulator ${motoMissing ?? ""}`, () => {
  const { moto, proxy } = emulated();
  let home: string;
  beforeAll(async () => {
    vi.stubEnv("AWS_ENDPOINT_URL", proxy.url);
    vi.stubEnv("AWS_ACCESS_KEY_ID", "ASIATESTRUNNER000000");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
    vi.stubEnv("AWS_PROFILE", undefined);
  });
  beforeEach(async () => {
    home = temporaryFolder();
    mkdirSync(join(home, "keys"), { mode: 0o700 });
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
  });

  interface Ran {
    readonly code: number;
    readonly out: string;
    readonly err: string;
    readonly document: () => Document;
  }

  /** The program in this process, in a folder of its own. `sink` sees each text before it counts as written. */
  async function run(
    args: readonly string[],
    { env = {}, sink }: { env?: Record<string, string>; sink?: (text: string, before: string) => void } = {},
  ): Promise<Ran> {
    let out = "";
    let err = "";
    const io = {
      write: async (text: string) => {
        sink?.(text, out);
        out += text;
      },
      isDiscarded: false,
      err: (line: string) => void (err += `${line}\n`),
    };
    const place = { env: { KEYTURN_SETTLE: "0s", ...env }, folder: home };
    const code = await main(args, io, place);
    return { code, out, err, document: () => JSON.parse(out) as Document };
  }

  const JSON_RUN = ["--output-format", "json"];
  const log = () => readFileSync(join(home, "iam_key_rotation.log"), "utf8");
  const statusOf = async (userName: string): Promise<string> =>
    (await moto.keys())
      .filter((key) => key.userName === userName)
      .toSorted((a, b) => (a.createDate < b.createDate ? -1 : 1))
      .map((key) => key.status)
      .join(" ");
  const idsOf = async (userName: string): Promise<readonly string[]> =>
    (await moto.keys()).filter((key) => key.userName === userName).map((key) => key.accessKeyId);
  const changes = () =>
    Object.keys(proxy.counts()).filter((action) => /Create|Update|Delete|Tag/.test(action) && !/List/.test(action));

  describe("rotates in the script's order and reports in the script's words:", () => {
    it("a key over the threshold gets a successor and is Inactive; a young one is left", async () => {
      const [old] = await moto.seed([user("john.doe", { ageDays: 91 }), user("young", { ageDays: 89 })]);
      const { code, out, err, document } = await run(["--days-threshold", "90", "--cleanup-inactive", ...JSON_RUN]);
      const told = document();
      const [entry] = told.rotated_keys;
      expect(Object.keys(told)).toEqual([
        "execution_time",
        "dry_run",
        "days_threshold",
        "rotated_keys",
        "cleanup_results",
        "errors",
        "summary",
      ]);
      expect(Object.keys(entry ?? {})).toEqual([
        "username",
        "old_key_id",
        "new_key_id",
        "success",
        "error",
        "dry_run",
        "new_secret_key",
      ]);
      expect(out).toBe(`${JSON.stringify(told, null, 2)}\n`);
      expect(told.execution_time).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
      expect(entry).toMatchObject({ username: "john.doe", old_key_id: old?.accessKeyId, success: true, error: null });
      expect(told.summary).toEqual({
        total_keys_processed: 1,
        successful_rotations: 1,
        failed_rotations: 0,
        cleanup_operations: 0,
      });
      expect([code, told.errors, told.cleanup_results]).toEqual([0, [], []]);
      expect(await statusOf("john.doe")).toBe("Inactive Active");
      expect(await statusOf("young")).toBe("Active");
      const { new_key_id: id, new_secret_key: secret } = entry ?? {};
      expect(await moto.use(id ?? "", { secretAccessKey: secret ?? "" })).toBe(true);
      expect(statSync(join(home, "iam_key_rotation.log")).mode & 0o777).toBe(0o600);
      for (const text of [log(), err]) {
        expect(text).not.toContain(secret);
        expect(text).toMatch(
          /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - INFO - Creating new access key for user: john.doe$/m,
        );
        expect(text).toContain(`Created new access key ${id} for user john.doe`);
        expect(text).toContain(`Deactivating old access key ${old?.accessKeyId} for user john.doe`);
      }
    });

    it("an empty account is no error, and every list is read to its last page", async () => {
      const empty = await run(JSON_RUN);
      expect(empty.document()).toMatchObject({ rotated_keys: [], cleanup_results: [], errors: [] });
      expect(empty.out).toContain('"rotated_keys": [],\n');
      expect(empty.code).toBe(0);
      await moto.pageSize(1);
      await moto.seed(["a", "b", "c"].map((name) => user(name, { ageDays: 100 })));
      const { document } = await run(JSON_RUN);
      expect(
        document()
          .rotated_keys.map(({ username }) => username)
          .toSorted((a, b) => (a < b ? -1 : 1)),
      ).toEqual(["a", "b", "c"]);
    });

    it("--user limits it to one user, whole days counted; an empty name is every user", async () => {
      await moto.seed([user("john.doe", { ageDays: 90 }), user("other", { ageDays: 90 })]);
      const { document } = await run(["--user", "john.doe", ...JSON_RUN]);
      expect(document().rotated_keys.map(({ username }) => username)).toEqual(["john.doe"]);
      expect(await statusOf("other")).toBe("Active");
      expect((await run(["--user", "", ...JSON_RUN])).document().rotated_keys.map(({ username }) => username)).toEqual([
        "other",
      ]);
    });

    it("an error that ends the run stands in errors, the summary is empty, exit 1", async () => {
      const { code, document, err } = await run(["--user", "nobody", ...JSON_RUN]);
      expect(code).toBe(1);
      expect(document()).toMatchObject({ rotated_keys: [], errors: [expect.stringContaining("nobody")], summary: {} });
      expect(err).toContain("ERROR - Script execution failed: there is no IAM user nobody");
      const text = await run(["--user", "nobody", "--dry-run"]);
      expect([text.code, text.out]).toEqual([1, expect.stringMatching(/^ERROR: there is no IAM user nobody/)]);
    });

    it("a profile that does not exist ends the run, although the machine has a role: that may be of another account", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      vi.stubEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", `${proxy.url}/role`);
      const role = {
        AccessKeyId: "ASIATESTRUNNER000000",
        SecretAccessKey: "test",
        Token: "test",
        Expiration: "2099-01-01T00:00:00Z",
      };
      proxy.before = ({ signer }) =>
        signer === "nobody" ? { kind: "reply", status: 200, body: JSON.stringify(role) } : { kind: "pass" };
      const { code, document } = await run([...JSON_RUN, "--profile", "prodution"]);
      vi.stubEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", undefined);
      expect([code, document().errors, document().summary]).toEqual([
        1,
        [expect.stringMatching(/^the profile "prodution" gives no AWS credentials: there is none of that name; /)],
        {},
      ]);
      expect(proxy.calls).toEqual([]);
    });

    it("the log is refused where it is a symbolic link, before anything is asked", async () => {
      writeFileSync(join(home, "elsewhere"), "");
      symlinkSync(join(home, "elsewhere"), join(home, "iam_key_rotation.log"));
      const { code, document } = await run(JSON_RUN);
      expect([code, document().errors]).toEqual([1, [expect.stringContaining("symbolic link")]]);
      expect(proxy.calls).toEqual([]);
    });
  });

  describe("the command lines of the script's page, with another program's name,", () => {
    beforeEach(() => {
      const keys = "aws_access_key_id = ASIATESTRUNNER000000\naws_secret_access_key = test\n";
      writeFileSync(join(home, "credentials"), `[default]\n${keys}[production]\n${keys}`);
      vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", join(home, "credentials"));
      vi.stubEnv("AWS_ACCESS_KEY_ID", undefined);
    });
    afterEach(() => vi.stubEnv("AWS_ACCESS_KEY_ID", "ASIATESTRUNNER000000"));

    it.each([
      ["--dry-run", "Active"],
      ["--days-threshold 60", "Inactive Active"],
      ["--user john.doe", "Inactive Active"],
      ["--cleanup-inactive", "Inactive Active"],
      ["--output-format json", "Inactive Active"],
      ["--profile production --region us-west-2", "Inactive Active"],
      ["--days-threshold 90 --cleanup-inactive --output-format json", "Inactive Active"],
      ["--dry-run --days-threshold 1", "Active"],
    ])("%s", async (line, expected) => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      const { code, out } = await run(line.split(" "), { env: { KEYTURN_DELIVER: `file:${home}/keys/{user}.json` } });
      expect(out).toMatch(line.includes("json") ? /"successful_rotations": 1,/ : /^Successful Rotations: 1$/m);
      expect([code, await statusOf("john.doe")]).toEqual([0, expected]);
    });
  });

  describe("a secret leaves before the old key is touched:", () => {
    it("the entry is written, whole, when the old key is deactivated", async () => {
      await moto.seed([user("a", { ageDays: 100 }), user("b", { ageDays: 100 })]);
      let written = "";
      const seen: string[] = [];
      proxy.before = ({ action, body }) => {
        if (action === "iam:UpdateAccessKey") {
          const name = new URLSearchParams(body).get("UserName") ?? "";
          const entries = JSON.parse(`${written}]}`) as Document;
          seen.push(...entries.rotated_keys.filter((each) => each.username === name).map((each) => each.username));
        }
        return { kind: "pass" };
      };
      await run(JSON_RUN, { sink: (text, before) => void (written = before + text) });
      expect(seen.toSorted((x, y) => (x < y ? -1 : 1))).toEqual(["a", "b"]);
    });

    it("an output that breaks at the entry: the new keys are removed, the old ones untouched", async () => {
      const old = await moto.seed(["john.doe", "other"].map((name) => user(name, { ageDays: 100 })));
      const { code, err } = await run(JSON_RUN, { sink: breakAtSecret(0) });
      expect(code).toBe(1);
      expect(err.split("Cleaned up failed new key")).toHaveLength(3);
      expect((await moto.keys()).map(({ accessKeyId, status }) => [accessKeyId, status])).toEqual(
        old.map(({ accessKeyId }) => [accessKeyId, "Active"]),
      );
    });

    it("an output that breaks when the secret had left: somebody may have it, so both keys stay", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      const { code } = await run(JSON_RUN, { sink: breakAtSecret(1_000) });
      expect(code).toBe(1);
      expect(await statusOf("john.doe")).toBe("Active Active");
    });

    it("an output that nobody reads, or that is full, is found out before anything is made", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      const nowhere = await bin(JSON_RUN, { stdout: openSync("/dev/full", "w") });
      expect([nowhere.code, nowhere.err]).toEqual([1, expect.stringContaining("nothing was changed")]);
      const closed = await bin(JSON_RUN, { onStart: (child) => child.stdout?.destroy() });
      expect([closed.code, closed.err]).toEqual([1, expect.stringContaining("EPIPE")]);
      expect(changes()).toEqual([]);
    });

    it("the null device, which also stands where the output was closed, is refused unless the key goes elsewhere, too", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      const stdout = openSync("/dev/null", "w");
      const lost = await bin(JSON_RUN, { stdout });
      expect([lost.code, lost.err]).toEqual([
        2,
        expect.stringContaining("standard output is closed, or the null device"),
      ]);
      expect(proxy.calls).toEqual([]);
      const kept = await bin([...JSON_RUN, "--deliver", `file:${home}/keys/{user}.json`], { stdout });
      expect([kept.code, await statusOf("john.doe")]).toEqual([0, "Inactive Active"]);
    });

    it("a reader that goes away after the beginning: the new key is removed, the old one untouched", async () => {
      const [old] = await moto.seed([user("john.doe", { ageDays: 100 })]);
      let child: ChildProcess | null = null;
      proxy.after = async ({ action }) => {
        if (action !== "iam:CreateAccessKey") return;
        await new Promise<void>((resolve) => {
          child?.stdout?.once("close", () => resolve());
          child?.stdout?.destroy();
        });
      };
      const { code } = await bin(JSON_RUN, { onStart: (started) => (child = started) });
      expect(code).toBe(1);
      expect(await idsOf("john.doe")).toEqual([old?.accessKeyId]);
      expect(await statusOf("john.doe")).toBe("Active");
    });

    it("a deactivation that is refused later is an error, not a failed rotation, and later runs make it good", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      proxy.before = refuse("iam:UpdateAccessKey");
      const { code, document } = await run(JSON_RUN);
      expect(code).toBe(1);
      expect(document()).toMatchObject({
        rotated_keys: [{ success: true }],
        errors: [
          expect.stringContaining("User john.doe: the new key was handed out, but the old one may be Active still"),
        ],
        summary: { successful_rotations: 1, failed_rotations: 0 },
      });
      expect(await statusOf("john.doe")).toBe("Active Active");
      proxy.reset();
      // The old key looks like one that a person brought back: IAM gets its time to show who uses it.
      for (const later of [300, 5 * 3600]) {
        await moto.shift(later);
        const again = await run(JSON_RUN);
        expect([again.code, again.document().rotated_keys]).toEqual([0, []]);
      }
      expect(await statusOf("john.doe")).toBe("Inactive Active");
    });

    it("a deactivation that took effect although its answer was an error costs nobody the new key", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      proxy.before = ({ action }) =>
        action === "iam:UpdateAccessKey"
          ? { kind: "error", status: 400, code: "RequestExpired", afterEffect: true }
          : { kind: "pass" };
      const { document } = await run(JSON_RUN);
      const [entry] = document().rotated_keys;
      expect(await statusOf("john.doe")).toBe("Inactive Active");
      expect(await moto.use(entry?.new_key_id ?? "", { secretAccessKey: entry?.new_secret_key ?? "" })).toBe(true);
    });

    it("a kill between the creation and the entry leaves no orphan: the next run removes it and rotates", async () => {
      const [old] = await moto.seed([user("john.doe", { ageDays: 100 })]);
      let child: ChildProcess | null = null;
      proxy.after = async ({ action }) => {
        if (action === "iam:CreateAccessKey") await killed(child);
      };
      await bin(JSON_RUN, { onStart: (started) => (child = started) });
      const orphan = (await idsOf("john.doe")).find((id) => id !== old?.accessKeyId);
      proxy.reset();
      const { code, document } = await run(JSON_RUN);
      expect([code, document().rotated_keys]).toEqual([0, [expect.objectContaining({ username: "john.doe" })]]);
      expect(await idsOf("john.doe")).not.toContain(orphan);
      expect(await statusOf("john.doe")).toBe("Inactive Active");
    });

    it("a kill right after the entry costs nobody a key: both stay until the new one is used", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      let child: ChildProcess | null = null;
      proxy.before = async ({ action, body }) => {
        const record = action === "iam:TagUser" ? new URLSearchParams(body).get("Tags.member.1.Value") : null;
        if (record?.startsWith("v1 delivered ") !== true) return { kind: "pass" };
        await killed(child);
        return { kind: "lose" };
      };
      const { out } = await bin(JSON_RUN, { onStart: (started) => (child = started) });
      const { new_key_id: id, new_secret_key: secret } = (JSON.parse(`${out}]}`) as Document).rotated_keys[0] ?? {};
      proxy.reset();
      const next = await run(JSON_RUN);
      expect(next.code).toBe(1);
      expect(next.document().rotated_keys).toMatchObject([
        { success: false, error: expect.stringContaining(`${id} may have been handed out before a run died`) },
      ]);
      expect(await statusOf("john.doe")).toBe("Active Active");
      expect(await moto.use(id ?? "", { secretAccessKey: secret ?? "" })).toBe(true);
      await run(JSON_RUN);
      await moto.shift(300);
      expect((await run(JSON_RUN)).code).toBe(0);
      expect(await statusOf("john.doe")).toBe("Inactive Active");
    });

    it("an interruption finishes the users in progress, names the others, and leaves a valid document", async () => {
      await moto.seed(Array.from({ length: 40 }, (_, index) => user(`u${index}`, { ageDays: 100 })));
      let sent = false;
      proxy.before = ({ action }) => {
        if (action === "iam:CreateAccessKey" && !sent) sent = process.emit("SIGINT");
        return { kind: "pass" };
      };
      const { code, document } = await run(JSON_RUN);
      const { rotated_keys: rotations, errors } = document();
      const left = /^Interrupted before these users were begun: (.*)$/.exec(errors[0] ?? "")?.[1]?.split(", ") ?? [];
      expect(code).toBe(130);
      expect(rotations.length).toBeGreaterThan(0);
      expect(left.length).toBeGreaterThan(0);
      expect(rotations.length + left.length).toBe(40);
      const keys = await moto.keys();
      expect(keys.filter(({ userName }) => left.includes(userName)).map(({ status }) => status)).toEqual(
        left.map(() => "Active"),
      );
      expect(keys.filter(({ status }) => status === "Inactive")).toHaveLength(rotations.length);
    });
  });

  it("as a service of Itential's gateway: a workflow's parameters in, one document out", async () => {
    await moto.seed([user("john.doe", { ageDays: 300, status: "Inactive" }, { ageDays: 100 })]);
    const script = fileURLToPath(new URL("../../integrations/itential/rotate_iam_keys.py", import.meta.url));
    const words = ["--days_threshold=90", "--dry_run=false", "--cleanup_inactive=true", "--output_format=json"];
    const { code, out, err } = await spawned("python3", [script, ...words], {
      env: { ROTATE_IAM_KEYS: `'${process.execPath}' '${BIN}'` },
    });
    const told = JSON.parse(out) as Document;
    const [entry] = told.rotated_keys;
    expect([code, told.summary]).toEqual([
      0,
      { total_keys_processed: 1, successful_rotations: 1, failed_rotations: 0, cleanup_operations: 1 },
    ]);
    expect(await moto.use(entry?.new_key_id ?? "", { secretAccessKey: entry?.new_secret_key ?? "" })).toBe(true);
    expect(err).toContain("INFO - Key rotation successful for user john.doe");
  });

  describe("the text format", () => {
    it("shows the script's summary and no secret; the key is where --deliver says", async () => {
      const [old] = await moto.seed([
        user("john.doe", { ageDays: 100 }),
        user("two", { ageDays: 100 }, { ageDays: 95 }),
      ]);
      const { code, out, err } = await run(["--days-threshold", "60"], {
        env: { KEYTURN_DELIVER: `file:${home}/keys/{user}.json` },
      });
      const served = JSON.parse(readFileSync(join(home, "keys", "john.doe.json"), "utf8")) as Record<string, string>;
      expect(out.split("\n")).toEqual([
        "",
        "=== IAM Key Rotation Summary ===",
        expect.stringMatching(/^Execution Time: 20/),
        "Dry Run: False",
        "Days Threshold: 60",
        "Total Keys Processed: 2",
        "Successful Rotations: 1",
        "Failed Rotations: 1",
        "Cleanup Operations: 0",
        "",
        "=== Rotation Details ===",
        `User: john.doe, Old Key: ${old?.accessKeyId}, New Key: ${served["AccessKeyId"]}, Status: SUCCESS`,
        expect.stringMatching(/^User: two, Old Key: AKIA\w+, New Key: None, Status: FAILED$/),
        "  Error: Failed to rotate key for user two: User two already has 2 access keys. Cannot create new key.",
        "",
      ]);
      expect(code).toBe(1);
      for (const text of [out, err, log()]) expect(text).not.toContain(served["SecretAccessKey"]);
    });

    it("without --deliver is refused before anything is asked", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      const { code, out, err } = await run(["--days-threshold", "60"]);
      expect([code, out]).toEqual([2, ""]);
      expect(err).toContain("rotate-iam-keys: error: the text format shows no secret");
      expect(proxy.calls).toEqual([]);
      expect(existsSync(join(home, "iam_key_rotation.log"))).toBe(false);
    });
  });

  describe("a dry run", () => {
    it("changes nothing, and says FAILED where the real run will fail", async () => {
      await moto.seed([
        user("due", { ageDays: 100 }),
        user("full", { ageDays: 100 }, { ageDays: 10, status: "Inactive" }),
        user("two", { ageDays: 300 }, { ageDays: 200 }),
      ]);
      const dry = await run(["--dry-run", ...JSON_RUN]);
      const words = dry.document().rotated_keys.map(({ username, new_key_id: id, success }) => [username, id, success]);
      expect(words).toEqual([
        ["due", "DRY_RUN_KEY_ID", true],
        ["full", null, false],
        ["two", null, false],
      ]);
      expect(dry.code).toBe(1);
      expect(dry.document().rotated_keys.some((entry) => "new_secret_key" in entry)).toBe(false);
      expect(changes()).toEqual([]);
      expect((await run(["--dry-run"])).err).toContain("WARNING - The run itself will be refused: ");
      const real = await run(JSON_RUN);
      expect(real.document().rotated_keys.map(outcome)).toEqual(dry.document().rotated_keys.map(outcome));
    });
  });

  describe("--cleanup-inactive", () => {
    const CLEAN = ["--cleanup-inactive", ...JSON_RUN];

    it("never deletes a key that this run or a recent one deactivated, however old the key is", async () => {
      const [old] = await moto.seed([user("john.doe", { ageDays: 400 })]);
      expect((await run(CLEAN)).document().cleanup_results).toEqual([]);
      await moto.shift(29 * DAY);
      expect((await run(CLEAN)).document().cleanup_results).toEqual([]);
      expect(await idsOf("john.doe")).toContain(old?.accessKeyId);
      await moto.shift(31 * DAY);
      expect((await run(CLEAN)).document().cleanup_results).toEqual([
        { username: "john.doe", deleted_keys: [old?.accessKeyId], success: true, error: null, dry_run: false },
      ]);
    });

    it("frees the slot before the rotation that needs it", async () => {
      await moto.seed([user("john.doe", { ageDays: 300, status: "Inactive" }, { ageDays: 100 })]);
      const without = await run(JSON_RUN);
      expect(without.document().rotated_keys).toMatchObject([{ success: false }]);
      const dry = await run(["--dry-run", ...CLEAN]);
      expect(dry.document()).toMatchObject({ rotated_keys: [{ success: true }], cleanup_results: [{ dry_run: true }] });
      const { code, document } = await run(CLEAN);
      expect(document()).toMatchObject({
        rotated_keys: [{ success: true }],
        cleanup_results: [{ username: "john.doe", success: true }],
        summary: { successful_rotations: 1, cleanup_operations: 1 },
      });
      expect(code).toBe(0);
      expect(await statusOf("john.doe")).toBe("Inactive Active");
    });

    it("keeps the newest key, the only one, and one that was used lately; --user limits it too", async () => {
      await moto.seed([
        user("newest", { ageDays: 80 }, { ageDays: 60, status: "Inactive" }),
        user("only", { ageDays: 300, status: "Inactive" }),
        user("used", { ageDays: 300, status: "Inactive", usedDaysAgo: 3 }, { ageDays: 60 }),
        user("other", { ageDays: 300, status: "Inactive" }, { ageDays: 60 }),
        user("wanted", { ageDays: 300, status: "Inactive" }, { ageDays: 60 }),
      ]);
      const one = await run(["--user", "wanted", ...CLEAN]);
      expect(one.document().cleanup_results.map(({ username }) => username)).toEqual(["wanted"]);
      const all = await run(CLEAN);
      expect(all.document().cleanup_results.map(({ username }) => username)).toEqual(["other"]);
      expect(all.code).toBe(0);
    });
  });

  describe("with no more permissions than the script's page lists", () => {
    beforeEach(() => {
      proxy.before = ({ action }) =>
        PAGE_PERMISSIONS.includes(action) ? { kind: "pass" } : { kind: "error", status: 403, code: "AccessDenied" };
    });

    it("rotates, names what is denied once, and what that costs", async () => {
      await moto.seed(["a", "b"].map((name) => user(name, { ageDays: 100 })));
      const { code, document, err } = await run(["--user", "a", ...JSON_RUN]);
      expect([code, document().summary["successful_rotations"]]).toEqual([0, 1]);
      expect((await run(JSON_RUN)).document().rotated_keys.map(({ username }) => username)).toEqual(["b"]);
      expect(await statusOf("a")).toBe("Inactive Active");
      for (const action of ["iam:GetUser", "iam:ListUserTags", "iam:TagUser"])
        expect(err.split(`WARNING - ${action} is denied: `).length).toBe(2);
    });

    it("cleans up by the dates of the keys: 30 days after the successor was made, never in the run that made it", async () => {
      await moto.seed([
        user("now", { ageDays: 400 }),
        user("kept", { ageDays: 400, status: "Inactive" }, { ageDays: 29 }),
        user("gone", { ageDays: 400, status: "Inactive" }, { ageDays: 31 }),
      ]);
      await run(["--cleanup-inactive", ...JSON_RUN]);
      await run(["--cleanup-inactive", ...JSON_RUN]);
      expect([await statusOf("now"), await statusOf("kept"), await statusOf("gone")]).toEqual([
        "Inactive Active",
        "Inactive Active",
        "Active",
      ]);
    });
  });

  describe("one user's trouble is its own:", () => {
    it("a user whose keys cannot be listed is an error and exit 1; the others are rotated", async () => {
      await moto.seed(["a", "b"].map((name) => user(name, { ageDays: 100 })));
      proxy.before = (call) =>
        call.action === "iam:ListAccessKeys" && userIn(call) === "a"
          ? { kind: "error", status: 403, code: "AccessDenied" }
          : { kind: "pass" };
      const { code, document } = await run(JSON_RUN);
      expect(code).toBe(1);
      expect(document()).toMatchObject({
        rotated_keys: [{ username: "b", success: true }],
        errors: [expect.stringMatching(/^Could not retrieve keys for user a: /)],
      });
    });

    it("a question that failed, other than one that is denied, is never guessed: the user waits, exit 1", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      proxy.before = ({ action }) =>
        action === "iam:ListUserTags" ? { kind: "error", status: 400, code: "InvalidInput" } : { kind: "pass" };
      const { code, document } = await run(JSON_RUN);
      expect([code, changes()]).toEqual([1, []]);
      expect(document().rotated_keys).toMatchObject([
        { success: false, error: expect.stringContaining("iam:ListUserTags failed: InvalidInput") },
      ]);
    });

    it("a creation that is refused is a failed rotation, in the script's words", async () => {
      await moto.seed([user("john.doe", { ageDays: 100 })]);
      proxy.before = refuse("iam:CreateAccessKey");
      const { code, document } = await run(JSON_RUN);
      expect(code).toBe(1);
      expect(document().rotated_keys).toEqual([
        expect.objectContaining({
          new_key_id: null,
          success: false,
          error: expect.stringMatching(/^Failed to rotate key for user john\.doe: create: iam:CreateAccessKey/),
        }),
      ]);
      expect(document().summary).toMatchObject({ total_keys_processed: 1, failed_rotations: 1 });
    });

    it("users settle side by side: twelve take no longer than a few", { timeout: 60_000 }, async () => {
      await moto.seed(Array.from({ length: 12 }, (_, index) => user(`u${index}`, { ageDays: 100 })));
      pace.longestMs = 1_000;
      const began = performance.now();
      const { document } = await run(["--settle", "1s", ...JSON_RUN]).finally(() => (pace.longestMs = 20));
      expect(document().summary["successful_rotations"]).toBe(12);
      expect(performance.now() - began).toBeLessThan(12 * 2_000);
    });
  });

  interface Spawning {
    readonly stdout?: number | "pipe";
    readonly env?: Readonly<Record<string, string>>;
    readonly onStart?: (child: ChildProcess) => void;
  }

  /** The built program as a process of its own. */
  const bin = (args: readonly string[], options: Spawning = {}) => spawned(process.execPath, [BIN, ...args], options);

  function spawned(
    command: string,
    args: readonly string[],
    { stdout = "pipe", env = {}, onStart }: Spawning,
  ): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
    const child = spawn(command, args, {
      cwd: home,
      env: { ...process.env, KEYTURN_SETTLE: "0s", HOME: home, ...env },
      stdio: ["ignore", stdout, "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout?.on("data", (data: Buffer) => (out += data.toString()));
    child.stderr?.on("data", (data: Buffer) => (err += data.toString()));
    onStart?.(child);
    return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
  }
});
