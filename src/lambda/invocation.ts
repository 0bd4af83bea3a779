import { randomUUID } from "node:crypto";
import { openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { assemble, type CheckedSettings, checkSettings, type Parts, type Selectors, Session } from "../compose.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Deadline } from "./deadline.ts";
import { type Environment, type LambdaSettings, readEnvironment, settingsFrom } from "./environment.ts";
import { type FunctionWorld, inAws, type LambdaContext, load, overseen, type Overseer } from "./overseen.ts";
import type { Telemetry } from "./telemetry.ts";
import { openTimer, type Timer } from "./timer.ts";
import { printNothing, refuseFleeting } from "./unsuited.ts";

/** What a function about its own account has of the world. */
export interface LambdaWorld extends FunctionWorld {
  readonly assemble: (settings: CheckedSettings) => Promise<Parts>;
  readonly openTimer: (table: string, region: string | null) => Promise<Timer>;
}

export const aws: LambdaWorld = {
  ...inAws,
  assemble: (settings) => assemble(settings, printNothing),
  openTimer: async (table, region) => openTimer(await openAccess(null, region, new AwsClock()), table),
};

/** One invocation that has begun: settings checked, credentials found, account right. */
export interface Invocation {
  readonly environment: Environment;
  readonly chosen: LambdaSettings;
  readonly session: Session;
  /** Null where there is none. */
  readonly timer: Timer | null;
  readonly deadline: Deadline;
  readonly telemetry: Telemetry;
  /** Names this invocation in the audit. */
  readonly run: string;
  /** The hash of the configuration; null where there is none. */
  readonly configHash: string | null;
}

/** Does the work of one invocation of a function that is about its own account. See {@link overseen}. */
export const invoke = <T>(
  service: string,
  world: LambdaWorld,
  context: LambdaContext,
  work: (invocation: Invocation) => Promise<T>,
): Promise<T> =>
  overseen(service, world, context, (overseer) =>
    overseer.within(async (deadline) => work(await begin(world, overseer, deadline))),
  );

async function begin(
  world: LambdaWorld,
  { variables, scrubber, telemetry }: Overseer,
  deadline: Deadline,
): Promise<Invocation> {
  const environment = readEnvironment(variables);
  const loaded = environment.config === null ? null : await load(environment.config, world);
  const chosen = settingsFrom(environment, loaded?.config ?? null);
  for (const warning of chosen.warnings) telemetry.warn("a setting is not used as it stands", { setting: warning });
  const checked = await checkSettings(chosen.settings);
  refuseFleeting(checked);
  const session = new Session(scrubber.watch(await world.assemble(checked)));
  mustBeAccount(session, chosen);
  const timer = environment.table === null ? null : await world.openTimer(environment.table, chosen.settings.region);
  const configHash = loaded?.hash ?? null;
  return { environment, chosen, session, timer, deadline, telemetry, run: randomUUID(), configHash };
}

function mustBeAccount({ caller }: Session, { accounts }: LambdaSettings): void {
  if (accounts === null || accounts.includes(caller.account)) return;
  throw new InvalidInput(
    `this is account ${caller.account}, and the settings are for ${accounts.join(", ")}`,
    "put ACCOUNT_ID and accounts right, or run it there",
  );
}

/** Whom this function is about, out of `names`, or out of everybody where none are given. */
export const selectorsOf = (
  { chosen, environment }: Invocation,
  names: readonly string[],
  onDoubt: Selectors["onDoubt"],
): Selectors => ({
  path: environment.path,
  users: names,
  tags: [],
  match: chosen.match,
  allowEmpty: true,
  ...(onDoubt === undefined ? {} : { onDoubt }),
});
