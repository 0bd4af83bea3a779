import { EXIT } from "../../cli/exit.ts";
import { withSignals } from "../../cli/signals.ts";
import { assemble, checkSettings, parametersOf, type Parts, type RunRules, Session } from "../../compose.ts";
import type { AccessKey, KeyPair } from "../../core/access-key.ts";
import { InvalidInput } from "../../core/invalid-input.ts";
import type { UserReport } from "../../core/result.ts";
import { handOver } from "../../host/hand-over.ts";
import { CallError, type Step } from "../../ports.ts";
import { plain } from "../../report/table.ts";
import { commandLine, whenWords } from "../../report/words.ts";
import type { DropInIo } from "../hand-out.ts";
import { lenient } from "../lenient.ts";
import { readingOwnWrites } from "../own-writes.ts";
import { pairIn, type Place, takeOver } from "./pair.ts";
import { ParameterRecords } from "./records.ts";
import { type Given, settingsFrom } from "./settings.ts";

/** Where somebody still has to switch over, an apply has nothing to fail for: the pair that it hands out is good. */
const REMINDERS: readonly string[] = ["predecessor-in-use", "successor-unused"];

/** One user of one account, with its parameters. */
interface Setting extends Place {
  readonly parts: Parts;
  readonly records: ParameterRecords;
}

/**
 * One step for one user: takes over what is there, rotates what is due, retires what is over, and prints the pair unless `quiet`.
 * Answers with the exit code. Throws `InvalidInput` and `CallError` where nothing was changed.
 */
export async function applyStep(given: Given, io: DropInIo, quiet: boolean): Promise<number> {
  const setting = await open(given, io);
  if (setting === null)
    throw new InvalidInput(
      `there is no IAM user ${given.userName}`,
      "is it the right account, and its name spelled so?",
    );
  const { parts, user, records } = setting;
  const before = await found(setting);
  const took = await takeOver(setting, before.keys, given.handedIn);
  if (took !== null) io.err(`${user.userName}: ${plain(took)}`);
  // Since when a key has been served is told by the time of the script's write, not of the one that makes it a pair.
  const proved = took === null ? null : ((await pairIn(setting))?.accessKeyId ?? null);
  const key = before.keys.find(({ accessKeyId }) => accessKeyId === proved) ?? null;
  if (key !== null || before.keys.length > 1) await records.conclude(user.userName, before, key);
  return withSignals(io, async (signal, signalled) => {
    const session = new Session(parts);
    const [report] = await session.run([user], rules(signal), tell(io));
    if (report === undefined) throw new Error("a run over one user reports nobody");
    const code = await conclude(setting, given, report, io, quiet);
    return signalled() ?? code;
  });
}

/** Refuses where the parameters hold the only copy of the secret of a key that works. */
export async function beforeDestroy(given: Given, io: DropInIo): Promise<number> {
  const setting = await open(given, io);
  if (setting === null) return EXIT.ok;
  const id = (await setting.destination.read?.())?.accessKeyId ?? null;
  const isActive = (await keysOf(setting)).some((key) => key.accessKeyId === id && key.status === "Active");
  if (id === null || !isActive) return EXIT.ok;
  io.err(`error: ${setting.secretName} holds the only copy of the secret of ${id}, which is Active`);
  io.err(
    `hint: make ${id} Inactive once nobody uses it (${commandLine(["retire", given.userName, id])}), or set allow_destroy = true and apply that first`,
  );
  return EXIT.failed;
}

/** Null where there is no such user. */
async function open(given: Given, io: DropInIo): Promise<Setting | null> {
  const settings = await checkSettings(settingsFrom(given));
  const parts = await assemble(settings, () => Promise.reject(new Error("standard output belongs to the pair")));
  const { caller, destinations, verifier } = parts;
  if (given.account !== null && given.account !== caller.account)
    throw new InvalidInput(
      `these credentials belong to account ${caller.account}, not to ${given.account}`,
      "a command that Terraform runs has the environment's credentials, not those of a provider block: set AWS_PROFILE for it",
    );
  const warn = (message: string) => io.err(`warning: ${plain(message)}`);
  const tolerant = lenient(withoutTags(parts, warn), warn);
  const user = await tolerant.iam.getUser(given.userName);
  const [target] = destinations;
  if (user === null) return null;
  if (target === undefined) throw new Error("the settings name no target");
  const destination = target.open(user, null);
  const name = destination.label.replace(/^ssm:/, "");
  const parameters = await parametersOf(parts.settings);
  const records = new ParameterRecords(parameters, `${name}/deactivated-key-timestamp`, tolerant.records);
  const recorded = { ...tolerant, records };
  return {
    user,
    destination,
    parameters,
    secretName: `${name}/iam-secret`,
    verifier,
    records,
    parts: given.settle === 0 ? readingOwnWrites(recorded) : recorded,
  };
}

