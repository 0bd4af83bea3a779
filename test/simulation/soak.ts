import { parseArgs } from "node:util";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { play } from "./play.ts";
import { explainFailure } from "./shrink.ts";
import { type Fault, FAULTS, type StoryChoice } from "./story.ts";

/*
 * npm run soak -- --seeds N | --minutes M [--seed S]: many stories, one after another, until one breaks a promise. The other
 * options (--users, --days, --without) are those that a failure prints: they tell a smaller story again.
 */

// The engine throws in order to ask for facts, a million times here: where it did so is of no use.
Error.stackTraceLimit = 0;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function wholeNumber(name: string, text: string, least: number): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < least)
    throw new InvalidInput(`--${name} is "${text}"`, `a whole number from ${least} on, such as --${name} 100`);
  return Number(text);
}

const isFault = (text: string): text is Fault => FAULTS.some((each) => each === text);

function faultNamed(text: string): Fault {
  if (!isFault(text)) throw new InvalidInput(`--without: there is no "${text}"`, `some of ${FAULTS.join(",")}`);
  return text;
}

const list = (text: string | undefined): readonly string[] => (text ?? "").split(",").filter((each) => each !== "");

interface Order {
  readonly first: number;
  readonly count: number;
  readonly until: number;
  readonly choose: (seed: number) => StoryChoice;
}

function readOrder(): Order {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { seeds: text, minutes: text, seed: text, users: text, days: text, without: text },
  });
  if (values.seeds !== undefined && values.minutes !== undefined)
    throw new InvalidInput("--seeds and --minutes are both given", "one says how many stories, the other how long");
  const without = new Set(list(values.without).map(faultNamed));
  const users = values.users === undefined ? null : list(values.users).map((each) => wholeNumber("users", each, 0));
  const days = values.days === undefined ? null : wholeNumber("days", values.days, 1);
  const endless = values.minutes !== undefined;
  return {
    first: wholeNumber("seed", values.seed ?? "1", 0),
    count: endless ? Infinity : wholeNumber("seeds", values.seeds ?? "1000", 1),
    until: endless ? performance.now() + wholeNumber("minutes", values.minutes ?? "", 1) * 60_000 : Infinity,
    choose: (seed) => ({ seed, users, days, without }),
  };
}

async function soak({ first, count, until, choose }: Order): Promise<boolean> {
  const began = performance.now();
  const totals: Record<string, number> = {};
  let told = 0;
  for (; told < count && performance.now() < until; told += 1) {
    if (told > 0 && told % 1000 === 0) process.stderr.write(`${told} stories\n`);
    const choice = choose(first + told);
    const ending = await play(choice);
    if (ending.violation !== null) {
      say(`story ${choice.seed}: ${await explainFailure(choice, ending)}`);
      return false;
    }
    for (const [what, times] of Object.entries({ ...ending.counts, days: Math.round(ending.days) }))
      totals[what] = (totals[what] ?? 0) + times;
  }
  say(
    `${told} stories from ${first} on, in ${((performance.now() - began) / 1000).toFixed(1)} s; no promise was broken`,
  );
  for (const [what, times] of Object.entries(totals).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    say(`  ${what}: ${times}`);
  return true;
}

try {
  if (!(await soak(readOrder()))) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof InvalidInput) && !(error instanceof TypeError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  if (error instanceof InvalidInput && error.hint !== null) process.stderr.write(`hint: ${error.hint}\n`);
  process.exitCode = 2;
}
