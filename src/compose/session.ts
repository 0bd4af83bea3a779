import { createHash } from "node:crypto";
import { openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { readProfilesAgain, signingProfile } from "../aws/profiles.ts";
import { whoAmI } from "../aws/sts.ts";
import { findTag, type Tags, type User } from "../core/access-key.ts";
import { decide } from "../core/decide.ts";
import type { UserDecision } from "../core/decision.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { known, type Observation, type Reading } from "../core/observation.ts";
import type { Owner } from "../core/owner.ts";
import { type Contact, contactFor } from "../core/owner-ledger.ts";
import { BadTag, optsIn, readOwnerTags } from "../core/owner-tags.ts";
import { RECORD_TAG } from "../core/record.ts";
import type { UserReport } from "../core/result.ts";
import { forEverybody, needsTags, settingsFor, type UserSettings } from "../core/rulebook.ts";
import { isExactDay, type ListedUser } from "../core/sift.ts";
import { type Duration, type Instant, later } from "../core/time.ts";
import { byHand, type Deed } from "../engine/by-hand.ts";
import { ask, observeEverything, observeServed } from "../engine/observe.ts";
import { outcomeUntouched, reportFinding } from "../engine/report-user.ts";
import { PARALLEL_USERS, run, type RunRules, survey } from "../engine/run.ts";
import { type Selectors, selectUsers } from "../engine/select.ts";
import { Slots } from "../engine/slots.ts";
import type { Turn } from "../engine/turn.ts";
import type { Subject, World } from "../engine/world.ts";
import type { Caller, Clock, Destination, Iam, Journal } from "../ports.ts";
import { type Listing, readListing } from "./listing.ts";
import type { OpenDestination, OpenTarget, Parts } from "./parts.ts";

/** What holds for one user. `tags` = null where nobody asked for them, or where they could not be read. */
export interface OwnSettings {
  readonly tags: Tags | null;
  /** Why it is not known what holds; null where it is. The settings are then those of everybody. */
  readonly doubt: Subject["terms"]["doubt"];
  readonly settings: UserSettings;
  /** Who gets new keys and notices now; null where nobody does. */
  readonly owner: Owner | null;
  /** Who is to get them instead, and from when on (null = once the former owner was told); null where nobody is. */
  readonly pending: { readonly address: string; readonly from: Instant | null } | null;
  /** Whom to tell, and what the ledger remembers; null where there is nothing to remember. */
  readonly contact: Contact | null;
}

/** How the ledger's text of one user is read. */
type ReadLedger = (userName: string) => Promise<Reading<string | null>>;

/** From so many users on the ledger is read as a whole. */
const MANY_USERS = 4;

/** One account, with these settings: what every command works with. */
export class Session {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly #parts: Parts;
  /** What held for each user when it was last looked at. */
  readonly #held = new Map<string, OwnSettings>();
  #listing: Listing | null = null;
  #listed: ReadonlyMap<string, ListedUser> = new Map();

  constructor(parts: Parts) {
    this.caller = parts.caller;
    this.clock = parts.clock;
    this.#parts = parts;
  }

  /** Names the settings that a plan was made with: a plan must not be run with others. */
  get fingerprint(): string {
    const { rulebook, escrow, ledger, asked, region, mail, central } = this.#parts.settings;
    const { layers, exemptions, runEvery, owners } = rulebook;
    const all = {
      layers,
      exemptions,
      runEvery,
      owners,
      escrow,
      ledger: ledger ?? undefined,
      asked,
      region,
      mail,
      central,
    };
    const text = JSON.stringify(all, (name, value: unknown) =>
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
    const own = this.#held.get(user.userName);
    const supplies = destinations
      .filter(({ text }) => text === undefined || own === undefined || own.settings.deliver.includes(text))
      .some(({ open }) => openOrBlock(open, user, own?.owner ?? null).suppliesSigner === true);
    return supplies && user.userName === this.caller.userName ? signingProfile(settings) : null;
  }

  /** Who signs in with a profile as it is on disk now. Throws {@link InvalidInput} where AWS does not accept it. */
  async whoSignsWith(profile: string): Promise<Caller> {
    await readProfilesAgain();
    return whoAmI(await openAccess(profile, this.#parts.settings.region, new AwsClock()));
  }

  /** The users that fit. Large accounts are listed at once, so that not every user need be read on its own. */
  async users(selectors: Selectors): Promise<readonly User[]> {
    const { iam, index, settings } = this.#parts;
    const oneByOne = index === undefined || selectors.exact === true || selectors.users.length > 0 || settings.asked;
    this.#listing = oneByOne ? null : await readListing(index, this.clock, selectors.path ?? "/");
    this.#listed = new Map((this.#listing?.users ?? []).map((user) => [user.userName, user]));
    return selectUsers(this.#listing === null ? iam : this.#fromListing(iam), this.clock, selectors, PARALLEL_USERS);
  }

  /** What the listing tells of a user, where that may do. */
  #listedOf(user: User, own: OwnSettings, exactDays: boolean): Pick<Subject, "listed"> {
    const listed = this.#listed.get(user.userName);
    const reported = this.#listing?.reported ?? null;
    if (listed === undefined || reported === null || (exactDays && isExactDay(user, this.clock.now()))) return {};
    const record = own.tags === null ? undefined : findTag(own.tags, RECORD_TAG);
    return { listed: { createDate: listed.createDate, reported: reported.get(user.arn) ?? null, record } };
  }

  /** Where what is known of users that were not read exactly comes from; null where all were. */
  get listingSource(): string | null {
    return this.#listing?.source ?? null;
  }

  /** The same IAM, which asks no more for what the listing tells. */
  #fromListing(iam: Iam): Iam {
    const users = this.#listing?.users ?? [];
    return {
      ...iam,
      listUsers: async (prefix) => users.filter(({ path }) => path.startsWith(prefix)),
      listTags: async (userName) => this.#listed.get(userName)?.tags ?? iam.listTags(userName),
    };
  }

  /** One user and its tags as they are now; null where there is no such user. */
  async find(userName: string): Promise<{ readonly user: User; readonly tags: Tags } | null> {
    const { iam } = this.#parts;
    const user = await iam.getUser(userName);
    return user === null ? null : { user, tags: (await iam.listTags(userName)) ?? new Map<string, string>() };
  }

  /** Every user as it stands, with all that there is to know. Changes nothing. */
  async scan(users: readonly User[], hears: Pick<RunRules, "onSeen" | "onRead"> = {}): Promise<readonly UserReport[]> {
    const slots = new Slots(PARALLEL_USERS, this.clock);
    const look = { everything: true, ...hears };
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
    // A run that may act reads those exactly whose day it is; one that only looks asks no more than it must.
    const subjects = await this.#subjects(users, needsDestination, { exactDays: !rules.limits.onlyLook });
    return run(this.#world(journal), subjects, rules);
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
    const { ledger = null, notifier = null, sealer = null, isHeldBack } = this.#parts;
    const { owners: rules } = settings.rulebook;
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
      ...(isHeldBack === undefined ? {} : { isHeldBack }),
      ...(ledger === null || rules === undefined
        ? {}
        : {
            owners: {
              ledger,
              notifier,
              sealer,
              addressChangeDelay: rules.addressChangeDelay,
              warnBefore: rules.warnBefore,
            },
          }),
    };
  }

  /** What holds for a user, once its tags are read where that depends on them. Rules that contradict each other are a doubt. */
  async settingsOf(user: User, readLedger: ReadLedger = this.#readLedger): Promise<OwnSettings> {
    const { iam, settings } = this.#parts;
    const { rulebook } = settings;
    const listed = this.#listed.get(user.userName)?.tags ?? null;
    const readTags = async () => listed ?? (await iam.listTags(user.userName)) ?? new Map<string, string>();
    const reading = needsTags(rulebook) || this.#listing !== null ? await ask(readTags) : null;
    const tags = reading?.kind === "known" ? reading.value : null;
    const doubt = reading === null || reading.kind === "known" || reading.kind === "unread" ? null : reading;
    const own = this.#rulesFor(user, tags, doubt);
    return doubt === null ? this.#withOwner(own, user, readLedger) : own;
  }

  #rulesFor(user: User, tags: Tags | null, doubt: OwnSettings["doubt"]): OwnSettings {
    const { rulebook } = this.#parts.settings;
    const nobody = { owner: null, pending: null, contact: null };
    try {
      return { tags, doubt, settings: settingsFor(rulebook, user, tags), ...nobody };
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      const { message, hint } = error;
      // Whoever may tag one user must not be able to stop the run for all others.
      return {
        tags,
        doubt: { kind: "unusable", message, hint, isTag: error instanceof BadTag },
        settings: settingsFor(forEverybody(rulebook), user, tags),
        ...nobody,
      };
    }
  }

  /**
   * Finds out who gets the user's keys now, by its tags and by the ledger. Where that is not known, the user waits. The ledger is
   * asked about blocked and exempt users, too: a change of the address that did not last must not hide behind a bad tag.
   */
  async #withOwner(own: OwnSettings, { userName }: User, readLedger: ReadLedger): Promise<OwnSettings> {
    const { ledger = null, settings } = this.#parts;
    const { owners: rules } = settings.rulebook;
    if (rules === undefined || rules.allowedDomains === null || ledger === null) return own;
    const stored = await readLedger(userName);
    if (stored.kind === "unread") throw new Error("the ledger was not read");
    const claim = readOwnerTags(own.tags ?? new Map(), rules.allowedDomains);
    // Whoever has no owner need not wait for the ledger.
    if (stored.kind !== "known") return claim.address === null ? own : { ...own, doubt: own.doubt ?? stored };
    try {
      const contact = contactFor(claim, stored.value, rules, this.clock.now());
      const change = contact?.entry.pending ?? null;
      const told = change?.announced ?? null;
      const from = told === null ? null : later(told, rules.addressChangeDelay);
      const pending = change === null ? null : { address: change.address, from };
      return { ...own, contact, pending, owner: contact?.owner ?? null };
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      const unread = { kind: "failed", action: `reading ${ledger.label}`, message: error.message } as const;
      return { ...own, doubt: own.doubt ?? unread };
    }
  }

  readonly #readLedger: ReadLedger = (userName) => ask(async () => (await this.#parts.ledger?.read(userName)) ?? null);

  /** Reads the ledger once, where there are many users: most of them stand in it, and one page tells of several. */
  async #readLedgerFor(users: readonly User[]): Promise<ReadLedger> {
    const ledger = this.#parts.ledger ?? null;
    if (ledger === null || users.length < MANY_USERS) return this.#readLedger;
    const all = await ask(() => ledger.readAll());
    return async (userName) => (all.kind === "known" ? known(all.value.get(userName) ?? null) : all);
  }

  /** The limit on the age of this user's keys, as it was last looked at; null where there is none. */
  maxAgeOf = (userName: string): Duration | null => this.#held.get(userName)?.settings.maxAge ?? null;

  async #subject(user: User): Promise<Subject> {
    const [subject] = await this.#subjects([user], false, { isNamed: true });
    if (subject === undefined) throw new Error("no subject for the user");
    return subject;
  }

  /**
   * The users with what holds for each. Where only those with an owner are rotated, the others are left out, unless a person
   * named them (`isNamed`); one that had an owner stays in sight, so that the ledger hears of it. Throws {@link InvalidInput} where two users would share one target.
   */
  async #subjects(
    users: readonly User[],
    needsDestination: boolean,
    { isNamed = this.#parts.settings.asked, exactDays = false } = {},
  ): Promise<readonly Subject[]> {
    const { settings, verifier, destinations } = this.#parts;
    const slots = new Slots(PARALLEL_USERS, this.clock);
    const readLedger = await this.#readLedgerFor(users);
    const found = await Promise.all(users.map((user) => slots.use(() => this.settingsOf(user, readLedger))));
    const openOwn = ownTargets(this.caller.account, this.#parts.claims ?? null);
    const onlyOwned = settings.rulebook.owners?.only === true && !isNamed;
    return users.flatMap((user, index): readonly Subject[] => {
      const own = found[index];
      if (own === undefined) throw new Error("no settings for the user");
      const { policy, window, exempt, deliver, claim } = own.settings;
      this.#held.set(user.userName, own);
      const optedOut = onlyOwned && own.tags !== null && !optsIn(own.tags);
      if (optedOut && own.contact === null) return [];
      const subject: Subject = {
        user,
        terms: {
          policy,
          exempt: exempt ?? (optedOut ? "no tag names its owner any more, and owners.only is set" : null),
          window,
          doubt: own.doubt,
          asked: settings.asked,
          ownServices: verifier.services,
          needsDestination,
        },
        destinations: destinations
          .filter(({ text }) => text === undefined || deliver.includes(text))
          .map((target) => openOwn(user, own.owner, target)),
        ...(own.tags === null ? {} : { tags: own.tags }),
        ...this.#listedOf(user, own, exactDays),
        ...(own.contact === null ? {} : { contact: own.contact }),
        ...(claim === null ? {} : { notes: claim.notes }),
      };
      return [subject];
    });
  }
}

