import { InvalidInput } from "../core/invalid-input.ts";

/** As `process.env`. A variable that is empty counts as not set: Terraform cannot leave one out. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the environment of a function, and collects what is wrong with it, so that all of it is told at once. */
export class VariableReader {
  readonly #variables: Variables;
  readonly #complaints: string[] = [];
  readonly warnings: string[] = [];

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  /** The value of a variable; null where it is not set. */
  text(name: string): string | null {
    const value = this.#variables[name]?.trim();
    return value === undefined || value === "" ? null : value;
  }

  /** A variable as `parse` reads it, which throws {@link InvalidInput}; `otherwise` where it is not set, or cannot be used. */
  read<T>(name: string, otherwise: T, parse: (text: string) => T): T {
    const text = this.text(name);
    if (text === null) return otherwise;
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      this.complain(name, `${error.message}${error.hint === null ? "" : ` (${error.hint})`}`);
      return otherwise;
    }
  }

  complain(name: string, message: string): void {
    this.#complaints.push(`${name}: ${message}`);
  }

  /** Throws {@link InvalidInput} with everything that is wrong. */
  finish(): void {
    if (this.#complaints.length === 0) return;
    throw new InvalidInput(
      `the environment of this function cannot be used:\n${this.#complaints.join("\n")}`,
      "nothing was changed; set the variables of the function right",
    );
  }
}

/** Reads one word of a few, in any case. Throws {@link InvalidInput}. */
export function oneOf<const T extends string>(words: readonly T[]): (text: string) => T {
  return (text) => {
    const found = words.find((word) => word === text.toLowerCase());
    if (found === undefined) throw new InvalidInput(`"${text}" is none of ${words.join(", ")}`);
    return found;
  };
}
