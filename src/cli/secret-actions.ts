import { retire, type Session } from "../compose.ts";
import { type AccessKey, accessKeyId, type User } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { type Duration, formatDuration, formatInstant, later, seconds } from "../core/time.ts";
import type { Journal } from "../ports.ts";
import { table } from "../report/table.ts";
import { commandLine, plural } from "../report/words.ts";
import { openOperator, type Operator, type SecretVersion } from "../secret-rotation/operator.ts";
import { DEFAULT_FIELDS, defaultFields, parseFields } from "../secret-rotation/settings.ts";
import { type ByHandFlags, doByHand, type Intention } from "./by-hand.ts";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import { keyFacts } from "./key-facts.ts";
import type { ChangeFlags, DeleteFlags, RotateFlags, SecretFlags, VersionsFlags } from "./secret.ts";

type SetExit = (code: number) => void;

/** How often it is asked whether a rotation is over. */
const LOOK_EVERY = seconds(2);

const operatorFor = ({ field, profile, region }: SecretFlags): Promise<Operator> =>
  openOperator(profile ?? null, region ?? null, field.length === 0 ? defaultFields : parseFields(field.join("&")));

/** `keyturn secret rotate`: one secret after the other, up to the first that cannot be asked for. */
export async function rotateSecrets(
  io: Io,
  exit: SetExit,
  names: readonly string[],
  flags: RotateFlags,
): Promise<void> {
  const operator = await operatorFor(flags);
  const results: { readonly secret: string; readonly version: string; readonly served: boolean | null }[] = [];
  for (const name of names) {
    const version = await operator.rotate(name, flags.abandon === true);
    const { wait } = flags;
    const served = wait === undefined ? null : await becomesServed(operator, name, version, wait);
    results.push({ secret: name, version, served });
    if (flags.format === "table")
      io.out(`${name}: version ${version} ${served === true ? "is served" : "is on its way"}`);
    if (served !== false || wait === undefined) continue;
    io.err(`error: ${name}: version ${version} is not served after ${formatDuration(wait)}`);
    io.err("hint: the log of the rotation function says how far it came, and what is in the way");
    exit(EXIT.failed);
  }
  if (flags.format === "json")
    io.out(JSON.stringify({ schema: "keyturn/secret-rotate/v1", secrets: results }, null, 2));
}

async function becomesServed(operator: Operator, name: string, version: string, wait: Duration): Promise<boolean> {
  const end = later(operator.clock.now(), wait);
  while (!(await operator.isServed(name, version))) {
    if (operator.clock.now() >= end) return false;
    await operator.clock.sleep(LOOK_EVERY);
  }
  return true;
}

/** `keyturn secret versions`. */
export async function showVersions(io: Io, names: readonly string[], flags: VersionsFlags): Promise<void> {
  const operator = await operatorFor(flags);
  const secrets: { readonly secret: string; readonly versions: readonly SecretVersion[] }[] = [];
  for (const secret of names) secrets.push({ secret, versions: await operator.versions(secret) });
  if (flags.format === "json") {
    const shown = secrets.map(({ secret, versions }) => ({ secret, versions: versions.map(dated) }));
    io.out(JSON.stringify({ schema: "keyturn/secret-versions/v1", secrets: shown }, null, 2));
    return;
  }
  const rows = secrets.flatMap(({ secret, versions }) =>
    versions.map(({ version, stages, createdAt, accessKeyId: id, note }) => [
      { text: secret },
      { text: stages.length === 0 ? "-" : stages.join(" ") },
      { text: id ?? note ?? "" },
      { text: createdAt === null ? "-" : formatInstant(createdAt) },
      { text: version },
    ]),
  );
  io.out(table(["SECRET", "STAGES", "KEY", "CREATED", "VERSION"], rows, io.paint));
}

const dated = ({ createdAt, ...version }: SecretVersion) => ({
  ...version,
  createdAt: createdAt === null ? null : formatInstant(createdAt),
});

/** `keyturn secret reset`: one secret after the other, each shown and agreed to. */
export async function resetSecrets(io: Io, exit: SetExit, names: readonly string[], flags: ChangeFlags): Promise<void> {
  await forEach(exit, names, async (name, setExit) => {
    const operator = await operatorFor(flags);
    await doByHand(
      io,
      setExit,
      targetFlags(name, flags),
      "secret-reset",
      await operator.userOf(name),
      async (session) => {
        const versions = (await operator.versions(name)).filter(({ stages }) => stages.length > 0);
        return {
          facts: versions.map(
            ({ stages, accessKeyId: id, note }) => `${name} ${stages.join(" ")}: ${id ?? note ?? ""} is taken out`,
          ),
          question: `Reset ${name}? Consumers find no key in it until its next rotation.`,
          perform: (_, user, journal) =>
            session.byHand(user, "secret reset", journal, (turn) => operator.reset(turn, name)),
          tell: () => ({
            lines: [
              `${name} holds no key, and its rotation is off`,
              `  ${commandLine(["secret"], ["rotate", name])} switches it on again and makes a key`,
            ],
            fields: { secret: name },
          }),
        };
      },
    );
  });
}

