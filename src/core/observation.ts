import type { AccessKey, AccessKeyId, LastUse, Tags, User } from "./access-key.ts";
import type { Instant } from "./time.ts";

/**
 * What came of asking for a fact. The three answers are kept apart everywhere: `known`, `denied` (the permission was never
 * given) and `failed` (throttled, 5xx, timed out). `unusable` = a target holds what keyturn must not overwrite, and says so
 * each time. `unread` = nobody asked yet.
 */
export type Reading<T> =
  | { readonly kind: "known"; readonly value: T }
  | {
      readonly kind: "denied";
      readonly action: string;
      readonly resource: string;
      /** A policy of the organization denies it: no permission given in the account would help. */
      readonly byOrganization?: true;
    }
  | { readonly kind: "failed"; readonly action: string; readonly message: string }
  | {
      readonly kind: "unusable";
      readonly message: string;
      readonly hint: string | null;
      /** It is a tag of the user that is unusable. */
      readonly isTag?: boolean;
    }
  | { readonly kind: "unread" };

export const known = <T>(value: T): Reading<T> => ({ kind: "known", value });
export const unread = { kind: "unread" } as const;

/** What consumers get from a destination now. */
export interface Served {
  /** Null: the target does not exist, or holds no access key id. */
  readonly accessKeyId: AccessKeyId | null;
  /** When the value was last written or rolled back, by anybody; null where there is none. */
  readonly writtenAt: Instant | null;
}

/** What a destination holds besides the value that it serves. */
export interface Past {
  /** A key that waits in a stage that no consumer reads (`AWSPENDING`). */
  readonly pending: AccessKeyId | null;
  /** Keys that it served before (`AWSPREVIOUS`, parameter history, the file's backup). */
  readonly history: readonly AccessKeyId[];
}

export interface DestinationObservation {
  /** Such as `ssm:/keys/ci-bot`. */
  readonly label: string;
  /** False for a destination that cannot be read back (a mail, stdout): nothing is asked of it. */
  readonly readable: boolean;
  /** The run itself takes its credentials from here: a delivery switches later runs over to the new key. */
  readonly suppliesSigner?: boolean;
  readonly served: Reading<Served>;
  readonly past: Reading<Past>;
}

/** Everything that was read of one user, at one time. */
export interface Observation {
  readonly user: User;
  /** When the first read of it began. */
  readonly at: Instant;
  readonly tags: Reading<Tags>;
  /** All pages. */
  readonly keys: Reading<readonly AccessKey[]>;
  /** The record as it stands, unparsed; null where there is none. */
  readonly record: Reading<string | null>;
  readonly lastUse: ReadonlyMap<AccessKeyId, Reading<LastUse | null>>;
  readonly hasPassword: Reading<boolean>;
  readonly destinations: readonly DestinationObservation[];
  /** Keys of which the escrow holds the secret; known and empty where no escrow is configured. */
  readonly escrow: Reading<readonly AccessKeyId[]>;
  /** Whose user a served key is that this user does not have; null where AWS does not know such a key. */
  readonly owners: ReadonlyMap<AccessKeyId, Reading<string | null>>;
  /** The runner that wrote the open record is proved dead (it ran on this host). */
  readonly ownerDead: boolean;
  /** The key that signs this very run, where it is one of a user's. */
  readonly signedBy: AccessKeyId | null;
}

/** A fact that {@link Observation} lacks so far. */
export type Fact =
  | { readonly kind: "last-use"; readonly accessKeyId: AccessKeyId }
  | { readonly kind: "password" }
  | { readonly kind: "served" }
  | { readonly kind: "past" }
  | { readonly kind: "escrow" }
  | { readonly kind: "owner"; readonly accessKeyId: AccessKeyId };
