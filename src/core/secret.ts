/** Node's `util.inspect.custom`, without importing Node. */
const INSPECT = Symbol.for("nodejs.util.inspect.custom");
const REDACTED = "[secret]";

/**
 * A secret that stays closed in template strings, JSON, `util.inspect` and error causes.
 * Only {@link Secret.reveal} opens it, so that every use can be found by searching for that name.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [INSPECT](): string {
    return REDACTED;
  }
}
