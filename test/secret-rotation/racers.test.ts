import { describe, expect, it } from "vitest";
import { presets } from "../../src/core/policy.ts";
import { seconds } from "../../src/core/time.ts";
import { run } from "../../src/engine/run.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import { SimulatedDestination, SimulatedLiveness } from "../../src/simulation/stores.ts";
import { freely } from "../support/rig.ts";
import { SECRET, Stage, USER } from "./stage.ts";

/** A run of keyturn at the same user, which serves its keys elsewhere. */
function runBeside(made: Stage, destination: SimulatedDestination) {
  const { account, clock } = made;
  const world = {
    caller: account.caller,
    iam: account.iam,
    verifier: account.verifier,
    records: recordsInTags(account.iam),
    escrow: null,
    clock,
    liveness: new SimulatedLiveness(),
    journal: () => undefined,
    settle: seconds(15),
  };
  const terms = {
    policy: presets.safe,
    exempt: null,
    window: null,
    doubt: null,
    asked: true,
    ownServices: ["sts"],
    needsDestination: true,
  };
  return run(world, [{ user: account.user(USER), terms, destinations: [destination] }], freely);
}

describe("the function and a run of keyturn at the same user", () => {
  it("make one successor between them, whoever comes first, and never serve a key that is gone", async () => {
    const winners = new Set<string>();
    for (let head = 0; head <= 24; head += 1) {
      for (const functionFirst of [true, false]) {
        const made = new Stage();
        const [old] = made.user([{ ageDays: 40 }]);
        const destination = new SimulatedDestination("memory:other", made.clock);
        const token = made.secrets.begin(SECRET);
        made.remaining = 60_000;
        const begin = (work: () => Promise<unknown>, after: number) =>
          made.clock
            .sleep(seconds(after))
            .then(work)
            .then(
              () => "done",
              () => "gave way",
            );
        const [ofFunction] = await Promise.all([
          begin(() => made.rotate(token), functionFirst ? 0 : head),
          begin(() => runBeside(made, destination), functionFirst ? head : 0),
        ]);
        const what = `${functionFirst ? "function" : "run"} ${head} s ahead`;
        const keys = made.account.keys(USER);
        const served = [made.secrets.read(SECRET)?.["Key"], (await destination.read?.())?.accessKeyId];
        expect(keys.length, what).toBeLessThanOrEqual(2);
        expect(
          keys.map(({ accessKeyId }) => accessKeyId),
          what,
        ).toContain(old);
        for (const id of served.filter((each) => each !== undefined && each !== null))
          expect(keys.find(({ accessKeyId }) => accessKeyId === id)?.status, `${what}: ${id}`).toBe("Active");
        if (keys.length === 2) winners.add(served[0] === keys[1]?.accessKeyId ? "function" : "run");
        if (ofFunction === "done") expect(served[0], what).toBe(keys[1]?.accessKeyId);
      }
    }
    expect(winners).toEqual(new Set(["function", "run"]));
  });
});
