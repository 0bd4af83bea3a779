import type { Command } from "commander";
import type { ByHandFlags } from "./by-hand.ts";
import type { Io } from "./io.ts";
import { withAudit, withOutput, withSettings } from "./options.ts";

type Flags = ByHandFlags & { delete?: true };

/** `keyturn retire USER ID`: a person decides which key goes. */
export function addRetire(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withAudit(withSettings(program.command("retire"))))
    .argument("<user>", "whose key it is")
    .argument("<access-key-id>", "the key that goes")
    .optionsGroup("Doing it:")
    .option("--delete", "delete an Active key at once, without keeping it Inactive for a while")
    .description(
      "Deactivates a key that a person names, whatever keyturn knows of it: it can be made Active again until the policy deletes it. A key that is Inactive already is deleted. Shows first what hangs on it.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn retire ci-bot AKIAIOSFODNN7EXAMPLE\n  keyturn retire ci-bot AKIAIOSFODNN7EXAMPLE --delete --yes",
    )
    .action(async (userName: string, id: string, flags: Flags) => {
      const [{ doByHand }, { retire }, { accessKeyId }, { keyFacts }, { InvalidInput }] = await Promise.all([
        import("./by-hand.ts"),
        import("../compose.ts"),
        import("../core/access-key.ts"),
        import("./key-facts.ts"),
        import("../core/invalid-input.ts"),
      ]);
      const keyId = accessKeyId(id);
      await doByHand(io, exit, flags, "retire", userName, async (session, user) => {
        const { seen } = await session.examine(user);
        const keys = seen.keys.kind === "known" ? seen.keys.value : [];
        const key = keys.find((each) => each.accessKeyId === keyId);
        if (key === undefined) {
          throw new InvalidInput(
            `${userName} has no key ${keyId}`,
            keys.length === 0 ? "it has none at all" : `it has ${keys.map((each) => each.accessKeyId).join(", ")}`,
          );
        }
        const deletes = key.status !== "Active" || flags.delete === true;
        return {
          facts: keyFacts(seen, key, session.clock.now()),
          question: deletes ? `Delete ${keyId}? Its secret cannot be brought back.` : `Deactivate ${keyId}?`,
          perform: (_, of, journal) =>
            session.byHand(of, "retire", journal, (turn, now) =>
              retire(turn, now, keyId, flags.delete === true, key.status),
            ),
          tell: (what) => ({
            lines: [`${keyId} of ${userName} is ${what}`],
            fields: { accessKeyId: keyId, result: what },
          }),
        };
      });
    });
}
