import {
  CreateAccessKeyCommand,
  IAMClient,
  ListAccessKeysCommand,
  paginateListUsers,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { keyturn, temporaryFolder } from "../test/support/cli.ts";
import type { FaultProxy } from "../test/support/fault-proxy.ts";
import type { Moto } from "../test/support/moto.ts";
import { show } from "./table.ts";

/** Paid once a run, however many users: left out of the times below. */
const SETTLE_MS = 2_000;

interface Measured {
  readonly calls: number;
  readonly byKind: string;
  readonly ms: number;
}

/** Whole runs over accounts of several sizes, beside what a plain loop over the users does. */
export async function benchWall(moto: Moto, proxy: FaultProxy, sizes: readonly number[]): Promise<void> {
  const rows: (string | number)[][] = [];
  for (const users of sizes) {
    for (const duePercent of [5, 100]) {
      const due = Math.max(1, Math.round((users * duePercent) / 100));
      const seed = () =>
        moto.seed(
          Array.from({ length: users }, (_, index) => ({
            name: `user-${index}`,
            keys: [{ ageDays: index < due ? 100 : 10, usedDaysAgo: 1 }],
          })),
        );
      await moto.reset();
      await seed();
      const naive = await measured(proxy, () => naiveLoop(proxy.url));
      await moto.reset();
      await seed();
      const ours = await measured(proxy, async () => {
        const args = [
          "run",
          "--all-users",
          "--deliver",
          "ssm:/keys/{user}",
          "--settle",
          `${SETTLE_MS / 1000}s`,
          "--max-rotations",
          "100000",
          "--yes",
          "--format",
          "json",
        ];
        const { code, stderr } = await keyturn(args, { endpoint: proxy.url, cwd: temporaryFolder() });
        if (code !== 0) throw new Error(stderr);
      });
      const net = ours.ms - SETTLE_MS;
      const perCall = naive.ms / naive.calls;
      rows.push([
        users,
        `${duePercent}%`,
        due,
        ours.calls,
        ours.byKind,
        seconds(net),
        seconds(ours.calls * perCall),
        (net / (ours.calls * perCall)).toFixed(2),
        naive.calls,
        seconds(naive.ms),
      ]);
    }
  }
  show(
    `Whole runs at 20 ms a call (settling, ${SETTLE_MS / 1000} s once a run, left out); budget for 100 rotations: a tenth of the same calls one after another`,
    [
      "USERS",
      "DUE",
      "ROTATIONS",
      "CALLS",
      "iam read/write, sts, ssm",
      "WALL",
      "SAME CALLS IN A ROW",
      "RATIO",
      "NAIVE CALLS",
      "NAIVE WALL",
    ],
    rows,
  );
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

async function measured(proxy: FaultProxy, work: () => Promise<void>): Promise<Measured> {
  proxy.calls.length = 0;
  const began = performance.now();
  await work();
  const ms = performance.now() - began;
  const kinds = { read: 0, write: 0, sts: 0, ssm: 0 };
  for (const { action } of proxy.calls) {
    if (action.startsWith("iam:")) kinds[/:(Create|Update|Delete|Tag)/.test(action) ? "write" : "read"] += 1;
    else kinds[action.startsWith("sts:") ? "sts" : "ssm"] += 1;
  }
  return { calls: proxy.calls.length, ms, byKind: `${kinds.read}/${kinds.write}, ${kinds.sts}, ${kinds.ssm}` };
}

/** What a script does: for each user list the keys, create, store, switch the old one off. It verifies nothing and heals nothing. */
async function naiveLoop(endpoint: string): Promise<void> {
  const config = {
    endpoint,
    region: "eu-west-1",
    credentials: { accessKeyId: "ASIATESTRUNNER000000", secretAccessKey: "test" },
  };
  const iam = new IAMClient(config);
  const ssm = new SSMClient(config);
  for await (const page of paginateListUsers({ client: iam }, {})) {
    for (const { UserName } of page.Users ?? []) {
      const { AccessKeyMetadata = [] } = await iam.send(new ListAccessKeysCommand({ UserName }));
      for (const { AccessKeyId, CreateDate } of AccessKeyMetadata) {
        if (CreateDate === undefined || Date.now() - CreateDate.getTime() < 90 * 86_400_000) continue;
        const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
        await ssm.send(
          new PutParameterCommand({
            Name: `/naive/${UserName}`,
            Value: JSON.stringify(AccessKey),
            Type: "SecureString",
          }),
        );
        await iam.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status: "Inactive" }));
      }
    }
  }
}
