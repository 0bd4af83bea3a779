import { parseDuration } from "../src/core/time.ts";
import type { Measured } from "./process.ts";
import { inSeconds, show } from "./table.ts";

/** What a run told about the time that is left, and what it was. */
export interface Guess {
  /** How much of the work was done, 0 to 1. */
  readonly done: number;
  readonly told: string;
  /** Milliseconds. */
  readonly left: number;
}

/** The guesses nearest to a quarter, a half and three quarters of the work; fewer where a run was short. */
export function guesses({ told, ms }: Pick<Measured, "told" | "ms">): readonly Guess[] {
  const all = told.flatMap(({ at, line }): readonly Guess[] => {
    const [, done, of, left] = /^(\d+)\/(\d+) users, about (.+) left$/.exec(line) ?? [];
    return left === undefined ? [] : [{ done: Number(done) / Number(of), told: left, left: ms - at }];
  });
  const nearest = (share: number) =>
    all.toSorted((a, b) => Math.abs(a.done - share) - Math.abs(b.done - share)).slice(0, 1);
  return [...new Set([0.25, 0.5, 0.75].flatMap(nearest))];
}

/** Beside each other, what was told and what was true. */
export function showGuesses(runs: readonly { readonly name: string; readonly guesses: readonly Guess[] }[]): void {
  const rows = runs.flatMap(({ name, guesses: each }) =>
    each.map(({ done, told, left }) => [
      name,
      `${Math.round(100 * done)}%`,
      told,
      inSeconds(left),
      (msOf(told) / left).toFixed(2),
    ]),
  );
  if (rows.length > 0)
    show("The time that is left, as runs told it", ["RUN", "DONE", "TOLD", "REAL", "TOLD TO REAL"], rows);
}

const msOf = (told: string): number => told.split(" ").reduce((sum, part) => sum + parseDuration(part), 0);
