import { Bucket, type Limit } from "../test/support/bucket.ts";
import type { Call, FaultProxy } from "../test/support/fault-proxy.ts";

/** What the server itself counted. */
export interface Counted {
  readonly granted: number;
  readonly refused: number;
  /** Granted calls by action, such as `iam:TagUser`. */
  readonly byAction: ReadonlyMap<string, number>;
  /** How much was used of what the limit would have granted meanwhile, 0 to 1; null where nothing was limited. */
  readonly share: number | null;
}

/**
 * Counts what comes to the proxy from now on, and limits it where there is a limit. One bucket for all services: AWS limits each by
 * itself, so this is the harder case for whoever paces each by itself. The answer tells what was counted so far.
 */
export function count(proxy: FaultProxy, limit: Limit | null): () => Counted {
  const bucket = new Bucket({ monotonic: () => performance.now() }, limit ?? { rate: Infinity, burst: Infinity });
  const byAction = new Map<string, number>();
  proxy.before = ({ action }: Call) => {
    proxy.calls.length = 0; // they are counted here; of a hundred thousand nobody needs the bodies
    if (!bucket.take()) return { kind: "error", status: 400, code: "Throttling" };
    byAction.set(action, (byAction.get(action) ?? 0) + 1);
    return { kind: "pass" };
  };
  return () => ({
    granted: bucket.granted,
    refused: bucket.refused,
    byAction,
    share: limit === null ? null : bucket.share,
  });
}
