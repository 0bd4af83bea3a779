import type { AccessKey, AccessKeyId, KeyPair, LastUse, Tags, User } from "./core/access-key.ts";
import type { SimulatedAnswer } from "./core/checkup.ts";
import type { Past, Served } from "./core/observation.ts";
import type { AddressedNotice, Owner } from "./core/owner.ts";
import type { Statement } from "./core/permissions.ts";
import type { Secret } from "./core/secret.ts";
import type { ListedUser } from "./core/sift.ts";
import type { Duration, Instant } from "./core/time.ts";

/*
 * Every seam between the engine and the world, on one page. Methods that ask answer with null for what is absent and throw a
 * CallError for what is broken. Methods that change something may be repeated with the same arguments, except createAccessKey.
 */

/**
 * A call that did not end well. `denied` = the permission is missing · `absent` = what it was about does not exist ·
 * `refused` = understood and turned down · `unknown` = no usable answer: it may have taken effect.
 * Only after `unknown` may the world have changed. `message` holds no secret and no raw reply.
 */
export class CallError extends Error {
  readonly kind: "denied" | "absent" | "refused" | "unknown";
  /** Such as `iam:TagUser`. */
  readonly action: string;
  /** Such as `user/ci-bot`. */
  readonly resource: string;
  /** AWS's name of the error, such as `LimitExceeded`; the name of the network error; never empty. */
  readonly code: string;

  constructor(kind: CallError["kind"], action: string, resource: string, code: string, message: string) {
    super(message);
    this.name = "CallError";
    this.kind = kind;
    this.action = action;
    this.resource = resource;
    this.code = code;
  }

  /**
   * Whether a policy of the organization denies the call, so that no permission given in the account can allow it. AWS says so in words only.
   * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
   */
  get byOrganization(): boolean {
    return this.kind === "denied" && /(?:service|resource) control polic/i.test(this.message);
  }
}

/** Whose credentials the run uses. */
export interface Caller {
  readonly account: string;
  readonly arn: string;
  /** `aws`, `aws-us-gov` or `aws-cn`, from the ARN. */
  readonly partition: string;
  /** Null unless the caller is an IAM user. */
  readonly userName: string | null;
  /** The long-lived key that signs; null for roles and other temporary credentials. */
  readonly accessKeyId: AccessKeyId | null;
}

/** IAM, one account. */
export interface Iam {
  /** All pages, in AWS's order. `pathPrefix` begins with a slash. */
  listUsers(pathPrefix: string): Promise<readonly User[]>;
  getUser(userName: string): Promise<User | null>;
  /** Null where the user is gone. */
  listAccessKeys(userName: string): Promise<readonly AccessKey[] | null>;
  /** Null where the user is gone. */
  listTags(userName: string): Promise<Tags | null>;
  /** `userName` = whose key it is; null where AWS does not know the key. */
  lastUse(id: AccessKeyId): Promise<{ readonly userName: string | null; readonly use: LastUse | null }>;
  hasPassword(userName: string): Promise<boolean>;
  tagUser(userName: string, key: string, value: string): Promise<void>;
  /** Sent exactly once, whatever happens: after an `unknown` error a key may exist whose secret nobody has. */
  createAccessKey(userName: string): Promise<KeyPair & Pick<AccessKey, "createDate">>;
  /** Makes an Inactive key Active again. */
  activate(userName: string, id: AccessKeyId): Promise<void>;
  /** A key that is gone counts as done. */
  deactivate(userName: string, id: AccessKeyId): Promise<void>;
  /** A key that is gone counts as done. */
  deleteAccessKey(userName: string, id: AccessKeyId): Promise<void>;
}

/** What IAM tells about a whole account at once, up to some hours late: enough to tell whom a run need not read exactly. */
export interface AccountIndex {
  /** Whether there are more users than `count` below a path. */
  hasMoreThan(pathPrefix: string, count: number): Promise<boolean>;
  /** Every user with its tags, all pages. */
  listWithTags(): Promise<readonly ListedUser[]>;
  /** Every user below a path, without tags, all pages. */
  list(pathPrefix: string): Promise<readonly ListedUser[]>;
  /** The credential report as IAM writes it, at most four hours old. Waits for about 20 seconds while IAM writes it. */
  credentialReport(): Promise<{ readonly generatedAt: Instant; readonly text: string }>;
}

