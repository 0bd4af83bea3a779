import { type Cell, type Paint, plain, table } from "./table.ts";
import { plural } from "./words.ts";

interface Finding {
  readonly runs: readonly {
    readonly run: string;
    readonly lines: number;
    readonly head: string;
    readonly complete: boolean;
  }[];
  readonly broken: { readonly line: number; readonly why: string } | null;
}

/** What the check of an audit file found, and what it can and cannot exclude. `head` = the one that was kept elsewhere. */
export function auditText(file: string, { runs, broken }: Finding, head: string | null, paint: Paint): string {
  const rows = runs.map(({ run, lines, head: last, complete }): readonly Cell[] => [
    { text: run },
    { text: String(lines) },
    complete
      ? { text: "whole", style: "green" }
      : { text: "no last line: it died, runs still, or was cut", style: "yellow" },
    { text: last === head ? `${last} (the head given)` : last },
  ]);
  const known = head !== null && runs.some((run) => run.head === head);
  const verdict =
    broken !== null
      ? paint("red", `BROKEN at line ${broken.line}: ${plain(broken.why)}`)
      : paint("green", `The chain of ${plural(runs.length, "run")} holds.`);
  return [
    paint("bold", plain(file)),
    "",
    ...(rows.length === 0 ? [] : [table(["RUN", "LINES", "END", "HEAD"], rows, paint), ""]),
    verdict,
    ...(head === null
      ? []
      : [
          known
            ? paint("green", "The head that was given is in it.")
            : paint("red", "The head that was given is NOT in it: the run was cut, rewritten, or is in another file."),
        ]),
    "",
    "This excludes: a line that was changed, removed, added or moved within a run after it was written.",
    known
      ? "It excludes too, for the run with the head given: that its end was cut off, or that the whole run was written anew."
      : "It cannot exclude: an end that was cut off, a whole run that was removed, or a file that was written anew from the start, with new hashes. Give --head with the head that the run's result named.",
    "It never excludes that a step was not written down in the first place.",
  ].join("\n");
}
