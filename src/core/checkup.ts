import { findTag, type Tags } from "./access-key.ts";
import type { Statement } from "./permissions.ts";
import { RECORD_TAG } from "./record.ts";
import { age, formatInstant, type Instant, minutes, roundDuration, milliseconds } from "./time.ts";

/** What `doctor` looks at, in the order in which it is shown. */
export const checkAreas = [
  "credentials",
  "clock",
  "environment",
  "settings",
  "permissions",
  "destinations",
  "escrow",
  "ledger",
  "tags",
  "audit",
] as const;

/** `wrong` = a run would fail or block · `warning` = it would work, but look at it · `unchecked` = nothing can be said, and why. */
export type CheckVerdict = "fine" | "warning" | "wrong" | "unchecked";

/** One thing that was looked at. No secret. */
export interface CheckFinding {
  readonly area: (typeof checkAreas)[number];
  readonly verdict: CheckVerdict;
  /** What it is about, such as `iam:TagUser` or `ssm:/keys/ci-bot`. */
  readonly subject: string;
  readonly what: string;
  /** What to do about it; null where nothing is to be done. */
  readonly fix: string | null;
}

/** A finding about one thing: {@link CheckFinding} without saying the same twice. */
export const about =
  (area: CheckFinding["area"], subject: string) =>
  (verdict: CheckVerdict, what: string, fix: string | null = null): CheckFinding => ({
    area,
    verdict,
    subject,
    what,
    fix,
  });

/** Who signs the runs, as far as the judgement needs it. */
export interface Signer {
  readonly arn: string;
  readonly userName: string | null;
  readonly accessKeyId: string | null;
  /** Null where the credentials do not end, or do not say when. */
  readonly expiresAt: Instant | null;
}

/** Credentials that end sooner may end within a run. */
const SHORT = minutes(15);

/** `users` = the names of those who are to be rotated; null where nobody was selected. */
export function judgeSigner(signer: Signer, users: readonly string[] | null, now: Instant): readonly CheckFinding[] {
  const { arn, userName, accessKeyId, expiresAt } = signer;
  const of = about("credentials", arn);
  const left = expiresAt === null ? null : age(now, expiresAt);
  const until =
    expiresAt === null || left === null ? "" : ` until ${formatInstant(expiresAt)}, ${roundDuration(left)} from now`;
  const ending =
    left !== null && left < SHORT
      ? [of("warning", `the credentials end${until}: a run may not be over by then`, "sign in anew before a run")]
      : [of("fine", `AWS accepts the credentials${until}`)];
  if (arn.endsWith(":root"))
    return [...ending, of("warning", "this is the root user, who may do anything", "run keyturn with a role")];
  if (accessKeyId === null || userName === null || !accessKeyId.startsWith("AKIA")) return ending;
  const key = `runs are signed with ${accessKeyId}, a long-lived key of ${userName}`;
  const role = "run keyturn with a role: it has no access key of its own";
  if (users?.includes(userName) === true)
    return [...ending, of("wrong", `${key}, who is to be rotated: that user would be blocked (own-key)`, role)];
  return [...ending, of("warning", `${key}: nothing rotates that key`, role)];
}

const AWS_REFUSES = minutes(5);
const NOTICEABLE = 5_000;

/** `offset` = how many milliseconds this machine's clock is behind AWS's; null where no answer of AWS was heard. */
export function judgeClock(offset: number | null): CheckFinding {
  const of = about("clock", "this machine");
  if (offset === null) return of("unchecked", "AWS did not answer, so there is nothing to compare its clock with");
  if (Math.abs(offset) < NOTICEABLE) return of("fine", "its clock agrees with AWS's");
  const off = `its clock is ${roundDuration(milliseconds(Math.abs(offset)))} ${offset > 0 ? "behind" : "ahead of"} AWS's`;
  const fix = "set the clock, and let it be kept right: timedatectl set-ntp true";
  return Math.abs(offset) > AWS_REFUSES
    ? of("wrong", `${off}: AWS refuses signatures that are more than five minutes off`, fix)
    : of("warning", `${off}; keyturn reckons with AWS's, other programs may not`, fix);
}

/** Tags that IAM allows a user. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const TAGS_PER_USER = 50;

/** Whether the tag that holds the record has room. */
export function judgeTags(userName: string, tags: Tags): CheckFinding {
  const of = about("tags", userName);
  if (findTag(tags, RECORD_TAG) !== null || tags.size < TAGS_PER_USER)
    return of("fine", "the record has room among the tags");
  return of(
    "wrong",
    `the user has ${tags.size} tags, as many as IAM allows, and none of them is ${RECORD_TAG}: no intent can be recorded, so no key is made`,
    `remove one: aws iam untag-user --user-name ${userName} --tag-keys TAG`,
  );
}

/** What IAM's simulation says about one action on one resource. */
export interface SimulatedAnswer {
  readonly action: string;
  readonly resource: string;
  readonly decision: "allowed" | "explicitDeny" | "implicitDeny";
  /** A service control policy of the organization does not allow it. */
  readonly deniedByOrganization: boolean;
  readonly deniedByBoundary: boolean;
  /** Conditions of policies that could not be judged. */
  readonly missingContext: readonly string[];
}

