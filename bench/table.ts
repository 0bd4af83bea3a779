import { table } from "../src/report/table.ts";

/** Prints rows of text under a title. */
export function show(title: string, header: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  console.log(`${title}\n`);
  console.log(
    table(
      header,
      rows.map((row) => row.map((text) => ({ text: String(text) }))),
      (_, text) => text,
    ),
  );
  console.log("");
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
