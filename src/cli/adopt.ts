import type { Command } from "commander";
import type { AccessKey } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Observation } from "../core/observation.ts";
import type { ByHandFlags } from "./by-hand.ts";
import type { Io } from "./io.ts";
import { collect, repeatable, withAudit, withOutput, withSettings } from "./options.ts";

type Flags = ByHandFlags & { key?: string; stdin?: true; replaces: readonly string[] };

/** `keyturn adopt USER`: a key that is there already becomes the managed one. */
export function addAdopt(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withAudit(withSettings(program.command("adopt"))))
    .argument("<user>", "whose key it is")
    .option("--key <access-key-id>", "the key (default: the one handed in, or served, or the only Active one)")
    .option(
      "--stdin",
      "read the key from standard input: JSON, the console's CSV file, credentials lines, or the secret alone",
    )
    .addOption(
      repeatable("--replaces <access-key-id>", "a key that it took the place of, which runs may retire", collect),
    )
    .description(
      "Takes an access key that exists into keyturn's hands without a rotation: proves that it signs in as this user, delivers it to every destination that does not serve it yet, and records that. The secret comes from the destination that serves the key, or from standard input.",
    )
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn adopt ci-bot --deliver ssm:/keys/{user} --stdin --yes < accessKeys.csv\n  keyturn adopt ci-bot --deliver secretsmanager:prod/{user} --replaces AKIAIOSFODNN7EXAMPLE",
    )
    .action(async (userName: string, flags: Flags) => {
      const [{ doByHand }, { adopt, readHandedIn }, { accessKeyId }, { readSecretly }] = await Promise.all([
        import("./by-hand.ts"),
        import("../compose.ts"),
        import("../core/access-key.ts"),
        import("./read-secretly.ts"),
      ]);
      const given = flags.stdin === true ? readHandedIn(await readSecretly(io, `Access key of ${userName}`)) : null;
      const named = flags.key === undefined ? null : accessKeyId(flags.key);
      const replaces = flags.replaces.map(accessKeyId);
      if (named !== null && given !== null && given.accessKeyId !== null && given.accessKeyId !== named)
        throw new InvalidInput(`--key names ${named}, and ${given.accessKeyId} was handed in`);
      await doByHand(io, exit, flags, "adopt", userName, async (session, user) => {
        const seen = await session.inspect(user);
        const id = named ?? given?.accessKeyId ?? onlyKey(seen).accessKeyId;
        if (seen.destinations.length === 0)
          throw new InvalidInput(
            "no destination is given: keyturn manages keys where it knows who serves them",
            "--deliver secretsmanager:prod/{user}, ssm:/keys/{user} or file:./keys/{user}.json",
          );
        if (replaces.includes(id)) throw new InvalidInput(`${id} cannot replace itself`);
        return {
          facts: [
            `${id} is proved to sign in as ${user.arn}, and goes to ${seen.destinations.map(({ label }) => label).join(", ")}.`,
            ...replacedIn(seen, id, replaces),
            ...replaces.map((old) => `${old} counts as replaced: runs retire it when the policy says so.`),
          ],
          question: `Adopt ${id}?`,
          perform: (_, of, journal) =>
            session.byHand(of, "adopt", journal, (turn, now) =>
              adopt(turn, now, id, given?.secretAccessKey ?? null, replaces),
            ),
          tell: (delivered) => ({
            lines: [
              `${id} of ${userName} is managed by keyturn`,
              ...delivered.map((label) => `  delivered to ${label}`),
              ...replaces.map((old) => `  it replaces ${old}, which waits for the policy`),
            ],
            fields: { accessKeyId: id, delivered, replaces },
          }),
        };
      });
    });
}

/** What a destination served before counts as its predecessor, also to runs that find no record. */
const replacedIn = ({ destinations }: Observation, id: string, replaces: readonly string[]): readonly string[] =>
  destinations.flatMap(({ label, served }) => {
    const now = served.kind === "known" ? served.value.accessKeyId : null;
    return now === null || now === id || replaces.includes(now)
      ? []
      : [`${label} serves ${now} now: where that is the older key, runs may retire it when the policy says so.`];
  });

/** The key that all destinations serve, or the only Active one. Throws {@link InvalidInput} where there are several. */
function onlyKey({ keys, destinations, user }: Observation): AccessKey {
  const active = (keys.kind === "known" ? keys.value : []).filter((key) => key.status === "Active");
  const served = active.filter((key) =>
    destinations.some((each) => each.served.kind === "known" && each.served.value.accessKeyId === key.accessKeyId),
  );
  const [only, ...more] = served.length > 0 ? served : active;
  if (only === undefined) throw new InvalidInput(`${user.userName} has no Active key`, "keyturn rotate makes one");
  if (more.length > 0)
    throw new InvalidInput(
      `${user.userName} has several keys that it could be: ${[only, ...more].map((key) => key.accessKeyId).join(", ")}`,
      "name one with --key",
    );
  return only;
}
