import { RECORD_TAG } from "../../src/core/record.ts";
import type { UserReport } from "../../src/core/result.ts";
import { type AccessKey, type AccessKeyId, accessKeyId } from "../../src/core/access-key.ts";
import { byHand, hold, predecessorIn, release, retire, rollback } from "../../src/engine/by-hand.ts";
import { run } from "../../src/engine/run.ts";
import { SimulatedDestination, SimulatedLiveness } from "../../src/simulation/stores.ts";
import { freely } from "../support/rig.ts";
import type { Chance } from "./chance.ts";
import { Runner } from "./runner.ts";
import { serves } from "./referee.ts";
import type { Player, Stage } from "./stage.ts";
import type { Act } from "./story.ts";

/** People: in the console, past keyturn; and with keyturn's own commands. */
export class Persons {
  readonly #stage: Stage;
  #commands = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async act(player: Player, { kind, at }: Act): Promise<void> {
    const { userName } = player;
    const chance = this.#stage.chance("person", userName, at);
    this.#stage.note("person", `${userName} ${kind}`);
    this.#stage.referee.cause(userName, kind);
    this.#stage.referee.incident(userName);
    this.#stage.referee.count(`person: ${kind}`);
    switch (kind) {
      case "strip":
        this.#stage.remember(userName);
        this.#stage.account.tags(userName).delete(RECORD_TAG);
        return;
      case "policy":
        player.policy = player.plan.laterPolicy;
        return;
      case "config":
        player.places.push(
          new SimulatedDestination(`memory:${userName}/${player.places.length}`, this.#stage.clock, {}),
        );
        return;
      case "write-back":
        return this.#writeBack(player);
      case "deactivate-in-console":
      case "delete-in-console":
      case "create-in-console":
        return this.#inConsole(player, kind, chance);
      case "retire":
      case "rollback":
      case "hold":
      case "rotate":
        return this.#command(player, kind, chance);
    }
  }

  /** Does what a report advises, where it is plain that it hurts nobody. */
  async follow(player: Player, { command }: UserReport): Promise<void> {
    const [word, , id] = command ?? [];
    const { userName, places } = player;
    if (word === "resume") await this.#resume(player);
    if (word === "rotate") await this.#rotate(player);
    if (word !== "retire" || id === undefined) return;
    const key = accessKeyId(id);
    const others = this.#stage.account.keys(userName).filter((each) => each.accessKeyId !== key);
    if (places.some((place) => serves(place, key)) || !others.some((each) => each.status === "Active")) return;
    this.#stage.referee.cause(userName, "retire");
    await this.#byHand(player, "retire", (turn, seen) =>
      retire(turn, seen, key, command?.includes("--delete") === true, this.#statusOf(userName, key)),
    );
  }

  /** What the person was shown before. */
  #statusOf = (userName: string, id: AccessKeyId): AccessKey["status"] =>
    this.#stage.account.keys(userName).find((key) => key.accessKeyId === id)?.status ?? "Active";

  #inConsole({ userName }: Player, kind: Act["kind"], chance: Chance): void {
    const { account, referee } = this.#stage;
    const [first, ...more] = account.keys(userName);
    this.#stage.remember(userName);
    if (kind === "create-in-console") {
      if (more.length === 0) account.addKey(userName);
      return;
    }
    if (first === undefined) return;
    const { accessKeyId: id } = chance.pick([first, ...more]);
    referee.ended(id);
    if (kind === "deactivate-in-console") account.setStatus(id, "Inactive");
    else account.removeKey(id);
  }

  /** An older value, of a key that still signs in, is written into the first destination that remembers one. */
  async #writeBack({ userName, places }: Player): Promise<void> {
    const active = this.#stage.account.keys(userName).filter((key) => key.status === "Active");
    for (const place of places) {
      for (const { accessKeyId: id } of active) {
        const secretAccessKey = serves(place, id) ? null : ((await place.recall?.(id)) ?? null);
        if (secretAccessKey !== null) return place.put({ accessKeyId: id, secretAccessKey });
      }
    }
  }

  async #command(player: Player, kind: Act["kind"], chance: Chance): Promise<void> {
    const [first, ...more] = this.#stage.account.keys(player.userName);
    if (kind === "rotate") return this.#rotate(player);
    if (kind === "hold") return this.#byHand(player, "hold", (turn, seen) => hold(turn, seen, "open"));
    if (first === undefined) return;
    const { accessKeyId: id, status } = chance.pick([first, ...more]);
    if (kind === "retire")
      return this.#byHand(player, "retire", (turn, seen) => retire(turn, seen, id, chance.happens(0.3), status));
    return this.#byHand(player, "rollback", async (turn, seen) => {
      const predecessor = predecessorIn(seen);
      return predecessor === null ? null : rollback(turn, seen, predecessor);
    });
  }

  #resume = (player: Player): Promise<void> => this.#byHand(player, "resume", release);

  async #rotate(player: Player): Promise<void> {
    const runner = this.#runner();
    this.#stage.referee.incident(player.userName);
    const reports = await run(runner.world, [runner.subject(player, true)], freely);
    this.#stage.note("person", `${player.userName} asked: ${reports[0]?.outcome} ${reports[0]?.code}`);
  }

  async #byHand<T>(player: Player, what: string, deed: Parameters<typeof byHand<T>>[3]): Promise<void> {
    const runner = this.#runner();
    const { userName } = player;
    const ended = await byHand(runner.world, runner.subject(player), what, deed);
    this.#stage.note("person", `${userName} ${what}: ${ended.kind === "done" ? "done" : ended.sentence}`);
  }

  #runner(): Runner {
    this.#commands += 1;
    const name = `p${this.#commands}`;
    return new Runner(this.#stage, name, new SimulatedLiveness(name), "person", { dies: null, skew: [0, 0] });
  }
}
