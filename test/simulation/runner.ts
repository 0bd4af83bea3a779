import type { AccessKey, AccessKeyId, KeyPair, Tags } from "../../src/core/access-key.ts";
import { age, instant, milliseconds, minutes, seconds } from "../../src/core/time.ts";
import { recordsInTags } from "../../src/engine/tag-records.ts";
import type { Subject, World } from "../../src/engine/world.ts";
import { CallError, type Clock } from "../../src/ports.ts";
import type { SimulatedLiveness } from "../../src/simulation/stores.ts";
import { Crash } from "../support/crash.ts";
import type { Chance } from "./chance.ts";
import type { Player, Stage } from "./stage.ts";
import type { RunPlan } from "./story.ts";

/** Calls that change what IAM shows. */
const IAM_WRITES: readonly string[] = ["tagUser", "createAccessKey", "activate", "deactivate", "deleteAccessKey"];

/** One process that runs keyturn, and the weather between it and the world. */
export class Runner {
  readonly #stage: Stage;
  readonly #name: string;
  readonly #liveness: SimulatedLiveness;
  readonly #by: "run" | "person";
  readonly #plan: Pick<RunPlan, "dies" | "skew">;
  readonly #chance: Chance;
  #calls = 0;
  isDead = false;

  constructor(
    stage: Stage,
    name: string,
    liveness: SimulatedLiveness,
    by: "run" | "person",
    plan: Pick<RunPlan, "dies" | "skew">,
  ) {
    this.#stage = stage;
    this.#name = name;
    this.#liveness = liveness;
    this.#by = by;
    this.#plan = plan;
    this.#chance = stage.chance("weather", name);
  }

  get world(): World {
    const { account, story, escrow, separateRecords } = this.#stage;
    const iam = this.#through(account.iam, "iam", userNameFirst);
    return {
      caller: account.caller,
      iam,
      verifier: this.#through(account.verifier, "sts", (words) => this.#ownerOf((words[0] as KeyPair).accessKeyId)),
      records: story.separateRecords ? this.#through(separateRecords, "records", userNameFirst) : recordsInTags(iam),
      escrow: story.useEscrow ? this.#through(escrow, "escrow", userNameFirst) : null,
      clock: this.#clock,
      liveness: this.#liveness,
      journal: ({ userName, step, outcome, accessKeyIds, reason }) => {
        this.#stage.note(this.#name, `${userName} ${step} ${outcome} ${accessKeyIds.join("+")} (${reason})`);
        if (step === "record-creating" && outcome === "done") this.#stage.referee.intended(userName, reason);
      },
      settle: seconds(15),
    };
  }

  subject(player: Player, asked = false): Subject {
    const { userName, policy, places } = player;
    return {
      user: this.#stage.account.user(userName),
      terms: {
        policy,
        exempt: null,
        window: null,
        doubt: null,
        asked,
        ownServices: ["sts"],
        needsDestination: true,
      },
      destinations: places.map((place) => this.#through(place, place.label, () => userName)),
    };
  }

  get #clock(): Clock {
    const { clock } = this.#stage;
    const skew = () => (this.#stage.has("clock") ? this.#plan.skew[this.#calls < 25 ? 0 : 1] : 0);
    return { now: () => instant(clock.now() + skew()), monotonic: clock.monotonic, sleep: (span) => clock.sleep(span) };
  }

  #ownerOf(id: AccessKeyId): string | null {
    const { players, account } = this.#stage;
    return [...players.keys()].find((name) => account.keys(name).some((key) => key.accessKeyId === id)) ?? null;
  }

