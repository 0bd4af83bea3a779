import type { CheckedSettings } from "../compose.ts";
import type { Config } from "../config/load.ts";
import { InvalidInput } from "../core/invalid-input.ts";
import { parseTarget } from "../core/target.ts";

/* What a configuration may say on a terminal, and cannot mean in a function. */

/**
 * What a function writes to its own disk is gone with it, and what it prints stands in its log for all to read. A file system that
 * is mounted (below `/mnt`) stays. Throws {@link InvalidInput}.
 */
export function refuseFleeting({ destinations, escrow, ledger = null }: CheckedSettings): void {
  const kept = [escrow ?? "none", ledger ?? "none"].filter((each) => each !== "none");
  const targets = [...destinations.map(({ text }) => text), ...kept];
  for (const text of targets) {
    const { kind, name } = parseTarget(text);
    const isFile = kind === "file" || kind === "aws-profile";
    if (kind === "stdout") throw new InvalidInput(`${text} would write secrets into the log of this function`, HINT);
    if (isFile && !/^\/mnt\/(?!.*\.\.)/.test(name))
      throw new InvalidInput(`${text} is on the disk of this function, which is gone when it ends`, HINT);
  }
}

const HINT = "deliver to secretsmanager: or ssm:, or to a file below /mnt/, where a file system is mounted";

/** Nothing is ever printed: a target that prints keys is refused. */
export const printNothing = (): Promise<void> => Promise.reject(new Error("a function prints no keys"));

/** Settings that say nothing here: whole sentences, for the log. */
export const passedOver = ({ profile, audit }: Config): readonly string[] => [
  ...(profile === null ? [] : ["profile is passed over: a function signs with its role"]),
  ...(audit === null ? [] : ["audit is passed over: the audit of a function stands in its log"]),
];
