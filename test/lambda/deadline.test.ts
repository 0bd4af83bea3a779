import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadline } from "../../src/lambda/deadline.ts";

describe("the deadline of an invocation", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("lets nobody begin from three minutes and a half before its end on, whether or not anything happens", () => {
    const end = Date.now() + 300_000;
    const deadline = new Deadline(() => end - Date.now());
    vi.advanceTimersByTime(89_000);
    deadline.look();
    expect(deadline.signal.aborted).toBe(false);
    vi.advanceTimersByTime(2_000);
    expect(deadline.signal.aborted).toBe(true);
    deadline.end();
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([209_999, 0, -1])("refuses to begin with %d ms", (left) => {
    expect(() => new Deadline(() => left)).toThrow(/raise the timeout|one user may take/);
  });
});
