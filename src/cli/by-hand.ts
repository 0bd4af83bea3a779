import type { Deed, Session } from "../compose.ts";
import type { User } from "../core/access-key.ts";
import type { Journal } from "../ports.ts";
import { confirm } from "./confirm.ts";
import { EXIT } from "./exit.ts";
import type { Io } from "./io.ts";
import type { AuditFlags, OutputFlags, SettingFlags } from "./options.ts";
import { begin, openAudit } from "./session.ts";
import { withSignals } from "./signals.ts";

/** Flags of every command by which a person does something to one user. */
export type ByHandFlags = SettingFlags & AuditFlags & OutputFlags;

/** What is about to be done, once the user was looked at. */
export interface Intention<T> {
  /** What hangs on it, a line each; shown before the question. */
  readonly facts: readonly string[];
  readonly question: string;
  readonly perform: (session: Session, user: User, journal: Journal) => Promise<Deed<T>>;
  readonly tell: (value: T) => Told;
}

/** What was done: for people, and as fields of the result document. */
export interface Told {
  readonly lines: readonly string[];
  readonly fields: Readonly<Record<string, unknown>>;
  /** Something was left undone, which a person must know of. */
  readonly incomplete?: boolean;
}

/** Looks at the user, asks, does it, writes it down, and tells. `verb` names the command and the schema of its result. */
export async function doByHand<T>(
  io: Io,
  exit: (code: number) => void,
  flags: ByHandFlags,
  verb: string,
  userName: string,
  intend: (session: Session, user: User) => Promise<Intention<T>>,
): Promise<void> {
  const invocation = await begin(io, flags);
  const { session } = invocation;
  const [user] = await session.users({ users: [userName], path: null, tags: [], allowEmpty: false });
  if (user === undefined) throw new Error("a selector by name gave nobody");
  const { facts, question, perform, tell } = await intend(session, user);
  if (flags.yes !== true) {
    for (const line of facts) io.err(line);
    await confirm(io, question);
  }
  const { audit, journal } = openAudit(io, invocation, flags);
  const deed = await withSignals(io, () => perform(session, user, journal));
  audit.end(session.clock.now());
  const told: Told = deed.kind === "done" ? tell(deed.value) : { lines: [], fields: {} };
  exit(deed.kind === "done" && told.incomplete !== true ? EXIT.ok : EXIT.failed);
  if (flags.format === "json") {
    const result =
      deed.kind === "done" ? { result: "done", ...told.fields } : { result: deed.kind, sentence: deed.sentence };
    io.out(JSON.stringify({ schema: `keyturn/${verb}/v1`, userName, ...result, audit: audit.head }, null, 2));
  } else {
    for (const line of told.lines) io.out(line);
  }
  if (deed.kind === "done") return;
  io.err(`error: ${deed.sentence}`);
  if (deed.kind === "failed" && deed.hint !== null) io.err(`hint: ${deed.hint}`);
}
