import * as z from "zod";
import type { Action } from "../core/decision.ts";
import { accessKeyId } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { age, days, formatInstant, type Instant, parseInstant } from "../core/time.ts";

/** A plan is stale after a day: by then other keys are due. */
const SHELF_LIFE = days(1);

const step = z.object({
  action: z.enum(["rotate", "resume", "remove-orphan", "mark-delivered", "clear-escrow", "deactivate", "delete"]),
  accessKeyIds: z.array(z.string().regex(/^\w{16,128}$/)).max(20),
});

/** What messages quote: nothing that a terminal would act on. */
const quotable = z.string().regex(/^[ -~]{0,64}$/);

/** What is read of a plan: who and which keys. Targets, policy and reasons are never taken from it. */
const planFile = z.object({
  schema: z.literal("keyturn/plan/v1"),
  keyturn: quotable,
  account: z.string().regex(/^\d{12}$/),
  settings: z.string(),
  startedAt: quotable,
  users: z.array(z.object({ userName: z.string(), planned: z.array(step).max(10) })),
});

/** What a plan must agree with. */
export interface PlanExpectations {
  readonly keyturn: string;
  readonly account: string;
  readonly settings: string;
  readonly now: Instant;
}

/** The actions that a plan allows, by user. */
export type PlannedActions = ReadonlyMap<string, readonly Action[]>;

/**
 * Reads a plan file as a filter. Throws {@link InvalidInput} where it is none, or was made for another account, by another
 * version, with other settings, or more than a day ago. `where` names the file.
 */
export function readPlan(text: string, where: string, expected: PlanExpectations): PlannedActions {
  const plan = parse(text, where);
  const again = `make a new one: keyturn plan --out ${where}`;
  if (plan.keyturn !== expected.keyturn)
    throw new InvalidInput(`${where} was made by keyturn ${plan.keyturn}, this is ${expected.keyturn}`, again);
  if (plan.account !== expected.account)
    throw new InvalidInput(
      `${where} is for account ${plan.account}, these credentials are for ${expected.account}`,
      "check the profile",
    );
  if (plan.settings !== expected.settings) {
    throw new InvalidInput(
      `${where} was made with another policy, other destinations, another escrow or region`,
      "give the same flags and configuration as to keyturn plan, or make a new plan",
    );
  }
  const made = parseInstant(plan.startedAt);
  if (made === null || made > expected.now + 60_000)
    throw new InvalidInput(`${where}: "${plan.startedAt}" is not when a plan was made`, again);
  if (age(made, expected.now) > SHELF_LIFE)
    throw new InvalidInput(`${where} was made on ${formatInstant(made)}, more than a day ago`, again);
  return new Map(
    plan.users.map(({ userName, planned }) => [
      userName,
      planned.map(({ action, accessKeyIds }) => actionFrom(action, accessKeyIds, where)),
    ]),
  );
}

function parse(text: string, where: string): z.infer<typeof planFile> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new InvalidInput(`${where} is not JSON`, "keyturn plan --out FILE writes a plan");
  }
  const parsed = planFile.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidInput(
    `${where} is not a plan: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`.trimEnd(),
    "keyturn plan --out FILE writes a plan",
  );
}

/** The ids stand in the order in which results list them: the key itself, its successor, then the others. */
function actionFrom(kind: Action["kind"], ids: readonly string[], where: string): Action {
  const [first, second, ...rest] = ids.map(accessKeyId);
  const missing = () => new InvalidInput(`${where}: a step "${kind}" names too few keys`);
  if (kind === "rotate") return { kind, known: ids.map(accessKeyId) };
  if (first === undefined) throw missing();
  const others = second === undefined ? [] : [second, ...rest];
  switch (kind) {
    case "resume":
      return { kind, key: first, known: others };
    case "mark-delivered":
      return { kind, key: first, old: others };
    case "deactivate":
      if (second === undefined) throw missing();
      return { kind, key: first, successor: second, others: rest };
    case "remove-orphan":
    case "clear-escrow":
    case "delete":
      return { kind, key: first };
  }
}
