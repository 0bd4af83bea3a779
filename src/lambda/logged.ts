import { type Log, openLog, sentenceOf } from "../secret-rotation/log.ts";

/** As much of Lambda's context as these functions use. */
export interface LambdaContext {
  readonly getRemainingTimeInMillis: () => number;
}

/**
 * Runs one invocation with its log. Rejects with a sentence alone: Lambda logs all of what is thrown, and an error may hang on a
 * reply of AWS.
 */
export async function invocation<T>(work: (log: Log) => Promise<T>): Promise<T> {
  // Lambda's own console would add to a line what it makes of it.
  const log = openLog((line) => void process.stdout.write(`${line}\n`), process.env["DEBUG"] === "true");
  let problem: unknown;
  try {
    return await work(log);
  } catch (error) {
    problem = error;
  }
  log.error(problem);
  throw new Error(log.clean(sentenceOf(problem)));
}
