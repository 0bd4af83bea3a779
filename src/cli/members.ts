import { checkSettings, openFleet, problemIn, type Session, settingsIn } from "../compose.ts";
import type { Config } from "../config/load.ts";
import type { Fleet } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Io } from "./io.ts";
import type { SettingFlags } from "./options.ts";
import type { ChosenSettings } from "./settings.ts";

/**
 * The one account that `--account` names, entered by its role, or else the caller's own; with what the configuration says of it.
 * Throws {@link InvalidInput} where it cannot be entered.
 */
export async function enterOne(
  io: Io,
  flags: SettingFlags,
  chosen: ChosenSettings & { readonly config: Config },
  fleet: Fleet,
  run: string,
): Promise<Session> {
  const hub = await openFleet(chosen, fleet, run);
  const [named, ...more] = flags.account;
  const account = named === undefined || more.length > 0 ? hub.caller.account : named;
  if (fleet.listed !== null && !fleet.listed.includes(account))
    throw new InvalidInput(
      `this is account ${account}, and the settings are for ${fleet.listed.join(", ")}`,
      "--account ID enters one of them by its role, --all-accounts all of them",
    );
  const settings = await checkSettings(settingsIn(account, chosen, flags));
  try {
    return (await hub.enter(account, settings, [], io.print)).session;
  } catch (error) {
    const problem = problemIn(error);
    throw problem === null ? error : new InvalidInput(problem.sentence, problem.hint);
  }
}
