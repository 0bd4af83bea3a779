import { LAST_USE_LAG } from "../../src/core/facts.ts";
import { presetNames, presets } from "../../src/core/policy.ts";
import type { Setup, StoreKind } from "./state.ts";

/** Where keys are served from, and whether an escrow stands by. */
export const layouts: Readonly<Record<string, { readonly stores: readonly StoreKind[]; readonly escrow: boolean }>> = {
  readable: { stores: ["readable"], escrow: false },
  "readable+escrow": { stores: ["readable"], escrow: true },
  staged: { stores: ["staged"], escrow: false },
  forgetful: { stores: ["forgetful"], escrow: false },
  "write-only+escrow": { stores: ["write-only"], escrow: true },
  "write-only": { stores: ["write-only"], escrow: false },
  "mixed+escrow": { stores: ["readable", "write-only"], escrow: true },
  mixed: { stores: ["readable", "write-only"], escrow: false },
  "two-readable": { stores: ["readable", "staged"], escrow: false },
};

/** What else may be different: IAM shows each use as late as the engine counts with; consumers may be touched for an hour a day. */
const circumstances: Readonly<Record<string, Pick<Setup, "useLag" | "window">>> = {
  "": { useLag: 0, window: null },
  " late-use": { useLag: LAST_USE_LAG, window: null },
  " window": { useLag: 0, window: { from: 9, to: 10 } },
};

/** Layouts that are explored under other circumstances too: of each kind the one with most in it. */
const FURTHER: readonly string[] = ["readable", "write-only+escrow", "mixed+escrow"];

/** Every preset with every layout: `safe/readable`. */
export const setups: readonly Setup[] = Object.entries(circumstances).flatMap(([more, terms]) =>
  presetNames.flatMap((preset) =>
    Object.entries(layouts)
      .filter(([layout]) => more === "" || FURTHER.includes(layout))
      .map(([layout, parts]) => ({ name: `${preset}/${layout}${more}`, policy: presets[preset], ...parts, ...terms })),
  ),
);

/** Throws where there is no such setup. */
export function setupNamed(name: string): Setup {
  const found = setups.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no setup ${name}`);
  return found;
}
