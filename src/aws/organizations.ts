import {
  type Account,
  DescribeAccountCommand,
  ListAccountsCommand,
  ListAccountsForParentCommand,
  ListOrganizationalUnitsForParentCommand,
  ListParentsCommand,
  ListTagsForResourceCommand,
  OrganizationsClient,
} from "@aws-sdk/client-organizations";
import type { Organization, OrganizationAccount } from "../ports.ts";
import { call, callOrAbsent } from "./call.ts";
import { type AwsAccess, globalConfig } from "./clients.ts";
import { allPages } from "./pages.ts";

/**
 * The organization of the caller. Each list may come in pages of any size, empty ones included, so only the token says where it ends.
 * @see https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccounts.html
 */
export function openOrganization(access: AwsAccess): Organization {
  const client = new OrganizationsClient(globalConfig(access));

  const accounts = () =>
    allPages("organizations:ListAccounts", "*", async (NextToken, options) => {
      const page = await client.send(new ListAccountsCommand({ NextToken }), options);
      return { items: (page.Accounts ?? []).map(asAccount), next: page.NextToken };
    });

  const accountsBelow = async (unit: string): Promise<readonly string[]> => {
    const own = await allPages("organizations:ListAccountsForParent", unit, async (NextToken, options) => {
      const page = await client.send(new ListAccountsForParentCommand({ ParentId: unit, NextToken }), options);
      return { items: (page.Accounts ?? []).map((each) => asAccount(each).account), next: page.NextToken };
    });
    const units = await allPages("organizations:ListOrganizationalUnitsForParent", unit, async (NextToken, options) => {
      const page = await client.send(
        new ListOrganizationalUnitsForParentCommand({ ParentId: unit, NextToken }),
        options,
      );
      return { items: (page.OrganizationalUnits ?? []).flatMap(({ Id }) => Id ?? []), next: page.NextToken };
    });
    // One after another: Organizations answers few calls a second.
    const below: string[] = [...own];
    for (const each of units) below.push(...(await accountsBelow(each)));
    return below;
  };

  const account = async (id: string) => {
    const found = await callOrAbsent("organizations:DescribeAccount", id, (options) =>
      client.send(new DescribeAccountCommand({ AccountId: id }), options),
    );
    return found?.Account === undefined ? null : asAccount(found.Account);
  };

  const unitsAbove = async (id: string): Promise<readonly string[]> => {
    const above: string[] = [];
    // An account has one parent, and so has each unit; the root has none, and may not be asked for one.
    for (let child = id; ;) {
      const { Parents = [] } = await call("organizations:ListParents", child, (options) =>
        client.send(new ListParentsCommand({ ChildId: child }), options),
      );
      const [{ Id, Type } = {}] = Parents;
      if (Id === undefined || above.includes(Id)) return above;
      above.push(Id);
      if (Type === "ROOT") return above;
      child = Id;
    }
  };

  const tagsOf = async (id: string) =>
    new Map(
      await allPages("organizations:ListTagsForResource", id, async (NextToken, options) => {
        const page = await client.send(new ListTagsForResourceCommand({ ResourceId: id, NextToken }), options);
        return {
          items: (page.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value] as const),
          next: page.NextToken,
        };
      }),
    );

  return { accounts, accountsBelow, account, unitsAbove, tagsOf };
}

/** `State` has replaced `Status`, which says less: an account that is about to be closed is still ACTIVE there. */
const asAccount = ({ Id = "", Name = "", State, Status }: Account): OrganizationAccount => ({
  account: Id,
  name: Name,
  state: State ?? Status ?? "unknown",
});
