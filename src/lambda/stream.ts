import { InvalidInput } from "../core/invalid-input.ts";
import { entryFrom, type Item, type TimerEntry } from "./timer.ts";

/** One record of the table's stream, as far as it is for us. */
export type StreamRecord =
  /** Time to live has removed an entry. `sequence` names the record where it has to come again. */
  | { readonly kind: "expired"; readonly entry: TimerEntry; readonly sequence: string }
  /** Time to live has removed an item that nobody could have set. */
  | { readonly kind: "strange" }
  /** Somebody wrote, or removed, an item: that is no alarm. */
  | { readonly kind: "other" };

/**
 * Reads what Lambda hands over from the stream. Throws {@link InvalidInput} where it is no such event.
 * @see https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
 */
export function readStreamEvent(event: unknown): readonly StreamRecord[] {
  const records = fieldsOf(event)["Records"];
  if (!Array.isArray(records))
    throw new InvalidInput("the event has no Records", "this function is called by the stream of the timer's table");
  return records.map(readRecord);
}

function readRecord(record: unknown): StreamRecord {
  const { eventName, eventSource, userIdentity, dynamodb } = fieldsOf(record);
  if (eventSource !== "aws:dynamodb" || eventName !== "REMOVE" || !isTimeToLive(userIdentity)) return { kind: "other" };
  const { OldImage, SequenceNumber } = fieldsOf(dynamodb);
  const entry = entryFrom(itemOf(OldImage));
  if (entry === null || typeof SequenceNumber !== "string") return { kind: "strange" };
  return { kind: "expired", entry, sequence: SequenceNumber };
}

/** The filter of the event source says so too; but a filter is a setting, and this is a promise. */
function isTimeToLive(identity: unknown): boolean {
  const { type, principalId } = fieldsOf(identity);
  return type === "Service" && principalId === "dynamodb.amazonaws.com";
}

const itemOf = (image: unknown): Item =>
  Object.fromEntries(Object.entries(fieldsOf(image)).map(([name, value]) => [name, fieldsOf(value)]));

/** The fields of whatever it is; none where it is no object. */
const fieldsOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};
