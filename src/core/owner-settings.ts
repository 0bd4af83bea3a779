import { planForMaxAge } from "./max-age.ts";
import { BadTag, type Bounds, type OwnerClaim, type OwnerRules, type TaggedTime, USUAL_MOST } from "./owner-tags.ts";
import { checkPolicy, type DeleteRule, type Policy } from "./policy.ts";
import { type Duration, formatDuration } from "./time.ts";

/** What a user's tags change: the times of its policy, and where they come from. */
interface Timed {
  readonly policy: Policy;
  readonly maxAge: Duration | null;
  readonly origins: ReadonlyMap<string, string>;
}

/**
 * Lays the user's own tags over what the configuration says of it. What a person typed after a flag stands. Throws `InvalidInput`
 * where a tag goes further than it may: whoever may tag a user must not be able to have its keys replaced, or switched off, sooner.
 */
export function heedTags<T extends Timed>(
  settings: T,
  claim: OwnerClaim,
  rules: OwnerRules,
  runEvery: Duration,
): T & { readonly claim: OwnerClaim } {
  const [mistake] = claim.mistakes;
  if (mistake !== undefined) throw mistake;
  const notes: string[] = [];
  const origins = new Map(settings.origins);
  const afterDelete = heedDeleteAfter(settings.policy, claim.deleteAfter, rules, origins, notes);
  const limit = settings.maxAge;
  // A promise about the age of keys holds with an old key that is kept for longer, too.
  const paced =
    limit === null
      ? afterDelete
      : { ...afterDelete, rotateAfter: planForMaxAge(limit, afterDelete, runEvery).rotateAfter };
  const policy = checkPolicy(heedRotateAfter(paced, claim.rotateAfter, limit !== null, rules, origins, notes));
  return { ...settings, policy, origins, claim: { ...claim, notes: [...claim.notes, ...notes] } };
}

function heedRotateAfter(
  policy: Policy,
  asked: TaggedTime | null,
  isPromised: boolean,
  { rotateAfter: bounds }: OwnerRules,
  origins: Map<string, string>,
  notes: string[],
): Policy {
  if (asked === null) return policy;
  const origin = origins.get("policy.rotateAfter") ?? "";
  if (origin.startsWith("--")) {
    notes.push(`tag ${asked.tag} is not heeded: ${origin} was typed`);
    return policy;
  }
  const most = isPromised ? policy.rotateAfter : null;
  mustBeWithin(asked, policy.rotateAfter, bounds, USUAL_MOST.rotateAfter, "rotateAfter", most);
  origins.set("policy.rotateAfter", `tag ${asked.tag}`);
  return { ...policy, rotateAfter: asked.span };
}

function heedDeleteAfter(
  policy: Policy,
  asked: TaggedTime | null,
  { deleteAfter: bounds }: OwnerRules,
  origins: Map<string, string>,
  notes: string[],
): Policy {
  const rule: DeleteRule = policy.delete;
  if (asked === null) return policy;
  if (rule.when !== "after") {
    notes.push(`tag ${asked.tag} is ignored: the policy does not delete old keys after a time`);
    return policy;
  }
  mustBeWithin(asked, rule.after, bounds, USUAL_MOST.deleteAfter, "deleteAfter", null);
  origins.set("policy.delete", `tag ${asked.tag}`);
  return { ...policy, delete: { ...rule, after: asked.span } };
}

/** `promised` = the most that another setting leaves room for; null where none does. */
function mustBeWithin(
  { tag, span }: TaggedTime,
  own: Duration,
  { atLeast, atMost }: Bounds,
  usualMost: Duration,
  name: "rotateAfter" | "deleteAfter",
  promised: Duration | null,
): void {
  if (span === own) return;
  const least = atLeast ?? own;
  const most = promised ?? atMost ?? (own > usualMost ? own : usualMost);
  if (span >= least && span <= most) return;
  const isLess = span < least;
  const bound = isLess ? "atLeast" : "atMost";
  const [limit, given] = isLess ? [least, atLeast] : [most, atMost];
  const why = promised !== null && !isLess ? "policy.maxAge leaves" : `owners.${name}.${bound} allows`;
  throw new BadTag(
    `tag ${tag} says ${formatDuration(span)}, and ${why} no ${isLess ? "less" : "more"} than ${formatDuration(limit)}`,
    given === null && promised === null
      ? `correct the tag; where tags may go ${isLess ? "lower" : "higher"}, the configuration says so: owners: { ${name}: { ${bound}: ${formatDuration(span)} } }`
      : "correct the tag",
  );
}
