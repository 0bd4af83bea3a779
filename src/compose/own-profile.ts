import { signingProfile } from "../aws/profiles.ts";
import type { AccessKeyId } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";

/** A profile whose own long-lived key can be switched over. */
export interface OwnProfile {
  readonly profile: string;
  /** The key that it holds now. */
  readonly accessKeyId: AccessKeyId;
  /** What to deliver a successor to. */
  readonly target: string;
}

/**
 * The profile that runs are signed with, where it holds a key of its own; `named` = by whom it is run, null = as the environment
 * says. Throws {@link InvalidInput} for credentials from the environment, SSO or a role. Sends nothing.
 */
export async function findOwnProfile(named: string | null): Promise<OwnProfile> {
  const profile = signingProfile({ profile: named });
  if (profile === null) {
    throw new InvalidInput(
      "--self: the credentials come from the environment, which keyturn cannot switch over",
      "--profile NAME, a profile that holds the key in the credentials file",
    );
  }
  const { signingKeyOf } = await import("../destinations/aws-profile.ts");
  return { profile, accessKeyId: await signingKeyOf(profile), target: `aws-profile:${profile}` };
}
