import { loadConfig, NODE_REGION_CONFIG_FILE_OPTIONS, NODE_REGION_CONFIG_OPTIONS } from "@smithy/core/config";
import { StandardRetryStrategy } from "@smithy/core/retry";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { KeyPair } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Secret } from "../core/secret.ts";
import type { Instant } from "../core/time.ts";
import type { AwsClock } from "./clock.ts";
import { isThrottling, laneOf, Pace } from "./pace.ts";

/** Temporary credentials of a role. */
export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret;
  /** When they end; null where AWS did not say so. */
  readonly expiresAt: Instant | null;
}

/** What every client of a run shares. */
export interface AwsAccess {
  /** Null: as the environment says. */
  readonly profile: string | null;
  /** Null where neither a flag nor the environment nor the profile names one. */
  readonly region: string | null;
  /**
   * Credentials of a role that was assumed, or what gives them and assumes the role anew before they end; absent where the
   * environment or the profile gives them.
   */
  readonly credentials?: RoleCredentials | (() => Promise<RoleCredentials>);
  readonly clock: AwsClock;
  /** One pool of connections for all. */
  readonly requestHandler: HearingHandler;
}

/** Finds out the region, and begins to listen to AWS's clock. Sends nothing yet. */
export async function openAccess(profile: string | null, region: string | null, clock: AwsClock): Promise<AwsAccess> {
  return {
    profile,
    region: await findRegion(region, profile),
    clock,
    requestHandler: new HearingHandler(clock),
  };
}

/**
 * The same access with a pace and connections of its own: AWS limits each account by itself, so one that is throttled must not
 * slow the others. Whoever opens it destroys its `requestHandler` when the account is done.
 */
export const accessApart = (access: AwsAccess): AwsAccess => ({
  ...access,
  requestHandler: new HearingHandler(access.clock),
});

const ATTEMPTS = 8;

/** Where nobody names a region: IAM and STS answer for the whole partition from here. */
const GLOBAL_REGION = "us-east-1";

type Retry = StandardRetryStrategy["refreshRetryTokenForRetry"];

/** Refusals that a second try can cure although the request itself was refused: the SDK corrects its clock in between, or AWS was slow. */
const CURABLE = /Skewed|Expired|Signature|InTheFuture|Timeout|AuthFailure/;

/**
 * Standard, as the SDK has it (how fast requests go out is for {@link Pace} to say, which all clients share), with two differences. A full quota is no throttling: the SDK takes `LimitExceeded` for one and
 * would ask for a third key eight times, for 40 seconds. And where this machine's clock is wrong, the SDK repeats every
 * refusal, `NoSuchEntity` included, because it set its clock right in between.
 */
class Patience extends StandardRetryStrategy {
  override refreshRetryTokenForRetry(...[token, info]: Parameters<Retry>): ReturnType<Retry> {
    const { name, $fault } =
      info.error instanceof Error ? (info.error as Error & { $fault?: unknown }) : { name: "", $fault: undefined }; // the SDK's shape
    const isRefusal = $fault === "client" && info.errorType === "TRANSIENT" && !CURABLE.test(name);
    if (isRefusal || name.startsWith("LimitExceeded")) throw new Error("it would be refused again");
    return super.refreshRetryTokenForRetry(token, info);
  }
}

/** How long a request is sent again where AWS says that it comes too fast, in milliseconds: the caller's limit is 30 seconds. */
const PATIENCE = 22_000;

/** The most of an error's body that is looked at, in bytes: AWS's are far smaller. */
const LARGEST_ERROR = 100_000;

/** Lets requests out at the pace that AWS grants, and the clock hear the date of every reply, errors included. */
class HearingHandler extends NodeHttpHandler {
  readonly #clock: AwsClock;
  readonly #pace: Pace;

  constructor(clock: AwsClock) {
    super({
      connectionTimeout: 4_000,
      requestTimeout: 10_000,
      throwOnRequestTimeout: true,
      socketAcquisitionWarningTimeout: 120_000,
      httpsAgent: { keepAlive: true, maxSockets: 64 },
      httpAgent: { keepAlive: true, maxSockets: 64 },
    });
    this.#clock = clock;
    this.#pace = new Pace(clock);
  }

  /** Whether AWS grants fewer requests than are asked for. */
  get isHeldBack(): boolean {
    return this.#pace.isHeldBack;
  }

