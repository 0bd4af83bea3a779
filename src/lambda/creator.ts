import { aws, invoke, type LambdaWorld, selectorsOf } from "./invocation.ts";
import type { LambdaContext } from "./overseen.ts";
import { runUsers, tell } from "./run-users.ts";
import { sweep } from "./sweep.ts";
import { countsOf, RunFailed } from "./telemetry.ts";

/** What a scheduled run came to: names of users, no keys. */
export interface CreatorResult {
  readonly run: string;
  /** How many it is about: without those that no tag opts in, where that is needed. */
  readonly users: number;
  readonly changed: readonly string[];
  readonly blocked: readonly string[];
  readonly deferred: readonly string[];
}

/**
 * The scheduled function: one run over all users that it is about, the retirement of predecessors among it, and then the timer.
 * The event says nothing that it needs. Throws after everybody else is done where users failed, so that whoever has scheduled it
 * hears of it, and may send it again.
 */
export const creator =
  (world: LambdaWorld) =>
  (_event: unknown, context: LambdaContext): Promise<CreatorResult> =>
    invoke("creator", world, context, async (invocation) => {
      const { session, chosen, telemetry } = invocation;
      const doubtful: string[] = [];
      const users = await session.users(
        selectorsOf(invocation, [], ({ userName }, error) => {
          doubtful.push(userName);
          telemetry.failed("the tags of a user could not be read", { user: userName, error: error.message });
        }),
      );
      const { maxRotations, refuseAbovePercent } = chosen;
      const limits = { maxRotations, refuseAbovePercent, planned: null, onlyLook: false };
      const { reports } = await runUsers(invocation, users, limits);
      const failed = tell(telemetry, reports);
      telemetry.count(countsOf(reports, session.clock.now()));
      const unset = await sweep(invocation, reports);
      const all = [...new Set([...doubtful, ...failed, ...unset])];
      if (all.length > 0) throw new RunFailed(all, reports.length + doubtful.length);
      const having = (...outcomes: readonly string[]) =>
        reports.filter(({ outcome }) => outcomes.includes(outcome)).map(({ userName }) => userName);
      return {
        run: invocation.run,
        users: reports.length,
        changed: having("changed"),
        blocked: having("blocked"),
        deferred: having("deferred", "interrupted"),
      };
    });

/** As Lambda calls it. */
export const handler = creator(aws);
