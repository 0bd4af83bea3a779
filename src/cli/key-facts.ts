import type { AccessKey } from "../core/access-key.ts";
import type { Observation } from "../core/observation.ts";
import { age, formatInstant, type Instant, roundDuration } from "../core/time.ts";

/** What hangs on a key, for a person who is about to retire it. */
export function keyFacts(seen: Observation, key: AccessKey, now: Instant): readonly string[] {
  const id = key.accessKeyId;
  const use = seen.lastUse.get(id);
  const lastUse = use?.kind === "known" ? use.value : null;
  const used =
    use?.kind !== "known"
      ? "its last use could not be read"
      : lastUse === null
        ? "it was never used"
        : `it was last used ${roundDuration(age(lastUse.at, now))} ago (${formatInstant(lastUse.at)}) with ${lastUse.service} in ${lastUse.region}`;
  const keys = seen.keys.kind === "known" ? seen.keys.value : [];
  const others = keys.filter((each) => each.accessKeyId !== id && each.status === "Active");
  const served = seen.destinations.filter(
    (each) => each.served.kind === "known" && each.served.value.accessKeyId === id,
  );
  return [
    `${id} of ${seen.user.userName}: ${key.status}, ${roundDuration(age(key.createDate, now))} old; ${used}`,
    ...(key.status === "Active" && others.length === 0
      ? ["It is the only Active key of this user: whoever uses it is refused afterwards."]
      : []),
    ...served.map((each) => `${each.label} serves it: consumers that read it there are refused afterwards.`),
  ];
}
