import { type AccessKey, type AccessKeyId, isAccessKeyId } from "../src/core/access-key.ts";
import { days, instant, type Instant } from "../src/core/time.ts";
import { CallError, type Clock } from "../src/ports.ts";
import { SimulatedAccount } from "../src/simulation/account.ts";
import type { Answerer, Call } from "../test/support/fault-proxy.ts";

/** Users are named `user-0`, `user-1`, and so on. */
export interface Crowd {
  readonly users: number;
  /** Of a hundred users so many have a key that is due, spread evenly. */
  readonly duePercent: number;
}

/** Of the users, and of keys that are due. */
const OLD_DAYS = 200;

/** The most users that IAM gives at once. */
const PAGE = 1000;

/** Where a call comes from whose key says nothing else. */
const CALLER_ACCOUNT = "999999999999";

const clock: Clock = {
  now: () => instant(Date.now()),
  monotonic: () => performance.now(),
  sleep: () => Promise.reject(new Error("nothing waits here")),
};

const ago = (age: number): Instant => instant(Date.now() - days(age));

/** How many of the first `users` users are due. */
export const dueAmong = ({ users, duePercent }: Crowd): number => Math.floor((users * duePercent) / 100);

/** Spread so that of any beginning of the list about as many are due as of the whole. */
const isDue = (index: number, { duePercent }: Crowd): boolean =>
  Math.floor(((index + 1) * duePercent) / 100) > Math.floor((index * duePercent) / 100);

/**
 * As much of AWS as keyturn and a script ask for, with the same users in every account: IAM and STS are those of the simulated
 * account, Parameter Store is a table. The account is in the key that signs, when it was got by assuming a role there. Signatures
 * are not checked, only whether the key is there and Active.
 */
export function answerFor(crowd: Crowd): Answerer {
  const accounts = new Map<string, Desk>();
  const deskOf = (id: string): Desk => {
    const desk = accounts.get(id) ?? new Desk(id, crowd);
    accounts.set(id, desk);
    return desk;
  };
  return async (call) => {
    const [, role = CALLER_ACCOUNT] = /^ASIA(\d{12})$/.exec(call.signer) ?? [];
    const [service = "", action = ""] = call.action.split(":");
    try {
      if (service === "ssm") return { status: 200, body: deskOf(role).parameter(action, call) };
      return { status: 200, body: wrap(action, await deskOf(role).ask(action, call)) };
    } catch (error) {
      if (error instanceof CallError) return refusal(service, error);
      throw error;
    }
  };
}

function refusal(service: string, { code, kind, message }: CallError): { status: number; body: string } {
  if (service === "ssm") return { status: 400, body: JSON.stringify({ __type: code, message }) };
  const status = kind === "absent" ? 404 : kind === "denied" ? 403 : 409;
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
  return { status, body };
}

const wrap = (action: string, inner: string): string =>
  `<${action}Response><${action}Result>${inner}</${action}Result></${action}Response>`;

/** An empty slot in the credential report. */
const NO_KEY = "false,N/A";

interface Version {
  readonly Value: string;
  readonly Version: number;
  readonly LastModifiedDate: number;
}

/** One account's answers. */
class Desk {
  readonly #account: SimulatedAccount;
  readonly #names: readonly string[];
  readonly #parameters = new Map<string, Version[]>();

