import type { AccessKeyId } from "../../src/core/access-key.ts";
import { mentions, parseRecord } from "../../src/core/record.ts";
import type { ReasonCode } from "../../src/core/reasons.ts";
import type { UserReport } from "../../src/core/result.ts";
import { days, type Instant } from "../../src/core/time.ts";
import type { SimulatedAccount } from "../../src/simulation/account.ts";
import type { SimulatedDestination, SimulatedEscrow } from "../../src/simulation/stores.ts";
import { START } from "../support/rig.ts";
import { type Act, hasWildClock, type Story, type UserPlan } from "./story.ts";

/** A promise of keyturn's that was broken. */
export class Violation extends Error {
  readonly rule: string;
  readonly at: Instant;
  readonly userName: string | null;

  constructor(rule: string, at: Instant, userName: string | null, what: string) {
    super(`${rule}${userName === null ? "" : `, ${userName}`}: ${what}`);
    this.rule = rule;
    this.at = at;
    this.userName = userName;
  }
}

/** One user, as far as the referee looks. */
interface Watched {
  readonly plan: UserPlan;
  readonly userName: string;
  readonly places: readonly SimulatedDestination[];
}

/** What the referee sees, past all weather. */
interface Scene {
  readonly story: Story;
  readonly account: SimulatedAccount;
  readonly escrow: SimulatedEscrow;
  readonly players: ReadonlyMap<string, Watched>;
  now(): Instant;
  player(userName: string): Watched;
  record(userName: string): string | null;
}

type Cause = Act["kind"] | "no-escrow" | "stays" | "two-keys" | "wild-clock" | "late-intent";

/** Where a user may end in need of a person, and what must have happened to it then: section 7 of the protocol. */
const EXCUSED: Readonly<Record<Cause, readonly ReasonCode[]>> = {
  "deactivate-in-console": [
    "unused-key",
    "only-key-inactive",
    "successor-inactive",
    "inactive-not-ours",
    "no-free-slot",
  ],
  "delete-in-console": [
    "unused-key",
    "destination-changed",
    "target-serves-unknown-key",
    "no-keys",
    "only-key-inactive",
  ],
  "create-in-console": ["unexplained", "no-free-slot"],
  "write-back": ["rolled-back", "destination-changed", "unexplained", "no-free-slot", "unused-key"],
  retire: [
    "rolled-back",
    "target-serves-unknown-key",
    "only-key-inactive",
    "successor-inactive",
    "inactive-not-ours",
    "no-free-slot",
    "no-keys",
    // Consumers who were left without a key for three months no longer use any.
    "unused-key",
  ],
  rollback: ["on-hold", "rolled-back", "destination-changed", "no-free-slot"],
  hold: ["on-hold"],
  rotate: [],
  strip: ["unexplained", "no-free-slot", "inactive-not-ours", "unused-key"],
  policy: [],
  config: ["destination-changed", "no-free-slot"],
  "no-escrow": ["maybe-delivered"],
  stays: ["successor-unused", "predecessor-in-use", "no-free-slot"],
  "two-keys": ["unexplained", "no-free-slot", "unused-key"],
  "wild-clock": ["unexplained", "no-free-slot"],
  // What it wrote over may have been a rotation that another run had finished.
  "late-intent": ["unexplained", "no-free-slot"],
};

/** Watches every step that is taken and knows what must never happen. */
export class Referee {
  readonly #stage: Scene;
  /** Keys that were served to somebody at some time. */
  readonly handedOut = new Set<AccessKeyId>();
  readonly made: { readonly userName: string; readonly id: AccessKeyId }[] = [];
  readonly causes = new Map<string, Set<Cause>>();
  /** Things that may cost one key more, by user. */
  readonly incidents = new Map<string, number>();
  /** Who took a key out of use first. */
  readonly #fates = new Map<AccessKeyId, "run" | "person">();
  readonly counts: Record<string, number> = {};
  /** Who declared the last intent to create a key, by user. */
  readonly #intents = new Map<string, string>();
  /** The first promise that was broken. It is also thrown, but the engine may catch that. */
  violation: Violation | null = null;

  constructor(stage: Scene) {
    this.#stage = stage;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  cause(userName: string, cause: Cause): void {
    this.causes.set(userName, (this.causes.get(userName) ?? new Set()).add(cause));
  }

