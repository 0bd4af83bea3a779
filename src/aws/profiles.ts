import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { loadSharedConfigFiles } from "@smithy/core/config";
import type { AwsAccess } from "./clients.ts";

/*
 * Where the SDK finds the profiles that it signs with.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html
 */

export const credentialsFile = (): string => located("AWS_SHARED_CREDENTIALS_FILE", "credentials");

export const configFile = (): string => located("AWS_CONFIG_FILE", "config");

function located(variable: string, name: string): string {
  const path = process.env[variable];
  if (path === undefined || path === "") return join(homedir(), ".aws", name);
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(path);
}

/**
 * The profile that a run with this access takes its credentials from; null where the environment holds a key, which comes
 * before any profile that nobody has named.
 */
export function signingProfile({ profile }: Pick<AwsAccess, "profile">): string | null {
  const named = profile ?? set("AWS_PROFILE");
  if (named !== null) return named;
  return set("AWS_ACCESS_KEY_ID") !== null && set("AWS_SECRET_ACCESS_KEY") !== null ? null : "default";
}

function set(variable: string): string | null {
  const value = process.env[variable];
  return value === undefined || value === "" ? null : value;
}

/** Lets clients that are opened from now on see the files as they are: the SDK reads each file once in a process. */
export async function readProfilesAgain(): Promise<void> {
  await loadSharedConfigFiles({ ignoreCache: true });
}
