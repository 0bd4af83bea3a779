import { InvalidInput } from "../core/invalid-input.ts";
import type { MailSettings } from "../core/mail-settings.ts";
import { combinations, type Layer, overlay, type Rulebook, targetsOf } from "../core/rulebook.ts";
import { parseTarget } from "../core/target.ts";
import type { Duration } from "../core/time.ts";
import type { DestinationKind, ParsedDestination } from "../destinations/kind.ts";
import type { EscrowKind, ParsedEscrow } from "../escrow/kind.ts";
import type { ParsedSealer } from "../seal/kind.ts";
import type { LedgerKind, ParsedLedger } from "../ledger/kind.ts";

/** Every kind of destination. A new one is a file of its own and a line here. */
const destinationKinds: Readonly<Record<string, () => Promise<DestinationKind>>> = {
  "aws-profile": async () => (await import("../destinations/aws-profile.ts")).awsProfile,
  email: async () => (await import("../destinations/email.ts")).email,
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

/** Every kind of ledger of owners. */
const ledgerKinds: Readonly<Record<string, () => Promise<LedgerKind>>> = {
  file: async () => (await import("../ledger/file.ts")).file,
  ssm: async () => (await import("../ledger/ssm.ts")).ssm,
};

/** What `--deliver` and `--escrow` can begin with: `ssm:`, or `stdout`, which has no target. Loads every kind of destination. */
export async function targetWords(): Promise<{
  readonly deliver: readonly string[];
  readonly escrow: readonly string[];
}> {
  const kinds = await Promise.all(Object.values(destinationKinds).map((load) => load()));
  return {
    deliver: kinds.map(({ kind, isStream, needsMail }) => (isStream || needsMail === true ? kind : `${kind}:`)),
    escrow: Object.keys(escrowKinds),
  };
}

/** What the person or the config chose. */
export interface Settings {
  /** Policy, targets, windows and exemptions, user by user. */
  readonly rulebook: Rulebook;
  /** A target as typed; null = none. */
  readonly escrow: string | null;
  /** Where owners are remembered, a target as typed; null, or absent = nowhere. */
  readonly ledger?: string | null;
  readonly settle: Duration;
  /** A person asked for a rotation now, whatever the age. */
  readonly asked: boolean;
  readonly profile: string | null;
  readonly region: string | null;
  /** Null = no mails. */
  readonly mail: MailSettings | null;
  /** The account where secrets go, as it is named in the settings; absent = the account of the users. */
  readonly central?: string;
}

/** Settings that were checked as far as can be without any call. */
export interface CheckedSettings extends Settings {
  readonly destinations: readonly {
    readonly text: string;
    readonly kind: DestinationKind;
    readonly parsed: ParsedDestination;
  }[];
  readonly parsedEscrow: ParsedEscrow | null;
  /** What keys in mails are sealed with; null where they are not, or where nothing is mailed. */
  readonly parsedSealer: ParsedSealer | null;
  readonly parsedLedger: ParsedLedger | null;
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
        const parsed = kind.parse(target);
        if (kind.needsMail === true && settings.mail === null)
          throw new InvalidInput(
            `${text} cannot be used: the settings say nothing of mail`,
            "add mail: to keyturn.yaml, with from, client and allowedDomains",
          );
        return { text, kind, parsed };
      });
    }),
  );
  const target = settings.escrow === null || settings.escrow === "none" ? null : parseTarget(settings.escrow);
  const parsedSealer = settings.mail === null ? null : await checkMail(settings.mail);
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
  const parsedLedger = await parseLedger(settings);
  return { ...settings, destinations, parsedEscrow, parsedSealer, parsedLedger };
}

/** Loaded only where mails are sent. Throws {@link InvalidInput} for templates and an encryption that would not do. */
async function checkMail(mail: MailSettings): Promise<ParsedSealer | null> {
  const [{ templatesFor }, { parseSealer }] = await Promise.all([import("./mail.ts"), import("./sealing.ts")]);
  templatesFor(mail);
  return parseSealer(mail.encryption);
}

/** An address that nobody remembers could be changed by whoever may tag the user, and nobody would notice. */
async function parseLedger({ ledger: given, escrow, rulebook: { owners } }: Settings): Promise<ParsedLedger | null> {
  // What keeps secrets on their way can keep addresses as well.
  const usual = escrow === null || escrow === "none" ? null : parseTarget(escrow).kind;
  const ledger = given ?? (owners === undefined || owners.allowedDomains === null ? null : usual);
  if (ledger === null) {
    if (owners === undefined || owners.allowedDomains === null) return null;
    throw new InvalidInput(
      "mail may go to owners, but there is no ledger that remembers their addresses",
      "owners: { ledger: ssm }, or file where all runs come from this host",
    );
  }
  const target = parseTarget(ledger);
  return (await find(ledgerKinds, target.kind, "ledger")).parse(target);
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
