import type { Tags } from "./access-key.ts";
import { findTag } from "./access-key.ts";
import { InvalidInput } from "./invalid-input.ts";
import { fits, type Match } from "./match.ts";
import type { Exemption, Layer } from "./rulebook.ts";

/* Which accounts a run over many is about, and what differs in each. Pure: who asks AWS is elsewhere. */

/** Which accounts of an organization something holds for. */
export interface AccountMatch {
  /** Account ids; null = any. */
  readonly id: readonly string[] | null;
  /** Organizational units (`ou-…`) or the root (`r-…`), whatever is below them included; null = any. */
  readonly ou: readonly string[] | null;
  /** For each key, the account has this tag with a value that fits one of these patterns; null = any. */
  readonly tag: Match["tag"];
}

/** A role to assume in an account. */
export interface MemberRole {
  /** A name, with its path where it has one, or an ARN. */
  readonly role: string;
  readonly externalId: string | null;
}

/** What holds in one account alone. What is null is as in all others. */
export interface AccountOverride {
  /** Where its policy stands in the file, as keys and indexes, for messages. */
  readonly path: readonly (string | number)[];
  readonly role: string | null;
  readonly externalId: string | null;
  /** Policy, targets and window, laid over those of the file. */
  readonly layer: Layer | null;
  readonly select: Match | null;
  readonly escrow: string | null;
  /** On top of those of the file. */
  readonly exemptions: readonly Exemption[];
  readonly maxRotations: number | null;
  readonly refuseAbove: number | null;
}

/** The accounts that keyturn works in, and how it gets there. */
export interface Fleet {
  /** The accounts by name; null = AWS Organizations is asked. */
  readonly listed: readonly string[] | null;
  /** Of the organization only these: all that is given must fit. Null = every account. */
  readonly include: AccountMatch | null;
  /** Of the organization not these: one that fits in any way is left out. Null = none is. */
  readonly exclude: AccountMatch | null;
  /** ARN of a role of the management account, or of a delegated administrator, by which Organizations is asked; null = as the caller. */
  readonly listAs: string | null;
  /** Of every account that names none of its own; null where each does. */
  readonly role: string | null;
  readonly externalId: string | null;
  /** Whether a session is narrowed to what these settings need. */
  readonly sessionPolicy: "none" | "derived";
  /** Whether the id of the run is set as the source identity of each session. */
  readonly sourceIdentity: "none" | "run";
  /** Where secrets go for all accounts; null = each account keeps its own. */
  readonly central: { readonly account: string; readonly role: MemberRole | null } | null;
  readonly limits: {
    /** Accounts at one time. */
    readonly parallel: number;
    /** New keys in all accounts together in one run; null = only the limit of each account counts. */
    readonly maxRotations: number | null;
  };
  readonly overrides: ReadonlyMap<string, AccountOverride>;
}

/** An account, by id and by the name that somebody gave it; the name is null where nobody said it. */
export interface Member {
  readonly account: string;
  readonly name: string | null;
}

/** An account of an organization with what the selection asks of it. */
export interface FoundAccount extends Member {
  readonly state: string;
  /** Those of the units that the selection names which the account is below. */
  readonly units: readonly string[];
  /** Null where nothing asks for them. */
  readonly tags: Tags | null;
}

/** Why no work is done in an account. */
export interface LeftOut extends Member {
  readonly code: "not-active" | "excluded" | "not-included" | "not-in-organization";
  readonly sentence: string;
}

/** The units that a selection names. */
export const unitsOf = ({ include, exclude }: Pick<Fleet, "include" | "exclude">): readonly string[] => [
  ...new Set([...(include?.ou ?? []), ...(exclude?.ou ?? [])]),
];

/** Whether the tags of accounts must be read to tell which are meant. */
export const asksForTags = ({ include, exclude }: Pick<Fleet, "include" | "exclude">): boolean =>
  (include?.tag ?? exclude?.tag ?? null) !== null;

/** Parts an organization into accounts to work in and those to leave out, each with the reason; both sorted by id. */
export function chooseAccounts(
  found: readonly FoundAccount[],
  fleet: Pick<Fleet, "include" | "exclude" | "overrides">,
): { readonly members: readonly Member[]; readonly left: readonly LeftOut[] } {
  const members: Member[] = [];
  const left: LeftOut[] = unknownIds(found, fleet).map((account) => ({
    account,
    name: null,
    code: "not-in-organization",
    sentence: "the settings name this account, and the organization has none of this id",
  }));
  for (const each of found) {
    const why = whyLeftOut(each, fleet);
    const { account, name } = each;
    if (why === null) members.push({ account, name });
    else left.push({ account, name, ...why });
  }
  return { members: members.toSorted(byId), left: left.toSorted(byId) };
}

