import { asksForTags, chooseAccounts, type Fleet, type FoundAccount, unitsOf } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { Slots } from "../engine/slots.ts";
import { CallError, type Clock, type Organization } from "../ports.ts";

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
