import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkSettings, rehearse, retire, type RunRules, Session } from "../compose.ts";
import { type AccessKeyId, accessKeyId, isAccessKeyId } from "../core/access-key.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { presets } from "../core/policy.ts";
import { sameForAll } from "../core/rulebook.ts";
import type { UserReport } from "../core/result.ts";
import { days, formatDay, hours, type Instant, instant, later, seconds } from "../core/time.ts";
import { planText, runText, scanText } from "../report/text.ts";
import { commandLine, type Setting } from "../report/words.ts";
import { type Interceptor, SimulatedAccount } from "../simulation/account.ts";
import { Company } from "../simulation/company.ts";
import { SimulatedLiveness } from "../simulation/stores.ts";
import { VirtualClock } from "../simulation/virtual-clock.ts";
import type { Io } from "./io.ts";

const START = instant(Date.UTC(2026, 0, 5, 6));
const MARKER = ".keyturn-demo";

/** The run in which the simulated process dies: right after AWS made a key for this user, before anybody got its secret. */
const VICTIM = "metrics";

/** The day on which somebody reads what the runs report, and types the commands that they print. */
const READING_DAY = 7;

const EVERYBODY = { path: null, users: [], tags: [], allowEmpty: false };

const RULES: RunRules = {
  limits: { maxRotations: 10, refuseAbovePercent: null, planned: null, onlyLook: false },
  approve: () => Promise.resolve(),
  signal: new AbortController().signal,
};

class SimulatedCrash extends Error {}

/** Everything that the story goes on with. */
interface Stage {
  readonly io: Io;
  readonly session: Session;
  readonly account: SimulatedAccount;
  readonly clock: VirtualClock;
  readonly liveness: SimulatedLiveness;
  readonly company: Company;
  readonly folder: string;
}

/** Tells the story from the engine's own results: the same seed gives the same bytes, another engine another story. */
export async function tellStory(
  io: Io,
  { seed, days: length, out }: { seed: number; days: number; out: string },
): Promise<{ refused: number }> {
  const stage = await setUp(io, seed, out);
  const { session, clock, company } = stage;
  say(io, "This account is simulated: no AWS, no network. The engine and the files that it delivers to are real.");

  heading(stage, "$ keyturn scan");
  io.out(scanText(await session.scan(await session.users(EVERYBODY)), setting(stage)));
  heading(stage, "$ keyturn plan --all-users --deliver file:./keys/{user}.json");
  io.out(
    planText(
      await runOnce(stage, { ...RULES, limits: { ...RULES.limits, onlyLook: true } }),
      10,
      session.maxAgeOf,
      setting(stage),
    ),
  );

  heading(stage, "$ keyturn run --all-users --deliver file:./keys/{user}.json --yes");
  await runThatDies(stage);
  clock.advanceTo(later(START, hours(1)));
  heading(stage, "$ keyturn run …   (the next one on the schedule)");
  io.out(runText(await runOnce(stage), setting(stage)));

  say(io, `\nFrom here on the schedule runs it every six hours. What the runs report:`);
  const told = new Map<string, string>();
  for (let tick = 1; tick <= length * 4; tick += 1) {
    clock.advanceTo(later(START, hours(6 * tick)));
    company.work(stage.account, (userName) => servedIn(stage.folder, userName), clock.now(), dayOf(clock.now()));
    const reports = await runOnce(stage);
    for (const report of reports) tellOf(stage, report, told);
    if (tick === READING_DAY * 4) await followCommands(stage, reports);
  }

  heading(stage, "$ keyturn scan");
  io.out(scanText(await session.scan(await session.users(EVERYBODY)), setting(stage)));
  say(io, `\n${company.jobs} jobs ran in ${length} days, ${company.refused} of them were refused for their key.`);
  say(io, `The keys that were delivered are in ${join(out, "keys")}. They open nothing: the account was simulated.`);
  return { refused: company.refused };
}

async function setUp(io: Io, seed: number, out: string): Promise<Stage> {
  const folder = makeFolder(out);
  const clock = new VirtualClock(START);
  const account = new SimulatedAccount(clock, seed);
  const company = new Company(account, START);
  const liveness = new SimulatedLiveness();
  const settings = await checkSettings({
    rulebook: sameForAll(presets.safe, [`file:${join(folder, "{user}.json")}`]),
    escrow: null,
    settle: seconds(15),
    asked: false,
    profile: null,
    region: null,
    mail: null,
  });
  return {
    io,
    session: new Session(await rehearse(settings, account, clock, liveness)),
    account,
    clock,
    liveness,
    company,
    folder,
  };
}

