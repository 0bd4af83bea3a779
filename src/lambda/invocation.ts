import { randomUUID } from "node:crypto";
import { openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import {
  alarms,
  assemble,
  Audit,
  type CheckedSettings,
  checkSettings,
  type Limits,
  type Parts,
  type RunRules,
  type Selectors,
  Session,
} from "../compose.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { UserReport } from "../core/result.ts";
import { parseTarget } from "../core/target.ts";
import { formatInstant } from "../core/time.ts";
import type { Journal } from "../ports.ts";
import type { FetchText, LoadedConfig } from "./config-source.ts";
import { Deadline } from "./deadline.ts";
import { type Environment, type LambdaSettings, readEnvironment, settingsFrom } from "./environment.ts";
import { Scrubber } from "./scrubber.ts";
import { type Print, RunFailed, Telemetry } from "./telemetry.ts";
import { openTimer, type Timer } from "./timer.ts";
import type { Variables } from "./variables.ts";

/** What a function has of the world: real in AWS, simulated in tests. */
export interface LambdaWorld {
  /** Asked anew in each invocation. */
  readonly variables: () => Variables;
  readonly assemble: (settings: CheckedSettings) => Promise<Parts>;
  readonly openTimer: (table: string, region: string | null) => Promise<Timer>;
  readonly fetchText: FetchText;
  readonly print: Print;
}

export const aws: LambdaWorld = {
  variables: () => process.env,
  // Nothing is ever printed: a target that prints keys is refused.
  assemble: (settings) => assemble(settings, () => Promise.reject(new Error("a function prints no keys"))),
  openTimer: async (table, region) => openTimer(await openAccess(null, region, new AwsClock()), table),
  fetchText: async (source) => (await import("./config-source.ts")).fetchConfigText(source),
  print: (line) => process.stdout.write(`${line}\n`),
};

/** Of what Lambda hands over, what is used. @see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

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

/** Does the work of one invocation between its beginning and its end, of which metrics are the last thing, whatever happens. */
export async function invoke<T>(
  service: string,
  world: LambdaWorld,
  context: LambdaContext,
  work: (invocation: Invocation) => Promise<T>,
): Promise<T> {
  const variables = world.variables();
  const scrubber = new Scrubber(variables);
  const telemetry = new Telemetry(service, context.awsRequestId, scrubber, world.print);
  let deadline: Deadline | null = null;
  try {
    deadline = new Deadline(() => context.getRemainingTimeInMillis());
    return await work(await begin(world, variables, scrubber, telemetry, deadline));
  } catch (error) {
    const last = telemetry.asLastWords(error);
    // Users that failed were counted one by one.
    if (!(error instanceof RunFailed)) telemetry.failed("the invocation failed", { error: last });
    throw last;
  } finally {
    deadline?.end();
    telemetry.publish();
  }
}

async function begin(
  world: LambdaWorld,
  variables: Variables,
  scrubber: Scrubber,
  telemetry: Telemetry,
  deadline: Deadline,
): Promise<Invocation> {
  const environment = readEnvironment(variables);
  const loaded = environment.config === null ? null : await load(environment.config, world.fetchText);
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

/** YAML and schema are loaded only where there is a configuration: they are more code than all the rest. */
async function load(given: string, fetchText: FetchText): Promise<LoadedConfig> {
  const { loadConfig } = await import("./config-source.ts");
  return loadConfig(given, fetchText);
}

/**
 * What a function writes to its own disk is gone with it, and what it prints stands in its log for all to read. A file system that
 * is mounted (below `/mnt`) stays.
 */
function refuseFleeting({ destinations, escrow }: CheckedSettings): void {
  const targets = [...destinations.map(({ text }) => text), ...(escrow === null || escrow === "none" ? [] : [escrow])];
  for (const text of targets) {
    const { kind, name } = parseTarget(text);
    const isFile = kind === "file" || kind === "aws-profile";
    if (kind === "stdout") throw new InvalidInput(`${text} would write secrets into the log of this function`, HINT);
    if (isFile && !/^\/mnt\/(?!.*\.\.)/.test(name))
      throw new InvalidInput(`${text} is on the disk of this function, which is gone when it ends`, HINT);
  }
}

const HINT = "deliver to secretsmanager: or ssm:, or to a file below /mnt/, where a file system is mounted";

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

/** A run of the engine under this invocation's deadline, each step of it in the log. */
export async function runUsers(
  { session, deadline, telemetry, chosen, run, configHash }: Invocation,
  users: Parameters<Session["run"]>[0],
  limits: Pick<Limits, "maxRotations" | "planned">,
): Promise<readonly UserReport[]> {
  const { refuseAbovePercent } = chosen;
  const context = { run, caller: session.caller, settings: session.fingerprint };
  const audit = new Audit(configHash === null ? context : { ...context, config: configHash }, telemetry.audit);
  const journal: Journal = (step) => {
    deadline.look();
    audit.journal(step);
  };
  const rules: RunRules = {
    limits: { ...limits, refuseAbovePercent, onlyLook: false },
    signal: deadline.signal,
    onSeen: () => deadline.look(),
    onProgress: () => deadline.look(),
    approve: async (findings) => {
      deadline.look();
      const alarm = alarms(findings, { refuseAbovePercent });
      if (alarm === null) return;
      throw new InvalidInput(
        `${alarm.changing} of ${alarm.of} users with keys would change, more than ${refuseAbovePercent ?? 0}%: nothing was changed`,
        "look at keyturn plan, then raise limits.refuseAbove for this once",
      );
    },
  };
  audit.begin(session.clock.now());
  const reports = await session.run(users, rules, journal);
  audit.end(session.clock.now());
  return reports;
}

/** Says of each user what became of it. Answers with the names of those that failed. */
export function tell({ telemetry }: Invocation, reports: readonly UserReport[]): readonly string[] {
  const failed: string[] = [];
  for (const report of reports) {
    const { userName, outcome, code, sentence, next, command } = report;
    const at = next === null || next.at === null ? null : formatInstant(next.at);
    const steps = report.steps.map(({ action, result, created }) => ({ action: action.kind, result, created }));
    const fields = { user: userName, outcome, code, sentence, steps, next: next?.what ?? null, at };
    if (outcome === "failed") {
      failed.push(userName);
      telemetry.failed("a user failed", fields);
    } else if (outcome === "blocked")
      telemetry.warn("a person has to look at a user", { ...fields, command: command?.join(" ") ?? null });
    else if (outcome === "interrupted" || outcome === "deferred")
      telemetry.warn("a user was left for a later run", fields);
    else if (outcome === "changed") telemetry.info("a user was changed", fields);
  }
  return failed;
}
