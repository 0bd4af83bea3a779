import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AccessKeyId, accessKeyId } from "../../src/core/access-key.ts";
import { Secret } from "../../src/core/secret.ts";
import { seconds } from "../../src/core/time.ts";
import { SecretStream } from "../../src/dropins/hand-out.ts";
import { help, parseArguments } from "../../src/dropins/rotate-iam-keys/arguments.ts";
import { JsonResult } from "../../src/dropins/rotate-iam-keys/json-result.ts";
import { RunLog } from "../../src/dropins/rotate-iam-keys/log.ts";
import { main } from "../../src/dropins/rotate-iam-keys/program.ts";
import { executionTime, judge, rotated } from "../../src/dropins/rotate-iam-keys/results.ts";
import type { UserReport } from "../../src/core/result.ts";
import { wordsFor } from "../../src/dropins/rotate-iam-keys/rotate-keys.ts";
import { TextResult } from "../../src/dropins/rotate-iam-keys/text-result.ts";
import { temporaryFolder } from "../support/cli.ts";
import { days, START } from "../support/rig.ts";

const OLD = accessKeyId("AKIAIOSFODNN7EXAMPLE");
const NEW = accessKeyId("AKIAI44QH8DHBEXAMPLE");
const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

const collect = () => {
  const texts: string[] = [];
  return { texts, stream: new SecretStream(async (text) => void texts.push(text), "standard output") };
};

const key = (id: AccessKeyId, ageDays: number, status: "Active" | "Inactive" = "Active") => ({
  accessKeyId: id,
  status,
  createDate: (START - days(ageDays)) as typeof START, // still a moment
  role: "current" as const,
  code: "due" as const,
  sentence: "",
  next: null,
  lastUse: null,
});

const report = (told: Partial<UserReport>): UserReport => ({
  userName: "john.doe",
  path: "/",
  outcome: "blocked",
  code: "no-free-slot",
  sentence: "both slots are taken",
  next: null,
  command: null,
  keys: [key(OLD, 100)],
  destinations: [],
  planned: [],
  steps: [],
  ...told,
});

