import { openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import type { Parameters } from "../aws/parameter.ts";
import type { Settings } from "./settings.ts";

/**
 * Parameters that are no destination, in the account and region of these settings. Throws `InvalidInput` without a region. Loaded
 * only where one is asked for: Parameter Store's client is a fifth of what every command would load else.
 */
export async function parametersOf({ profile, region }: Pick<Settings, "profile" | "region">): Promise<Parameters> {
  const { openParameters } = await import("../aws/parameter.ts");
  return openParameters(await openAccess(profile, region, new AwsClock()));
}
