import { describe, expect, it } from "vitest";
import { CallError } from "../../src/ports.ts";
import { days, minutes } from "../../src/core/time.ts";
import { sesSmtpPassword } from "../../src/documents/fields.ts";
import { Death, SECRET, Stage, STEPS, USER } from "./stage.ts";

function stage(...keys: readonly { ageDays: number; status?: "Active" | "Inactive" }[]) {
  const made = new Stage();
  const ids = made.user(keys.length === 0 ? [{ ageDays: 40 }] : keys, { Host: "db.example.com" });
  return { made, ids };
}

describe("a rotation by Secrets Manager", () => {
  it("makes a key, proves it, serves it, and leaves the old key and all other fields as they are", async () => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    await made.step("createSecret", token);
    expect(made.secrets.read(SECRET)?.["Key"]).toBe(ids[0]);
    expect(made.record()).toContain("creating");
    for (const step of STEPS.slice(1)) await made.step(step, token);
    const served = made.expectRotated(ids, "once");
    expect(made.secrets.read(SECRET)).toEqual({
      Key: served,
      Secret: expect.stringMatching(/^\w{40}$/),
      UserName: USER,
      Host: "db.example.com",
    });
    expect(made.secrets.stages(SECRET, token)).toEqual(["AWSCURRENT"]);
    expect(made.account.use(served, "s3", "eu-west-1")).toBe(true);
  });

  it("begins with a secret that holds nothing but its user's name", async () => {
    const made = new Stage();
    made.user([]);
    await made.rotate();
    made.expectRotated([], "the first key");
    expect(made.secrets.read(SECRET)).toMatchObject({ UserName: USER });
  });

  it("repeats every step without a further call that changes anything, in whatever order", async () => {
    const { made, ids } = stage();
    const token = made.secrets.begin(SECRET);
    for (const step of STEPS) {
      await made.step(step, token);
      const done = STEPS.slice(0, STEPS.indexOf(step) + 1);
      const [keys, record] = [made.keys(), made.record()];
      made.calls.length = 0;
      for (const again of done) await made.step(again, token);
      expect([made.keys(), made.record()], step).toEqual([keys, record]);
      expect(made.calls.filter((call) => /Create|Put|Tag|Update|Delete/.test(call) && call !== "iam:ListUserTags")).toEqual([]);
    }
    await made.rotate(token);
    made.expectRotated(ids, "three times");
  });

  it.each(["before", "after"] as const)("that dies at any call, %s it took effect, is finished by the service's own retry", async (when) => {
    for (const first of [[{ ageDays: 40 }], []]) {
      for (let call = 1; ; call += 1) {
        const { made, ids } = { made: new Stage(), ids: [] as readonly string[] };
        const old = made.user(first);
        const token = made.secrets.begin(SECRET);
        made.dieAt = { call, when };
        const died = await made.rotate(token).then(() => null, String);
        if (died === null) break;
        made.dieAt = null;
        // The one that died may be known to this sandbox, or another one may be called.
        if (call % 2 === 0) made.newSandbox();
        await made.rotate(token);
        const what = `call ${call}: ${died} ${ids.join()}`;
        // The only Active key of a user is never deleted: where a first key's secret was lost, it stays for the cleanup.
        const lost = made.keys().filter((id) => id !== made.secrets.read(SECRET)?.["Key"] && !old.includes(id));
        expect(lost.length, what).toBeLessThanOrEqual(first.length === 0 ? 1 : 0);
        made.expectRotated([...old, ...lost], what);
        expect(call).toBeLessThan(100);
      }
    }
  });
});
