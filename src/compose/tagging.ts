import { openAccess } from "../aws/clients.ts";
import { AwsClock } from "../aws/clock.ts";
import { openTagger } from "../aws/iam-tags.ts";
import { openIam } from "../aws/iam.ts";
import { whoAmI } from "../aws/sts.ts";
import type { Tags } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { changesOf, type TagChange } from "../core/tags.ts";
import { PARALLEL_USERS } from "../engine/run.ts";
import { selectUsers } from "../engine/select.ts";
import { Slots } from "../engine/slots.ts";
import { type Caller, CallError, type Clock, type Journal } from "../ports.ts";

/** What becomes of one user's tags; at least one a user. */
export interface UserTagging {
  readonly userName: string;
  readonly changes: readonly TagChange[];
}

/** `interrupted` = not begun · `same` = there was nothing to do. */
export interface TaggingResult extends UserTagging {
  readonly result: "tagged" | "same" | "failed" | "interrupted";
  /** Why it failed; empty otherwise. */
  readonly sentence: string;
}

/** One account whose users are tagged by hand. */
export interface Tagging {
  readonly caller: Caller;
  readonly clock: Clock;
  /** What would change. Throws {@link InvalidInput} for a user that does not exist, or would have too many tags. Changes nothing. */
  plan(wanted: ReadonlyMap<string, Tags>): Promise<readonly UserTagging[]>;
  /** Does it. The failure of one user never stops the next; an aborted signal lets nobody else begin. */
  perform(plan: readonly UserTagging[], journal: Journal, signal: AbortSignal): Promise<readonly TaggingResult[]>;
}

/** Finds the credentials, and asks AWS whose they are. Throws {@link InvalidInput}. */
export async function openTagging(profile: string | null, region: string | null): Promise<Tagging> {
  const clock = new AwsClock();
  const access = await openAccess(profile, region, clock);
  const [caller, iam, tag] = [await whoAmI(access), openIam(access), openTagger(access)];
  const slots = new Slots(PARALLEL_USERS, clock);
  return {
    caller,
    clock,
    plan: async (wanted) => {
      const selectors = { users: [...wanted.keys()], path: null, tags: [], allowEmpty: false };
      await selectUsers(iam, clock, selectors, PARALLEL_USERS);
      return Promise.all(
        [...wanted].map(([userName, tags]) =>
          slots.use(async () => {
            const present = await iam.listTags(userName);
            if (present === null) throw new InvalidInput(`there is no IAM user ${userName} any more`);
            return { userName, changes: changesOf(userName, tags, present) };
          }),
        ),
      );
    },
    perform: (plan, journal, signal) =>
      Promise.all(plan.map((each) => slots.use(() => tagOne(each, { tag, clock, journal, signal })))),
  };
}

interface Hands {
  readonly tag: ReturnType<typeof openTagger>;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly signal: AbortSignal;
}

async function tagOne(user: UserTagging, { tag, clock, journal, signal }: Hands): Promise<TaggingResult> {
  const { userName, changes } = user;
  const due = changes.filter(({ kind }) => kind !== "same");
  if (due.length === 0) return { ...user, result: "same", sentence: "" };
  if (signal.aborted) return { ...user, result: "interrupted", sentence: "" };
  // Values may be mail addresses: the audit has the keys alone.
  const reason = due.map(({ key, kind }) => `${kind} ${key}`).join(", ");
  const step = { userName, step: "tag", accessKeyIds: [] };
  journal({ ...step, at: clock.now(), outcome: "started", reason });
  try {
    await tag(userName, new Map(due.map(({ key, value }) => [key, value])));
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    const outcome = error.kind === "unknown" ? "unknown" : "failed";
    const sentence = `${error.action}: ${error.code}: ${error.message}`;
    journal({ ...step, at: clock.now(), outcome, reason: sentence });
    return { ...user, result: "failed", sentence };
  }
  journal({ ...step, at: clock.now(), outcome: "done", reason });
  return { ...user, result: "tagged", sentence: "" };
}
