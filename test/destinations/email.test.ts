import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/load.ts";
import type { User } from "../../src/core/access-key.ts";
import { InvalidInput } from "../../src/core/invalid-input.ts";
import { parseTarget } from "../../src/core/target.ts";
import { Secret } from "../../src/core/secret.ts";
import { email } from "../../src/destinations/email.ts";
import type { Mailer } from "../../src/mail/mailer.ts";
import { openMailgun } from "../../src/mail/mailgun.ts";
import { builtInTemplates, readTemplates } from "../../src/mail/templates.ts";
import { type MailKind, placeholders } from "../../src/mail/words.ts";
import { CallError, type Destination, type Mail, type Sealer } from "../../src/ports.ts";
import { CI_BOT, OWNER } from "../mail/mails.ts";
import { temporaryFolder } from "../support/cli.ts";
import { type MailgunServer, queued, startMailgun } from "../support/mailgun-server.ts";
import { destinationContract, errorOf, expectNoSecret, freshPair, freshUser } from "./contract.ts";
import { ACCOUNT, openHost } from "./host.ts";

const host = await openHost();
const parsed = email.parse(parseTarget("email"));

const mailerWith = (changes: Partial<Mailer>): Mailer => ({
  transport: { label: "memory", check: async () => undefined, send: async () => undefined },
  sealer: null,
  templates: builtInTemplates,
  from: "keys@example.com",
  account: async () => ({ id: ACCOUNT, alias: "acme" }),
  ...changes,
});
const open = (user: User, mail: Mailer | null, owner = OWNER): Destination =>
  parsed.open({ ...host, mail })(user, owner);

/** A mailer that keeps what it is given to send. */
function memory(changes: Partial<Mailer> = {}) {
  const mails: Mail[] = [];
  const transport = {
    label: "memory",
    check: async () => undefined,
    send: async (mail: Mail) => void mails.push(mail),
  };
  return { mails, mailer: mailerWith({ transport, ...changes }) };
}

let server: MailgunServer;
beforeAll(async () => {
  server = await startMailgun();
});
afterAll(() => server.stop());

const mailsOf = ({ userName }: User) =>
  server.requests.map(({ form }) => form["text"] ?? "").filter((text) => text.includes(`\r\nUser: ${userName}\r\n`));

/** A server that refuses shows all that it was told, and one that breaks off has perhaps taken it. */
const FAILURES: Readonly<Record<string, MailgunServer["answer"]>> = {
  "a refusal that quotes the mail": (outgoing, body) => outgoing.writeHead(400).end(body),
  "a connection that broke off": (outgoing) => outgoing.destroy(),
};
const refusing = new Set<string>();
const traits = {
  readable: false,
  remembers: false,
  stages: false,
  hasDocument: false,
  failures: Object.keys(FAILURES),
};

destinationContract("email", traits, () => ({
  open: (user) => {
    const settings = { kind: "mailgun", url: server.url, keyParameter: "/key" } as const;
    return open(user, mailerWith({ transport: openMailgun(settings, async () => new Secret("key-0123456789")) }));
  },
  consume: async (user) => {
    const text = mailsOf(user).findLast((each) => !refusing.has(each));
    const word = (label: string) => new RegExp(`^${label}: (\\S+)\r?$`, "m").exec(text ?? "")?.[1] ?? null;
    return text === undefined ? null : { accessKeyId: word("Access Key"), secretAccessKey: word("Secret Access Key") };
  },
  stored: async (user) => mailsOf(user),
  passAMinute: async () => undefined,
  fail: async (_, failure) => {
    const fail = FAILURES[failure ?? ""];
    server.answer =
      fail === undefined
        ? queued
        : (outgoing, body) => {
            refusing.add(server.requests.at(-1)?.form["text"] ?? "");
            fail(outgoing, body);
          };
    if (fail === undefined) refusing.clear();
  },
}));

