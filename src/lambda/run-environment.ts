import { InvalidInput } from "../core/invalid-input.ts";
import { parseResultsPlace, type ResultsPlace } from "../distributed/place.ts";
import { oneOf, type Variables, VariableReader } from "./variables.ts";

/** What the variables of planner and worker say. */
export interface RunEnvironment {
  /** `KEYTURN_CONFIG` as it stands. */
  readonly config: string;
  /** The address of the queue. */
  readonly queue: string;
  readonly results: ResultsPlace;
  /** Workers only look. */
  readonly dryRun: boolean;
}

const NOWHERE: ResultsPlace = { bucket: "", prefix: "" };

/** Reads the environment of the planner or of a worker. Throws {@link InvalidInput} that names every variable that cannot be used. */
export function readRunEnvironment(variables: Variables, who: "planner" | "worker"): RunEnvironment {
  const reader = new VariableReader(variables);
  const config = readNeeded(reader, "KEYTURN_CONFIG", "", (text) => text);
  const queue = readNeeded(reader, "KEYTURN_QUEUE", "", parseQueue);
  const results = readNeeded(reader, "KEYTURN_RESULTS", NOWHERE, parseResultsPlace);
  const dryRun = who === "worker" && reader.read("DRY_RUN", "false", oneOf(["true", "false"])) === "true";
  reader.finish();
  return { config, queue, results, dryRun };
}

function readNeeded<T>(reader: VariableReader, name: string, otherwise: T, parse: (text: string) => T): T {
  if (reader.text(name) === null) reader.complain(name, "it is missing, and a distributed run needs it");
  return reader.read(name, otherwise, parse);
}

/** SQS gives each message of a FIFO queue to be done in order, and one account that fails would hold up all others. */
function parseQueue(text: string): string {
  if (/^https?:\/\/[\w.:-]+\/\d{12}\/[\w-]{1,80}$/.test(text)) return text;
  throw new InvalidInput(
    `"${text}" is not the address of a standard queue`,
    "https://sqs.eu-west-1.amazonaws.com/111122223333/keyturn-work",
  );
}
