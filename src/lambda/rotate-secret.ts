import { readEvent } from "../secret-rotation/event.ts";
import { openHost } from "../secret-rotation/host.ts";
import { readSettings } from "../secret-rotation/settings.ts";
import { performStep } from "../secret-rotation/steps.ts";
import { invocation, type LambdaContext } from "./logged.ts";

/**
 * The rotation function of a secret that holds an access key: Secrets Manager calls it four times for a rotation. Its settings are
 * environment variables. Rejects where the step is not done: the service then calls again.
 * @see docs/secrets-manager.md
 */
export const handler = (event: unknown, context: LambdaContext): Promise<void> =>
  invocation(async (log) => {
    const settings = readSettings(process.env);
    const rotation = readEvent(event);
    const { step, secretId, token, rotationToken } = rotation;
    if (rotationToken !== null) log.hide(rotationToken);
    const host = await openHost(settings, () => context.getRemainingTimeInMillis(), log);
    log.info(await performStep(host, rotation), { step, secretId, token });
  });
