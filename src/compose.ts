import { createHash } from "node:crypto";
import { openAccess } from "./aws/clients.ts";
import { AwsClock } from "./aws/clock.ts";
import { openIam } from "./aws/iam.ts";
import { openVerifier, whoAmI } from "./aws/sts.ts";
import type { Tags, User } from "./core/access-key.ts";
import { decide } from "./core/decide.ts";
import type { UserDecision } from "./core/decision.ts";
import { InvalidInput } from "./core/invalid-input.ts";
import type { Observation, Reading } from "./core/observation.ts";
import type { Statement } from "./core/permissions.ts";
import type { UserReport } from "./core/result.ts";
import { needsTags, overlay, type Rulebook, settingsFor, targetsOf, type UserSettings } from "./core/rulebook.ts";
import { parseTarget } from "./core/target.ts";
import type { Duration } from "./core/time.ts";
import type { DestinationKind, Host, ParsedDestination } from "./destinations/kind.ts";
import { ask, observeEverything, observeServed } from "./engine/observe.ts";
import { enginePermissions } from "./engine/permissions.ts";
import { outcomeUntouched, reportFinding } from "./engine/report-user.ts";
import { byHand, type Deed } from "./engine/by-hand.ts";
import { PARALLEL_USERS, run, type RunRules, survey } from "./engine/run.ts";
import { type Selectors, selectUsers } from "./engine/select.ts";
import { Slots } from "./engine/slots.ts";
import { recordsInTags } from "./engine/tag-records.ts";
import type { Turn } from "./engine/turn.ts";
import type { Subject, World } from "./engine/world.ts";
import type { EscrowKind, ParsedEscrow } from "./escrow/kind.ts";
import { openRunnerLock } from "./host/runner-lock.ts";
import type { SimulatedAccount } from "./simulation/account.ts";
import type { VirtualClock } from "./simulation/virtual-clock.ts";
import type { Caller, Clock, Destination, Escrow, Iam, Journal, Liveness, RecordStore, Verifier } from "./ports.ts";

export { Audit, verifyAudit } from "./engine/audit.ts";
export { readHandedIn } from "./documents/handed-in.ts";
export { BrokenInvariant } from "./engine/broken-invariant.ts";
export { adopt, type Deed, hold, predecessorIn, release, retire, rollback } from "./engine/by-hand.ts";
export { alarms, type Chosen, type Finding, type Limits } from "./engine/limits.ts";
export type { RunRules } from "./engine/run.ts";
export type { Selectors } from "./engine/select.ts";

/** Every kind of destination. A new one is a file of its own and a line here. */
const destinationKinds: Readonly<Record<string, () => Promise<DestinationKind>>> = {
  file: async () => (await import("./destinations/file.ts")).file,
  secretsmanager: async () => (await import("./destinations/secretsmanager.ts")).secretsmanager,
  ssm: async () => (await import("./destinations/ssm.ts")).ssm,
  stdout: async () => (await import("./destinations/stdout.ts")).stdout,
};

/** Every kind of escrow. */
const escrowKinds: Readonly<Record<string, () => Promise<EscrowKind>>> = {
  file: async () => (await import("./escrow/file.ts")).file,
  ssm: async () => (await import("./escrow/ssm.ts")).ssm,
};

/** What `--deliver` and `--escrow` can begin with: `ssm:`, or `stdout`, which has no target. Loads every kind of destination. */
export async function targetWords(): Promise<{
  readonly deliver: readonly string[];
  readonly escrow: readonly string[];
}> {
  const kinds = await Promise.all(Object.values(destinationKinds).map((load) => load()));
  return {
    deliver: kinds.map(({ kind, isStream }) => (isStream ? kind : `${kind}:`)),
    escrow: Object.keys(escrowKinds),
  };
}

/** What the person or the config chose. */
export interface Settings {
  /** Policy, targets, windows and exemptions, user by user. */
  readonly rulebook: Rulebook;
  /** A target as typed; null = none. */
  readonly escrow: string | null;
  readonly settle: Duration;
  /** A person asked for a rotation now, whatever the age. */
  readonly asked: boolean;
  readonly profile: string | null;
  readonly region: string | null;
}

