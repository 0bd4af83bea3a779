import * as z from "zod";
import { InvalidInput } from "../core/invalid-input.ts";
import { parseAddress } from "../core/mail-address.ts";
import {
  type MailClient,
  mailDefaults,
  mailgunUrl,
  type MailSettings,
  parseAllowedDomain,
  parseEncryption,
  parseMessagesUrl,
  parseParameterName,
  parseServer,
  protocolOf,
} from "../core/mail-settings.ts";
import type { Match } from "../core/match.ts";
import { type DeactivateRule, type DeleteRule, presetNames } from "../core/policy.ts";
import type { Bounds } from "../core/owner-tags.ts";
import type { PolicyChange } from "../core/rulebook.ts";
import { accountSections, isGuard } from "./accounts-schema.ts";
import { parseAccount, parsePath, parsePercent, parseWholeNumber } from "../core/scalars.ts";
import { parseTarget } from "../core/target.ts";
import { days, milliseconds, parseDuration } from "../core/time.ts";
import { checkTimeZone, parseDays, parseHours, parseMoment, parseWindowOrAny, type Window } from "../core/window.ts";

/*
 * The shape of keyturn.yaml. Scalars arrive as the text that stands in the file, so that an account id keeps its zeros and
 * `no` stays a word; each kind of text is read by the same function as the flag of that name.
 */

/** Marks text that editors should let stand as a number, too. */
const NUMERIC = "x-numeric";

/** Marks text that is true or false. */
const BOOLEAN = "x-boolean";

interface Shown {
  readonly description: string;
  readonly pattern?: string;
  readonly examples?: readonly string[];
  readonly enum?: readonly string[];
  readonly [NUMERIC]?: true;
  readonly [BOOLEAN]?: true;
}

/** Text that `read` understands. What it throws becomes a complaint about this place. */
const text = <T>(read: (given: string) => T, shown: Shown) =>
  z
    .string()
    .meta({ ...shown })
    .transform((given, context): T => {
      try {
        return read(given);
      } catch (error) {
        if (!(error instanceof InvalidInput)) throw error;
        context.addIssue({ code: "custom", message: error.message, params: { hint: error.hint } });
        return z.NEVER;
      }
    });

const duration = (description: string) =>
  text(parseDuration, {
    description: `${description} Such as 90d, 36h, 15s, or ISO 8601: P90D.`,
    examples: ["90d", "36h", "15s"],
    [NUMERIC]: true,
  });

const flag = (description: string) =>
  text(
    (given) => {
      if (given !== "true" && given !== "false") throw new InvalidInput(`"${given}" is neither true nor false`);
      return given === "true";
    },
    { description, [BOOLEAN]: true },
  ).optional();

const wholeNumber = (description: string, lowest: number, highest: number) =>
  text((given) => parseWholeNumber(given, lowest, highest), { description, pattern: "^[0-9]+$", [NUMERIC]: true });

const percent = text(parsePercent, {
  description: "Refuse a whole run, before its first change, where more than this share of the users would change.",
  examples: ["20%"],
  [NUMERIC]: true,
});

const account = text(parseAccount, {
  description: "An AWS account id: twelve digits, zeros in front included.",
  pattern: "^[0-9]{12}$",
  [NUMERIC]: true,
});

const word = (description: string) =>
  text(
    (given) => {
      if (given.trim() === "") throw new InvalidInput("this is empty");
      return given;
    },
    { description },
  );

const oneOrMore = <T extends z.ZodType>(item: T) =>
  z.union([item, z.array(item).min(1)]).transform((given): z.output<T>[] => (Array.isArray(given) ? given : [given]));

const path = text(parsePath, { description: "Users whose IAM path begins with this.", examples: ["/ci/"] });

const pattern = word("A pattern: * stands for any text, ? for one character; case is ignored.");

const matchShape = {
  path: oneOrMore(path).optional(),
  name: oneOrMore(pattern).optional(),
  tag: z.record(z.string(), oneOrMore(pattern)).optional(),
};

interface MatchGiven {
  readonly path?: string[] | undefined;
  readonly name?: string[] | undefined;
  readonly tag?: Record<string, string[]> | undefined;
}

const toMatch = ({ path: paths, name, tag }: MatchGiven): Match => ({
  path: paths ?? null,
  name: name ?? null,
  tag: tag === undefined ? null : new Map(Object.entries(tag)),
});

const saysWho = ({ path: paths, name, tag }: MatchGiven): boolean =>
  paths !== undefined || name !== undefined || (tag !== undefined && Object.keys(tag).length > 0);

const NOBODY = "say for whom: path, name or tag";

const match = z.strictObject(matchShape).refine(saysWho, NOBODY).transform(toMatch);

