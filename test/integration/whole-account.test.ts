import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAIN, temporaryFolder } from "../support/cli.ts";
import { type Moto, motoMissing, startMoto, type UserSeed } from "../support/moto.ts";

const DAY = 86_400;
const PAGE = fileURLToPath(new URL("../../docs/first-account.md", import.meta.url));

const many = (count: number, seed: (index: string) => UserSeed): readonly UserSeed[] =>
  Array.from({ length: count }, (_, index) => seed(String(index + 1)));

/** An account as they are found: nobody has looked after the keys for two years. */
const ACCOUNT: readonly UserSeed[] = [
  ...many(13, (n) => ({ name: `app-${n}`, path: "/apps/", keys: [{ ageDays: 730, usedDaysAgo: 1 }] })),
  ...many(10, (n) => ({ name: `forgotten-${n}`, keys: [{ ageDays: 730, usedDaysAgo: 370 }] })),
  ...many(8, (n) => ({
    name: `two-${n}`,
    keys: [
      { ageDays: 730, usedDaysAgo: 200 },
      { ageDays: 400, usedDaysAgo: 1 },
    ],
  })),
  ...many(3, (n) => ({
    name: `half-${n}`,
    keys: [
      { ageDays: 730, status: "Inactive", usedDaysAgo: 300 },
      { ageDays: 500, usedDaysAgo: 1 },
    ],
  })),
  ...many(2, (n) => ({ name: `off-${n}`, keys: [{ ageDays: 730, status: "Inactive", usedDaysAgo: 600 }] })),
  ...many(4, (n) => ({
    name: `human-${n}`,
    path: "/people/",
    password: true,
    keys: [{ ageDays: 730, usedDaysAgo: 2 }],
  })),
];

describe.skipIf(motoMissing !== null)(`an account of 40 users with keys of two years ${motoMissing ?? ""}`, () => {
  let moto: Moto;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto.stop());

  it(
    "is brought from the first scan to nothing blocked with commands that the tool itself printed",
    { timeout: 300_000 },
    async () => {
      const seeded = await moto.seed(ACCOUNT);
      const began = Date.now();
      const shell = openShell(moto.url);
      const workload = new Map(
        seeded
          .filter((key) => key.lastUse !== null && key.status === "Active")
          .map((key) => [key.userName, key.accessKeyId]),
      );

      // Day 0: look, let the printed run happen until nothing is deferred, and follow what is printed for those who need a person.
      const first = await shell.type("keyturn scan");
      expect(blocked(first)).toBeGreaterThan(0);
      const [plan, run] = ["plan", "run"].map(
        (verb) => commandsIn(first).find((command) => command.startsWith(`keyturn ${verb} `)) ?? "false",
      );
      await shell.type(/^ +(mkdir .*)$/m.exec(first.text)?.[1] ?? "false");
      await shell.type(plan ?? "false");
      let last = await shell.type(`${run} --yes`);
      for (let hour = 1; /\d+ deferred/.test(last.text); hour += 1) {
        await moto.shift(hour * 3600);
        last = await shell.type(`${run} --settle 0s --yes`); // nobody else runs it here
      }
      for (const command of commandsIn(last).filter((each) => each.startsWith("keyturn retire ")))
        await shell.type(`${command} --yes`, { quiet: true });
      const after = await shell.type("keyturn scan --deliver file:./keys/{user}.json");
      expect(blocked(after)).toBe(0);

      // The weeks after: consumers read their new keys, and the schedule does the rest.
      // Each visit has its work: who waited for a slot to become free goes round twice, and no run makes more than ten keys.
      for (const day of [1, 11, 31, 41, 51, 82]) {
        await moto.shift(day * DAY);
        for (const name of readdirSync(join(shell.home, "keys")).filter((file) => file.endsWith(".json"))) {
          workload.set(
            name.slice(0, -5),
            (JSON.parse(readFileSync(join(shell.home, "keys", name), "utf8")) as { AccessKeyId: string }).AccessKeyId,
          );
        }
        for (const [userName, id] of workload)
          if (!/^(forgotten|human|off)/.test(userName))
            expect(await moto.use(id), `${userName} on day ${day}`).toBe(true);
        await moto.shift(day * DAY + 6 * 3600);
        await shell.type(`${run} --yes --settle 0s`, { silent: true });
      }
      const end = await shell.type("keyturn scan --deliver file:./keys/{user}.json");
      expect(end.text).not.toMatch(/\d+ (blocked|waiting|failed|due)/);
      expect(end.code).toBe(0);

      const page = transcript(shell.lines, began);
      if (process.env["KEYTURN_WRITE_DOCS"] === "1") writeFileSync(PAGE, page);
      expect(commandLines(readFileSync(PAGE, "utf8"))).toEqual(commandLines(page));
    },
  );
});

