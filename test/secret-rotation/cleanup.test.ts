import { describe, expect, it } from "vitest";
import type { AccessKeyId } from "../../src/core/access-key.ts";
import { days, hours } from "../../src/core/time.ts";
import { type Cleanup, cleanUp } from "../../src/secret-rotation/cleanup.ts";
import { SECRET, Stage, USER } from "./stage.ts";

/** A user whose key was rotated a moment ago; `old` is its predecessor. */
async function rotated(made = new Stage()): Promise<{ made: Stage; old: AccessKeyId; successor: AccessKeyId }> {
  const [old] = made.user([{ ageDays: 40 }]);
  await made.rotate();
  // IAM writes down one use in a quarter of an hour, and our own test was the first.
  made.pass(hours(1));
  const [, successor] = made.keys();
  if (old === undefined || successor === undefined) throw new Error("two keys were to be there");
  return { made, old, successor };
}

const statuses = (made: Stage) => made.account.keys(USER).map(({ status }) => status);
const codes = ({ users }: Cleanup) => users.map(({ userName, outcome, code }) => `${userName} ${outcome} ${code}`);

describe("the cleanup", () => {
  it("retires the predecessor when its successor is used by somebody else and it was quiet for a day, and deletes it a day later", async () => {
    const { made, old, successor } = await rotated();
    made.pass(days(3));
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} waiting successor-unused`]);
    made.account.use(old, "s3", "eu-west-1");
    made.account.use(successor, "s3", "eu-west-1");
    made.pass(hours(12));
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} waiting predecessor-in-use`]);
    made.pass(hours(24));
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} changed superseded`]);
    expect(statuses(made)).toEqual(["Inactive", "Active"]);
    made.pass(hours(12));
    await cleanUp(made.host);
    expect(made.keys()).toEqual([old, successor]);
    made.pass(hours(24));
    await cleanUp(made.host);
    expect(made.keys()).toEqual([successor]);
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} settled young`]);
  });

  it("lets rotations that fail meanwhile, for want of a free slot, put nothing off", async () => {
    const { made, successor } = await rotated();
    made.account.use(successor, "s3", "eu-west-1");
    for (let tries = 0; tries < 4; tries += 1) {
      made.pass(hours(12));
      expect(await made.failureOf(() => made.rotate())).toContain("already has 2 access keys");
      await cleanUp(made.host);
    }
    expect(statuses(made)).toEqual(["Inactive", "Active"]);
  });

  it("goes by time alone where it is told to", async () => {
    const { made } = await rotated();
    made.variables = { KEYTURN_RETIRE: "time", KEYTURN_QUIET: "36h" };
    made.pass(hours(30));
    await cleanUp(made.host);
    expect(statuses(made)).toEqual(["Active", "Active"]);
    made.pass(hours(10));
    await cleanUp(made.host);
    expect(statuses(made)).toEqual(["Inactive", "Active"]);
  });

  it("never takes our own test of the new key for a consumer's use", async () => {
    const { made, successor } = await rotated();
    expect(made.account.keys(USER).find(({ accessKeyId }) => accessKeyId === successor)?.lastUse?.service).toBe("sts");
    made.pass(days(10));
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} waiting successor-unused`]);
    made.pass(days(10));
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} blocked successor-unused`]);
    expect(statuses(made)).toEqual(["Active", "Active"]);
  });

  it("leaves a key alone that a person disabled, and one whose retirement it cannot know", async () => {
    const { made, old, successor } = await rotated();
    made.account.use(successor, "s3", "eu-west-1");
    made.account.setStatus(old, "Inactive");
    made.pass(days(300));
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} settled inactive-not-ours`]);
    made.account.tags(USER).delete("keyturn:rotation");
    await cleanUp(made.host);
    expect(made.keys()).toEqual([old, successor]);
  });

  it("takes over what another tool rotated: AWSPREVIOUS tells what was served before", async () => {
    const { made, successor } = await rotated();
    made.account.tags(USER).delete("keyturn:rotation");
    made.pass(days(2));
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} changed served-before`]);
    made.pass(days(2));
    made.account.use(successor, "s3", "eu-west-1");
    made.pass(days(2));
    await cleanUp(made.host);
    expect(statuses(made)).toEqual(["Inactive", "Active"]);
  });

  it("has nothing to say of a first key, and makes none where one is missing, unfinished or old", async () => {
    const made = new Stage();
    made.user([]);
    await made.rotate();
    made.pass(days(200));
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} settled young`]);
    const unfinished = new Stage();
    unfinished.user([{ ageDays: 40 }]);
    await unfinished.step("createSecret", unfinished.secrets.begin(SECRET));
    unfinished.newSandbox();
    unfinished.pass(days(2));
    const { users } = await cleanUp(unfinished.host);
    expect(users.map(({ outcome, sentence }) => `${outcome}: ${sentence}`)).toEqual([
      expect.stringContaining("blocked: secretsmanager:dev/app-bot-key gets its keys from the rotation"),
    ]);
    expect(unfinished.keys()).toHaveLength(2);
  });

  it("reads every page, and one secret that cannot be read stops no other", async () => {
    const { made, old, successor } = await rotated();
    made.account.use(successor, "s3", "eu-west-1");
    made.secrets.create("a/broken", "no JSON", { Rotatable: "true" });
    made.secrets.create("b/empty", null, { Rotatable: "true" });
    made.secrets.create("c/not-tagged", "no JSON", { rotatable: "true" });
    made.secrets.create("d/not-true", "no JSON", { Rotatable: "false" });
    for (let each = 0; each < 5; each += 1) made.user([{ ageDays: 3 }], {}, [`bot-${each}`, `dev/bot-${each}`]);
    made.secrets.pageSize = 2;
    made.pass(days(4));
    const { users, unreadable } = await cleanUp(made.host);
    expect(users.map(({ userName }) => userName)).toEqual([USER, "bot-0", "bot-1", "bot-2", "bot-3", "bot-4"]);
    expect(unreadable.map(({ secret, sentence }) => `${secret}: ${sentence}`)).toEqual([
      expect.stringContaining("a/broken: version"),
      expect.stringContaining("b/empty: secretsmanager:b/empty has no current value"),
    ]);
    expect(statuses(made)).toEqual(["Inactive", "Active"]);
    expect(made.keys()[0]).toBe(old);
  });

  it("keeps a predecessor that another secret serves, and changes nothing in a dry run", async () => {
    const { made, old, successor } = await rotated();
    made.account.use(successor, "s3", "eu-west-1");
    made.pass(days(3));
    made.variables = { KEYTURN_DRY_RUN: "true" };
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} due superseded`]);
    made.variables = {};
    made.secrets.create("e/second", { UserName: USER, Key: old, Secret: "x" }, { Rotatable: "true" });
    made.pass(days(3));
    expect(codes(await cleanUp(made.host))).toEqual([`${USER} blocked rolled-back`]);
    expect(statuses(made)).toEqual(["Active", "Active"]);
  });

  it("begins no user when its time is over", async () => {
    const { made, successor } = await rotated();
    made.account.use(successor, "s3", "eu-west-1");
    made.pass(days(3));
    made.remaining = 1_000;
    const { users } = await cleanUp(made.host);
    expect(users.map(({ outcome }) => outcome)).toEqual(["interrupted"]);
  });
});
