import type { Tags, User } from "./access-key.ts";
import { InvalidInput } from "./invalid-input.ts";
import { type Match, matches } from "./match.ts";
import { heedTags } from "./owner-settings.ts";
import { type OwnerClaim, type OwnerRules, readOwnerTags } from "./owner-tags.ts";
import { planForMaxAge } from "./max-age.ts";
import { checkPolicy, type Policy, preset, type PresetName } from "./policy.ts";
import { type Duration, days, type Instant } from "./time.ts";
import { ANY_TIME, type Window } from "./window.ts";

/** A policy as far as somebody spelled it out: a preset to start from, and what differs. */
export interface PolicyChange extends Partial<Policy> {
  readonly preset?: PresetName;
  /** `rotateAfter` is derived from it; see {@link planForMaxAge}. */
  readonly maxAge?: Duration;
}

/** One place that sets something: the flags, a rule of the configuration, its defaults. */
export interface Layer {
  /** Null = every user. */
  readonly match: Match | null;
  readonly policy: PolicyChange;
  /** Targets as typed; they replace those of layers before. */
  readonly deliver?: readonly string[];
  /** Targets that come on top of all others. */
  readonly besides?: readonly string[];
  /** Null = any time. */
  readonly window?: Window | null;
  /** Nothing before this moment, whatever window holds: laid over it, so that it never opens one. */
  readonly notBefore?: Instant;
  /** Where each setting stands, by its name (`policy.rotateAfter`, `deliver`, `window`): `keyturn.yaml:12:5`, `--policy`. */
  readonly origins: ReadonlyMap<string, string>;
}

/** Users that nobody but a person touches. */
export interface Exemption {
  readonly match: Match;
  readonly reason: string;
  readonly origin: string;
}

/** What holds for whom. Layers are laid over each other in their order: the last one that sets something wins. */
export interface Rulebook {
  readonly layers: readonly Layer[];
  readonly exemptions: readonly Exemption[];
  /** How often runs come, for `maxAge`. */
  readonly runEvery: Duration;
  /** What tags of a user may say about its owner and its times; absent = nothing. */
  readonly owners?: OwnerRules;
}

/** What holds for one user. */
export interface UserSettings {
  readonly policy: Policy;
  readonly maxAge: Duration | null;
  readonly deliver: readonly string[];
  readonly window: Window | null;
  /** Why nobody but a person may touch the user; null where it is not exempt. */
  readonly exempt: string | null;
  /** What the user's tags say about its owner; null where tags have no say. */
  readonly claim: OwnerClaim | null;
  /** Where each setting comes from: as in {@link Layer}, or `preset NAME`, `tag KEY`, or `default`. */
  readonly origins: ReadonlyMap<string, string>;
}

/** How often runs come, where nobody says. */
export const USUAL_INTERVAL = days(1);

/** One policy, and the same targets, for everybody. */
export const sameForAll = (policy: Policy, deliver: readonly string[] = []): Rulebook =>
  rulebookOf({ match: null, policy, deliver, origins: new Map() });

/** A rulebook of flags alone. */
export const rulebookOf = (...layers: readonly Layer[]): Rulebook => ({
  layers,
  exemptions: [],
  runEvery: USUAL_INTERVAL,
});

/** Whether tags must be read to tell what holds for a user. */
export const needsTags = ({ layers, exemptions, owners }: Rulebook): boolean =>
  owners !== undefined || [...layers, ...exemptions].some(({ match }) => match !== null && match.tag !== null);

/** Every target that some user may be delivered to. */
export const targetsOf = ({ layers }: Rulebook): readonly string[] => [
  ...new Set(layers.flatMap(({ deliver = [], besides = [] }) => [...deliver, ...besides])),
];

/** The rulebook without what holds for some users only. */
export const forEverybody = ({ layers, exemptions, runEvery }: Rulebook): Rulebook => ({
  layers: layers.filter(({ match }) => match === null),
  exemptions,
  runEvery,
});

/** What may meet in a user: the layers for everybody, alone and with each other layer. */
export const combinations = ({ layers }: Rulebook): readonly (readonly Layer[])[] =>
  [null, ...layers.filter(({ match }) => match !== null)].map((one) =>
    layers.filter((each) => each.match === null || each === one),
  );

