import { judgeEnvironment } from "../core/checkup.ts";

/**
 * Sets the environment right so that the AWS SDK for JavaScript finds the same credentials as boto3 did, on which the tools
 * before were built: a pipeline must not suddenly rotate the keys of another account.
 *
 * - Credentials in the environment win over `AWS_PROFILE`; the SDK for JavaScript has it the other way round.
 * - `AWS_DEFAULT_PROFILE` is a profile, too, and goes before `AWS_PROFILE`.
 * - The region is `AWS_DEFAULT_REGION`, and `AWS_REGION` counts only without it: it decides whether it is AWS, GovCloud or China.
 * - `AWS_SECURITY_TOKEN` is the old name of `AWS_SESSION_TOKEN`.
 *
 * @see https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
 */
export function lookForCredentialsAsBoto3(environment: NodeJS.ProcessEnv): void {
  const isSet = (name: string): boolean => (environment[name] ?? "") !== "";
  if (isSet("AWS_DEFAULT_PROFILE")) environment["AWS_PROFILE"] = environment["AWS_DEFAULT_PROFILE"];
  if (isSet("AWS_DEFAULT_REGION")) environment["AWS_REGION"] = environment["AWS_DEFAULT_REGION"];
  if (isSet("AWS_SECURITY_TOKEN") && !isSet("AWS_SESSION_TOKEN"))
    environment["AWS_SESSION_TOKEN"] = environment["AWS_SECURITY_TOKEN"];
  if (isSet("AWS_ACCESS_KEY_ID") && isSet("AWS_SECRET_ACCESS_KEY")) delete environment["AWS_PROFILE"];
}

/**
 * What boto3 heeded in the environment and this program does not, a line each: behind a proxy every call would only time out,
 * and nobody would know why.
 */
export function unheeded(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  const isSet = (name: string): boolean => (environment[name] ?? "") !== "";
  const lines = judgeEnvironment(environment)
    .filter(({ subject }) => /_proxy/i.test(subject))
    .map(({ subject, what, fix }) => `warning: ${subject}: ${what}; ${fix}`);
  const bundle = ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"].find(isSet);
  if (bundle === undefined || isSet("NODE_EXTRA_CA_CERTS")) return lines;
  return [...lines, `warning: ${bundle} is not looked at; set NODE_EXTRA_CA_CERTS to that file as well`];
}
