import { describe, expect, it } from "vitest";
import type { RunPart } from "../../src/distributed/documents.ts";
import { Results } from "../../src/distributed/results.ts";
import { MemoryStore } from "../support/simulated-organization.ts";

const work = { run: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", account: "111122223333" };

const part = (by: string, granted: readonly string[]): RunPart => ({
  schema: "keyturn/run-account/v1",
  keyturn: "0.1.0",
  ...work,
  dryRun: false,
  config: "sha256:00",
  state: "begun",
  by,
  writtenAt: "2026-01-05T08:00:00Z",
  granted,
  report: null,
});

describe("the results of a run", () => {
  it("lose nothing where two write at the same time", async () => {
    const store = new MemoryStore();
    const [one, two] = [new Results(store), new Results(store)];
    const add = (results: Results, name: string) =>
      results.update(work, (before) => part(`${name} ${Math.random()}`, [...(before?.granted ?? []), name]));
    const names = ["a", "b", "c", "d"];
    await Promise.all(names.map((name, index) => add(index % 2 === 0 ? one : two, name)));
    expect((await one.part(work.run, work.account))?.granted.toSorted()).toEqual(names);
  });

  it("give up where others write all the time, and write nothing where nothing is to be written", async () => {
    const store = new MemoryStore();
    const results = new Results(store);
    expect(await results.update(work, () => null)).toBeNull();
    expect(store.objects.size).toBe(0);
    const name = `runs/${work.run}/accounts/${work.account}.json`;
    let others = 0;
    const change = () => {
      others += 1;
      store.objects.set(name, { text: JSON.stringify(part("other", [])), version: `other ${others}` });
      return part("mine", ["mine"]);
    };
    await expect(results.update(work, change)).rejects.toMatchObject({ kind: "unknown", code: "Overtaken" });
    expect((await results.part(work.run, work.account))?.by).toBe("other");
  });

  it("are told apart from those of another run", async () => {
    const store = new MemoryStore();
    const results = new Results(store);
    expect(await results.latest()).toBeNull();
    await results.writeLatest(work.run);
    expect(await results.latest()).toBe(work.run);
    expect(await results.plan(work.run)).toBeNull();
  });
});
