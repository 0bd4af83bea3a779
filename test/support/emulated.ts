import { afterAll, beforeAll, beforeEach } from "vitest";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { type Moto, startMoto } from "./moto.ts";

/** AWS's emulator, and a fault proxy in front of it. */
export interface Emulated {
  readonly moto: Moto;
  readonly proxy: FaultProxy;
}

/**
 * One emulator and one fault proxy for all tests of the `describe` that calls this: started before the first test, emptied
 * before each (unless `keep` says that its tests use users of their own), stopped after the last. What comes back may be taken
 * apart at once, and used as soon as a test or a later hook runs.
 */
export function emulated({ keep = false }: { readonly keep?: boolean } = {}): Emulated {
  let moto: Moto | null = null;
  let proxy: FaultProxy | null = null;
  beforeAll(async () => {
    moto = await startMoto();
    proxy = await startFaultProxy(moto.url);
  });
  if (!keep) {
    beforeEach(async () => {
      await moto?.reset();
      proxy?.reset();
    });
  }
  afterAll(async () => {
    await proxy?.stop();
    await moto?.stop();
  });
  return { moto: later(() => moto), proxy: later(() => proxy) };
}

/** Stands for an object that is not there yet. */
function later<T extends object>(find: () => T | null): T {
  const found = (): T => {
    const object = find();
    if (object === null) throw new Error("the emulator is not started before the hooks run");
    return object;
  };
  // Nothing of the empty object is ever used: every access goes to the one that was found.
  return new Proxy({} as T, {
    get: (_, name) => Reflect.get(found(), name) as unknown,
    set: (_, name, value) => Reflect.set(found(), name, value),
  });
}