const deactivate = z
  .union([
    z.enum(["delivered", "superseded", "idle", "never"]),
    z.strictObject({
      when: z.literal("idle"),
      for: duration("The old key must have been quiet for this long.").default(days(7)),
      remindAfter: duration("From then on a user whose old key is still in use is reported.").default(days(14)),
      atLatest: z
        .union([z.literal("never"), duration("From then on the old key is deactivated although it is in use.")])
        .default("never"),
    }),
    z.strictObject({
      when: z.literal("superseded"),
      remindAfter: duration("From then on a user whose old key is still in use is reported.").default(days(14)),
    }),
    z.strictObject({ when: z.literal("delivered") }),
    z.strictObject({ after: duration("This long after the delivery of its successor.") }),
  ])
  .transform((given): DeactivateRule => {
    if (typeof given === "string") {
      if (given === "idle") return { when: "idle", for: days(7), remindAfter: days(14), atLatest: "never" };
      return given === "superseded" ? { when: "superseded", remindAfter: days(14) } : { when: given };
    }
    return "after" in given ? { when: "after", after: given.after } : given;
  })
  .meta({ description: "When a predecessor is made Inactive." });

const remove = z
  .union([
    z.enum(["never", "next-rotation"]),
    z.strictObject({
      after: duration("Since it was made Inactive; since the delivery where it never is."),
      quiet: duration("An Active one must not have been used for this long.").default(milliseconds(0)),
    }),
    z.strictObject({
      at: z.literal("next-rotation"),
      overlap: duration("Both keys have stood side by side for at least this long.").default(days(1)),
      quiet: duration("An Active one must not have been used for this long.").default(days(1)),
    }),
  ])
  .transform((given): DeleteRule => {
    if (given === "never") return { when: "never" };
    if (given === "next-rotation") return { when: "next-rotation", overlap: days(1), quiet: days(1) };
    return "at" in given
      ? { when: "next-rotation", overlap: given.overlap, quiet: given.quiet }
      : { when: "after", after: given.after, quiet: given.quiet };
  })
  .meta({ description: "When a predecessor is deleted." });

const policyShape = z
  .strictObject({
    preset: z.enum(presetNames).meta({ description: "The policy to start from." }).optional(),
    rotateAfter: duration("Age of a key at which a successor is made; 0 = on every run.").optional(),
    maxAge: duration("Derive rotateAfter, so that no key is ever Active for longer than this.").optional(),
    oldKey: z.strictObject({ deactivate: deactivate.optional(), delete: remove.optional() }).optional(),
    usersWithoutKey: z.enum(["skip", "create"]).optional(),
    unexplainedKeys: z.enum(["report", "delete-oldest", "deactivate-idle"]).optional(),
    inactiveKeys: z
      .union([
        z.literal("report"),
        z.strictObject({
          deleteAfter: duration("This long after the latest sign of life."),
          onlyReplaced: flag("Never the newest key of a user."),
        }),
      ])
      .optional(),
    unusedKeys: z.enum(["report", "deactivate", "rotate"]).optional(),
    unusedAfter: duration("A key that nobody used for this long counts as unused.").optional(),
    humans: z.enum(["exclude", "include"]).meta({ description: "Users with a console password." }).optional(),
  })
  .refine(({ rotateAfter, maxAge }) => rotateAfter === undefined || maxAge === undefined, {
    message: "rotateAfter and maxAge say the same thing in two ways: give one of them",
    path: ["maxAge"],
  });

const policy = z
  .union([z.enum(presetNames), policyShape])
  .transform((given): PolicyChange => {
    if (typeof given === "string") return { preset: given };
    const { oldKey, ...fields } = given;
    return withoutUndefined({ ...fields, deactivate: oldKey?.deactivate, delete: oldKey?.delete });
  })
  .meta({ description: "A preset by its name, or a preset and what differs from it." });

/** Optional fields that are not given are absent, rather than there and undefined. */
const withoutUndefined = (fields: Readonly<Record<string, unknown>>): PolicyChange =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const target = text((given) => parseTarget(given).text, {
  description: "Where secrets are delivered: KIND:TARGET, with {user}, {path} and {account}.",
  examples: ["secretsmanager:prod/{user}", "ssm:/keys/{user}", "file:./keys/{user}.json"],
});

