import type { User } from "../core/access-key.ts";
import { about, type CheckFinding, judgeStatement, judgeTags } from "../core/checkup.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Statement } from "../core/permissions.ts";
import { CallError, type Clock, type Destination, type Escrow, type Iam, type PermissionSimulator } from "../ports.ts";
import { Slots } from "./slots.ts";

/** Something of the settings: opened, or what is in the way of opening it for anybody. */
export type Opened<T> = { readonly text: string } & ({ readonly opened: T } | { readonly problem: InvalidInput });

/** What a checkup looks at. */
export interface CheckupParts {
  readonly iam: Iam;
  readonly simulator: PermissionSimulator;
  readonly clock: Clock;
  readonly destinations: readonly Opened<{
    readonly open: (user: User) => Destination;
    readonly isStream: boolean;
  }>[];
  readonly escrow: Opened<Escrow> | null;
  /** What the settings need, for these users: resources without wildcards, or `*`. */
  readonly statements: readonly Statement[];
  readonly parallel: number;
}

/**
 * Finds what would stop a run: permissions, destinations, escrow, room for the record. Reads, and asks IAM to simulate; changes
 * nothing but the folder of a file escrow, which is made as a run would make it. `standIn` = somebody who does not exist: where no
 * users are given, the targets are checked for him.
 */
export async function checkUp(
  parts: CheckupParts,
  users: readonly User[],
  standIn: User,
): Promise<readonly CheckFinding[]> {
  const slots = new Slots(parts.parallel, parts.clock);
  const forEach = async <T>(items: readonly T[], work: (item: T) => Promise<readonly CheckFinding[]>) =>
    (await Promise.all(items.map((item) => slots.use(() => work(item))))).flat();
  return [
    ...(await checkPermissions(parts, users[0] ?? null, standIn)),
    ...notGiven(parts, users),
    ...sharedTargets(parts, users),
    ...(await forEach(parts.destinations, (each) =>
      Promise.resolve("problem" in each ? [asFinding("destinations", each.text, each.problem)] : []),
    )),
    ...(await forEach(opened(parts, users.length === 0 ? [standIn] : users), ({ text, user, open }) =>
      checkDestination(users.length === 0 ? `${text} (for a user ${standIn.userName})` : null, user, open),
    )),
    ...(parts.escrow === null ? [] : await checkEscrow(parts.escrow)),
    ...(await forEach(users, (user) => checkTags(parts.iam, user))),
  ];
}

/** What was not looked at because nobody said where. */
const notGiven = ({ destinations }: CheckupParts, users: readonly User[]): readonly CheckFinding[] => [
  ...(destinations.length > 0
    ? []
    : [about("destinations", "--deliver")("unchecked", "none is given", "give doctor the flags of the run")]),
  ...(users.length > 0
    ? []
    : [
        about("tags", "users")(
          "unchecked",
          "none is selected",
          "--user NAME, --path /ci/, --tag KEY=VALUE or --all-users",
        ),
      ]),
];

const opened = ({ destinations }: CheckupParts, users: readonly User[]) =>
  destinations.flatMap((each) =>
    "problem" in each ? [] : users.map((user) => ({ text: each.text, user, open: each.opened.open })),
  );

/** Two users with one target: a run is refused as a whole. */
function sharedTargets({ destinations }: CheckupParts, users: readonly User[]): readonly CheckFinding[] {
  const takenBy = new Map<string, string>();
  return destinations.flatMap((each) => {
    if ("problem" in each || each.opened.isStream) return [];
    return users.flatMap((user): readonly CheckFinding[] => {
      const label = labelOf(each.opened.open, user);
      const other = label === null ? undefined : takenBy.get(label);
      if (label !== null) takenBy.set(label, user.userName);
      if (label === null || other === undefined) return [];
      const sharing = `${other} and ${user.userName} would share this target`;
      return [about("destinations", label)("wrong", sharing, "put {user} into the target")];
    });
  });
}

function labelOf(open: (user: User) => Destination, user: User): string | null {
  try {
    return open(user).label;
  } catch (error) {
    if (error instanceof InvalidInput) return null;
    throw error;
  }
}

/** `subject` = what to call it; null = its own label. */
async function checkDestination(
  subject: string | null,
  user: User,
  open: (user: User) => Destination,
): Promise<readonly CheckFinding[]> {
  let label = subject ?? user.userName;
  try {
    const destination = open(user);
    label = subject ?? destination.label;
    await destination.check();
    const served = await destination.read?.();
    const serves =
      served === undefined
        ? "what is delivered cannot be read back"
        : served.accessKeyId === null
          ? "it serves no key yet"
          : "it serves a key, which can be read back";
    return [about("destinations", label)("fine", `nothing is in the way of a delivery; ${serves}`)];
  } catch (error) {
    return [asFinding("destinations", label, error)];
  }
}

async function checkEscrow(escrow: Opened<Escrow>): Promise<readonly CheckFinding[]> {
  if ("problem" in escrow) return [asFinding("escrow", escrow.text, escrow.problem)];
  try {
    await escrow.opened.check();
    const waiting = (await escrow.opened.list()).length;
    const what = `it can be read; ${waiting === 0 ? "no secret waits" : `${waiting} of its secrets wait to be delivered`}`;
    return [about("escrow", escrow.opened.label)("fine", what)];
  } catch (error) {
    return [asFinding("escrow", escrow.opened.label, error)];
  }
}