/** Settings that were checked as far as can be without any call. */
export interface CheckedSettings extends Settings {
  readonly destinations: readonly {
    readonly text: string;
    readonly kind: DestinationKind;
    readonly parsed: ParsedDestination;
  }[];
  readonly parsedEscrow: ParsedEscrow | null;
}

/** Parses the targets, and refuses what could lose a secret. Throws {@link InvalidInput}. Sends nothing. */
export async function checkSettings(settings: Settings): Promise<CheckedSettings> {
  const destinations = await Promise.all(
    targetsOf(settings.rulebook).map(async (text) => {
      const target = parseTarget(text);
      const kind = await find(destinationKinds, target.kind, "destination");
      return { text, kind, parsed: kind.parse(target) };
    }),
  );
  const target = settings.escrow === null || settings.escrow === "none" ? null : parseTarget(settings.escrow);
  const parsedEscrow = target === null ? null : (await find(escrowKinds, target.kind, "escrow")).parse(target);
  for (const { deliver = [] } of settings.rulebook.layers) {
    const duplicate = deliver.find((text, index) => deliver.indexOf(text) !== index);
    if (duplicate !== undefined) throw new InvalidInput(`${duplicate} is given twice`);
    const together = destinations.filter(({ text }) => deliver.includes(text));
    const lonely = together.find(({ kind }) => !kind.readable && !kind.isStream);
    if (lonely !== undefined && parsedEscrow === null && !together.some(({ kind }) => kind.readable)) {
      throw new InvalidInput(
        `${lonely.text} cannot be read back, so a crash during its delivery would lose the secret`,
        "add --escrow ssm, or --escrow file where all runs come from this host",
      );
    }
  }
  return { ...settings, destinations, parsedEscrow };
}

async function find<T>(kinds: Readonly<Record<string, () => Promise<T>>>, kind: string, what: string): Promise<T> {
  const load = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (load === undefined)
    throw new InvalidInput(`there is no ${what} "${kind}"`, `one of: ${Object.keys(kinds).join(", ")}`);
  return load();
}

/** Opens one user's destination; throws {@link InvalidInput} where the store cannot hold its name. */
export type OpenDestination = (user: User) => Destination;

/** A destination of some users, ready to be opened for each. */
export interface OpenTarget {
  /** Whom it is for: the users whose settings name it so. Absent = every user. */
  readonly text?: string;
  readonly open: OpenDestination;
  readonly isStream: boolean;
}

/** What a session works with. Real or simulated: it cannot tell. */
export interface Parts {
  readonly caller: Caller;
  readonly iam: Iam;
  readonly records: RecordStore;
  readonly verifier: Verifier;
  readonly escrow: Escrow | null;
  readonly clock: Clock;
  readonly liveness: Liveness;
  readonly destinations: readonly OpenTarget[];
  readonly settings: Settings;
}

/** Finds the credentials, asks AWS whose they are, and gathers the parts. Throws {@link InvalidInput} without usable credentials. */
export async function assemble(settings: CheckedSettings, print: Host["print"]): Promise<Parts> {
  const clock = new AwsClock();
  const access = await openAccess(settings.profile, settings.region, clock);
  const caller = await whoAmI(access);
  const host: Host = { access, caller, clock, print };
  const iam = openIam(access);
  return {
    caller,
    iam,
    records: recordsInTags(iam),
    verifier: openVerifier(access),
    escrow: settings.parsedEscrow?.open(access, caller) ?? null,
    clock,
    liveness: openRunnerLock(),
    destinations: settings.destinations.map(({ text, kind, parsed }) => ({
      text,
      open: parsed.open(host),
      isStream: kind.isStream,
    })),
    settings,
  };
}

/** A session in the account that the credentials belong to. Throws {@link InvalidInput} without usable credentials. */
export const connect = async (settings: CheckedSettings, print: Host["print"]): Promise<Session> =>
  new Session(await assemble(settings, print));

