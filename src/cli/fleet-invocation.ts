import { randomUUID } from "node:crypto";
import { checkEach, type CheckedSettings, type Hub, openFleet, selectIn, settingsIn } from "../compose.ts";
import type { Fleet, LeftOut, Member } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { DocumentHead } from "../report/document.ts";
import type { Io } from "./io.ts";
import { flagsToRepeat, type OutputFlags, type SelectorFlags, type SettingFlags } from "./options.ts";
import type { ChosenSettings } from "./settings.ts";

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
  const settingsOf = await checkEach(fleet, (account) =>
    account === null ? chosen.settings : settingsIn(account, chosen, flags),
  );
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
