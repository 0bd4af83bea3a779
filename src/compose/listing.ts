import type { ListedUser, ReportedUser } from "../core/sift.ts";
import { age, formatInstant, hours, type Instant } from "../core/time.ts";
import { readCredentialReport } from "../documents/credential-report.ts";
import { type AccountIndex, CallError, type Clock } from "../ports.ts";

/** Accounts of no more users than this are read one by one: that takes less than a report, and shows more. */
export const FEW_USERS = 100;

/** An older report is of no use: IAM writes a new one every four hours. */
const STALE = hours(24);

/** What a few calls tell about a whole account. */
export interface Listing {
  readonly users: readonly ListedUser[];
  /** By ARN; null where there is no report: then every user is read exactly. */
  readonly reported: ReadonlyMap<string, ReportedUser> | null;
  /** Where this comes from, or why it is missing: for reports. */
  readonly source: string;
}

/** Lists an account at once; null where it is so small that this is not worth it. Throws {@link CallError} where not even users can be listed. */
export async function readListing(index: AccountIndex, clock: Clock, pathPrefix: string): Promise<Listing | null> {
  if (!(await index.hasMoreThan(pathPrefix, FEW_USERS))) return null;
  const [users, report] = await Promise.all([listUsers(index, pathPrefix), readReport(index, clock)]);
  return { users, ...report };
}

/** With tags, where that is allowed. */
async function listUsers(index: AccountIndex, pathPrefix: string): Promise<readonly ListedUser[]> {
  try {
    return (await index.listWithTags()).filter(({ path }) => path.startsWith(pathPrefix));
  } catch (error) {
    if (!(error instanceof CallError) || error.kind !== "denied") throw error;
    return index.list(pathPrefix);
  }
}

async function readReport(index: AccountIndex, clock: Clock): Promise<Pick<Listing, "reported" | "source">> {
  let report: { readonly generatedAt: Instant; readonly text: string };
  try {
    report = await index.credentialReport();
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return without(error.kind === "denied" ? `${error.action} is denied` : `${error.action}: ${error.code}`);
  }
  const written = formatInstant(report.generatedAt);
  if (age(report.generatedAt, clock.now()) > STALE) return without(`IAM's latest is of ${written}`);
  const reported = readCredentialReport(report.text);
  return reported === null
    ? without("it could not be read")
    : { reported, source: `the credential report of ${written}` };
}

const without = (why: string) => ({ reported: null, source: `no credential report (${why})` });
