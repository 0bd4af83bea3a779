import { expect, it } from "vitest";
import { accessKeyId } from "../../src/core/access-key.ts";
import type { Notice } from "../../src/core/owner.ts";
import { instant } from "../../src/core/time.ts";
import { builtInTemplates } from "../../src/mail/templates.ts";
import { emailNotifier } from "../../src/notifiers/email.ts";
import { CallError, type Mail } from "../../src/ports.ts";
import { CI_BOT, OWNER } from "../mail/mails.ts";

const [OLD, NEW] = [accessKeyId("AKIATESTKEYTURN00001"), accessKeyId("AKIATESTKEYTURN00002")];
const AT = instant(Date.UTC(2026, 11, 1, 9, 30));

const notices: readonly (readonly [Notice, subject: string, words: readonly string[]])[] = [
  [
    { kind: "created", accessKeyId: NEW, predecessors: [OLD], until: AT },
    "New Access Key Pair Created",
    [NEW, OLD, "2026-12-01T09:30:00Z"],
  ],
  [{ kind: "created", accessKeyId: NEW, predecessors: [], until: null }, "New Access Key Pair Created", [NEW]],
  [{ kind: "deactivated", accessKeyId: OLD, successor: NEW }, "Old Access Key Pair Deactivated", [OLD, NEW]],
  [{ kind: "deleted", accessKeyId: OLD, successor: null }, "Old Access Key Pair Deleted", [OLD]],
  [
    { kind: "still-in-use", accessKeyId: OLD, successor: NEW, service: "s3", lastUsed: AT },
    "Old Access Key Pair Still In Use",
    [OLD, NEW, "s3", "2026-12-01T09:30:00Z"],
  ],
  [
    { kind: "stops-working", accessKeyId: OLD, successor: NEW, at: AT },
    "Old Access Key Pair Stops Working",
    [OLD, NEW, "2026-12-01T09:30:00Z"],
  ],
  [
    { kind: "address-changed", address: "new@example.com", from: AT },
    "Access Key Pairs Will Go To Another Address",
    ["new@example.com", "2026-12-01T09:30:00Z"],
  ],
];

it.each(notices)("an owner is told: %o", async (notice, subject, words) => {
  const mails: Mail[] = [];
  const notifier = emailNotifier({
    transport: { label: "ses:eu-west-1", check: async () => undefined, send: async (mail) => void mails.push(mail) },
    sealer: null,
    templates: builtInTemplates,
    from: "keys@example.com",
    account: async () => ({ id: "123456789012", alias: null }),
  });
  expect(notifier.label).toBe("email (ses:eu-west-1)");
  await notifier.notify({ user: CI_BOT, owner: OWNER, notice });
  expect(mails).toHaveLength(1);
  expect(mails[0]).toMatchObject({ from: "keys@example.com", to: OWNER.address, subject, secrets: [] });
  for (const part of [mails[0]?.text, mails[0]?.html]) {
    for (const word of ["ci-bot", "123456789012", ...words]) expect(part).toContain(word);
    // Nothing is promised of which nothing is known.
    expect(part).not.toMatch(/undefined|null|: *(\n|<\/code>)|\(\)/);
  }
});

it("a mail that is not accepted is an error of the notifier", async () => {
  const refused = new CallError("refused", "smtp:send", "mail.example.com:465", "550", "nobody there");
  const notifier = emailNotifier({
    transport: { label: "smtp", check: async () => undefined, send: () => Promise.reject(refused) },
    sealer: null,
    templates: builtInTemplates,
    from: "keys@example.com",
    account: async () => ({ id: "123456789012", alias: null }),
  });
  const notice: Notice = { kind: "deleted", accessKeyId: OLD, successor: NEW };
  await expect(notifier.notify({ user: CI_BOT, owner: OWNER, notice })).rejects.toBe(refused);
});
