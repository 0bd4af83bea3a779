import { InvalidInput } from "../core/invalid-input.ts";
import { combinations, type Layer, overlay, type Rulebook, targetsOf } from "../core/rulebook.ts";
import { parseTarget } from "../core/target.ts";
import type { Duration } from "../core/time.ts";
import type { DestinationKind, ParsedDestination } from "../destinations/kind.ts";
import type { EscrowKind, ParsedEscrow } from "../escrow/kind.ts";

/** Every kind of destination. A new one is a file of its own and a line here. */
const destinationKinds: Readonly<Record<string, () => Promise<DestinationKind>>> = {
  "aws-profile": async () => (await import("../destinations/aws-profile.ts")).awsProfile,
  file: async () => (await import("../destinations/file.ts")).file,
  secretsmanager: async () => (await import("../destinations/secretsmanager.ts")).secretsmanager,
  ssm: async () => (await import("../destinations/ssm.ts")).ssm,
  stdout: async () => (await import("../destinations/stdout.ts")).stdout,
};

/** Every kind of escrow. */
const escrowKinds: Readonly<Record<string, () => Promise<EscrowKind>>> = {
  file: async () => (await import("../escrow/file.ts")).file,
  ssm: async () => (await import("../escrow/ssm.ts")).ssm,
};

/** What `--deliver` and `--escrow` can begin with: `ssm:`, or `stdout`, which has no target. Loads every kind of destination. */
export async function targetWords(): Promise<{
  readonly deliver: readonly string[];
  readonly escrow: readonly string[];
}> {
  const kinds = await Promise.all(Object.values(destinationKinds).map((load) => load()));
  return {
    deliver: kinds.map(({ kind, isStream }) => (isStream ? kind : `${kind}:`)),
    escrow: Object.keys(escrowKinds),
  };
}

/** What the person or the config chose. */
export interface Settings {
  /** Policy, targets, windows and exemptions, user by user. */
  readonly rulebook: Rulebook;
  /** A target as typed; null = none. */
  readonly escrow: string | null;
  readonly settle: Duration;
  /** A person asked for a rotation now, whatever the age. */
  readonly asked: boolean;
  readonly profile: string | null;
  readonly region: string | null;
}

/** Settings that were checked as far as can be without any call. */
export interface CheckedSettings extends Settings {
  readonly destinations: readonly {
    readonly text: string;
    readonly kind: DestinationKind;
    readonly parsed: ParsedDestination;
  }[];
  readonly parsedEscrow: ParsedEscrow | null;
}

/** Parses the targets, and refuses what contradicts itself or could lose a secret. Throws {@link InvalidInput}. Sends nothing. */
export async function checkSettings(settings: Settings): Promise<CheckedSettings> {
  for (const together of combinations(settings.rulebook))
    overlay(together, settings.rulebook.runEvery, "of these settings");
  const destinations = await Promise.all(
    targetsOf(settings.rulebook).map(async (text) => {
      const target = parseTarget(text);
      return inPlace(settings.rulebook, text, async () => {
        const kind = await find(destinationKinds, target.kind, "destination");
        return { text, kind, parsed: kind.parse(target) };
      });
    }),
  );
  const target = settings.escrow === null || settings.escrow === "none" ? null : parseTarget(settings.escrow);
  const parsedEscrow = target === null ? null : (await find(escrowKinds, target.kind, "escrow")).parse(target);
  for (const { deliver = [], origins } of settings.rulebook.layers) {
    const place = placeIn(origins);
    const duplicate = deliver.find((text, index) => deliver.indexOf(text) !== index);
    if (duplicate !== undefined) throw new InvalidInput(`${place}${duplicate} is given twice`, "leave one of them out");
    const together = destinations.filter(({ text }) => deliver.includes(text));
    const lonely = together.find(({ kind }) => !kind.readable && !kind.isStream);
    if (lonely !== undefined && parsedEscrow === null && !together.some(({ kind }) => kind.readable)) {
      throw new InvalidInput(
        `${place}${lonely.text} cannot be read back, so a crash during its delivery would lose the secret`,
        "add --escrow ssm, or --escrow file where all runs come from this host",
      );
    }
  }
  return { ...settings, destinations, parsedEscrow };
}

/** Where in the configuration the targets of a layer stand, to be put before a message; nothing for what was typed. */
function placeIn(origins: Layer["origins"]): string {
  const origin = origins.get("deliver");
  return origin === undefined || origin.startsWith("--") ? "" : `${origin}: `;
}

/** Does something with a target; what is wrong with it is told with the place where it stands. */
async function inPlace<T>({ layers }: Rulebook, text: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const layer = layers.find(({ deliver = [] }) => deliver.includes(text));
    if (!(error instanceof InvalidInput) || layer === undefined) throw error;
    throw new InvalidInput(`${placeIn(layer.origins)}${error.message}`, error.hint);
  }
}

/** Loads the kind of that name from a table. Throws {@link InvalidInput} where there is none; `what` names the table. */
export async function find<T>(
  kinds: Readonly<Record<string, () => Promise<T>>>,
  kind: string,
  what: string,
): Promise<T> {
  const load = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (load === undefined)
    throw new InvalidInput(`there is no ${what} "${kind}"`, `one of: ${Object.keys(kinds).join(", ")}`);
  return load();
}
