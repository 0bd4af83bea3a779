import { InvalidInput } from "../core/invalid-input.ts";

/** Where the results of runs are kept. */
export interface ResultsPlace {
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
}

/** Reads `s3://BUCKET` or `s3://BUCKET/PREFIX`. Throws {@link InvalidInput}. */
export function parseResultsPlace(text: string): ResultsPlace {
  const [, bucket, path = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(text) ?? [];
  if (bucket === undefined)
    throw new InvalidInput(`"${text}" is not a place for results`, "s3://BUCKET/PREFIX; the prefix may be left out");
  const prefix = path.replace(/\/$/, "");
  // What stands in a policy as a resource, and in a name that people type, is kept to what means the same everywhere.
  if (prefix !== "" && !/^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/.test(prefix))
    throw new InvalidInput(
      `"${text}" is not a place for results: its prefix cannot be used`,
      "letters, digits and _ . - between slashes",
    );
  return { bucket, prefix: prefix === "" ? "" : `${prefix}/` };
}

/** The run that began last. */
export const LATEST = "latest.json";

export const planOf = (run: string): string => `runs/${run}/plan.json`;

export const partOf = (run: string, account: string): string => `runs/${run}/accounts/${account}.json`;
