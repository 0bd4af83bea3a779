import type { Command } from "commander";
import type { Tagging, TaggingResult, UserTagging } from "../compose.ts";
import { confirm } from "./confirm.ts";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import type { Audited } from "./session.ts";
import { type AuditFlags, type OutputFlags, type SettingFlags, withAccount, withAudit, withOutput } from "./options.ts";

type Flags = AuditFlags &
  OutputFlags &
  Pick<SettingFlags, "config" | "account" | "profile" | "region"> & { readonly dryRun?: true };

/** `keyturn tag FILE`: who owns which user, and how it is rotated, from a file under version control. */
export function addTag(program: Command, io: Io, exit: (code: number) => void): void {
  withOutput(withAudit(withAccount(program.command("tag"))))
    .argument("<file>", 'JSON: {"ci-bot": {"IKR:EMAIL": "owner@example.com"}}')
    .description(
      "Tags IAM users as a JSON file says, such as iam-user-tags.json of aws-iam-key-rotator. The whole file is checked first, against what IAM takes and what the users have; then what would change is shown. Tags that the file does not name stay as they are.",
    )
    .option(
      "--config <file>",
      "keyturn.yaml that names accounts, profile and audit (default: ./keyturn.yaml where it is; none = none)",
    )
    .optionsGroup("Doing it:")
    .option("--dry-run", "show what would change, and change nothing")
    .addHelpText(
      "after",
      "\nExamples:\n  keyturn tag iam-user-tags.json --dry-run\n  keyturn tag iam-user-tags.json --yes --account 111122223333",
    )
    .action((file: string, flags: Flags) => tagUsers(io, exit, file, flags));
}

async function tagUsers(io: Io, exit: (code: number) => void, file: string, flags: Flags): Promise<void> {
  const [{ checkAccount, openTagging }, { readTags }, { readInput }, { chooseSettings }] = await Promise.all([
    import("../compose.ts"),
    import("../config/tags-file.ts"),
    import("./read-input.ts"),
    import("./settings.ts"),
  ]);
  const text = await readInput(file);
  const wanted = readTags(text, file);
  const { settings, config, accounts } = await chooseSettings(io, { ...flags, deliver: [], exempt: [] });
  const tagging = await openTagging(settings.profile, settings.region);
  checkAccount(tagging.caller, accounts);
  const plan = await tagging.plan(wanted);
  const due = plan.filter(({ changes }) => changes.some(({ kind }) => kind !== "same"));
  if (flags.dryRun === true || due.length === 0) return show(io, flags, tagging, plan, null);
  if (flags.yes !== true) {
    const { tagsText } = await import("../report/tags.ts");
    io.err(tagsText(plan, io.paint));
    await confirm(
      io,
      `Tag ${due.length === 1 ? "this user" : `these ${due.length} users`} of account ${tagging.caller.account}?`,
    );
  }
  await perform(io, exit, flags, { tagging, plan, text, config });
}

async function perform(
  io: Io,
  exit: (code: number) => void,
  flags: Flags,
  {
    tagging,
    plan,
    text,
    config,
  }: { tagging: Tagging; plan: readonly UserTagging[]; text: string; config: Audited["config"] },
): Promise<void> {
  const [{ createHash, randomUUID }, { openAudit }, { withSignals }] = await Promise.all([
    import("node:crypto"),
    import("./session.ts"),
    import("./signals.ts"),
  ]);
  const { caller, clock } = tagging;
  // The audit names the file as it names the settings of a run: whoever keeps the file can tell which one it was.
  const fingerprint = createHash("sha256").update(text).digest("hex").slice(0, 16);
  const { audit, journal } = openAudit(
    io,
    { session: { caller, clock, fingerprint }, run: randomUUID(), config },
    flags,
  );
  const [results, signalled] = await withSignals(
    io,
    async (signal, code) => [await tagging.perform(plan, journal, signal), code()] as const,
  );
  audit.end(clock.now());
  const failed = results.some(({ result }) => result === "failed");
  exit(signalled ?? (failed ? EXIT.failed : EXIT.ok));
  await show(io, flags, tagging, results, audit.head);
}

/** `head` = of the audit; null where nothing was done. */
async function show(
  io: Io,
  { format, dryRun }: Flags,
  { caller }: Tagging,
  users: readonly (UserTagging | TaggingResult)[],
  head: string | null,
): Promise<void> {
  const { tagsJson, tagsText } = await import("../report/tags.ts");
  const { account } = caller;
  io.out(
    format === "json"
      ? JSON.stringify(
          { schema: "keyturn/tag/v1", account, dryRun: dryRun === true, users: tagsJson(users), audit: head },
          null,
          2,
        )
      : tagsText(users, io.paint),
  );
}
