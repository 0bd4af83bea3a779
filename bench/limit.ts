import type { Call, FaultProxy } from "../test/support/fault-proxy.ts";

/** As IAM limits an account: a bucket of so many requests that fills at a steady rate. */
export interface Limit {
  /** Requests a second. */
  readonly rate: number;
  readonly burst: number;
}

/** What the server itself counted, from the first call to the last. */
export interface Counted {
  readonly granted: number;
  readonly refused: number;
  readonly seconds: number;
  /** Granted calls by action, such as `iam:TagUser`. */
  readonly byAction: ReadonlyMap<string, number>;
  /** How much was used of what the bucket would have granted in that time, 0 to 1; null where nothing was limited. */
  readonly share: number | null;
}

/**
 * Counts what comes to the proxy from now on, and limits it from the first call on. One bucket for all services: AWS limits each by
 * itself, so this is the harder case for whoever paces each by itself. The answer tells what was counted so far.
 */
export function count(proxy: FaultProxy, limit: Limit | null): () => Counted {
  const { rate, burst } = limit ?? { rate: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY };
  let tokens = burst;
  let first: number | null = null;
  let last = 0;
  let [granted, refused] = [0, 0];
  const byAction = new Map<string, number>();
  proxy.before = ({ action }: Call) => {
    proxy.calls.length = 0; // they are counted here; of a hundred thousand nobody needs the bodies
    const now = performance.now() / 1000;
    if (limit !== null && first !== null) tokens = Math.min(burst, tokens + (now - last) * rate);
    first ??= now;
    last = now;
    if (tokens < 1) {
      refused += 1;
      return { kind: "error", status: 400, code: "Throttling" };
    }
    tokens -= 1;
    granted += 1;
    byAction.set(action, (byAction.get(action) ?? 0) + 1);
    return { kind: "pass" };
  };
  return () => {
    const seconds = last - (first ?? last);
    return {
      granted,
      refused,
      seconds,
      byAction,
      share: limit === null ? null : granted / (burst + seconds * rate),
    };
  };
}
