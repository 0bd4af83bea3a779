/** What can stand in a place: one of these words, a file, a folder, or something that cannot be told beforehand. */
export type CompletionValues = readonly string[] | "file" | "folder" | "anything";

/** One flag as a shell completes it. */
export interface CompletionFlag {
  /** Such as `-h` and `--help`. */
  readonly names: readonly string[];
  readonly summary: string;
  /** Null where it takes none. */
  readonly values: CompletionValues | null;
}

/** One command as a shell completes it. */
export interface CompletionCommand {
  /** The words that lead to it, such as `audit verify`; empty = keyturn itself. */
  readonly path: string;
  readonly summary: string;
  readonly flags: readonly CompletionFlag[];
  /** What its arguments can be; null where it has none. */
  readonly values: CompletionValues | null;
}

/** All that the scripts know: made once when they are printed, so that no key press starts keyturn, let alone calls AWS. */
export interface CompletionModel {
  readonly commands: readonly CompletionCommand[];
  /** The command that flags alone mean. */
  readonly fallback: string;
}

/** The commands one word further. */
export const childrenOf = ({ commands }: CompletionModel, path: string) =>
  commands.flatMap((each) => {
    const words = each.path.split(" ");
    const name = words.pop() ?? "";
    return each.path !== "" && words.join(" ") === path ? [{ name, summary: each.summary }] : [];
  });

/** What can follow which flag of which command. Flags that take no value are left out. */
export const valuesAfterFlags = ({ commands }: CompletionModel) =>
  commands.flatMap(({ path, flags }) =>
    flags.flatMap(({ names, values }) => (values === null ? [] : names.map((name) => ({ path, name, values })))),
  );

/** Where a command line has come to, as the scripts for POSIX shells and fish write it: a space before each word. */
export const place = (path: string): string => (path === "" ? "''" : `' ${path}'`);

/** All places but the first, for a pattern. */
export const allPlaces = ({ commands }: CompletionModel, separator: string): string =>
  commands
    .filter((each) => each.path !== "")
    .map((each) => place(each.path))
    .join(separator);

/** Text between single quotes, where a quote within is written `quote`. */
export const quoted = (text: string, quote: string): string => `'${text.replaceAll("'", quote)}'`;
