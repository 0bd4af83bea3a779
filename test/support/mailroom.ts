import type { Owner, Notice } from "../../src/core/owner.ts";
import { contactFor } from "../../src/core/owner-ledger.ts";
import { type OwnerRules, readOwnerTags } from "../../src/core/owner-tags.ts";
import type { UserReport } from "../../src/core/result.ts";
import { days, formatDay } from "../../src/core/time.ts";
import { run, type RunRules } from "../../src/engine/run.ts";
import type { Subject } from "../../src/engine/world.ts";
import type { AddressedNotice } from "../../src/core/owner.ts";
import type { Notifier, OwnerLedger, Sealer } from "../../src/ports.ts";
import { freely, type Rig } from "./rig.ts";

/** A ledger in memory. `fail` throws in place of a call. */
export class MemoryLedger implements OwnerLedger {
  readonly label = "memory";
  readonly texts = new Map<string, string>();
  readonly calls: string[] = [];
  fail: (call: "read" | "readAll" | "write", userName: string | null) => void = () => undefined;

  read = async (userName: string): Promise<string | null> => {
    this.#called("read", userName);
    return this.texts.get(userName) ?? null;
  };

  readAll = async (): Promise<ReadonlyMap<string, string>> => {
    this.#called("readAll", null);
    return new Map(this.texts);
  };

  write = async (userName: string, text: string): Promise<void> => {
    this.#called("write", userName);
    this.texts.set(userName, text);
  };

  #called(call: "read" | "readAll" | "write", userName: string | null): void {
    this.calls.push(call);
    this.fail(call, userName);
  }
}

export const RULES: OwnerRules = {
  only: false,
  rotateAfter: { atLeast: null, atMost: null },
  deleteAfter: { atLeast: null, atMost: null },
  allowedDomains: ["example.com"],
  addressChangeDelay: days(1),
  warnBefore: [days(14), days(7), days(1)],
};

/** Somebody who may tag users, the mails that go out, and runs that send them. */
export class Mailroom {
  readonly ledger = new MemoryLedger();
  readonly sent: AddressedNotice[] = [];
  /** What every mail meets before it goes out, and after. */
  before: (notice: AddressedNotice) => void = () => undefined;
  after: (notice: AddressedNotice) => void = () => undefined;
  notifier: Notifier | null;
  sealer: Sealer | null = null;
  rules = RULES;
  deliveryTells = false;
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
    this.notifier = {
      label: "memory",
      notify: async (notice) => {
        this.before(notice);
        this.sent.push(notice);
        this.after(notice);
      },
    };
  }

  /** Who gets the user's keys in a run that begins now. */
  ownerOf = (userName: string): Owner | null => this.#subject(userName).contact?.owner ?? null;

  async run(rules: Partial<RunRules> = {}): Promise<readonly UserReport[]> {
    const { addressChangeDelay, warnBefore } = this.rules;
    const { ledger, notifier, sealer } = this;
    const owners = { ledger, notifier, sealer, addressChangeDelay, warnBefore };
    const subjects = [...this.#rig.destinations.keys()].map(this.#subject);
    return run({ ...this.#rig.world, owners }, subjects, { ...freely, ...rules });
  }

  /** What was sent so far, in a line each: day, kind, and the place of the key among those that the user ever had. */
  told = (name: (id: string) => string): readonly string[] =>
    this.#sentAt.map(({ day, notice }) => `${day} ${wordsFor(notice, name)}`);

  readonly #sentAt: { day: string; notice: Notice }[] = [];

  /** Takes down the day of each mail. */
  keepDays(): this {
    const { after } = this;
    this.after = (notice) => {
      this.#sentAt.push({ day: formatDay(this.#rig.clock.now()), notice: notice.notice });
      after(notice);
    };
    return this;
  }

  readonly #subject = (userName: string): Subject => {
    const subject = this.#rig.subjects().find(({ user }) => user.userName === userName);
    if (subject === undefined) throw new Error(`no user ${userName}`);
    const claim = readOwnerTags(this.#rig.account.tags(userName), this.rules.allowedDomains);
    const contact = contactFor(claim, this.ledger.texts.get(userName) ?? null, this.rules, this.#rig.clock.now());
    const destinations = this.deliveryTells
      ? subject.destinations.map((each) => Object.assign(each, { tellsOwner: true }))
      : subject.destinations;
    return { ...subject, destinations, ...(contact === null ? {} : { contact }) };
  };
}

/** A notice in a few words. */
function wordsFor(notice: Notice, name: (id: string) => string = (id) => id): string {
  if (notice.kind === "address-changed") return `address-changed to ${notice.address}`;
  const until = notice.kind === "created" && notice.until !== null ? ` until ${formatDay(notice.until)}` : "";
  const at = notice.kind === "stops-working" ? ` at ${formatDay(notice.at)}` : "";
  return `${notice.kind} ${name(notice.accessKeyId)}${until}${at}`;
}
