import { CreateAccountAliasCommand, IAMClient } from "@aws-sdk/client-iam";
import { CreateConfigurationSetCommand, CreateEmailIdentityCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import { DescribeParametersCommand, PutParameterCommand } from "@aws-sdk/client-ssm";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findAccountAlias } from "../../src/aws/account-alias.ts";
import { openAccess } from "../../src/aws/clients.ts";
import { readSecretParameter } from "../../src/aws/secret-parameter.ts";
import { assemble, checkSettings, Session } from "../../src/compose.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { mailDefaults, type MailSettings } from "../../src/core/mail-settings.ts";
import type { Owner } from "../../src/core/owner.ts";
import { presets } from "../../src/core/policy.ts";
import { sameForAll } from "../../src/core/rulebook.ts";
import { milliseconds } from "../../src/core/time.ts";
import { openSes } from "../../src/mail/ses.ts";
import type { Step } from "../../src/ports.ts";
import { errorOf, expectNoSecret } from "../destinations/contract.ts";
import { type AwsHost, HandClock, REGION, startAws } from "../destinations/host.ts";
import { CANARY, mailWith, OWNER } from "../mail/mails.ts";
import { makeCertificate, opensslMissing, trust } from "../support/certificates.ts";
import { type MailServer, PASSWORD, startMailServer, USER } from "../support/mail-server.ts";
import { motoMissing } from "../support/moto.ts";
import { freely } from "../support/rig.ts";

const missing = motoMissing ?? opensslMissing;
const MINUTE = 60;

