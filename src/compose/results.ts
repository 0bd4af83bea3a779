import { openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { whoAmI } from "../aws/sts.ts";
import type { ResultsPlace } from "../distributed/place.ts";
import { Results } from "../distributed/results.ts";
import type { Settings } from "./settings.ts";

/**
 * The results of distributed runs. `owner` = the account that the bucket must belong to; null = that of the caller. Throws
 * {@link InvalidInput} without usable credentials.
 */
export async function openResults(
  { bucket, prefix }: ResultsPlace,
  { profile, region }: Pick<Settings, "profile" | "region">,
  owner: string | null,
): Promise<Results> {
  const access = await openAccess(profile, region, new AwsClock());
  const { account } = await whoAmI(access);
  // No other command needs S3.
  const { openObjects } = await import("../aws/objects.ts");
  return new Results(openObjects(access, bucket, prefix, owner ?? account));
}
