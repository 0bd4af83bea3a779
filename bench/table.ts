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

export const megabytes = (bytes: number): string => `${Math.round(bytes / 1_000_000)} MB`;

export const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export const percent = (share: number): string => `${Math.round(100 * share)}%`;

export const inKilobytes = (bytes: number): string => `${Math.ceil(bytes / 1000)} kB`;
