/** 64 bits of a text. The second half is never 0. */
export type Digest = readonly [high: number, low: number];

/** A set of texts of which no more than their digests is kept: among ten million, two that share one are not to be expected. */
export class Digests {
  #table = new Uint32Array(1 << 13);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** False where it was there. */
  add([high, low]: Digest): boolean {
    if (this.#size * 4 > this.#table.length) this.#grow();
    if (!put(this.#table, high, low)) return false;
    this.#size += 1;
    return true;
  }

  #grow(): void {
    const grown = new Uint32Array(this.#table.length * 2);
    for (let at = 0; at < this.#table.length; at += 2) {
      const [high = 0, low = 0] = this.#table.subarray(at, at + 2);
      if (low !== 0) put(grown, high, low);
    }
    this.#table = grown;
  }
}

function put(table: Uint32Array, high: number, low: number): boolean {
  const mask = table.length / 2 - 1;
  for (let slot = high & mask; ; slot = (slot + 1) & mask) {
    if (table[slot * 2 + 1] === 0) {
      table[slot * 2] = high;
      table[slot * 2 + 1] = low;
      return true;
    }
    if (table[slot * 2] === high && table[slot * 2 + 1] === low) return false;
  }
}

/** The two halves of cyrb53, which hold 32 bits each. */
export function digest(text: string): Digest {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  const first = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  const second = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(first ^ (first >>> 13), 3_266_489_909);
  return [first >>> 0, second >>> 0 || 1];
}