/** One account as AWS Organizations tells it. */
export interface OrganizationAccount {
  readonly account: string;
  /** As somebody typed it: any text. */
  readonly name: string;
  /** `ACTIVE`, or why it cannot be worked in: `SUSPENDED`, `PENDING_CLOSURE`, `CLOSED`, `PENDING_ACTIVATION`. */
  readonly state: string;
}

/** AWS Organizations, as its management account or a delegated administrator sees it. */
export interface Organization {
  /** Every account, all pages. */
  accounts(): Promise<readonly OrganizationAccount[]>;
  /** The ids of the accounts below an organizational unit or the root, however deep. */
  accountsBelow(unit: string): Promise<readonly string[]>;
  /** One account; null where the organization has none of this id. */
  account(id: string): Promise<OrganizationAccount | null>;
  /** The organizational units that an account is in, from the nearest to the root. */
  unitsAbove(account: string): Promise<readonly string[]>;
  tagsOf(account: string): Promise<Tags>;
}

/** Texts of a run that several machines share, by name. Nobody but the account that is expected owns the place. */
export interface ObjectStore {
  /** Such as `s3://keyturn-results/prod/`. */
  readonly label: string;
  /** Null where there is none. `version` = names this very text, for {@link write}. */
  read(name: string): Promise<{ readonly text: string; readonly version: string } | null>;
  /**
   * Puts a text in the place of the version that is given (null = of none at all); without one, of whatever stands there. False where
   * somebody else has written in between: then nothing is changed.
   */
  write(name: string, text: string, instead?: string | null): Promise<boolean>;
}

/** A queue that hands each text to one worker, at least once. */
export interface WorkQueue {
  /** Such as the address of the queue. */
  readonly label: string;
  /**
   * Sends them all; answers with the ones that were not taken for certain, and why. `delay` = how long they stay out of sight, at most
   * 15 minutes. Throws a {@link CallError} where this caller may not send.
   */
  send(texts: readonly string[], delay?: Duration): Promise<readonly { readonly text: string; readonly why: string }[]>;
}

/** Asks IAM what the caller may do, without doing it. */
export interface PermissionSimulator {
  /**
   * One answer for each action on each resource (ARNs without wildcards, or `*`). `conditions` as a policy has them: what a
   * call would bring along. Null where this identity cannot be simulated: the root user, a federated one.
   */
  simulate(question: {
    readonly actions: readonly string[];
    readonly resources: readonly string[];
    readonly conditions: Statement["conditions"];
  }): Promise<readonly SimulatedAnswer[] | null>;
}

/** Asks AWS who a key is, once, signed with that key. */
export interface Verifier {
  /** The services that the question uses, as IAM writes them into a key's last use. */
  readonly services: readonly string[];
  /** The ARN that the key signs in as; null while AWS does not know the key (yet). */
  signIn(pair: KeyPair): Promise<string | null>;
}

/** Where a user's record lives. */
export interface RecordStore {
  /** `tags` = the user's tags where they were just read, so that a store that lives in them need not ask again. */
  read(userName: string, tags?: Tags): Promise<string | null>;
  write(userName: string, record: string): Promise<void>;
}

/** Secrets on their way, out of every consumer's sight. One entry per key, never overwritten. */
export interface Escrow {
  readonly label: string;
  /** Throws where it could not be written. */
  check(): Promise<void>;
  /** The keys in it: of one user, or of all. */
  list(userName?: string): Promise<readonly EscrowEntry[]>;
  put(userName: string, pair: KeyPair): Promise<void>;
  /** Null where there is no such entry. */
  take(userName: string, id: AccessKeyId): Promise<Secret | null>;
  /** An entry that is gone counts as done. */
  clear(userName: string, id: AccessKeyId): Promise<void>;
}

export interface EscrowEntry {
  readonly userName: string;
  readonly accessKeyId: AccessKeyId;
}

/** Where one user's key is served from. The optional methods are what not every store can do. */
export interface Destination {
  /** Such as `ssm:/keys/ci-bot`. */
  readonly label: string;
  /** The run itself takes its credentials from here: a delivery switches later runs over to the new key. */
  readonly suppliesSigner?: boolean;
  /** The delivery itself tells the owner of the new key: no notice of it is needed. */
  readonly tellsOwner?: boolean;
  /**
   * Whether a delivery would be accepted, as far as can be told without writing.
   * Throws `InvalidInput`, or `CallError`, with what is in the way.
   */
  check(): Promise<void>;
  /** What consumers get now. A destination without it is write-only. */
  read?(): Promise<Served>;
  /** What it holds besides. */
  readPast?(): Promise<Past>;
  /** The secret of a key that it serves or holds pending; null where it has not got it. */
  readSecret?(id: AccessKeyId): Promise<Secret | null>;
  /** The secret of a key that it served before, so that it can be served again; null where it has not got it. */
  recall?(id: AccessKeyId): Promise<Secret | null>;
  /** Puts the pair where no consumer reads it yet. A destination with it needs no escrow. */
  stage?(pair: KeyPair): Promise<void>;
  /** Takes a staged key away again. */
  unstage?(id: AccessKeyId): Promise<void>;
  /**
   * Serves the pair from now on: counts as done only when it would survive a power cut. A `CallError` of any kind but `unknown`
   * says for certain that nobody can have got the secret: a key that has no other place is then deleted again.
   */
  deliver(pair: KeyPair): Promise<void>;
}

