/** Exit codes: documented in the README, tested, never reused. */
export const EXIT = {
  ok: 0,
  /** A user failed or is blocked. */
  failed: 1,
  /** Usage, configuration, credentials: nothing was changed. */
  usage: 2,
  /** The alarm refused the run: nothing was changed. */
  refused: 3,
  /** `plan --detailed-exitcode`: there are changes. */
  changes: 4,
  brokenInvariant: 70,
  interrupted: 130,
  terminated: 143,
} as const;

/** Ends a command with a code of its own, after a word on stderr. */
export class Exit extends Error {
  readonly code: number;
  readonly hint: string | null;

  constructor(code: number, message: string, hint: string | null = null) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}
