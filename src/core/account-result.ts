/**
 * What became of an account, in a word: every code with what it means. `docs/accounts.md` is held to this list by a test.
 */
export const accountReasons = {
  done: "Its users were read, and what was due was done. What is stuck is told user by user.",
  "assume-denied":
    "AWS did not let this caller assume the role: it is not there, does not trust the caller, or asks for another external id; or the caller may not assume it.",
  "assume-failed": "AWS did not answer the request for the role in a usable way.",
  "wrong-account": "The role belongs to another account than the one that was meant. Nothing was read there.",
  "scp-denied": "A policy of the organization (a service control policy) denies a call that is needed.",
  "list-denied": "The role may not list the users of the account.",
  "read-failed": "AWS did not answer a question that the whole account depends on.",
  unusable: "What the settings say cannot be carried out in this account.",
  "refused-above": "More users would have changed than `refuseAbove` allows. Nothing was changed.",
  declined: "Whoever was asked said no. Nothing was changed.",
  interrupted: "The run ended before the turn of this account came, or before all of its users were done.",
  "no-result": "No worker of the distributed run has reported yet.",
  "not-active": "AWS Organizations says that it is suspended, or about to be closed or opened.",
  excluded: "The settings exclude it.",
  "not-included": "The settings include others only.",
  "not-in-organization": "The settings name it, and the organization does not have it.",
} as const satisfies Record<string, string>;

export type AccountCode = keyof typeof accountReasons;

/** How an account stands. `failed` = nothing, or not all, could be read or done · `refused` = by the alarm or by a person · `skipped` = it was not meant. */
export type AccountOutcome = "done" | "failed" | "refused" | "skipped" | "interrupted";

/** One account in the result of a command. No secret. */
export interface AccountReport {
  readonly account: string;
  /** As Organizations tells it; null where nobody asked. */
  readonly name: string | null;
  readonly outcome: AccountOutcome;
  readonly code: AccountCode;
  readonly sentence: string;
  readonly hint: string | null;
  /** The ARN that the account was worked in by; null where it was not entered. */
  readonly caller: string | null;
  /** Where what is known of users that were not read exactly comes from; null where all were. */
  readonly listing: string | null;
  /** Where its audit is kept, and the hash of its last line; null where none is. */
  readonly audit: { readonly head: string; readonly file: string | null } | null;
  /** What else a person should know: whole sentences. */
  readonly notes: readonly string[];
}

/** What is told of an account that was not entered, besides why. */
export const NOT_ENTERED = { hint: null, caller: null, listing: null, audit: null, notes: [] } as const;