/** Tells people about their keys. Never with a secret: that is what destinations are for. */
export interface Notifier {
  /** Such as `email (ses:eu-west-1)`. */
  readonly label: string;
  /** Resolves once it was accepted for delivery. Throws a {@link CallError}. */
  notify(notice: AddressedNotice): Promise<void>;
}

/**
 * What keyturn remembers about whom it tells what, where whoever may tag users cannot write. One short text for each user, which
 * the store neither reads nor changes: at most 4,000 printable ASCII characters. Two runs may replace each other's text: the
 * last one stands, and a notice that it forgot goes out once more.
 */
export interface OwnerLedger {
  /** Such as `ssm:/keyturn/owners`. */
  readonly label: string;
  /** Null where nothing was ever written for this user. */
  read(userName: string): Promise<string | null>;
  /** Everything that was ever written for users of this account, by user name. */
  readAll(): Promise<ReadonlyMap<string, string>>;
  /** Replaces the user's text; counts as done only when a later run would read it. */
  write(userName: string, text: string): Promise<void>;
}

/** A mail to one address. Text in every field is free of line breaks where a header cannot hold any. */
export interface Mail {
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string | null;
  /** What the mail must hold and no log may: an adapter scrubs it from every error. */
  readonly secrets: readonly Secret[];
}

/** A server that takes mail. */
export interface MailTransport {
  /** Such as `ses:eu-west-1` or `smtp:mail.example.com:465`. */
  readonly label: string;
  /** Whether it would take mail, as far as can be told without sending any. Throws `InvalidInput` or a {@link CallError}. */
  check(): Promise<void>;
  /**
   * Resolves once the server has accepted the mail. A `CallError` of any kind but `unknown` says for certain that it has not.
   */
  send(mail: Mail): Promise<void>;
}

/** Makes a key pair readable for its owner alone, whatever way it goes. */
export interface Sealer {
  /** Such as `fernet` or `age`. */
  readonly label: string;
  /** Whether a pair could be sealed for this owner. Throws `InvalidInput` or a {@link CallError}. */
  check(user: User, owner: Owner): Promise<void>;
  /** May be repeated for the same pair: the texts then differ, and each can be opened. */
  seal(user: User, owner: Owner, pair: KeyPair): Promise<SealedPair>;
  /** Lets go of what only opened mails of keys that exist no more. `existing` = all keys that the user has. */
  tidy(user: User, existing: readonly AccessKeyId[]): Promise<void>;
}

export interface SealedPair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** How the owner opens it: plain sentences, for the mail. Names the place of the key that opens it; holds no secret. */
  readonly howToOpen: string;
}

export interface Clock {
  /** Now, by AWS's clock where one was heard. */
  now(): Instant;
  /** Milliseconds on a clock that never jumps. */
  monotonic(): number;
  sleep(span: Duration): Promise<void>;
}

/** Proof that a runner on this very host is dead. */
export interface Liveness {
  /** A new nonce for one turn: names this runner and the turn, word characters only, at most 20. */
  nonce(): string;
  /** True only where it is certain: the nonce's runner ran on this host and its lock is free. */
  isDead(nonce: string): Promise<boolean>;
}

/** One step of a run, for the audit, for progress, and for whoever listens. */
export interface Step {
  readonly at: Instant;
  readonly userName: string;
  /** Such as `create`, `deliver`, `deactivate`. */
  readonly step: string;
  readonly outcome: "started" | "done" | "stopped" | "failed" | "unknown";
  readonly accessKeyIds: readonly AccessKeyId[];
  /** Why, or what went wrong. No secret. */
  readonly reason: string;
}

/** Throws where a step could not be written down: then nothing new is begun. */
export type Journal = (step: Step) => void;
