import { expect, it } from "vitest";
import { showProgress } from "../../src/cli/progress.ts";
import type { Io } from "../../src/cli/io.ts";
import { milliseconds } from "../../src/core/time.ts";
import { Rig } from "../support/rig.ts";

/** What is told where nobody watches, while `of` users come in, so many seconds apart, after a minute of nothing. */
function toldOf(of: number, apart: number): readonly string[] {
  const told: string[] = [];
  const io: Io = {
    out: () => undefined,
    err: (text) => told.push(text),
    print: async () => undefined,
    isInteractive: false,
    isLive: false,
    paint: (_, text) => text,
  };
  const rig = new Rig();
  const progress = showProgress(io, rig.clock, "users");
  rig.skip(milliseconds(60_000));
  for (let done = 1; done <= of; done += 1) {
    progress(done, of);
    rig.skip(milliseconds(apart * 1000));
  }
  return told;
}

it("what is left is told from the first tenth on, by the pace of those who came in", () => {
  const told = toldOf(100, 4);
  expect(told.slice(0, 5)).toEqual([
    "1/100 users",
    "4/100 users",
    "7/100 users",
    "10/100 users, about 6m left",
    "13/100 users, about 6m left",
  ]);
  expect(told.at(-1)).toBe("97/100 users, about 12s left");
});

it.each([
  [10, 110, "2/10 users, about 15m left"],
  [10, 780, "2/10 users, about 104m left"],
  [10, 3000, "2/10 users, about 7h left"],
])("of %i users that come in %i seconds apart: %s", (of, apart, line) => {
  expect(toldOf(of, apart)).toContain(line);
});
