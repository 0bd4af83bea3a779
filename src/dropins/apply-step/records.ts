import type { Parameters } from "../../compose.ts";
import { type AccessKey, byAge, type Tags } from "../../core/access-key.ts";
import { parseRecord, printRecord, type RecordReading } from "../../core/record.ts";
import type { Past, Served } from "../../core/observation.ts";
import { type Instant, instant } from "../../core/time.ts";
import type { RecordStore } from "../../ports.ts";

/** What the script before wrote where no key waits to be deleted. */
const NOBODY = "-1";

/** How the description of the timestamp's parameter is read: the record, and what a module looks for at its next plan. */
const NOTE = /^keyturn:rotation (.*?)(?:; mark (\S+))?$/;

/** What was found before the run, of which the script's own parameters tell a story without any record. */
export interface Found {
  readonly keys: readonly AccessKey[];
  readonly served: Served;
  readonly past: Past;
}

/**
 * The record of one user, in the description of the parameter that holds the time of the deactivation: value and record are one
 * write. So a user that Terraform manages has no tag that Terraform would take away again at every apply. A tag counts, too: by
 * it a person puts the user on hold.
 */
export class ParameterRecords implements RecordStore {
  readonly #parameters: Parameters;
  readonly #name: string;
  readonly #tags: RecordStore;

  constructor(parameters: Parameters, name: string, tags: RecordStore) {
    this.#parameters = parameters;
    this.#name = name;
    this.#tags = tags;
  }

  /**
   * Writes down the record that what stands there without one amounts to, from the script before. `proved` = the key whose pair was
   * proved just now: that it is this user's must be known even when it is gone. Nothing is written where nothing is told.
   */
  async conclude(userName: string, found: Found, proved: AccessKey | null): Promise<void> {
    const noted = await this.#parameters.readNoted(this.#name);
    if (recordIn(noted?.description) !== null) return;
    const record = conclusion(found, parseTimestamp(noted?.value ?? NOBODY)) ?? ownership(proved);
    if (record !== null) await this.write(userName, record);
  }

  async read(userName: string, tags?: Tags): Promise<string | null> {
    const [tagged, noted] = await Promise.all([
      this.#tags.read(userName, tags),
      this.#parameters.readNoted(this.#name),
    ]);
    return newer(tagged, recordIn(noted?.description));
  }

  async write(_userName: string, record: string): Promise<void> {
    const noted = await this.#parameters.readNoted(this.#name);
    await this.#put(record, timestampOf(parseRecord(record)), markIn(noted?.description));
  }

  /**
   * Ends a run: the time of the deactivation stands only as long as that key is there (`keys` = those that are), and the mark, where
   * one is given, says that the run came to its end. Nothing is written where all that is so already.
   */
  async finish(keys: readonly AccessKey[], mark: string | null): Promise<void> {
    const noted = await this.#parameters.readNoted(this.#name);
    const record = recordIn(noted?.description);
    const reading = parseRecord(record);
    const waits =
      reading.phase === "retiring" &&
      keys.some((key) => key.status === "Inactive" && key.accessKeyId === reading.old[0]);
    const value = waits ? timestampOf(reading) : NOBODY;
    const kept = mark ?? markIn(noted?.description);
    if (noted?.value === value && kept === markIn(noted.description)) return;
    await this.#put(record ?? "", value, kept);
  }

  async #put(record: string, value: string, mark: string | null): Promise<void> {
    const description = `keyturn:rotation ${record}${mark === null ? "" : `; mark ${mark}`}`;
    await this.#parameters.writeNoted(this.#name, { value, description });
  }
}

const recordIn = (description: string | undefined): string | null => {
  const record = NOTE.exec(description ?? "")?.[1] ?? "";
  return record === "" ? null : record;
};

const markIn = (description: string | undefined): string | null => NOTE.exec(description ?? "")?.[2] ?? null;

/** A hold in the tag stands whatever else is on record; a tag that says nothing but that a hold is over says nothing. */
function newer(tagged: string | null, noted: string | null): string | null {
  const tag = parseRecord(tagged);
  if (tag.phase === "none" || (tag.phase === "held" && tag.hold === null)) return noted;
  const own = parseRecord(noted);
  if (!("at" in tag) || tag.hold !== null || !("at" in own)) return tagged;
  return tag.at > own.at ? tagged : noted;
}

/**
 * Where the script before was in the middle of a rotation, its parameters tell the rest: the pair was last written when the
 * successor was delivered, and the timestamp says since when the other key is Inactive. Null where they tell nothing for certain.
 */
function conclusion({ keys, served, past }: Found, deactivated: Instant | null): string | null {
  const sorted = byAge(keys);
  const successor = sorted.at(-1);
  const [old, ...more] = sorted.slice(0, -1);
  const isServed = successor?.status === "Active" && successor.accessKeyId === served.accessKeyId;
  if (successor === undefined || old === undefined || more.length > 0 || !isServed) return null;
  const common = { nonce: "before", hold: null, new: successor.accessKeyId, old: [old.accessKeyId] };
  if (old.status === "Inactive" && deactivated !== null)
    return printRecord({ phase: "retiring", at: deactivated, ...common });
  if (old.status === "Active" && served.writtenAt !== null && past.history.includes(old.accessKeyId))
    return printRecord({ phase: "delivered", at: served.writtenAt, ...common });
  return null;
}

/** A key that replaces none, served for as long as it exists: so that nothing counts as being under way. */
const ownership = (proved: AccessKey | null): string | null =>
  proved === null
    ? null
    : printRecord({
        phase: "delivered",
        at: proved.createDate,
        nonce: "before",
        hold: null,
        new: proved.accessKeyId,
        old: [],
      });

/** As Python prints a moment, in UTC: `2026-11-20 15:36:00.000000`. */
function timestampOf(record: RecordReading): string {
  if (record.phase !== "retiring") return NOBODY;
  const text = new Date(record.at).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 23)}000`;
}

/** The script before wrote its machine's own time without saying which: it is taken for UTC. */
function parseTimestamp(text: string): Instant | null {
  const [, day, time] = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d{1,6})?$/.exec(text.trim()) ?? [];
  const at = Date.parse(`${day ?? ""}T${time ?? ""}Z`);
  return Number.isNaN(at) ? null : instant(at);
}
