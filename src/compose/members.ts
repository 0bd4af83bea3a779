import {
  asksForTags,
  chooseAccounts,
  type Fleet,
  type FoundAccount,
  type LeftOut,
  type Member,
  unitsOf,
} from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { Slots } from "../engine/slots.ts";
import { isPassing } from "./passing.ts";
import { CallError, type Clock, type Organization, type OrganizationAccount } from "../ports.ts";

/** Organizations answers few calls a second. */
const PARALLEL_QUESTIONS = 4;

/**
 * Asks Organizations which accounts there are, and chooses those that the settings mean. Throws {@link InvalidInput} where it may
 * not be asked, where there is no organization, and where a unit is named that does not exist: an exclusion must not fail open.
 */
export async function findMembers(
  organization: Organization,
  fleet: Pick<Fleet, "include" | "exclude" | "overrides">,
  clock: Clock,
): Promise<ReturnType<typeof chooseAccounts>> {
  try {
    const all = await organization.accounts();
    const below = new Map<string, ReadonlySet<string>>();
    for (const unit of unitsOf(fleet)) below.set(unit, new Set(await organization.accountsBelow(unit)));
    const slots = new Slots(PARALLEL_QUESTIONS, clock);
    const found = await Promise.all(
      all.map(async ({ account, name, state }): Promise<FoundAccount> => ({
        account,
        name: name === "" ? null : name,
        state,
        units: [...below].filter(([, ids]) => ids.has(account)).map(([unit]) => unit),
        tags: asksForTags(fleet) ? await slots.use(() => organization.tagsOf(account)) : null,
      })),
    );
    return chooseAccounts(found, fleet);
  } catch (error) {
    throw error instanceof CallError ? asInput(error) : error;
  }
}

/**
 * Whether one account is meant, as Organizations tells of it now: the same choice as among all of them. Throws {@link InvalidInput}
 * where it may not be asked, and a {@link CallError} where it did not answer this time.
 */
export async function findMember(
  organization: Organization,
  fleet: Pick<Fleet, "include" | "exclude" | "overrides">,
  account: string,
): Promise<Member | LeftOut> {
  try {
    const found = await organization.account(account);
    const asked = found === null ? [] : [await describe(organization, fleet, found)];
    const { members, left } = chooseAccounts(asked, fleet);
    return [...members, ...left].find((each) => each.account === account) ?? { ...UNKNOWN, account };
  } catch (error) {
    throw error instanceof CallError && !isPassing(error) ? asInput(error) : error;
  }
}

const UNKNOWN = {
  name: null,
  code: "not-in-organization",
  sentence: "the organization has no account of this id any more",
} as const;

/** One account with what the selection asks of it. */
async function describe(
  organization: Organization,
  fleet: Pick<Fleet, "include" | "exclude">,
  { account, name, state }: OrganizationAccount,
): Promise<FoundAccount> {
  const units = unitsOf(fleet);
  const above = units.length === 0 ? [] : await organization.unitsAbove(account);
  return {
    account,
    name: name === "" ? null : name,
    state,
    units: units.filter((unit) => above.includes(unit)),
    tags: asksForTags(fleet) ? await organization.tagsOf(account) : null,
  };
}

/** Without the list of accounts nothing can be begun. */
function asInput({ kind, code, action, resource, message }: CallError): InvalidInput {
  if (code.startsWith("AWSOrganizationsNotInUse"))
    return new InvalidInput(
      "organization: this account belongs to no organization",
      "name the accounts: accounts: [{ id: 111122223333, role: NAME }]",
    );
  if (code.startsWith("ParentNotFound"))
    return new InvalidInput(
      `organization: there is no organizational unit ${resource} in this organization`,
      "aws organizations list-organizational-units-for-parent shows the ids",
    );
  if (kind === "denied")
    return new InvalidInput(
      `organization: ${action} is denied to this caller`,
      "it is for the management account or a delegated administrator: organization: { listAs: ARN of a role there }, or name the accounts under accounts:",
    );
  return new InvalidInput(`organization: ${action} failed: ${code}: ${message}`, "nothing was changed; try again");
}
