import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { InvalidInput } from "../core/invalid-input.ts";
import { stateFolder } from "../host/state-folder.ts";
import type { StoryLine } from "../report/status.ts";

const LONGEST = 40;

/**
 * The latest steps of one user in an audit file: the one that was asked for, the configuration's, or the one in the state
 * folder. One that was not asked for may be missing.
 */
export async function readStory(
  asked: string | undefined,
  configured: string | null,
  account: string,
  userName: string,
): Promise<readonly StoryLine[]> {
  const lines: StoryLine[] = [];
  const file = asked ?? configured ?? join(stateFolder(), "audit.jsonl");
  if (file === "none") return lines;
  try {
    for await (const line of createInterface({
      input: createReadStream(file),
      crlfDelay: Infinity,
    })) {
      const step = stepOf(line, account, userName);
      if (step !== null) lines.push(step);
      if (lines.length > LONGEST) lines.shift();
    }
  } catch (error) {
    if (asked !== undefined)
      throw new InvalidInput(
        `the audit ${file} cannot be read`,
        error instanceof Error && "code" in error ? String(error.code) : null,
      );
  }
  return lines;
}

function stepOf(line: string, account: string, userName: string): StoryLine | null {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed !== "object" || parsed === null) return null;
    const { when, user, step, outcome, reason, account: where, keys } = parsed as Record<string, unknown>; // any object may be looked into
    if (user !== userName || where !== account || outcome === "started") return null;
    return {
      when: String(when),
      step: String(step),
      outcome: String(outcome),
      reason: String(reason),
      keys: Array.isArray(keys) ? keys.map(String) : [],
    };
  } catch {
    return null;
  }
}
