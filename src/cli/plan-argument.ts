import { readFile } from "node:fs/promises";
import type { Limits } from "../compose.ts";
import type { PlanExpectations } from "../config/plan-file.ts";
import { InvalidInput } from "../core/invalid-input.ts";

/** The actions that a plan file lists. Throws {@link InvalidInput} where it cannot be read, or is not for this run. */
export async function readPlanFile(file: string, expected: PlanExpectations): Promise<Limits["planned"]> {
  const [{ readPlan }, text] = await Promise.all([import("../config/plan-file.ts"), readText(file)]);
  return readPlan(text, file, expected);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "Error";
    throw new InvalidInput(`the plan ${file} cannot be read (${code})`, "keyturn plan --out FILE writes one");
  }
}
