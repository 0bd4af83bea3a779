/** The words that somebody may have meant by this one, most similar first; at most three, none where nothing is similar. */
export function nearest(typed: string, words: readonly string[]): readonly string[] {
  const text = typed.toLowerCase();
  return words
    .map((word) => ({ word, away: howFar(text, word) }))
    .filter(({ away }) => away < Infinity)
    .toSorted((a, b) => a.away - b.away)
    .slice(0, 3)
    .map(({ word }) => word);
}

/** Mistakes in the word as a whole, or one more than in that part of it that is most like what was typed. Too many are infinite. */
function howFar(text: string, word: string): number {
  const whole = distance(text, word);
  const parts = partsOf(word).map((part) => ({ part, away: distance(text, part) }));
  const within = parts.filter(({ part, away }) => part.length >= 3 && away <= Math.floor(part.length / 4));
  const limit = Math.max(2, Math.floor(word.length / 3));
  return Math.min(whole <= limit ? whole : Infinity, ...within.map(({ away }) => away + 1));
}

/** `in`, `in-use`, `use` of `in-use`. */
function partsOf(word: string): readonly string[] {
  const parts = word.split("-");
  return parts.flatMap((_, from) =>
    parts.slice(from).map((__, count) => parts.slice(from, from + count + 1).join("-")),
  );
}

/** How many letters must be changed, left out, put in, or swapped with their neighbour to make one word of the other. */
function distance(from: string, to: string): number {
  const width = to.length + 1;
  const rows = [Array.from({ length: width }, (_, index) => index)];
  for (let row = 1; row <= from.length; row += 1) {
    const line = [row];
    for (let column = 1; column < width; column += 1) {
      const at = (back: number, left: number) => (back === 0 ? line : rows[row - back])?.[column - left] ?? Infinity;
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      line.push(Math.min(at(1, 0) + 1, at(0, 1) + 1, at(1, 1) + (same ? 0 : 1), swapped ? at(2, 2) + 1 : Infinity));
    }
    rows.push(line);
  }
  return rows[from.length]?.[to.length] ?? Infinity;
}