const window = z
  .union([
    text(parseWindowOrAny, {
      description: "Days, hours and a time zone in one line; any = at any time.",
      examples: ["mon-fri 09:00-17:00 Europe/Berlin"],
    }),
    z
      .strictObject({
        notBefore: text(parseMoment, { description: "Nothing before this.", examples: ["2026-12-01"] }).optional(),
        days: oneOrMore(text(parseDays, { description: "A day, or a range.", examples: ["mon-fri"] })).optional(),
        hours: text(parseHours, { description: "Such as 22:00-04:00.", examples: ["09:00-17:00"] }).optional(),
        timeZone: text(checkTimeZone, { description: "An IANA name.", examples: ["Europe/Berlin"] }).optional(),
      })
      .refine(({ hours, timeZone, days: on }) => timeZone !== undefined || (hours === undefined && on === undefined), {
        message: "days and hours need a timeZone, such as Europe/Berlin or UTC",
      })
      .transform(({ notBefore = null, days: on = [], hours = null, timeZone = "UTC" }): Window => ({
        notBefore,
        days: on.flat(),
        hours,
        timeZone,
      })),
  ])
  .meta({ description: "Successors are made and predecessors are switched off only inside." });

const parameter = (description: string, example: string) =>
  text(parseParameterName, { description, examples: [example] });

const checkMailgunDomain = (given: string): string => {
  mailgunUrl(given, "us");
  return given;
};

const mailShape = z.strictObject({
  from: text((given) => parseAddress(given).address, {
    description: "The address that mails come from.",
    examples: ["keys@example.com"],
  }),
  client: z.enum(["ses", "smtp", "mailgun"]).meta({ description: "What takes the mails." }).default("ses"),
  ses: z
    .strictObject({
      region: word("Without it: the region of the run.").optional(),
      configurationSet: word("A configuration set of SES.").optional(),
      fromArn: word("ARN of an identity that another account lends.").optional(),
    })
    .optional(),
  smtp: z
    .strictObject({
      server: text(parseServer, { description: "Name or IP address.", examples: ["mail.example.com"] }),
      port: wholeNumber("Without it: 465, or 587 with protocol: tls.", 1, 65_535).optional(),
      protocol: z.enum(["ssl", "tls"]).meta({ description: "TLS from the first byte, or STARTTLS." }).optional(),
      user: word("Whom to sign in as; without it the address in from.").optional(),
      passwordParameter: parameter("An SSM SecureString with the password.", "/ikr/secret/smtp").optional(),
    })
    .optional(),
  mailgun: z
    .strictObject({
      domain: text(checkMailgunDomain, {
        description: "The domain that Mailgun sends for.",
        examples: ["mg.example.com"],
      }).optional(),
      region: z.enum(["us", "eu"]).meta({ description: "Where the domain is kept." }).optional(),
      url: text(parseMessagesUrl, { description: "In place of domain and region: where to post messages." }).optional(),
      keyParameter: parameter("An SSM SecureString with the API key.", "/ikr/secret/mailgun"),
    })
    .refine(
      ({ domain, region, url }) => (url === undefined ? domain !== undefined : (domain ?? region) === undefined),
      {
        message: "give either domain (and region) or url",
      },
    )
    .optional(),
  templates: word("A folder with templates of your own.").optional(),
  allowedDomains: oneOrMore(
    text(parseAllowedDomain, {
      description: "Owners have an address of one of these; * must be written out.",
      examples: ["example.com", "*.example.com"],
    }),
  ),
  addressChangeDelay: duration("How long a new address of an owner waits before keys go to it.").optional(),
  warnBefore: oneOrMore(
    text((given) => (given === "never" ? null : parseDuration(given)), {
      description: "So long before an old key stops working its owner is told; or never.",
      examples: ["14d"],
      [NUMERIC]: true,
    }),
  ).optional(),
  encryption: text(parseEncryption, {
    description: "What keys in mails are sealed with: fernet, age or none.",
    examples: ["fernet", "fernet:/ikr/secret/iam?kmsKeyId=alias/keys", "age:./recipients", "none"],
  }).optional(),
});

type MailGiven = z.output<typeof mailShape>;

const mail = mailShape
  .transform((given, context): MailSettings => {
    const client = clientFrom(given, (message, ...place) => context.addIssue({ code: "custom", message, path: place }));
    if (client === null) return z.NEVER;
    const { warnBefore = mailDefaults.warnBefore } = given;
    return {
      from: given.from,
      client,
      templates: given.templates ?? mailDefaults.templates,
      allowedDomains: given.allowedDomains,
      addressChangeDelay: given.addressChangeDelay ?? mailDefaults.addressChangeDelay,
      warnBefore: [...new Set(warnBefore.filter((each) => each !== null))].toSorted((a, b) => b - a),
      encryption: given.encryption ?? mailDefaults.encryption,
    };
  })
  .meta({ description: "Mails to the owners of users." });

