import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { parseKnownFiles } from "@smithy/core/config";
import { isAccessKeyId } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { Secret } from "../core/secret.ts";
import { type Instant, instant, minutes } from "../core/time.ts";
import { type Caller, CallError, type Verifier } from "../ports.ts";
import { call } from "./call.ts";
import { type AwsAccess, globalConfig, type RoleCredentials } from "./clients.ts";

/** What AWS calls a key that it does not know (yet, here, or any more). @see https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html */
export const UNKNOWN_KEY = /^(InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|AuthFailure)/;

/** Asks STS who a key is. That needs no permission. @see https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html */
export const openVerifier = (access: AwsAccess): Verifier => ({
  services: ["sts"],
  signIn: async (pair) => {
    const client = new STSClient(globalConfig(access, { as: pair, attempts: 3 }));
    try {
      const { Arn } = await call(
        "sts:GetCallerIdentity",
        pair.accessKeyId,
        (options) => client.send(new GetCallerIdentityCommand({}), options),
        [pair.secretAccessKey],
      );
      return Arn ?? null;
    } catch (error) {
      if (error instanceof CallError && UNKNOWN_KEY.test(error.code)) return null;
      throw error;
    }
  },
});

/** A role to act as, such as one in another account. */
export interface Role {
  readonly arn: string;
  /** What the role's trust policy asks for besides; null where nothing. */
  readonly externalId: string | null;
  /** Names the session in CloudTrail, at most 64 of `[\w+=,.@-]`; `keyturn` where it is not given. */
  readonly sessionName?: string;
  /** Stays with the session, also where it assumes further roles; the trust policy must allow `sts:SetSourceIdentity`. */
  readonly sourceIdentity?: string | null;
  /** A policy, as JSON, that the session may not go beyond: at most 2,048 characters. */
  readonly sessionPolicy?: string | null;
}

/**
 * The same access with the credentials of a role, good for an hour. Throws {@link CallError} where the role may not be assumed.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
export const assumeRole = async (access: AwsAccess, role: Role): Promise<AwsAccess> => ({
  ...access,
  credentials: await credentialsOf(access, role),
});

/** With this much left of them credentials are renewed: more than one turn takes. The SDK's own clients ask five minutes before. */
const RENEW_BEFORE = minutes(10);

/**
 * As {@link assumeRole}, for work that may take longer than an hour: the role is assumed now, and again before its credentials
 * end. Throws {@link CallError} where the role may not be assumed now.
 */
export async function assumeRoleForLong(access: AwsAccess, role: Role): Promise<AwsAccess> {
  let current = await credentialsOf(access, role);
  let renewal: Promise<RoleCredentials> | null = null;
  const renew = async () => {
    const { expiresAt } = current;
    if (expiresAt === null || access.clock.now() < expiresAt - RENEW_BEFORE) return current;
    // Many clients ask at one time: one call answers them all. One that failed is not kept.
    renewal ??= credentialsOf(access, role).finally(() => {
      renewal = null;
    });
    current = await renewal;
    return current;
  };
  return { ...access, credentials: renew };
}

async function credentialsOf(access: AwsAccess, role: Role): Promise<RoleCredentials> {
  const { arn, externalId, sessionName = "keyturn", sourceIdentity = null, sessionPolicy = null } = role;
  const client = new STSClient(globalConfig(access));
  const input = {
    RoleArn: arn,
    RoleSessionName: sessionName,
    ...(externalId === null ? {} : { ExternalId: externalId }),
    ...(sourceIdentity === null ? {} : { SourceIdentity: sourceIdentity }),
    ...(sessionPolicy === null ? {} : { Policy: sessionPolicy }),
  };
  const { Credentials } = await call("sts:AssumeRole", arn, (options) =>
    client.send(new AssumeRoleCommand(input), options),
  );
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = Credentials ?? {};
  if (AccessKeyId === undefined || SecretAccessKey === undefined || SessionToken === undefined)
    throw new CallError("unknown", "sts:AssumeRole", arn, "UnreadableReply", "the reply lacks credentials");
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: new Secret(SecretAccessKey),
    sessionToken: new Secret(SessionToken),
    expiresAt: Expiration === undefined ? null : instant(Expiration.getTime()),
  };
}

