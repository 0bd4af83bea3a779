import type { Interceptor } from "../../src/simulation/account.ts";
import type { Rig } from "./rig.ts";

/** Thrown in place of a crash: no code of the product handles it, so everything after it does not happen. */
export class Crash extends Error {}

/** Counts every call of a rig's world, and lets the process "die" at one of them. */
export class CallCounter {
  readonly calls: string[] = [];
  created = 0;
  /** Die at this call (from 1), before or after it takes effect; null = never. */
  dieAt: { readonly call: number; readonly when: "before" | "after" } | null = null;
  /** Runs before each call, for whoever acts in between. */
  between: (call: number, action: string) => void | Promise<void> = () => undefined;

  constructor(rig: Rig) {
    rig.account.intercept = this.intercept;
    rig.escrow.intercept = this.intercept;
    for (const destinations of rig.destinations.values()) {
      for (const destination of destinations) if ("intercept" in destination) destination.intercept = this.intercept;
    }
  }

  intercept: Interceptor = async (action, resource, effect) => {
    this.calls.push(`${action} ${resource}`);
    const number = this.calls.length;
    await this.between(number, action);
    if (this.dieAt?.call === number && this.dieAt.when === "before") throw new Crash(`before ${action}`);
    const result = effect();
    if (action === "iam:CreateAccessKey") this.created += 1;
    if (this.dieAt?.call === number) throw new Crash(`after ${action}`);
    return result;
  };
}