/**
 * What holds for this user. `tags` = null where they were not read: only where {@link needsTags} says that nothing asks for them.
 * Throws {@link InvalidInput} where settings that met in this user contradict each other, or a tag goes too far.
 */
export function settingsFor(rulebook: Rulebook, user: User, tags: Tags | null): UserSettings {
  const fitting = rulebook.layers.filter(({ match }) => match === null || matches(match, user, tags));
  const exemption = rulebook.exemptions.find(({ match }) => matches(match, user, tags));
  const { owners, runEvery } = rulebook;
  const claim = owners === undefined ? null : readOwnerTags(tags ?? new Map(), owners.allowedDomains);
  const rules = overlay(fitting, runEvery, `of ${user.userName}`);
  // An exempt user is left alone, whatever its tags say.
  const heeds = claim !== null && owners !== undefined && exemption === undefined;
  const found = heeds ? heedTags(rules, claim, owners, runEvery) : { ...rules, claim };
  return {
    ...found,
    exempt: exemption === undefined ? null : exemption.reason,
    origins: new Map([...found.origins, ["exempt", exemption === undefined ? "default" : exemption.origin]]),
  };
}

/** What these layers say together, whoever the user. `whose` is for messages. Throws {@link InvalidInput}. */
export function overlay(
  layers: readonly Layer[],
  runEvery: Duration,
  whose: string,
): Omit<UserSettings, "exempt" | "claim"> {
  const { policy, maxAge, origins } = overlayPolicies(layers);
  const deliverer = layers.findLast((layer) => layer.deliver !== undefined);
  const { window, origin } = overlayWindows(layers);
  origins.set("deliver", deliverer?.origins.get("deliver") ?? "default");
  origins.set("window", origin);
  return {
    policy: nameIn(whose, () =>
      checkPolicy(
        maxAge === null ? policy : { ...policy, rotateAfter: planForMaxAge(maxAge, policy, runEvery).rotateAfter },
      ),
    ),
    maxAge,
    deliver: [...new Set([...(deliverer?.deliver ?? []), ...layers.flatMap(({ besides = [] }) => besides)])],
    window,
    origins,
  };
}

function overlayWindows(layers: readonly Layer[]): { readonly window: Window | null; readonly origin: string } {
  const opener = layers.findLast((layer) => layer.window !== undefined);
  const starter = layers.findLast((layer) => layer.notBefore !== undefined);
  const window = opener?.window ?? null;
  const places = [opener?.origins.get("window"), starter?.origins.get("notBefore")].filter(
    (place) => place !== undefined,
  );
  return {
    window: starter?.notBefore === undefined ? window : { ...(window ?? ANY_TIME), notBefore: starter.notBefore },
    origin: places.length === 0 ? "default" : places.join(", "),
  };
}

function overlayPolicies(layers: readonly Layer[]) {
  let policy = preset("safe");
  let maxAge: Duration | null = null;
  let origins = originsOf("default", policy);
  for (const { policy: change, origins: places } of layers) {
    const { preset: name, maxAge: limit, ...fields } = change;
    if (name !== undefined) {
      policy = preset(name);
      maxAge = null;
      origins = originsOf(`preset ${name}, ${places.get("policy.preset") ?? "default"}`, policy);
    }
    policy = { ...policy, ...fields };
    if (fields.rotateAfter !== undefined) maxAge = null;
    if (limit !== undefined) maxAge = limit;
    for (const field of Object.keys(fields)) origins.set(`policy.${field}`, places.get(`policy.${field}`) ?? "default");
    if (limit !== undefined) origins.set("policy.rotateAfter", `${places.get("policy.maxAge") ?? "default"} (maxAge)`);
  }
  return { policy, maxAge, origins };
}

const originsOf = (origin: string, policy: Policy): Map<string, string> =>
  new Map(Object.keys(policy).map((field) => [`policy.${field}`, origin]));

function nameIn<T>(whose: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw new InvalidInput(`the policy ${whose}: ${error.message}`, error.hint);
  }
}
