import { cleanUp } from "../secret-rotation/cleanup.ts";
import { openHost } from "../secret-rotation/host.ts";
import { openLog, sentenceOf } from "../secret-rotation/log.ts";
import { readSettings } from "../secret-rotation/settings.ts";
import { type LambdaContext, writeLine } from "./invocation.ts";

/** What one cleanup came to: how many users stand where. */
export type CleanupResult = Readonly<Record<string, number>>;

/**
 * Retires predecessors of the keys that secrets serve, on a schedule. Rejects after all is done where a user failed, or a secret
 * could not be read, so that an alarm on errors tells of it.
 * @see docs/secrets-manager.md
 */
export async function handler(_event: unknown, context: LambdaContext): Promise<CleanupResult> {
  const log = openLog(writeLine, process.env["DEBUG"] === "true");
  const result: Record<string, number> = {};
  try {
    const settings = readSettings(process.env);
    const { users, unreadable } = await cleanUp(
      await openHost(settings, () => context.getRemainingTimeInMillis(), log),
    );
    for (const { userName, outcome, code, sentence, destinations } of users) {
      log.info(sentence, { userName, outcome, code, destinations });
      result[outcome] = (result[outcome] ?? 0) + 1;
    }
    for (const { secret, sentence } of unreadable) log.warn(sentence, { secret });
    if (unreadable.length > 0) result["unreadable"] = unreadable.length;
  } catch (error) {
    log.error(error);
    throw new Error(log.clean(sentenceOf(error)));
  }
  const bad = (result["failed"] ?? 0) + (result["unreadable"] ?? 0);
  if (bad > 0) throw new Error(`${bad} users or secrets failed; all others are done: ${JSON.stringify(result)}`);
  return result;
}
