import { describe, expect, it } from "vitest";
import { Violation } from "./referee.ts";
import { type Ending, play } from "./play.ts";
import { explainFailure, replayCommand, shrink } from "./shrink.ts";
import { FAULTS, type StoryChoice } from "./story.ts";
import { START } from "../support/rig.ts";
import { SCOPE } from "../support/scope.ts";

/** CI plays those of `quick`. More of them: npm run soak. */
const STORIES = { tests: 60, quick: 300, all: 1500 }[SCOPE];
const PER_TEST = 30;

const story = (seed: number): StoryChoice => ({ seed, users: null, days: null, without: new Set() });

const totals: Record<string, number> = {};

describe("months with throttling, lost replies, crashes, a second runner and people in between", () => {
  it.each(Array.from({ length: STORIES / PER_TEST }, (_, index) => index * PER_TEST + 1))(
    "break no promise, in the stories from %i on",
    async (first) => {
      for (let seed = first; seed < first + PER_TEST; seed += 1) {
        const ending = await play(story(seed));
        const failure = ending.violation === null ? null : await explainFailure(story(seed), ending);
        expect(failure, `story ${seed}`).toBeNull();
        for (const [what, times] of Object.entries(ending.counts)) totals[what] = (totals[what] ?? 0) + times;
      }
    },
  );

  it("are full of what they are meant to try", () => {
    const often = ["runs", "created", "deliver", "deactivate", "deleteAccessKey", "faults", "killed", "beside"];
    const acts = ["strip", "write-back", "retire", "rollback", "hold", "rotate", "policy", "config"];
    const console = ["deactivate-in-console", "delete-in-console", "create-in-console"];
    const counted = [...often, ...[...acts, ...console].map((each) => `person: ${each}`), "refused", "ends young"];
    expect(counted.filter((what) => (totals[what] ?? 0) < STORIES * (often.includes(what) ? 0.5 : 0.02))).toEqual([]);
  });

  it("go the same way each time", async () => {
    const [once, again] = [await play(story(7)), await play(story(7))];
    expect(again.log).toEqual(once.log);
    expect(once.log.length).toBeGreaterThan(20);
  });
});

describe("a story that breaks a promise", () => {
  const broken = new Violation("stuck", START, "user-1", "blocked");
  const fails: Ending = { violation: broken, log: [], counts: {}, days: 60 };
  /** Fails where this user meets this fault for at least that long. */
  const teller =
    (index: number) =>
    async ({ users, days, without }: StoryChoice): Promise<Ending> => {
      const isThere = (users === null || users.includes(index)) && !without.has("kill") && (days ?? 60) >= 25;
      return isThere ? fails : { ...fails, violation: null };
    };

  it("is shrunk to the user, the fault and the time that it takes", async () => {
    // Story 3 has several users.
    const { choice } = await shrink(story(3), fails, teller(1));
    expect(choice.users).toEqual([1]);
    expect([...choice.without].toSorted()).toEqual(FAULTS.filter((each) => each !== "kill").toSorted());
    expect(choice.days).toBe(27);
  });

  it("is told again by one command", () => {
    expect(replayCommand({ seed: 3, users: [0, 2], days: 30, without: new Set(["kill", "lag"]) })).toBe(
      "npm run soak -- --seed 3 --seeds 1 --users 0,2 --days 30 --without kill,lag",
    );
    expect(replayCommand(story(9))).toBe("npm run soak -- --seed 9 --seeds 1");
  });
});
