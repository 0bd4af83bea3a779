import type { Command } from "commander";
import type { ReasonCode } from "../core/reasons.ts";
import { reasons } from "../core/reasons.ts";
import type { Io } from "./io.ts";
import { choices, type OutputFlags, withFormat } from "./options.ts";

type Flags = Pick<OutputFlags, "format">;

const codes = Object.keys(reasons);

/** `keyturn explain [CODE]`: what a reason code means, and what to do about it. */
export function addExplain(program: Command, io: Io): void {
  withFormat(program.command("explain"))
    .argument(
      "[code]",
      "a reason code, as reports show it",
      choices((text) => text, codes),
    )
    .description(
      "Explains a reason code: what it means, which promise or rule is behind it, what happens next by itself, what you can do, and which part of the policy changes it. Lists all codes where none is given. Needs no AWS account.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn explain\n  keyturn explain predecessor-in-use\n  keyturn explain no-free-slot --format json",
    )
    .action(async (typed: string | undefined, { format }: Flags) => {
      const { reasonJson, reasonsText, reasonText, reasonCodes } = await import("../report/explain.ts");
      const code = typed === undefined ? null : await codeFrom(typed);
      if (format === "json") {
        const document =
          code === null
            ? { schema: "keyturn/reasons/v1", reasons: reasonCodes.map(reasonJson) }
            : { schema: "keyturn/reason/v1", ...reasonJson(code) };
        io.out(JSON.stringify(document, null, 2));
      } else {
        io.out(code === null ? reasonsText(io.paint) : reasonText(code, io.paint));
      }
    });
}

/** The code, alone or with its standing before it, as `scan` shows it (`blocked: no-free-slot`). */
async function codeFrom(typed: string): Promise<ReasonCode> {
  const word = typed
    .replace(/^.*:\s*/, "")
    .trim()
    .toLowerCase();
  if (Object.hasOwn(reasons, word)) return word as ReasonCode; // just looked up
  const [{ InvalidInput }, { nearest }] = await Promise.all([
    import("../core/invalid-input.ts"),
    import("../core/nearest.ts"),
  ]);
  const similar = nearest(word, codes);
  throw new InvalidInput(
    `there is no reason code "${typed}"`,
    similar.length === 0 ? "keyturn explain lists all of them" : `did you mean ${similar.join(", or ")}?`,
  );
}
