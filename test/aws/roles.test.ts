import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openAccess } from "../../src/aws/clients.ts";
import { AwsClock } from "../../src/aws/clock.ts";
import { assumeRoleForLong } from "../../src/aws/sts.ts";
import { instant } from "../../src/core/time.ts";

/** A clock that a test sets. */
class SetClock extends AwsClock {
  at = Date.UTC(2026, 5, 15, 12);
  override now = () => instant(this.at);
  override hear(): void {
    // The server's clock is not this test's.
  }
}

const HOUR = 3_600_000;
const MINUTE = 60_000;

describe("the credentials of a role that is worked with for long", () => {
  let server: Server;
  let made = 0;
  let fails = false;
  const clock = new SetClock();
  const before = { ...process.env };

  beforeAll(async () => {
    server = createServer((incoming, outgoing) => {
      incoming.resume();
      made += 1;
      if (fails) return void outgoing.writeHead(403).end(error("AccessDenied"));
      outgoing.end(credentials(made, new Date(clock.at + HOUR)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: "eu-west-1",
    });
  });
  afterAll(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    made = 0;
    fails = false;
  });

  const open = async () => {
    const access = await openAccess(null, null, clock);
    const role = { arn: "arn:aws:iam::111122223333:role/A", externalId: null };
    const { credentials: ask } = await assumeRoleForLong(access, role);
    if (typeof ask !== "function") throw new Error("they cannot be renewed");
    return async () => (await ask()).accessKeyId;
  };

  it("are asked for once while they are fresh, and once more before they end, however many ask", async () => {
    const ask = await open();
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(["ASIA1", "ASIA1", "ASIA1"]);
    clock.at += 51 * MINUTE;
    expect(await Promise.all([ask(), ask(), ask()])).toEqual(["ASIA2", "ASIA2", "ASIA2"]);
    expect(await ask()).toBe("ASIA2");
    expect(made).toBe(2);
  });

  it("are asked for anew after a renewal that failed", async () => {
    const ask = await open();
    clock.at += 51 * MINUTE;
    fails = true;
    await expect(ask()).rejects.toMatchObject({ kind: "denied", action: "sts:AssumeRole" });
    fails = false;
    expect(await ask()).toBe("ASIA3");
  });
});

const credentials = (number: number, end: Date): string =>
  `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA${number}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>${end.toISOString()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`;

const error = (code: string): string =>
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`;
