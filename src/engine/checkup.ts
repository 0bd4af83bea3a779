import type { Tags, User } from "../core/access-key.ts";
import { about, type CheckFinding, judgeTags } from "../core/checkup.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import type { Statement } from "../core/permissions.ts";
import type { Owner } from "../core/owner.ts";
import { ownerIn } from "../core/owner-ledger.ts";
import { needsTags, type Rulebook, settingsFor } from "../core/rulebook.ts";
import { type Clock, type Destination, type Escrow, type Iam, type PermissionSimulator } from "../ports.ts";
import { asFinding } from "./call-finding.ts";
import { checkPermissions } from "./check-permissions.ts";
import { Slots } from "./slots.ts";

/** Something of the settings: opened, or what is in the way of opening it for anybody. */
export type Opened<T> = { readonly text: string } & ({ readonly opened: T } | { readonly problem: InvalidInput });

/** What a checkup looks at. */
export interface CheckupParts {
  readonly iam: Iam;
  readonly simulator: PermissionSimulator;
  readonly clock: Clock;
  readonly rulebook: Rulebook;
  /** Every target that some user may be delivered to. */
  readonly destinations: readonly Opened<{
    readonly open: (user: User, owner: Owner | null) => Destination;
    readonly isStream: boolean;
  }>[];
  readonly escrow: Opened<Escrow> | null;
  /** What the settings need: resources without wildcards, or `*`. `sampleFor` = a user who is delivered to the target. */
  readonly statements: (sampleFor: (target: string) => User) => readonly Statement[];
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
  const forEach = <T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> =>
    Promise.all(items.map((item) => slots.use(() => work(item))));
  const looked = await forEach(users, (user) => look(parts, user));
  const everything = { user: standIn, owner: null, deliver: parts.destinations.map(({ text }) => text), findings: [] };
  const targets = targetsOf(parts, users.length === 0 ? [everything] : looked);
  const sampleFor = (text: string): User =>
    looked.find(({ deliver }) => deliver.includes(text))?.user ?? users[0] ?? standIn;
  const subjectOf = (text: string) => (users.length === 0 ? `${text} (for a user ${standIn.userName})` : null);
  return [
    ...(await checkPermissions(parts.iam, parts.simulator, parts.statements(sampleFor), users[0] ?? standIn)),
    ...notGiven(parts, users),
    ...parts.destinations.flatMap((each) =>
      "problem" in each ? [asFinding("destinations", each.text, each.problem)] : [],
    ),
    ...sharedTargets(targets),
    ...(await forEach(targets, ({ text, user, open }) => checkDestination(subjectOf(text), user, open))),
    ...(parts.escrow === null ? [] : [await checkEscrow(parts.escrow)]),
    ...looked.flatMap(({ findings }) => findings),
  ];
}

/** What was not looked at because nobody said where. */
const notGiven = ({ destinations }: CheckupParts, users: readonly User[]): readonly CheckFinding[] => [
  ...(destinations.length > 0 || users.length > 0
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

/** What was found out about one user, and the targets that it is delivered to. */
interface Looked {
  readonly user: User;
  /** As the tags say: who is in force while a change waits stands in the ledger. */
  readonly owner: Owner | null;
  readonly deliver: readonly string[];
  readonly findings: readonly CheckFinding[];
}

async function look({ iam, rulebook }: CheckupParts, user: User): Promise<Looked> {
  const { userName } = user;
  let tags: Tags | null = null;
  const findings: CheckFinding[] = [];
  try {
    tags = (await iam.listTags(userName)) ?? new Map<string, string>();
  } catch (error) {
    findings.push({ ...asFinding("tags", userName, error), verdict: "unchecked" });
  }
  const of = about("settings", userName);
  const nobody = { user, owner: null, deliver: [] };
  if (tags === null && needsTags(rulebook))
    return {
      ...nobody,
      findings: [...findings, of("unchecked", "what holds for the user hangs on its tags")],
    };
  try {
    const { exempt, deliver, claim } = settingsFor(rulebook, user, tags);
    if (exempt !== null) return { ...nobody, findings: [of("fine", `left alone: ${exempt}`)] };
    if (tags !== null) findings.push(judgeTags(userName, tags));
    if (deliver.length === 0)
      findings.push(
        about("destinations", userName)(
          "unchecked",
          "no destination is given: where something is due, the user would be blocked (no-destination)",
          "give doctor the --deliver of the run",
        ),
      );
    for (const note of claim?.notes ?? []) findings.push(of("unchecked", note));
    return { user, owner: claim === null ? null : ownerIn(claim), deliver, findings };
  } catch (error) {
    return { ...nobody, findings: [...findings, asFinding("settings", userName, error)] };
  }
}

interface CheckedTarget {
  readonly text: string;
  readonly user: User;
  readonly open: (user: User) => Destination;
  readonly isStream: boolean;
}

const targetsOf = ({ destinations }: CheckupParts, users: readonly Looked[]): readonly CheckedTarget[] =>
  destinations.flatMap((each) =>
    "problem" in each
      ? []
      : users
          .filter(({ deliver }) => deliver.includes(each.text))
          .map(({ user, owner }) => ({
            text: each.text,
            user,
            ...each.opened,
            open: () => each.opened.open(user, owner),
          })),
  );

/** Two users with one target: a run is refused as a whole. */
function sharedTargets(targets: readonly CheckedTarget[]): readonly CheckFinding[] {
  const takenBy = new Map<string, string>();
  return targets.flatMap(({ open, user, isStream }) => {
    const label = isStream ? null : labelOf(open, user);
    const other = label === null ? undefined : takenBy.get(label);
    if (label !== null) takenBy.set(label, user.userName);
    if (label === null || other === undefined) return [];
    const sharing = `${other} and ${user.userName} would share this target`;
    return [about("destinations", label)("wrong", sharing, "put {user} into the target")];
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
): Promise<CheckFinding> {
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
    return about("destinations", label)("fine", `nothing is in the way of a delivery; ${serves}`);
  } catch (error) {
    return asFinding("destinations", label, error);
  }
}

async function checkEscrow(escrow: Opened<Escrow>): Promise<CheckFinding> {
  if ("problem" in escrow) return asFinding("escrow", escrow.text, escrow.problem);
  try {
    await escrow.opened.check();
    const waiting = (await escrow.opened.list()).length;
    const what = `it can be read; ${waiting === 0 ? "no secret waits" : `${waiting} of its secrets wait to be delivered`}`;
    return about("escrow", escrow.opened.label)("fine", what);
  } catch (error) {
    return asFinding("escrow", escrow.opened.label, error);
  }
}
