import type { AwsAccess } from "../aws/clients.ts";
import type { User } from "../core/access-key.ts";
import type { Owner } from "../core/owner.ts";
import type { Statement } from "../core/permissions.ts";
import type { Target } from "../core/target.ts";
import type { Mailer } from "../mail/mailer.ts";
import type { Caller, Clock, Destination } from "../ports.ts";

/** What a destination may use of the world. */
export interface Host {
  readonly access: AwsAccess;
  readonly caller: Caller;
  readonly clock: Clock;
  /** Writes a line to standard output; resolves when it has left this process, rejects where it could not. */
  readonly print: (line: string) => Promise<void>;
  /** Null where the settings say nothing of mail. */
  readonly mail: Mailer | null;
}

/** One kind of destination: everything that the rest of keyturn knows of it. */
export interface DestinationKind {
  /** The word before the colon. */
  readonly kind: string;
  /** Whether a key can be read back from it. Where not, it needs an escrow or a readable destination beside it. */
  readonly readable: boolean;
  /** A stream that a person watches, or a pipe: users share it, and it may go without an escrow. */
  readonly isStream: boolean;
  /** Writes to this machine, whichever account the user is in. */
  readonly onThisHost?: true;
  /** Sends mails, and so means nothing without settings that say how. Its target is the user's owner: none is typed. */
  readonly needsMail?: true;
  /**
   * Checks a target as far as can be without the world, and returns how it is opened. Throws `InvalidInput`.
   */
  readonly parse: (target: Target) => ParsedDestination;
}

export interface ParsedDestination {
  /**
   * One user's destination; `owner` = who gets the user's keys, null where nobody is known to. Throws `InvalidInput` where the store
   * cannot hold the user's name, or cannot do without an owner. Sends nothing yet.
   */
  readonly open: (host: Host) => (user: User, owner: Owner | null) => Destination;
  /** The least IAM permissions that it needs. */
  readonly permissions: (caller: Caller, region: string) => readonly Statement[];
}
