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

const widthOf = (text: string): number => [...text].length;

const readable = (cell: Cell): Cell => ({ ...cell, text: plain(cell.text) });

/** Text from the outside world without anything that a terminal would act on. */
export const plain = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");
