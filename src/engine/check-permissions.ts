import type { User } from "../core/access-key.ts";
import { about, type CheckFinding, judgeStatement } from "../core/checkup.ts";
import type { Statement } from "../core/permissions.ts";
import { CallError, type Iam, type PermissionSimulator } from "../ports.ts";
import { ALLOW } from "./call-finding.ts";

/** Each permission, by IAM's simulation where it may be asked, else by trying what only reads: then `user` is who is read. */
export async function checkPermissions(
  iam: Iam,
  simulator: PermissionSimulator,
  statements: readonly Statement[],
  user: User,
): Promise<readonly CheckFinding[]> {
  const findings: CheckFinding[] = [];
  for (const statement of statements) {
    const { actions, resources, conditions } = statement;
    try {
      const answers = await simulator.simulate({ actions, resources, conditions });
      if (answers === null)
        return [
          cannotSimulate("IAM cannot simulate this kind of identity", null),
          ...(await tryReads(iam, statements, user)),
        ];
      findings.push(...judgeStatement(statement, answers));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      return [...findings, couldNotSimulate(error), ...(await tryReads(iam, statements, user))];
    }
  }
  return findings;
}

function couldNotSimulate({ kind, action, code, message }: CallError): CheckFinding {
  return kind === "denied"
    ? cannotSimulate(`${action} is denied`, `allow ${action} to this identity, for this check alone`)
    : cannotSimulate(`${action} failed: ${code}: ${message}`, null);
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

async function tryReads(iam: Iam, statements: readonly Statement[], user: User): Promise<readonly CheckFinding[]> {
  const actions = [...new Set(statements.flatMap((each) => each.actions))];
  const findings: CheckFinding[] = [];
  const untried: string[] = [];
  for (const action of actions) {
    const probe = probes[action];
    // The destinations and the escrow are read on their own account, further down.
    if (probe === undefined && /^(?!iam:)\w+:(Get|Describe|List)/.test(action)) continue;
    const finding = probe === undefined ? null : await tryRead(action, () => probe(iam, user));
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
