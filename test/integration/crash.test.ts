import { describe } from "vitest";
import { disturbedRuns } from "../support/disturbed-runs.ts";
import { motoMissing } from "../support/moto.ts";

describe.skipIf(motoMissing !== null)(`a run that dies ${motoMissing ?? ""}`, () => {
  disturbedRuns().healsEach("is killed after it took effect", "is killed before it is sent on");
});
