import type { LeftOut, Member } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { limitsIn } from "../compose.ts";
import { formatInstant } from "../core/time.ts";
import { parseRun, writeWork } from "../distributed/message.ts";
import { Results } from "../distributed/results.ts";
import type { WorkQueue } from "../ports.ts";
import { type LambdaContext, overseen } from "./overseen.ts";
import { checkAll, readRunConfig, runInAws, type RunWorld } from "./run-config.ts";
import { readRunEnvironment } from "./run-environment.ts";
import { type Telemetry, version } from "./telemetry.ts";

/** What a planner's invocation came to. */
export interface PlannerResult {
  readonly run: string;
  /** Each has a message in the queue. */
  readonly accounts: number;
  /** Not meant, or not to be worked in. */
  readonly left: number;
}

/**
 * Begins a run: finds out which accounts are meant, writes that down, and gives each of them to a worker. The id of the run is that of
 * the request, which stays the same where Lambda calls again after a failure: such a call repeats the run, and begins no other.
 * The event says nothing that it needs. Throws after all others were sent where a message was not taken.
 */
export const planner =
  (world: RunWorld) =>
  (_event: unknown, context: LambdaContext): Promise<PlannerResult> =>
    overseen("planner", world, context, async ({ variables, scrubber, telemetry }) => {
      const environment = readRunEnvironment(variables, "planner");
      const configured = await readRunConfig(environment.config, world, telemetry);
      await checkAll(configured);
      const { config, hash, fleet, settings } = configured;
      const run = parseRun(context.awsRequestId);
      // It enters no account, and no central one either.
      const hub = await world.openHub({ settings, config }, { ...fleet, central: null }, run, scrubber.watch);
      const startedAt = hub.clock.now();
      const { members, left } = await hub.members();
      tellLeft(telemetry, left);
      if (members.length === 0)
        throw new InvalidInput(
          "no account is left to work in",
          "look at include and exclude: keyturn scan --all-accounts says why each is left out",
        );
      const { account, arn } = hub.caller;
      const results = new Results(await world.openStore(environment.results));
      await results.writePlan({
        schema: "keyturn/run-plan/v1",
        keyturn: version,
        run,
        account,
        caller: arn,
        startedAt: formatInstant(startedAt),
        config: hash,
        failOn: limitsIn(null, config).failOn,
        members,
        left,
      });
      await results.writeLatest(run);
      telemetry.info("a run begins", { run, accounts: members.length, left: left.length, config: hash });
      await sendAll(await world.openQueue(environment.queue), run, members);
      return { run, accounts: members.length, left: left.length };
    });

/** An account that the settings name and nobody has is a mistake that somebody should hear of. */
function tellLeft(telemetry: Telemetry, left: readonly LeftOut[]): void {
  for (const { account, name, code, sentence } of left) {
    const fields = { account, name, code, reason: sentence };
    if (code === "not-in-organization") telemetry.failed("an account cannot be found", fields);
    else telemetry.info("an account is left out", fields);
  }
}

async function sendAll(queue: WorkQueue, run: string, members: readonly Member[]): Promise<void> {
  const texts = new Map(members.map(({ account }) => [writeWork({ run, account }), account]));
  const unsent = await queue.send([...texts.keys()]);
  if (unsent.length === 0) return;
  const [{ why } = { why: "" }] = unsent;
  const accounts = unsent.map(({ text }) => texts.get(text) ?? "").join(", ");
  throw new InvalidInput(
    `the queue did not take the messages of ${unsent.length} of ${members.length} accounts (${why}): ${accounts}`,
    "all others were sent; called again with the same request id, as Lambda does, the same run goes on",
  );
}

/** As Lambda calls it. */
export const handler = planner(runInAws);
