import { randomUUID } from "node:crypto";
import { type CheckedSettings, checkSettings, type Hub, sharedTargets } from "../compose.ts";
import type { Fleet, LeftOut, Member } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { DocumentHead } from "../report/document.ts";
import type { Io } from "./io.ts";
import { openFleet } from "./members.ts";
import { flagsToRepeat, type OutputFlags, type SelectorFlags, type SettingFlags } from "./options.ts";
import { type ChosenSettings, selectIn, settingsIn } from "./settings.ts";

/** Flags of every command that works in many accounts. */
export type FleetRunFlags = SettingFlags & SelectorFlags & OutputFlags;

/** One invocation about many accounts. */
export interface FleetInvocation {
  readonly fleet: Fleet;
  readonly hub: Hub;
  readonly run: string;
  readonly startedAt: DocumentHead["startedAt"];
  readonly members: readonly Member[];
  readonly left: readonly LeftOut[];
  /** Flags that the commands printed need too. */
  readonly flags: readonly string[];
  readonly settingsOf: (account: string) => Promise<CheckedSettings>;
  /** Where the users that are meant are, for the session policy; none = anywhere. */
  readonly pathsOf: (account: string) => readonly string[];
  readonly print: Io["print"];
}

/**
 * Checks the settings of every account, finds the credentials, and finds out which accounts are meant: whatever is wrong with that
 * is found before anything is done anywhere. Throws {@link InvalidInput}.
 */
export async function beginFleet(io: Io, flags: FleetRunFlags, chosen: ChosenSettings): Promise<FleetInvocation> {
  const fleet = chosen.config?.fleet ?? null;
  if (fleet === null)
    throw new InvalidInput(
      "--all-accounts: the configuration names no accounts with roles, and no organization",
      "accounts: [{ id: 111122223333, role: NAME }], or organization: { role: NAME }, in keyturn.yaml",
    );
  const settingsOf = await checkEach(fleet, flags, chosen);
  const run = randomUUID();
  const hub = await openFleet(chosen, fleet, run);
  const { members, left } = among(await hub.members(), flags.account);
  if (members.length === 0 && left.every(({ code }) => code !== "not-in-organization"))
    throw new InvalidInput(
      "--all-accounts: no account is left to work in",
      "look at include and exclude: keyturn config show",
    );
  return {
    fleet,
    hub,
    run,
    startedAt: hub.clock.now(),
    members,
    left,
    flags: flagsToRepeat(flags),
    settingsOf,
    pathsOf: (account) => {
      if (flags.path !== undefined) return [flags.path];
      const isTyped = flags.user.length > 0 || flags.tag.length > 0 || flags.allUsers === true;
      return isTyped ? [] : (selectIn(account, chosen.config)?.path ?? []);
    },
    print: io.print,
  };
}

/** Checks the settings of accounts with something of their own, and those of all others. The answer gives those of one account. */
async function checkEach(
  fleet: Fleet,
  flags: SettingFlags,
  chosen: ChosenSettings,
): Promise<FleetInvocation["settingsOf"]> {
  const usual = await check(fleet, await checkSettings(chosen.settings));
  for (const account of fleet.overrides.keys())
    await check(fleet, await checkSettings(settingsIn(account, chosen, flags)));
  return async (account) => (fleet.overrides.has(account) ? checkSettings(settingsIn(account, chosen, flags)) : usual);
}

/** What cannot be for many accounts at one time. */
async function check(fleet: Fleet, settings: CheckedSettings): Promise<CheckedSettings> {
  const stream = settings.destinations.find(({ kind }) => kind.isStream);
  if (stream !== undefined)
    throw new InvalidInput(
      `${stream.text}: keys of many accounts cannot be told apart there`,
      "--account ID in place of --all-accounts, or another destination",
    );
  const [shared] = sharedTargets(settings, fleet);
  if (shared !== undefined)
    throw new InvalidInput(
      `${shared}: users of the same name in two accounts would share this target`,
      "put {account} into the target",
    );
  return settings;
}

/** Of the accounts those that `--account` names; all where it names none. */
function among(
  { members, left }: Pick<FleetInvocation, "members" | "left">,
  wanted: readonly string[],
): Pick<FleetInvocation, "members" | "left"> {
  if (wanted.length === 0) return { members, left };
  const isWanted = ({ account }: Member) => wanted.includes(account);
  const strange = wanted.filter((account) => ![...members, ...left].some((each) => each.account === account));
  if (strange.length > 0)
    throw new InvalidInput(
      `--account ${strange.join(", ")}: that is none of the accounts that the configuration is for`,
      "keyturn scan --all-accounts lists them",
    );
  return { members: members.filter(isWanted), left: left.filter(isWanted) };
}
