import { createHash } from "node:crypto";
import { openAccess } from "./aws/clients.ts";
import { AwsClock } from "./aws/clock.ts";
import { openIam } from "./aws/iam.ts";
import { openVerifier, whoAmI } from "./aws/sts.ts";
import type { AccessKeyId, User } from "./core/access-key.ts";
import { decide } from "./core/decide.ts";
import type { UserDecision } from "./core/decision.ts";
import type { Terms } from "./core/facts.ts";
import { InvalidInput } from "./core/invalid-input.ts";
import type { Observation } from "./core/observation.ts";
import type { Statement } from "./core/permissions.ts";
import type { Policy } from "./core/policy.ts";
import type { UserReport } from "./core/result.ts";
import { parseTarget } from "./core/target.ts";
import type { Duration } from "./core/time.ts";
import type { DestinationKind, Host, ParsedDestination } from "./destinations/kind.ts";
import { observe, observeEverything, observeServed } from "./engine/observe.ts";
import { enginePermissions } from "./engine/permissions.ts";
import { outcomeUntouched, reportFinding } from "./engine/report-user.ts";
import { retireByHand } from "./engine/retire.ts";
import { PARALLEL_USERS, run, type RunRules, survey } from "./engine/run.ts";
import { type Selectors, selectUsers } from "./engine/select.ts";
import { Slots } from "./engine/slots.ts";
import { recordsInTags } from "./engine/tag-records.ts";
import { asTurnEnd, type Outcome, Turn } from "./engine/turn.ts";
import type { Subject, World } from "./engine/world.ts";
import type { EscrowKind, ParsedEscrow } from "./escrow/kind.ts";
import { openRunnerLock } from "./host/runner-lock.ts";
import type { SimulatedAccount } from "./simulation/account.ts";
import type { VirtualClock } from "./simulation/virtual-clock.ts";
import type { Caller, Clock, Destination, Escrow, Iam, Journal, Liveness, RecordStore, Verifier } from "./ports.ts";

export { Audit, type AuditedRun, type AuditFinding, verifyAudit } from "./engine/audit.ts";
export { BrokenInvariant } from "./engine/broken-invariant.ts";
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
  readonly policy: Policy;
  /** Targets as typed: `KIND:NAME?option=value`. */
  readonly deliver: readonly string[];
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
    settings.deliver.map(async (text) => {
      const target = parseTarget(text);
      const kind = await find(destinationKinds, target.kind, "destination");
      return { text, kind, parsed: kind.parse(target) };
    }),
  );
  const duplicate = settings.deliver.find((text, index) => settings.deliver.indexOf(text) !== index);
  if (duplicate !== undefined) throw new InvalidInput(`${duplicate} is given twice`);
  const target = settings.escrow === null || settings.escrow === "none" ? null : parseTarget(settings.escrow);
  const parsedEscrow = target === null ? null : (await find(escrowKinds, target.kind, "escrow")).parse(target);
  const lonely = destinations.find(({ kind }) => !kind.readable && !kind.isStream);
  if (lonely !== undefined && parsedEscrow === null && !destinations.some(({ kind }) => kind.readable)) {
    throw new InvalidInput(
      `${lonely.text} cannot be read back, so a crash during its delivery would lose the secret`,
      "add --escrow ssm, or --escrow file where all runs come from this host",
    );
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

/** What a session works with. Real or simulated: it cannot tell. */
export interface Parts {
  readonly caller: Caller;
  readonly iam: Iam;
  readonly records: RecordStore;
  readonly verifier: Verifier;
  readonly escrow: Escrow | null;
  readonly clock: Clock;
  readonly liveness: Liveness;
  readonly destinations: readonly { readonly open: OpenDestination; readonly isStream: boolean }[];
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
    destinations: settings.destinations.map(({ kind, parsed }) => ({
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
  const print = () => Promise.resolve();
  const host: Host = { access: await openAccess(null, "us-east-1", new AwsClock()), caller, clock, print };
  const destinations = settings.destinations.map(({ kind, parsed }) => {
    const open = parsed.open(host);
    return { open: (user: User) => timeless(open(user), clock), isStream: kind.isStream };
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
  return [
    ...enginePermissions(caller, settings.policy, paths),
    ...settings.destinations.flatMap(({ parsed }) => parsed.permissions(caller, region)),
    ...(settings.parsedEscrow?.permissions(caller, region) ?? []),
  ];
}

/** What came of a key that a person named. */
export type Retirement =
  | { readonly kind: "done"; readonly what: "deactivated" | "deleted" }
  | Exclude<Outcome, { kind: "done" }>;

/** One account, with these settings: what every command works with. */
export class Session {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.caller = parts.caller;
    this.clock = parts.clock;
    this.#parts = parts;
  }

  /** Names the settings that a plan was made with: a plan must not be run with others. */
  get fingerprint(): string {
    const { policy, deliver, escrow, asked } = this.#parts.settings;
    return createHash("sha256").update(JSON.stringify({ policy, deliver, escrow, asked })).digest("hex").slice(0, 16);
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
    const findings = await survey(
      this.#world(ignore),
      this.#subjects(users, false),
      new Slots(PARALLEL_USERS, this.clock),
      true,
    );
    return findings.map((finding) => reportFinding(finding, outcomeUntouched(finding, null), this.clock.now()));
  }

  /** One run. See the engine's `run`. */
  run(
    users: readonly User[],
    rules: RunRules,
    journal: Journal,
    needsDestination = true,
  ): Promise<readonly UserReport[]> {
    return run(this.#world(journal), this.#subjects(users, needsDestination), rules);
  }

  /** Everything that can be read of one user, and the decision for it. */
  async examine(user: User): Promise<{ readonly seen: Observation; readonly decision: UserDecision }> {
    const [subject] = this.#subjects([user], false);
    if (subject === undefined) throw new Error("no subject for the user");
    const world = this.#world(ignore);
    const seen = await observeEverything(world, subject);
    return { seen, decision: decide(seen, subject.terms, this.clock.now()) };
  }

  /** Retires one key that a person named: an Active one is deactivated, an Inactive one deleted. */
  async retire(user: User, id: AccessKeyId, deleteNow: boolean, journal: Journal): Promise<Retirement> {
    const [subject] = this.#subjects([user], false);
    if (subject === undefined) throw new Error("no subject for the user");
    const world = this.#world(journal);
    return new Slots(1, this.clock).use(async (slot) => {
      const turn = new Turn(world, subject, slot);
      try {
        const { code, sentence } = decide(await observe(world, subject), subject.terms, this.clock.now());
        if (code === "turn-in-progress") {
          return {
            kind: "stopped",
            sentence: `another run may be at work on ${user.userName}: ${sentence}; try again in a few minutes`,
          };
        }
        return {
          kind: "done",
          what: await retireByHand(turn, await observeServed(world, subject), id, deleteNow),
        };
      } catch (error) {
        return asTurnEnd("retire", error).outcome;
      }
    });
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

  /** Throws {@link InvalidInput} where two users would share one target. */
  #subjects(users: readonly User[], needsDestination: boolean): readonly Subject[] {
    const { settings, verifier, destinations } = this.#parts;
    const terms: Terms = {
      policy: settings.policy,
      exempt: null,
      asked: settings.asked,
      ownServices: verifier.services,
      needsDestination,
    };
    const takenBy = new Map<string, string>();
    return users.map((user) => ({
      user,
      terms,
      destinations: destinations.map(({ open, isStream }) => {
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
      }),
    }));
  }
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