async function checkTags(iam: Iam, { userName }: User): Promise<readonly CheckFinding[]> {
  try {
    return [judgeTags(userName, (await iam.listTags(userName)) ?? new Map<string, string>())];
  } catch (error) {
    return [{ ...asFinding("tags", userName, error), verdict: "unchecked" }];
  }
}

/** By IAM's simulation where it may be asked, else by trying what only reads. */
async function checkPermissions(
  parts: CheckupParts,
  user: User | null,
  standIn: User,
): Promise<readonly CheckFinding[]> {
  const findings: CheckFinding[] = [];
  for (const statement of parts.statements) {
    const { actions, resources, conditions } = statement;
    try {
      const answers = await parts.simulator.simulate({ actions, resources, conditions });
      if (answers === null)
        return [
          cannotSimulate("IAM cannot simulate this kind of identity", null),
          ...(await tryReads(parts, user, standIn)),
        ];
      findings.push(...judgeStatement(statement, answers));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      const why =
        error.kind === "denied"
          ? `${error.action} is denied`
          : `${error.action} failed: ${error.code}: ${error.message}`;
      return [
        cannotSimulate(
          why,
          error.kind === "denied" ? `allow ${error.action} to this identity, for this check alone` : null,
        ),
        ...(await tryReads(parts, user, standIn)),
      ];
    }
  }
  return findings;
}

const cannotSimulate = (why: string, fix: string | null): CheckFinding =>
  about("permissions", "iam:SimulatePrincipalPolicy")("unchecked", `${why}; so what only reads was tried instead`, fix);

type Probe = (iam: Iam, user: User) => Promise<unknown>;

/** Calls that change nothing, one for each action of IAM that reads. `null` = there was nothing to ask it about. */
const probes: Readonly<Record<string, Probe>> = {
  "iam:ListUsers": (iam, { path }) => iam.listUsers(path),
  "iam:GetUser": (iam, { userName }) => iam.getUser(userName),
  "iam:ListAccessKeys": (iam, { userName }) => iam.listAccessKeys(userName),
  "iam:ListUserTags": (iam, { userName }) => iam.listTags(userName),
  "iam:GetLoginProfile": (iam, { userName }) => iam.hasPassword(userName),
  "iam:GetAccessKeyLastUsed": async (iam, { userName }) => {
    const [key] = (await iam.listAccessKeys(userName)) ?? [];
    return key === undefined ? null : iam.lastUse(key.accessKeyId);
  },
};

async function tryReads(
  { iam, statements }: CheckupParts,
  user: User | null,
  standIn: User,
): Promise<readonly CheckFinding[]> {
  const actions = [...new Set(statements.flatMap((each) => each.actions))];
  const findings: CheckFinding[] = [];
  const untried: string[] = [];
  for (const action of actions) {
    const probe = probes[action];
    // The destinations and the escrow are read on their own account, further down.
    if (probe === undefined && /^(?!iam:)\w+:(Get|Describe|List)/.test(action)) continue;
    const finding = probe === undefined ? null : await tryRead(action, () => probe(iam, user ?? standIn));
    if (finding === null) untried.push(action);
    else findings.push(finding);
  }
  if (untried.length === 0) return findings;
  const rest = about("permissions", untried.join(", "))(
    "unchecked",
    "not tried: nothing tells beforehand without the simulation",
    "compare with what keyturn policy prints for the same settings",
  );
  return [...findings, rest];
}

/** Null where the call had nothing to ask about, or failed for another reason than a missing permission. */
async function tryRead(action: string, probe: () => Promise<unknown>): Promise<CheckFinding | null> {
  const of = about("permissions", action);
  try {
    const isAnswered = (await probe()) !== null || action !== "iam:GetAccessKeyLastUsed";
    return isAnswered ? of("fine", "allowed: it was tried") : null;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    if (error.action !== action) return null;
    return error.kind === "denied"
      ? of("wrong", `denied on ${error.resource}`, ALLOW)
      : of("unchecked", `it was tried and failed: ${error.code}: ${error.message}`);
  }
}

/** What to do about a permission that is missing. */
const ALLOW = "allow it: keyturn policy, with the same settings, prints the statement";

/** An error that a check throws, as a finding; anything else is a bug and is thrown on. */
export function asFinding(area: CheckFinding["area"], subject: string, error: unknown): CheckFinding {
  const of = about(area, subject);
  if (error instanceof InvalidInput) {
    const { message, hint } = error;
    return of("wrong", message.startsWith(`${subject}: `) ? message.slice(subject.length + 2) : message, hint);
  }
  if (!(error instanceof CallError)) throw error;
  const { action, resource, kind, code, message } = error;
  if (kind === "denied") return of("wrong", `${action} on ${resource} is denied`, ALLOW);
  return of("wrong", `${action} on ${resource} failed: ${code}: ${message}`, kind === "unknown" ? REACH : null);
}

/** What to do about a call that got no usable answer. */
const REACH = "try again; if it stays, see what stands between this machine and the endpoint";
