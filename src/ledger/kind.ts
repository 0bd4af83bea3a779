import type { AwsAccess } from "../aws/clients.ts";
import type { Statement } from "../core/permissions.ts";
import type { Target } from "../core/target.ts";
import type { Caller, OwnerLedger } from "../ports.ts";

/** One kind of ledger: everything that the rest of keyturn knows of it. */
export interface LedgerKind {
  readonly kind: string;
  /** Throws `InvalidInput`. */
  readonly parse: (target: Target) => ParsedLedger;
}

export interface ParsedLedger {
  readonly open: (access: AwsAccess, caller: Caller) => OwnerLedger;
  readonly permissions: (caller: Caller, region: string) => readonly Statement[];
}
