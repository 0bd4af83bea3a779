import { InvalidInput } from "../core/invalid-input.ts";

/** What the planner asks of a worker: one account of one run. */
export interface Work {
  /** The id of the run, a UUID. */
  readonly run: string;
  readonly account: string;
}

const RUN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The most of a message that is looked at, in characters: a real one has a hundred. */
const LONGEST = 1000;

/** Reads the id of a run. Throws {@link InvalidInput}. */
export function parseRun(text: string): string {
  if (RUN.test(text)) return text;
  throw new InvalidInput(`"${text.slice(0, 100)}" is not the id of a run`, "it is a UUID in small letters");
}

/** A message as it stands in the queue. */
export const writeWork = ({ run, account }: Work): string => JSON.stringify({ version: 1, run, account });

/**
 * Reads a message. It may come from whoever may write to the queue, so it says no more than which account of which run; what is to be
 * done there is the worker's to know. Throws {@link InvalidInput} for anything but exactly that.
 */
export function readWork(text: string): Work {
  const { version, run, account, ...more } = fieldsOf(text);
  const [extra] = Object.keys(more);
  if (version !== 1) throw refused("its version is not 1");
  if (extra !== undefined) throw refused("it has a field that a message of version 1 has not");
  if (typeof run !== "string" || !RUN.test(run)) throw refused("its run is not a UUID");
  if (typeof account !== "string" || !/^\d{12}$/.test(account)) throw refused("its account is not an account id");
  return { run, account };
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> {
  if (text.length > LONGEST) throw refused("it is longer than a message is");
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  } catch {
    throw refused("it is not JSON");
  }
  throw refused("it is not a JSON object");
}

const refused = (why: string): InvalidInput =>
  new InvalidInput(`the message is refused: ${why}`, "only the planner writes to this queue; look who else may");