/** A folder that an earlier demo made is emptied; anybody else's is not touched. */
function makeFolder(out: string): string {
  if (existsSync(out) && !existsSync(join(out, MARKER))) {
    throw new InvalidInput(`${out} exists, and is not from an earlier demo`, "name another folder with --out");
  }
  const folder = join(out, "keys");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(out, MARKER), "made by keyturn demo; it may be emptied by the next one\n");
  return folder;
}

/** One run over everybody. */
const runOnce = async ({ session }: Stage, rules: RunRules = RULES): Promise<readonly UserReport[]> =>
  session.run(await session.users(EVERYBODY), rules, () => undefined);

const dieOnceCreated: Interceptor = async (action, resource, effect) => {
  const result = effect();
  if (action === "iam:CreateAccessKey" && resource === `user/${VICTIM}`) throw new SimulatedCrash();
  return result;
};

async function runThatDies(stage: Stage): Promise<void> {
  const { io, account, liveness } = stage;
  const before = account.intercept;
  account.intercept = dieOnceCreated;
  try {
    await runOnce(stage);
  } catch (error) {
    if (!(error instanceof SimulatedCrash)) throw error;
    say(
      io,
      `The process is killed right after AWS made a key for ${VICTIM}: its secret is lost, and the record is unfinished.`,
    );
  }
  account.intercept = before;
  liveness.kill();
}

/** What changed for one user, or what newly needs a person. Nothing else is worth a line. */
function tellOf(
  stage: Stage,
  { userName, steps, outcome, code, sentence, next, command }: UserReport,
  told: Map<string, string>,
): void {
  const { io, clock } = stage;
  const stamp = io.paint("dim", formatDay(clock.now()));
  for (const step of steps) say(io, `  ${stamp}  ${userName}: ${step.action.kind} ${step.result}: ${step.sentence}`);
  const need = outcome === "blocked" ? code : "";
  if (need !== "" && told.get(userName) !== need) {
    say(io, `  ${stamp}  ${userName} needs a person: ${code}: ${sentence}`);
    if (command !== null)
      say(
        io,
        `              ${io.paint("cyan", commandLine(command))}${next === null ? "" : io.paint("dim", `   # ${next.what}`)}`,
      );
  }
  told.set(userName, need);
}

/** A person types what the tool printed for those keys that nobody uses. The vendor whose key is in use is left to talk to. */
async function followCommands(stage: Stage, reports: readonly UserReport[]): Promise<void> {
  const { io, session } = stage;
  for (const { userName, outcome, code, command } of reports) {
    const [verb, , id] = command ?? [];
    if (
      outcome !== "blocked" ||
      verb !== "retire" ||
      id === undefined ||
      code === "successor-unused" ||
      code === "predecessor-in-use"
    )
      continue;
    const [user] = await session.users({ ...EVERYBODY, users: [userName] });
    if (user === undefined) continue;
    const result = await session.byHand(
      user,
      "retire",
      () => undefined,
      (turn, seen) => retire(turn, seen, accessKeyId(id), false, "Active"),
    );
    say(
      io,
      `  ${io.paint("cyan", `$ ${commandLine(command ?? ["scan"])}`)}   # ${id} is ${result.kind === "done" ? result.value : result.sentence}`,
    );
  }
}

function servedIn(folder: string, userName: string): AccessKeyId | null {
  const file = join(folder, `${userName}.json`);
  if (!existsSync(file)) return null;
  const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
  const id = typeof parsed === "object" && parsed !== null && "AccessKeyId" in parsed ? parsed.AccessKeyId : null;
  return typeof id === "string" && isAccessKeyId(id) ? id : null;
}

const setting = ({ io, session, clock }: Stage): Setting => ({
  account: session.caller.account,
  listing: null,
  now: clock.now(),
  paint: io.paint,
  flags: [],
});

const dayOf = (now: Instant): number => Math.floor((now - START) / days(1));

const say = (io: Io, text: string): void => io.out(text);

const heading = ({ io, clock }: Stage, text: string): void =>
  io.out(`\n${io.paint("bold", `${formatDay(clock.now())}  ${text}`)}\n`);
