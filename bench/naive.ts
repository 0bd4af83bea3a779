import {
  type AccessKeyMetadata,
  CreateAccessKeyCommand,
  GetAccessKeyLastUsedCommand,
  IAMClient,
  ListAccessKeysCommand,
  paginateListUsers,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";

/*
 * What a script does: for each user list the keys and ask for their last use; with `run`, create, store, and switch the old one
 * off. One user after another, with the SDK's own retries and the largest pages. It verifies nothing and heals nothing.
 * Usage: naive plan|run SECONDS. After so many seconds it begins no other user.
 */

/** What it prints at its end, as JSON. */
export interface NaiveResult {
  /** How many it came to, in their order. */
  readonly users: number;
  readonly due: number;
  readonly failed: number;
}

const [mode, seconds] = process.argv.slice(2);
const end = performance.now() + Number(seconds) * 1000;
const iam = new IAMClient({});
const ssm = new SSMClient({});
const result = { users: 0, due: 0, failed: 0 };

for await (const page of paginateListUsers({ client: iam, pageSize: 1000 }, {})) {
  for (const { UserName } of page.Users ?? []) {
    if (performance.now() > end) break;
    result.users += 1;
    try {
      await visit(UserName);
    } catch {
      result.failed += 1;
    }
  }
}
console.log(JSON.stringify(result));

async function visit(UserName: string | undefined): Promise<void> {
  const { AccessKeyMetadata = [] } = await iam.send(new ListAccessKeysCommand({ UserName }));
  for (const key of AccessKeyMetadata) {
    await iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: key.AccessKeyId }));
    if (key.CreateDate === undefined || Date.now() - key.CreateDate.getTime() < 90 * 86_400_000) continue;
    result.due += 1;
    if (mode === "run") await rotate(key);
  }
}

async function rotate({ UserName, AccessKeyId }: AccessKeyMetadata): Promise<void> {
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  const Value = JSON.stringify({ AccessKeyId: AccessKey?.AccessKeyId, SecretAccessKey: AccessKey?.SecretAccessKey });
  await ssm.send(new PutParameterCommand({ Name: `/keys/${UserName}`, Value, Type: "SecureString", Overwrite: true }));
  await iam.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status: "Inactive" }));
}
