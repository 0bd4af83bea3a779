import { InvalidInput } from "../core/invalid-input.ts";
import { CallError, type ObjectStore } from "../ports.ts";
import type { RunPart, RunPlan } from "./documents.ts";
import { LATEST, partOf, planOf } from "./place.ts";

const MISPLACED = "look who may write to the bucket besides planner and workers";

/** So often a part is read again because somebody else has written in between. */
const TRIES = 8;

/** What is written down of runs. Reading throws `InvalidInput` for what cannot be read, and all of it a {@link CallError}. */
export class Results {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  get label(): string {
    return this.#store.label;
  }

  /** The id of the run that began last; null where none did. */
  async latest(): Promise<string | null> {
    const found = await this.#store.read(LATEST);
    return found === null ? null : (await documents()).readLatest(found.text, this.#labelOf(LATEST));
  }

  async writeLatest(run: string): Promise<void> {
    await this.#store.write(LATEST, JSON.stringify({ run }));
  }

  /** Null where there is no such run. */
  async plan(run: string): Promise<RunPlan | null> {
    const name = planOf(run);
    const found = await this.#store.read(name);
    if (found === null) return null;
    const plan = (await documents()).readPlan(found.text, this.#labelOf(name));
    if (plan.run !== run) throw new InvalidInput(`${this.#labelOf(name)} is the plan of another run`, MISPLACED);
    return plan;
  }

  async writePlan(plan: RunPlan): Promise<void> {
    await this.#store.write(planOf(plan.run), JSON.stringify(plan));
  }

  /** Null where no worker has written yet. */
  async part(run: string, account: string): Promise<RunPart | null> {
    return (await this.#part({ run, account }))?.part ?? null;
  }

  /**
   * Puts in the place of what stands there what `change` makes of it, though others write at the same time: `change` is asked again then.
   * Where it answers null, nothing is written. Answers with what stands there in the end.
   */
  async update(
    work: Pick<RunPart, "run" | "account">,
    change: (part: RunPart | null) => RunPart | null,
  ): Promise<RunPart | null> {
    const name = partOf(work.run, work.account);
    const mine = new Set<string>();
    for (let tries = 0; tries < TRIES; tries += 1) {
      const held = await this.#part(work);
      // The reply to an earlier try was lost, and it took effect.
      if (held !== null && mine.has(held.part.by)) return held.part;
      const changed = change(held?.part ?? null);
      if (changed === null) return held?.part ?? null;
      mine.add(changed.by);
      if (await this.#store.write(name, JSON.stringify(changed), held?.version ?? null)) return changed;
    }
    throw new CallError("unknown", "s3:PutObject", this.#labelOf(name), "Overtaken", "others write there all the time");
  }

  async #part({
    run,
    account,
  }: Pick<RunPart, "run" | "account">): Promise<{ readonly part: RunPart; readonly version: string } | null> {
    const name = partOf(run, account);
    const found = await this.#store.read(name);
    if (found === null) return null;
    const { text, version } = found;
    const part = (await documents()).readPart(text, this.#labelOf(name));
    if (part.run !== run || part.account !== account)
      throw new InvalidInput(`${this.#labelOf(name)} is the result of another run or account`, MISPLACED);
    return { part, version };
  }

  #labelOf = (name: string): string => `${this.#store.label}${name}`;
}

/** Loaded where something is read: schemas are more code than all the rest. */
const documents = () => import("./documents.ts");
