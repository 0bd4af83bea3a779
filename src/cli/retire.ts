import type { Command } from "commander";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import {
  type AuditFlags,
  type OutputFlags,
  type SettingFlags,
  withAudit,
  withOutput,
  withSettings,
} from "./options.ts";

type Flags = SettingFlags & AuditFlags & OutputFlags & { delete?: true };

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
      const [{ begin, openAudit }, { accessKeyId }, { confirm }, { keyFacts }, { InvalidInput }] = await Promise.all([
        import("./session.ts"),
        import("../core/access-key.ts"),
        import("./confirm.ts"),
        import("./key-facts.ts"),
        import("../core/invalid-input.ts"),
      ]);
      const keyId = accessKeyId(id);
      const invocation = await begin(io, flags);
      const { session } = invocation;
      const [user] = await session.users({ users: [userName], path: null, tags: [], allowEmpty: false });
      if (user === undefined) throw new Error("a selector by name gave nobody");
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
      if (flags.yes !== true) {
        for (const line of keyFacts(seen, key, session.clock.now())) io.err(line);
        await confirm(io, deletes ? `Delete ${keyId}? Its secret cannot be brought back.` : `Deactivate ${keyId}?`);
      }
      const { audit, journal } = openAudit(io, invocation, flags);
      const result = await session.retire(user, keyId, flags.delete === true, journal);
      audit.end(session.clock.now());
      exit(result.kind === "done" ? EXIT.ok : EXIT.failed);
      if (flags.format === "json") {
        io.out(
          JSON.stringify(
            {
              schema: "keyturn/retire/v1",
              userName,
              accessKeyId: keyId,
              result: result.kind === "done" ? result.what : result.kind,
              sentence: result.kind === "done" ? null : result.sentence,
              audit: audit.head,
            },
            null,
            2,
          ),
        );
      } else if (result.kind === "done") {
        io.out(`${keyId} of ${userName} is ${result.what}`);
      } else {
        io.err(`error: ${result.sentence}`);
        if (result.kind === "failed" && result.hint !== null) io.err(`hint: ${result.hint}`);
      }
    });
}
