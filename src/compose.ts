import { assemble } from "./compose/parts.ts";
import { Session } from "./compose/session.ts";
import type { CheckedSettings } from "./compose/settings.ts";
import type { Host } from "./destinations/kind.ts";

export {
  anySelect,
  checkAccount,
  checkEach,
  checkForMany,
  limitsIn,
  openFleet,
  selectIn,
  settingsIn,
  settingsOf,
} from "./compose/account-settings.ts";
export { checkSetup } from "./compose/checkup.ts";
export { type Hub, looseTargets, problemIn, whatMembersNeed } from "./compose/fleet.ts";
export { findOwnProfile } from "./compose/own-profile.ts";
export { isPassing } from "./compose/passing.ts";
export { assemble, type OpenDestination, type Parts, rehearse } from "./compose/parts.ts";
export { parametersOf } from "./compose/parameters.ts";
export { permissions } from "./compose/permissions.ts";
export { openResults } from "./compose/results.ts";
export { Session } from "./compose/session.ts";
export { type CheckedSettings, checkSettings, type Settings, targetWords } from "./compose/settings.ts";
export { openTagging, type Tagging, type TaggingResult, type UserTagging } from "./compose/tagging.ts";
export type { Parameters } from "./aws/parameter.ts";
export { Audit, verifyAudit } from "./engine/audit.ts";
export { readHandedIn } from "./documents/handed-in.ts";
export { BrokenInvariant } from "./engine/broken-invariant.ts";
export { adopt, type Deed, hold, predecessorIn, release, retire, rollback } from "./engine/by-hand.ts";
export { alarms, Allowance, type Chosen, endsInRotation, type Finding, type Limits } from "./engine/limits.ts";
export type { RunRules } from "./engine/run.ts";
export type { Selectors } from "./engine/select.ts";

/** A session in the account that the credentials belong to. Throws {@link InvalidInput} without usable credentials. */
export const connect = async (settings: CheckedSettings, print: Host["print"]): Promise<Session> =>
  new Session(await assemble(settings, print));
