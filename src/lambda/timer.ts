import {
  type AttributeValue,
  DeleteItemCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
} from "@aws-sdk/client-dynamodb";
import { call } from "../aws/call.ts";
import { type AwsAccess, regionalConfig } from "../aws/clients.ts";
import { type AccessKeyId, isAccessKeyId } from "../core/access-key.ts";
import { type Instant, instant } from "../core/time.ts";

/**
 * A predecessor that is looked at again when its time is over. An entry is an alarm clock and nothing more: what it says makes
 * no key deletable, and a lost one is set again by the next scheduled run.
 */
export interface TimerEntry {
  readonly userName: string;
  /** The predecessor. */
  readonly accessKeyId: AccessKeyId;
  /** Not before this. */
  readonly at: Instant;
  /** Where the owner's mail goes; null where it is not known. */
  readonly email: string | null;
  /** A key in Parameter Store opens what was mailed. */
  readonly hasEncryptionKey: boolean;
}

export interface Timer {
  /** All entries; those that nobody could have set are counted, and left alone. */
  list(): Promise<{ readonly entries: readonly TimerEntry[]; readonly strange: number }>;
  /** Replaces an entry for the same key. */
  put(entry: TimerEntry): Promise<void>;
  /** An entry that is gone counts as done. */
  remove(userName: string, id: AccessKeyId): Promise<void>;
}

/** An item as the table and its stream have it. */
export type Item = Readonly<Record<string, Partial<Record<"S" | "N", unknown>> | undefined>>;

/** IAM's pattern. `..` is a name like any other: it goes into no path. */
const USER_NAME = /^[\w+=,.@-]{1,64}$/;

/** Null where the item is not one that keyturn or the older tool writes. */
export function entryFrom(item: Item): TimerEntry | null {
  const userName = item["user"]?.S;
  const accessKeyId = item["ak"]?.S;
  const deleteOn = item["delete_on"]?.N;
  const email = item["email"]?.S;
  if (typeof userName !== "string" || !USER_NAME.test(userName)) return null;
  if (typeof accessKeyId !== "string" || !isAccessKeyId(accessKeyId)) return null;
  if (typeof deleteOn !== "string" || !/^\d{1,10}$/.test(deleteOn)) return null;
  return {
    userName,
    accessKeyId,
    at: instant(Number(deleteOn) * 1000),
    email: typeof email === "string" && email !== "" ? email : null,
    hasEncryptionKey: item["delete_enc_key"]?.S === "Y",
  };
}

/** What {@link entryFrom} reads. The moment is rounded up: the table removes nothing before it. */
export function itemFrom({
  userName,
  accessKeyId,
  at,
  email,
  hasEncryptionKey,
}: TimerEntry): Record<string, AttributeValue> {
  return {
    user: { S: userName },
    ak: { S: accessKeyId },
    ...(email === null ? {} : { email: { S: email } }),
    delete_on: { N: String(Math.ceil(at / 1000)) },
    delete_enc_key: { S: hasEncryptionKey ? "Y" : "N" },
  };
}

/**
 * The timer in DynamoDB: hash key `user`, range key `ak`, time to live on `delete_on`, a stream with old images.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
 */
export function openTimer(access: AwsAccess, table: string): Timer {
  const client = new DynamoDBClient(regionalConfig(access));
  const resource = `table/${table}`;
  return {
    list: async () => {
      const items: Item[] = [];
      for (let from: Record<string, AttributeValue> | undefined; ;) {
        const page = await call("dynamodb:Scan", resource, (options) =>
          client.send(
            new ScanCommand({ TableName: table, ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
            options,
          ),
        );
        items.push(...(page.Items ?? []));
        from = page.LastEvaluatedKey;
        if (from === undefined) break;
      }
      const entries = items.map(entryFrom).filter((entry) => entry !== null);
      return { entries, strange: items.length - entries.length };
    },

    put: async (entry) => {
      await call("dynamodb:PutItem", resource, (options) =>
        client.send(new PutItemCommand({ TableName: table, Item: itemFrom(entry) }), options),
      );
    },

    remove: async (userName, id) => {
      const Key = { user: { S: userName }, ak: { S: id } };
      await call("dynamodb:DeleteItem", resource, (options) =>
        client.send(new DeleteItemCommand({ TableName: table, Key }), options),
      );
    },
  };
}
