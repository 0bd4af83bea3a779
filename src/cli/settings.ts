import { limitsIn, selectIn, type Settings, settingsOf } from "../compose.ts";
import type { Config } from "../config/load.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Match } from "../core/match.ts";
import { type Layer, type PolicyChange, type Rulebook, rulebookOf } from "../core/rulebook.ts";
import type { OwnerRules } from "../core/owner-tags.ts";
import { formatDuration } from "../core/time.ts";
import { boundsWords, mailLines, matchWords, type SettingLine } from "../report/settings.ts";
import { findConfig } from "./config-file.ts";
import type { Io } from "./io.ts";
import type { LimitFlags, SettingFlags } from "./options.ts";

/** What holds for this invocation: the flags, over the configuration, over what keyturn does by itself. */
export interface ChosenSettings {
  readonly settings: Settings;
  /** Null where there is none. */
  readonly config: Config | null;
  /** The accounts that this may be about; null = any. */
  readonly accounts: readonly string[] | null;
}

/** Reads the configuration, where there is one, and lays the flags over it. Throws {@link InvalidInput}. */
export async function chooseSettings(io: Io, flags: SettingFlags, asked = false): Promise<ChosenSettings> {
  const config = await findConfig(io, flags.config);
  const base = settingsOf(config);
  return {
    settings: {
      ...base,
      rulebook: rulebookFrom(flags, config),
      escrow: flags.escrow ?? base.escrow,
      settle: flags.settle ?? base.settle,
      asked,
      profile: flags.profile ?? base.profile,
      region: flags.region ?? base.region,
    },
    config,
    accounts: flags.account.length > 0 ? flags.account : (config?.accounts ?? null),
  };
}

function rulebookFrom(flags: SettingFlags, config: Config | null): Rulebook {
  const base = config?.rulebook ?? rulebookOf();
  return {
    layers: [...base.layers, flagLayer(flags)],
    exemptions: [
      ...base.exemptions,
      ...flags.exempt.map((pattern) => ({
        match: { path: null, name: [pattern], tag: null },
        reason: `exempt by --exempt ${pattern}`,
        origin: "--exempt",
      })),
    ],
    runEvery: flags.runEvery ?? base.runEvery,
    ...(base.owners === undefined ? {} : { owners: base.owners }),
  };
}

/** The flags, laid over everything else. Throws {@link InvalidInput} where they contradict each other. */
function flagLayer({ policy: name, rotateAfter, maxAge, deliver, window, notBefore }: SettingFlags): Layer {
  if (rotateAfter !== undefined && maxAge !== undefined)
    throw new InvalidInput("--rotate-after and --max-age say the same thing in two ways", "give one of them");
  const policy: PolicyChange = {
    ...(name === undefined ? {} : { preset: name }),
    ...(rotateAfter === undefined ? {} : { rotateAfter }),
    ...(maxAge === undefined ? {} : { maxAge }),
  };
  return {
    match: null,
    policy,
    ...(deliver.length === 0 ? {} : { deliver }),
    ...(window === undefined ? {} : { window }),
    ...(notBefore === undefined ? {} : { notBefore }),
    origins: new Map([
      ["policy.preset", "--policy"],
      ["policy.rotateAfter", "--rotate-after"],
      ["policy.maxAge", "--max-age"],
      ["deliver", "--deliver"],
      ["window", "--window"],
      ["notBefore", "--not-before"],
    ]),
  };
}

/** How far one run may go in an account, with what was typed over it; null = in any. */
export function limitsFor(typed: LimitFlags, config: Config | null, account: string | null = null) {
  const own = limitsIn(account, config);
  return {
    maxRotations: typed.maxRotations ?? own.maxRotations,
    refuseAbove: typed.refuseAbove ?? own.refuseAbove,
    failOn: typed.failOn ?? own.failOn,
  };
}

/** As {@link selectIn}, for the one account that `--account` names, or else for any. */
export const selectOf = ({ config }: ChosenSettings, { account }: Pick<SettingFlags, "account">): Match | null =>
  selectIn(account.length === 1 ? account.join("") : "", config);