/** `keyturn secret delete-keys`: of each secret's user, the keys that are over and those that were named. */
export async function deleteKeys(io: Io, exit: SetExit, names: readonly string[], flags: DeleteFlags): Promise<void> {
  const named = flags.key.map(accessKeyId);
  if (names.length > 1 && named.length > 0)
    throw new InvalidInput("--key names a key of one user, and several secrets are given", "give one secret");
  await forEach(exit, names, async (name, setExit) => {
    const operator = await operatorFor(flags);
    const userName = await operator.userOf(name);
    await doByHand(io, setExit, targetFlags(name, flags), "secret-delete-keys", userName, (session, user) =>
      deletionOf(name, session, user, named),
    );
  });
}

async function deletionOf(
  secret: string,
  session: Session,
  user: User,
  named: readonly string[],
): Promise<Intention<readonly string[]>> {
  const { seen, decision } = await session.examine(user);
  if (seen.keys.kind !== "known")
    throw new InvalidInput(`the keys of ${user.userName} could not be read`, decision.sentence);
  const keys = seen.keys.value;
  const missing = named.find((id) => !keys.some((key) => key.accessKeyId === id));
  if (missing !== undefined)
    throw new InvalidInput(
      `${user.userName} has no key ${missing}`,
      keys.length === 0 ? "it has none at all" : `it has ${keys.map((key) => key.accessKeyId).join(", ")}`,
    );
  const { action } = decision;
  const isOver = ({ accessKeyId: id }: AccessKey) =>
    (action?.kind === "delete" || action?.kind === "remove-orphan") && action.key === id;
  const going = keys.filter((key) => (named.length > 0 ? named.includes(key.accessKeyId) : isOver(key)));
  if (going.length === 0) throw nothingToDelete(secret, user, keys, decision.sentence);
  const ids = going.map((key) => key.accessKeyId);
  return {
    facts: going.flatMap((key) => keyFacts(seen, key, session.clock.now())),
    question: `Delete ${ids.join(" and ")}? Their secrets cannot be brought back.`,
    perform: (_, of, journal) => deleteAll(session, of, journal, going),
    tell: (deleted) => ({
      lines: deleted.map((id) => `${id} of ${user.userName} is deleted`),
      fields: { secret, accessKeyIds: deleted },
    }),
  };
}

const deleteAll = (session: Session, user: User, journal: Journal, going: readonly AccessKey[]) =>
  session.byHand(user, "secret delete-keys", journal, async (turn, now) => {
    for (const { accessKeyId: id, status } of going) await retire(turn, now, id, true, status);
    return going.map((key) => key.accessKeyId);
  });

function nothingToDelete(secret: string, { userName }: User, keys: readonly AccessKey[], why: string): InvalidInput {
  const rest = keys.map((key) => `${key.accessKeyId} (${key.status})`).join(" and ");
  return new InvalidInput(
    keys.length === 0
      ? `${userName} has no access key`
      : `${userName} has ${plural(keys.length, "key")} that must not be deleted unless you name it, ${rest}: ${why}`,
    keys.length === 0
      ? null
      : `${commandLine(["secret"], ["delete-keys", secret])} --key ID deletes that one, whatever it is`,
  );
}

/** The flags of a command by hand, for a secret that is given by its name alone. */
function targetFlags(name: string, { field, profile, region, audit, yes, format, verbose }: ChangeFlags): ByHandFlags {
  if (!/^[\w/+=.@:-]+$/.test(name)) throw new InvalidInput(`"${name}" is not a secret's name`);
  const fields = field.length === 0 ? Object.entries(DEFAULT_FIELDS).map(([each, value]) => `${each}=${value}`) : field;
  return {
    config: "none",
    policy: "secrets-manager",
    exempt: [],
    deliver: [`secretsmanager:${name}?${fields.map((each) => `field.${each}`).join("&")}`],
    account: [],
    format,
    ...(profile === undefined ? {} : { profile }),
    ...(region === undefined ? {} : { region }),
    ...(audit === undefined ? {} : { audit }),
    ...(yes === undefined ? {} : { yes }),
    ...(verbose === undefined ? {} : { verbose }),
  };
}

/** Goes on after one that failed, and ends with the worst of the exit codes. */
async function forEach(
  exit: SetExit,
  names: readonly string[],
  work: (name: string, setExit: SetExit) => Promise<void>,
): Promise<void> {
  let worst: number = EXIT.ok;
  for (const name of names)
    await work(name, (code) => {
      worst = Math.max(worst, code);
      exit(worst);
    });
}
