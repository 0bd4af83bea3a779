import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { openAccess } from "../../src/aws/clients.ts";
import { AwsClock } from "../../src/aws/clock.ts";
import { openIam } from "../../src/aws/iam.ts";

/** How far AWS is ahead of this machine. */
const AHEAD = 3_600_000;

const KEY = "<AccessKeyId>AKIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>";

const reply = (action: string, result: string) =>
  `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><${action}Result>${result}</${action}Result></${action}Response>`;

const usual = (action: string): string =>
  action === "CreateAccessKey"
    ? reply(action, `<AccessKey><UserName>ci-bot</UserName>${KEY}</AccessKey>`)
    : reply(action, "<IsTruncated>false</IsTruncated><AccessKeyMetadata/>");

const refusal = (code: string, message: string): string =>
  `<ErrorResponse><Error><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;

describe("IAM over the wire", () => {
  /** The action of each request, and how many minutes its date is from AWS's. */
  const heard: [action: string, off: number][] = [];
  /** The answers to come, before the usual ones. */
  const planned: [status: number, body: string][] = [];

  function answer(action: string, date: string, response: ServerResponse): void {
    const at = Date.parse(date.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, "$1-$2-$3T$4:$5:$6Z"));
    heard.push([action, Math.round((at - Date.now() - AHEAD) / 60_000) + 0]);
    const [status, body] = planned.shift() ?? [200, usual(action)];
    response.writeHead(status, { date: new Date(Date.now() + AHEAD).toUTCString() }).end(body);
  }
  const server = createServer((request, response) => {
    void text(request).then((body) =>
      answer(new URLSearchParams(body).get("Action") ?? "", String(request.headers["x-amz-date"]), response),
    );
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo; // it listens on a port
    vi.stubEnv("AWS_ENDPOINT_URL", `http://127.0.0.1:${port}`);
    vi.stubEnv("AWS_ACCESS_KEY_ID", "ASIATESTRUNNER000000");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "x");
  });
  beforeEach(() => {
    heard.splice(0);
    planned.splice(0);
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    server.close();
  });

  const iam = async () => openIam(await openAccess(null, "us-east-1", new AwsClock()));
  const actions = () => heard.map(([action]) => action);

  it("asks for a key with AWS's time where this machine's clock is wrong, for that call is sent only once", async () => {
    const client = await iam();
    await client.listAccessKeys("ci-bot");
    await client.createAccessKey("ci-bot");
    expect(heard).toEqual([
      ["ListAccessKeys", -60],
      ["CreateAccessKey", 0],
    ]);
  });

  it("asks for a key again where it was turned down for coming too fast: then none was made", async () => {
    planned.push([400, refusal("Throttling", "Rate exceeded")]);
    const client = await iam();
    await expect(client.createAccessKey("ci-bot")).resolves.toMatchObject({ accessKeyId: "AKIAIOSFODNN7EXAMPLE" });
    expect(actions()).toEqual(["CreateAccessKey", "CreateAccessKey"]);
  });

  it.each(["SlowDown", "Throttling", "ServiceUnavailable"])(
    "never asks for a key again after a 503 %s: one may have been made",
    async (code) => {
      planned.push([503, refusal(code, "Please reduce your request rate.")]);
      const client = await iam();
      await expect(client.createAccessKey("ci-bot")).rejects.toMatchObject({ kind: "unknown" });
      expect(actions()).toEqual(["CreateAccessKey"]);
    },
  );

  it("is not slowed down by the name of a user", async () => {
    planned.push([403, refusal("AccessDenied", "not authorized to perform iam:ListAccessKeys on: user Throttling")]);
    const client = await iam();
    await expect(client.listAccessKeys("Throttling")).rejects.toMatchObject({ kind: "denied" });
    expect(actions()).toEqual(["ListAccessKeys"]);
  });
});
