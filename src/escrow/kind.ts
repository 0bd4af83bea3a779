import type { AwsAccess } from "../aws/clients.ts";
import type { Statement } from "../core/permissions.ts";
import type { Target } from "../core/target.ts";
import type { Caller, Escrow } from "../ports.ts";

/** One kind of escrow: everything that the rest of keyturn knows of it. */
export interface EscrowKind {
  readonly kind: string;
  /** Throws `InvalidInput`. */
  readonly parse: (target: Target) => ParsedEscrow;
}

export interface ParsedEscrow {
  readonly open: (access: AwsAccess, caller: Caller) => Escrow;
  readonly permissions: (caller: Caller, region: string) => readonly Statement[];
}
