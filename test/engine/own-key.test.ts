import { describe, expect, it } from "vitest";
import type { AccessKeyId } from "../../src/core/access-key.ts";
import { type Policy, presets } from "../../src/core/policy.ts";
import { parseRecord } from "../../src/core/record.ts";
import type { UserReport } from "../../src/core/result.ts";
import { run } from "../../src/engine/run.ts";
import { CallCounter, Crash } from "../support/crash.ts";
import { freely, hours, minutes, Rig } from "../support/rig.ts";

const OWN = "a-rotator";

/** A rig with other users beside the one whose key signs; that key is served where runs take their credentials from. */
class OwnRig extends Rig {
  readonly signer: AccessKeyId;

  constructor(policy: Policy = presets.safe, { useEscrow = false, others = ["b", "c"] } = {}) {
    super(policy, { useEscrow });
    const { ids, destination } = this.user(OWN, [{ ageDays: 400 }], {}, { served: true });
    for (const name of others) this.user(name, [{ ageDays: 200 }]);
    Object.assign(destination, { suppliesSigner: true });
    const [signer] = ids;
    if (signer === undefined) throw new Error("no key");
    this.signer = signer;
  }

  /** The key that is served now. */
  async served(): Promise<AccessKeyId | null> {
    return (await this.destinations.get(OWN)?.[0]?.read?.())?.accessKeyId ?? null;
  }

  /** A run that signs with what it finds when it begins. Throws where AWS would let nobody in with that. */
  async runSigned(signer?: AccessKeyId): Promise<readonly UserReport[]> {
    const accessKeyId = signer ?? (await this.served());
    const key = this.account.keys(OWN).find((each) => each.accessKeyId === accessKeyId);
    if (key?.status !== "Active") throw new Error(`${accessKeyId} is refused`);
    const { arn } = this.account.user(OWN);
    const caller = { account: this.account.accountId, arn, partition: "aws", userName: OWN, accessKeyId };
    return run({ ...this.world, caller }, this.subjects(), freely);
  }
}

describe("the key that signs a run", () => {
  it("is replaced where later runs find the new one, after everybody else was served", async () => {
    const rig = new OwnRig();
    const results = await rig.runSigned();
    expect(results.map(({ userName, outcome }) => `${userName} ${outcome}`)).toEqual([
      "a-rotator changed",
      "b changed",
      "c changed",
    ]);
    const order = rig.steps.map(({ userName }) => userName);
    expect(order.indexOf(OWN)).toBeGreaterThan(Math.max(order.lastIndexOf("b"), order.lastIndexOf("c")));
    expect(await rig.served()).not.toBe(rig.signer);
    expect(rig.statuses(OWN)).toBe("Active Active");
  });

  it("stays Active in the run that it signs, also where old keys go at once, and goes in the next", async () => {
    const rig = new OwnRig(presets.threshold);
    await rig.runSigned();
    expect([rig.statuses(OWN), rig.statuses("b")]).toEqual(["Active Active", "Inactive Active"]);
    rig.skip(minutes(5));
    await rig.runSigned(rig.signer);
    expect(rig.statuses(OWN)).toBe("Active Active");
    await rig.runSigned();
    expect(rig.statuses(OWN)).toBe("Inactive Active");
    expect(rig.account.keys(OWN)[0]?.accessKeyId).toBe(rig.signer);
  });

  it.each([
    { when: "before", useEscrow: false },
    { when: "after", useEscrow: false },
    { when: "before", useEscrow: true },
    { when: "after", useEscrow: true },
  ] as const)("is replaced in the end, wherever the run died that did so: %j", async ({ when, useEscrow }) => {
    for (let call = 1; ; call += 1) {
      const rig = new OwnRig(presets.threshold, { useEscrow, others: [] });
      const counter = new CallCounter(rig);
      counter.dieAt = { call, when };
      const died = await rig.runSigned().then(
        () => null,
        (error: unknown) => {
          if (error instanceof Crash) return `call ${call}, ${error.message}`;
          throw error;
        },
      );
      counter.dieAt = null;
      for (let times = 0; times < 4; times += 1) {
        rig.skip(minutes(5));
        await rig.runSigned();
      }
      // A delivery that a later run finished looks like one that somebody undid: IAM gets its time to show who uses the old key.
      rig.skip(hours(5));
      await rig.runSigned();
      const served = await rig.served();
      const record = parseRecord(rig.record(OWN));
      expect({ died, ids: rig.account.keys(OWN).map((key) => `${key.accessKeyId} ${key.status}`) }).toEqual({
        died,
        ids: [`${rig.signer} Inactive`, `${served} Active`],
      });
      expect({ died, new: "new" in record && record.new, left: await rig.escrow.list() }).toEqual({
        died,
        new: served,
        left: [],
      });
      if (died === null) {
        expect(call).toBeGreaterThan(15);
        return;
      }
    }
  });
});
