import * as z from "zod";
import {
  type AccountMatch,
  accountOfRole,
  parseExternalId,
  parseRole,
  parseRoleArn,
  parseUnit,
} from "../core/accounts.ts";
import type { Match } from "../core/match.ts";
import type { Exemption, PolicyChange } from "../core/rulebook.ts";
import type { Window } from "../core/window.ts";

/*
 * The sections of keyturn.yaml about many accounts: `accounts`, where it is more than a list of ids, and `organization`.
 */

/** What the schema of the whole file lends to these sections. */
interface Lent {
  readonly text: <R>(
    read: (given: string) => R,
    shown: { readonly description: string; readonly examples?: readonly string[] },
  ) => z.ZodType<R, string>;
  readonly wholeNumber: (description: string, lowest: number, highest: number) => z.ZodType<number, string>;
  readonly oneOrMore: <I extends z.ZodType>(item: I) => z.ZodType<z.output<I>[], z.input<I> | z.input<I>[]>;
  readonly percent: z.ZodType<number, string>;
  readonly account: z.ZodType<string, string>;
  readonly word: (description: string) => z.ZodType<string, string>;
  readonly pattern: z.ZodType<string, string>;
  readonly match: z.ZodType<Match>;
  readonly exempt: z.ZodType<readonly Omit<Exemption, "origin">[]>;
  /** What may stand in `defaults`, and for one account as well. */
  readonly perUser: {
    readonly policy: z.ZodOptional<z.ZodType<PolicyChange>>;
    readonly deliver: z.ZodOptional<z.ZodType<string[]>>;
    readonly window: z.ZodOptional<z.ZodType<Window | null>>;
  };
}

/** Makes the sections out of the pieces of the whole. */
export function accountSections(lent: Lent) {
  const { text, wholeNumber, oneOrMore, percent, account, word, pattern } = lent;

  const role = text(parseRole, {
    description: "A role to assume in the account: its name, with its path where it has one, or its ARN.",
    examples: ["KeyturnMember", "arn:aws:iam::111122223333:role/KeyturnMember"],
  });
  const externalId = text(parseExternalId, { description: "The external id that the role's trust policy asks for." });

  const override = {
    role: role.optional(),
    externalId: externalId.optional(),
    ...lent.perUser,
    select: lent.match.optional(),
    escrow: word("Where a new secret of this account waits: ssm, file or none.").optional(),
    exempt: lent.exempt.optional(),
    limits: z
      .strictObject({
        maxRotations: wholeNumber("New keys in this account in one run.", 0, 100_000).optional(),
        refuseAbove: percent.optional(),
      })
      .optional(),
  };

  const accountMatch = z
    .strictObject({
      id: oneOrMore(account).optional(),
      ou: oneOrMore(
        text(parseUnit, {
          description: "An organizational unit, or the root, with all that is below it.",
          examples: ["ou-abcd-11112222"],
        }),
      ).optional(),
      tag: z.record(z.string(), oneOrMore(pattern)).optional(),
    })
    .refine(({ id, ou, tag }) => (id ?? ou ?? tag) !== undefined, "say which: id, ou or tag")
    .transform(({ id, ou, tag }): AccountMatch => ({
      id: id ?? null,
      ou: ou ?? null,
      tag: tag === undefined ? null : new Map(Object.entries(tag)),
    }));

  const central = z
    .union([
      account.transform((id) => ({ account: id, role: undefined, externalId: undefined })),
      z
        .strictObject({ account, role: role.optional(), externalId: externalId.optional() })
        .refine(leadsThere, { message: "this role is in another account", path: ["role"] }),
    ])
    .meta({ description: "The account where secrets go for all accounts; without it each account keeps its own." });

  const shared = {
    role: role.optional(),
    externalId: externalId.optional(),
    sessionPolicy: z
      .enum(["none", "derived"])
      .meta({ description: "derived = each session may do no more than these settings need." })
      .optional(),
    sourceIdentity: z
      .enum(["none", "run"])
      .meta({ description: "run = the id of the run is each session's source identity; the roles must allow it." })
      .optional(),
    central: central.optional(),
    limits: z
      .strictObject({
        parallel: wholeNumber("Accounts at one time.", 1, 64).optional(),
        maxRotations: wholeNumber("New keys in one run in all accounts together.", 0, 1_000_000).optional(),
      })
      .optional(),
  };

  const member = z
    .strictObject({ id: account, ...override })
    .refine(({ id, role: own }) => leadsThere({ account: id, role: own }), {
      message: "this role is in another account",
      path: ["role"],
    });
  const members = z.array(member).min(1);
  const list = z.strictObject({ ...shared, list: members });

  const accounts = z
    .union([account.transform((id) => [id]), z.array(account).min(1), members, list])
    .superRefine((given, context) => {
      if (isGuard(given)) return;
      const isBare = Array.isArray(given);
      for (const [index, { id, role: own }] of membersOf(given).entries()) {
        const path = isBare ? [index] : ["list", index];
        const first = membersOf(given).findIndex((each) => each.id === id);
        if (first < index)
          context.addIssue({ code: "custom", message: `account ${id} is named twice`, path: [...path, "id"] });
        if (own === undefined && (isBare || given.role === undefined))
          context.addIssue({ code: "custom", message: "no role is named for this account", path });
      }
    })
    .meta({
      description:
        "The only accounts that it is for; or, with a role for each, the accounts that --all-accounts works in.",
    });

  const organization = z
    .strictObject({
      ...shared,
      role,
      listAs: text(parseRoleArn, {
        description: "A role of the management account, or of a delegated administrator, that may list accounts.",
      }).optional(),
      include: accountMatch.optional(),
      exclude: accountMatch.optional(),
      overrides: z.record(account, z.strictObject(override)).optional(),
    })
    .superRefine(({ overrides = {} }, context) => {
      for (const [id, { role: own }] of Object.entries(overrides)) {
        if (!leadsThere({ account: id, role: own }))
          context.addIssue({
            code: "custom",
            message: "this role is in another account",
            path: ["overrides", id, "role"],
          });
      }
    })
    .meta({ description: "The accounts of an organization that --all-accounts works in." });

  return { accounts, organization };
}

/** An ARN that names another account than the one it stands for is a mistake. */
const leadsThere = ({ account, role }: { readonly account: string; readonly role?: string | undefined }): boolean =>
  [null, account].includes(accountOfRole(role ?? ""));

/** Whether `accounts` is no more than the ids of accounts. */
export const isGuard = (given: unknown): given is readonly string[] =>
  Array.isArray(given) && given.every((each) => typeof each === "string");

/** The members that `accounts` names, in either form. */
export const membersOf = <T>(given: readonly T[] | { readonly list: readonly T[] }): readonly T[] =>
  "list" in given ? given.list : given;
