import type { Findings } from "./explore.ts";
import { openCases } from "./monitor.ts";

/* The figures of a search, as `npm run model` prints them. */

const COLUMNS: readonly (readonly [title: string, width: number, of: (found: Findings) => string])[] = [
  ["setup", -34, ({ setup }) => setup],
  ["states", 11, ({ states }) => grouped(states)],
  ["worlds", 9, ({ worlds }) => grouped(worlds)],
  ["choices", 11, ({ choices }) => grouped(choices)],
  ["memories", 9, ({ memories }) => grouped(memories)],
  ["depth", 6, ({ depth }) => String(depth)],
  ["runs", 5, ({ patience }) => String(patience)],
  ["cpu s", 7, ({ cpuMilliseconds }) => (cpuMilliseconds / 1000).toFixed(1)],
  ["all of", 7, ({ complete }) => (complete < 0 ? "-" : String(complete))],
];

export const legend = `states     different moments: what stands in the world, what the monitor keeps of the story, and all that each runner was told
worlds     how many of them differ in what stands in the world
choices    how many steps from one moment to the next were taken
memories   how many different things the engine was told and answered
depth      most runs in one story
runs       most undisturbed runs from any state to one where nothing is left to do
all of     every story with so many disturbances was told to its end; of those with more, some`;

const row = (cells: readonly string[]): string =>
  cells
    .map((cell, index) => {
      const width = COLUMNS[index]?.[1] ?? 0;
      return width < 0 ? cell.padEnd(-width) : cell.padStart(width);
    })
    .join(" ");

export const headline = row(COLUMNS.map(([title]) => title));

/** One setup: its figures, where its stories end, and what of the open cases was met. */
export function line(found: Findings): string {
  const { ends, open, violation } = found;
  return [
    row(COLUMNS.map(([, , of]) => of(found))),
    `    ends: ${listed(ends)}`,
    ...(open.size > 0 ? [`    open: ${listed(open)}`] : []),
    ...(violation === null ? [] : [`    VIOLATION ${violation.why}`, `    ${violation.story}`]),
  ].join("\n");
}

export function total(all: readonly Findings[]): string {
  const sum = (of: (found: Findings) => number) => all.reduce((before, found) => before + of(found), 0);
  const most = (of: (found: Findings) => number) => Math.max(0, ...all.map(of));
  const figures: Findings = {
    setup: `${all.length} setups`,
    states: sum(({ states }) => states),
    worlds: sum(({ worlds }) => worlds),
    resting: sum(({ resting }) => resting),
    choices: sum(({ choices }) => choices),
    memories: sum(({ memories }) => memories),
    depth: most(({ depth }) => depth),
    patience: most(({ patience }) => patience),
    ends: added(all.map(({ ends }) => ends)),
    open: added(all.map(({ open }) => open)),
    cpuMilliseconds: sum(({ cpuMilliseconds }) => cpuMilliseconds),
    complete: Math.min(...all.map(({ complete }) => complete)),
    cut: all.some(({ cut }) => cut),
    violation: null,
  };
  const violations = all.filter(({ violation }) => violation !== null).length;
  const cases = Object.entries(openCases)
    .filter(([name]) => figures.open.has(name))
    .map(([name, what]) => `    ${name}: ${what}`);
  return ["", headline, line(figures), ...cases, "", `violations: ${violations}`].join("\n");
}

function added(counts: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const [name, count] of counts.flatMap((each) => [...each])) sums.set(name, (sums.get(name) ?? 0) + count);
  return sums;
}

const listed = (counts: ReadonlyMap<string, number>): string =>
  [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${grouped(count)}`)
    .join(", ");

const grouped = (number: number): string => number.toLocaleString("en-US");