  constructor(id: string, crowd: Crowd) {
    this.#account = new SimulatedAccount(clock, 1, id);
    this.#names = Array.from({ length: crowd.users }, (_, index) => `user-${index}`);
    for (const [index, userName] of this.#names.entries()) {
      this.#account.addUser(userName);
      this.#account.addKey(userName, {
        createDate: ago(isDue(index, crowd) ? OLD_DAYS : 10 + (index % 60)),
        lastUse: { at: ago(1), service: "s3", region: "eu-west-1" },
      });
    }
  }

  /** What stands in the result of an answer of IAM or STS. Throws {@link CallError} where they refuse. */
  async ask(action: string, { body, signer }: Call): Promise<string> {
    const asked = new URLSearchParams(body);
    const { iam } = this.#account;
    const userName = asked.get("UserName") ?? "";
    const id = asked.get("AccessKeyId") as AccessKeyId; // looked up, and found or not
    switch (action) {
      case "AssumeRole":
        return assumed(asked);
      case "GetCallerIdentity":
        return this.#identity(signer);
      case "ListUsers":
        return this.#page("Users", asked);
      case "GetAccountAuthorizationDetails":
        return this.#page("UserDetailList", asked);
      case "GenerateCredentialReport":
        return "<State>COMPLETE</State>";
      case "GetCredentialReport":
        return `<Content>${this.#report()}</Content><GeneratedTime>${dateOf(clock.now())}</GeneratedTime><ReportFormat>text/csv</ReportFormat>`;
      case "ListAccessKeys":
        return listed(
          "AccessKeyMetadata",
          ((await iam.listAccessKeys(userName)) ?? absent(userName)).map((key) => keyMember(userName, key)),
        );
      case "ListUserTags":
        return listed("Tags", [...((await iam.listTags(userName)) ?? absent(userName))].map(tagMember));
      case "GetAccessKeyLastUsed":
        return this.#lastUsed(id);
      case "GetLoginProfile":
        return (await iam.hasPassword(userName)) ? "<LoginProfile/>" : absent(userName);
      case "TagUser":
        await iam.tagUser(userName, asked.get("Tags.member.1.Key") ?? "", asked.get("Tags.member.1.Value") ?? "");
        return "";
      case "CreateAccessKey": {
        const { accessKeyId, secretAccessKey } = await iam.createAccessKey(userName);
        return `<AccessKey><UserName>${userName}</UserName><AccessKeyId>${accessKeyId}</AccessKeyId><Status>Active</Status><SecretAccessKey>${secretAccessKey.reveal()}</SecretAccessKey><CreateDate>${dateOf(clock.now())}</CreateDate></AccessKey>`;
      }
      case "UpdateAccessKey":
        await (asked.get("Status") === "Active" ? iam.activate(userName, id) : iam.deactivate(userName, id));
        return "";
      case "DeleteAccessKey":
        await iam.deleteAccessKey(userName, id);
        return "";
      default:
        throw new CallError("refused", action, "*", "InvalidAction", `there is no ${action} here`);
    }
  }

  /** An answer of Parameter Store. Throws {@link CallError} where it refuses. */
  parameter(action: string, { body }: Call): string {
    const { Name, Value } = JSON.parse(body) as { readonly Name: string; readonly Value?: string }; // as the SDK writes it
    const versions = this.#parameters.get(Name) ?? [];
    const shown = versions.map((version) => ({ Name, Type: "SecureString", ...version }));
    if (action === "PutParameter") {
      const Version = versions.length + 1;
      this.#parameters.set(Name, [...versions, { Value: Value ?? "", Version, LastModifiedDate: Date.now() / 1000 }]);
      return JSON.stringify({ Version, Tier: "Standard" });
    }
    if (shown.length === 0) throw new CallError("absent", action, Name, "ParameterNotFound", "no such parameter");
    if (action === "GetParameter") return JSON.stringify({ Parameter: shown.at(-1) });
    if (action === "GetParameterHistory") return JSON.stringify({ Parameters: shown });
    throw new CallError("refused", action, Name, "InvalidAction", `there is no ${action} here`);
  }

  /** A user's key was used with that, as with any other service. */
  async #identity(signer: string): Promise<string> {
    const { accountId } = this.#account;
    let arn = `arn:aws:sts::${accountId}:assumed-role/Member/bench`;
    if (isAccessKeyId(signer) && !signer.startsWith("ASIA")) {
      const { userName } = await this.#account.iam.lastUse(signer);
      if (userName === null || !this.#account.use(signer, "sts", "us-east-1"))
        throw new CallError("denied", "sts:GetCallerIdentity", signer, "InvalidClientTokenId", "no such key");
      arn = this.#account.user(userName).arn;
    }
    return `<Account>${accountId}</Account><Arn>${arn}</Arn><UserId>x</UserId>`;
  }

  async #lastUsed(id: AccessKeyId): Promise<string> {
    const { userName, use } = await this.#account.iam.lastUse(id);
    if (userName === null)
      throw new CallError("denied", "iam:GetAccessKeyLastUsed", id, "AccessDenied", "not a key of this account");
    const date = use === null ? "" : `<LastUsedDate>${dateOf(use.at)}</LastUsedDate>`;
    const { service, region } = use ?? { service: "N/A", region: "N/A" };
    return `<UserName>${userName}</UserName><AccessKeyLastUsed>${date}<ServiceName>${service}</ServiceName><Region>${region}</Region></AccessKeyLastUsed>`;
  }

  #page(name: string, asked: URLSearchParams): string {
    const from = Number(asked.get("Marker") ?? 0);
    const to = Math.min(this.#names.length, from + Math.min(PAGE, Number(asked.get("MaxItems") ?? 100)));
    const more = to < this.#names.length ? `<Marker>${to}</Marker>` : null;
    return listed(name, this.#names.slice(from, to).map(this.#userMember), more);
  }

  #userMember = (userName: string): string => {
    const { path, arn } = this.#account.user(userName);
    const tags = [...this.#account.tags(userName)].map((each) => `<member>${tagMember(each)}</member>`).join("");
    return `<UserName>${userName}</UserName><Path>${path}</Path><UserId>A</UserId><Arn>${arn}</Arn><CreateDate>${dateOf(ago(OLD_DAYS))}</CreateDate><Tags>${tags}</Tags>`;
  };

  #report(): string {
    const header =
      "user,arn,user_creation_time,password_enabled,access_key_1_active,access_key_1_last_rotated,access_key_2_active,access_key_2_last_rotated";
    const created = dateOf(ago(OLD_DAYS));
    const rows = this.#names.map((userName) => {
      const keys = this.#account.keys(userName).map((key) => `${key.status === "Active"},${dateOf(key.createDate)}`);
      const [first = NO_KEY, second = NO_KEY] = keys;
      return [userName, this.#account.user(userName).arn, created, "false", first, second].join(",");
    });
    return Buffer.from([header, ...rows].join("\n")).toString("base64");
  }
}

function assumed(asked: URLSearchParams): string {
  const [, id = ""] = /::(\d{12}):/.exec(asked.get("RoleArn") ?? "") ?? [];
  const end = new Date(Date.now() + 3_600_000).toISOString();
  return `<Credentials><AccessKeyId>ASIA${id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${end}</Expiration></Credentials>`;
}

function absent(userName: string): never {
  throw new CallError("absent", "iam", userName, "NoSuchEntity", "the user cannot be found");
}

const listed = (name: string, members: readonly string[], more: string | null = null): string =>
  `<${name}>${members.map((each) => `<member>${each}</member>`).join("")}</${name}><IsTruncated>${more !== null}</IsTruncated>${more ?? ""}`;

const keyMember = (userName: string, key: AccessKey): string =>
  `<UserName>${userName}</UserName><AccessKeyId>${key.accessKeyId}</AccessKeyId><Status>${key.status}</Status><CreateDate>${dateOf(key.createDate)}</CreateDate>`;

const tagMember = ([key, value]: readonly [string, string]): string => `<Key>${key}</Key><Value>${value}</Value>`;

const dateOf = (at: Instant): string => new Date(at).toISOString();
