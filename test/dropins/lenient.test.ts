import { describe, expect, it } from "vitest";
import { sameForAll } from "../../src/core/rulebook.ts";
import type { Parts } from "../../src/compose.ts";
import type { AccessKeyId } from "../../src/core/access-key.ts";
import { presets } from "../../src/core/policy.ts";
import { RECORD_TAG } from "../../src/core/record.ts";
import { lenient } from "../../src/dropins/lenient.ts";
import { readingOwnWrites } from "../../src/dropins/own-writes.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import { CallError } from "../../src/ports.ts";
import { Rig, seconds } from "../support/rig.ts";

/** An account with one user, where some actions are denied, or fail. */
function setUp() {
  const rig = new Rig();
  const { account, clock, liveness } = rig;
  const [id] = rig.user("ci-bot", [{ ageDays: 30 }], null, { hasPassword: true }).ids;
  if (id === undefined) throw new Error("no key");
  const denied = new Set<string>();
  const failing = new Set<string>();
  account.intercept = async (action, resource, effect) => {
    if (denied.has(action)) throw new CallError("denied", action, resource, "AccessDenied", "not allowed");
    if (failing.has(action)) throw new CallError("unknown", action, resource, "TimeoutError", "no answer in time");
    return effect();
  };
  const parts: Parts = {
    caller: account.caller,
    iam: account.iam,
    records: recordsInTags(account.iam),
    verifier: account.verifier,
    escrow: null,
    clock,
    liveness,
    destinations: [],
    settings: {
      rulebook: sameForAll(presets.threshold),
      escrow: null,
      settle: seconds(0),
      asked: false,
      profile: null,
      region: null,
      mail: null,
    },
  };
  const warnings: string[] = [];
  return { rig, account, id, denied, failing, warnings, parts, soft: lenient(parts, (line) => warnings.push(line)) };
}

describe("where AWS denies what only keyturn asks, a drop-in", () => {
  it("takes a user to have no tags, a key to be unused, nobody to have a password, and warns once per action", async () => {
    const { soft, denied, warnings, id } = setUp();
    for (const action of ["iam:ListUserTags", "iam:GetAccessKeyLastUsed", "iam:GetLoginProfile"]) denied.add(action);
    for (const _ of [1, 2]) {
      await soft.iam.listAccessKeys("ci-bot");
      expect(await soft.iam.listTags("ci-bot")).toEqual(new Map());
      expect(await soft.iam.lastUse(id)).toEqual({ userName: null, use: null });
      expect(await soft.iam.hasPassword("ci-bot")).toBe(false);
    }
    expect(warnings).toHaveLength(3);
    for (const [index, action] of ["iam:ListUserTags", "iam:GetAccessKeyLastUsed", "iam:GetLoginProfile"].entries())
      expect(warnings[index]).toMatch(new RegExp(`^${action} is denied: .+; grant ${action}`));
  });

  it("finds a user by listing all", async () => {
    const { soft, denied, warnings } = setUp();
    denied.add("iam:GetUser");
    expect(await soft.iam.getUser("ci-bot")).toMatchObject({ userName: "ci-bot" });
    expect(await soft.iam.getUser("nobody")).toBeNull();
    expect(warnings).toHaveLength(1);
  });

  it("leaves a question about a key that nobody listed denied: AWS denies that for keys that it does not know", async () => {
    const { soft, denied, warnings } = setUp();
    denied.add("iam:GetAccessKeyLastUsed");
    const stranger = "AKIASOMEBODYELSES000" as AccessKeyId; // of valid form
    await expect(soft.iam.lastUse(stranger)).rejects.toMatchObject({ kind: "denied" });
    expect(warnings).toEqual([]);
  });

  it.each(["iam:ListAccessKeys", "iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:UpdateAccessKey"])(
    "excuses no denial of %s, which it cannot do without",
    async (action) => {
      const { soft, denied, id } = setUp();
      denied.add(action);
      const calls = {
        "iam:ListAccessKeys": () => soft.iam.listAccessKeys("ci-bot"),
        "iam:CreateAccessKey": () => soft.iam.createAccessKey("ci-bot"),
        "iam:DeleteAccessKey": () => soft.iam.deleteAccessKey("ci-bot", id),
        "iam:UpdateAccessKey": () => soft.iam.deactivate("ci-bot", id),
      };
      await expect(calls[action as keyof typeof calls]()).rejects.toMatchObject({ kind: "denied", action });
    },
  );

  it("does not take a question that failed for an answer", async () => {
    const { soft, failing, warnings, id } = setUp();
    for (const action of [
      "iam:ListUserTags",
      "iam:GetAccessKeyLastUsed",
      "iam:GetLoginProfile",
      "iam:GetUser",
      "iam:TagUser",
    ])
      failing.add(action);
    await soft.iam.listAccessKeys("ci-bot");
    await expect(soft.iam.listTags("ci-bot")).rejects.toMatchObject({ kind: "unknown" });
    await expect(soft.iam.lastUse(id)).rejects.toMatchObject({ kind: "unknown" });
    await expect(soft.iam.hasPassword("ci-bot")).rejects.toMatchObject({ kind: "unknown" });
    await expect(soft.iam.getUser("ci-bot")).rejects.toMatchObject({ kind: "unknown" });
    await expect(soft.records.write("ci-bot", "a record")).rejects.toMatchObject({ kind: "unknown" });
    expect(warnings).toEqual([]);
  });
});

