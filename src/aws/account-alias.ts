import { IAMClient, ListAccountAliasesCommand } from "@aws-sdk/client-iam";
import { CallError } from "../ports.ts";
import { call } from "./call.ts";
import { type AwsAccess, globalConfig } from "./clients.ts";

/** The alias of the account; null where it has none, or where nobody would say. It is but a name: nothing waits for it. */
export async function findAccountAlias(access: AwsAccess): Promise<string | null> {
  const client = new IAMClient(globalConfig(access, { attempts: 3 }));
  try {
    const { AccountAliases: [alias = ""] = [] } = await call("iam:ListAccountAliases", "*", (options) =>
      client.send(new ListAccountAliasesCommand({}), options),
    );
    return /^[a-z0-9-]{3,63}$/.test(alias) ? alias : null;
  } catch (error) {
    if (error instanceof CallError) return null;
    throw error;
  }
}