/** The settings that hold for the whole run, and where each comes from. */
export function runWideLines(
  flags: SettingFlags,
  { settings, config, accounts }: ChosenSettings,
): readonly SettingLine[] {
  const from = (name: string, flag: string, isFlag: boolean) =>
    isFlag ? flag : (config?.origins.get(name) ?? "default");
  return [
    { name: "escrow", value: settings.escrow ?? "none", from: from("escrow", "--escrow", flags.escrow !== undefined) },
    {
      name: "settle",
      value: formatDuration(settings.settle),
      from: from("settle", "--settle", flags.settle !== undefined),
    },
    {
      name: "runEvery",
      value: formatDuration(settings.rulebook.runEvery),
      from: from("runEvery", "--run-every", flags.runEvery !== undefined),
    },
    {
      name: "accounts",
      value: accounts?.join(", ") ?? "any",
      from: from("accounts", "--account", flags.account.length > 0),
    },
    ...linesOfFleet(config),
    {
      name: "profile",
      value: settings.profile ?? "of the environment",
      from: from("profile", "--profile", flags.profile !== undefined),
    },
    {
      name: "region",
      value: settings.region ?? "of the environment",
      from: from("region", "--region", flags.region !== undefined),
    },
    ...(settings.mail === null ? [] : mailLines(settings.mail, config?.origins.get("mail") ?? "default")),
    ...linesOfOwners(settings.rulebook.owners, config),
    ...linesOfRuns(config),
  ];
}

/** How --all-accounts gets around; nothing where no accounts are named for it. */
function linesOfFleet(config: Config | null): readonly SettingLine[] {
  const fleet = config?.fleet ?? null;
  if (fleet === null) return [];
  const section = fleet.listed === null ? "organization" : "accounts";
  const from = config?.origins.get(section) ?? "default";
  const line = (name: string, value: string): SettingLine => ({ name: `${section}.${name}`, value, from });
  return [
    line("role", fleet.role ?? "of each account"),
    line("central", fleet.central?.account ?? "none: secrets stay in each account"),
    line("limits.parallel", String(fleet.limits.parallel)),
    line("limits.maxRotations", String(fleet.limits.maxRotations ?? "as each account has it")),
    line("overrides", fleet.overrides.size === 0 ? "none" : [...fleet.overrides.keys()].join(", ")),
  ];
}

/** What tags may say; nothing where they have no say. */
function linesOfOwners(rules: OwnerRules | undefined, config: Config | null): readonly SettingLine[] {
  if (rules === undefined) return [{ name: "owners", value: "tags are not heeded", from: "default" }];
  const { only, rotateAfter, deleteAfter } = rules;
  const line = (name: string, value: string): SettingLine => ({
    name,
    value,
    from: config?.origins.get(name) ?? "default",
  });
  return [
    line("owners.only", only ? "true" : "false"),
    line("owners.ledger", config?.ledger ?? "as the escrow"),
    line("owners.rotateAfter", boundsWords(rotateAfter, "rotateAfter")),
    line("owners.deleteAfter", boundsWords(deleteAfter, "deleteAfter")),
  ];
}

/** What no flag of `config show` changes: `run` has flags for each. */
function linesOfRuns(config: Config | null): readonly SettingLine[] {
  const { maxRotations, refuseAbove, failOn } = limitsFor({}, config);
  const line = (name: string, value: string, origin = name): SettingLine => ({
    name,
    value,
    from: config?.origins.get(origin) ?? "default",
  });
  const select = config?.select ?? null;
  return [
    line("select", select === null ? "nobody: a selector is asked for" : matchWords(select)),
    line("audit", config?.audit ?? "keyturn/audit.jsonl in the state folder"),
    line("limits.maxRotations", String(maxRotations), "maxRotations"),
    line("limits.refuseAbove", refuseAbove === null ? "never" : `${refuseAbove}%`, "refuseAbove"),
    line("limits.failOn", failOn, "failOn"),
  ];
}