/**
 * Opens users' targets, and throws {@link InvalidInput} where two users would share one. `claims` = the targets that other accounts
 * of the run have taken already; null = there are no others.
 */
function ownTargets(
  account: string,
  claims: Map<string, string> | null,
): (user: User, owner: Owner | null, target: OpenTarget) => Destination {
  const takenBy = new Map<string, string>();
  return (user, owner, { open, isStream, isShared }) => {
    const destination = openOrBlock(open, user, owner);
    const other = takenBy.get(destination.label);
    if (other !== undefined && !isStream) {
      throw new InvalidInput(
        `${other} and ${user.userName} would share the target ${destination.label}`,
        "put {user} into the target",
      );
    }
    takenBy.set(destination.label, user.userName);
    if (isShared === true && claims !== null && !destination.label.startsWith(NO_TARGET))
      stakeClaim(claims, destination.label, account, user.userName);
    return destination;
  };
}

/** A user keeps its own claim: a run may look at it more than once. */
function stakeClaim(claims: Map<string, string>, label: string, account: string, userName: string): void {
  const claimant = `${userName} of account ${account}`;
  const other = claims.get(label) ?? claimant;
  if (other !== claimant)
    throw new InvalidInput(`${other} and ${claimant} would share the target ${label}`, "put {account} into the target");
  claims.set(label, claimant);
}

const ignore: Journal = () => undefined;

/** Begins the label of what blocks a user: nobody else is in its way. */
const NO_TARGET = "(no target for";

/** A target that cannot be for this user blocks this user, and no other. */
function openOrBlock(open: OpenDestination, user: User, owner: Owner | null): Destination {
  try {
    return open(user, owner);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const refuse = () => Promise.reject(error);
    return { label: `${NO_TARGET} ${user.userName})`, check: refuse, read: refuse, deliver: refuse };
  }
}
