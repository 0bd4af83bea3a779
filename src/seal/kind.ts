import type { AwsAccess } from "../aws/clients.ts";
import type { Statement } from "../core/permissions.ts";
import type { Target } from "../core/target.ts";
import type { Caller, Sealer } from "../ports.ts";

/** One way to seal: everything that the rest of keyturn knows of it. */
export interface SealerKind {
  /** The word before the colon, as in `fernet:/ikr/secret/iam`. */
  readonly kind: string;
  /** Checks a target as far as can be without the world. Throws `InvalidInput`. */
  readonly parse: (target: Target) => ParsedSealer;
}

export interface ParsedSealer {
  /** Sends nothing yet. Throws `InvalidInput` where no region is known and one is needed. */
  readonly open: (access: AwsAccess, caller: Caller) => Sealer;
  /** The least IAM permissions that it needs. */
  readonly permissions: (caller: Caller, region: string) => readonly Statement[];
}
