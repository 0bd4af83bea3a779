import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SSMClient } from "@aws-sdk/client-ssm";
import { openAccess } from "../../src/aws/clients.ts";
import { AwsClock } from "../../src/aws/clock.ts";
import { type Duration, type Instant, instant, later, minutes } from "../../src/core/time.ts";
import type { Host } from "../../src/destinations/kind.ts";
import type { Caller, Clock } from "../../src/ports.ts";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy.ts";
import { motoMissing, startMoto } from "../support/moto.ts";

export const ACCOUNT = "123456789012";
export const REGION = "eu-west-1";

export const CALLER: Caller = {
  account: ACCOUNT,
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/rotator/test`,
  partition: "aws",
  userName: null,
  accessKeyId: null,
};

/** For the title of what needs the emulator. */
export const whySkipped = motoMissing === null ? "" : ` (${motoMissing})`;

/** A clock that stands still until it is told. */
export class HandClock implements Clock {
  #now = instant(Date.UTC(2026, 0, 5, 8));

  now = (): Instant => this.#now;

  monotonic = (): number => this.#now;

  sleep = async (span: Duration): Promise<void> => {
    this.#now = later(this.#now, span);
  };
}

/** A host without AWS. `lines` = what was printed. */
export async function openHost(clock: Clock = new HandClock()): Promise<Host & { readonly lines: string[] }> {
  const lines: string[] = [];
  return {
    access: await openAccess(null, REGION, new AwsClock()),
    caller: CALLER,
    clock,
    lines,
    print: async (line) => {
      lines.push(line);
    },
  };
}

/** A host whose AWS is the emulator, seen through the fault proxy. */
export interface AwsHost {
  readonly host: Host;
  readonly proxy: FaultProxy;
  /** What consumers and people use: past the proxy, so that it counts only the product's calls. */
  readonly ssm: SSMClient;
  readonly secrets: SecretsManagerClient;
  passAMinute(): Promise<void>;
  /** The store's clock goes on by this much, dates of its answers included. */
  pass(seconds: number): Promise<void>;
  stop(): Promise<void>;
}

/** Starts emulator and proxy, and points this process's AWS configuration at them. */
export async function startAws(): Promise<AwsHost> {
  const moto = await startMoto();
  const proxy = await startFaultProxy(moto.url);
  setEnvironment(proxy.url);
  const clock = new AwsClock();
  const direct = { endpoint: moto.url, region: REGION, credentials: { accessKeyId: "ASIATEST", secretAccessKey: "x" } };
  let shift = 0;
  const pass = async (seconds: number) => {
    shift += seconds;
    await moto.shift(shift);
  };
  return {
    host: { access: await openAccess(null, REGION, clock), caller: CALLER, clock, print: async () => undefined },
    proxy,
    ssm: new SSMClient(direct),
    secrets: new SecretsManagerClient(direct),
    passAMinute: () => pass(minutes(1) / 1000),
    pass,
    stop: async () => {
      await proxy.stop();
      await moto.stop();
    },
  };
}

function setEnvironment(endpoint: string): void {
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: REGION,
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  });
}

/** How AWS may quote a request back in its refusal. */
export const QUOTES: Readonly<Record<string, (body: string, document: string) => string>> = {
  "the body as it is": (body) => body,
  "the body in a JSON string": (body) => JSON.stringify(body),
  "the body URL-encoded": (body) => encodeURIComponent(body),
  "the document as it is": (_, document) => document,
  "the document in a JSON string": (_, document) => JSON.stringify(document),
  "the document URL-encoded": (_, document) => encodeURIComponent(document),
  "the document in base64": (_, document) => Buffer.from(document).toString("base64"),
  "the secret in base64": (_, document) =>
    Buffer.from(/wJal[^"\s]+/.exec(document)?.[0] ?? document).toString("base64"),
};

/** Lets one kind of call be refused with an error that quotes its request. `field` = where the document is in the body. */
export function refuseQuoting(proxy: FaultProxy, action: string, field: string, quote: string | null): void {
  proxy.before = ({ action: called, body }) => {
    const words = quote === null ? undefined : QUOTES[quote];
    if (called !== action || words === undefined) return { kind: "pass" };
    const document: unknown = JSON.parse(body)[field];
    const message = `1 validation error detected: Value '${words(body, String(document))}' failed`;
    return { kind: "reply", status: 400, body: JSON.stringify({ __type: "ValidationException", message }) };
  };
}

export const bodiesOf = (proxy: FaultProxy, action: string): readonly Record<string, unknown>[] =>
  proxy.calls.filter((call) => call.action === action).map(({ body }) => JSON.parse(body) as Record<string, unknown>);