/** Who this run is. Throws {@link InvalidInput} where there are no usable credentials, with the way to some. */
export async function whoAmI(access: AwsAccess): Promise<Caller> {
  await checkProfile(access.profile ?? process.env["AWS_PROFILE"] ?? "");
  const client = new STSClient(globalConfig(access));
  let signer: string;
  try {
    signer = (await client.config.credentials()).accessKeyId;
  } catch (error) {
    throw noCredentials(access, error);
  }
  try {
    const { Account, Arn } = await call("sts:GetCallerIdentity", "the caller", (options) =>
      client.send(new GetCallerIdentityCommand({}), options),
    );
    const parts = /^arn:([\w-]+):(?:iam|sts)::(\d{12}):(.+)$/.exec(Arn ?? "");
    if (Account === undefined || Arn === undefined || parts?.[1] === undefined) {
      throw new CallError(
        "unknown",
        "sts:GetCallerIdentity",
        "the caller",
        "UnreadableReply",
        "the reply lacks account or ARN",
      );
    }
    const userName = /^user\/(?:.*\/)?([^/]+)$/.exec(parts[3] ?? "")?.[1] ?? null;
    return {
      account: Account,
      arn: Arn,
      partition: parts[1],
      userName,
      accessKeyId: userName !== null && isAccessKeyId(signer) ? signer : null,
    };
  } catch (error) {
    throw error instanceof CallError ? (asCredentialProblem(error) ?? error) : error;
  }
}

/**
 * The SDK passes over a profile that does not exist and takes the role of the machine instead: a mistyped name would rotate the
 * keys of another account.
 */
async function checkProfile(name: string): Promise<void> {
  if (name === "" || Object.hasOwn(await parseKnownFiles({}), name)) return;
  throw new InvalidInput(
    `the profile "${name}" gives no AWS credentials: there is none of that name`,
    "aws configure list-profiles shows those that there are; AWS_PROFILE, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say where to look",
  );
}

/** When the credentials end; null where they do not, or do not say so. Throws {@link InvalidInput} where there are none. */
export async function credentialsEnd(access: AwsAccess): Promise<Instant | null> {
  try {
    const { expiration } = await new STSClient(globalConfig(access)).config.credentials();
    return expiration === undefined || Number.isNaN(expiration.getTime()) ? null : instant(expiration.getTime());
  } catch (error) {
    throw noCredentials(access, error);
  }
}

/** What quotes what came: a parser the beginning of the text, a command that failed its own line and its output. */
const QUOTES = /JSON|XML|[Dd]eserializ|Command failed/;

/** The SDK's own words, but where they may quote credentials: then what is known of them. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  if (error instanceof SyntaxError || QUOTES.test(error.message)) return "what came in answer cannot be used";
  return error.message.replaceAll(/\s+/g, " ").slice(0, 300);
}

function noCredentials({ profile }: AwsAccess, error: unknown): InvalidInput {
  const words = wordsOf(error);
  const whose =
    profile === null ? "no AWS credentials were found" : `the profile "${profile}" gives no AWS credentials`;
  if (/sso|token is expired|aws sso login/i.test(words)) {
    return new InvalidInput(
      `${whose}: the SSO session is over`,
      `aws sso login${profile === null ? "" : ` --profile ${profile}`}`,
    );
  }
  return new InvalidInput(
    `${whose}${words === "" ? "" : ` (${words})`}`,
    "set AWS_PROFILE, or run it where a role is; aws configure list shows what there is",
  );
}

function asCredentialProblem({ code, message }: CallError): InvalidInput | null {
  if (/^(ExpiredToken|ExpiredTokenException|RequestExpired|TokenRefreshRequired)/.test(code)) {
    return new InvalidInput(`the AWS credentials have expired (${code})`, "sign in again, or refresh the session");
  }
  if (
    UNKNOWN_KEY.test(code) ||
    /^(SignatureDoesNotMatch|IncompleteSignature|InvalidSignature|MissingAuthenticationToken)/.test(code)
  ) {
    return new InvalidInput(
      `AWS does not accept these credentials (${code}: ${message})`,
      "check the profile, and for GovCloud or China the region",
    );
  }
  return null;
}
