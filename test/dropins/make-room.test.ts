import { expect, it } from "vitest";
import { Session } from "../../src/compose.ts";
import { instant } from "../../src/core/time.ts";
import { handOut } from "../../src/dropins/hand-out.ts";
import { makingRoomWithCare } from "../../src/dropins/iam-credential-rotation/make-room.ts";
import { settingsFrom } from "../../src/dropins/iam-credential-rotation/settings.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import { days, freely, outcomeOf, Rig } from "../support/rig.ts";

it("of three keys, which IAM allows only by mistake, the newest stays and the others make room", async () => {
  const { account, clock, liveness, ...rig } = new Rig();
  const user = account.addUser("ci-bot");
  const ids = [45, 30, 15].map((ageDays) =>
    account.addKey("ci-bot", { createDate: instant(clock.now() - days(ageDays)) }),
  );
  const given: string[] = [];
  const session = new Session({
    ...makingRoomWithCare({
      caller: account.caller,
      iam: account.iam,
      records: recordsInTags(account.iam),
      verifier: account.verifier,
      escrow: null,
      clock,
      liveness,
      destinations: [],
      settings: settingsFrom({}),
    }),
    destinations: [
      handOut(
        "stdout",
        async () => undefined,
        async (_user, pair) => void given.push(pair.accessKeyId),
      ),
    ],
  });
  const [report] = await session.run([user], freely, (step) => rig.steps.push(step));
  expect(report === undefined ? "" : outcomeOf(report)).toBe("delete, delete, rotate");
  expect(account.keys("ci-bot").map((key) => key.accessKeyId)).toEqual([ids[2]?.accessKeyId, given[0]]);
});