describe("the command line of rotate-iam-keys", () => {
  const JSON_FORMAT = ["--output-format", "json"];

  it("has the script's defaults", () => {
    expect(parseArguments(["--dry-run"], {})).toEqual({
      daysThreshold: 90,
      dryRun: true,
      profile: null,
      region: "us-east-1",
      user: null,
      cleanupInactive: false,
      outputFormat: "text",
      deliver: [],
      escrow: null,
      settle: seconds(15),
    });
  });

  it.each([
    [["--days-threshold", "60"], { daysThreshold: 60 }],
    [["--days-threshold=60"], { daysThreshold: 60 }],
    [["--days", " 1_0 "], { daysThreshold: 10 }],
    [["--days-threshold", "60", "--days-threshold", "70"], { daysThreshold: 70 }],
    [["--user", "john.doe"], { user: "john.doe" }],
    [["--us=a=b"], { user: "a=b" }],
    [["--user", ""], { user: null }],
    [["--profile", "production", "--region", "us-west-2"], { profile: "production", region: "us-west-2" }],
    [["--profile", "", "--region", ""], { profile: null, region: "us-east-1" }],
    [["--days-threshold", "90", "--cleanup-inactive"], { daysThreshold: 90, cleanupInactive: true }],
    [["--clean"], { cleanupInactive: true }],
    [["--settle", "0s"], { settle: 0 }],
    [["--deliver", "ssm:/a/{user}", "--deliver", "file:b-{user}"], { deliver: ["ssm:/a/{user}", "file:b-{user}"] }],
  ])("reads %j as argparse does", (args, expected) => {
    expect(parseArguments([...JSON_FORMAT, ...args], {})).toMatchObject(expected);
  });

  it("takes targets, escrow and settling time from the environment, and flags before those", () => {
    const env = { KEYTURN_DELIVER: "ssm:/a/{user}\n ssm:/b/{user} \n", KEYTURN_ESCROW: "ssm", KEYTURN_SETTLE: "20s" };
    expect(parseArguments([], env)).toMatchObject({
      deliver: ["ssm:/a/{user}", "ssm:/b/{user}"],
      escrow: "ssm",
      settle: seconds(20),
    });
    expect(parseArguments(["--deliver", "ssm:/c/{user}", "--escrow", "none", "--settle", "1s"], env)).toMatchObject({
      deliver: ["ssm:/c/{user}"],
      escrow: "none",
      settle: seconds(1),
    });
  });

  it.each([
    [["--days-threshold", "x"], "argument --days-threshold: invalid int value: 'x'"],
    [["--days-threshold=5.0"], "argument --days-threshold: invalid int value: '5.0'"],
    [["--days-threshold", "99999999999999999999"], "invalid int value"],
    [["--days-threshold", "-5"], "argument --days-threshold: must not be negative: '-5'"],
    [["--d", "5"], "ambiguous option: --d could match --days-threshold, --dry-run, --deliver"],
    [["--days"], "argument --days-threshold: expected one argument"],
    [["--user", "--dry-run"], "argument --user: expected one argument"],
    [["--dry-run=1"], "argument --dry-run: ignored explicit argument '1'"],
    [["--output-format", "xml"], "argument --output-format: invalid choice: 'xml' (choose from 'json', 'text')"],
    [["john.doe", "--dry-run"], "unrecognized arguments: john.doe"],
    [["--nope", "-x", "--", "a"], "unrecognized arguments: --nope -x -- a"],
    [["--settle", "soon"], 'argument --settle: "soon" is not a duration'],
    [["--deliver", "stdout"], "--deliver stdout: the result goes to standard output"],
    [["--deliver", "s4:/x"], 'there is no destination "s4"'],
    [[], "the text format shows no secret, so a new key would be lost: add --deliver"],
  ])("refuses %j with exit 2 and the usage, on standard error, before anything is asked", async (args, message) => {
    const folder = temporaryFolder();
    const lines: string[] = [];
    const isDiscarded = false;
    const io = {
      write: () => Promise.reject(new Error("written")),
      isDiscarded,
      err: (line: string) => void lines.push(line),
    };
    const code = await main(args, io, { env: {}, folder });
    expect(lines.join("\n")).toMatch(/^usage: rotate-iam-keys \[-h\] \[--days-threshold DAYS_THRESHOLD\]/);
    expect(lines.join("\n")).toContain("rotate-iam-keys: error: ");
    expect(lines.join("\n")).toContain(message);
    expect(code).toBe(2);
  });

  it("explains itself, on standard output", async () => {
    const out: string[] = [];
    const write = async (text: string) => void out.push(text);
    const io = { write, isDiscarded: true, err: () => expect.unreachable() };
    expect(await main(["--dry-run", "--help"], io, { env: {}, folder: "/nowhere" })).toBe(0);
    expect(out.join("")).toBe(`${help}\n`);
    for (const flag of ["days-threshold", "dry-run", "profile", "region", "user", "cleanup-inactive", "output-format"])
      expect(help).toMatch(new RegExp(`^  --${flag} .*\\n`, "m"));
  });
});

describe("the result", () => {
  const head = { execution_time: executionTime(new Date(START)), dry_run: false, days_threshold: 90 };
  const pair = { accessKeyId: NEW, secretAccessKey: new Secret(SECRET) };
  const summary = { total_keys_processed: 1, successful_rotations: 1, failed_rotations: 0, cleanup_operations: 0 };

  it("as JSON is, to the byte, what Python prints, and each entry leaves alone and whole", async () => {
    const { texts, stream } = collect();
    const result = new JsonResult(stream);
    await result.open(head);
    await Promise.all([result.add(rotated("a", OLD, NEW), pair), result.add(rotated("bé\u2028", null, NEW), null)]);
    await result.close({ cleanup_results: [], errors: ["\u001B[31m"], summary });
    expect(texts).toHaveLength(4);
    expect(texts.join("")).toBe(`{
  "execution_time": "2026-01-05T08:00:00.000000+00:00",
  "dry_run": false,
  "days_threshold": 90,
  "rotated_keys": [
    {
      "username": "a",
      "old_key_id": "AKIAIOSFODNN7EXAMPLE",
      "new_key_id": "AKIAI44QH8DHBEXAMPLE",
      "success": true,
      "error": null,
      "dry_run": false,
      "new_secret_key": "${SECRET}"
    },
    {
      "username": "b\\u00e9\\u2028",
      "old_key_id": null,
      "new_key_id": "AKIAI44QH8DHBEXAMPLE",
      "success": true,
      "error": null,
      "dry_run": false
    }
  ],
  "cleanup_results": [],
  "errors": [
    "\\u001b[31m"
  ],
  "summary": {
    "total_keys_processed": 1,
    "successful_rotations": 1,
    "failed_rotations": 0,
    "cleanup_operations": 0
  }
}
`);
  });

  it("as JSON is whole without any entry, and with the empty summary of a run that an error ended", async () => {
    const { texts, stream } = collect();
    const result = new JsonResult(stream);
    await result.open(head);
    await result.close({ cleanup_results: [], errors: ["no"], summary: null });
    expect(texts.join("")).toContain('"rotated_keys": [],\n  "cleanup_results": [],\n');
    expect(JSON.parse(texts.join(""))).toMatchObject({ rotated_keys: [], errors: ["no"], summary: {} });
  });

  it("as text shows no secret, and nothing that a terminal would act on", async () => {
    const { texts, stream } = collect();
    const result = new TextResult(stream);
    await result.open(head);
    await result.add(rotated("a\u001B[2J", OLD, NEW));
    await result.close({ cleanup_results: [], errors: ["b\u0007"], summary });
    expect(texts.join("")).toContain("User: a\uFFFD[2J, Old Key: AKIAIOSFODNN7EXAMPLE");
    expect(texts.join("")).toContain("ERROR: b\uFFFD\n");
    expect(texts.join("")).not.toContain(SECRET);
  });
});