describe("email", () => {
  it("cannot be read back, staged or asked for a secret, and is no stream: so it needs an escrow", () => {
    const destination = open(CI_BOT, memory().mailer);
    expect(Object.keys(destination).toSorted()).toEqual(["check", "deliver", "label", "tellsOwner"]);
    expect([email.readable, email.isStream, email.needsMail]).toEqual([false, false, true]);
  });

  it("has a label for each user, for one person may own several", () => {
    const { mailer } = memory();
    expect(open(CI_BOT, mailer).label).toBe("email:owner@example.com (ci-bot)");
    expect(open(freshUser(), mailer).label).not.toBe(open(freshUser(), mailer).label);
  });

  it("goes to the owner, and says account, key, instruction and that the old key stops", async () => {
    const { mails, mailer } = memory();
    const pair = freshPair();
    await open(CI_BOT, mailer).deliver(pair);
    const [mail] = mails;
    expect(mail).toMatchObject({ from: "keys@example.com", to: OWNER.address, subject: "New Access Key Pair" });
    expect(mail?.secrets).toEqual([pair.secretAccessKey]);
    for (const part of [mail?.text, mail?.html])
      for (const words of [
        `${ACCOUNT} (acme)`,
        "ci-bot",
        pair.accessKeyId,
        pair.secretAccessKey.reveal(),
        OWNER.instruction,
        "Note:",
      ])
        expect(part).toContain(words);
  });

  it("has the sealed texts in place of the key where keys are sealed, and how to open them", async () => {
    const asked: string[] = [];
    const sealer: Sealer = {
      label: "test",
      check: async (user, owner) => void asked.push(`check ${user.userName} ${owner.address}`),
      seal: async (user) => {
        asked.push(`seal ${user.userName}`);
        return {
          accessKeyId: "gAAA-id",
          secretAccessKey: "-----BEGIN-----\ngAAA\n-----END-----",
          howToOpen: "open it\nso",
        };
      },
      tidy: async () => undefined,
    };
    const { mails, mailer } = memory({ sealer });
    const pair = freshPair();
    const destination = open(CI_BOT, mailer);
    await destination.check();
    await destination.deliver(pair);
    expect(asked).toEqual(["check ci-bot owner@example.com", "seal ci-bot"]);
    for (const part of [mails[0]?.text, mails[0]?.html]) {
      expect(part).toContain("-----BEGIN-----\ngAAA\n-----END-----");
      expect(part).toContain("open it\nso");
    }
    expectNoSecret(mails, pair.secretAccessKey.reveal(), pair.accessKeyId);
  });

  it("sends nothing where the key cannot be sealed", async () => {
    const refuse = () => Promise.reject(new CallError("refused", "seal", "ci-bot", "NoRecipient", "no recipient"));
    const sealer: Sealer = { label: "test", check: refuse, seal: refuse, tidy: async () => undefined };
    const { mails, mailer } = memory({ sealer });
    const pair = freshPair();
    expect(await errorOf(() => open(CI_BOT, mailer).check())).toMatchObject({ code: "NoRecipient" });
    const error = await errorOf(() => open(CI_BOT, mailer).deliver(pair));
    expect(error).toMatchObject({ code: "NoRecipient" });
    expectNoSecret(error, pair.secretAccessKey.reveal());
    expect(mails).toEqual([]);
  });

  it("blocks a user without an owner, and says which tag is missing", () => {
    const openFor = parsed.open({ ...host, mail: memory().mailer });
    expect(() => openFor(CI_BOT, null)).toThrow(InvalidInput);
    expect(() => openFor(CI_BOT, null)).toThrow("ci-bot has no owner");
  });

  it.each([
    ["email:a@example.com", "email has no target"],
    ["email?to=a@example.com", "email has no option to"],
  ])("%s is refused", (text, message) => {
    expect(() => email.parse(parseTarget(text))).toThrow(InvalidInput);
    expect(() => email.parse(parseTarget(text))).toThrow(message);
  });
});

describe("the page of email", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/destinations/email.md", import.meta.url)), "utf8");
  const rows = [...page.matchAll(/^\| ((?:`\{\{\w+\}\}` ?)+) *\| (.*?) *\|$/gm)].map(([, names = "", mails = ""]) => ({
    names: [...names.matchAll(/\w+/g)].map(([name]) => name),
    mails,
  }));

  it("names every mail, with its subject", () => {
    for (const kind of Object.keys(placeholders).filter((each) => each !== "new-key")) {
      const { subject } = builtInTemplates.letter(kind as MailKind, {}); // the table has exactly these keys
      expect(page).toMatch(new RegExp(`\\| \`${subject}\` +\\| \`${kind}\` +\\|`));
    }
  });

  it("names every placeholder of every mail, and no other", () => {
    for (const [kind, names] of Object.entries(placeholders)) {
      const has = (mails: string) =>
        mails.includes(`\`${kind}\``) !== mails.startsWith("every mail but") || mails === "every mail";
      const named = rows.filter(({ mails }) => has(mails)).flatMap((row) => row.names);
      expect(named.toSorted(), kind).toEqual(names.toSorted());
    }
  });

  it("has a configuration and a template that would do", () => {
    const block = (language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(page)?.[1] ?? "";
    expect(readConfig(block("yaml"), "f").mail?.client.kind).toBe("smtp");
    const folder = temporaryFolder();
    writeFileSync(join(folder, "new-key.txt"), block("text"));
    expect(() => readTemplates(folder, true)).not.toThrow();
  });
});
