import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { MailClient } from "../../src/core/mail-settings.ts";
import { Secret } from "../../src/core/secret.ts";
import { openSmtp } from "../../src/mail/smtp.ts";
import { CallError } from "../../src/ports.ts";
import { errorOf, expectNoSecret } from "../destinations/contract.ts";
import { type Certificate, makeCertificate, opensslMissing, trust } from "../support/certificates.ts";
import { type MailServer, PASSWORD, startMailServer, USER } from "../support/mail-server.ts";
import { CANARY, mailWith } from "./mails.ts";

type Settings = Extract<MailClient, { kind: "smtp" }>;

const settingsFor = (port: number, changes: Partial<Settings> = {}): Settings => ({
  kind: "smtp",
  server: "localhost",
  port,
  protocol: "ssl",
  user: null,
  passwordParameter: "/smtp",
  ...changes,
});
const password = async () => new Secret(PASSWORD);
const open = (port: number, changes: Partial<Settings> = {}) => openSmtp(settingsFor(port, changes), USER, password);

describe.skipIf(opensslMissing !== null)(`SMTP ${opensslMissing ?? ""}`, () => {
  let certificate: Certificate;
  let secure: MailServer;
  let starttls: MailServer;
  let distrust: () => void;
  beforeAll(async () => {
    certificate = makeCertificate();
    secure = await startMailServer(certificate);
    starttls = await startMailServer(certificate, { secure: false });
    distrust = trust(certificate);
  });
  afterEach(() => {
    for (const server of [secure, starttls]) {
      server.failure = null;
      server.mails.length = 0;
      server.logins.length = 0;
    }
  });
  afterAll(async () => {
    distrust();
    await Promise.all([secure.stop(), starttls.stop()]);
  });

  it.each(["ssl", "tls"] as const)("a mail arrives as it was written, over %s, signed in", async (protocol) => {
    const server = protocol === "ssl" ? secure : starttls;
    const transport = open(server.port, { protocol });
    expect(transport.label).toBe(`smtp:localhost:${server.port}`);
    await transport.check();
    expect(server.mails).toEqual([]);
    const mail = mailWith();
    await transport.send(mail);
    const [received] = server.mails;
    expect(received).toMatchObject({ from: USER, to: [mail.to], isSecure: true, user: USER });
    expect(received?.parts["text/plain"]?.replaceAll("\r\n", "\n").trimEnd()).toBe(mail.text);
    expect(received?.parts["text/html"]?.trimEnd()).toBe(mail.html);
    expect(received?.headers).toMatch(/^From: keys@example\.com\r?$/m);
    expect(received?.headers).toMatch(/^To: owner@example\.com\r?$/m);
    expect(received?.headers).toMatch(/^Auto-Submitted: auto-generated\r?$/m);
    expect(received?.subject).toBe(mail.subject);
  });

  it("many mails at once go over a few connections, and one that fails holds up no other", async () => {
    starttls.crowd = 0;
    const transport = open(starttls.port, { protocol: "tls" });
    const to = Array.from({ length: 9 }, (_, index) => `owner-${index}@example.com`);
    const unsafe = errorOf(() => transport.send(mailWith({ to: "a@b" })));
    await Promise.all(to.map((each) => transport.send(mailWith({ to: each }))));
    expect(await unsafe).toMatchObject({ code: "UnsafeHeader" });
    expect(starttls.mails.flatMap((mail) => mail.to).toSorted()).toEqual(to);
    // The server may hear of the end of one after the beginning of the next.
    expect(starttls.crowd).toBeLessThanOrEqual(5);
  });

  it("a mail without HTML is plain text", async () => {
    await open(secure.port).send(mailWith({ html: null }));
    expect(Object.keys(secure.mails[0]?.parts ?? {})).toEqual(["text/plain"]);
  });

  it("a server that asks for no password gets none", async () => {
    await openSmtp(settingsFor(starttls.port, { protocol: "tls" }), USER, null).send(mailWith());
    expect(starttls.mails[0]).toMatchObject({ user: null, isSecure: true });
    expect(starttls.logins).toEqual([]);
  });

  it.each([
    ["nobody of that name there", "refuse-recipient", "refused", "smtp:send", "550"],
    ["a refusal that quotes the mail", "refuse-quoting", "refused", "smtp:send", "554"],
    ["a connection that broke before the mail", "lost-before-data", "refused", "smtp:connect", "ECONNECTION"],
    ["a connection that broke after the mail", "lost-after-data", "unknown", "smtp:send", "ECONNECTION"],
  ] as const)("%s is told as it is, without a secret", async (_, failure, kind, action, code) => {
    secure.failure = failure;
    const error = await errorOf(() => open(secure.port).send(mailWith()));
    expect(error).toBeInstanceOf(CallError);
    expect(error).toMatchObject({ kind, action, code, resource: `localhost:${secure.port}` });
    expectNoSecret(error, CANARY, PASSWORD);
    expect(secure.mails).toEqual([]);
  });

  it("a wrong password is refused, and shown nowhere", async () => {
    const wrong = "n0t-the-password";
    const transport = openSmtp(settingsFor(secure.port), USER, async () => new Secret(wrong));
    for (const work of [() => transport.check(), () => transport.send(mailWith())]) {
      const error = await errorOf(work);
      expect(error).toMatchObject({ kind: "refused", action: "smtp:login", code: "535" });
      expectNoSecret(error, CANARY, wrong);
    }
  });

  it("a password that cannot be read leaves no doubt that nothing was sent", async () => {
    const lost = async () =>
      Promise.reject(new CallError("unknown", "ssm:GetParameter", "/smtp", "TimeoutError", "late"));
    const error = await errorOf(() => openSmtp(settingsFor(secure.port), USER, lost).send(mailWith()));
    expect(error).toMatchObject({ kind: "refused", action: "ssm:GetParameter", code: "TimeoutError" });
  });

  it("a certificate for another name is not accepted, whatever the environment says", async () => {
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      for (const [server, protocol] of [
        [secure, "ssl"],
        [starttls, "tls"],
      ] as const) {
        const error = await errorOf(() => open(server.port, { protocol, server: "127.0.0.1" }).send(mailWith()));
        expect(error).toMatchObject({ kind: "refused", action: "smtp:connect", code: "ERR_TLS_CERT_ALTNAME_INVALID" });
        expect(server.logins).toEqual([]);
      }
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });

  it("a certificate of an authority that nobody trusts is not accepted, and the way to trust it is named", async () => {
    distrust();
    try {
      const error = await errorOf(() => open(secure.port).check());
      expect(error).toMatchObject({ kind: "refused", action: "smtp:connect" });
      expect(String(error)).toContain("NODE_EXTRA_CA_CERTS");
      expect(secure.logins).toEqual([]);
    } finally {
      distrust = trust(certificate);
    }
  });

  it("a server without STARTTLS gets neither password nor mail", async () => {
    const plain = await startMailServer(certificate, {
      secure: false,
      disabledCommands: ["STARTTLS"],
      allowInsecureAuth: true,
    });
    try {
      const error = await errorOf(() => open(plain.port, { protocol: "tls" }).send(mailWith()));
      expect(error).toMatchObject({ kind: "refused", action: "smtp:connect" });
      expect([plain.mails, plain.logins]).toEqual([[], []]);
    } finally {
      await plain.stop();
    }
  });

  it("nothing that listens, and something that is no mail server, are told apart from a lost mail", async () => {
    const odd = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => odd.listen(0, "127.0.0.1", resolve));
    const { port } = odd.address() as AddressInfo; // it listens on a port, not on a pipe
    const errors = [await errorOf(() => open(port, { protocol: "tls" }).send(mailWith()))];
    await new Promise((resolve) => odd.close(resolve));
    errors.push(await errorOf(() => open(port).send(mailWith())));
    for (const error of errors) expect(error).toMatchObject({ kind: "refused", action: "smtp:connect" });
  });

  it.each([
    ["a line break in the subject", { subject: "a\r\nBcc: evil@example.net" }],
    ["a line separator in the subject", { subject: "a\u2028b" }],
    ["a next line in the subject", { subject: "a\u0085b" }],
    ["a zero byte in the subject", { subject: "a\0b" }],
    ["two addresses", { to: "a@example.com, b@example.net" }],
    ["a name before the address", { to: "Owner <a@example.com>" }],
    ["a command in the address", { to: "a@example.com>\r\nRCPT TO:<b@example.net" }],
    ["a comment in the sender", { from: "a@example.com (x)" }],
  ])("%s is never sent", async (_, changes) => {
    expect(await errorOf(() => open(secure.port).send(mailWith(changes)))).toMatchObject({
      kind: "refused",
      code: "UnsafeHeader",
    });
    expect([secure.mails, secure.logins]).toEqual([[], []]);
  });
});
