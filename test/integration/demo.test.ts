import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { keyturn, temporaryFolder } from "../support/cli.ts";

describe("keyturn demo", () => {
  it("tells the same story for the same seed, byte for byte, and another for another", async () => {
    const [first, second, other] = await Promise.all([
      keyturn(["demo", "--days", "60"]),
      keyturn(["demo", "--days", "60"]),
      keyturn(["demo", "--seed", "2", "--days", "20"]),
    ]);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    expect(second.stdout).toBe(first.stdout);
    expect(other.stdout).not.toContain(/AKIA\w{16}/.exec(first.stdout)?.[0]);
  });

  it("says that it is simulated, heals a crash, explains a blocked user, and no job fails", async () => {
    const home = temporaryFolder();
    const { stdout } = await keyturn(["demo"], { cwd: home });
    for (const words of [
      "This account is simulated: no AWS, no network.",
      "The process is killed right after AWS made a key for metrics",
      "orphans removed",
      "vendor-globex needs a person: successor-unused",
      "vendor-globex needs a person: no-free-slot",
      "0 of them were refused for their key",
      "keyturn-demo/keys",
    ]) {
      expect(stdout).toContain(words);
    }
    const files = readdirSync(join(home, "keyturn-demo", "keys")).filter((name) => name.endsWith(".json"));
    expect(files.length).toBeGreaterThan(5);
    for (const name of files) {
      const { SecretAccessKey } = JSON.parse(readFileSync(join(home, "keyturn-demo", "keys", name), "utf8")) as Record<
        string,
        string
      >;
      expect(stdout).not.toContain(SecretAccessKey);
    }
  });

  it("empties only a folder that an earlier demo made", async () => {
    const home = temporaryFolder();
    expect((await keyturn(["demo", "--days", "1"], { cwd: home })).code).toBe(0);
    expect((await keyturn(["demo", "--days", "1"], { cwd: home })).code).toBe(0);
    mkdirSync(join(home, "mine", "keys"), { recursive: true });
    const refused = await keyturn(["demo", "--days", "1", "--out", "mine"], { cwd: home });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("mine exists, and is not from an earlier demo");
    expect(existsSync(join(home, "mine", "keys"))).toBe(true);
  });
});
