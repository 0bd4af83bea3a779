import { EXIT } from "../../cli/exit.ts";
import { withSignals } from "../../cli/signals.ts";
import { assemble, type CheckedSettings, checkSettings, type RunRules, Session, type Settings } from "../../compose.ts";
import type { User } from "../../core/access-key.ts";
import type { Command } from "../../core/decision.ts";
import { InvalidInput } from "../../core/invalid-input.ts";
import type { UserReport } from "../../core/result.ts";
import { CallError } from "../../ports.ts";
import { plain } from "../../report/table.ts";
import { commandLine, whenWords } from "../../report/words.ts";
import { type DropInIo, handOut } from "../hand-out.ts";
import { lenient } from "../lenient.ts";
import { readingOwnWrites } from "../own-writes.ts";
import type { CommandLine } from "./command-line.ts";
import { makingRoomWithCare } from "./make-room.ts";
import { openResults, type Results } from "./results.ts";
import { MAX_USERS, refusal } from "./settings.ts";

/**
 * Rotates every user on the path, and answers with the exit code. Throws `InvalidInput` where nothing was touched, and
 * `CallError` where AWS, or the place of the results, failed before the first user.
 */
export async function rotateAll(
  { pathPrefix, outfile }: Extract<CommandLine, { kind: "rotate" }>,
  settings: Settings,
  io: DropInIo,
): Promise<number> {
  const results = await openResults(io, outfile);
  const { session, listUsers } = await connect(await checkSettings(settings), results, io);
  const users = await listUsers(pathPrefix);
  if (users.length === 0) throw new InvalidInput("No IAM Users found on PATH");
  if (users.length > MAX_USERS) {
    throw new InvalidInput(
      `Invalid value: Error: Found ${users.length} IAM Users. This is more than the max allowed of ${MAX_USERS}.`,
    );
  }
  return withSignals(io, async (signal, signalled) => {
    await results.begin(users);
    try {
      const allRotated = await rotateInTurn(session, users, results, io, signal);
      return signalled() ?? (allRotated ? EXIT.ok : EXIT.failed);
    } finally {
      await close(results, io);
    }
  });
}

async function connect(settings: CheckedSettings, results: Results, io: DropInIo) {
  const parts = await assemble(settings, io.write).catch((error: unknown) => {
    if (error instanceof InvalidInput) throw new InvalidInput(`Invalid AWS credentials: ${error.message}`, error.hint);
    throw error;
  });
  const tolerant = readingOwnWrites(lenient(parts, (message) => io.err(`warning: ${plain(message)}`)));
  const destinations = [
    handOut(
      results.label,
      () => results.check(),
      (user, pair) => results.give(user, pair),
    ),
  ];
  return {
    session: new Session({ ...makingRoomWithCare(tolerant), destinations }),
    listUsers: (pathPrefix: string) => parts.iam.listUsers(pathPrefix),
  };
}

/** A user in progress is finished, whatever signal comes: between a deletion and its creation nobody must stop. */
const finishing = new AbortController().signal;

/**
 * One user after the other, in AWS's order: what is handed out stands in that order, and where it cannot be handed out any
 * more, the users after it are not touched.
 */
async function rotateInTurn(
  session: Session,
  users: readonly User[],
  results: Results,
  io: DropInIo,
  signal: AbortSignal,
): Promise<boolean> {
  let rotated = 0;
  for (const user of users) {
    if (signal.aborted || (await isClosed(results))) break;
    const { report, refused } = await rotateOne(session, user);
    if (report !== null && wasRotated(report)) {
      rotated += 1;
      continue;
    }
    // What was handed out before something else failed is in somebody's hands: the document keeps it.
    const isOut = results.hasGiven(user);
    if (!isOut) results.passOver(user, report?.keys ?? []);
    for (const line of refused === null
      ? whyNot(user, report, isOut, session)
      : [`error: ${user.userName}: ${refused}`])
      io.err(plain(line));
  }
  const given = users.filter((user) => results.hasGiven(user)).length;
  if (rotated < users.length) io.err(`error: ${given} of ${users.length} users got a new key`);
  return rotated === users.length;
}

const isClosed = async (results: Results): Promise<boolean> =>
  results.check().then(
    () => false,
    () => true,
  );

/** Ends a run before its first change, for one user. */
class Refused extends Error {}

async function rotateOne(
  session: Session,
  user: User,
): Promise<{ readonly report: UserReport | null; readonly refused: string | null }> {
  const rules: RunRules = {
    limits: { maxRotations: 1, refuseAbovePercent: null, planned: null, onlyLook: false },
    signal: finishing,
    approve: async ([finding]) => {
      const why = finding === undefined ? null : refusal(finding);
      if (why !== null) throw new Refused(why);
    },
  };
  try {
    const [report] = await session.run([user], rules, () => undefined);
    return { report: report ?? null, refused: null };
  } catch (error) {
    if (error instanceof Refused) return { report: null, refused: error.message };
    throw error;
  }
}

const wasRotated = ({ steps }: UserReport): boolean =>
  steps.some(({ action, result }) => action.kind === "rotate" && result === "done");

function whyNot({ userName }: User, report: UserReport | null, isOut: boolean, { clock }: Session): readonly string[] {
  if (report === null) return [`error: ${userName}: nothing was decided`];
  const { code, sentence, next, command } = report;
  const when = next === null || next.at === null ? "" : `, not before ${whenWords(next.at, clock.now())}`;
  const lines = [
    /NoSuchEntity/.test(sentence)
      ? `error: Specified user not found: ${userName}`
      : `error: ${userName}: ${isOut ? "its new key is handed out, but" : "no new key"}: ${sentence}`,
  ];
  if (next !== null) lines.push(`hint: next: ${next.what}${when}`);
  if (command !== null) lines.push(`hint: ${commandLine(command)}`);
  const newest = report.keys.findLast((key) => key.status === "Active");
  // The likely reason to run again so soon: what came after the first run failed, and its keys are lost.
  if (code === "overlap" && newest !== undefined) {
    const free: Command = ["retire", userName, newest.accessKeyId, "--delete"];
    lines.push(`hint: if nobody has ${newest.accessKeyId}, run again after: ${commandLine(free)}`);
  }
  return lines;
}

/** The document is completed whatever became of the run; where even that fails, the run's own outcome stands. */
async function close(results: Results, io: DropInIo): Promise<void> {
  try {
    await results.end();
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    io.err(`error: the results could not be completed: ${error.code}: ${error.message}`);
  }
}
