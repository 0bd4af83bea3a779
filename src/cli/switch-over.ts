import { findOwnProfile, type Session } from "../compose.ts";
import { type AccessKeyId, isAccessKeyId, type User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { UserReport } from "../core/result.ts";
import { targetsOf } from "../core/rulebook.ts";
import { seconds } from "../core/time.ts";
import { CallError, type Journal } from "../ports.ts";
import { commandLine } from "../report/words.ts";
import type { Io } from "./io.ts";
import { flagsToRepeat, type SettingFlags } from "./options.ts";
import { begin, type Invocation } from "./session.ts";
import { chooseSettings } from "./settings.ts";

/* The key that signs the run itself: whose it is, and whether the next run really signs with its successor. */

/** How often a fresh key is asked for, a second apart: it was known to AWS already when it was delivered. */
const TRIES = 10;

/**
 * Begins a run about the user whose key the profile holds, with the profile as a destination. Throws {@link InvalidInput} where the
 * profile holds no long-lived key, or one of another user than `users` names.
 */
export async function beginSelf(io: Io, flags: SettingFlags, users: readonly string[]): Promise<Invocation> {
  const chosen = await chooseSettings(io, flags, true);
  const { profile, accessKeyId, target } = await findOwnProfile(chosen.settings.profile);
  const { rulebook } = chosen.settings;
  const named = targetsOf(rulebook).find((each) => each === target || each.startsWith(`${target}?`));
  const own = { match: null, policy: {}, besides: named === undefined ? [target] : [], origins: new Map() };
  const settings = { ...chosen.settings, profile, rulebook: { ...rulebook, layers: [...rulebook.layers, own] } };
  const begun = await begin(io, { ...flags, profile }, true, { ...chosen, settings });
  // The configuration names other targets of the user; a target that is typed would take their place.
  const deliver = chosen.config === null && named === undefined ? [target, ...flags.deliver] : flags.deliver;
  const invocation = { ...begun, flags: flagsToRepeat({ ...flags, profile, deliver }) };
  const { caller } = invocation.session;
  if (caller.userName === null || caller.accessKeyId === null)
    throw new InvalidInput(
      `--self: the profile ${profile} signs in as ${caller.arn}, which is no IAM user`,
      "there is no access key of a user to rotate",
    );
  if (caller.accessKeyId !== accessKeyId)
    throw new InvalidInput(
      `--self: the profile ${profile} holds ${accessKeyId}, but this run is signed with ${caller.accessKeyId}`,
      "another setting or variable comes first: aws configure list shows where each value is from",
    );
  if (users.some((each) => each !== caller.userName))
    throw new InvalidInput(
      `--self: the profile ${profile} holds a key of ${caller.userName}, not of ${users.join(", ")}`,
      "leave the user out, or --self",
    );
  if (named !== undefined) await checkNamed(invocation.session, caller.userName, named);
  return invocation;
}

/** A target that somebody wrote for the profile must be the file that the run was signed from. */
async function checkNamed(session: Session, userName: string, named: string): Promise<void> {
  const [own] = await session.users({ users: [userName], path: null, tags: [], allowEmpty: false });
  if (own !== undefined && session.suppliedBy(own) !== null) return;
  throw new InvalidInput(
    `--self: ${named} is not the credentials file that this run is signed from`,
    "leave that --deliver out, or let it name the same file",
  );
}

/**
 * Where the run replaced the key that signs it: reads the profile from disk again, signs in with what it says, and compares. True
 * also where there was nothing to prove. Says what it found.
 */
export async function proveSwitchOver(
  io: Io,
  { session, flags }: Pick<Invocation, "session" | "flags">,
  users: readonly User[],
  reports: readonly UserReport[],
  journal: Journal,
): Promise<boolean> {
  const { caller, clock } = session;
  const own = users.find((user) => user.userName === caller.userName);
  const profile = own === undefined ? null : session.suppliedBy(own);
  const successor = deliveredTo(reports.find((each) => each.userName === caller.userName));
  if (own === undefined || profile === null || successor === null) return true;
  const found = await signIn(session, profile);
  const proved = found === successor;
  const reason = proved
    ? `the profile ${profile} signs in as ${caller.arn} with ${successor}`
    : `the profile ${profile} signs in with ${found}, not with ${successor}`;
  const step = { at: clock.now(), userName: own.userName, step: "switch-over", accessKeyIds: [successor], reason };
  journal({ ...step, outcome: proved ? "done" : "failed" });
  io.err(`${proved ? "switched over" : "error"}: ${reason}`);
  io.err(
    proved
      ? `hint: ${caller.accessKeyId ?? "the old key"} works until a later run retires it: ${commandLine(["run", "--user", own.userName], flags)}`
      : `hint: both keys work; look at the profile, and at what else sets credentials: aws configure list --profile ${profile}`,
  );
  return proved;
}

/** The key that this run has delivered to the user; null where it has delivered none. */
function deliveredTo(report: UserReport | undefined): AccessKeyId | null {
  const [last] = (report?.steps ?? []).toReversed().flatMap(({ action, result, created }) => {
    if (result !== "done") return [];
    return action.kind === "resume" ? [action.key] : action.kind === "rotate" && created !== null ? [created] : [];
  });
  return last ?? null;
}

/** The key that the profile signs in with, once AWS knows it; else why it does not. */
async function signIn(session: Session, profile: string): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const found = await session.whoSignsWith(profile).then(
      ({ arn, accessKeyId }) => (arn === session.caller.arn ? (accessKeyId ?? arn) : arn),
      (error: unknown) => {
        if (error instanceof InvalidInput || error instanceof CallError) return `nothing (${error.message})`;
        throw error;
      },
    );
    // Another key answers as itself at once; only a fresh one may not be known everywhere yet.
    if (isAccessKeyId(found) || tries === TRIES) return found;
    await session.clock.sleep(seconds(1));
  }
}