/** A mistyped id would leave an account without rotation, and nobody would notice. */
function unknownIds(
  found: readonly FoundAccount[],
  { include, overrides }: Pick<Fleet, "include" | "overrides">,
): readonly string[] {
  const there = new Set(found.map(({ account }) => account));
  return [...new Set([...(include?.id ?? []), ...overrides.keys()])].filter((account) => !there.has(account));
}

function whyLeftOut(
  account: FoundAccount,
  { include, exclude }: Pick<Fleet, "include" | "exclude">,
): Pick<LeftOut, "code" | "sentence"> | null {
  const barred = exclude === null ? null : waysToFit(account, exclude).find(({ isFit }) => isFit);
  if (barred !== undefined && barred !== null)
    return { code: "excluded", sentence: `the settings exclude it by ${barred.by}` };
  const missed = include === null ? null : waysToFit(account, include).find(({ isFit }) => !isFit);
  if (missed !== undefined && missed !== null)
    return { code: "not-included", sentence: `the settings include others by ${missed.by}` };
  return account.state === "ACTIVE"
    ? null
    : { code: "not-active", sentence: `AWS Organizations says that it is ${account.state}` };
}

/** Each way in which a selection picks accounts, and whether this one fits it. */
function waysToFit(
  { account, units, tags }: FoundAccount,
  { id, ou, tag }: AccountMatch,
): readonly { readonly by: string; readonly isFit: boolean }[] {
  return [
    ...(id === null ? [] : [{ by: "id", isFit: id.includes(account) }]),
    ...(ou === null ? [] : [{ by: "organizational unit", isFit: ou.some((unit) => units.includes(unit)) }]),
    ...[...(tag ?? [])].map(([key, patterns]) => {
      const value = findTag(tags ?? new Map(), key);
      return { by: `the tag ${key}`, isFit: value !== null && patterns.some((pattern) => fits(pattern, value)) };
    }),
  ];
}

const byId = (a: Member, b: Member): number => (a.account < b.account ? -1 : 1);

/** The role to assume in an account. Throws {@link InvalidInput} where the settings name none. */
export function roleIn(fleet: Fleet, account: string): MemberRole {
  const own = fleet.overrides.get(account);
  const role = own?.role ?? fleet.role;
  if (role === null)
    throw new InvalidInput(`no role is named for account ${account}`, "role: NAME, for all accounts or for this one");
  return { role, externalId: own?.externalId ?? fleet.externalId };
}

const ROLE_ARN = /^arn:aws[\w-]*:iam::(\d{12}):role\/[\w+=,.@/-]+$/;
const ROLE_NAME = /^[\w+=,.@-]+(?:\/[\w+=,.@-]+)*$/;

/** Reads the name of a role, with its path where it has one, or its ARN. Throws {@link InvalidInput}. */
export function parseRole(text: string): string {
  const bare = text.replace(/^\//, "");
  if (text.startsWith("arn:") ? ROLE_ARN.test(text) : ROLE_NAME.test(bare)) return bare;
  throw new InvalidInput(
    `"${text}" is neither the name nor the ARN of a role`,
    "KeyturnMember, service/KeyturnMember or arn:aws:iam::111122223333:role/KeyturnMember",
  );
}

/** Reads the ARN of a role. Throws {@link InvalidInput}. */
export function parseRoleArn(text: string): string {
  if (ROLE_ARN.test(text)) return text;
  throw new InvalidInput(`"${text}" is not the ARN of a role`, "arn:aws:iam::111122223333:role/NAME");
}

/** The account that the ARN of a role names; null for a bare name. */
export const accountOfRole = (role: string): string | null => ROLE_ARN.exec(role)?.[1] ?? null;

/** The ARN of a role in an account. */
export const roleArn = (role: string, account: string, partition: string): string =>
  role.startsWith("arn:") ? role : `arn:${partition}:iam::${account}:role/${role}`;

/** Reads the id of an organizational unit or of the root. Throws {@link InvalidInput}. */
export function parseUnit(text: string): string {
  if (/^(?:r-[a-z0-9]{4,32}|ou-[a-z0-9]{4,32}-[a-z0-9]{8,32})$/.test(text)) return text;
  throw new InvalidInput(
    `"${text}" is not the id of an organizational unit`,
    "it looks like ou-abcd-11112222, the root like r-abcd",
  );
}

/** Reads an external id. @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html Throws {@link InvalidInput}. */
export function parseExternalId(text: string): string {
  if (/^[\w+=,.@:/-]{2,1224}$/.test(text)) return text;
  throw new InvalidInput("this is not an external id", "2 to 1,224 letters, digits and _+=,.@:/-");
}
