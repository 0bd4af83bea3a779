import type { AccessKeyId, User } from "./access-key.ts";
import type { Instant } from "./time.ts";

/** Who gets a user's keys, as the user's tags name them, once that was found trustworthy. */
export interface Owner {
  /** One mail address, of an allowed domain. */
  readonly address: string;
  /** What to do with a new key, from the tags; empty where there is nothing. Hostile text: escape it. */
  readonly instruction: string;
  /** An age recipient (`age1…`), where a tag names one; null otherwise. */
  readonly recipient: string | null;
}

/** What an owner, or who was the owner, is told about. */
export type Notice =
  /** `predecessors` go on working until `until`; null where no time alone stops them. */
  | {
      readonly kind: "created";
      readonly accessKeyId: AccessKeyId;
      readonly predecessors: readonly AccessKeyId[];
      readonly until: Instant | null;
    }
  | { readonly kind: "deactivated"; readonly accessKeyId: AccessKeyId; readonly successor: AccessKeyId }
  | { readonly kind: "deleted"; readonly accessKeyId: AccessKeyId; readonly successor: AccessKeyId | null }
  /** The predecessor would go, but for its use. `service` = what it was last used for, where known. */
  | {
      readonly kind: "still-in-use";
      readonly accessKeyId: AccessKeyId;
      readonly successor: AccessKeyId;
      readonly service: string | null;
      readonly lastUsed: Instant | null;
    }
  /** Ahead of the moment at which a predecessor stops to work. */
  | {
      readonly kind: "stops-working";
      readonly accessKeyId: AccessKeyId;
      readonly successor: AccessKeyId;
      readonly at: Instant;
    }
  /** To the former address: keys go to `address` from `from` on. */
  | { readonly kind: "address-changed"; readonly address: string; readonly from: Instant };

/** A notice with whom it is about and who gets it. */
export interface AddressedNotice {
  readonly user: User;
  readonly owner: Owner;
  readonly notice: Notice;
}
