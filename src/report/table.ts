/** How a piece of text is to stand out. */
export type Style = "bold" | "dim" | "red" | "yellow" | "green" | "cyan";

/** Gives a text a style, or leaves it as it is where the reader is no terminal. */
export type Paint = (style: Style, text: string) => string;

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

/** Rows under a header, each column as wide as its widest cell. The last column is not padded. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint): string {
  const lines = [header.map((text): Cell => ({ text, style: "dim" })), ...rows.map((row) => row.map(readable))];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => widthOf(line[column]?.text ?? ""))));
  return lines
    .map((line) =>
      line
        .map((cell, column) => print(cell, column + 1 < line.length ? (widths[column] ?? 0) : 0, paint))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function print({ text, style }: Cell, width: number, paint: Paint): string {
  const padding = " ".repeat(Math.max(0, width - widthOf(text)));
  return `${style === undefined ? text : paint(style, text)}${padding}`;
}

/** Letters of East Asia and most emoji take two columns of a terminal, marks on a letter none. */
const WIDE =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\p{Emoji_Presentation}]/u;

const widthOf = (text: string): number =>
  [...text].reduce((width, character) => width + (/\p{M}/u.test(character) ? 0 : WIDE.test(character) ? 2 : 1), 0);

const readable = (cell: Cell): Cell => ({ ...cell, text: plain(cell.text) });

/** Text from the outside world without anything that a terminal would act on. */
export const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");
