import {
  anySelect,
  checkForMany,
  type CheckedSettings,
  checkSettings,
  type Hub,
  looseTargets,
  type openFleet,
  type Settings,
  settingsIn,
  settingsOf,
} from "../compose.ts";
import type { Config } from "../config/load.ts";
import type { Fleet } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { ObjectStore, WorkQueue } from "../ports.ts";
import type { ResultsPlace } from "../distributed/place.ts";
import { type FunctionWorld, inAws, load } from "./overseen.ts";
import type { Telemetry } from "./telemetry.ts";
import { passedOver, refuseFleeting } from "./unsuited.ts";

/** What planner and worker use of the place that accounts are entered from. */
export type RunHub = Pick<Hub, "caller" | "clock" | "members" | "member" | "enter">;

/** What planner and worker have of the world. */
export interface RunWorld extends FunctionWorld {
  readonly openHub: (...words: Parameters<typeof openFleet>) => Promise<RunHub>;
  /** The bucket must belong to the account of the function. */
  readonly openStore: (place: ResultsPlace) => Promise<ObjectStore>;
  readonly openQueue: (url: string) => Promise<WorkQueue>;
}

/** S3, SQS and Organizations are loaded when they are needed. */
export const runInAws: RunWorld = {
  ...inAws,
  openHub: async (...words) => (await import("../compose.ts")).openFleet(...words),
  openStore: async ({ bucket, prefix }) => {
    const [{ openObjects }, { whoAmI }, access] = await Promise.all([
      import("../aws/objects.ts"),
      import("../aws/sts.ts"),
      ownAccess(),
    ]);
    return openObjects(access, bucket, prefix, (await whoAmI(access)).account);
  },
  openQueue: async (url) => {
    const [{ openQueue }, access] = await Promise.all([import("../aws/queue.ts"), ownAccess()]);
    return openQueue(access, url);
  },
};

/** Queue and bucket are in the region of the function, wherever the configuration keeps secrets. */
async function ownAccess() {
  const [{ openAccess }, { AwsClock }] = await Promise.all([import("../aws/clients.ts"), import("../aws/clock.ts")]);
  return openAccess(null, null, new AwsClock());
}

/** A configuration that a distributed run can go by. */
export interface RunConfig {
  readonly config: Config;
  /** The hash of its text. */
  readonly hash: string;
  readonly fleet: Fleet;
  readonly settings: Settings;
  /** What holds in an account; null = in those with nothing of their own. Throws {@link InvalidInput}. */
  readonly settingsFor: (account: string | null) => Promise<CheckedSettings>;
}

/** Loads the configuration, and checks what is said for all accounts together. Throws {@link InvalidInput} for what workers cannot keep. */
export async function readRunConfig(given: string, world: FunctionWorld, telemetry: Telemetry): Promise<RunConfig> {
  const { config, hash } = await load(given, world);
  const { fleet } = config;
  if (fleet === null)
    throw new InvalidInput(
      "KEYTURN_CONFIG names no accounts with roles, and no organization",
      "accounts: [{ id: 111122223333, role: NAME }], or organization: { role: NAME }",
    );
  if (fleet.limits.maxRotations !== null)
    throw new InvalidInput(
      "limits.maxRotations for all accounts together cannot be kept by workers that know nothing of each other",
      "leave it out, and set limits: { maxRotations: … } of the file, which holds for each account",
    );
  if (anySelect(config) === null)
    throw new InvalidInput("KEYTURN_CONFIG selects no users", "select: { path: /ci/ }, or { path: / } for everybody");
  for (const setting of passedOver(config)) telemetry.warn("a setting is not used as it stands", { setting });
  // Here no profile signs, whatever the file says.
  const settings = { ...settingsOf(config), profile: null };
  const settingsFor = async (account: string | null) => {
    const own = account === null ? settings : settingsIn(account, { settings, config });
    const checked = checkForMany(fleet, await checkSettings(own));
    refuseFleeting(checked);
    refuseLoose(checked, fleet);
    return checked;
  };
  return { config, hash, fleet, settings, settingsFor };
}

/** Checks what holds in every account, so that nothing is begun with what would not do in one. Throws {@link InvalidInput}. */
export async function checkAll({ fleet, settingsFor }: RunConfig): Promise<void> {
  for (const account of [null, ...fleet.overrides.keys()]) await settingsFor(account);
}

function refuseLoose(settings: CheckedSettings, fleet: Fleet): void {
  const [loose] = looseTargets(settings, fleet);
  if (loose === undefined) return;
  throw new InvalidInput(
    `${loose}: users of two accounts might share this target, and workers know nothing of each other`,
    "let {account} be the first placeholder: ssm:/keys/{account}/{user}",
  );
}
