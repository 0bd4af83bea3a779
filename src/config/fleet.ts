import type { AccountOverride, Fleet } from "../core/accounts.ts";
import type { Exemption, Layer } from "../core/rulebook.ts";
import { isGuard, membersOf } from "./accounts-schema.ts";
import type { ConfigGiven } from "./schema.ts";

type Path = readonly (string | number)[];

type OrganizationGiven = NonNullable<ConfigGiven["organization"]>;

/** What a list of accounts and an organization have in common. */
type FleetGiven = Pick<OrganizationGiven, "externalId" | "sessionPolicy" | "sourceIdentity" | "central" | "limits"> & {
  readonly role?: string | undefined;
};

type OverrideGiven = NonNullable<OrganizationGiven["overrides"]>[string];

/** Reads what stands for one account as the same thing is read where it stands for all. */
interface Read {
  readonly layer: (given: Pick<OverrideGiven, "policy" | "deliver" | "window">, path: Path) => Layer;
  readonly exemptions: (given: OverrideGiven["exempt"], path: Path) => readonly Exemption[];
}

/** Where accounts are named with roles, they are those that it is for. */
export function guardOf({ accounts }: ConfigGiven): readonly string[] | null {
  if (accounts === undefined) return null;
  return isGuard(accounts) ? accounts : membersOf(accounts).map(({ id }) => id);
}

/** The accounts that `--all-accounts` works in; null where the file names none. */
export function fleetOf({ accounts, organization }: ConfigGiven, read: Read): Fleet | null {
  if (organization !== undefined) {
    const { include = null, exclude = null, listAs = null, overrides = {} } = organization;
    const own = Object.entries(overrides).map(
      ([id, given]) => [id, overrideOf(given, ["organization", "overrides", id], read)] as const,
    );
    return { ...sharedOf(organization), listed: null, include, exclude, listAs, overrides: new Map(own) };
  }
  if (accounts === undefined || isGuard(accounts)) return null;
  const path: Path = "list" in accounts ? ["accounts", "list"] : ["accounts"];
  const own = membersOf(accounts).map((given, index) => [given.id, overrideOf(given, [...path, index], read)] as const);
  return {
    ...sharedOf("list" in accounts ? accounts : {}),
    listed: own.map(([id]) => id),
    include: null,
    exclude: null,
    listAs: null,
    overrides: new Map(own),
  };
}

/** So many accounts at one time, where nobody says. */
const PARALLEL_ACCOUNTS = 4;

/** What holds for all accounts of a fleet alike. */
function sharedOf(given: FleetGiven) {
  const { role = null, externalId = null, sessionPolicy = "none", sourceIdentity = "none", limits = {} } = given;
  return {
    role,
    externalId,
    sessionPolicy,
    sourceIdentity,
    central: given.central === undefined ? null : centralOf(given.central),
    limits: { parallel: limits.parallel ?? PARALLEL_ACCOUNTS, maxRotations: limits.maxRotations ?? null },
  };
}

const centralOf = ({ account, role, externalId }: NonNullable<FleetGiven["central"]>): Fleet["central"] => ({
  account,
  role: role === undefined ? null : { role, externalId: externalId ?? null },
});

/** What one account has of its own. A layer that sets nothing is none. */
function overrideOf(given: OverrideGiven, path: Path, read: Read): AccountOverride {
  const { role, externalId, policy, deliver, window, select, escrow, exempt, limits = {} } = given;
  const sets = policy !== undefined || deliver !== undefined || window !== undefined;
  const own = { policy, deliver, window };
  return {
    path: [...path, "policy"],
    role: role ?? null,
    externalId: externalId ?? null,
    layer: sets ? read.layer(own, path) : null,
    select: select ?? null,
    escrow: escrow ?? null,
    exemptions: read.exemptions(exempt, [...path, "exempt"]),
    maxRotations: limits.maxRotations ?? null,
    refuseAbove: limits.refuseAbove ?? null,
  };
}