/** The record is in a parameter: whoever may not read tags misses nothing but a hold that a person set. */
function withoutTags(parts: Parts, warn: (message: string) => void): Parts {
  let warned = false;
  return {
    ...parts,
    iam: {
      ...parts.iam,
      listTags: async (userName) => {
        try {
          return await parts.iam.listTags(userName);
        } catch (error) {
          if (!(error instanceof CallError && error.kind === "denied")) throw error;
          if (!warned) warn("iam:ListUserTags is denied: a hold that a person set with keyturn hold is not seen");
          warned = true;
          return new Map();
        }
      },
    },
  };
}

const keysOf = async ({ parts, user }: Setting): Promise<readonly AccessKey[]> =>
  (await parts.iam.listAccessKeys(user.userName)) ?? [];

async function found(setting: Setting) {
  const { destination } = setting;
  return {
    keys: await keysOf(setting),
    served: (await destination.read?.()) ?? { accessKeyId: null, writtenAt: null },
    past: (await destination.readPast?.()) ?? { pending: null, history: [] },
  };
}

const rules = (signal: AbortSignal): RunRules => ({
  limits: { maxRotations: 1, refuseAbovePercent: null, planned: null, onlyLook: false },
  approve: async () => undefined,
  signal,
});

/** What changes keys, a line each: whoever reads the log of an apply learns what was done. */
const tell =
  (io: DropInIo) =>
  ({ userName, step, outcome, accessKeyIds }: Step): void => {
    if (outcome === "done" && ["create", "deliver", "deactivate", "delete", "remove-orphan"].includes(step))
      io.err(plain(`${userName}: ${step} ${accessKeyIds.join(" ")}`.trimEnd()));
  };

/** Sets the timestamp right, says what became of the user, and hands out the pair. */
async function conclude(
  setting: Setting,
  given: Given,
  report: UserReport,
  io: DropInIo,
  quiet: boolean,
): Promise<number> {
  const isReminder = report.outcome === "blocked" && REMINDERS.includes(report.code);
  const failed = report.outcome === "failed" || (report.outcome === "blocked" && !isReminder);
  for (const line of wordsFor(report, failed ? "error" : isReminder ? "warning" : null, setting)) io.err(plain(line));
  const pair = await pairIn(setting);
  const isWhole = pair !== null && !failed;
  await setting.records.finish(await keysOf(setting), isWhole ? given.mark : null);
  if (pair === null) {
    if (!failed) for (const line of withoutPair(setting, given)) io.err(plain(line));
    return EXIT.failed;
  }
  const isOut = quiet || (await print(io, pair));
  return failed || !isOut ? EXIT.failed : EXIT.ok;
}

function wordsFor(
  { userName, outcome, sentence, next, command }: UserReport,
  level: "error" | "warning" | null,
  { parts }: Setting,
): readonly string[] {
  const when = next === null || next.at === null ? "" : `, not before ${whenWords(next.at, parts.clock.now())}`;
  if (level === null)
    return [`${userName}: ${outcome}: ${sentence}${next === null ? "" : `; next: ${next.what}${when}`}`];
  return [
    `${level}: ${userName}: ${sentence}`,
    ...(next === null ? [] : [`hint: next: ${next.what}${when}`]),
    ...(command === null ? [] : [`hint: ${commandLine(command)}`]),
  ];
}

/** The script before handed out `-1` then. */
const withoutPair = ({ destination: { label }, user: { userName } }: Setting, { userName: name }: Given) => [
  `error: ${userName}: nothing is handed out: ${label} holds no key of which the secret is known`,
  `hint: hand the pair in once (iam_key and iam_secret of the module; access_key_id and secret_key of this command), or make a successor now: ${commandLine(["rotate", name, "--deliver", "ssm:/{user}?split=yes&accessKeyIdName=iam-key&secretAccessKeyName=iam-secret"])}`,
];

/** As the script printed it. The pair went into the parameters before, so an output that breaks loses nothing. */
async function print(io: DropInIo, { accessKeyId, secretAccessKey }: KeyPair): Promise<boolean> {
  const document = JSON.stringify({ iam_key: accessKeyId, iam_secret: secretAccessKey.reveal() }, null, 2);
  try {
    await handOver(io.write, document, [secretAccessKey], "standard output");
    return true;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    if (error.code === "NullDevice") return true; // nobody wants to read it
    io.err(`error: standard output could not be written (${error.code}); the pair is in the parameters`);
    return false;
  }
}
