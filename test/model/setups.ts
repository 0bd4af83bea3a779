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

/** Every preset with every layout: `safe/readable`. */
export const setups: readonly Setup[] = presetNames.flatMap((preset) =>
  Object.entries(layouts).map(([layout, parts]) => ({
    name: `${preset}/${layout}`,
    policy: presets[preset],
    ...parts,
  })),
);

/** Throws where there is no such setup. */
export function setupNamed(name: string): Setup {
  const found = setups.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no setup ${name}`);
  return found;
}