/** What the simulation of one statement says: a line for all that is allowed, and one for each action that is not. */
export function judgeStatement({ sid }: Statement, answers: readonly SimulatedAnswer[]): readonly CheckFinding[] {
  const actions = [...new Set(answers.map((each) => each.action))];
  const refusals = actions.flatMap((action) => {
    const [first, ...more] = answers.filter((each) => each.action === action && each.decision !== "allowed");
    return first === undefined ? [] : [{ action, finding: judgeRefusal(sid, first, more.length) }];
  });
  const allowed = actions.filter((action) => refusals.every((each) => each.action !== action));
  return [
    ...(allowed.length === 0 ? [] : [about("permissions", allowed.join(", "))("fine", "allowed, by IAM's simulation")]),
    ...refusals.map(({ finding }) => finding),
  ];
}

/** `more` = on how many further resources the same action is refused. */
function judgeRefusal(sid: string, answer: SimulatedAnswer, more: number): CheckFinding {
  const { action, resource, decision, missingContext } = answer;
  const where = `${resource}${more === 0 ? "" : ` and ${more} more`}`;
  const of = about("permissions", action);
  if (decision === "implicitDeny" && action.startsWith("kms:")) {
    return of(
      "unchecked",
      `no policy of this identity allows it on ${where}; the policy of the KMS key may, and is not simulated`,
      "look at the key's policy, or let an IAM policy allow it",
    );
  }
  if (decision === "implicitDeny" && missingContext.length > 0) {
    return of(
      "unchecked",
      `whether it is allowed on ${where} hangs on ${missingContext.join(", ")}, which the simulation does not know`,
    );
  }
  const [why, fix] = whyDenied(answer, sid);
  return of("wrong", `denied on ${where}: ${why}`, fix);
}

function whyDenied(answer: SimulatedAnswer, sid: string): readonly [why: string, fix: string] {
  if (answer.deniedByOrganization)
    return ["a policy of the organization does not allow it", "ask whoever keeps the organization's policies"];
  if (answer.deniedByBoundary) return ["the permissions boundary does not allow it", "allow it in the boundary, too"];
  if (answer.decision === "explicitDeny") return ["a policy denies it explicitly", "take it out of that policy"];
  return ["no policy allows it", `allow it: keyturn policy, with the same settings, prints the statement ${sid}`];
}

/**
 * The variables of the environment that change where calls go, who signs them, or whether they are safe. No value is shown
 * but a host's name: URLs of proxies hold passwords.
 */
export function judgeEnvironment(environment: Readonly<Record<string, string | undefined>>): readonly CheckFinding[] {
  const set = (name: string): boolean => (environment[name] ?? "") !== "";
  const endpoints = Object.keys(environment).filter((name) => /^AWS_ENDPOINT_URL(_|$)/.test(name) && set(name));
  const proxies = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].filter(set);
  const findings = endpoints.map((name) =>
    about("environment", name)(
      "warning",
      `calls go to ${hostOf(environment[name])} in place of AWS's own endpoint`,
      `unset ${name}, unless that is wanted`,
    ),
  );
  const [proxy] = proxies;
  if (proxy !== undefined)
    findings.push(
      about("environment", proxies.join(", "))(
        "warning",
        "keyturn calls AWS directly, without this proxy",
        "run it where AWS, or a VPC endpoint, can be reached directly",
      ),
    );
  if (environment["NODE_TLS_REJECT_UNAUTHORIZED"] === "0")
    findings.push(
      about("environment", "NODE_TLS_REJECT_UNAUTHORIZED")(
        "wrong",
        "certificates are not verified: whoever is in between reads every secret",
        "unset NODE_TLS_REJECT_UNAUTHORIZED; NODE_EXTRA_CA_CERTS adds a certificate of your own",
      ),
    );
  if (set("AWS_PROFILE") && set("AWS_ACCESS_KEY_ID"))
    findings.push(
      about("environment", "AWS_PROFILE, AWS_ACCESS_KEY_ID")(
        "warning",
        "both are set: the profile is used, where other programs take the key",
        "unset the one that is not meant",
      ),
    );
  const [region, other] = [environment["AWS_REGION"], environment["AWS_DEFAULT_REGION"]];
  if (set("AWS_REGION") && set("AWS_DEFAULT_REGION") && region !== other)
    findings.push(
      about("environment", "AWS_REGION, AWS_DEFAULT_REGION")(
        "warning",
        "they differ: AWS_REGION is used",
        "set both to the same",
      ),
    );
  return findings;
}

function hostOf(url: string | undefined): string {
  try {
    return new URL(url ?? "").host;
  } catch {
    return "something that is no URL";
  }
}

/** `version` as Node tells it (`20.19.1`), `least` as `20.19`. */
export function judgeNode(version: string, least: string): CheckFinding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = least.split(".").map(Number);
  const of = about("environment", `Node.js ${version}`);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
    ? of("fine", "new enough")
    : of("wrong", `keyturn needs ${least} or later`, "install a newer Node.js");
}

/** Where the audit of a run would go. `problem` = why it could not be written there, null where it could. */
export function judgeAudit(file: string | null, asked: boolean, problem: string | null): CheckFinding {
  const of = about("audit", file ?? "none");
  if (file === null) return of("fine", "no audit is kept, as asked");
  if (problem === null) return of("fine", "the audit can be written");
  return asked
    ? of(
        "wrong",
        `the audit cannot be written: ${problem}; a run would refuse to begin`,
        "name a file in a folder that exists and is yours, or --audit none",
      )
    : of(
        "warning",
        `no audit would be kept: ${problem}`,
        "--audit FILE keeps one elsewhere, --audit none asks for none",
      );
}
