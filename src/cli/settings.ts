import type { Settings } from "../compose.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { planForMaxAge } from "../core/max-age.ts";
import { checkPolicy, type Policy, preset } from "../core/policy.ts";
import type { SettingFlags } from "./options.ts";

/** The settings that the flags describe. `asked` = a person asks for a rotation now. Throws {@link InvalidInput}. */
export const settingsFrom = (flags: SettingFlags, asked = false): Settings => ({
  policy: policyFrom(flags),
  deliver: flags.deliver,
  escrow: flags.escrow,
  settle: flags.settle,
  asked,
  profile: flags.profile ?? null,
  region: flags.region ?? null,
});

/** Throws {@link InvalidInput} where the flags contradict each other. */
function policyFrom({ policy: name, rotateAfter, maxAge, runEvery }: SettingFlags): Policy {
  const policy = preset(name);
  if (rotateAfter !== undefined && maxAge !== undefined)
    throw new InvalidInput("--rotate-after and --max-age say the same thing in two ways", "give one of them");
  const chosen = maxAge === undefined ? rotateAfter : planForMaxAge(maxAge, policy, runEvery).rotateAfter;
  return checkPolicy(chosen === undefined ? policy : { ...policy, rotateAfter: chosen });
}
