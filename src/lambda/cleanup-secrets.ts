import { InvalidInput } from "../core/invalid-input.ts";
import { cleanUp } from "../secret-rotation/cleanup.ts";
import { openHost } from "../secret-rotation/host.ts";
import { readSettings } from "../secret-rotation/settings.ts";
import { invocation, type LambdaContext } from "./logged.ts";

/** What one cleanup came to: how many users stand where. */
export type CleanupResult = Readonly<Record<string, number>>;

/**
 * Retires predecessors of the keys that secrets serve, on a schedule. Rejects after all is done where a user failed, or a secret
 * could not be read, so that an alarm on errors tells of it.
 * @see docs/secrets-manager.md
 */
export const handler = (_event: unknown, context: LambdaContext): Promise<CleanupResult> =>
  invocation(async (log) => {
    const settings = readSettings(process.env);
    const { users, unreadable } = await cleanUp(
      await openHost(settings, () => context.getRemainingTimeInMillis(), log),
    );
    const result: Record<string, number> = {};
    for (const { userName, outcome, code, sentence, destinations } of users) {
      log.info(sentence, { userName, outcome, code, destinations });
      result[outcome] = (result[outcome] ?? 0) + 1;
    }
    for (const { secret, sentence } of unreadable) log.warn(sentence, { secret });
    const bad = (result["failed"] ?? 0) + unreadable.length;
    if (bad > 0)
      throw new InvalidInput(
        `${bad} users or secrets could not be looked after`,
        "the lines before say which, and why; all others are done",
      );
    return result;
  });
