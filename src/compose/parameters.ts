import { openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { openParameters, type Parameters } from "../aws/parameter.ts";
import type { Settings } from "./settings.ts";

/** Parameters that are no destination, in the account and region of these settings. Throws `InvalidInput` without a region. */
export const parametersOf = async ({ profile, region }: Pick<Settings, "profile" | "region">): Promise<Parameters> =>
  openParameters(await openAccess(profile, region, new AwsClock()));
