import {
  CreateAccessKeyCommand,
  DeleteAccessKeyCommand,
  GetAccessKeyLastUsedCommand,
  GetLoginProfileCommand,
  GetUserCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListUsersCommand,
  ListUserTagsCommand,
  TagUserCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import { type AccessKey, type AccessKeyStatus, isAccessKeyId, type LastUse, type User } from "../core/access-key.ts";
import { Secret } from "../core/secret.ts";
import { instant } from "../core/time.ts";
import { CallError, type Iam } from "../ports.ts";
import { call, callOrAbsent } from "./call.ts";
import { type AwsAccess, globalConfig } from "./clients.ts";

/**
 * IAM of one account. Every list is read to its last page.
 * @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html
 */
export function openIam(access: AwsAccess): Iam {
  const client = new IAMClient(globalConfig(access));
  /**
   * By default the SDK sends a request again when its answer is lost; a second CreateAccessKey would leave the first key's secret with
   * nobody. So this client repeats nothing, not even where this machine's clock is wrong: it is told what others have heard by then.
   */
  let once: IAMClient | null = null;
  const onlyOnce = () =>
    (once ??= new IAMClient({
      ...globalConfig(access, { attempts: 1 }),
      systemClockOffset: access.clock.offset,
    }));
  return {
    listUsers: async (pathPrefix) => {
      const users = await allPages("iam:ListUsers", `user${pathPrefix}`, async (Marker, options) => {
        const page = await client.send(new ListUsersCommand({ PathPrefix: pathPrefix, Marker }), options);
        return { items: page.Users ?? [], next: page.IsTruncated === true ? page.Marker : undefined };
      });
      return (users ?? []).map(userFrom);
    },

    getUser: async (userName) => {
      const answer = await callOrAbsent("iam:GetUser", `user/${userName}`, (options) =>
        client.send(new GetUserCommand({ UserName: userName }), options),
      );
      return answer?.User === undefined ? null : userFrom(answer.User);
    },

    listAccessKeys: async (userName) => {
      const keys = await allPages("iam:ListAccessKeys", `user/${userName}`, async (Marker, options) => {
        const page = await client.send(new ListAccessKeysCommand({ UserName: userName, Marker }), options);
        return {
          items: page.AccessKeyMetadata ?? [],
          next: page.IsTruncated === true ? page.Marker : undefined,
        };
      });
      return keys === null ? null : keys.map((key) => keyFrom(userName, key));
    },

    listTags: async (userName) => {
      const tags = await allPages("iam:ListUserTags", `user/${userName}`, async (Marker, options) => {
        const page = await client.send(new ListUserTagsCommand({ UserName: userName, Marker }), options);
        return { items: page.Tags ?? [], next: page.IsTruncated === true ? page.Marker : undefined };
      });
      return tags === null ? null : new Map(tags.map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
    },

    lastUse: async (id) => {
      const answer = await callOrAbsent("iam:GetAccessKeyLastUsed", id, (options) =>
        client.send(new GetAccessKeyLastUsedCommand({ AccessKeyId: id }), options),
      );
      return { userName: answer?.UserName ?? null, use: lastUseFrom(answer?.AccessKeyLastUsed) };
    },

    hasPassword: async (userName) => {
      const answer = await callOrAbsent("iam:GetLoginProfile", `user/${userName}`, (options) =>
        client.send(new GetLoginProfileCommand({ UserName: userName }), options),
      );
      return answer !== null;
    },

    tagUser: async (userName, Key, Value) => {
      await call("iam:TagUser", `user/${userName}`, (options) =>
        client.send(new TagUserCommand({ UserName: userName, Tags: [{ Key, Value }] }), options),
      );
    },

    createAccessKey: async (userName) => {
      const { AccessKey: key } = await call("iam:CreateAccessKey", `user/${userName}`, (options) =>
        onlyOnce().send(new CreateAccessKeyCommand({ UserName: userName }), options),
      );
      const { AccessKeyId: id, SecretAccessKey: secret, CreateDate: date } = key ?? {};
      if (
        id === undefined ||
        !isAccessKeyId(id) ||
        secret === undefined ||
        secret === "" ||
        key?.UserName !== userName
      ) {
        throw new CallError(
          "unknown",
          "iam:CreateAccessKey",
          `user/${userName}`,
          "UnreadableReply",
          "the reply lacks the key or its secret",
        );
      }
      return {
        accessKeyId: id,
        secretAccessKey: new Secret(secret),
        createDate: instant(date?.getTime() ?? access.clock.now()),
      };
    },

    activate: async (userName, id) => {
      await call("iam:UpdateAccessKey", `user/${userName}`, (options) =>
        client.send(new UpdateAccessKeyCommand({ UserName: userName, AccessKeyId: id, Status: "Active" }), options),
      );
    },
    deactivate: async (userName, id) => {
      await callOrAbsent("iam:UpdateAccessKey", `user/${userName}`, (options) =>
        client.send(new UpdateAccessKeyCommand({ UserName: userName, AccessKeyId: id, Status: "Inactive" }), options),
      );
    },

    deleteAccessKey: async (userName, id) => {
      await callOrAbsent("iam:DeleteAccessKey", `user/${userName}`, (options) =>
        client.send(new DeleteAccessKeyCommand({ UserName: userName, AccessKeyId: id }), options),
      );
    },
  };
}

interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | undefined;
}

/** Follows the markers to the end; null where what is listed does not exist. */
async function allPages<T>(
  action: string,
  resource: string,
  read: (marker: string | undefined, options: { readonly abortSignal: AbortSignal }) => Promise<Page<T>>,
): Promise<readonly T[] | null> {
  const items: T[] = [];
  for (let marker: string | undefined; ;) {
    const page = await callOrAbsent(action, resource, (options) => read(marker, options));
    if (page === null) return null;
    items.push(...page.items);
    if (page.next === undefined) return items;
    marker = page.next;
  }
}

const userFrom = (user: {
  UserName?: string | undefined;
  Path?: string | undefined;
  Arn?: string | undefined;
}): User => ({
  userName: user.UserName ?? "",
  path: user.Path ?? "/",
  arn: user.Arn ?? "",
});

/** A key without an id or a date cannot be decided about: the whole answer counts as unreadable. */
function keyFrom(
  userName: string,
  key: { AccessKeyId?: string | undefined; Status?: string | undefined; CreateDate?: Date | undefined },
): AccessKey {
  const { AccessKeyId: id, CreateDate: date } = key;
  if (id === undefined || !isAccessKeyId(id) || date === undefined || Number.isNaN(date.getTime())) {
    throw new CallError(
      "unknown",
      "iam:ListAccessKeys",
      `user/${userName}`,
      "UnreadableReply",
      "a key in the list lacks its id or its date",
    );
  }
  return { accessKeyId: id, status: statusFrom(key.Status), createDate: instant(date.getTime()) };
}

const statusFrom = (status: string | undefined): AccessKeyStatus =>
  status === "Active" || status === "Inactive" ? status : "Unknown";

/** IAM answers `N/A` for service and region, and no date, for a key that was never used. */
function lastUseFrom(
  use: { LastUsedDate?: Date | undefined; ServiceName?: string | undefined; Region?: string | undefined } | undefined,
): LastUse | null {
  const at = use?.LastUsedDate?.getTime();
  if (at === undefined || Number.isNaN(at)) return null;
  return {
    at: instant(at),
    service: (use?.ServiceName ?? "unknown").toLowerCase(),
    region: use?.Region ?? "unknown",
  };
}
