import { openAccountIndex } from "../aws/account-index.ts";
import { type AwsAccess, openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { openIam } from "../aws/iam.ts";
import { openVerifier, whoAmI } from "../aws/sts.ts";
import type { User } from "../core/access-key.ts";
import type { Owner } from "../core/owner.ts";
import type { DestinationKind, Host } from "../destinations/kind.ts";
import { recordsInTags } from "../engine/tag-records.ts";
import { openRunnerLock } from "../host/runner-lock.ts";
import type { Mailer } from "../mail/mailer.ts";
import type {
  AccountIndex,
  Caller,
  Clock,
  Destination,
  Escrow,
  Iam,
  Liveness,
  Notifier,
  OwnerLedger,
  RecordStore,
  Sealer,
  Verifier,
} from "../ports.ts";
import type { SimulatedAccount } from "../simulation/account.ts";
import type { VirtualClock } from "../simulation/virtual-clock.ts";
import type { CheckedSettings, Settings } from "./settings.ts";

/** Opens one user's destination; throws {@link InvalidInput} where the store cannot hold its name, or it lacks an owner that it needs. */
export type OpenDestination = (user: User, owner: Owner | null) => Destination;

/** A destination of some users, ready to be opened for each. */
export interface OpenTarget {
  /** Whom it is for: the users whose settings name it so. Absent = every user. */
  readonly text?: string;
  readonly open: OpenDestination;
  readonly isStream: boolean;
  /** All accounts of the run deliver into one and the same place; absent = each has its own. */
  readonly isShared?: boolean;
}

/** What a session works with. Real or simulated: it cannot tell. */
export interface Parts {
  readonly caller: Caller;
  readonly iam: Iam;
  /** Absent where users are always read one by one. */
  readonly index?: AccountIndex;
  readonly records: RecordStore;
  readonly verifier: Verifier;
  readonly escrow: Escrow | null;
  /** Null, or absent, where owners are not remembered; then nobody is told anything. */
  readonly ledger?: OwnerLedger | null;
  /** Null, or absent, where no notices go out. */
  readonly notifier?: Notifier | null;
  /** Null, or absent, where no mail is sealed. */
  readonly sealer?: Sealer | null;
  readonly clock: Clock;
  /** Whether AWS grants fewer requests than are asked for; absent = never. */
  readonly isHeldBack?: () => boolean;
  readonly liveness: Liveness;
  readonly destinations: readonly OpenTarget[];
  /** Whose each shared target is, by its label, in all accounts of the run; absent = there is but one account. */
  readonly claims?: Map<string, string>;
  readonly settings: Settings;
}

/** Whose credentials something is done with. */
export interface Identity {
  readonly access: AwsAccess;
  readonly caller: Caller;
}

/** What an account has in common with others of the same run. */
export interface Common {
  /** Who delivers and keeps the escrow and the ledger; null = whoever works in the account. */
  readonly stores: Identity | null;
  readonly claims: Map<string, string>;
  readonly liveness: Liveness;
}

/** Finds the credentials, asks AWS whose they are, and gathers the parts. Throws {@link InvalidInput} without usable credentials. */
export async function assemble(settings: CheckedSettings, print: Host["print"]): Promise<Parts> {
  const access = await openAccess(settings.profile, settings.region, new AwsClock());
  return assembleAs({ access, caller: await whoAmI(access) }, settings, print);
}

/** As {@link assemble}, where it is known who works. Sends nothing. */
export async function assembleAs(
  { access, caller }: Identity,
  settings: CheckedSettings,
  print: Host["print"],
  common: Common | null = null,
): Promise<Parts> {
  const { clock } = access;
  // Names are made for the account of the users, wherever they are kept.
  const atStores = common?.stores?.access ?? access;
  const mail = await mailerFor(settings, access, caller);
  const host: Host = { access: atStores, caller, clock, print, mail };
  const iam = openIam(access);
  return {
    caller,
    iam,
    index: openAccountIndex(access),
    records: recordsInTags(iam),
    verifier: openVerifier(access),
    escrow: settings.parsedEscrow?.open(atStores, caller) ?? null,
    ledger: settings.parsedLedger?.open(atStores, caller) ?? null,
    notifier: mail === null ? null : await notifierFor(mail),
    sealer: mail?.sealer ?? null,
    clock,
    isHeldBack: () => access.requestHandler.isHeldBack,
    liveness: common?.liveness ?? openRunnerLock(),
    destinations: settings.destinations.map(({ text, kind, parsed }) => ({
      text,
      open: parsed.open(host),
      isStream: kind.isStream,
      isShared: isShared(kind, common?.stores ?? null),
    })),
    ...(common === null ? {} : { claims: common.claims }),
    // What the environment says counts, too: a plan is not carried out in another region.
    settings: { ...settings, region: access.region },
  };
}

/** Whether all accounts deliver into one place. A mail goes to an owner, who may have users in several accounts. */
export const isShared = (
  { onThisHost, isStream, needsMail }: Pick<DestinationKind, "onThisHost" | "isStream" | "needsMail">,
  stores: unknown,
): boolean => onThisHost === true || (stores !== null && !isStream && needsMail !== true);

/** Loaded only where mails are sent. */
const notifierFor = async (mailer: Mailer): Promise<Notifier> =>
  (await import("../notifiers/email.ts")).emailNotifier(mailer);

/** What sends mails; null where the settings say nothing of them. Loaded only where they do. */
export async function mailerFor(
  { mail, parsedSealer }: CheckedSettings,
  access: AwsAccess,
  caller: Caller,
): Promise<Mailer | null> {
  if (mail === null) return null;
  return (await import("./mail.ts")).openMailer(mail, parsedSealer?.open(access, caller) ?? null, access, caller);
}

/** As {@link assemble}, in an account that is simulated: destinations are real, and time stands still while they work. */
export async function rehearse(
  settings: CheckedSettings,
  account: SimulatedAccount,
  clock: VirtualClock,
  liveness: Liveness,
): Promise<Parts> {
  const { caller } = account;
  const access = await openAccess(null, "us-east-1", new AwsClock());
  const host: Host = { access, caller, clock, print: nowhere, mail: null };
  const destinations = settings.destinations.map(({ text, kind, parsed }) => {
    const open = parsed.open(host);
    const openTimeless: OpenDestination = (user, owner) => timeless(open(user, owner), clock);
    return { text, open: openTimeless, isStream: kind.isStream };
  });
  return {
    caller,
    iam: account.iam,
    records: recordsInTags(account.iam),
    verifier: account.verifier,
    escrow: null,
    clock,
    liveness,
    destinations,
    settings,
  };
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
