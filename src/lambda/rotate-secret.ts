import { readEvent } from "../secret-rotation/event.ts";
import { openHost } from "../secret-rotation/host.ts";
import { openLog, sentenceOf } from "../secret-rotation/log.ts";
import { readSettings } from "../secret-rotation/settings.ts";
import { performStep } from "../secret-rotation/steps.ts";
import { type LambdaContext, writeLine } from "./invocation.ts";

/**
 * The rotation function of a secret that holds an access key: Secrets Manager calls it four times for a rotation. Its settings are
 * environment variables. Rejects where the step is not done: the service then calls again.
 * @see docs/secrets-manager.md
 */
export async function handler(event: unknown, context: LambdaContext): Promise<void> {
  const log = openLog(writeLine, process.env["DEBUG"] === "true");
  try {
    const settings = readSettings(process.env);
    const rotation = readEvent(event);
    const { step, secretId, token, rotationToken } = rotation;
    if (rotationToken !== null) log.hide(rotationToken);
    const host = await openHost(settings, () => context.getRemainingTimeInMillis(), log);
    log.info(await performStep(host, rotation), { step, secretId, token });
  } catch (error) {
    log.error(error);
    // The error itself may hang on a reply of AWS, and Lambda logs all of what is thrown.
    throw new Error(log.clean(sentenceOf(error)));
  }
}
