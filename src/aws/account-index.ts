import {
  GenerateCredentialReportCommand,
  GetAccountAuthorizationDetailsCommand,
  GetCredentialReportCommand,
  IAMClient,
  ListUsersCommand,
  type UserDetail,
} from "@aws-sdk/client-iam";
import type { ListedUser } from "../core/sift.ts";
import { instant, seconds } from "../core/time.ts";
import { type AccountIndex, CallError } from "../ports.ts";
import { call } from "./call.ts";
import { type AwsAccess, globalConfig } from "./clients.ts";
import { allPages } from "./pages.ts";

/** As many as IAM gives at once. */
const PAGE = 1000;

/** How often, and for how long in all, a report that IAM is still writing is asked for. */
const WAITS = [1, 2, 4, 8, 8].map(seconds);

/**
 * What IAM tells about a whole account in a few calls.
 * @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
 * @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetCredentialReport.html
 */
export function openAccountIndex(access: AwsAccess): AccountIndex {
  const client = new IAMClient(globalConfig(access));
  return {
    hasMoreThan: async (pathPrefix, count) => {
      const page = await call("iam:ListUsers", `user${pathPrefix}`, (options) =>
        client.send(new ListUsersCommand({ PathPrefix: pathPrefix, MaxItems: count + 1 }), options),
      );
      return page.IsTruncated === true || (page.Users ?? []).length > count;
    },

    listWithTags: () =>
      allPages("iam:GetAccountAuthorizationDetails", "*", async (Marker, options) => {
        const command = new GetAccountAuthorizationDetailsCommand({ Filter: ["User"], MaxItems: PAGE, Marker });
        const page = await client.send(command, options);
        return { items: (page.UserDetailList ?? []).map(withTags), next: nextOf(page) };
      }),

    list: (pathPrefix) =>
      allPages("iam:ListUsers", "*", async (Marker, options) => {
        const command = new ListUsersCommand({ PathPrefix: pathPrefix, MaxItems: PAGE, Marker });
        const page = await client.send(command, options);
        return { items: (page.Users ?? []).map((user) => ({ ...listed(user), tags: null })), next: nextOf(page) };
      }),

    credentialReport: async () => {
      for (const wait of [...WAITS, null]) {
        const { State } = await call("iam:GenerateCredentialReport", "*", (options) =>
          client.send(new GenerateCredentialReportCommand({}), options),
        );
        if (State === "COMPLETE") break;
        if (wait === null)
          throw new CallError("refused", "iam:GenerateCredentialReport", "*", "InProgress", "IAM is still writing it");
        await access.clock.sleep(wait);
      }
      const { Content, GeneratedTime } = await call("iam:GetCredentialReport", "*", (options) =>
        client.send(new GetCredentialReportCommand({}), options),
      );
      if (Content === undefined || GeneratedTime === undefined)
        throw new CallError("unknown", "iam:GetCredentialReport", "*", "UnreadableReply", "the reply lacks the report");
      return { generatedAt: instant(GeneratedTime.getTime()), text: new TextDecoder().decode(Content) };
    },
  };
}

const nextOf = (page: { IsTruncated?: boolean | undefined; Marker?: string | undefined }): string | undefined =>
  page.IsTruncated === true ? page.Marker : undefined;

const listed = (user: Pick<UserDetail, "UserName" | "Path" | "Arn" | "CreateDate">): Omit<ListedUser, "tags"> => ({
  userName: user.UserName ?? "",
  path: user.Path ?? "/",
  arn: user.Arn ?? "",
  createDate: user.CreateDate === undefined ? null : instant(user.CreateDate.getTime()),
});

const withTags = (user: UserDetail): ListedUser => ({
  ...listed(user),
  tags: new Map((user.Tags ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""])),
});
