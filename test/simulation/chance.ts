import { type Duration, milliseconds } from "../../src/core/time.ts";
import { seededRandom } from "../../src/simulation/account.ts";

/** Chance with a name: what one part of a story gets does not depend on how often another part asked. */
export class Chance {
  readonly #seed: number;
  readonly #next: () => number;

  constructor(seed: number, ...names: readonly (string | number)[]) {
    this.#seed = names.reduce<number>((sum, name) => hash(`${sum}/${name}`), Math.trunc(seed));
    this.#next = seededRandom(this.#seed);
  }

  /** Chance for a part of this part. */
  fork = (...names: readonly (string | number)[]): Chance => new Chance(this.#seed, ...names);

  happens = (probability: number): boolean => this.#next() < probability;

  /** A whole number from 0 to `count` - 1. */
  below = (count: number): number => Math.floor(this.#next() * count);

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  /** A span between two others, whole seconds. */
  between = (least: Duration, most: Duration): Duration =>
    milliseconds(Math.floor((least + this.#next() * (most - least)) / 1000) * 1000);
}

/** FNV-1a over the characters. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193);
  return sum;
}