describe.skipIf(missing !== null)(`mail against AWS's emulator ${missing ?? ""}`, () => {
  let aws: AwsHost;
  let server: MailServer;
  let distrust: () => void;
  beforeAll(async () => {
    const certificate = makeCertificate();
    distrust = trust(certificate);
    [aws, server] = await Promise.all([startAws(), startMailServer(certificate)]);
  });
  beforeEach(async () => {
    await aws.moto.reset();
    aws.proxy.reset();
  });
  afterAll(async () => {
    distrust();
    await Promise.all([aws.stop(), server.stop()]);
  });

  const putParameter = (Name: string, Value: string, Type: "SecureString" | "String" = "SecureString") =>
    aws.ssm.send(new PutParameterCommand({ Name, Value, Type, Overwrite: true }));
  const direct = () => ({
    endpoint: aws.moto.url,
    region: REGION,
    credentials: { accessKeyId: "ASIATEST", secretAccessKey: "x" },
  });

  describe("SES", () => {
    const open = async () =>
      openSes(
        { kind: "ses", region: null, configurationSet: "keys", fromArn: null },
        // Waits for a throttled mail take no time.
        { ...aws.host.access, clock: Object.assign(aws.host.access.clock, { sleep: new HandClock().sleep }) },
      );
    const sendings = () => aws.proxy.calls.filter(({ action }) => action.startsWith("ses:"));
    beforeEach(async () => {
      const ses = new SESv2Client(direct());
      await ses.send(new CreateEmailIdentityCommand({ EmailIdentity: "keys@example.com" }));
      await ses.send(new CreateConfigurationSetCommand({ ConfigurationSetName: "keys" }));
    });

    it("takes a mail with both parts, from the address, to the one owner", async () => {
      const transport = await open();
      const mail = mailWith();
      expect(transport.label).toBe(`ses:${REGION}`);
      await transport.check();
      await transport.send(mail);
      expect(await aws.moto.mails()).toEqual([
        { from: mail.from, to: { ToAddresses: [mail.to] }, subject: mail.subject, body: mail.html },
      ]);
      expect(JSON.parse(sendings()[0]?.body ?? "")).toMatchObject({
        ConfigurationSetName: "keys",
        Content: { Simple: { Body: { Text: { Data: mail.text, Charset: "UTF-8" } } } },
      });
    });

    it("is asked again where it was too fast, and only there", async () => {
      const refuse = (status: number, type: string) => ({
        kind: "reply" as const,
        status,
        body: JSON.stringify({ __type: type, message: `no: ${CANARY}` }),
      });
      aws.proxy.before = () => (sendings().length < 3 ? refuse(429, "TooManyRequestsException") : { kind: "pass" });
      await (await open()).send(mailWith());
      expect([sendings().length, (await aws.moto.mails()).length]).toEqual([3, 1]);
      for (const [answer, kind, code] of [
        [refuse(400, "MessageRejected"), "refused", "MessageRejected"],
        [refuse(403, "AccessDeniedException"), "denied", "AccessDeniedException"],
        [refuse(500, "InternalFailure"), "unknown", "InternalFailure"],
        [{ kind: "lose-reply" as const }, "unknown", "ECONNRESET"],
      ] as const) {
        aws.proxy.reset();
        aws.proxy.before = () => answer;
        const error = await errorOf(async () => (await open()).send(mailWith()));
        expect(error).toMatchObject({ kind, code, action: "ses:SendEmail", resource: "identity/keys@example.com" });
        expectNoSecret(error, CANARY);
        expect(sendings()).toHaveLength(1);
      }
    });

    it("does not take a mail from an address that is not its own, and no transport takes an unsafe one", async () => {
      const transport = await open();
      const error = await errorOf(() => transport.send(mailWith({ from: "other@example.net" })));
      expect(error).toMatchObject({ kind: "refused", code: "MessageRejected" });
      aws.proxy.reset();
      const unsafe = await errorOf(() => transport.send(mailWith({ subject: "a\nb" })));
      expect(unsafe).toMatchObject({ kind: "refused", code: "UnsafeHeader" });
      expect(sendings()).toEqual([]);
    });
  });

  it("passwords are read from SecureStrings alone", async () => {
    const { access } = aws.host;
    await putParameter("/mail/password", `${PASSWORD}\n`);
    await putParameter("/mail/open", PASSWORD, "String");
    expect((await readSecretParameter(access, "/mail/password")).reveal()).toBe(PASSWORD);
    for (const [name, message] of [
      ["/mail/open", "is of type String"],
      ["/mail/none", "there is no SSM parameter /mail/none"],
    ] as const) {
      const error = await errorOf(() => readSecretParameter(access, name));
      expect(error).toBeInstanceOf(InvalidInput);
      expect(String(error)).toContain(message);
      expectNoSecret(error, PASSWORD);
    }
  });

  it("the alias of the account is a name where there is one and it may be asked for, and nothing waits for it", async () => {
    const access = await openAccess(null, REGION, aws.host.access.clock);
    expect(await findAccountAlias(access)).toBeNull();
    await new IAMClient(direct()).send(new CreateAccountAliasCommand({ AccountAlias: "acme-keys" }));
    expect(await findAccountAlias(access)).toBe("acme-keys");
    aws.proxy.before = () => ({ kind: "error", status: 403, code: "AccessDenied" });
    expect(await findAccountAlias(access)).toBeNull();
  });

  it("a mail that is refused is a delivery that did not happen: old keys stay, and the next run mails the same key", async () => {
    await new IAMClient(direct()).send(new CreateAccountAliasCommand({ AccountAlias: "acme-keys" }));
    const old = await aws.moto.seed(
      // One person owns both.
      ["ci-bot", "mailer"].map((name) => ({ name, path: "/ci/", keys: [{ ageDays: 200, usedDaysAgo: 1 }] })),
    );
    const smtp = { kind: "smtp", server: "localhost", port: server.port, protocol: "ssl", user: null } as const;
    const mail: MailSettings = {
      ...mailDefaults,
      from: USER,
      client: { ...smtp, passwordParameter: "/ikr/secret/smtp" },
      allowedDomains: ["example.com"],
      encryption: "none",
    };
    const steps: Step[] = [];
    const run = async () => {
      aws.proxy.reset();
      const session = await sessionFor(mail, OWNER);
      const users = await session.users({ users: [], path: "/ci/", tags: [], allowEmpty: false });
      return session.run(users, freely, (step) => steps.push(step));
    };

    await putParameter("/ikr/secret/smtp", "n0t-the-password");
    expect((await run()).map(({ outcome }) => outcome)).toEqual(["failed", "failed"]);
    // One sign-in, which counts for everybody; and a server that lets nobody in costs no key.
    expect(server.logins.splice(0)).toEqual([USER]);
    expect(await aws.moto.keys()).toHaveLength(2);

    await putParameter("/ikr/secret/smtp", PASSWORD);
    server.failure = "refuse-quoting";
    const refused = await run();
    expect(refused.map(({ outcome }) => outcome)).toEqual(["failed", "failed"]);
    expect(refused[0]?.steps[0]?.sentence).toContain("smtp:send on localhost");
    expect(server.mails).toEqual([]);
    const made = (await aws.moto.keys()).filter(
      ({ accessKeyId }) => !old.some((key) => key.accessKeyId === accessKeyId),
    );
    expect((await aws.moto.keys()).map(({ status }) => status)).toEqual(["Active", "Active", "Active", "Active"]);
    // One to check, and one for each mail.
    expect(server.logins).toHaveLength(3);
    // Whoever asks AWS for password and alias, asks once for everybody.
    const counts = aws.proxy.counts();
    expect([counts["iam:ListAccountAliases"], aws.proxy.calls.filter(asksForPassword)]).toEqual([
      1,
      [expect.anything()],
    ]);

    server.failure = null;
    await aws.moto.shift(10 * MINUTE);
    const delivered = await run();
    expect(delivered.map(({ outcome }) => outcome)).toEqual(["changed", "changed"]);
    expect(server.mails.map(({ to }) => to)).toEqual([[OWNER.address], [OWNER.address]]);
    for (const { parts, subject } of server.mails) {
      const word = (label: string) =>
        new RegExp(`^${label}: (.+?)\r?$`, "m").exec(parts["text/plain"] ?? "")?.[1] ?? "";
      expect(subject).toBe("New Access Key Pair");
      expect(word("Account")).toBe("123456789012 (acme-keys)");
      const key = made.find(({ userName }) => userName === word("User"));
      expect(word("Access Key")).toBe(key?.accessKeyId);
      const secretAccessKey = word("Secret Access Key");
      expect(await aws.moto.use(word("Access Key"), { secretAccessKey })).toBe(true);
      expect(parts["text/html"]).toContain(word("Access Key"));
      expectNoSecret([refused, delivered, steps], secretAccessKey, PASSWORD);
    }
    expect((await aws.moto.keys()).map(({ status }) => status)).toEqual(["Active", "Active", "Active", "Active"]);
    const { Parameters: left = [] } = await aws.ssm.send(new DescribeParametersCommand({}));
    expect(left.map(({ Name }) => Name)).toEqual(["/ikr/secret/smtp"]);
    expect((await run()).map(({ outcome }) => outcome)).not.toContain("changed");
    expect(server.mails).toHaveLength(2);
  });

  const asksForPassword = ({ action, body }: { action: string; body: string }) =>
    action === "ssm:GetParameter" && body.includes("/ikr/secret/smtp");

  /** A session of which every user has this owner. */
  async function sessionFor(mail: MailSettings, owner: Owner): Promise<Session> {
    const settings = await checkSettings({
      rulebook: sameForAll(presets.expiring, ["email"]),
      escrow: "ssm",
      settle: milliseconds(0),
      asked: false,
      profile: null,
      region: null,
      mail,
    });
    const parts = await assemble(settings, async () => undefined);
    const destinations = parts.destinations.map((each) => ({
      ...each,
      open: (user: Parameters<typeof each.open>[0]) => each.open(user, owner),
    }));
    return new Session({ ...parts, destinations });
  }
});
