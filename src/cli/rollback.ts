import type { Command } from "commander";
import type { ByHandFlags } from "./by-hand.ts";
import type { Io } from "./io.ts";
import { withAudit, withOutput, withSettings } from "./options.ts";

type Flags = ByHandFlags & { key?: string };

/** `keyturn rollback USER`: the old key again. */
export function addRollback(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withAudit(withSettings(program.command("rollback"))))
    .argument("<user>", "whose old key comes back")
    .option("--key <access-key-id>", "the key that comes back (default: the one that was replaced last)")
    .description(
      "Makes the predecessor Active again, serves it where a destination still has its secret (AWSPREVIOUS, the history of a parameter, the file before), and puts the user on hold until keyturn resume. Says which destinations cannot be rolled back. The new key stays as it is.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn rollback ci-bot --deliver secretsmanager:prod/{user}\n  keyturn rollback ci-bot --key AKIAIOSFODNN7EXAMPLE --deliver ssm:/keys/{user} --yes",
    )
    .action(async (userName: string, flags: Flags) => {
      const [{ doByHand }, { predecessorIn, rollback }, { accessKeyId }, { keyFacts }, { InvalidInput }] =
        await Promise.all([
          import("./by-hand.ts"),
          import("../compose.ts"),
          import("../core/access-key.ts"),
          import("./key-facts.ts"),
          import("../core/invalid-input.ts"),
        ]);
      await doByHand(io, exit, flags, "rollback", userName, async (session, user) => {
        const seen = await session.inspect(user);
        const wanted = flags.key === undefined ? predecessorIn(seen) : accessKeyId(flags.key);
        const keys = seen.keys.kind === "known" ? seen.keys.value : [];
        const key = keys.find((each) => each.accessKeyId === wanted);
        if (key === undefined) {
          throw new InvalidInput(
            wanted === null
              ? `nothing tells which key ${userName} had before, or it is deleted`
              : `${userName} has no key ${wanted}: a deleted key cannot be brought back`,
            keys.length === 0
              ? "keyturn rotate makes a new one"
              : `it has ${keys.map((each) => each.accessKeyId).join(", ")}; --key names one, keyturn rotate makes a new one`,
          );
        }
        const id = key.accessKeyId;
        return {
          facts: keyFacts(seen, key, session.clock.now()),
          question: `Bring ${id} back, and put ${userName} on hold?`,
          perform: (_, of, journal) => session.byHand(of, "rollback", journal, (turn, now) => rollback(turn, now, id)),
          tell: (destinations) => ({
            lines: [
              `${id} of ${userName} is Active`,
              ...destinations.map(({ label, result }) => `  ${label}: ${result}`),
              `${userName} is on hold until keyturn resume ${userName}`,
            ],
            fields: { accessKeyId: id, destinations },
            incomplete: destinations.some(({ result }) => result === "cannot be rolled back"),
          }),
        };
      });
    });
}