interface Typed {
  readonly code: number;
  readonly text: string;
}

/** A shell in a folder of its own, with `keyturn` on its path. */
function openShell(endpoint: string) {
  const home = temporaryFolder();
  mkdirSync(join(home, "bin"));
  writeFileSync(join(home, "bin", "keyturn"), `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`);
  chmodSync(join(home, "bin", "keyturn"), 0o755);
  const env = {
    PATH: `${join(home, "bin")}:${process.env["PATH"] ?? ""}`,
    HOME: home,
    TMPDIR: tmpdir(),
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "eu-west-1",
  };
  const lines: string[] = [];
  return {
    home,
    lines,
    /** Types a command. `quiet` keeps its output out of the transcript, `silent` the command too. */
    type: async (command: string, { quiet = false, silent = false } = {}): Promise<Typed> => {
      const result = await promisify(execFile)("sh", ["-c", command], { cwd: home, env }).then(
        ({ stdout, stderr }) => ({ code: 0, text: stdout + stderr }),
        (error: { code: number; stdout: string; stderr: string }) => ({
          code: error.code,
          text: error.stdout + error.stderr,
        }),
      );
      if (!silent) lines.push(`$ ${command}`, ...(quiet ? [] : [result.text.trimEnd(), ""]));
      return { code: result.code, text: result.text.replaceAll(home, ".") };
    },
  };
}

/** The commands that an output suggests, without the comments behind them. */
const commandsIn = ({ text }: Typed): readonly string[] =>
  [...text.matchAll(/^ +(keyturn .*?)(?: {2,}#.*)?$/gm)].map(([, command]) => command?.trim() ?? "");

const blocked = ({ text }: Typed): number => Number(/(\d+) blocked/.exec(text)?.[1] ?? 0);

const commandLines = (page: string): readonly string[] => page.split("\n").filter((line) => line.startsWith("$ "));

/** The session as a page: key ids and dates made the same in every run, so that the page changes only when the tool does. */
function transcript(lines: readonly string[], began: number): string {
  const ids = new Map<string, string>();
  const text = lines
    .join("\n")
    .replaceAll(/\bAKIA[A-Z0-9]{16}\b/g, (id) => {
      if (!ids.has(id)) ids.set(id, `AKIAEXAMPLE${String(ids.size + 1).padStart(9, "0")}`);
      return ids.get(id) ?? id;
    })
    .replaceAll(/\b20\d\d-\d\d-\d\d(?=T|\b)/g, (date) =>
      new Date(Date.UTC(2026, 0, 5) + Math.round((Date.parse(date) - began) / 86_400_000) * 86_400_000)
        .toISOString()
        .slice(0, 10),
    )
    .replaceAll(/\/[^ ]*keyturn-test-[^/ ]+/g, ".");
  return [
    "# The first account: forty users, two years of neglect",
    "",
    "A session at a terminal, as the tests run it against an emulator of AWS: 13 users in use, 10 whose key nobody has used for",
    "a year, 8 with two keys, 5 with an Inactive one, 4 people with a console password. Every command below was printed by",
    "keyturn itself; only `--yes` was added, because nobody sat there to answer. Between the last two commands the schedule ran",
    "for three months, while consumers read their new keys from the files.",
    "",
    "```console",
    text,
    "```",
    "",
  ].join("\n");
}
