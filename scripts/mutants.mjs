// Breaks the code on purpose, one guarantee at a time, in a copy of the repository, and sees which tests notice:
//   npm run mutants -- [--only NAME[,NAME…]] [--list] [--write docs/design/DATE-mutants.md]
// A mutant that survives is a guarantee that no test holds. A mutation is an exact text with its replacement: where the
// text is not found, exactly once, the code has moved on and the list below must follow, so that is an error.
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** First the files that notice most within seconds, then everything that needs no emulator. */
const SUITES = [
  "test/core/decide.test.ts",
  "test/engine/run.test.ts",
  "test/engine/two-runners.test.ts",
  "test/engine/crash.test.ts",
  "test/core",
  "test/engine",
  "test/simulation",
  "test/lambda",
];

/** No suite takes a fraction of that; a mutant that never comes to an end was noticed as well. */
const LIMIT_MS = 240_000;

const ROTATE = "src/engine/rotate.ts";
const RETIRE = "src/engine/retire.ts";
const GATES = "src/core/gates.ts";
const DECIDE = "src/core/decide.ts";

const change = (file, from, to) => ({ file, from, to });

/** Name, and what is changed. */
const MUTANTS = {
  "verification is skipped": [
    change(ROTATE, "  await verify(turn, pair); //                                            8\n", ""),
  ],
  "nothing is read again before a key is deactivated": [
    change(
      RETIRE,
      "const changed = whatChanged(keys, action) ?? (await servedElsewhere(turn, seen, key));",
      "const changed = null;",
    ),
  ],
  "the old key is deactivated before the new one is delivered": [
    change(
      ROTATE,
      "  await handOut(turn, pair, before.known); //",
      "  for (const id of before.known) await turn.world.iam.deactivate(turn.userName, id);\n  await handOut(turn, pair, before.known); //",
    ),
  ],
  "no intent is written": [
    change(ROTATE, "const at = await turn.record(meant);", "const at = turn.world.clock.now();"),
    change(ROTATE, 'return "nonce" in record && record.nonce === turn.nonce;', "return true;"),
  ],
  "our own use counts as the consumer's": [
    change(
      "src/core/facts.ts",
      "if (use === null || !this.terms.ownServices.includes(use.service)) return use;",
      "if (use !== undefined) return use;",
    ),
  ],
  "the lease is ignored": [change(DECIDE, "const young = facts.youngest();", "const young = null;")],
  "the record is believed rather than the destination": [
    change(
      "src/core/recorded.ts",
      "if (changed !== null) return facts.terms.asked ? withoutRecord(facts) : changed;",
      "",
    ),
  ],
  "CreateAccessKey is repeated": [
    change(
      ROTATE,
      "turn.world.iam.createAccessKey(turn.userName));",
      "turn.world.iam.createAccessKey(turn.userName).catch((error) => { if (error instanceof CallError) return turn.world.iam.createAccessKey(turn.userName); throw error; }));",
    ),
  ],
  "the escrow is written after the live places": [
    change(ROTATE, "  await keepSafe(turn, pair); //                                          7\n", ""),
    change(
      ROTATE,
      '  await turn.record({ phase: "delivered", new: id, old: known });\n  if',
      '  await keepSafe(turn, pair);\n  await turn.record({ phase: "delivered", new: id, old: known });\n  if',
    ),
  ],
  "the only Active key may be deleted": [
    change(RETIRE, 'if (key?.status === "Active" && !keys.some(', 'if (key?.status === "Gone" && !keys.some('),
    change("src/core/recorded.ts", "if (facts.active.length > 1) {", "if (facts.active.length > 0) {"),
  ],
  "the served key may be deleted": [
    change(RETIRE, "if (served.value.accessKeyId === id) throw new BrokenInvariant(`${label} serves ${id}`);", ""),
  ],
  "a failed read of the last use counts as not used": [
    change(
      "src/engine/observe.ts",
      "const use = await ask(async () => (await world.iam.lastUse(fact.accessKeyId)).use);",
      "const use = await ask(async () => (await world.iam.lastUse(fact.accessKeyId).catch((error) => { if (error instanceof CallError) return { use: null }; throw error; })).use);",
    ),
  ],
  "the time to deletion counts from the key's creation": [
    change(
      GATES,
      'const from = later(since, rule.when === "after" ? rule.after : rule.overlap);',
      'const from = later(predecessor.createDate, rule.when === "after" ? rule.after : rule.overlap);',
    ),
  ],
  "a hold is ignored": [
    change(
      DECIDE,
      'if (!("hold" in record) || record.hold === null) return null;',
      "if (record !== null) return null;",
    ),
  ],
  "an exemption does not hold where tags could not be read": [
    change(DECIDE, "if (facts.terms.doubt !== null) throw new Gap([], facts.terms.doubt);", ""),
  ],
  "a slow run overwrites the record of another": [
    change(ROTATE, "settle > 0 && clock.monotonic() - readAt > settle", "settle < 0"),
  ],
  "a slow run resumes over the record of another": [
    change(
      ROTATE,
      'await declare(turn, { phase: "delivering", new: id, known }, readAt);',
      'await turn.record({ phase: "delivering", new: id, known });',
    ),
  ],
  "a failed retirement at once blocks its user for good": [
    change(GATES, "use.at > since && facts.now < patience", "use.at > since"),
  ],
  "nothing settles": [
    change("src/engine/turn.ts", "return this.#slot.pause(this.world.settle);", "return Promise.resolve();"),
  ],
  "the intent is not read again before the key is created": [
    change(ROTATE, "  await mustBeMine(turn, known); //                                       5\n", ""),
  ],
  "the intent is not read again before the key is delivered": [
    change(ROTATE, "  await retreatUnlessMine(turn, pair.accessKeyId); //                     9\n", ""),
  ],
  "a delivery is not read back": [
    change(ROTATE, "if (served?.accessKeyId !== pair.accessKeyId) {", "if (served?.accessKeyId === undefined) {"),
  ],
  "a retirement is not recorded first": [
    change(RETIRE, '  await turn.record({ phase: "retiring", new: successor, old: [key, ...others] });\n', ""),
  ],
  "the lag of the last use is forgotten": [change(GATES, "milliseconds(rule.for + LAST_USE_LAG)", "rule.for")],
  "a later write to a destination does not start the wait anew": [
    change(GATES, "latest(since, facts.lastWrite());", "since;"),
  ],
  "a write-only destination is not announced": [
    change(
      ROTATE,
      'if (writeOnly.length > 0 && !announced) await turn.record({ phase: "delivering", new: id, known });',
      "",
    ),
  ],
  "a history proves a delivery to a write-only destination": [
    change("src/core/unrecorded.ts", "if (facts.writeOnly() > 0) return resume(facts, served, [before]);", ""),
  ],
  "a list without the new key is believed": [
    change("src/engine/take-turn.ts", "if (activeIn(seen).includes(successor)) return seen;", "return seen;"),
  ],
  "whoever removes an item of the timer retires a key": [
    change(
      "src/lambda/stream.ts",
      'return type === "Service" && principalId === "dynamodb.amazonaws.com";',
      "return true;",
    ),
  ],
  "the destructor does whatever is to be done": [
    change(
      "src/lambda/destructor.ts",
      "maxRotations: 0, refuseAbovePercent, planned",
      "maxRotations: 9, refuseAbovePercent, planned: null",
    ),
  ],
  "an entry retires keys that it does not name": [
    change("src/lambda/destructor.ts", "!named.includes(action.key)", "named.length === 0"),
  ],
  "users are begun until the function is stopped": [
    change("src/lambda/deadline.ts", "if (this.#remaining() < NEEDED) this.#abort.abort();", ""),
  ],
  "the function says that all is well though users failed": [
    change("src/lambda/creator.ts", "if (all.length > 0)", "if (all.length > 9999)"),
  ],
};

