import type { AccessKeyId } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { days, type Duration, instant, later } from "../../src/core/time.ts";
import type { Step as EngineStep, Verifier } from "../../src/ports.ts";
import { readEvent, type Step } from "../../src/secret-rotation/event.ts";
import type { Host } from "../../src/secret-rotation/host.ts";
import { readSettings } from "../../src/secret-rotation/settings.ts";
import { performStep } from "../../src/secret-rotation/steps.ts";
import { SimulatedAccount } from "../../src/simulation/account.ts";
import { VirtualClock } from "../../src/simulation/virtual-clock.ts";
import { START } from "../support/rig.ts";
import { SecretsService } from "../support/secrets-service.ts";

export const STEPS: readonly Step[] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
export const SECRET = "dev/app-bot-key";
export const USER = "app-bot";

/** Thrown in place of a crash; until the next invocation nothing reaches AWS any more. */
export class Death extends Error {}

/** A simulated account with a secret of Secrets Manager that is rotated by the product's own steps. */
export class Stage {
  readonly clock = new VirtualClock(START);
  readonly account = new SimulatedAccount(this.clock, 1);
  readonly secrets = new SecretsService(this.clock);
  readonly calls: string[] = [];
  readonly journal: EngineStep[] = [];
  variables: Record<string, string> = {};
  /** Die at this call (from 1), before or after it takes effect. */
  dieAt: { readonly call: number; readonly when: "before" | "after" } | null = null;
  between: (call: string) => void = () => undefined;
  verifier: (object: unknown) => Verifier;
  remaining = Infinity;
  /** Turns whose end this sandbox knows of; a new one knows of none. */
  ended = new Set<string>();
  #dead = false;

  constructor() {
    this.verifier = () => this.account.verifier;
    const intercept = async <T>(action: string, resource: string, effect: () => T): Promise<T> => {
      if (this.#dead) throw new Death("dead already");
      this.calls.push(action);
      this.between(action);
      const dies = this.dieAt?.call === this.calls.length ? this.dieAt.when : null;
      if (dies === "before") this.#die(`before ${action} ${resource}`);
      const result = effect();
      if (dies === "after") this.#die(`after ${action} ${resource}`);
      return result;
    };
    this.account.intercept = intercept;
    this.secrets.intercept = intercept;
  }

  #die(where: string): never {
    this.#dead = true;
    throw new Death(where);
  }

  /** A user with keys of these ages; the youngest Active one is what the secret holds. */
  user(
    keys: readonly { ageDays: number; status?: "Active" | "Inactive" }[],
    value: Record<string, string> = {},
    [userName, secret] = [USER, SECRET],
  ): readonly AccessKeyId[] {
    this.account.addUser(userName, { tags: { Rotatable: "true" } });
    const pairs = keys.map(({ ageDays, status = "Active" }) =>
      this.account.addKey(userName, { createDate: instant(START - days(ageDays)), status }),
    );
    const served = pairs.at(-1);
    const key = served === undefined ? {} : { Key: served.accessKeyId, Secret: served.secretAccessKey.reveal() };
    this.secrets.create(secret, { ...key, UserName: userName, ...value }, { Rotatable: "true" });
    return pairs.map(({ accessKeyId }) => accessKeyId);
  }

  get host(): Host {
    return {
      caller: this.account.caller,
      iam: this.account.iam,
      client: this.secrets.client,
      region: "eu-west-1",
      clock: this.clock,
      verifierFor: (object) => this.verifier(object),
      settings: readSettings(this.variables),
      journal: (step) => this.journal.push(step),
      remaining: () => this.remaining,
      ended: this.ended,
    };
  }

  /** One call of the function. */
  step(Step: string, ClientRequestToken: string, more: Record<string, string> = {}): Promise<string> {
    this.#dead = false;
    return performStep(this.host, readEvent({ Step, SecretId: SECRET, ClientRequestToken, ...more }));
  }

  /** All four calls, as the service makes them. Rejects with the first failure. */
  async rotate(token = this.secrets.begin(SECRET)): Promise<string> {
    for (const step of STEPS) await this.step(step, token);
    return token;
  }

  /** As {@link Stage.rotate}; answers with what went wrong. */
  async failureOf(work: () => Promise<unknown>): Promise<string> {
    try {
      await work();
    } catch (error) {
      if (error instanceof InvalidInput) return `${error.message} | ${error.hint ?? ""}`;
      throw error;
    }
    throw new Error("nothing went wrong");
  }

  keys = () => this.account.keys(USER).map(({ accessKeyId }) => accessKeyId);

  record = (): string => this.account.tags(USER).get("keyturn:rotation") ?? "";

  /** A sandbox of its own for the next invocation: it knows nothing of those before. */
  newSandbox(): void {
    this.ended = new Set();
  }

  pass(span: Duration): void {
    this.clock.advanceTo(later(this.clock.now(), span));
  }
}
