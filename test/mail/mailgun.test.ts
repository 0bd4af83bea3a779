import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { openMailgun } from "../../src/mail/mailgun.ts";
import { CallError } from "../../src/ports.ts";
import { errorOf, expectNoSecret } from "../destinations/contract.ts";
import { type MailgunServer, queued, startMailgun } from "../support/mailgun-server.ts";
import { CANARY, mailWith } from "./mails.ts";

const KEY = "key-3ax6xnjp29jd6fds4gc373sgvjxteol0";

let server: MailgunServer;
beforeAll(async () => {
  server = await startMailgun();
});
afterAll(() => server.stop());

describe("Mailgun", () => {
  const open = (key = async () => new Secret(KEY)) =>
    openMailgun({ kind: "mailgun", url: server.url, keyParameter: "/ikr/secret/mailgun" }, key);

  it("gets one form with the mail, and the key in the way that it asks for", async () => {
    server.requests.length = 0;
    const mail = mailWith();
    const transport = open();
    await transport.check();
    expect(server.requests).toEqual([]);
    await transport.send(mail);
    await transport.send(mailWith({ html: null }));
    expect(server.requests).toHaveLength(2);
    expect(server.requests[0]).toEqual({
      path: "/v3/mg.example.com/messages",
      type: expect.stringMatching(/^multipart\/form-data; boundary=/),
      authorization: `Basic ${Buffer.from(`api:${KEY}`).toString("base64")}`,
      form: {
        from: mail.from,
        to: mail.to,
        subject: mail.subject,
        text: mail.text.replaceAll("\n", "\r\n"),
        html: mail.html,
        "h:Auto-Submitted": "auto-generated",
        "o:tracking": "no",
      },
    });
    expect(server.requests[1]?.form).not.toHaveProperty("html");
    expect(transport.label).toBe(`mailgun:${new URL(server.url).host}`);
  });

  it.each<[string, MailgunServer["answer"], CallError["kind"], string]>([
    [
      "a refusal",
      (out) => out.writeHead(400).end('{"message":"to parameter is not a valid address"}'),
      "refused",
      "400",
    ],
    ["a wrong key", (out) => out.writeHead(401).end("Forbidden"), "refused", "401"],
    ["too many mails", (out) => out.writeHead(429).end("{}"), "refused", "429"],
    ["a refusal that quotes the mail", (out, body) => out.writeHead(400).end(body), "refused", "400"],
    ["an error of the server", (out, body) => out.writeHead(500).end(body), "unknown", "500"],
    ["a page of somebody else", (out) => out.end("<html>welcome to the hotel</html>"), "unknown", "UnreadableReply"],
    ["an answer without id", (out) => out.end('{"message":"Queued. Thank you."}'), "unknown", "UnreadableReply"],
    ["an answer without end", (out) => out.end(`{"id":"${"x".repeat(100_000)}"}`), "unknown", "UnreadableReply"],
    ["an answer that broke off", (out) => out.destroy(), "unknown", "UND_ERR_SOCKET"],
  ])("%s is told as it is, without a secret", async (_, given, kind, code) => {
    server.answer = given;
    const error = await errorOf(() => open().send(mailWith()));
    server.answer = queued;
    expect(error).toBeInstanceOf(CallError);
    expect(error).toMatchObject({ kind, code, action: "mailgun:send" });
    expectNoSecret(error, CANARY, KEY);
  });

  it("a redirect is not followed: neither key nor mail goes where it points", async () => {
    server.requests.length = 0;
    server.answer = (outgoing) => outgoing.writeHead(307, { location: "/elsewhere" }).end();
    const error = await errorOf(() => open().send(mailWith()));
    server.answer = queued;
    expect(error).toMatchObject({ kind: "refused", code: "UnexpectedRedirect" });
    expect(server.requests.map(({ path }) => path)).toEqual(["/v3/mg.example.com/messages"]);
  });

  it("where nothing listens the mail was certainly not sent", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo; // it listens on a port, not on a pipe
    await new Promise((resolve) => closed.close(resolve));
    const transport = openMailgun(
      { kind: "mailgun", url: `http://127.0.0.1:${port}/v3/x/messages`, keyParameter: "/k" },
      async () => new Secret(KEY),
    );
    expect(await errorOf(() => transport.send(mailWith()))).toMatchObject({ kind: "refused" });
  });

  it("a key that cannot be read leaves no doubt that nothing was sent", async () => {
    const lost = () => Promise.reject(new CallError("unknown", "ssm:GetParameter", "/k", "TimeoutError", "late"));
    expect(await errorOf(() => open(lost).send(mailWith()))).toMatchObject({
      kind: "refused",
      action: "ssm:GetParameter",
    });
  });

  it("two addresses, or a subject of two lines, are never sent", async () => {
    server.requests.length = 0;
    for (const changes of [{ to: "a@example.com,b@example.com" }, { subject: "a\nb" }])
      expect(await errorOf(() => open().send(mailWith(changes)))).toMatchObject({
        kind: "refused",
        code: "UnsafeHeader",
      });
    expect(server.requests).toEqual([]);
  });
});