  /** The same port, with the weather in between. What it does not have, it does not get. */
  #through<T extends object>(port: T, place: string, userOf: (words: readonly unknown[]) => string | null): T {
    return new Proxy(port, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return (...words: unknown[]) =>
          this.#call(place, String(name), userOf(words) ?? this.#ownerOf(words[0] as AccessKeyId), words, () =>
            Promise.resolve(Reflect.apply(member, target, words)),
          );
      },
    });
  }

  async #call(
    place: string,
    method: string,
    userName: string | null,
    words: readonly unknown[],
    effect: () => Promise<unknown>,
  ): Promise<unknown> {
    const stage = this.#stage;
    this.#calls += 1;
    const number = this.#calls;
    this.#live(number, "before", `${place} ${method}`);
    await this.#delay(place, method);
    this.#live(0, "before", "");
    this.#turnDown(place, method, userName);
    if (userName !== null && this.#chance.happens(0.05)) stage.consume(userName);
    const result = await this.#takeEffect(place, method, userName, words, effect);
    this.#live(number, "after", `${place} ${method}`);
    if (stage.has("lost") && this.#chance.happens(stage.story.trouble / 2)) {
      await stage.clock.sleep(this.#chance.pick([seconds(1), seconds(10), seconds(25)]));
      this.#trouble(userName, `${place} ${method}: reply lost`);
      throw new CallError("unknown", `${place}:${method}`, userName ?? "*", "TimeoutError", "no answer in time");
    }
    return result;
  }

  /** A process that is dead makes no further call; a fuse ends it at one of them. */
  #live(number: number, when: "before" | "after", what: string): void {
    const { dies } = this.#plan;
    if (!this.isDead && dies !== null && dies.call === number && dies.when === when && this.#stage.has("kill")) {
      this.isDead = true;
      this.#stage.referee.count("killed");
      this.#stage.note(this.#name, `DIES ${when} ${what}`);
      for (const userName of this.#stage.players.keys()) this.#stage.referee.incident(userName);
    }
    if (this.isDead) throw new Crash(`${this.#name} is dead`);
  }

  async #delay(place: string, method: string): Promise<void> {
    if (!this.#stage.has("latency") || this.#stage.story.trouble === 0 || !this.#chance.happens(0.15)) return;
    // A write that is under way for longer than IAM takes to settle is the one thing that the protocol does not bear.
    const isShort = method === "tagUser" || (place === "records" && method === "write");
    await this.#stage.clock.sleep(
      this.#chance.between(milliseconds(0), seconds(isShort ? 3 : this.#chance.pick([2, 8, 28]))),
    );
  }

  #turnDown(place: string, method: string, userName: string | null): void {
    const stage = this.#stage;
    const { trouble } = stage.story;
    const fail = (kind: "refused" | "denied" | "unknown", code: string): never => {
      this.#trouble(userName, `${place} ${method}: ${code}`);
      throw new CallError(kind, `${place}:${method}`, userName ?? "*", code, "turned down");
    };
    if (stage.has("throttle") && this.#chance.happens(trouble)) fail("refused", "ThrottlingException");
    if (stage.has("denied") && this.#chance.happens(trouble / 10)) fail("denied", "AccessDenied");
    if (stage.has("outage") && trouble > 0 && place.startsWith("memory:")) {
      const day = Math.floor(stage.now() / minutes(60 * 8));
      if (stage.chance("outage", place, day).happens(0.06))
        fail(this.#chance.pick(["refused", "unknown"]), "InternalError");
    }
  }

  #trouble(userName: string | null, what: string): void {
    this.#stage.note(this.#name, `${userName ?? ""} ${what}`);
    this.#stage.referee.count("faults");
    for (const each of userName === null ? this.#stage.players.keys() : [userName]) this.#stage.referee.incident(each);
  }

  async #takeEffect(
    place: string,
    method: string,
    userName: string | null,
    words: readonly unknown[],
    effect: () => Promise<unknown>,
  ): Promise<unknown> {
    const stage = this.#stage;
    if (userName === null) return effect();
    if (place === "iam" && IAM_WRITES.includes(method)) stage.remember(userName);
    if (place === "iam" && (method === "deactivate" || method === "deleteAccessKey"))
      stage.referee.beforeGone(this.#by, userName, words[1] as AccessKeyId, method);
    if (method === "deliver") {
      stage.referee.handedOut.add((words[0] as KeyPair).accessKeyId);
      stage.referee.count("deliver");
    }
    const result = await effect();
    if (method === "activate") stage.referee.isBack(words[1] as AccessKeyId);
    if (method === "createAccessKey") this.#created(userName, result as KeyPair);
    if (method === "signIn") return this.#signedIn(userName, words[0] as KeyPair, result as string | null);
    if (method === "lastUse") return { ...(result as object), use: stage.shownUse(words[0] as AccessKeyId) };
    return method === "listAccessKeys" || method === "listTags" ? this.#shown(userName, method, result) : result;
  }

  #created(userName: string, { accessKeyId }: KeyPair): void {
    this.#stage.referee.made.push({ userName, id: accessKeyId });
    this.#stage.referee.count("created");
  }

  /** A fresh key is known in one place and unknown in the next, up to a minute long. */
  #signedIn(userName: string, { accessKeyId }: KeyPair, answer: string | null): string | null {
    const stage = this.#stage;
    stage.noteUse(userName, accessKeyId);
    const key = stage.account.keys(userName).find((each) => each.accessKeyId === accessKeyId);
    if (key === undefined || !stage.has("flap")) return answer;
    const unknownFor = stage.chance("flap", accessKeyId).between(seconds(0), seconds(60));
    return age(key.createDate, stage.now()) < unknownFor && this.#chance.happens(0.8) ? null : answer;
  }

  #shown(userName: string, method: string, result: unknown): unknown {
    if (!this.#stage.has("stale")) return result;
    const before = this.#stage.stale(userName, this.#chance);
    const shown: readonly AccessKey[] | Tags | undefined = method === "listTags" ? before?.tags : before?.keys;
    return shown ?? result;
  }
}

const userNameFirst = (words: readonly unknown[]): string | null =>
  typeof words[0] === "string" && words[0].startsWith("user-") ? words[0] : null;
