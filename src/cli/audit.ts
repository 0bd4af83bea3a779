import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import { type OutputFlags, withFormat } from "./options.ts";

type Flags = Pick<OutputFlags, "format"> & { head?: string };

/** `keyturn audit verify FILE`: is the chain whole? */
export function addAudit(program: Command, io: Io, exit: (code: number) => void): void {
  const audit = program
    .command("audit")
    .description("Every step of a run is a line in an audit file, and each line bears the hash of the one before it.")
    .addHelpText("after", "\nExamples:\n  keyturn audit verify audit.jsonl");
  withFormat(audit.command("verify"))
    .argument("<file>", "the audit: keyturn/audit.jsonl in the state folder, or what --audit named")
    .option("--head <hash>", "the head that a run's result named, kept elsewhere")
    .summary("check the chain of an audit file, and say what that can and cannot exclude")
    .description(
      "Checks that every line of an audit file is as it was written and follows on the line before it, and says what that can and cannot exclude.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn audit verify audit.jsonl\n  keyturn audit verify audit.jsonl --head 5f2b6c1de0a94783b5c2f7186d3e9a0047bd81c5e6f29a3310ce845d7b62f9a1",
    )
    .action(async (file: string, flags: Flags) => {
      const [{ readFile }, { verifyAudit }, { auditText }, { InvalidInput }] = await Promise.all([
        import("node:fs/promises"),
        import("../compose.ts"),
        import("../report/audit.ts"),
        import("../core/invalid-input.ts"),
      ]);
      const head = flags.head?.toLowerCase() ?? null;
      if (head !== null && !/^[0-9a-f]{64}$/.test(head))
        throw new InvalidInput(`"${flags.head}" is not the head of an audit`, "it has 64 hexadecimal digits");
      const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        throw new InvalidInput(`the audit ${file} cannot be read (${error.code ?? "Error"})`);
      });
      const finding = verifyAudit(text);
      const found = head === null ? null : finding.runs.some((run) => run.head === head);
      exit(finding.broken === null && found !== false ? EXIT.ok : EXIT.failed);
      io.out(
        flags.format === "json"
          ? JSON.stringify({ schema: "keyturn/audit/v1", file, ...finding, headFound: found }, null, 2)
          : auditText(file, finding, head, io.paint),
      );
    });
}