  /** An intent was declared. One turn does that twice where the first took too long: it then makes nothing, and owns up to nothing. */
  intended(userName: string, text: string): void {
    const record = parseRecord(text);
    if (record.phase !== "creating") return;
    if (this.#intents.get(userName) === record.nonce) this.cause(userName, "late-intent");
    this.#intents.set(userName, record.nonce);
  }

  incident(userName: string): void {
    this.incidents.set(userName, (this.incidents.get(userName) ?? 0) + 1);
  }

  /** A consumer that keeps its promise signed with a key that is not Active. */
  refused(userName: string, kind: string, id: AccessKeyId): void {
    const fate = this.#fates.get(id);
    this.count("refused");
    if (fate !== "person") this.#break("consumer refused", userName, `${kind}: ${id}, which ${fate ?? "nobody"} ended`);
  }

  /** A key is about to be made Inactive or deleted. `step` = what the engine says that it does. */
  beforeGone(by: "run" | "person", userName: string, id: AccessKeyId, step: string): void {
    const keys = this.#stage.account.keys(userName);
    const key = keys.find((each) => each.accessKeyId === id);
    if (key === undefined) return;
    if (key.status === "Active" && !this.#fates.has(id)) this.#fates.set(id, by);
    this.count(step);
    if (by === "person") return;
    const isAlone = !keys.some((each) => each.accessKeyId !== id && each.status === "Active");
    // One that a destination has just turned down, and that nobody ever got, is taken back though it be the first.
    if (key.status === "Active" && isAlone && this.handedOut.has(id)) this.#break("only Active key", userName, id);
    // What a person took out of use is deleted in time, also where nobody can see that it is still served.
    const isSeen = (place: SimulatedDestination) => place.read !== undefined || this.#fates.get(id) !== "person";
    const server = this.#stage.player(userName).places.find((place) => serves(place, id) && isSeen(place));
    if (server !== undefined) this.#break("served key", userName, `${id} is served by ${server.label}; ${step}`);
  }

  /** By a person's hand, past keyturn. */
  ended(id: AccessKeyId): void {
    if (!this.#fates.has(id)) this.#fates.set(id, "person");
  }

  /** It is Active again. */
  isBack(id: AccessKeyId): void {
    this.#fates.delete(id);
  }

  /** After everything has calmed down: nobody needs a person but for a cause, and nothing is left over. */
  async judgeTheEnd(reports: readonly UserReport[]): Promise<void> {
    for (const player of this.#stage.players.values()) {
      const report = reports.find((each) => each.userName === player.userName);
      if (report === undefined) this.#break("no report", player.userName, "");
      else this.#notStuck(player, report);
      await this.#nothingLost(player);
      this.#notTooMany(player);
    }
  }

  #notStuck(player: Watched, { code, outcome, sentence, next }: UserReport): void {
    const { userName, plan } = player;
    this.count(`ends ${code}`);
    const waitsForTime = next?.at !== null && next?.at !== undefined && outcome !== "left-alone";
    const isFine =
      outcome === "changed" ||
      outcome === "waiting" ||
      (outcome === "settled" && (code === "young" || code === "no-keys")) ||
      (outcome === "blocked" && code === "predecessor-in-use" && waitsForTime) ||
      (outcome === "blocked" && code === "successor-unused" && waitsForTime) ||
      (outcome === "blocked" && code === "no-free-slot" && waitsForTime);
    if (isFine) return;
    const causes = [...(this.causes.get(userName) ?? []), ...standing(player, this.#stage)];
    if (causes.some((cause) => EXCUSED[cause].includes(code))) return;
    this.#break("stuck", userName, `${outcome} ${code}: ${sentence} (${causes.join(", ")}; plan ${plan.index})`);
  }

  /** Each Active key that was made: somebody can have its secret, or some place holds it. */
  async #nothingLost({ userName, places }: Watched): Promise<void> {
    const kept = (await this.#stage.escrow.list(userName)).map(({ accessKeyId }) => accessKeyId);
    for (const place of places) {
      const past = await place.readPast?.();
      if (past !== undefined && past.pending !== null) kept.push(past.pending);
    }
    const causes = this.causes.get(userName);
    const record = parseRecord(this.#stage.record(userName));
    for (const { accessKeyId: id, status } of this.#stage.account.keys(userName)) {
      const isOurs = this.made.some((each) => each.id === id);
      if (!isOurs || status !== "Active" || this.handedOut.has(id) || kept.includes(id)) continue;
      // An orphan that was the only Active key got a successor, and is on its way out as any other predecessor.
      if ("old" in record && mentions(record.old, id)) continue;
      // Nothing tells a run whose record was stripped, or that a person holds back, which key is an orphan.
      if (causes !== undefined && causes.size > 0) continue;
      if (standing(this.#stage.player(userName), this.#stage).length > 0) continue;
      this.#break("secret lost", userName, `${id} is Active, and its secret is nowhere`);
    }
    if (record.phase === "garbage" || record.phase === "later-version")
      this.#break("record", userName, this.#stage.record(userName) ?? "");
  }

  #notTooMany({ userName, plan }: Watched): void {
    const lasted = this.#stage.now() - START;
    const [one, other] = [plan.policy, plan.laterPolicy].map(({ rotateAfter }) => Math.max(rotateAfter, days(1)));
    const regular = 1 + Math.ceil(lasted / Math.min(one ?? days(1), other ?? days(1)));
    const allowed = regular + (this.incidents.get(userName) ?? 0);
    const made = this.made.filter((each) => each.userName === userName).length;
    if (made > allowed) this.#break("too many keys", userName, `${made} were made where ${allowed} would do`);
  }

  #break(rule: string, userName: string, what: string): never {
    const violation = new Violation(rule, this.#stage.now(), userName, what);
    this.violation ??= violation;
    throw violation;
  }
}

/** What is so from the beginning. */
function standing({ plan }: Watched, { story }: Scene): readonly Cause[] {
  const causes: Cause[] = [];
  if (!story.useEscrow && plan.destinations.every((each) => each.readable === false)) causes.push("no-escrow");
  if (plan.consumers.some(({ kind }) => kind === "stays")) causes.push("stays");
  if (plan.keyAges.length > 1) causes.push("two-keys");
  if (hasWildClock(story)) causes.push("wild-clock");
  return causes;
}

/** Whether a reader of the place gets this key now. */
export const serves = (place: SimulatedDestination, id: AccessKeyId): boolean => place.current?.accessKeyId === id;