describe("what became of a user", () => {
  const asked = { daysThreshold: 90, dryRun: false, now: START };

  it("fails once, although both keys are old", () => {
    const { rotation } = judge(report({ keys: [key(OLD, 300), key(NEW, 200)], code: "unexplained" }), false, asked);
    expect(rotation).toMatchObject({
      old_key_id: OLD,
      error: "Failed to rotate key for user john.doe: User john.doe already has 2 access keys. Cannot create new key.",
    });
  });

  it.each([
    ["own-key", "this run is signed with it"],
    ["maybe-delivered", "it may have been handed out"],
    ["turn-in-progress", "another run is at work"],
  ] as const)("says why in keyturn's words where the script has none: %s", (code, sentence) => {
    const { rotation } = judge(report({ code, sentence, keys: [key(OLD, 100), key(NEW, 1)] }), false, asked);
    expect(rotation?.error).toBe(`Failed to rotate key for user john.doe: ${sentence}`);
  });

  it("is nothing where no key is old: the script would not have touched it either", () => {
    expect(judge(report({ keys: [key(OLD, 89)] }), false, asked)).toMatchObject({ rotation: null, errors: [] });
    expect(judge(report({ keys: [key(OLD, 300, "Inactive")] }), false, asked)).toMatchObject({ rotation: null });
  });

  it("is told in the log alone where keyturn leaves somebody alone", () => {
    const told = judge(
      report({ outcome: "left-alone", code: "bedrock-user", sentence: "it is Bedrock's" }),
      false,
      asked,
    );
    expect(told).toEqual({
      rotation: null,
      cleanup: null,
      errors: [],
      notes: ["Left alone: user john.doe: it is Bedrock's"],
    });
  });

  it("is an error where another step than a rotation failed", () => {
    const step = {
      action: { kind: "delete", key: OLD } as const,
      result: "failed",
      created: null,
      sentence: "delete: denied",
      hint: null,
    } as const;
    const told = judge(report({ outcome: "failed", keys: [key(NEW, 1)], steps: [step] }), false, asked);
    expect(told).toMatchObject({ rotation: null, errors: ["User john.doe: delete: denied"] });
  });
});

describe("an error that ends the run", () => {
  it("is told by its name alone where nobody foresaw it: its message may hold anything", () => {
    expect(wordsFor(new TypeError(SECRET))).toBe(
      "unexpected: TypeError; this is a bug, please report it; the next run goes on safely",
    );
    expect(wordsFor(SECRET)).not.toContain(SECRET);
  });
});

describe("the log", () => {
  it("takes over the file that the script left behind, for its owner alone", () => {
    const folder = temporaryFolder();
    const file = join(folder, "iam_key_rotation.log");
    writeFileSync(file, "before\n", { mode: 0o644 });
    const log = new RunLog(
      folder,
      () => START,
      () => undefined,
    );
    log.warning("a\nb");
    log.close();
    expect(readFileSync(file, "utf8")).toBe("before\n2026-01-05 08:00:00,000 - WARNING - a\uFFFDb\n");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("refuses a folder of that name", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "iam_key_rotation.log"));
    expect(
      () =>
        new RunLog(
          folder,
          () => START,
          () => undefined,
        ),
    ).toThrow("the log iam_key_rotation.log cannot be written");
  });

  it("keeps a step from being begun that cannot be written down, and none from being finished", () => {
    const log = new RunLog(
      temporaryFolder(),
      () => START,
      () => undefined,
    );
    log.close();
    const step = { at: START, userName: "a", step: "create", accessKeyIds: [], reason: "" };
    expect(() => log.journal({ ...step, outcome: "started" })).toThrow("EBADF");
    expect(() => log.journal({ ...step, outcome: "failed" })).not.toThrow();
  });
});
