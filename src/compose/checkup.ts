import { type AwsAccess, openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { openIam } from "../aws/iam.ts";
import { openSimulator } from "../aws/simulate.ts";
import { credentialsEnd, whoAmI } from "../aws/sts.ts";
import type { User } from "../core/access-key.ts";
import { about, type CheckFinding, judgeClock, judgeSigner } from "../core/checkup.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { concrete, type Statement } from "../core/permissions.ts";
import { needsTags, settingsFor } from "../core/rulebook.ts";
import { fillTarget } from "../core/target.ts";
import type { Instant } from "../core/time.ts";
import type { Host } from "../destinations/kind.ts";
import { asFinding, type CheckupParts, checkUp, type Opened } from "../engine/checkup.ts";
import { ask } from "../engine/observe.ts";
import { PARALLEL_USERS } from "../engine/run.ts";
import { type Selectors, selectUsers } from "../engine/select.ts";
import { CallError, type Caller, type Clock, type Iam } from "../ports.ts";
import { permissions } from "./permissions.ts";
import { type CheckedSettings, checkSettings } from "./settings.ts";

/** What `doctor` found out with these settings. `caller` = null where there are no usable credentials. */
export interface Checkup {
  readonly caller: Caller | null;
  readonly region: string | null;
  readonly at: Instant;
  readonly findings: readonly CheckFinding[];
}

/** A user who does not exist: for checks where nobody was selected. */
const STAND_IN = "keyturn-doctor";

/** IAM simulates a limited number of resources at a time; so many users tell the paths apart. */
const SIMULATED_USERS = 20;

/**
 * Looks for what would stop a run with these settings, as far as it can be found out without changing anything.
 * `selectors` = null: targets are checked for a user who does not exist. Throws {@link InvalidInput} where nobody fits the selectors.
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
  const judgedClock = () => judgeClock(clock.hasHeard ? clock.offset : null);
  const common = { region: access.region, at: clock.now() };
  if ("problem" in signedIn) return { ...common, caller: null, findings: [signedIn.problem, judgedClock()] };
  const { caller, expiresAt } = signedIn;
  const iam = openIam(access);
  const { users, problem } = await findUsers(iam, clock, selectors);
  const names = selectors === null || problem !== null ? null : users.map((user) => user.userName);
  const host: Host = { access, caller, clock, print };
  const targets = await targetsByUser(settings, iam, users);
  const destinations = settings.destinations.map(({ text, kind, parsed }) =>
    attempt(text, () => ({
      open: parsed.open(host),
      isStream: kind.isStream,
      isFor: ({ userName }: User) => targets.get(userName)?.includes(text) ?? true,
    })),
  );
  const { parsedEscrow } = settings;
  const standIn: User = {
    userName: STAND_IN,
    path: selectors?.path ?? "/",
    arn: `arn:${caller.partition}:iam::${caller.account}:user${selectors?.path ?? "/"}${STAND_IN}`,
  };
  const parts: CheckupParts = {
    iam,
    simulator: openSimulator(access, caller),
    clock,
    destinations,
    escrow: parsedEscrow === null ? null : attempt(settings.escrow ?? "", () => parsedEscrow.open(access, caller)),
    statements: await concreteStatements(settings, caller, access.region, selectors?.path ?? null, users, standIn),
    parallel: PARALLEL_USERS,
  };
  const checked = await checkUp(parts, users, standIn);
  return {
    ...common,
    caller,
    findings: [
      ...judgeSigner({ ...caller, expiresAt }, names, clock.now()),
      ...(accounts === null || accounts.includes(caller.account)
        ? []
        : [
            about("credentials", caller.arn)(
              "wrong",
              `this is account ${caller.account}, and the settings are for ${accounts.join(", ")}`,
              "use the credentials of that account: --profile, or AWS_PROFILE",
            ),
          ]),
      judgedClock(),
      ...(problem === null ? [] : [problem]),
      ...checked,
    ],
  };
}

type SignedIn = { readonly caller: Caller; readonly expiresAt: Instant | null } | { readonly problem: CheckFinding };

async function signIn(access: AwsAccess): Promise<SignedIn> {
  try {
    const expiresAt = await credentialsEnd(access);
    return { caller: await whoAmI(access), expiresAt };
  } catch (error) {
    return { problem: asFinding("credentials", access.profile ?? "credentials", error) };
  }
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

/** Which targets are whose. A user whose tags cannot be read, where that depends on them, is left out: all may be. */
async function targetsByUser({ rulebook }: CheckedSettings, iam: Iam, users: readonly User[]) {
  const found = await Promise.all(
    users.map(async (user) => {
      const tags = needsTags(rulebook) ? await ask(async () => (await iam.listTags(user.userName)) ?? new Map()) : null;
      if (tags !== null && tags.kind !== "known") return null;
      return [user.userName, settingsFor(rulebook, user, tags?.value ?? null).deliver] as const;
    }),
  );
  return new Map(found.filter((each) => each !== null));
}

function attempt<T>(text: string, open: () => T): Opened<T> {
  try {
    return { text, opened: open() };
  } catch (error) {
    if (error instanceof InvalidInput) return { text, problem: error };
    throw error;
  }
}

/** The permissions that the settings need, for users and targets as a run would meet them. */
async function concreteStatements(
  settings: CheckedSettings,
  caller: Caller,
  region: string | null,
  path: string | null,
  users: readonly User[],
  standIn: User,
): Promise<readonly Statement[]> {
  const sample = users[0] ?? standIn;
  const fill = (text: string) => fillTarget(text, sample, caller.account);
  const layers = settings.rulebook.layers.map((layer) =>
    layer.deliver === undefined ? layer : { ...layer, deliver: [...new Set(layer.deliver.map(fill))] },
  );
  const filled = await checkSettings({ ...settings, rulebook: { ...settings.rulebook, layers } });
  const known = (each: Statement) =>
    region !== null || each.resources.every((resource) => !/^arn:[^:]*:\w+:\*:/.test(resource));
  return permissions(filled, caller, region ?? "*", path === null ? [] : [path])
    .filter(known)
    .map((each) => concrete(each, users.slice(0, SIMULATED_USERS), STAND_IN));
}
