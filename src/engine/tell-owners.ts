import type { AccessKeyId, User } from "../core/access-key.ts";
import { forget, goneIn, meet, type News, newsFor } from "../core/notices.ts";
import type { Observation } from "../core/observation.ts";
import type { Notice, Owner } from "../core/owner.ts";
import { type LedgerEntry, printLedgerEntry } from "../core/owner-ledger.ts";
import type { NoticeReport } from "../core/result.ts";
import { later } from "../core/time.ts";
import { CallError, type Step } from "../ports.ts";
import { asTurnEnd } from "./turn.ts";
import type { Owners, Subject, World } from "./world.ts";

/** What became of telling one owner. */
export interface Told {
  readonly notices: readonly NoticeReport[];
  /** Whole sentences. */
  readonly notes: readonly string[];
}

/** After so many calls in a row without an answer the notifier is left in peace for the rest of the run. */
const PATIENCE = 3;

/**
 * What one run tells the owners of keys. A notice goes out before the ledger says so: a run that dies in between sends it twice,
 * and none is lost. Nothing in here stops a rotation, except that a ledger that cannot be written keeps its user from a turn.
 */
export class Letters {
  readonly #world: World;
  readonly #owners: Owners;
  /** The entries as this run wrote them. */
  readonly #entries = new Map<string, LedgerEntry>();
  #unanswered = 0;

  constructor(world: World, owners: Owners) {
    this.#world = world;
    this.#owners = owners;
  }

  /**
   * Writes down whom this run takes for the owner, before any key is made for them: an address that nobody remembers would not
   * be missed when somebody changes it. Throws {@link CallError}.
   */
  async remember({ user, contact }: Subject, seen: Observation): Promise<void> {
    if (contact === undefined || this.#entries.has(user.userName)) return;
    const { notifier, sealer } = this.#owners;
    const tells = contact.owner !== null && (notifier !== null || sealer !== null);
    const entry = tells ? meet(contact.entry, seen) : contact.entry;
    if (printLedgerEntry(entry) !== contact.stored) await this.#write(user, entry);
    this.#entries.set(user.userName, entry);
  }

  /** Tells the owner what they do not know yet. `seen` = how the user stands after this run. */
  async tell(subject: Subject, seen: Observation): Promise<Told> {
    const notices: NoticeReport[] = [];
    const notes: string[] = [];
    const { user, contact } = subject;
    try {
      await this.remember(subject, seen);
      if (contact === undefined || contact.owner === null) return { notices, notes };
      await this.#announceChange(user, contact.owner, notices);
      for (const news of this.#news(subject, seen)) await this.#tellOne(user, contact.owner, news, notices);
      await this.#tidy(user, seen);
    } catch (error) {
      notes.push(`${asTurnEnd("telling the owner", error).message}; the next run tries again`);
    }
    return { notices, notes };
  }

  #news({ user, terms, destinations }: Subject, seen: Observation): readonly News[] {
    const { warnBefore, sealer } = this.#owners;
    const deliveryTells = destinations.some((each) => each.tellsOwner === true);
    const setting = { terms, now: this.#world.clock.now(), warnBefore, deliveryTells, keepsGone: sealer !== null };
    return newsFor(this.#entryOf(user), seen, setting);
  }

  /** The former address hears of the change, and the delay begins then. One that turns mail down cannot be told. */
  async #announceChange(user: User, owner: Owner, notices: NoticeReport[]): Promise<void> {
    const entry = this.#entryOf(user);
    if (entry.pending === null || entry.pending.announced !== null) return;
    const { address } = entry.pending;
    const announced = this.#world.clock.now();
    const notice: Notice = {
      kind: "address-changed",
      address,
      from: later(announced, this.#owners.addressChangeDelay),
    };
    if ((await this.#send(user, owner, notice, notices)) === "unanswered") return;
    await this.#write(user, { ...entry, pending: { address, announced } });
  }

  async #tellOne(user: User, owner: Owner, { notice, known }: News, notices: NoticeReport[]): Promise<void> {
    if (notice !== null && (await this.#send(user, owner, notice, notices)) !== "sent") return;
    await this.#write(user, known(this.#entryOf(user)));
  }

  /** Lets go of what opened mails about keys that are gone. */
  async #tidy(user: User, { keys }: Observation): Promise<void> {
    const gone = goneIn(this.#entryOf(user));
    const { sealer } = this.#owners;
    if (gone.length === 0 || keys.kind !== "known" || sealer === null) return;
    await sealer.tidy(
      user,
      keys.value.map((key) => key.accessKeyId),
    );
    await this.#write(
      user,
      gone.reduce((entry, id) => forget(entry, id), this.#entryOf(user)),
    );
  }

  /** Without a notifier everything counts as sent, so that an owner is not flooded once there is one. */
  async #send(
    user: User,
    owner: Owner,
    notice: Notice,
    notices: NoticeReport[],
  ): Promise<"sent" | "refused" | "unanswered"> {
    const { notifier } = this.#owners;
    if (notifier === null) return "sent";
    const about = { kind: notice.kind, accessKeyId: "accessKeyId" in notice ? notice.accessKeyId : null };
    if (this.#unanswered >= PATIENCE) {
      notices.push({ ...about, result: "failed", sentence: `not tried: ${notifier.label} does not answer` });
      return "unanswered";
    }
    const end = await failureOf(() => notifier.notify({ user, owner, notice }));
    this.#unanswered = end?.kind === "unknown" ? this.#unanswered + 1 : 0;
    const sentence = end === null ? "" : asTurnEnd(notifier.label, end).message;
    notices.push({ ...about, result: end === null ? "sent" : "failed", sentence });
    this.#journal(user, notice, end === null ? "done" : "failed", about.accessKeyId, sentence || notifier.label);
    if (end === null) return "sent";
    return end.kind === "refused" || end.kind === "absent" ? "refused" : "unanswered";
  }

  #journal({ userName }: User, { kind }: Notice, outcome: Step["outcome"], id: AccessKeyId | null, why: string): void {
    const at = this.#world.clock.now();
    const accessKeyIds = id === null ? [] : [id];
    this.#world.journal({ at, userName, step: "notify", outcome, accessKeyIds, reason: `${kind}: ${why}` });
  }

  async #write({ userName }: User, entry: LedgerEntry): Promise<void> {
    const text = printLedgerEntry(entry);
    await this.#owners.ledger.write(userName, text);
    this.#entries.set(userName, entry);
  }

  #entryOf({ userName }: User): LedgerEntry {
    const entry = this.#entries.get(userName);
    if (entry === undefined) throw new Error("an owner was told before the ledger was brought up to date");
    return entry;
  }
}

/** The error of a call; null where it went well. Other errors are bugs: they go on as they are. */
async function failureOf(call: () => Promise<void>): Promise<CallError | null> {
  try {
    await call();
    return null;
  } catch (error) {
    if (error instanceof CallError) return error;
    throw error;
  }
}
