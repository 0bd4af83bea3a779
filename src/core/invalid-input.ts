/**
 * What somebody typed, or wrote into a file, cannot be used. Nothing was changed yet.
 * `message` names the place and the finding, `hint` the next step.
 */
export class InvalidInput extends Error {
  readonly hint: string | null;

  constructor(message: string, hint: string | null = null) {
    super(message);
    this.name = "InvalidInput";
    this.hint = hint;
  }
}
