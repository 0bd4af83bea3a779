import * as z from "zod";
import type { AccessKeyId } from "../core/access-key.ts";
import { type AccountReport, accountReasons } from "../core/account-result.ts";
import type { LeftOut, Member } from "../core/accounts.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { NoticeReport } from "../core/result.ts";
import { parseInstant } from "../core/time.ts";
import { type AccountDocument, countUsers, type UserDocument } from "../report/accounts.ts";
import { doneWord } from "../report/words.ts";

/*
 * What planner and workers write down for each other, and for reports. Whoever may write to the bucket may have written it, so all
 * of it is checked when it is read.
 */

/** What a run is about: written before its first message is sent. */
export interface RunPlan {
  readonly schema: "keyturn/run-plan/v1";
  /** The version of keyturn. */
  readonly keyturn: string;
  readonly run: string;
  /** From where the accounts are entered. */
  readonly account: string;
  readonly caller: string;
  /** As all documents have it. */
  readonly startedAt: string;
  /** The hash of the configuration that chose the accounts. */
  readonly config: string;
  /** What counts as a failure of the run. */
  readonly failOn: "failed" | "blocked";
  readonly members: readonly Member[];
  readonly left: readonly LeftOut[];
}

/** What became of one account in a run, as far as workers have got. */
export interface RunPart {
  readonly schema: "keyturn/run-account/v1";
  readonly keyturn: string;
  readonly run: string;
  readonly account: string;
  /** Only looked at: nothing was changed. */
  readonly dryRun: boolean;
  /** The hash of the configuration that the account was worked in with. */
  readonly config: string;
  /** `begun` = rotations were granted, and no worker has come to an end yet · `unfinished` = users are left · `finished`. */
  readonly state: "begun" | "unfinished" | "finished";
  /** Names the write, so that a worker whose reply was lost knows its own. */
  readonly by: string;
  readonly writtenAt: string;
  /**
   * Users for whom this run may make a successor: written before it makes any, so that the pace holds although a worker is lost. A worker
   * that comes later may make those, and no more of them than the pace has room for.
   */
  readonly granted: readonly string[];
  /** Null until a worker has come to an end. */
  readonly report: AccountDocument | null;
}

/** A word that is told as it stands and gone by nowhere: a newer worker may know more of them than this keyturn. */
const word = <T extends string>() => z.custom<T>((value) => typeof value === "string", "this should be text");

type KeyDocument = UserDocument["keys"][number];

const text = z.string();
const textOrNull = text.nullable();
const moment = text.refine((given) => parseInstant(given) !== null, "this should be a moment");
const run = text.regex(/^[0-9a-f-]{36}$/);
const account = text.regex(/^\d{12}$/);

/** One of the words that a record names. */
const codes = <T extends string>(words: Readonly<Record<T, unknown>>) => z.enum(Object.keys(words) as [T, ...T[]]); // Object.keys forgets the names

const accountCode = codes(accountReasons);

const member = z.object({ account, name: textOrNull });

const planSchema: z.ZodType<RunPlan> = z.object({
  schema: z.literal("keyturn/run-plan/v1"),
  keyturn: text,
  run,
  account,
  caller: text,
  startedAt: moment,
  config: text,
  failOn: z.enum(["failed", "blocked"]),
  members: z.array(member),
  left: z.array(
    member.extend({
      code: z.enum(["not-active", "excluded", "not-included", "not-in-organization"]),
      sentence: text,
    }),
  ),
});

const next = z.object({ what: text, at: textOrNull }).nullable();

const accessKeyId = word<AccessKeyId>();
const action = z.object({ action: codes(doneWord), accessKeyIds: z.array(accessKeyId) });

const user: z.ZodType<UserDocument> = z.object({
  userName: text,
  path: text,
  outcome: word<UserDocument["outcome"]>(),
  code: word<UserDocument["code"]>(),
  sentence: text,
  readExactly: z.boolean(),
  next,
  command: textOrNull,
  keys: z.array(
    z.object({
      accessKeyId,
      status: word<KeyDocument["status"]>(),
      createDate: text,
      ageDays: z.number(),
      lastUse: z.union([z.null(), z.literal("unread"), z.object({ at: text, service: text, region: text })]),
      role: word<KeyDocument["role"]>(),
      code: word<KeyDocument["code"]>(),
      sentence: text,
      next,
    }),
  ),
  destinations: z.array(text),
  planned: z.array(action),
  steps: z.array(
    action.extend({
      result: z.enum(["done", "stopped", "failed"]),
      created: accessKeyId.nullable(),
      sentence: text,
      hint: textOrNull,
    }),
  ),
  notices: z.array(
    z.object({
      kind: word<NoticeReport["kind"]>(),
      accessKeyId: accessKeyId.nullable(),
      result: z.enum(["sent", "failed"]),
      sentence: text,
    }),
  ),
  notes: z.array(text),
});

const reportSchema: z.ZodType<AccountReport> = z.object({
  account,
  name: textOrNull,
  outcome: z.enum(["done", "failed", "refused", "skipped", "interrupted"]),
  code: accountCode,
  sentence: text,
  hint: textOrNull,
  caller: textOrNull,
  listing: textOrNull,
  audit: z.object({ head: text, file: textOrNull }).nullable(),
  notes: z.array(text),
});

const partSchema = z.object({
  schema: z.literal("keyturn/run-account/v1"),
  keyturn: text,
  run,
  account,
  dryRun: z.boolean(),
  config: text,
  state: z.enum(["begun", "unfinished", "finished"]),
  by: text,
  writtenAt: moment,
  granted: z.array(text),
  report: z
    .object({ users: z.array(user) })
    .and(reportSchema)
    .nullable(),
});

/** Reads a plan. Throws {@link InvalidInput}. */
export function readPlan(from: string, label: string): RunPlan {
  return parse(planSchema, from, label);
}

/** Reads what became of an account. Its sums are made anew. Throws {@link InvalidInput}. */
export function readPart(from: string, label: string): RunPart {
  const { report, ...part } = parse(partSchema, from, label);
  if (report === null) return { ...part, report };
  const { users, ...own } = report;
  if (own.account !== part.account) throw unreadable(label, "account", "it tells of another account");
  return { ...part, report: countUsers(own, users) };
}

/** Reads the id of the run that began last. Throws {@link InvalidInput}. */
export function readLatest(from: string, label: string): string {
  return parse(z.object({ run }), from, label).run;
}

function parse<T>(schema: z.ZodType<T>, from: string, label: string): T {
  const parsed = schema.safeParse(asJson(from));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw unreadable(label, issue?.path.join(".") ?? "", issue?.message ?? "");
}

function asJson(from: string): unknown {
  try {
    return JSON.parse(from);
  } catch {
    return undefined;
  }
}

const unreadable = (label: string, place: string, why: string): InvalidInput =>
  new InvalidInput(
    `${label} cannot be read${place === "" ? "" : `: ${place}`}${why === "" ? "" : `: ${why}`}`,
    "it was written by another program, or by a newer keyturn: look who may write there",
  );
