import type { FetchText, LoadedConfig } from "./config-source.ts";
import { Deadline } from "./deadline.ts";
import { Scrubber } from "./scrubber.ts";
import { type Print, RunFailed, Telemetry } from "./telemetry.ts";
import type { Variables } from "./variables.ts";

/** What every function has of the world: real in AWS, simulated in tests. */
export interface FunctionWorld {
  /** Asked anew in each invocation. */
  readonly variables: () => Variables;
  readonly fetchText: FetchText;
  readonly print: Print;
}

export const inAws: FunctionWorld = {
  variables: () => process.env,
  fetchText: async (source) => (await import("./config-source.ts")).fetchConfigText(source),
  print: (line) => process.stdout.write(`${line}\n`),
};

/** Of what Lambda hands over, what is used. @see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/** What watches over one invocation, whatever it does. */
export interface Overseer {
  readonly variables: Variables;
  readonly scrubber: Scrubber;
  readonly telemetry: Telemetry;
  /** Does work that begins no user without the time for one. Throws `InvalidInput` where there is too little for the first. */
  readonly within: <T>(work: (deadline: Deadline) => Promise<T>) => Promise<T>;
}

/** Does the work of one invocation between its beginning and its end, of which metrics are the last thing, whatever happens. */
export async function overseen<T>(
  service: string,
  world: FunctionWorld,
  context: LambdaContext,
  work: (overseer: Overseer) => Promise<T>,
): Promise<T> {
  const variables = world.variables();
  const scrubber = new Scrubber(variables);
  const telemetry = new Telemetry(service, context.awsRequestId, scrubber, world.print);
  try {
    return await work({ variables, scrubber, telemetry, within: (inTime) => within(context, inTime) });
  } catch (error) {
    const last = telemetry.asLastWords(error);
    // Users that failed were counted one by one.
    if (!(error instanceof RunFailed)) telemetry.failed("the invocation failed", { error: last });
    throw last;
  } finally {
    telemetry.publish();
  }
}

async function within<T>(context: LambdaContext, work: (deadline: Deadline) => Promise<T>): Promise<T> {
  const deadline = new Deadline(() => context.getRemainingTimeInMillis());
  try {
    return await work(deadline);
  } finally {
    deadline.end();
  }
}

/** YAML and schema are loaded only where there is a configuration: they are more code than all the rest. */
export async function load(given: string, { fetchText }: FunctionWorld): Promise<LoadedConfig> {
  const { loadConfig } = await import("./config-source.ts");
  return loadConfig(given, fetchText);
}