describe("the record, where it", () => {
  it("may be kept, is kept in the tag as ever", async () => {
    const { soft, rig, warnings } = setUp();
    await soft.records.write("ci-bot", "v1 mine");
    expect(rig.record("ci-bot")).toBe("v1 mine");
    expect(await soft.records.read("ci-bot")).toBe("v1 mine");
    expect(warnings).toEqual([]);
  });

  it("must not be written, is remembered for this run", async () => {
    const { soft, denied, rig, warnings } = setUp();
    denied.add("iam:TagUser");
    await soft.records.read("ci-bot");
    await soft.records.write("ci-bot", "v1 mine");
    await soft.records.write("ci-bot", "v1 mine later");
    expect(await soft.records.read("ci-bot")).toBe("v1 mine later");
    expect(rig.record("ci-bot")).toBeNull();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/a second run at the same time is not noticed.*crash is not healed.*grant iam:TagUser/);
  });

  it("must not be written, but another run writes one, is that other run's", async () => {
    const { soft, denied, account } = setUp();
    denied.add("iam:TagUser");
    account.tags("ci-bot").set(RECORD_TAG, "v1 before");
    expect(await soft.records.read("ci-bot")).toBe("v1 before");
    await soft.records.write("ci-bot", "v1 mine");
    expect(await soft.records.read("ci-bot")).toBe("v1 mine");
    account.tags("ci-bot").set(RECORD_TAG, "v1 theirs");
    expect(await soft.records.read("ci-bot")).toBe("v1 theirs");
  });

  it("must not be read, is written all the same, and remembered", async () => {
    const { soft, denied, rig } = setUp();
    denied.add("iam:ListUserTags");
    const tags = await soft.iam.listTags("ci-bot");
    expect(await soft.records.read("ci-bot", tags ?? new Map())).toBeNull();
    await soft.records.write("ci-bot", "v1 mine");
    expect(await soft.records.read("ci-bot")).toBe("v1 mine");
    expect(rig.record("ci-bot")).toBe("v1 mine");
  });
});

describe("a record that was just written and does not show yet", () => {
  /** Reads answer with what stood there before the write, this often. */
  function stale(times: number) {
    const { parts, rig } = setUp();
    let left = 0;
    let before: string | null = null;
    const { records } = parts;
    const slow: Parts = {
      ...parts,
      records: {
        read: async (userName) => {
          const now = await records.read(userName);
          if (left === 0) return now;
          left -= 1;
          return before;
        },
        write: async (userName, record) => {
          before = await records.read(userName);
          left = times;
          await records.write(userName, record);
        },
      },
    };
    return { rig, records: readingOwnWrites(slow).records };
  }

  it("is looked at again until it does", async () => {
    const { records } = stale(3);
    expect(await records.read("ci-bot")).toBeNull();
    await records.write("ci-bot", "v1 mine");
    expect(await records.read("ci-bot")).toBe("v1 mine");
    await records.write("ci-bot", "v1 mine later");
    expect(await records.read("ci-bot")).toBe("v1 mine later");
  });

  it("is not waited for longer than ten seconds", async () => {
    const { records, rig } = stale(1000);
    await records.read("ci-bot");
    await records.write("ci-bot", "v1 mine");
    const began = rig.clock.now();
    expect(await records.read("ci-bot")).toBeNull();
    expect(rig.clock.now() - began).toBe(10_000);
  });

  it("is not waited for where another run's stands there", async () => {
    const { records, rig } = stale(0);
    await records.read("ci-bot");
    await records.write("ci-bot", "v1 mine");
    rig.account.tags("ci-bot").set(RECORD_TAG, "v1 theirs");
    const began = rig.clock.now();
    expect(await records.read("ci-bot")).toBe("v1 theirs");
    expect(rig.clock.now()).toBe(began);
  });
});
