import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openAccess } from "../../src/aws/clients.ts";
import { AwsClock } from "../../src/aws/clock.ts";
import { openIam } from "../../src/aws/iam.ts";

/** How far AWS is ahead of this machine. */
const AHEAD = 3_600_000;

const KEY = "<AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>";

const reply = (action: string, result: string) =>
  `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${action}Result>${result}</${action}Result></${action}Response>`;

describe("on a machine whose clock is wrong", () => {
  /** The action of each request, and how far its date is from AWS's. */
  const heard: [action: string, off: number][] = [];
  const answer = (action: string, date: string): string => {
    const at = Date.parse(date.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, "$1-$2-$3T$4:$5:$6Z"));
    heard.push([action, Math.round((at - Date.now() - AHEAD) / 60_000) + 0]);
    return action === "CreateAccessKey"
      ? reply(action, `<AccessKey><UserName>ci-bot</UserName>${KEY}</AccessKey>`)
      : reply(action, "<IsTruncated>false</IsTruncated><AccessKeyMetadata/>");
  };
  const server = createServer((request, response) => {
    response.setHeader("date", new Date(Date.now() + AHEAD).toUTCString());
    void text(request).then((body) =>
      response.end(answer(new URLSearchParams(body).get("Action") ?? "", String(request.headers["x-amz-date"]))),
    );
  });
  beforeAll(() => new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve)));
  afterAll(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });

  it("a key is asked for with AWS's time, for that call is sent only once", async () => {
    const { port } = server.address() as AddressInfo; // it listens on a port
    for (const [name, value] of Object.entries({
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      AWS_ACCESS_KEY_ID: "ASIATESTRUNNER000000",
      AWS_SECRET_ACCESS_KEY: "x",
    }))
      vi.stubEnv(name, value);
    const iam = openIam(await openAccess(null, "us-east-1", new AwsClock()));
    await iam.listAccessKeys("ci-bot");
    await iam.createAccessKey("ci-bot");
    expect(heard).toEqual([
      ["ListAccessKeys", -60],
      ["CreateAccessKey", 0],
    ]);
  });
});
