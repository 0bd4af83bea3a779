import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isDiscarded } from "../../src/host/null-device.ts";
import { temporaryFolder } from "../support/cli.ts";

it.each([
  ["/dev/null", true],
  ["/dev/full", false],
  ["/dev/zero", false],
  [join(temporaryFolder(), "file"), false],
])("what is written to %s is gone: %s", (path, expected) => {
  const descriptor = openSync(path, "w");
  expect(isDiscarded(descriptor)).toBe(expected);
  closeSync(descriptor);
});

it("a descriptor that is not open is not called the null device", () => {
  const descriptor = openSync("/dev/null", "w");
  closeSync(descriptor);
  expect(isDiscarded(descriptor)).toBe(false);
});