/** The client that is meant; null where what it needs is missing, or where another one is spelled out. */
function clientFrom(given: MailGiven, complain: (message: string, ...place: string[]) => void): MailClient | null {
  const { client: kind, ses = {}, smtp, mailgun } = given;
  const stray = (["ses", "smtp", "mailgun"] as const).find((each) => each !== kind && given[each] !== undefined);
  if (stray !== undefined) complain(`this means nothing with client: ${kind}`, stray);
  else if (kind === "ses") {
    const { region = null, configurationSet = null, fromArn = null } = ses;
    return { kind, region, configurationSet, fromArn };
  } else if (kind === "smtp" && smtp !== undefined) {
    const { server, user = null, passwordParameter = null } = smtp;
    const port = smtp.port ?? (smtp.protocol === "tls" ? 587 : 465);
    const protocol = smtp.protocol ?? protocolOf(port);
    if (user === null || passwordParameter !== null) return { kind, server, port, protocol, user, passwordParameter };
    complain("a user without passwordParameter cannot sign in", "smtp", "user");
  } else if (kind === "mailgun" && mailgun !== undefined) {
    const { keyParameter, url, domain = "", region = "us" } = mailgun;
    return { kind, keyParameter, url: url ?? mailgunUrl(domain, region) };
  } else complain("this is missing", kind);
  return null;
}

const bounds = (what: string) =>
  z
    .strictObject({
      atLeast: duration(
        `Tags may ask for this ${what}, and no less; the policy's own time where it is not given.`,
      ).optional(),
      atMost: duration(`Tags may ask for this ${what}, and no more.`).optional(),
    })
    .refine(({ atLeast, atMost }) => atLeast === undefined || atMost === undefined || atLeast <= atMost, {
      message: "atLeast is more than atMost",
    })
    .transform(({ atLeast = null, atMost = null }): Bounds => ({ atLeast, atMost }))
    .optional();

const owners = z
  .strictObject({
    only: flag("Rotate only users that have the tag IKR:EMAIL, or keyturn:email."),
    ledger: word("Where addresses and sent warnings are remembered: ssm, or file.").optional(),
    rotateAfter: bounds("age of a key"),
    deleteAfter: bounds("time"),
  })
  .meta({ description: "Heed the tags IKR:* and keyturn:* of users, and how far." });

const perUser = {
  policy: policy.optional(),
  deliver: oneOrMore(target).optional(),
  window: window.optional(),
};

const exempt = z.array(
  z
    .strictObject({ ...matchShape, reason: word("Why, for reports.") })
    .refine(saysWho, NOBODY)
    .transform(({ reason, ...who }) => ({ match: toMatch(who), reason })),
);

const manyAccounts = accountSections({
  text,
  wholeNumber,
  oneOrMore,
  percent,
  account,
  word,
  pattern,
  match,
  exempt,
  perUser,
});

/** keyturn.yaml. What is not given is left to the flags, and to what keyturn does by itself. */
export const configSchema = z
  .strictObject({
    version: z
      .literal("1")
      .meta({ [NUMERIC]: true, description: "Of this format." })
      .optional(),
    accounts: manyAccounts.accounts.optional(),
    organization: manyAccounts.organization.optional(),
    profile: word("Profile of the AWS configuration.").optional(),
    region: word("Region of SSM and Secrets Manager.").optional(),
    select: match.optional(),
    escrow: word("Where a new secret waits until it is delivered: ssm, file or none.").optional(),
    settle: duration("How long IAM takes to show a write to every reader.").optional(),
    runEvery: duration("How often runs come, for maxAge.").optional(),
    mail: mail.optional(),
    audit: word("Append every step to this file; none keeps no audit.").optional(),
    limits: z
      .strictObject({
        maxRotations: wholeNumber("New keys in one run, oldest first; the rest is deferred.", 0, 100_000).optional(),
        refuseAbove: percent.optional(),
        failOn: z.enum(["failed", "blocked"]).optional(),
      })
      .optional(),
    owners: owners.optional(),
    defaults: z.strictObject(perUser).optional(),
    rules: z.array(z.strictObject({ match, ...perUser })).optional(),
    exempt: exempt.optional(),
  })
  .refine(({ accounts, organization }) => organization === undefined || accounts === undefined || isGuard(accounts), {
    message: "accounts with roles and organization say the same thing in two ways: give one of them",
    path: ["organization"],
  })
  .meta({ title: "keyturn.yaml", description: "How keyturn rotates the access keys of this account." });

export type ConfigGiven = z.output<typeof configSchema>;

/** The published JSON Schema of keyturn.yaml, for editors. */
export const jsonSchema = (id: string) => ({
  $id: id,
  ...z.toJSONSchema(configSchema, {
    io: "input",
    target: "draft-7",
    override: ({ jsonSchema: part }) => {
      if (part[BOOLEAN] === true) {
        delete part[BOOLEAN];
        part.type = "boolean";
      }
      if (part[NUMERIC] !== true) return;
      delete part[NUMERIC];
      if (part.const === undefined) part.type = ["string", "number"] as unknown as "string"; // the library's type lacks lists of types
      else Object.assign(part, { enum: ["1", 1], const: undefined, type: undefined });
    },
  }),
});