const words = parseArgs({
  options: { only: { type: "string" }, list: { type: "boolean" }, write: { type: "string" } },
}).values;

/** The repository as it stands, uncommitted changes and all. */
function copyRepository(folder) {
  const listing = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: ROOT });
  for (const name of listing.toString().split("\0")) {
    if (name === "" || name === "node_modules") continue;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    copyFileSync(join(ROOT, name), join(folder, name));
  }
  symlinkSync(realpathSync(join(ROOT, "node_modules")), join(folder, "node_modules"));
}

function mutated(folder, { file, from, to }) {
  const text = readFileSync(join(folder, file), "utf8");
  const count = text.split(from).length - 1;
  if (count !== 1)
    throw new Error(`${file} has this text ${count} times, not once; bring scripts/mutants.mjs into step:\n${from}`);
  return { path: join(folder, file), before: text, after: text.replace(from, () => to) };
}

/** Applies the changes one after another, and answers with how to take them back. */
function apply(folder, changes) {
  const originals = new Map();
  for (const each of changes) {
    const { path, before, after } = mutated(folder, each);
    if (!originals.has(path)) originals.set(path, before);
    writeFileSync(path, after);
  }
  return () => {
    for (const [path, text] of originals) writeFileSync(path, text);
  };
}

function passes(folder, suite) {
  const command = join(folder, "node_modules", "vitest", "vitest.mjs");
  const { status } = spawnSync(process.execPath, [command, "run", suite, "--bail", "1", "--reporter", "dot"], {
    cwd: folder,
    stdio: "ignore",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
  return status === 0;
}

/** Suites that were seen to pass without any mutation. */
const sound = new Set();

/** The first suite that fails with these changes and passes without them; undefined where none does. */
function findKiller(folder, changes) {
  const restore = apply(folder, changes);
  // The tests of the core know nothing of what is above it.
  const isCore = changes.some(({ file }) => file.startsWith("src/core/"));
  const killer = SUITES.filter((suite) => isCore || !suite.startsWith("test/core")).find(
    (suite) => !passes(folder, suite),
  );
  restore();
  if (killer !== undefined && !sound.has(killer)) {
    if (!passes(folder, killer)) throw new Error(`${killer} fails without any mutation`);
    sound.add(killer);
  }
  return killer;
}

const secondsSince = (began) => `${((performance.now() - began) / 1000).toFixed(0)} s`;

function chosen() {
  const names = Object.keys(MUTANTS);
  if (words.only === undefined) return names;
  const wanted = words.only.split(",").map((each) => each.trim());
  const wrong = wanted.find((each) => !names.some((name) => name.includes(each)));
  if (wrong !== undefined) throw new Error(`no mutant is called "${wrong}"; --list prints them`);
  return names.filter((name) => wanted.some((each) => name.includes(each)));
}

function table(rows) {
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT }).toString().trim();
  const isDirty = execFileSync("git", ["status", "--porcelain", "src", "test"], { cwd: ROOT }).length > 0;
  const date = new Date().toISOString().slice(0, 10);
  const lines = rows.map(([name, suite, time]) => `| ${name} | ${suite} | ${time} |`);
  return [
    "# Mutants and the tests that kill them",
    "",
    `${date}, at ${commit}${isDirty ? " and changes on top" : ""}. \`npm run mutants\` makes this table: each line breaks one guarantee on purpose, in a copy of the`,
    "repository, and names the first suite that notices. The time is that of the suites up to it, on whatever machine it was.",
    "",
    "| what is broken | first noticed by | after |",
    "| --- | --- | --- |",
    ...lines,
    "",
  ].join("\n");
}

function main() {
  const names = chosen();
  if (words.list === true) {
    console.log(names.join("\n"));
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "keyturn-mutants-"));
  try {
    copyRepository(folder);
    for (const name of names) apply(folder, MUTANTS[name])();
    const rows = names.map((name) => {
      const began = performance.now();
      const killer = findKiller(folder, MUTANTS[name]);
      const row = [name, killer ?? "**nobody**", secondsSince(began)];
      console.error(row.join(" · "));
      return row;
    });
    const text = table(rows);
    if (words.write === undefined) console.log(text);
    else writeFileSync(join(ROOT, words.write), text);
    if (rows.some(([, killer]) => killer === "**nobody**")) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  main();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 2;
}
