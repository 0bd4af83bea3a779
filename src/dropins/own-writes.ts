import type { Parts } from "../compose.ts";
import { type Duration, seconds } from "../core/time.ts";

/** How long a record that was just written may take to show. */
const PATIENCE: Duration = seconds(10);

/**
 * The same parts where no time is given to IAM to settle, because nobody else runs: then the first look after a write may
 * still show what stood there before it. That is no other run's doing, so it is looked at again, for at most ten seconds.
 */
export function readingOwnWrites(parts: Parts): Parts {
  const { records, clock } = parts;
  const shown = new Map<string, string | null>();
  const replaced = new Map<string, string | null>();
  return {
    ...parts,
    records: {
      read: async (userName, tags) => {
        let text = await records.read(userName, tags);
        const until = clock.monotonic() + PATIENCE;
        while (replaced.has(userName) && text === replaced.get(userName) && clock.monotonic() < until) {
          await clock.sleep(seconds(1));
          text = await records.read(userName);
        }
        if (text !== replaced.get(userName)) replaced.delete(userName);
        shown.set(userName, text);
        return text;
      },
      write: async (userName, record) => {
        await records.write(userName, record);
        if (shown.has(userName)) replaced.set(userName, shown.get(userName) ?? null);
        shown.set(userName, record);
      },
    },
  };
}
