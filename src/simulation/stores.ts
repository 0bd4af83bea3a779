import type { AccessKeyId, KeyPair } from "../core/access-key.ts";
import type { Past, Served } from "../core/observation.ts";
import type { Secret } from "../core/secret.ts";
import type { Instant } from "../core/time.ts";
import { CallError, type Clock, type Destination, type Escrow, type EscrowEntry, type Liveness } from "../ports.ts";
import type { Interceptor } from "./account.ts";

const plain: Interceptor = async (_action, _resource, effect) => effect();

/** What a simulated destination can do. */
export interface Abilities {
  readonly readable?: boolean;
  /** Has a pending stage. */
  readonly stages?: boolean;
  /** Knows what it served before. */
  readonly remembers?: boolean;
}

/** A destination in memory, with as many of the optional abilities as it is given. */
export class SimulatedDestination implements Destination {
  readonly label: string;
  readonly #clock: Clock;
  #current: { pair: KeyPair; writtenAt: Instant } | null = null;
  #pending: KeyPair | null = null;
  readonly #history: KeyPair[] = [];
  intercept: Interceptor = plain;

  readonly read?: () => Promise<Served>;
  readonly readPast?: () => Promise<Past>;
  readonly readSecret?: (id: AccessKeyId) => Promise<Secret | null>;
  readonly recall?: (id: AccessKeyId) => Promise<Secret | null>;
  readonly stage?: (pair: KeyPair) => Promise<void>;
  readonly unstage?: (id: AccessKeyId) => Promise<void>;

  constructor(label: string, clock: Clock, { readable = true, stages = false, remembers = true }: Abilities = {}) {
    this.label = label;
    this.#clock = clock;
    if (readable) {
      this.read = () => this.intercept("read", label, () => this.#served());
      this.readPast = () =>
        this.intercept("readPast", label, () => ({
          pending: this.#pending?.accessKeyId ?? null,
          history: remembers ? this.#history.map((pair) => pair.accessKeyId) : [],
        }));
      this.readSecret = (id) =>
        this.intercept(
          "readSecret",
          label,
          () => this.#held().find((pair) => pair.accessKeyId === id)?.secretAccessKey ?? null,
        );
    }
    if (readable && remembers)
      this.recall = (id) =>
        this.intercept(
          "recall",
          label,
          () => this.#history.find((pair) => pair.accessKeyId === id)?.secretAccessKey ?? null,
        );
    if (stages) {
      this.stage = (pair) =>
        this.intercept("stage", label, () => {
          this.#pending = pair;
        });
      this.unstage = (id) =>
        this.intercept("unstage", label, () => {
          if (this.#pending?.accessKeyId === id) this.#pending = null;
        });
    }
  }

  check(): Promise<void> {
    return this.intercept("check", this.label, () => undefined);
  }

  deliver(pair: KeyPair): Promise<void> {
    return this.intercept("deliver", this.label, () => this.put(pair));
  }

  /** What a person does when they write a value by hand. */
  put(pair: KeyPair): void {
    if (this.#current !== null) this.#history.unshift(this.#current.pair);
    this.#current = { pair, writtenAt: this.#clock.now() };
    this.#pending = null;
  }

  /** What a consumer gets. */
  get current(): KeyPair | null {
    return this.#current?.pair ?? null;
  }

  #served = (): Served => ({
    accessKeyId: this.#current?.pair.accessKeyId ?? null,
    writtenAt: this.#current?.writtenAt ?? null,
  });

  #held = (): readonly KeyPair[] => [this.#pending, this.#current?.pair ?? null].filter((pair) => pair !== null);
}

/** An escrow in memory. */
export class SimulatedEscrow implements Escrow {
  readonly label = "simulated escrow";
  readonly #entries: (EscrowEntry & { readonly secret: Secret })[] = [];
  intercept: Interceptor = plain;

  check(): Promise<void> {
    return this.intercept("check", this.label, () => undefined);
  }

  list(userName?: string): Promise<readonly EscrowEntry[]> {
    return this.intercept("list", this.label, () =>
      this.#entries
        .filter((each) => userName === undefined || each.userName === userName)
        .map((each) => ({ userName: each.userName, accessKeyId: each.accessKeyId })),
    );
  }

  put(userName: string, { accessKeyId, secretAccessKey }: KeyPair): Promise<void> {
    return this.intercept("put", this.label, () => {
      const there = this.#entries[this.#index(userName, accessKeyId)];
      if (there === undefined) this.#entries.push({ userName, accessKeyId, secret: secretAccessKey });
      else if (there.secret.reveal() !== secretAccessKey.reveal())
        throw new CallError("refused", "put", this.label, "Exists", "there is another secret for this key");
    });
  }

  take(userName: string, id: AccessKeyId): Promise<Secret | null> {
    return this.intercept("take", this.label, () => this.#entries[this.#index(userName, id)]?.secret ?? null);
  }

  clear(userName: string, id: AccessKeyId): Promise<void> {
    return this.intercept("clear", this.label, () => {
      const index = this.#index(userName, id);
      if (index >= 0) this.#entries.splice(index, 1);
    });
  }

  #index = (userName: string, id: AccessKeyId): number =>
    this.#entries.findIndex((each) => each.userName === userName && each.accessKeyId === id);
}

/** Runners that can be declared dead. */
export class SimulatedLiveness implements Liveness {
  readonly #dead = new Set<string>();
  readonly #host: string;
  #runner = 1;
  #turn = 0;

  constructor(host = "r") {
    this.#host = host;
  }

  nonce(): string {
    this.#turn += 1;
    return `${this.#host}${this.#runner}_${this.#turn}`;
  }

  isDead = async (nonce: string): Promise<boolean> => this.#dead.has(nonce.split("_")[0] ?? "");

  /** The runner so far is dead and known to be; the next nonce is another's. */
  kill(): void {
    this.#dead.add(`${this.#host}${this.#runner}`);
    this.#runner += 1;
  }
}
