import { randomUUID } from "node:crypto";
import { appendFileSync, mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Audit, checkAccount, checkSettings, connect, type Session } from "../compose.ts";
import type { Config } from "../config/load.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { stateFolder } from "../host/state-folder.ts";
import type { Journal, Step } from "../ports.ts";
import type { DocumentHead } from "../report/document.ts";
import type { Io } from "./io.ts";
import { enterOne } from "./members.ts";
import { flagsToRepeat, type SettingFlags } from "./options.ts";
import { type ChosenSettings, chooseSettings } from "./settings.ts";
import { version } from "./version.ts";

/** One invocation that talks to AWS: who, since when, with which settings. */
export interface Invocation {
  readonly session: Session;
  readonly run: string;
  readonly startedAt: DocumentHead["startedAt"];
  /** Flags that the commands printed need too. */
  readonly flags: readonly string[];
  /** Null where there is none. */
  readonly config: Config | null;
}

/**
 * Checks the settings, finds the credentials, and asks AWS whose they are. Where the configuration names accounts with roles,
 * `--account` enters one of them. Throws {@link InvalidInput}.
 */
export async function begin(io: Io, flags: SettingFlags, asked = false, given?: ChosenSettings): Promise<Invocation> {
  const chosen = given ?? (await chooseSettings(io, flags, asked));
  const { settings, config, accounts } = chosen;
  const run = randomUUID();
  const fleet = config?.fleet ?? null;
  const session =
    config === null || fleet === null
      ? await connect(await checkSettings(settings), io.print)
      : await enterOne(io, flags, { ...chosen, config }, fleet, run);
  checkAccount(session.caller, accounts);
  // Which account is meant goes without saying only where there is but one.
  const which = fleet === null ? [] : ["--account", session.caller.account];
  return { session, run, startedAt: session.clock.now(), flags: [...flagsToRepeat(flags), ...which], config };
}

export function headOf({ session, run, startedAt }: Invocation, schema: DocumentHead["schema"]): DocumentHead {
  const { account, arn } = session.caller;
  return { schema, keyturn: version, run, account, caller: arn, startedAt, endedAt: session.clock.now() };
}

/** What an audit needs of an invocation. */
export interface Audited {
  readonly session: Pick<Session, "caller" | "clock" | "fingerprint">;
  readonly run: string;
  readonly config: Pick<Config, "audit"> | null;
}

/** The audit of one invocation, and where it is kept. */
export interface KeptAudit {
  readonly audit: Audit;
  /** Null where none is kept. */
  readonly file: string | null;
  readonly journal: Journal;
}

/**
 * Opens the audit. A file that was asked for must take it, or nothing is begun; the one in the state folder is a courtesy, and
 * where it cannot be written that is said once.
 */
export function openAudit(
  io: Io,
  { session, run, config }: Audited,
  { audit: asked, verbose }: { audit?: string | undefined; verbose?: true | undefined },
): KeptAudit {
  const wanted = asked ?? config?.audit ?? undefined;
  const file = wanted === "none" ? null : wanted === undefined ? courtesyFile(io) : askedFile(wanted);
  const append = (line: string) => {
    if (file !== null) appendFileSync(file, `${line}\n`, { mode: 0o600 });
  };
  const audit = new Audit({ run, caller: session.caller, settings: session.fingerprint }, append);
  audit.begin(session.clock.now());
  const journal: Journal = (step) => {
    audit.journal(step);
    if (verbose === true) io.err(stepLine(step));
  };
  return { audit, file, journal };
}

function askedFile(file: string): string {
  const place = resolve(file);
  try {
    appendFileSync(place, "", { mode: 0o600 });
  } catch (error) {
    throw new InvalidInput(
      `the audit ${file} cannot be written (${codeOf(error)})`,
      "name a file in a folder that exists and is yours, or --audit none",
    );
  }
  return place;
}

function courtesyFile(io: Io): string | null {
  const place = join(stateFolder(), "audit.jsonl");
  try {
    mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
    appendFileSync(place, "", { mode: 0o600 });
    return place;
  } catch (error) {
    io.err(`warning: no audit is kept: ${place} cannot be written (${codeOf(error)})`);
    io.err("hint: --audit FILE keeps one elsewhere, --audit none asks for none");
    return null;
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "Error");

const stepLine = ({ userName, step, outcome, accessKeyIds, reason }: Step): string =>
  `${userName}: ${step} ${outcome}${accessKeyIds.length === 0 ? "" : ` ${accessKeyIds.join(", ")}`}${reason === "" ? "" : ` (${reason})`}`;
