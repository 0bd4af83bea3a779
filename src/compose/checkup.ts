import { type AwsAccess, openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { openIam } from "../aws/iam.ts";
import { openSimulator } from "../aws/simulate.ts";
import { credentialsEnd, whoAmI } from "../aws/sts.ts";
import type { User } from "../core/access-key.ts";
import { about, type CheckFinding, judgeClock, judgeSigner } from "../core/checkup.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Owner } from "../core/owner.ts";
import { concrete, type Statement } from "../core/permissions.ts";
import { fillTarget, parseTarget } from "../core/target.ts";
import type { Instant } from "../core/time.ts";
import type { Host, ParsedDestination } from "../destinations/kind.ts";
import { asFinding } from "../engine/call-finding.ts";
import { checkUp, type Opened } from "../engine/checkup.ts";
import { PARALLEL_USERS } from "../engine/run.ts";
import { type Selectors, selectUsers } from "../engine/select.ts";
import { type Caller, CallError, type Clock, type Iam } from "../ports.ts";
import { mailerFor } from "./parts.ts";
import { permissions } from "./permissions.ts";
import type { CheckedSettings } from "./settings.ts";

/** What `doctor` found out with these settings. `caller` = null where AWS did not say whose the credentials are. */
export interface Checkup {
  readonly caller: Caller | null;
  readonly region: string | null;
  readonly at: Instant;
  readonly findings: readonly CheckFinding[];
}

/**
 * Looks for what would stop a run with these settings, as far as it can be found out without changing anything.
 * `selectors` = null: targets are checked for a user who does not exist. `accounts` = those that the settings are for; null = any. Throws {@link InvalidInput} where nobody fits the selectors.
 */
export async function checkSetup(
  settings: CheckedSettings,
  accounts: readonly string[] | null,
  selectors: Selectors | null,
  print: Host["print"],
): Promise<Checkup> {
  const clock = new AwsClock();
  const access = await openAccess(settings.profile, settings.region, clock);
  const signedIn = await signIn(access);
  const findings =
    "problem" in signedIn
      ? [signedIn.problem]
      : await checkAccount(settings, selectors, accounts, signedIn, {
          access,
          caller: signedIn.caller,
          clock,
          print,
          mail: await mailerFor(settings, access, signedIn.caller),
        });
  return {
    caller: "problem" in signedIn ? null : signedIn.caller,
    region: access.region,
    at: clock.now(),
    findings: [...findings, judgeClock(clock.hasHeard ? clock.offset : null)],
  };
}

interface SignedIn {
  readonly caller: Caller;
  /** Null where the credentials do not end, or do not say when. */
  readonly expiresAt: Instant | null;
}

async function signIn(access: AwsAccess): Promise<SignedIn | { readonly problem: CheckFinding }> {
  try {
    const expiresAt = await credentialsEnd(access);
    return { caller: await whoAmI(access), expiresAt };
  } catch (error) {
    return { problem: asFinding("credentials", access.profile ?? "credentials", error) };
  }
}

async function checkAccount(
  settings: CheckedSettings,
  selectors: Selectors | null,
  accounts: readonly string[] | null,
  { caller, expiresAt }: SignedIn,
  host: Host,
): Promise<readonly CheckFinding[]> {
  const { access, clock } = host;
  const iam = openIam(access);
  const { users, problem } = await findUsers(iam, clock, selectors);
  const names = selectors === null || problem !== null ? null : users.map((user) => user.userName);
  const standIn = standInFor(caller, selectors?.path ?? "/");
  const { parsedEscrow, parsedLedger } = settings;
  const nobody = settings.mail === null ? null : { address: settings.mail.from, instruction: "", recipient: null };
  const checked = await checkUp(
    {
      iam,
      simulator: openSimulator(access, caller),
      clock,
      rulebook: settings.rulebook,
      destinations: settings.destinations.map(({ text, kind, parsed }) =>
        attempt(text, () => {
          const open = parsed.open(host);
          const owned = (user: User, owner: Owner | null) => open(user, user === standIn ? nobody : owner);
          return { open: owned, isStream: kind.isStream };
        }),
      ),
      ledger: parsedLedger === null ? null : attempt(settings.ledger ?? "", () => parsedLedger.open(access, caller)),
      escrow: parsedEscrow === null ? null : attempt(settings.escrow ?? "", () => parsedEscrow.open(access, caller)),
      statements: (sampleFor) =>
        concreteStatements(settings, caller, access.region, pathsOf(selectors), users, standIn, sampleFor),
      parallel: PARALLEL_USERS,
    },
    users,
    standIn,
  );
  return [
    ...judgeSigner({ ...caller, expiresAt }, names, clock.now()),
    ...(accounts === null || accounts.includes(caller.account) ? [] : [otherAccount(caller, accounts)]),
    ...(problem === null ? [] : [problem]),
    ...checked,
  ];
}

/** Nobody, where nobody was selected, and where the users cannot be listed. */
async function findUsers(iam: Iam, clock: Clock, selectors: Selectors | null) {
  if (selectors === null) return { users: [], problem: null };
  try {
    return { users: await selectUsers(iam, clock, selectors, PARALLEL_USERS), problem: null };
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return { users: [], problem: asFinding("permissions", error.action, error) };
  }
}

const otherAccount = ({ account, arn }: Caller, accounts: readonly string[]): CheckFinding =>
  about("credentials", arn)(
    "wrong",
    `this is account ${account}, and the settings are for ${accounts.join(", ")}`,
    "use the credentials of that account: --profile, or AWS_PROFILE",
  );

/** The paths that the selection is confined to; none = all. */
const pathsOf = (selectors: Selectors | null): readonly string[] => {
  const path = selectors?.path ?? null;
  return path === null ? (selectors?.match?.path ?? []) : [path];
};

/** A user who does not exist: for checks where nobody was selected. */
const standInFor = ({ partition, account }: Caller, path: string): User => ({
  userName: "keyturn-doctor",
  path,
  arn: `arn:${partition}:iam::${account}:user${path}keyturn-doctor`,
});

function attempt<T>(text: string, open: () => T): Opened<T> {
  try {
    return { text, opened: open() };
  } catch (error) {
    if (error instanceof InvalidInput) return { text, problem: error };
    throw error;
  }
}

/** IAM simulates a limited number of resources at a time; so many users tell the paths apart. */
const SIMULATED_USERS = 20;

/** The permissions that the settings need, for users and targets as a run would meet them. */
function concreteStatements(
  settings: CheckedSettings,
  caller: Caller,
  region: string | null,
  paths: readonly string[],
  users: readonly User[],
  standIn: User,
  sampleFor: (target: string) => User,
): readonly Statement[] {
  const destinations = settings.destinations.map((each) => ({
    ...each,
    parsed: parsedFor(each, sampleFor(each.text), caller.account),
  }));
  return permissions({ ...settings, destinations }, caller, region ?? "*", paths)
    .filter(({ resources }) => region !== null || !resources.some((each) => /^arn:[^:]*:\w+:\*:/.test(each)))
    .map((each) => concrete(each, users.slice(0, SIMULATED_USERS), standIn.userName));
}

/** The target as it is for this user; as it was typed where the store cannot hold this user's name. */
function parsedFor(
  { text, kind, parsed }: CheckedSettings["destinations"][number],
  user: User,
  account: string,
): ParsedDestination {
  try {
    return kind.parse(parseTarget(fillTarget(text, user, account)));
  } catch (error) {
    if (error instanceof InvalidInput) return parsed;
    throw error;
  }
}
