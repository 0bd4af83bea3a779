import { type Abilities, SimulatedDestination } from "../../src/simulation/stores.ts";
import { CallError } from "../../src/ports.ts";
import { type Bench, destinationContract } from "./contract.ts";
import { HandClock } from "./host.ts";
import { minutes } from "../../src/core/time.ts";

function benchFor(abilities: Abilities): Bench {
  const clock = new HandClock();
  const all = new Map<string, SimulatedDestination>();
  const of = (userName: string): SimulatedDestination => {
    const found = all.get(userName) ?? new SimulatedDestination(`memory:${userName}`, clock, abilities);
    all.set(userName, found);
    return found;
  };
  return {
    open: ({ userName }) => of(userName),
    consume: async ({ userName }) => {
      const { current } = of(userName);
      if (current === null) return null;
      return { accessKeyId: current.accessKeyId, secretAccessKey: current.secretAccessKey.reveal() };
    },
    stored: async ({ userName }) => [of(userName).current, await of(userName).readPast?.()],
    passAMinute: () => clock.sleep(minutes(1)),
    fail: async ({ userName }, failure) => {
      of(userName).intercept = async (action, resource, effect) => {
        if (failure !== null && (action === "deliver" || action === "stage"))
          throw new CallError("refused", action, resource, "Refused", "refused");
        return effect();
      };
    },
  };
}

for (const [name, abilities] of Object.entries({
  "a simulated destination with stages": { readable: true, stages: true, remembers: true },
  "a simulated destination without stages": { readable: true, stages: false, remembers: true },
  "a simulated destination without memory": { readable: true, stages: true, remembers: false },
  "a simulated destination that is write-only": { readable: false, stages: false, remembers: false },
})) {
  const bench = benchFor(abilities);
  destinationContract(name, { ...abilities, hasDocument: false, failures: ["a refusal"] }, () => bench);
}
