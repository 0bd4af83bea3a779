import type { Config } from "../config/load.ts";
import type { Fleet } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Match } from "../core/match.ts";
import { rulebookOf } from "../core/rulebook.ts";
import { seconds } from "../core/time.ts";
import type { Caller } from "../ports.ts";
import { type Hub, openHub, sharedTargets } from "./fleet.ts";
import { type CheckedSettings, checkSettings, type Settings } from "./settings.ts";

/* What a configuration means: for all accounts, and in one of them. What somebody typed over it is for the command line to say. */

/** The settings as a configuration alone has them; null = there is none. */
export function settingsOf(config: Config | null): Settings {
  const central = config?.fleet?.central ?? null;
  return {
    rulebook: config?.rulebook ?? rulebookOf(),
    escrow: config?.escrow ?? null,
    ledger: config?.ledger ?? null,
    settle: config?.settle ?? seconds(15),
    asked: false,
    profile: config?.profile ?? null,
    region: config?.region ?? null,
    mail: config?.mail ?? null,
    ...(central === null ? {} : { central: central.account }),
  };
}

/** The settings with what the configuration says of one account alone: laid over the rest of it, and under what was typed. */
export function settingsIn(
  account: string,
  { settings, config }: { readonly settings: Settings; readonly config: Config | null },
  typed: { readonly escrow?: string | undefined } = {},
): Settings {
  const own = config?.fleet?.overrides.get(account) ?? null;
  if (config === null || own === null) return settings;
  const { rulebook } = settings;
  const layers = own.layer === null ? [] : [own.layer];
  return {
    ...settings,
    rulebook: {
      ...rulebook,
      layers: rulebook.layers.toSpliced(config.rulebook.layers.length, 0, ...layers),
      exemptions: [...rulebook.exemptions, ...own.exemptions],
    },
    escrow: typed.escrow ?? own.escrow ?? settings.escrow,
  };
}

/** Whom a run is about in an account where nobody was selected by hand. */
export const selectIn = (account: string, config: Config | null): Match | null =>
  config?.fleet?.overrides.get(account)?.select ?? config?.select ?? null;

/** The first selection that the configuration has, for all accounts or for one; null where it has none at all. */
export function anySelect(config: Config | null): Match | null {
  const own = [...(config?.fleet?.overrides.values() ?? [])].map(({ select }) => select);
  return config?.select ?? own.find((select) => select !== null) ?? null;
}

/** How far one run may go in an account; null = in any. */
export function limitsIn(account: string | null, config: Config | null) {
  const own = account === null ? null : (config?.fleet?.overrides.get(account) ?? null);
  return {
    maxRotations: own?.maxRotations ?? config?.maxRotations ?? 10,
    refuseAbove: own?.refuseAbove ?? config?.refuseAbove ?? null,
    failOn: config?.failOn ?? "blocked",
  };
}

/**
 * Checks the settings of accounts with something of their own, and those of all others; `settingsFor` = those of one account, null =
 * of all others. The answer gives those of one account. Throws {@link InvalidInput} for what cannot be for many accounts.
 */
export async function checkEach(
  fleet: Fleet,
  settingsFor: (account: string | null) => Settings,
): Promise<(account: string) => Promise<CheckedSettings>> {
  const usual = checkForMany(fleet, await checkSettings(settingsFor(null)));
  for (const account of fleet.overrides.keys()) checkForMany(fleet, await checkSettings(settingsFor(account)));
  return async (account) => (fleet.overrides.has(account) ? checkSettings(settingsFor(account)) : usual);
}

/** Throws {@link InvalidInput} for what cannot be for many accounts. */
export function checkForMany(fleet: Fleet, settings: CheckedSettings): CheckedSettings {
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

/** Throws {@link InvalidInput} where this is none of the accounts that are meant; null = any. */
export function checkAccount({ account }: Pick<Caller, "account">, accounts: readonly string[] | null): void {
  if (accounts !== null && !accounts.includes(account))
    throw new InvalidInput(
      `this is account ${account}, and the settings are for ${accounts.join(", ")}`,
      "use the credentials of that account: --profile, or AWS_PROFILE",
    );
}

/** Where the accounts are entered from. Ids beside an organization say whose credentials may be used for that. */
export async function openFleet(
  { settings, config }: { readonly settings: Settings; readonly config: Config | null },
  fleet: Fleet,
  run: string,
  watch?: Parameters<typeof openHub>[3],
): Promise<Hub> {
  const hub = await openHub(settings, fleet, run, watch);
  checkAccount(hub.caller, fleet.listed === null ? (config?.accounts ?? null) : null);
  return hub;
}
