import { accessApart, type AwsAccess, openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { assumeRole, assumeRoleForLong, type Role, whoAmI } from "../aws/sts.ts";
import type { AccountReport } from "../core/account-result.ts";
import {
  type chooseAccounts,
  type Fleet,
  type LeftOut,
  type Member,
  type MemberRole,
  roleArn,
  roleIn,
} from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { policyDocument } from "../core/permissions.ts";
import type { Host } from "../destinations/kind.ts";
import { openRunnerLock } from "../host/runner-lock.ts";
import { CallError, type Caller, type Clock, type Organization } from "../ports.ts";
import { findMember, findMembers } from "./members.ts";
import { assembleAs, type Common, type Identity, isShared, type Parts } from "./parts.ts";
import { isPassing } from "./passing.ts";
import { permissions } from "./permissions.ts";
import { Session } from "./session.ts";
import type { CheckedSettings, Settings } from "./settings.ts";

/** AWS takes no longer session policy than that, in characters. */
const LONGEST_POLICY = 2048;

/** An account cannot be worked in, for a reason that has a code. */
class CannotEnter extends InvalidInput {
  readonly code: AccountReport["code"];

  constructor(code: AccountReport["code"], message: string, hint: string) {
    super(message, hint);
    this.code = code;
  }
}

/** One account that was entered. */
export interface Entered {
  readonly session: Session;
  readonly notes: readonly string[];
  /** Lets go of the connections. */
  readonly close: () => void;
}

/** Puts something between a session and its parts. */
type Watch = (parts: Parts) => Parts;

const unwatched: Watch = (parts) => parts;

/** Where all accounts are entered from: the caller's own credentials, before any role is assumed. */
export class Hub {
  readonly caller: Caller;
  readonly clock: Clock;
  readonly #identity: Identity;
  readonly #fleet: Fleet;
  /** Names this run in each account's CloudTrail. */
  readonly #run: string;
  readonly #common: Common;
  readonly #watch: Watch;

  constructor(identity: Identity, fleet: Fleet, run: string, common: Common, watch: Watch) {
    this.caller = identity.caller;
    this.clock = identity.access.clock;
    this.#identity = identity;
    this.#fleet = fleet;
    this.#run = run;
    this.#common = common;
    this.#watch = watch;
  }

  /** The accounts that are meant, and those that are not, with the reason. Throws {@link InvalidInput} without the right to list them. */
  async members(): Promise<ReturnType<typeof chooseAccounts>> {
    const { listed } = this.#fleet;
    if (listed !== null) return { members: listed.map((account) => ({ account, name: null })), left: [] };
    return findMembers(await this.#organization(), this.#fleet, this.clock);
  }

  /** Whether one account is meant now. Throws {@link InvalidInput} without the right to ask, and {@link CallError}. */
  async member(account: string): Promise<Member | LeftOut> {
    const { listed } = this.#fleet;
    if (listed === null) return findMember(await this.#organization(), this.#fleet, account);
    return listed.includes(account) ? { account, name: null } : { account, name: null, ...UNLISTED };
  }

  /** Loaded only where an organization is asked. */
  async #organization(): Promise<Organization> {
    const { listAs } = this.#fleet;
    const { access } = this.#identity;
    const asked = listAs === null ? access : await this.#lister(listAs);
    const { openOrganization } = await import("../aws/organizations.ts");
    return openOrganization(asked);
  }

  async #lister(arn: string): Promise<AwsAccess> {
    try {
      return await assumeRole(this.#identity.access, this.#role({ role: arn, externalId: null }, this.caller.account));
    } catch (error) {
      const problem = isPassing(error) ? null : problemIn(error);
      throw problem === null ? error : new InvalidInput(`organization.listAs: ${problem.sentence}`, problem.hint);
    }
  }

  /**
   * Enters an account. `paths` = where its users are, for the session policy. Throws {@link InvalidInput} and {@link CallError}, of
   * which {@link problemIn} makes a reason.
   */
  async enter(
    account: string,
    settings: CheckedSettings,
    paths: readonly string[],
    print: Host["print"],
  ): Promise<Entered> {
    const { identity, notes } = await this.#identityIn(account, settings, paths);
    const { requestHandler } = identity.access;
    const session = new Session(this.#watch(await assembleAs(identity, settings, print, this.#common)));
    return { session, notes, close: () => requestHandler.destroy() };
  }

  /** The caller's own account needs no role, unless one is named for it alone. */
  async #identityIn(
    account: string,
    settings: CheckedSettings,
    paths: readonly string[],
  ): Promise<{ readonly identity: Identity; readonly notes: readonly string[] }> {
    const { access, caller } = this.#identity;
    const isOwn = account === caller.account && (this.#fleet.overrides.get(account)?.role ?? null) === null;
    if (isOwn) return { identity: { access: accessApart(access), caller }, notes: [] };
    const { policy, notes } = this.#sessionPolicy(account, settings, paths);
    const role = this.#role(roleIn(this.#fleet, account), account);
    try {
      return { identity: await enterAs(access, { ...role, sessionPolicy: policy }, account), notes };
    } catch (error) {
      // A session policy is a second fence: without it the role's own permissions hold, and the report says so.
      if (policy === null || !(error instanceof CallError) || !error.code.startsWith("PackedPolicyTooLarge"))
        throw error;
      return { identity: await enterAs(access, role, account), notes: [TOO_LARGE] };
    }
  }

  #role(role: MemberRole, account: string): Role {
    return asRole(role, account, this.caller, this.#fleet, this.#run);
  }

  /** What these settings need in the account, as a policy for the session; null where none is wanted, or where it does not fit. */
  #sessionPolicy(account: string, settings: CheckedSettings, paths: readonly string[]) {
    if (this.#fleet.sessionPolicy === "none") return { policy: null, notes: [] };
    const inMember = whatMembersNeed(settings, this.#fleet.central);
    const member: Caller = { ...this.caller, account, userName: null, accessKeyId: null };
    const region = this.#identity.access.region ?? "*";
    const statements = permissions(inMember, member, region, paths, { byHand: true, isLarge: true });
    const policy = JSON.stringify(policyDocument(statements));
    return policy.length <= LONGEST_POLICY ? { policy, notes: [] } : { policy: null, notes: [TOO_LARGE] };
  }
}

const UNLISTED = { code: "excluded", sentence: "the settings do not name this account any more" } as const;

const TOO_LARGE =
  "the session policy for these settings is larger than AWS takes, so the session has all that the role may do";

/**
 * Finds the credentials and asks AWS whose they are, and enters the central account where there is one. `run` names this run;
 * `watch` sees the parts of each session before it does.
 * Throws {@link InvalidInput}.
 */
export async function openHub(
  { profile, region }: Pick<Settings, "profile" | "region">,
  fleet: Fleet,
  run: string,
  watch = unwatched,
): Promise<Hub> {
  const access = await openAccess(profile, region, new AwsClock());
  const own = { access, caller: await whoAmI(access) };
  const common = { claims: new Map<string, string>(), liveness: openRunnerLock() };
  const { central } = fleet;
  const isOwn = central !== null && central.role === null && central.account === own.caller.account;
  if (central === null || isOwn)
    return new Hub(own, fleet, run, { ...common, stores: central === null ? null : own }, watch);
  if (central.role === null)
    throw new InvalidInput(
      `central: the credentials are of account ${own.caller.account}, and secrets go to ${central.account}`,
      "use credentials of that account, or name a role there: central: { account: 111122223333, role: NAME }",
    );
  const role = asRole(central.role, central.account, own.caller, fleet, run);
  try {
    const stores = await enterAs(access, role, central.account);
    return new Hub(own, fleet, run, { ...common, stores }, watch);
  } catch (error) {
    const problem = isPassing(error) ? null : problemIn(error);
    // Without a place for secrets no account can be worked in.
    throw problem === null ? error : new InvalidInput(`central: ${problem.sentence}`, problem.hint);
  }
}

/** A role of this fleet, with what each session of a run bears. */
const asRole = (
  { role, externalId }: MemberRole,
  account: string,
  { partition }: Caller,
  { sourceIdentity }: Fleet,
  run: string,
): Role => ({
  arn: roleArn(role, account, partition),
  externalId,
  sessionName: `keyturn-${run}`,
  sourceIdentity: sourceIdentity === "run" ? run : null,
});

/** Assumes a role, and makes sure that it leads into the account that was meant: a wrong ARN must not turn keys elsewhere. */
async function enterAs(access: AwsAccess, role: Role, account: string): Promise<Identity> {
  const apart = accessApart(await assumeRoleForLong(access, role));
  const caller = await whoAmI(apart);
  if (caller.account === account) return { access: apart, caller };
  throw new CannotEnter(
    "wrong-account",
    `${role.arn} leads to account ${caller.account}, and ${account} was meant`,
    "put the role of this account right; nothing was read there",
  );
}

/** The settings as far as they ask something of a member: what goes to a central account needs no permission in the others. */
export const whatMembersNeed = (settings: CheckedSettings, central: Fleet["central"]): CheckedSettings =>
  central === null ? settings : { ...settings, destinations: [], parsedEscrow: null, parsedLedger: null };

/**
 * The targets that several accounts would share, because all deliver into one place and the target does not name the account.
 * Found before any call is made; what still collides is refused when it is opened.
 */
export function sharedTargets(settings: CheckedSettings, fleet: Fleet): readonly string[] {
  return settings.destinations
    .filter(({ kind, text }) => isShared(kind, fleet.central) && !text.includes("{account}"))
    .map(({ text }) => text);
}

/**
 * The targets that all accounts share and of which it cannot be told at sight that no two accounts have the same one. Where one process
 * works in all accounts, it sees every target; workers that know nothing of each other need targets that cannot collide.
 */
export const looseTargets = (settings: CheckedSettings, fleet: Fleet): readonly string[] =>
  settings.destinations
    .filter(({ kind, text }) => isShared(kind, fleet.central) && !tellsAccounts(text))
    .map(({ text }) => text);

/** An account id has twelve digits: nothing before it, or a slash before it where no path adds slashes, makes out where it stands. */
const tellsAccounts = (text: string): boolean =>
  /^[^{}]*\{account\}/.test(text) || (!text.includes("{path}") && text.includes("/{account}"));

/** Why an account could not be worked in; null for an error that is a bug. */
export function problemIn(error: unknown): Pick<AccountReport, "code" | "sentence" | "hint"> | null {
  if (error instanceof CannotEnter) return { code: error.code, sentence: error.message, hint: error.hint };
  if (error instanceof InvalidInput) return { code: "unusable", sentence: error.message, hint: error.hint };
  return error instanceof CallError ? problemOfCall(error) : null;
}

function problemOfCall(error: CallError): Pick<AccountReport, "code" | "sentence" | "hint"> {
  const { action, resource, kind, code, message } = error;
  if (error.byOrganization)
    return {
      code: "scp-denied",
      sentence: `${action} on ${resource} is denied by a policy of the organization`,
      hint: "whoever manages the organization has to except keyturn's role from it, or exclude the account",
    };
  if (action === "sts:AssumeRole")
    return kind === "denied"
      ? {
          code: "assume-denied",
          sentence: `${resource} cannot be assumed: ${message}`,
          hint: "is the role there, does it trust this caller, is the external id the one that it asks for, and may the caller assume it?",
        }
      : { code: "assume-failed", sentence: `${resource} cannot be assumed: ${code}: ${message}`, hint: null };
  if (kind === "denied")
    return {
      code: action === "iam:ListUsers" ? "list-denied" : "read-failed",
      sentence: `${action} on ${resource} is denied`,
      hint: "keyturn policy prints the permissions that the role needs",
    };
  return { code: "read-failed", sentence: `${action} on ${resource} failed: ${code}: ${message}`, hint: "try again" };
}
