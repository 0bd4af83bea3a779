import { createHash } from "node:crypto";
import { openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { readProfilesAgain, signingProfile } from "../aws/profiles.ts";
import { whoAmI } from "../aws/sts.ts";
import type { Tags, User } from "../core/access-key.ts";
import { decide } from "../core/decide.ts";
import type { UserDecision } from "../core/decision.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Observation } from "../core/observation.ts";
import type { UserReport } from "../core/result.ts";
import { forEverybody, needsTags, settingsFor, type UserSettings } from "../core/rulebook.ts";
import type { Duration } from "../core/time.ts";
import { byHand, type Deed } from "../engine/by-hand.ts";
import { ask, observeEverything, observeServed } from "../engine/observe.ts";
import { outcomeUntouched, reportFinding } from "../engine/report-user.ts";
import { PARALLEL_USERS, run, type RunRules, survey } from "../engine/run.ts";
import { type Selectors, selectUsers } from "../engine/select.ts";
import { Slots } from "../engine/slots.ts";
import type { Turn } from "../engine/turn.ts";
import type { Subject, World } from "../engine/world.ts";
import type { Caller, Clock, Destination, Journal } from "../ports.ts";
import type { OpenDestination, OpenTarget, Parts } from "./parts.ts";

/** What holds for one user. `tags` = null where nobody asked for them, or where they could not be read. */
export interface OwnSettings {
  readonly tags: Tags | null;
  /** Why it is not known what holds; null where it is. The settings are then those of everybody. */
  readonly doubt: Subject["terms"]["doubt"];
  readonly settings: UserSettings;
}

/** One account, with these settings: what every command works with. */
export class Session {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly #parts: Parts;
  /** What held for each user when it was last looked at. */
  readonly #held = new Map<string, UserSettings>();

  constructor(parts: Parts) {
    this.caller = parts.caller;
    this.clock = parts.clock;
    this.#parts = parts;
  }

  /** Names the settings that a plan was made with: a plan must not be run with others. */
  get fingerprint(): string {
    const { rulebook, escrow, asked, region, mail } = this.#parts.settings;
    const { layers, exemptions, runEvery } = rulebook;
    const text = JSON.stringify({ layers, exemptions, runEvery, escrow, asked, region, mail }, (name, value: unknown) =>
      // Where something stands in a file says nothing about what it says.
      name === "origins" || name === "origin" ? undefined : value instanceof Map ? [...value] : value,
    );
    return createHash("sha256").update(text).digest("hex").slice(0, 16);
  }

  /** Whether keys are printed: then results must not stand among them. */
  get printsKeys(): boolean {
    return this.#parts.destinations.some(({ isStream }) => isStream);
  }

  /** The profile that supplies this run with this user's key, where one of the destinations is that; null otherwise. */
  suppliedBy(user: User): string | null {
    const { destinations, settings } = this.#parts;
    const own = this.#held.get(user.userName)?.deliver;
    const supplies = destinations
      .filter(({ text }) => text === undefined || own === undefined || own.includes(text))
      .some(({ open }) => openOrBlock(open, user).suppliesSigner === true);
    return supplies && user.userName === this.caller.userName ? signingProfile(settings) : null;
  }

  /** Who signs in with a profile as it is on disk now. Throws {@link InvalidInput} where AWS does not accept it. */
  async whoSignsWith(profile: string): Promise<Caller> {
    await readProfilesAgain();
    return whoAmI(await openAccess(profile, this.#parts.settings.region, new AwsClock()));
  }

  users(selectors: Selectors): Promise<readonly User[]> {
    return selectUsers(this.#parts.iam, this.clock, selectors, PARALLEL_USERS);
  }

  /** One user and its tags as they are now; null where there is no such user. */
  async find(userName: string): Promise<{ readonly user: User; readonly tags: Tags } | null> {
    const { iam } = this.#parts;
    const user = await iam.getUser(userName);
    return user === null ? null : { user, tags: (await iam.listTags(userName)) ?? new Map<string, string>() };
  }

  /** Every user as it stands, with all that there is to know. Changes nothing. */
  async scan(users: readonly User[], onSeen?: RunRules["onSeen"]): Promise<readonly UserReport[]> {
    const slots = new Slots(PARALLEL_USERS, this.clock);
    const look = { everything: true, ...(onSeen === undefined ? {} : { onSeen }) };
    const findings = await survey(this.#world(ignore), await this.#subjects(users, false), slots, look);
    return findings.map((finding) => reportFinding(finding, outcomeUntouched(finding, null), this.clock.now()));
  }

  /** One run. See the engine's `run`. */
  async run(
    users: readonly User[],
    rules: RunRules,
    journal: Journal,
    needsDestination = true,
  ): Promise<readonly UserReport[]> {
    return run(this.#world(journal), await this.#subjects(users, needsDestination), rules);
  }

  /** Everything that can be read of one user, and the decision for it. */
  async examine(user: User): Promise<{ readonly seen: Observation; readonly decision: UserDecision }> {
    const subject = await this.#subject(user);
    const world = this.#world(ignore);
    const seen = await observeEverything(world, subject);
    return { seen, decision: decide(seen, subject.terms, this.clock.now()) };
  }

  /** The keys and the record of one user, and all that its destinations hold. */
  async inspect(user: User): Promise<Observation> {
    return observeServed(this.#world(ignore), await this.#subject(user), true);
  }

  /** What a person does to one user, with what was read just before. See the engine's `by-hand`. */
  async byHand<T>(
    user: User,
    what: string,
    journal: Journal,
    deed: (turn: Turn, seen: Observation) => Promise<T>,
  ): Promise<Deed<T>> {
    return byHand(this.#world(journal), await this.#subject(user), what, deed);
  }

  #world(journal: Journal): World {
    const { caller, iam, records, verifier, escrow, clock, liveness, settings } = this.#parts;
    return {
      caller,
      iam,
      verifier,
      records,
      escrow,
      clock,
      liveness,
      journal,
      settle: settings.settle,
    };
  }

  /** What holds for a user, once its tags are read where that depends on them. Rules that contradict each other are a doubt. */
  async settingsOf(user: User): Promise<OwnSettings> {
    const { iam, settings } = this.#parts;
    const { rulebook } = settings;
    const reading = needsTags(rulebook)
      ? await ask(async () => (await iam.listTags(user.userName)) ?? new Map<string, string>())
      : null;
    const tags = reading?.kind === "known" ? reading.value : null;
    const doubt = reading === null || reading.kind === "known" || reading.kind === "unread" ? null : reading;
    try {
      return { tags, doubt, settings: settingsFor(rulebook, user, tags) };
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      const { message, hint } = error;
      // Whoever may tag one user must not be able to stop the run for all others.
      return {
        tags,
        doubt: { kind: "unusable", message, hint },
        settings: settingsFor(forEverybody(rulebook), user, tags),
      };
    }
  }

  /** The limit on the age of this user's keys, as it was last looked at; null where there is none. */
  maxAgeOf = (userName: string): Duration | null => this.#held.get(userName)?.maxAge ?? null;

  async #subject(user: User): Promise<Subject> {
    const [subject] = await this.#subjects([user], false);
    if (subject === undefined) throw new Error("no subject for the user");
    return subject;
  }

  /** Throws {@link InvalidInput} where two users would share one target. */
  async #subjects(users: readonly User[], needsDestination: boolean): Promise<readonly Subject[]> {
    const { settings, verifier, destinations } = this.#parts;
    const slots = new Slots(PARALLEL_USERS, this.clock);
    const found = await Promise.all(users.map((user) => slots.use(() => this.settingsOf(user))));
    const openOwn = ownTargets();
    return users.map((user, index) => {
      const own = found[index];
      if (own === undefined) throw new Error("no settings for the user");
      const { policy, window, exempt, deliver } = own.settings;
      this.#held.set(user.userName, own.settings);
      return {
        user,
        terms: {
          policy,
          exempt,
          window,
          doubt: own.doubt,
          asked: settings.asked,
          ownServices: verifier.services,
          needsDestination,
        },
        destinations: destinations
          .filter(({ text }) => text === undefined || deliver.includes(text))
          .map((target) => openOwn(user, target)),
        ...(own.tags === null ? {} : { tags: own.tags }),
      };
    });
  }
}

/** Opens users' targets, and throws {@link InvalidInput} where two users would share one. */
function ownTargets(): (user: User, target: OpenTarget) => Destination {
  const takenBy = new Map<string, string>();
  return (user, { open, isStream }) => {
    const destination = openOrBlock(open, user);
    const other = takenBy.get(destination.label);
    if (other !== undefined && !isStream) {
      throw new InvalidInput(
        `${other} and ${user.userName} would share the target ${destination.label}`,
        "put {user} into the target",
      );
    }
    takenBy.set(destination.label, user.userName);
    return destination;
  };
}

const ignore: Journal = () => undefined;

/** A target that cannot be for this user blocks this user, and no other. */
function openOrBlock(open: OpenDestination, user: User): Destination {
  try {
    return open(user, null);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const refuse = () => Promise.reject(error);
    return { label: `(no target for ${user.userName})`, check: refuse, read: refuse, deliver: refuse };
  }
}