  /**
   * A request that AWS turned down for coming too fast was not carried out: it is sent again in its turn, within the time that its
   * caller gives it. That holds for `CreateAccessKey`, too, which nothing else may repeat.
   */
  override async handle(...request: Parameters<NodeHttpHandler["handle"]>): ReturnType<NodeHttpHandler["handle"]> {
    const lane = this.#pace.lane(laneOf(request[0]));
    const began = this.#clock.monotonic();
    for (;;) {
      await lane.turn();
      const answer = await super.handle(...request);
      const { date } = answer.response.headers;
      if (date !== undefined) this.#clock.hear(date);
      if (!(await this.#isRefused(answer.response))) {
        lane.granted();
        return answer;
      }
      lane.refused();
      // What a server could not do (5xx) may have taken effect all the same.
      const isRefusal = answer.response.statusCode < 500;
      const isRepeatable = isRefusal && (request[0].body === undefined || typeof request[0].body === "string");
      if (!isRepeatable || this.#clock.monotonic() - began > PATIENCE) return answer;
      await this.#clock.sleep(100 + Math.random() * 400);
    }
  }

  /** Looks into the body of an error, and puts it back. */
  async #isRefused(response: Awaited<ReturnType<NodeHttpHandler["handle"]>>["response"]): Promise<boolean> {
    if (response.statusCode < 400 || !(response.body instanceof Readable)) return false;
    if (Number(response.headers["content-length"] ?? 0) > LARGEST_ERROR) return false;
    const body = await buffer(response.body);
    response.body = Readable.from([body]);
    return isThrottling(response.statusCode, body.toString("utf8"), response.headers["x-amzn-errortype"]);
  }
}

interface ClientOptions {
  /** 1 = the SDK repeats nothing. */
  readonly attempts?: number;
  /** Sign with this key rather than with the caller's credentials. */
  readonly as?: KeyPair;
}

/** The configuration of a client for a service that is the same everywhere in its partition (IAM, STS). */
export const globalConfig = (access: AwsAccess, options: ClientOptions = {}) =>
  config(access, access.region ?? GLOBAL_REGION, options);

/** The configuration of a client for a service of one region. Throws {@link InvalidInput} where no region is known. */
export function regionalConfig(access: AwsAccess, region: string | null = null, options: ClientOptions = {}) {
  const chosen = region ?? access.region;
  if (chosen === null) throw new InvalidInput("no AWS region is set", "give --region, or set AWS_REGION");
  return config(access, chosen, options);
}

function config(access: AwsAccess, region: string, { attempts = ATTEMPTS, as }: ClientOptions) {
  const { profile, requestHandler } = access;
  const signer = as ?? access.credentials;
  return {
    region,
    ...(profile === null ? {} : { profile }),
    ...(signer === undefined ? {} : { credentials: asProvider(signer) }),
    maxAttempts: attempts,
    retryStrategy: new Patience(attempts),
    requestHandler,
  };
}

/** Credentials, or what gives them, as the SDK wants either: it asks again five minutes before they end. */
const asProvider = (signer: KeyPair | NonNullable<AwsAccess["credentials"]>) =>
  typeof signer === "function" ? async () => openCredentials(await signer()) : openCredentials(signer);

const openCredentials = (signer: KeyPair | RoleCredentials) => ({
  accessKeyId: signer.accessKeyId,
  secretAccessKey: signer.secretAccessKey.reveal(),
  ...("sessionToken" in signer
    ? {
        sessionToken: signer.sessionToken.reveal(),
        ...(signer.expiresAt === null ? {} : { expiration: new Date(signer.expiresAt) }),
      }
    : {}),
});

/** The region by flag, AWS_REGION, AWS_DEFAULT_REGION (which the SDK for JavaScript passes over), or profile; else null. */
async function findRegion(flag: string | null, profile: string | null): Promise<string | null> {
  const environment = flag ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"];
  if (environment !== undefined && environment !== "") return environment;
  const fromProfile = loadConfig(NODE_REGION_CONFIG_OPTIONS, {
    ...NODE_REGION_CONFIG_FILE_OPTIONS,
    ...(profile === null ? {} : { profile }),
  });
  try {
    return await fromProfile();
  } catch {
    return null;
  }
}
