/** As much of Lambda's context as these functions use. */
export interface LambdaContext {
  readonly getRemainingTimeInMillis: () => number;
}

/** One line of the function's log. Lambda's own console would add what it makes of a line. */
export const writeLine = (line: string): void => void process.stdout.write(`${line}\n`);