/** As {@link connect}, in an account that is simulated: destinations are real, and time stands still while they work. */
export async function rehearse(
  settings: CheckedSettings,
  account: SimulatedAccount,
  clock: VirtualClock,
  liveness: Liveness,
): Promise<Session> {
  const { caller } = account;
  const access = await openAccess(null, "us-east-1", new AwsClock());
  const host: Host = { access, caller, clock, print: nowhere };
  const destinations = settings.destinations.map(({ text, kind, parsed }) => {
    const open = parsed.open(host);
    return { text, open: (user: User) => timeless(open(user), clock), isStream: kind.isStream };
  });
  return new Session({
    caller,
    iam: account.iam,
    records: recordsInTags(account.iam),
    verifier: account.verifier,
    escrow: null,
    clock,
    liveness,
    destinations,
    settings,
  });
}

const nowhere: Host["print"] = () => Promise.resolve();

/** The same destination, at whose work no simulated time goes by. */
const timeless = (destination: Destination, clock: VirtualClock): Destination =>
  new Proxy(destination, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function"
        ? (...words: unknown[]) => clock.during(() => Promise.resolve(Reflect.apply(member, target, words)))
        : member;
    },
  });

/** The least permissions for these settings, for whoever the caller is. */
export function permissions(
  settings: CheckedSettings,
  caller: Caller,
  region: string,
  paths: readonly string[],
): readonly Statement[] {
  const { layers, runEvery } = settings.rulebook;
  const policies = [null, ...layers.filter(({ match }) => match !== null)].map((one) => {
    const together = layers.filter((each) => each.match === null || each === one);
    return overlay(together, runEvery, "of these settings").policy;
  });
  return [
    ...enginePermissions(caller, policies, paths),
    ...settings.destinations.flatMap(({ parsed }) => parsed.permissions(caller, region)),
    ...(settings.parsedEscrow?.permissions(caller, region) ?? []),
  ];
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
    const { rulebook, escrow, asked } = this.#parts.settings;
    const { layers, exemptions, runEvery } = rulebook;
    const text = JSON.stringify({ layers, exemptions, runEvery, escrow, asked }, (name, value: unknown) =>
      // Where something stands in a file says nothing about what it says.
      name === "origins" || name === "origin" ? undefined : value instanceof Map ? [...value] : value,
    );
    return createHash("sha256").update(text).digest("hex").slice(0, 16);
  }

  /** Whether keys are printed: then results must not stand among them. */
  get printsKeys(): boolean {
    return this.#parts.destinations.some(({ isStream }) => isStream);
  }

  users(selectors: Selectors): Promise<readonly User[]> {
    return selectUsers(this.#parts.iam, this.clock, selectors, PARALLEL_USERS);
  }

  /** Every user as it stands, with all that there is to know. Changes nothing. */
  async scan(users: readonly User[]): Promise<readonly UserReport[]> {
    const slots = new Slots(PARALLEL_USERS, this.clock);
    const findings = await survey(this.#world(ignore), await this.#subjects(users, false), slots, true);
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

  /** What holds for a user, once its tags are read where that depends on them. */
  async settingsOf(user: User): Promise<{ readonly tags: Reading<Tags> | null; readonly settings: UserSettings }> {
    const { iam, settings } = this.#parts;
    const tags = needsTags(settings.rulebook)
      ? await ask(async () => (await iam.listTags(user.userName)) ?? new Map<string, string>())
      : null;
    return { tags, settings: settingsFor(settings.rulebook, user, tags?.kind === "known" ? tags.value : null) };
  }

  /** The limit on the age of this user's keys, as it was last looked at; null where there is none. */
  maxAgeOf = (userName: string): Duration | null => this.#held.get(userName)?.maxAge ?? null;

  async #subject(user: User): Promise<Subject> {
    const [subject] = await this.#subjects([user], false);
    if (subject === undefined) throw new Error("no subject for the user");
    return subject;
  }

  /** Throws {@link InvalidInput} where two users would share one target, or where settings contradict each other. */
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
          doubt: own.tags === null || own.tags.kind === "known" || own.tags.kind === "unread" ? null : own.tags,
          asked: settings.asked,
          ownServices: verifier.services,
          needsDestination,
        },
        destinations: destinations
          .filter(({ text }) => text === undefined || deliver.includes(text))
          .map((target) => openOwn(user, target)),
        ...(own.tags?.kind === "known" ? { tags: own.tags.value } : {}),
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
    return open(user);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const refuse = () => Promise.reject(error);
    return { label: `(no target for ${user.userName})`, check: refuse, read: refuse, deliver: refuse };
  }
}
