import { IAMClient, TagUserCommand } from "@aws-sdk/client-iam";
import type { Tags } from "../core/access-key.ts";
import { call } from "./call.ts";
import { type AwsAccess, globalConfig } from "./clients.ts";

/** Sets several tags of a user in one call: all of them, or none. */
export function openTagger(access: AwsAccess): (userName: string, tags: Tags) => Promise<void> {
  const client = new IAMClient(globalConfig(access));
  return async (userName, tags) => {
    const Tags = [...tags].map(([Key, Value]) => ({ Key, Value }));
    await call("iam:TagUser", `user/${userName}`, (options) =>
      client.send(new TagUserCommand({ UserName: userName, Tags }), options),
    );
  };
}
