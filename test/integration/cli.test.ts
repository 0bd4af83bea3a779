import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  openSync,
} from "node:fs";
import { join } from "node:path";
import { CreateSecretCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CliOptions, type CliResult, keyturn, temporaryFolder } from "../support/cli.ts";
import { emulated } from "../support/emulated.ts";
import { keyturnHere } from "../support/in-process.ts";
import { motoMissing } from "../support/moto.ts";

const CHANGES = /CreateAccessKey|UpdateAccessKey|DeleteAccessKey|TagUser|Put|CreateSecret|UpdateSecret|DeleteParameter/;

describe("the command line without AWS", () => {
  it("says what it is, and lists every command with a summary", async () => {
    const { code, stdout, stderr } = await keyturn(["--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    for (const name of ["scan", "plan", "run", "rotate", "retire", "status", "policy", "audit", "demo"])
      expect(stdout).toMatch(new RegExp(`^  ${name} .*\\w{3}`, "m"));
    expect(stdout).toContain("Exit codes:");
  });

  it.each(["scan", "plan", "run", "rotate", "retire", "status", "policy", "demo"])(
    "has help for %s, with examples",
    async (name) => {
      const { code, stdout } = await keyturnHere([name, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain("Examples:");
      expect(stdout).toContain(`keyturn ${name === "scan" ? "" : name}`.trim());
    },
  );

  it.each([
    [["run", "--pollicy", "safe"], "unknown option '--pollicy'", "Did you mean --policy?"],
    [["run", "--all-users", "--rotate-after", "90"], '"90" is not a duration', "90d for days"],
    [
      ["run", "--all-users", "--rotate-after", "3 months"],
      "is not a duration",
      "months and years have no fixed length",
    ],
    [["run", "--all-users", "--policy", "saef"], '"saef" is none of safe', ""],
    [["run", "--all-users", "--path", "ci"], '"ci" is not an IAM path', "/ci"],
    [["run", "--all-users", "--tag", "team"], '"team" is not KEY=VALUE', ""],
    [["run", "--all-users", "--max-rotations", "-1"], "is not a whole number", ""],
    [["run", "--all-users", "--refuse-above", "150"], "is not a share from 0 to 100", ""],
    [
      ["run", "--all-users", "--deliver", "s4:/keys/{user}"],
      'there is no destination "s4"',
      "file, secretsmanager, ssm, stdout",
    ],
    [
      ["run", "--all-users", "--deliver", "ssm:/keys/{usr}"],
      "{usr} in ssm:/keys/{usr} is not a placeholder",
      "{user}, {path} and {account}",
    ],
    [["run", "--all-users", "--deliver", "ssm:/keys/{user}?colour=red"], "ssm has no option colour", "it has:"],
    [["run", "--all-users", "--escrow", "vault"], 'there is no escrow "vault"', "file, ssm"],
    [["run", "--all-users", "--rotate-after", "60d", "--max-age", "90d"], "say the same thing in two ways", ""],
    [["run", "--all-users", "--max-age", "1d"], "no key can stay below 1d", ""],
    [["run"], "which users?", "--all-users"],
    [["frobnicate"], "", "keyturn --help"],
    [["retire", "ci-bot", "nonsense"], '"nonsense" is not an access key id', "AKIAIOSFODNN7EXAMPLE"],
    [["audit", "verify", "missing.jsonl"], "the audit missing.jsonl cannot be read (ENOENT)", ""],
  ])("refuses %j with exit 2, the place, and a next step", async (args, message, hint) => {
    const { code, stdout, stderr } = await keyturnHere(args);
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("without credentials says so, and how to get some", async () => {
    const { code, stderr } = await keyturn(["scan"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: no AWS credentials were found/);
    expect(stderr).toContain("hint: set AWS_PROFILE");
  });

  it("with a profile that does not exist names it", async () => {
    const { code, stderr } = await keyturn(["scan", "--profile", "nobody"]);
    expect(code).toBe(2);
    expect(stderr).toContain('the profile "nobody" gives no AWS credentials');
  });

  it("with nobody at the endpoint says so", async () => {
    const { code, stderr } = await keyturn(["scan"], { endpoint: "http://127.0.0.1:9" });
    expect(code).toBe(2);
    expect(stderr).toContain("sts:GetCallerIdentity on the caller failed: ECONNREFUSED");
  });
});

describe.skipIf(motoMissing !== null)(`the command line against AWS's emulator ${motoMissing ?? ""}`, () => {
  const { moto, proxy } = emulated();
  let home: string;
  beforeEach(async () => {
    home = temporaryFolder();
    mkdirSync(join(home, "keys"), { mode: 0o700 });
  });

  /** In a process of its own where the options ask for what only that has, else in this one. */
  const go = (args: readonly string[], options: CliOptions = {}) =>
    (Object.keys(options).some((name) => name !== "env") ? keyturn : keyturnHere)(args, {
      endpoint: proxy.url,
      cwd: home,
      ...options,
    });
  const seedOne = (ageDays = 200) => moto.seed([{ name: "ci-bot", path: "/ci/", keys: [{ ageDays, usedDaysAgo: 1 }] }]);
  const RUN = ["run", "--all-users", "--yes", "--settle", "0s"];
  const changes = () => Object.keys(proxy.counts()).filter((action) => CHANGES.test(action));

  function expectRefused({ code, stdout, stderr }: CliResult, message: string, hint: string): void {
    expect(stderr).toContain(message);
    expect(stderr).toContain(hint);
    expect([code, stdout]).toEqual([2, ""]);
    expect(changes()).toEqual([]);
  }

  describe("refuses with exit 2, and nothing changed,", () => {
    it("a user that does not exist", async () => {
      await seedOne();
      expectRefused(
        await go(["run", "--user", "nobody", "--deliver", "stdout", "--yes"]),
        "there is no IAM user nobody",
        "is this the right account?",
      );
    });

    it("a path without users, unless that is allowed", async () => {
      await seedOne();
      const args = ["run", "--path", "/nobody", "--deliver", "stdout", "--yes"];
      expectRefused(await go(args), "no IAM user fits --path /nobody/", "--allow-empty");
      expect((await go([...args, "--allow-empty"])).code).toBe(0);
    });

    it("a run without a destination for users that would be rotated, naming them", async () => {
      await seedOne();
      expectRefused(await go(RUN), "no destination is given for ci-bot", "--deliver");
    });

    it("a change with nobody to ask and no --yes, at once", async () => {
      await seedOne();
      expectRefused(
        await go(["run", "--all-users", "--deliver", "file:./keys/{user}.json"]),
        "there is no terminal to ask on",
        "add --yes",
      );
    });

    it("two users on one target", async () => {
      await moto.seed(["a", "b"].map((name) => ({ name, keys: [{ ageDays: 200, usedDaysAgo: 1 }] })));
      expectRefused(
        await go([...RUN, "--deliver", "ssm:/keys/all"]),
        "a and b would share the target ssm:/keys/all",
        "put {user} into the target",
      );
    });

    it("a folder that is missing", async () => {
      await seedOne();
      expectRefused(
        await go([...RUN, "--deliver", "file:./nowhere/{user}.json"]),
        "nowhere does not exist",
        "mkdir -p",
      );
    });

    it("a symbolic link as target", async () => {
      await seedOne();
      writeFileSync(join(home, "elsewhere.json"), "{}", { mode: 0o600 });
      symlinkSync(join(home, "elsewhere.json"), join(home, "keys", "ci-bot.json"));
      expectRefused(
        await go([...RUN, "--deliver", "file:./keys/{user}.json"]),
        "is a symbolic link",
        "followSymlinks=yes",
      );
    });

    it("a file that everybody can read", async () => {
      await seedOne();
      writeFileSync(join(home, "keys", "ci-bot.json"), "{}");
      chmodSync(join(home, "keys", "ci-bot.json"), 0o644);
      expectRefused(
        await go([...RUN, "--deliver", "file:./keys/{user}.json"]),
        "can be read by everybody",
        "chmod 600",
      );
    });

    it.skipIf(process.geteuid?.() !== 0)(
      "a file of somebody else, and a folder that is not writable (needs root to arrange)",
      async () => {
        await seedOne();
        for (const folder of [home, join(home, "keys")]) chownSync(folder, 65_534, 65_534);
        writeFileSync(join(home, "keys", "ci-bot.json"), "{}", { mode: 0o640 });
        chownSync(join(home, "keys", "ci-bot.json"), 1, 65_534);
        const args = [...RUN, "--audit", "none", "--deliver", "file:./keys/{user}.json"];
        expectRefused(await go(args, { uid: 65_534 }), "belongs to another user (uid 1)", "run keyturn as that user");
        chownSync(join(home, "keys"), 1, 1);
        chmodSync(join(home, "keys"), 0o755);
        expectRefused(await go(args, { uid: 65_534 }), "is not writable for this process", "");
      },
    );

    it("a secret that holds something else than JSON", async () => {
      await seedOne();
      await new SecretsManagerClient(config()).send(
        new CreateSecretCommand({ Name: "prod/ci-bot", SecretString: "plain-password" }),
      );
      const result = await go([...RUN, "--deliver", "secretsmanager:prod/{user}"]);
      expectRefused(
        result,
        "secretsmanager:prod/ci-bot (AWSCURRENT) holds text that is not JSON",
        "choose another target",
      );
      expect(result.stderr).not.toContain("plain-password");
    });

    it("a parameter of another type", async () => {
      await seedOne();
      await new SSMClient(config()).send(new PutParameterCommand({ Name: "/keys/ci-bot", Value: "x", Type: "String" }));
      expectRefused(
        await go([...RUN, "--deliver", "ssm:/keys/{user}"]),
        "ssm:/keys/ci-bot is a parameter of type String, not SecureString",
        "delete it",
      );
    });

    it("credentials that have expired, and such that AWS does not know", async () => {
      proxy.before = () => ({ kind: "error", status: 403, code: "ExpiredToken" });
      expectRefused(await go(["scan"]), "the AWS credentials have expired (ExpiredToken)", "sign in again");
      proxy.before = () => ({ kind: "error", status: 403, code: "InvalidClientTokenId" });
      expectRefused(
        await go(["scan"]),
        "AWS does not accept these credentials (InvalidClientTokenId",
        "check the profile",
      );
    });

    it("a denied call, naming the action and what it was for", async () => {
      proxy.before = ({ action }) =>
        action === "iam:ListUsers" ? { kind: "error", status: 403, code: "AccessDenied" } : { kind: "pass" };
      expectRefused(await go(["scan"]), "iam:ListUsers on user/ is denied", "keyturn policy prints the permissions");
    });
  });

  describe("a plan", () => {
    const DELIVER = ["--deliver", "file:./keys/{user}.json", "--settle", "0s"];
    const makePlan = async () => {
      const result = await go(["plan", "--all-users", ...DELIVER, "--out", "plan.json"]);
      expect(result.code).toBe(0);
      return JSON.parse(readFileSync(join(home, "plan.json"), "utf8")) as Record<string, unknown>;
    };
    const runPlan = (more: readonly string[] = []) =>
      go(["run", "plan.json", "--all-users", "--yes", ...DELIVER, ...more]);

    it("is performed as it stands, and lists nobody who is not due", async () => {
      await moto.seed([
        { name: "due", keys: [{ ageDays: 200, usedDaysAgo: 1 }] },
        { name: "young", keys: [{ ageDays: 20, usedDaysAgo: 1 }] },
      ]);
      await makePlan();
      expect(statSync(join(home, "plan.json")).mode & 0o777).toBe(0o600);
      expect((await runPlan()).code).toBe(0);
      expect(existsSync(join(home, "keys", "due.json"))).toBe(true);
    });

    it("is a filter: what came after it is left for the next", async () => {
      await seedOne();
      await makePlan();
      await moto.seed([{ name: "later", keys: [{ ageDays: 200, usedDaysAgo: 1 }] }]);
      const { code, stdout } = await runPlan(["--format", "json"]);
      expect(code).toBe(0);
      const users = (JSON.parse(stdout) as { users: { userName: string; outcome: string }[] }).users.map(
        ({ userName, outcome }) => [userName, outcome],
      );
      expect(users).toEqual([
        ["ci-bot", "changed"],
        ["later", "not-in-plan"],
      ]);
    });

    it.each([
      [
        "another account",
        { account: "999999999999" },
        "is for account 999999999999, these credentials are for 123456789012",
      ],
      ["another version", { keyturn: "0.0.1" }, "was made by keyturn 0.0.1"],
      ["other settings", { settings: "0123456789abcdef" }, "was made with another policy"],
      ["more than a day ago", { startedAt: "2020-01-01T00:00:00Z" }, "more than a day ago"],
      ["a hand that forged its schema", { schema: "keyturn/plan/v9" }, "is not a plan: schema"],
    ])("from %s is refused with exit 2", async (_, forged, message) => {
      await seedOne();
      const plan = await makePlan();
      proxy.reset();
      writeFileSync(join(home, "plan.json"), JSON.stringify({ ...plan, ...forged }));
      expectRefused(await runPlan(), message, "plan");
    });

    it("with another policy than the run's is refused", async () => {
      await seedOne();
      await makePlan();
      proxy.reset();
      expectRefused(await runPlan(["--rotate-after", "30d"]), "was made with another policy", "the same flags");
    });

    it("that is missing or no JSON is refused", async () => {
      await seedOne();
      expectRefused(await runPlan(), "the plan plan.json cannot be read (ENOENT)", "keyturn plan --out FILE");
      writeFileSync(join(home, "plan.json"), "not json");
      expectRefused(await runPlan(), "plan.json is not JSON", "keyturn plan --out FILE");
    });

    it("changes nothing, and says by its exit code whether there is something to do", async () => {
      await seedOne();
      expect((await go(["plan", "--deliver", "ssm:/keys/{user}", "--detailed-exitcode"])).code).toBe(4);
      expect((await go(["plan", "--rotate-after", "300d", "--detailed-exitcode"])).code).toBe(0);
      expect(changes()).toEqual([]);
    });

    it("tells how many runs the backlog takes, oldest first", async () => {
      await moto.seed(
        Array.from({ length: 25 }, (_, index) => ({
          name: `user-${String(index).padStart(2, "0")}`,
          keys: [{ ageDays: 100 + index, usedDaysAgo: 1 }],
        })),
      );
      const { stdout } = await go(["plan", ...DELIVER]);
      expect(stdout).toContain("15 rotations deferred: at 10 a run, the backlog takes 3 runs");
      expect(stdout).toContain("user-24");
    });
  });

  describe("exit codes", () => {
    it("are 1 for a blocked user, and 0 for it with --fail-on failed", async () => {
      await moto.seed([
        {
          name: "two",
          keys: [
            { ageDays: 300, usedDaysAgo: 1 },
            { ageDays: 200, usedDaysAgo: 1 },
          ],
        },
      ]);
      expect((await go([...RUN, "--deliver", "ssm:/keys/{user}"])).code).toBe(1);
      expect((await go([...RUN, "--deliver", "ssm:/keys/{user}", "--fail-on", "failed"])).code).toBe(0);
    });

    it("are 1 for a user that failed, while the others are done", async () => {
      await moto.seed(["a", "b"].map((name) => ({ name, keys: [{ ageDays: 200, usedDaysAgo: 1 }] })));
      proxy.before = ({ action, body }) =>
        action === "iam:CreateAccessKey" && body.includes("UserName=a")
          ? { kind: "error", status: 503, code: "ServiceUnavailable", afterEffect: true }
          : { kind: "pass" };
      const { code, stdout } = await go([
        ...RUN,
        "--deliver",
        "ssm:/keys/{user}",
        "--fail-on",
        "failed",
        "--format",
        "json",
      ]);
      expect(code).toBe(1);
      expect((JSON.parse(stdout) as { summary: unknown }).summary).toMatchObject({
        outcomes: { failed: 1, changed: 1 },
      });
      expect(proxy.counts()["iam:CreateAccessKey"]).toBe(2);
    });

    it("are 3 where the alarm refuses, before the first change", async () => {
      await moto.seed(
        Array.from({ length: 10 }, (_, index) => ({
          name: `user-${index}`,
          keys: [{ ageDays: index < 3 ? 200 : 20, usedDaysAgo: 1 }],
        })),
      );
      const { code, stderr } = await go([...RUN, "--deliver", "ssm:/keys/{user}", "--refuse-above", "20"]);
      expect(code).toBe(3);
      expect(stderr).toContain("3 of 10 users with keys would change, more than 20%");
      expect(changes()).toEqual([]);
      expect((await go([...RUN, "--deliver", "ssm:/keys/{user}", "--refuse-above", "30"])).code).toBe(0);
    });

    it("are 130 after SIGINT, with the users in progress finished", async () => {
      await moto.seed(
        Array.from({ length: 30 }, (_, index) => ({ name: `user-${index}`, keys: [{ ageDays: 200, usedDaysAgo: 1 }] })),
      );
      proxy.latencyMs = 30;
      const { code, stdout, stderr } = await go(
        [...RUN, "--deliver", "ssm:/keys/{user}", "--max-rotations", "100", "--format", "json"],
        {
          onStart: (child) => {
            proxy.after = ({ action }) => {
              if (action !== "iam:CreateAccessKey") return;
              proxy.after = () => undefined;
              child.kill("SIGINT");
            };
          },
        },
      );
      expect(code).toBe(130);
      expect(stderr).toContain("SIGINT: finishing the users in progress");
      const { outcomes } = (JSON.parse(stdout) as { summary: { outcomes: Record<string, number> } }).summary;
      expect(outcomes["interrupted"]).toBeGreaterThan(0);
      expect(outcomes["changed"]).toBeGreaterThan(0);
      expect((outcomes["changed"] ?? 0) + (outcomes["interrupted"] ?? 0)).toBe(30);
    });
  });

  describe("output", () => {
    it("is one JSON document with schema, run, times and summary, for every command that has --format", async () => {
      const [key] = await seedOne();
      for (const args of [
        ["scan"],
        ["plan"],
        ["status", "ci-bot"],
        ["run", "--all-users", "--dry-run", "--deliver", "stdout", "--report", "r.json"],
      ]) {
        const { stdout, stderr, code } = await go([...args, "--format", "json"]);
        expect([code, stderr.replace(/^Plan for account[\s\S]*$/, "")], args.join(" ")).toEqual([0, ""]);
        const text = args[0] === "run" ? readFileSync(join(home, "r.json"), "utf8") : stdout;
        expect(JSON.parse(text)).toMatchObject({
          schema: `keyturn/${args[0]}/v1`,
          account: "123456789012",
          run: expect.stringMatching(/^[0-9a-f-]{36}$/),
          startedAt: expect.stringMatching(/Z$/),
        });
        expect(text).toContain(key?.accessKeyId);
      }
    });

    it("of a dry run says what would be done, as a plan does; --verbose says what was read", async () => {
      const [key] = await seedOne();
      const id = key?.accessKeyId;
      const dry = await go([...RUN, "--deliver", "file:./{user}.json", "--dry-run"]);
      const plan = await go(["plan", "--deliver", "file:./{user}.json"]);
      expect(dry.stdout).toMatch(/ci-bot +create a successor of \w+ +file:\S+ci-bot.json /);
      expect(plan.stdout).toContain(dry.stdout.trim());
      for (const args of [["scan"], ["plan"], ["status", "ci-bot"], [...RUN, "--deliver", "stdout", "--dry-run"]]) {
        expect((await go([...args])).stderr, args[0]).not.toContain("keys AKIA");
        const { stderr } = await go([...args, "--verbose"]);
        expect(stderr, args[0]).toMatch(new RegExp(`^ci-bot: keys ${id} Active; record none; .*decided: act due`, "m"));
      }
    });

    it("to stdout as destination is one line a key, and the result goes to the report", async () => {
      await moto.seed(["a", "b"].map((name) => ({ name, keys: [{ ageDays: 200, usedDaysAgo: 1 }] })));
      const { code, stdout, stderr } = await go([...RUN, "--deliver", "stdout", "--report", "result.json"]);
      expect(code).toBe(0);
      const keys = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, string>);
      expect(keys.map((key) => key["userName"]).toSorted()).toEqual(["a", "b"]);
      for (const key of keys) {
        expect(await moto.use(key["accessKeyId"] ?? "", { secretAccessKey: key["secretAccessKey"] ?? "" })).toBe(true);
        expect(stderr + readFileSync(join(home, "result.json"), "utf8")).not.toContain(key["secretAccessKey"]);
      }
      expect(JSON.parse(readFileSync(join(home, "result.json"), "utf8"))).toMatchObject({
        schema: "keyturn/run/v1",
        summary: { done: { rotated: 2 } },
      });
    });

    it("has no colours in a pipe, whatever the terminal is called", async () => {
      await seedOne();
      const { stdout } = await go(["scan"], { env: { TERM: "xterm-256color" } });
      expect(stdout).not.toContain("\u001B");
    });

    it("follows the selectors, which intersect", async () => {
      await moto.seed([
        { name: "a", path: "/ci/", tags: { Team: "red" }, keys: [{ ageDays: 1 }] },
        { name: "b", path: "/ci/", tags: { team: "blue" }, keys: [{ ageDays: 1 }] },
        { name: "c", path: "/cicd/", tags: { team: "red" }, keys: [{ ageDays: 1 }] },
      ]);
      const names = async (...args: string[]) =>
        (
          JSON.parse((await go(["scan", "--format", "json", ...args])).stdout) as { users: { userName: string }[] }
        ).users.map((user) => user.userName);
      expect(await names()).toEqual(["a", "b", "c"]);
      expect(await names("--path", "/ci")).toEqual(["a", "b"]);
      expect(await names("--tag", "team=red")).toEqual(["a", "c"]);
      expect(await names("--tag", "team=red", "--path", "/ci/")).toEqual(["a"]);
      expect(await names("--user", "c", "--user", "b", "--path", "/ci/")).toEqual(["b"]);
    });

    it("covers every page of a long list", async () => {
      await moto.pageSize(7);
      await moto.seed(
        Array.from({ length: 40 }, (_, index) => ({
          name: `user-${index}`,
          tags: Object.fromEntries(Array.from({ length: 12 }, (__, tag) => [`t${tag}`, "x"])),
          keys: [{ ageDays: 1 }],
        })),
      );
      const { stdout } = await go(["scan", "--format", "json", "--tag", "t11=x"]);
      expect((JSON.parse(stdout) as { users: unknown[] }).users).toHaveLength(40);
    });

    it("that nobody reads any more does not stop a run", async () => {
      await seedOne();
      const { code } = await go([...RUN, "--deliver", "ssm:/keys/{user}", "--verbose"], {
        onStart: (child) => child.stdout?.destroy(),
      });
      expect(code).toBe(0);
      expect(await moto.keys()).toHaveLength(2);
    });

    it("as a destination that is closed counts as not delivered: the new key is taken back, and it is said", async () => {
      const [old] = await seedOne();
      const { code, stderr } = await go([...RUN, "--deliver", "stdout"], {
        onStart: (child) => child.stdout?.destroy(),
      });
      expect(code).toBe(1);
      expect(stderr).toContain("write on stdout: EPIPE: it is closed or full");
      expect(await moto.keys()).toMatchObject([{ accessKeyId: old?.accessKeyId, status: "Active" }]);
    });

    it("as a destination that is the null device counts as not delivered, too", async () => {
      const [old] = await seedOne();
      const { code, stderr } = await go([...RUN, "--deliver", "stdout"], { stdout: openSync("/dev/null", "w") });
      expect([code, stderr]).toEqual([1, expect.stringContaining("write on stdout: NullDevice: it is closed or full")]);
      expect(await moto.keys()).toMatchObject([{ accessKeyId: old?.accessKeyId, status: "Active" }]);
    });
  });

  describe("a person's commands", () => {
    it("rotate makes a successor whatever the age, and retire deactivates, then deletes", async () => {
      const [old] = await seedOne(3);
      if (old === undefined) throw new Error("nothing seeded");
      const rotated = await go(["rotate", "ci-bot", "--deliver", "ssm:/keys/{user}", "--settle", "0s", "--yes"], {
        cwd: home, // a process of its own, whose end others can see
      });
      expect(rotated.code).toBe(0);
      // Another host cannot tell whether that run is over, and waits for its lease to end.
      const elsewhere = { env: { TMPDIR: temporaryFolder() } };
      expect((await go(["retire", "ci-bot", old.accessKeyId, "--yes"], elsewhere)).stderr).toContain(
        "another run may be at work on ci-bot",
      );
      expect((await go(["retire", "ci-bot", old.accessKeyId, "--yes"])).stdout).toContain(
        `${old.accessKeyId} of ci-bot is deactivated`,
      );
      await moto.shift(1200);
      expect((await go(["retire", "ci-bot", old.accessKeyId, "--yes"])).stdout).toContain(
        `${old.accessKeyId} of ci-bot is deleted`,
      );
      expect((await go(["retire", "ci-bot", old.accessKeyId, "--yes"])).stderr).toContain(
        `ci-bot has no key ${old.accessKeyId}`,
      );
    });

    it("status tells the story so far, what happens next, and when", async () => {
      await seedOne();
      await go([...RUN, "--deliver", "ssm:/keys/{user}"]);
      await moto.shift(86_400);
      const { stdout, code } = await go(["status", "ci-bot", "--deliver", "ssm:/keys/{user}"]);
      expect(code).toBe(0);
      for (const words of [
        "So far",
        "was delivered on",
        "create done",
        "Keys",
        "successor: Active",
        "predecessor: Active",
        "ssm:/keys/ci-bot  serves AKIA",
        "waiting: successor-unused",
        "is deactivated once",
      ]) {
        expect(stdout).toContain(words);
      }
    });

    it("policy prints a policy document without asking AWS, where the account is given", async () => {
      const { stdout, code } = await keyturn([
        "policy",
        "--account",
        "111122223333",
        "--path",
        "/ci/",
        "--deliver",
        "ssm:/keys/{path}/{user}",
        "--escrow",
        "ssm",
        "--region",
        "eu-west-1",
      ]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ Version: "2012-10-17" });
      expect(stdout).toContain("arn:aws:iam::111122223333:user/ci/*");
      expect(stdout).toContain("arn:aws:ssm:eu-west-1:111122223333:parameter/keys/*");
      expect(stdout).toContain("aws:TagKeys");
    });
  });

  describe("the audit", () => {
    it("has a chain whose head the result names, and which the command checks", async () => {
      await seedOne();
      const { stdout } = await go([
        ...RUN,
        "--deliver",
        "ssm:/keys/{user}",
        "--audit",
        "audit.jsonl",
        "--format",
        "json",
      ]);
      const { head } = (JSON.parse(stdout) as { audit: { head: string } }).audit;
      const verify = (...more: string[]) => keyturn(["audit", "verify", "audit.jsonl", ...more], { cwd: home });
      expect(await verify("--head", head)).toMatchObject({ code: 0 });
      expect((await verify()).stdout).toContain("It cannot exclude");
      const lines = readFileSync(join(home, "audit.jsonl"), "utf8");
      writeFileSync(join(home, "audit.jsonl"), lines.split("\n").slice(0, -2).join("\n"));
      expect((await verify()).code).toBe(0);
      expect(await verify("--head", head)).toMatchObject({ code: 1 });
      writeFileSync(join(home, "audit.jsonl"), lines.replace("ci-bot", "ci-bod"));
      const broken = await verify();
      expect(broken.code).toBe(1);
      expect(broken.stdout).toContain("BROKEN at line");
      expect(statSync(join(home, "audit.jsonl")).mode & 0o777).toBe(0o600);
    });

    it("that was asked for and cannot be written stops everything beforehand", async () => {
      await seedOne();
      expectRefused(
        await go([...RUN, "--deliver", "ssm:/keys/{user}", "--audit", "/nowhere/audit.jsonl"]),
        "the audit /nowhere/audit.jsonl cannot be written (ENOENT)",
        "--audit none",
      );
    });
  });

  const config = () => ({
    endpoint: moto.url,
    region: "eu-west-1",
    credentials: { accessKeyId: "ASIATESTREADER000000", secretAccessKey: "test" },
  });
  afterEach(() => proxy.reset());
});
